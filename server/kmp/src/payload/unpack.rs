//! Decompresses the payload, stream after stream, within bounds.
//!
//! One payload may be several streams of its compressor, one behind the other (parallel compressors
//! write such). What follows the last stream is not part of the payload and is left unread.

use std::io::Read;

use super::Compressor;
use super::decoder::{Decoder, Failure, MAGIC_SIZE};
use crate::error::Part;
use crate::source::Source;
use crate::{Error, Limits};

/// Unpacked bytes up to which [`Limits::ratio`] is not asked: a few zeros pack very well.
const RATIO_FROM: u64 = 16 << 20;

/// Most streams in one payload. Parallel compressors make one for some 100 KiB; each costs a new
/// decompressor.
const STREAMS_MAX: u64 = 1 << 16;

/// The payload's bytes, unpacked on demand.
pub(crate) struct Unpacker<R> {
    source: Source<R>,
    compressor: Compressor,
    decoder: Decoder,
    limits: Limits,
    /// Position of the payload in the file.
    start: u64,
    produced: u64,
    /// Streams begun so far.
    streams: u64,
    /// The last stream is complete.
    finished: bool,
}

impl<R: Read> Unpacker<R> {
    /// Starts at the source's position.
    pub(crate) fn new(
        source: Source<R>,
        compressor: Compressor,
        limits: &Limits,
    ) -> Result<Unpacker<R>, Error> {
        let start = source.position();
        let decoder = Decoder::new(compressor, limits.decoder_memory)
            .map_err(|failure| failed(failure, compressor, start, limits))?;
        Ok(Unpacker {
            source,
            compressor,
            decoder,
            limits: *limits,
            start,
            produced: 0,
            streams: 1,
            finished: false,
        })
    }

    /// Fills the output from its start; gives how many bytes there are, fewer only at the end.
    pub(crate) fn unpack(&mut self, output: &mut [u8]) -> Result<usize, Error> {
        let mut filled = 0;
        while filled < output.len() && !self.finished {
            let room = output.get_mut(filled..).unwrap_or_default();
            filled += self.step(room)?;
        }
        self.produced += filled as u64;
        self.check_limits()?;
        Ok(filled)
    }

    /// What is read from.
    pub(crate) fn source(&mut self) -> &mut Source<R> {
        &mut self.source
    }

    /// Gives the source back, standing behind the last byte used.
    pub(crate) fn into_source(self) -> Source<R> {
        self.source
    }

    fn step(&mut self, room: &mut [u8]) -> Result<usize, Error> {
        let at_end = self.source.window().is_empty() && !self.source.fill()?;
        let step = self.decoder.step(self.source.window(), room);
        let step = step.map_err(|failure| self.failed(failure))?;
        self.source.consume(step.consumed);
        if step.finished {
            self.next_stream()?;
        } else if step.consumed == 0 && step.produced == 0 {
            self.starved(at_end)?;
        }
        Ok(step.produced)
    }

    /// The decoder neither took nor gave anything.
    fn starved(&mut self, at_end: bool) -> Result<(), Error> {
        if at_end && matches!(self.decoder, Decoder::None) {
            self.finished = true;
            return Ok(());
        }
        if at_end {
            let at = self.source.position();
            return Err(Error::Truncated {
                part: Part::Payload,
                at,
                expected: None,
            });
        }
        // It may be waiting for more than the window holds.
        if self.source.fill()? {
            Ok(())
        } else {
            Err(self.failed(Failure::Broken))
        }
    }

    /// Goes on with another stream, if one follows.
    fn next_stream(&mut self) -> Result<(), Error> {
        self.source.fill_to(MAGIC_SIZE)?;
        if self.compressor.begins(self.source.window()) {
            self.streams += 1;
            if self.streams > STREAMS_MAX {
                let (what, limit) = ("streams in the payload", STREAMS_MAX);
                return Err(Error::OverLimit {
                    what,
                    name: None,
                    found: self.streams,
                    limit,
                });
            }
            let decoder = Decoder::new(self.compressor, self.limits.decoder_memory);
            self.decoder = decoder.map_err(|failure| self.failed(failure))?;
        } else {
            self.finished = true;
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), Error> {
        let (found, limit) = (self.produced, self.limits.payload);
        if found > limit {
            return Err(Error::OverLimit {
                what: "unpacked bytes of the payload",
                name: Some("payload-bytes"),
                found,
                limit,
            });
        }
        let packed = (self.source.position() - self.start).max(1);
        let (found, limit) = (self.produced / packed, self.limits.ratio);
        if self.produced > RATIO_FROM && found > limit {
            let what = "unpacked bytes for each packed byte of the payload";
            let name = Some("payload-ratio");
            return Err(Error::OverLimit {
                what,
                found,
                limit,
                name,
            });
        }
        Ok(())
    }

    fn failed(&self, failure: Failure) -> Error {
        failed(
            failure,
            self.compressor,
            self.source.position(),
            &self.limits,
        )
    }
}

fn failed(failure: Failure, compressor: Compressor, at: u64, limits: &Limits) -> Error {
    match failure {
        Failure::Broken => Error::BrokenPayload {
            compressor: compressor.name(),
            at,
        },
        Failure::Memory => Error::TooMuchMemory {
            compressor: compressor.name(),
            limit: limits.decoder_memory,
        },
    }
}
