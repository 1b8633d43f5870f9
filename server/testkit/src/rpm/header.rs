//! Writes an RPM header structure.
//!
//! ```text
//! header = 8e ad e8 01, 4 zero bytes, count of entries, bytes of data, entry*, data
//! entry  = tag, type, offset into data, count        all numbers 32 bits, big-endian
//! ```
//! With a region, the first entry stands for all of them and its data, at the end, says how many.

use std::collections::BTreeMap;

/// Data of one tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Numbers of two bytes.
    Int16(Vec<u16>),
    /// Numbers of four bytes.
    Int32(Vec<u32>),
    /// Numbers of eight bytes.
    Int64(Vec<u64>),
    /// One string. Bytes, because tests need text that is not UTF-8.
    String(Vec<u8>),
    /// Bytes.
    Bin(Vec<u8>),
    /// A list of strings.
    Strings(Vec<Vec<u8>>),
    /// One text in several languages.
    I18n(Vec<Vec<u8>>),
    /// Anything: type, count, bytes.
    Raw(u32, u32, Vec<u8>),
}

impl Value {
    /// One string.
    pub fn string(text: &str) -> Value {
        Value::String(text.as_bytes().to_vec())
    }

    /// A string array.
    pub fn strings<'t>(texts: impl IntoIterator<Item = &'t str>) -> Value {
        Value::Strings(
            texts
                .into_iter()
                .map(|text| text.as_bytes().to_vec())
                .collect(),
        )
    }

    /// A text in one language.
    pub fn i18n(text: &str) -> Value {
        Value::I18n(vec![text.as_bytes().to_vec()])
    }

    /// Type, count, bytes and alignment as the header wants them.
    fn encode(&self) -> (u32, usize, Vec<u8>, usize) {
        match self {
            Value::Int16(numbers) => (3, numbers.len(), join(numbers, |n| n.to_be_bytes()), 2),
            Value::Int32(numbers) => (4, numbers.len(), join(numbers, |n| n.to_be_bytes()), 4),
            Value::Int64(numbers) => (5, numbers.len(), join(numbers, |n| n.to_be_bytes()), 8),
            Value::String(text) => (6, 1, terminated(std::slice::from_ref(text)), 1),
            Value::Bin(bytes) => (7, bytes.len(), bytes.clone(), 1),
            Value::Strings(texts) => (8, texts.len(), terminated(texts), 1),
            Value::I18n(texts) => (9, texts.len(), terminated(texts), 1),
            Value::Raw(kind, count, bytes) => (*kind, *count as usize, bytes.clone(), 1),
        }
    }
}

fn join<T: Copy, const N: usize>(numbers: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| bytes(number)).collect()
}

fn terminated(texts: &[Vec<u8>]) -> Vec<u8> {
    texts
        .iter()
        .flat_map(|text| text.iter().copied().chain([0]))
        .collect()
}

/// The tag that marks a header's first entry as standing for the rest.
#[derive(Clone, Copy)]
pub(super) enum Region {
    Signatures = 62,
    Immutable = 63,
}

/// Collects tags and lays them out in the order of their numbers.
#[derive(Default)]
pub(super) struct HeaderWriter {
    tags: BTreeMap<u32, Value>,
}

impl HeaderWriter {
    pub(super) fn put(&mut self, tag: u32, value: Value) {
        self.tags.insert(tag, value);
    }

    pub(super) fn replace(&mut self, tag: u32, value: Option<Value>) {
        match value {
            Some(value) => self.put(tag, value),
            None => drop(self.tags.remove(&tag)),
        }
    }

    pub(super) fn write(&self, region: Option<Region>) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (&tag, value) in &self.tags {
            let (kind, count, bytes, alignment) = value.encode();
            data.resize(data.len().next_multiple_of(alignment), 0);
            index.push([tag, kind, word(data.len()), word(count)]);
            data.extend(bytes);
        }
        if let Some(region) = region {
            let tag = region as u32;
            index.insert(0, [tag, BIN, word(data.len()), TRAILER_SIZE]);
            let back = 0_u32.wrapping_sub(word(index.len() * ENTRY_SIZE));
            data.extend(
                [tag, BIN, back, TRAILER_SIZE]
                    .iter()
                    .flat_map(|n| n.to_be_bytes()),
            );
        }
        let mut out = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        out.extend(
            [word(index.len()), word(data.len())]
                .iter()
                .flat_map(|n| n.to_be_bytes()),
        );
        out.extend(index.iter().flatten().flat_map(|n| n.to_be_bytes()));
        out.extend(data);
        out
    }
}

const BIN: u32 = 7;
const ENTRY_SIZE: usize = 16;
const TRAILER_SIZE: u32 = 16;

fn word(number: usize) -> u32 {
    u32::try_from(number).expect("a test header stays below 4 GiB")
}
