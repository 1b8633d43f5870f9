//! The little that everything packed has in common.
//!
//! ```text
//! text    = number bytes
//! number  = LEB128, 7 bits a byte, lowest first
//! crc     = 4 bytes, lowest first
//! ```
//!
//! Bytes may come from anywhere: nothing is taken on trust, and no count is believed before as many
//! bytes are there.

use kmod::Crc;

/// Bytes that are cut off, or were altered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the bytes are damaged at {at}")]
pub struct Damaged {
    /// Place of the byte, counted from 0.
    pub at: usize,
}

pub(crate) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend(bytes);
}

pub(crate) fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(crate) fn crc(out: &mut Vec<u8>, Crc(crc): Crc) {
    out.extend(crc.to_le_bytes());
}

/// Reads from the front.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn of(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    pub fn crc(&mut self) -> Result<Crc, Damaged> {
        let bytes = self.take(4)?.try_into().map_err(|_| self.damaged())?;
        Ok(Crc(u32::from_le_bytes(bytes)))
    }

    pub fn text(&mut self) -> Result<&'a str, Damaged> {
        let run = self.run()?;
        std::str::from_utf8(run).map_err(|_| self.damaged())
    }

    pub fn run(&mut self) -> Result<&'a [u8], Damaged> {
        let length = self.count()?;
        self.take(length)
    }

    /// How many things follow, of which each takes a byte at least.
    pub fn count(&mut self) -> Result<usize, Damaged> {
        let count = self.size()?;
        if count > self.bytes.len() - self.at {
            return Err(self.damaged());
        }
        Ok(count)
    }

    /// A number that fits this machine's sizes.
    pub fn size(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.number()?).map_err(|_| self.damaged())
    }

    pub fn number(&mut self) -> Result<u64, Damaged> {
        let mut value = 0u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if (part << shift) >> shift != part {
                return Err(self.damaged());
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged())
    }

    pub fn byte(&mut self) -> Result<u8, Damaged> {
        Ok(self.take(1)?[0])
    }

    /// Nothing is left.
    pub fn end(&self) -> Result<(), Damaged> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.damaged())
        }
    }

    /// That something is wrong where the reader stands.
    pub fn damaged(&self) -> Damaged {
        Damaged { at: self.at }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let taken = self.bytes[self.at..].get(..length);
        let taken = taken.ok_or_else(|| self.damaged())?;
        self.at += length;
        Ok(taken)
    }
}
