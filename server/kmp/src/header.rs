//! One header structure: an index of tags and their data.
//!
//! ```text
//! header  = 8e ad e8 01, 4 zero bytes, count of entries, bytes of data, entry*, data
//! entry   = tag, type, offset into data, count           all numbers 32 bits, big-endian
//! type    = 1 char | 2, 3, 4, 5: integers of 1, 2, 4, 8 bytes | 6 string | 7 bytes
//!         | 8 strings | 9 strings, one for each language
//! trailer = tag of the region, 7, -16 × entries of the region, 16
//! ```
//! The first entry may open a region: its data is the trailer, and the region is what is digested
//! and signed. What is refused here, rpm refuses when it loads a package (`hdrblobVerifyInfo`,
//! `hdrblobVerifyRegion` in rpm's `lib/header.c`); tags that appear twice are refused on top,
//! because two readers might choose differently.
//!
//! Nothing is copied: entries are checked once, later the data is looked at in place.

use std::io::Read;

use crate::error::{EntryProblem, Part};
use crate::oddities::Oddities;
use crate::source::Source;
use crate::{Error, Limits, tag};

const MAGIC: [u8; 8] = [0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
/// Magic and the two counts.
const INTRO_SIZE: usize = 16;
const ENTRY_SIZE: usize = 16;
/// Size of a region's trailer, which is also the count its entry gives.
const TRAILER_SIZE: usize = 16;

const STRING: u32 = 6;
const BIN: u32 = 7;
const STRINGS: u32 = 8;
const I18N: u32 = 9;

/// A header that was checked from end to end.
pub(crate) struct Header {
    /// Position in the file.
    pub(crate) start: u64,
    /// All of it, magic included.
    pub(crate) bytes: Vec<u8>,
    /// Opened by a region (rpm 4 and later).
    pub(crate) has_region: bool,
    /// By tag.
    entries: Vec<Entry>,
    data_start: usize,
}

/// An index entry whose data lies within the header.
#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    kind: u32,
    offset: usize,
    count: usize,
    length: usize,
}

impl Header {
    /// Reads and checks the header that begins at the source's position.
    pub(crate) fn read<R: Read>(
        source: &mut Source<R>,
        part: Part,
        limits: &Limits,
        oddities: &mut Oddities,
    ) -> Result<Header, Error> {
        let start = source.position();
        let mut bytes = source.take(part, INTRO_SIZE)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(Error::HeaderMagic { part, at: start });
        }
        let (entries, data) = (word(&bytes, 8), word(&bytes, 12));
        limit(
            "index entries of a header",
            entries,
            limits.header_entries,
            "header-entries",
        )?;
        limit(
            "bytes of a header's data",
            data,
            limits.header_bytes,
            "header-bytes",
        )?;
        let index_size = entries as usize * ENTRY_SIZE;
        bytes.extend(source.take(part, index_size + data as usize)?);
        let checker = Checker {
            part,
            start,
            bytes: &bytes,
            data_start: INTRO_SIZE + index_size,
        };
        let (entries, has_region) = checker.check(entries as usize, oddities)?;
        Ok(Header {
            start,
            has_region,
            entries,
            data_start: INTRO_SIZE + index_size,
            bytes,
        })
    }

    /// Position in the file behind the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// All tags, in order.
    pub(crate) fn tags(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|entry| entry.tag)
    }

    pub(crate) fn contains(&self, tag: u32) -> bool {
        self.entry(tag).is_some()
    }

    /// How many items a tag holds; 0 when it is not there.
    pub(crate) fn count(&self, tag: u32) -> usize {
        self.entry(tag).map_or(0, |entry| entry.count)
    }

    /// The only or first text of a tag, whatever kind of text it is.
    pub(crate) fn text(&self, tag: u32) -> Option<&[u8]> {
        self.texts(tag)?.next()
    }

    /// All texts of a tag.
    pub(crate) fn texts(&self, tag: u32) -> Option<impl ExactSizeIterator<Item = &[u8]>> {
        let entry = self
            .entry(tag)
            .filter(|e| matches!(e.kind, STRING | STRINGS | I18N))?;
        Some(Texts {
            rest: self.data(entry),
            left: entry.count,
        })
    }

    /// The only or first number of a tag.
    pub(crate) fn number(&self, tag: u32) -> Option<u64> {
        self.numbers(tag)?.next()
    }

    /// All numbers of a tag, whatever their width.
    pub(crate) fn numbers(&self, tag: u32) -> Option<impl ExactSizeIterator<Item = u64>> {
        let entry = self.entry(tag)?;
        let width = integer_width(entry.kind)?;
        Some(self.data(entry).chunks_exact(width).map(big_endian))
    }

    /// The bytes of a tag.
    pub(crate) fn blob(&self, tag: u32) -> Option<&[u8]> {
        self.entry(tag)
            .filter(|entry| entry.kind == BIN)
            .map(|entry| self.data(entry))
    }

    fn entry(&self, tag: u32) -> Option<&Entry> {
        let found = self
            .entries
            .binary_search_by_key(&tag, |entry| entry.tag)
            .ok()?;
        self.entries.get(found)
    }

    fn data(&self, entry: &Entry) -> &[u8] {
        let start = self.data_start + entry.offset;
        self.bytes
            .get(start..start + entry.length)
            .expect("entries were checked to lie within")
    }
}

fn limit(what: &'static str, found: u32, limit: u32, name: &'static str) -> Result<(), Error> {
    if found > limit {
        return Err(Error::OverLimit {
            what,
            found: found.into(),
            limit: limit.into(),
            name: Some(name),
        });
    }
    Ok(())
}

/// Zero-terminated texts, one behind the other.
struct Texts<'h> {
    rest: &'h [u8],
    left: usize,
}

impl<'h> Iterator for Texts<'h> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<&'h [u8]> {
        self.left = self.left.checked_sub(1)?;
        let end = self.rest.iter().position(|&byte| byte == 0)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest.get(1..).unwrap_or_default();
        Some(text)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Texts<'_> {}

/// Checks a header's index against its data.
struct Checker<'h> {
    part: Part,
    start: u64,
    bytes: &'h [u8],
    data_start: usize,
}

impl Checker<'_> {
    fn check(&self, count: usize, oddities: &mut Oddities) -> Result<(Vec<Entry>, bool), Error> {
        let region = self.region(count, oddities)?;
        let mut data_end = self.data().len();
        if region == Some(data_end) {
            data_end -= TRAILER_SIZE;
        }
        let mut entries = Vec::with_capacity(count);
        let mut free_from = 0;
        for at in usize::from(region.is_some())..count {
            let entry = self.entry(at, free_from, data_end)?;
            free_from = entry.offset + entry.length;
            entries.push(entry);
        }
        entries.sort_by_key(|entry| entry.tag);
        let twice = entries.windows(2).find(|pair| pair[0].tag == pair[1].tag);
        match twice {
            Some(pair) => Err(self.problem(0, pair[0].tag, EntryProblem::Duplicate)),
            None => Ok((entries, region.is_some())),
        }
    }

    /// Where the region's data ends, when the first entry opens one.
    fn region(&self, count: usize, oddities: &mut Oddities) -> Result<Option<usize>, Error> {
        let Some([tag, kind, offset, size]) = self.raw_entry(0).filter(|_| count > 0) else {
            return Ok(None);
        };
        if !tag::REGIONS.contains(&tag) {
            return Ok(None);
        }
        let problem = || self.problem(0, tag, EntryProblem::Region);
        let trailer = offset as usize;
        let spanned = self.region_entries(tag, trailer).ok_or_else(problem)?;
        let end = trailer + TRAILER_SIZE;
        if kind != BIN || size as usize != TRAILER_SIZE || spanned > count {
            return Err(problem());
        }
        if spanned != count || end != self.data().len() {
            if self.part == Part::Header {
                return Err(problem());
            }
            let detail = "the region of the signature header does not span all of it";
            oddities.note("signature-header-region", || detail.to_owned());
        }
        Ok(Some(end))
    }

    /// Number of entries that the trailer at this offset says the region has.
    fn region_entries(&self, tag: u32, trailer: usize) -> Option<usize> {
        let trailer = self
            .data()
            .get(trailer..trailer.checked_add(TRAILER_SIZE)?)?;
        let back = 0_u32.wrapping_sub(word(trailer, 8)) as usize;
        // rpm 4.0 wrote signature headers whose trailer names the wrong region.
        let names_it = word(trailer, 0) == tag || tag::REGIONS.contains(&word(trailer, 0));
        let sound = names_it && word(trailer, 4) == BIN && word(trailer, 12) == 16;
        (sound && back > 0 && back.is_multiple_of(ENTRY_SIZE)).then_some(back / ENTRY_SIZE)
    }

    fn entry(&self, at: usize, free_from: usize, data_end: usize) -> Result<Entry, Error> {
        let [tag, kind, offset, count] = self
            .raw_entry(at)
            .expect("the index was read in full before");
        let problem = |problem| self.problem(at, tag, problem);
        let (offset, count) = (offset as usize, count as usize);
        if count == 0 {
            return Err(problem(EntryProblem::Empty));
        }
        let data = self.data().get(..data_end).unwrap_or_default();
        let rest = data
            .get(offset..)
            .ok_or_else(|| problem(EntryProblem::OutOfBounds))?;
        if offset < free_from {
            return Err(problem(EntryProblem::Overlap));
        }
        let length = data_length(kind, offset, count, rest).map_err(problem)?;
        Ok(Entry {
            tag,
            kind,
            offset,
            count,
            length,
        })
    }

    fn raw_entry(&self, at: usize) -> Option<[u32; 4]> {
        let start = INTRO_SIZE + at * ENTRY_SIZE;
        let entry = self.bytes.get(start..start + ENTRY_SIZE)?;
        Some([
            word(entry, 0),
            word(entry, 4),
            word(entry, 8),
            word(entry, 12),
        ])
    }

    fn data(&self) -> &[u8] {
        self.bytes.get(self.data_start..).unwrap_or_default()
    }

    fn problem(&self, at: usize, tag: u32, problem: EntryProblem) -> Error {
        let at = self.start + (INTRO_SIZE + at * ENTRY_SIZE) as u64;
        Error::HeaderEntry {
            part: self.part,
            at,
            tag,
            problem,
        }
    }
}

/// Bytes that an entry's data takes of `rest`, the data from its offset on.
fn data_length(kind: u32, offset: usize, count: usize, rest: &[u8]) -> Result<usize, EntryProblem> {
    let length = match kind {
        STRING if count != 1 => return Err(EntryProblem::ManyStrings),
        STRING | STRINGS | I18N => texts_length(rest, count).ok_or(EntryProblem::OutOfBounds)?,
        BIN => count,
        _ => {
            let width = integer_width(kind).ok_or(EntryProblem::UnknownType)?;
            if !offset.is_multiple_of(width) {
                return Err(EntryProblem::Unaligned);
            }
            count.checked_mul(width).ok_or(EntryProblem::OutOfBounds)?
        }
    };
    if length > rest.len() {
        Err(EntryProblem::OutOfBounds)
    } else {
        Ok(length)
    }
}

/// Bytes of so many texts, each with its zero. Every entry has its own stretch of data, so that all
/// entries together are scanned once.
fn texts_length(data: &[u8], count: usize) -> Option<usize> {
    let mut zeros = data.iter().enumerate().filter(|(_, byte)| **byte == 0);
    zeros.nth(count - 1).map(|(at, _)| at + 1)
}

fn integer_width(kind: u32) -> Option<usize> {
    match kind {
        1 | 2 => Some(1),
        3 => Some(2),
        4 => Some(4),
        5 => Some(8),
        _ => None,
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The 32-bit number at an offset; `bytes` is long enough.
fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes
        .get(at..at + 4)
        .expect("callers pass a whole structure");
    u32::from_be_bytes(word.try_into().expect("four bytes"))
}
