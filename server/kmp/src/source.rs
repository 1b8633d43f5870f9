//! The input, read once from front to back, hashed on the way.

use std::io::{self, Read};
use std::sync::mpsc::SyncSender;

use crate::digest::{Algorithm, Hasher, RunningCheck, update_together};
use crate::error::Part;
use crate::{DigestCheck, Error};

/// How many bytes are asked of the input at once.
const CHUNK: usize = 128 << 10;

/// The input with a window on the bytes that were read and not yet used.
pub(crate) struct Source<R> {
    input: R,
    /// Bytes read from the input so far.
    read: u64,
    /// Most bytes the input may have.
    limit: u64,
    hashing: Hashing,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

/// The digests over what is read.
pub(crate) struct Hashes {
    whole: Hasher,
    checks: Vec<RunningCheck>,
}

impl Default for Hashes {
    fn default() -> Hashes {
        Hashes {
            whole: Hasher::new(Algorithm::Sha256),
            checks: Vec::new(),
        }
    }
}

impl Hashes {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let checks = self.checks.iter_mut().map(RunningCheck::hasher);
        let mut all: Vec<_> = checks.chain([&mut self.whole]).collect();
        update_together(&mut all, bytes);
    }
}

/// Who keeps the digests up to date.
enum Hashing {
    Here(Hashes),
    /// Another thread, which is sent a copy of all that is read.
    Elsewhere(SyncSender<Vec<u8>>),
    /// Nobody: the other thread has them and is to hear no more.
    Paused,
}

impl Hashing {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Hashing::Here(hashes) => hashes.update(bytes),
            // The other thread ends only by a panic, which is noticed when it is joined.
            Hashing::Elsewhere(sender) => drop(sender.send(bytes.to_vec())),
            Hashing::Paused => {}
        }
    }
}

impl<R: Read> Source<R> {
    pub(crate) fn new(input: R, limit: u64) -> Source<R> {
        Source {
            input,
            read: 0,
            limit,
            hashing: Hashing::Here(Hashes::default()),
            buffer: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    /// Position in the file of the next unused byte.
    pub(crate) fn position(&self) -> u64 {
        self.read - self.window().len() as u64
    }

    /// Adds digests over everything that is read from here on.
    pub(crate) fn watch(&mut self, checks: Vec<RunningCheck>) {
        if let Hashing::Here(hashes) = &mut self.hashing {
            hashes.checks.extend(checks);
        }
    }

    /// Forgets the digests that were added.
    pub(crate) fn watch_no_more(&mut self) {
        if let Hashing::Here(hashes) = &mut self.hashing {
            hashes.checks.clear();
        }
    }

    /// Hands over the digests. What is read from here on is sent to whoever keeps them.
    pub(crate) fn hash_elsewhere(&mut self, sender: SyncSender<Vec<u8>>) -> Hashes {
        match std::mem::replace(&mut self.hashing, Hashing::Elsewhere(sender)) {
            Hashing::Here(hashes) => hashes,
            Hashing::Elsewhere(_) | Hashing::Paused => Hashes::default(),
        }
    }

    /// Ends the sending: the other thread sees that no more is coming.
    pub(crate) fn pause_hashing(&mut self) {
        self.hashing = Hashing::Paused;
    }

    /// Takes the digests back.
    pub(crate) fn hash_here(&mut self, hashes: Hashes) {
        self.hashing = Hashing::Here(hashes);
    }

    /// Takes exactly so many bytes. Memory grows with what is really there, not with `length`.
    ///
    /// Only for the parts before the payload: the window is empty then.
    pub(crate) fn take(&mut self, part: Part, length: usize) -> Result<Vec<u8>, Error> {
        let bytes = self.take_up_to(length)?;
        if bytes.len() < length {
            return Err(Error::Truncated {
                part,
                at: self.read,
                expected: None,
            });
        }
        Ok(bytes)
    }

    /// As [`Source::take`], but fewer bytes where the input ends.
    pub(crate) fn take_up_to(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(length.min(CHUNK));
        let taken = (&mut self.input)
            .take(length as u64)
            .read_to_end(&mut bytes);
        taken.map_err(|source| Error::Input {
            at: self.read,
            source,
        })?;
        self.account(bytes.len())?;
        self.hashing.update(&bytes);
        Ok(bytes)
    }

    /// Bytes read and not yet used.
    pub(crate) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Marks bytes at the window's front as used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Makes the window longer; false when it cannot be, because it is full or the input has ended.
    pub(crate) fn fill(&mut self) -> Result<bool, Error> {
        self.buffer.resize(CHUNK, 0);
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let room = &mut self.buffer[self.end..];
        let count = read_some(&mut self.input, room).map_err(|source| Error::Input {
            at: self.read,
            source,
        })?;
        let fresh = self.end..self.end + count;
        self.account(count)?;
        self.end = fresh.end;
        self.hashing.update(&self.buffer[fresh]);
        Ok(count > 0)
    }

    /// Makes the window at least so long, as far as the input goes. `count` is a few bytes.
    pub(crate) fn fill_to(&mut self, count: usize) -> Result<(), Error> {
        while self.window().len() < count && self.fill()? {}
        Ok(())
    }

    /// Reads to the end of the input; gives how many bytes there were.
    pub(crate) fn drain(&mut self) -> Result<u64, Error> {
        let before = self.position();
        self.start = self.end;
        while self.fill()? {
            self.start = self.end;
        }
        Ok(self.read - before)
    }

    /// Size and SHA-256 of all bytes read, and the digests in the order they were added.
    pub(crate) fn finish(self) -> (u64, [u8; 32], Vec<DigestCheck>) {
        let hashes = match self.hashing {
            Hashing::Here(hashes) => hashes,
            Hashing::Elsewhere(_) | Hashing::Paused => Hashes::default(),
        };
        let checks = hashes.checks.into_iter().map(RunningCheck::finish);
        let mut whole = [0; 32];
        whole.copy_from_slice(&hashes.whole.finish());
        (self.read, whole, checks.collect())
    }

    fn account(&mut self, count: usize) -> Result<(), Error> {
        self.read += count as u64;
        if self.read > self.limit {
            let what = "bytes of the file";
            return Err(Error::OverLimit {
                what,
                found: self.read,
                name: Some("file-size"),
                limit: self.limit,
            });
        }
        Ok(())
    }
}

fn read_some(input: &mut impl Read, room: &mut [u8]) -> io::Result<usize> {
    if room.is_empty() {
        return Ok(0);
    }
    loop {
        match input.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // An input that claims more than it was given room for.
            Ok(count) if count > room.len() => {
                return Err(io::Error::other("the reader returned an impossible length"));
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// Gives one byte at a time and is interrupted in between.
    struct Trickle<'a>(&'a [u8], bool);

    impl Read for Trickle<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let count = room.len().min(1);
            self.0.read(&mut room[..count])
        }
    }

    #[test]
    fn hashes_every_byte_once() {
        let bytes: Vec<u8> = (0..1000).map(|number| number as u8).collect();
        let mut source = Source::new(Trickle(&bytes, false), 1000);
        assert_eq!(source.take(Part::Lead, 96).unwrap(), bytes[..96]);
        let expected = hex::encode(Sha256::digest(&bytes[96..]));
        source.watch(vec![RunningCheck::new("rest", Algorithm::Sha256, expected)]);
        source.fill_to(10).unwrap();
        assert_eq!(source.window(), &bytes[96..106]);
        source.consume(4);
        assert_eq!(source.position(), 100);
        assert_eq!(source.drain().unwrap(), 900);
        let (size, sha256, checks) = source.finish();
        assert_eq!(size, 1000);
        assert_eq!(sha256[..], Sha256::digest(&bytes)[..]);
        assert!(checks[0].matches());
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let mut source = Source::new(&b"short"[..], 1000);
        let error = source.take(Part::Header, 1 << 40).unwrap_err();
        assert!(matches!(
            error,
            Error::Truncated {
                part: Part::Header,
                at: 5,
                ..
            }
        ));
    }

    #[test]
    fn the_file_may_not_be_too_large() {
        let mut source = Source::new(&[0; 11][..], 10);
        assert!(matches!(
            source.drain(),
            Err(Error::OverLimit { limit: 10, .. })
        ));
    }
}
