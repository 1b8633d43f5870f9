//! Follows a cpio archive as its bytes come in.
//!
//! ```text
//! archive = entry* trailer
//! entry   = "070701" or "070702", 13 × 8 hex digits, name, 0, padding, data, padding   (newc)
//!         | "07070X", 8 hex digits: position in the file list, padding, data, padding   (rpm)
//! trailer = a newc entry named "TRAILER!!!"
//! ```
//! Padding leads to a multiple of four bytes. The second form has neither name nor size: both are
//! in the header's file list. rpm uses it when a file has 4 GiB or more, and always in format 6.

use super::{CHUNK, Chunks};
use crate::Error;
use crate::digest::RunningCheck;
use crate::error::ArchiveProblem;

const MAGIC_SIZE: usize = 6;
const NUMBER_SIZE: usize = 8;
const NUMBERS: usize = 13;
const ALIGNMENT: u64 = 4;
const TRAILER: &[u8] = b"TRAILER!!!";

/// What stands before the data of a file.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// A file with a name of its own.
    Named {
        name: Vec<u8>,
        mode: u64,
        size: u64,
    },
    /// A file by its position in the header's list.
    Listed(usize),
    Trailer,
}

/// Reads entries and data in turn.
pub(super) struct Archive<'c, C> {
    chunks: &'c mut C,
    chunk: Vec<u8>,
    start: usize,
    end: usize,
    /// Unpacked bytes used so far.
    position: u64,
    path_length: usize,
    /// Digests over the whole archive.
    checks: Vec<RunningCheck>,
}

impl<'c, C: Chunks> Archive<'c, C> {
    pub(super) fn new(
        chunks: &'c mut C,
        path_length: usize,
        checks: Vec<RunningCheck>,
    ) -> Archive<'c, C> {
        let (start, end, position) = (0, 0, 0);
        Archive {
            chunks,
            chunk: vec![0; CHUNK],
            start,
            end,
            position,
            path_length,
            checks,
        }
    }

    /// The next entry, up to its data.
    pub(super) fn entry(&mut self) -> Result<Entry, Error> {
        let mut magic = [0; MAGIC_SIZE];
        let at = self.position;
        self.exact(&mut magic)?;
        let entry = match &magic {
            b"070701" | b"070702" => self.named()?,
            b"07070X" => Entry::Listed(self.number()? as usize),
            _ => {
                return Err(Error::Archive {
                    at,
                    problem: ArchiveProblem::UnknownMagic,
                });
            }
        };
        self.padding()?;
        Ok(entry)
    }

    /// Hands over the data of an entry, piece by piece, and skips the padding behind it.
    pub(super) fn data(&mut self, size: u64, mut each: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut left = size;
        while left > 0 {
            let available = self.available()?;
            let count = usize::try_from(left).map_or(available, |left| available.min(left));
            each(
                self.chunk
                    .get(self.start..self.start + count)
                    .unwrap_or_default(),
            );
            self.advance(count);
            left -= count as u64;
        }
        self.padding()
    }

    /// Uses up what is left; gives how many bytes there were and whether one of them was not zero.
    pub(super) fn rest(&mut self) -> Result<(u64, bool), Error> {
        let (before, mut filled) = (self.position, false);
        while self.start < self.end || self.refill()? {
            let rest = self.chunk.get(self.start..self.end).unwrap_or_default();
            filled |= rest.iter().any(|&byte| byte != 0);
            self.advance(rest.len());
        }
        Ok((self.position - before, filled))
    }

    /// Unpacked bytes used, and the digests over all of them.
    pub(super) fn finish(self) -> (u64, Vec<RunningCheck>) {
        (self.position, self.checks)
    }

    pub(super) fn problem(&self, problem: ArchiveProblem) -> Error {
        Error::Archive {
            at: self.position,
            problem,
        }
    }

    fn named(&mut self) -> Result<Entry, Error> {
        let mut numbers = [0; NUMBERS];
        for number in &mut numbers {
            *number = self.number()?;
        }
        // inode, mode, uid, gid, links, mtime, size, 2 × device, 2 × special device, name, checksum
        let [_, mode, _, _, _, _, size, _, _, _, _, name_size, _] = numbers;
        let limit = self.path_length as u64 + PREFIX_AND_ZERO;
        if name_size > limit {
            let what = "bytes of a name in the payload";
            return Err(Error::OverLimit {
                what,
                name: Some("path-length"),
                found: name_size,
                limit,
            });
        }
        let mut name = vec![0; name_size as usize];
        self.exact(&mut name)?;
        if name.pop() != Some(0) {
            return Err(self.problem(ArchiveProblem::UnterminatedName));
        }
        if name == TRAILER {
            Ok(Entry::Trailer)
        } else {
            Ok(Entry::Named { name, mode, size })
        }
    }

    /// Eight hexadecimal digits.
    fn number(&mut self) -> Result<u64, Error> {
        let mut digits = [0; NUMBER_SIZE];
        self.exact(&mut digits)?;
        let number = digits.iter().try_fold(0, |number, &digit| {
            Some(number << 4 | u64::from(char::from(digit).to_digit(16)?))
        });
        number.ok_or_else(|| self.problem(ArchiveProblem::NotHexadecimal))
    }

    fn padding(&mut self) -> Result<(), Error> {
        let size = self.position.next_multiple_of(ALIGNMENT) - self.position;
        self.exact(&mut [0; ALIGNMENT as usize][..size as usize])
    }

    fn exact(&mut self, out: &mut [u8]) -> Result<(), Error> {
        let mut filled = 0;
        while filled < out.len() {
            let count = self.available()?.min(out.len() - filled);
            let from = self
                .chunk
                .get(self.start..self.start + count)
                .unwrap_or_default();
            out[filled..filled + count].copy_from_slice(from);
            self.advance(count);
            filled += count;
        }
        Ok(())
    }

    /// How many bytes can be used at once; at least one.
    fn available(&mut self) -> Result<usize, Error> {
        if self.start == self.end && !self.refill()? {
            return Err(self.problem(ArchiveProblem::EndsEarly));
        }
        Ok(self.end - self.start)
    }

    fn advance(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
    }

    fn refill(&mut self) -> Result<bool, Error> {
        let count = self.chunks.next(&mut self.chunk)?;
        (self.start, self.end) = (0, count);
        let fresh = self.chunk.get(..count).unwrap_or_default();
        self.checks.iter_mut().for_each(|check| check.update(fresh));
        Ok(count > 0)
    }
}

/// `./` before a name and the zero behind it.
const PREFIX_AND_ZERO: u64 = 3;
