//! Many patterns with the same beginning (`hid:b0003g`, `acpi`, `of:N`): each is filed under a
//! fragment of its remaining literal text, the one that the fewest others of the crowd have. Only
//! patterns whose fragment occurs in a text are tried on it.

use crate::hash::{NumberMap, Seed};
use crate::pattern::{Piece, pieces};

/// Bytes of a fragment: wide ones tell patterns apart better, narrow ones exist more often.
const WIDE: usize = 8;
const NARROW: usize = 4;
/// Bits of the filter for each fragment: at most one in sixteen foreign ones passes it.
const FILTER_BITS: usize = 16;
/// Counters of the frequency sketch at most; a collision only makes a worse choice.
const SKETCH_MAX: usize = 1 << 22;

/// Some patterns in a row, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub first: u32,
    pub count: u32,
}

/// Under what a pattern of a crowd is filed. Sorting by it puts what belongs together in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Wide(u64),
    Narrow(u64),
    /// It has no fragment that is long enough.
    None,
}

impl Mark {
    /// A counter of a sketch with a power of two counters.
    fn counter(self, seed: Seed, counters: usize) -> usize {
        let (Self::Wide(fragment) | Self::Narrow(fragment)) = self else {
            return 0;
        };
        (seed.hash_number(fragment) as usize) & (counters - 1)
    }
}

/// Chooses the marks of a crowd. Of each pattern, given with the number of its literal bytes up to
/// the first wildcard, only what follows that is considered.
pub(crate) fn choose_marks(patterns: &[(&[u8], usize)], seed: Seed) -> Vec<Mark> {
    let counters = (patterns.len() * 16).next_power_of_two().min(SKETCH_MAX);
    let mut sketch = vec![0_u16; counters];
    for mark in patterns
        .iter()
        .flat_map(|(pattern, prefix)| candidates(pattern, *prefix))
    {
        let counter = &mut sketch[mark.counter(seed, counters)];
        *counter = counter.saturating_add(1);
    }
    let rarest = |(pattern, prefix): &(&[u8], usize)| {
        let frequency = |mark: &Mark| sketch[mark.counter(seed, counters)];
        candidates(pattern, *prefix)
            .into_iter()
            .min_by_key(frequency)
            .unwrap_or(Mark::None)
    };
    patterns.iter().map(rarest).collect()
}

/// The fragments of a pattern behind its prefix, wide ones first: of equally frequent ones the first
/// is taken. Narrow ones may be rarer: all of `…:feature:*00D2*` share their wide ones.
fn candidates(pattern: &[u8], prefix: usize) -> Vec<Mark> {
    let chunks = literal_chunks(pattern, prefix);
    let of_width = |width| {
        chunks
            .iter()
            .flat_map(move |chunk| chunk.windows(width).map(number))
    };
    let wide = of_width(WIDE).map(Mark::Wide);
    wide.chain(of_width(NARROW).map(Mark::Narrow)).collect()
}

/// The runs of literal bytes behind the first `prefix` ones. A text that matches has them all.
fn literal_chunks(pattern: &[u8], prefix: usize) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut chunk = Vec::new();
    for piece in pieces(pattern).skip(prefix) {
        match piece {
            Piece::Literal(byte) => chunk.push(byte),
            Piece::AnyByte | Piece::AnyText | Piece::Set | Piece::Opaque => {
                chunks.push(std::mem::take(&mut chunk));
            }
        }
    }
    chunks.push(chunk);
    chunks
}

/// The bytes of a fragment as a number.
fn number(fragment: &[u8]) -> u64 {
    let mut bytes = [0; WIDE];
    for (to, from) in bytes.iter_mut().zip(fragment) {
        *to = *from;
    }
    u64::from_le_bytes(bytes)
}

/// The first bytes of a wide fragment, as a narrow one.
fn beginning(wide: u64) -> u64 {
    wide & u64::from(u32::MAX)
}

/// Where the patterns of a crowd are, by their marks.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// Bytes at the beginning of a text where no fragment is looked for.
    prefix: usize,
    /// What all fragments begin with: small enough to stay in a cache.
    beginnings: Filter,
    wide: NumberMap<Span>,
    narrow: NumberMap<Span>,
    /// Patterns without fragment.
    rest: Span,
}

impl Crowd {
    /// `marks` are those of the patterns from number `first` on, sorted; every pattern has at
    /// least `prefix` literal bytes before its first wildcard.
    pub fn new(marks: &[Mark], first: u32, prefix: usize, seed: Seed) -> Self {
        let (mut wide, mut narrow) = (NumberMap::with_hasher(seed), NumberMap::with_hasher(seed));
        let mut rest = Span::default();
        let mut at = first;
        for run in marks.chunk_by(|a, b| a == b) {
            let count = u32::try_from(run.len()).expect("a layer has less than 2^32 patterns");
            let span = Span { first: at, count };
            at += count;
            match run[0] {
                Mark::Wide(fragment) => _ = wide.insert(fragment, span),
                Mark::Narrow(fragment) => _ = narrow.insert(fragment, span),
                Mark::None => rest = span,
            }
        }
        let mut beginnings = Filter::new(wide.len() + narrow.len(), seed);
        wide.keys()
            .for_each(|&fragment| beginnings.add(beginning(fragment)));
        narrow.keys().for_each(|&fragment| beginnings.add(fragment));
        Self {
            prefix,
            beginnings,
            wide,
            narrow,
            rest,
        }
    }

    /// Appends the spans of all patterns that `text` can match; some perhaps twice.
    pub fn search(&self, text: &[u8], spans: &mut Vec<Span>) {
        let text = text.get(self.prefix..).unwrap_or_default();
        for (at, window) in text.windows(NARROW).enumerate() {
            let fragment = number(window);
            if !self.beginnings.may_have(fragment) {
                continue;
            }
            spans.extend(self.narrow.get(&fragment));
            if let Some(window) = text.get(at..at + WIDE) {
                spans.extend(self.wide.get(&number(window)));
            }
        }
        if self.rest.count > 0 {
            spans.push(self.rest);
        }
    }

    pub fn heap_size(&self) -> usize {
        let spans = self.wide.capacity() + self.narrow.capacity();
        self.beginnings.bits.len() * 8 + spans * (size_of::<(u64, Span)>() + 1)
    }
}

/// A set of numbers that may say yes too often, never no.
#[derive(Clone, Debug)]
struct Filter {
    seed: Seed,
    /// A power of two words.
    bits: Vec<u64>,
}

impl Filter {
    fn new(numbers: usize, seed: Seed) -> Self {
        let words = (numbers * FILTER_BITS).div_ceil(64).next_power_of_two();
        Self {
            seed,
            bits: vec![0; words],
        }
    }

    fn add(&mut self, number: u64) {
        let (word, bit) = self.place(number);
        self.bits[word] |= bit;
    }

    fn may_have(&self, number: u64) -> bool {
        let (word, bit) = self.place(number);
        self.bits[word] & bit != 0
    }

    fn place(&self, number: u64) -> (usize, u64) {
        let hash = self.seed.hash_number(number);
        let word = ((hash >> 6) as usize) & (self.bits.len() - 1);
        (word, 1 << (hash & 63))
    }
}
