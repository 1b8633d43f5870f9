//! Many patterns with the same beginning (`hid:b0003g`, `acpi`, `of:N`): each is filed under a
//! fragment of its remaining literal text, the one that the fewest others of the crowd have. Only
//! patterns whose fragment occurs in a text are tried on it.

use crate::hash::{NumberMap, Seed};
use crate::pattern::{Piece, pieces};

/// Bytes of a fragment: wide ones tell patterns apart better, narrow ones exist more often.
const WIDE: usize = 8;
const NARROW: usize = 4;
/// Bits of the filter for each fragment: one in sixteen foreign ones passes it.
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

/// The fragments of a pattern behind its prefix: the wide ones, or if there are none the narrow.
fn candidates(pattern: &[u8], prefix: usize) -> Vec<Mark> {
    let chunks = literal_chunks(pattern, prefix);
    let of_width = |width| {
        chunks
            .iter()
            .flat_map(move |chunk| chunk.windows(width).map(number))
    };
    let wide: Vec<_> = of_width(WIDE).map(Mark::Wide).collect();
    if wide.is_empty() {
        of_width(NARROW).map(Mark::Narrow).collect()
    } else {
        wide
    }
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

/// Up to eight bytes as a number.
fn number(fragment: &[u8]) -> u64 {
    fragment
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// Where the patterns of a crowd are, by their marks.
#[derive(Debug)]
pub(crate) struct Crowd {
    /// Bytes at the beginning of a text where no fragment is looked for.
    prefix: usize,
    wide: Fragments,
    narrow: Fragments,
    rest: Span,
}

impl Crowd {
    /// `marks` are those of the patterns from number `first` on, sorted; every pattern has at
    /// least `prefix` literal bytes before its first wildcard.
    pub fn new(marks: &[Mark], first: u32, prefix: usize, seed: Seed) -> Self {
        let (mut wide, mut narrow) = (Fragments::new(seed), Fragments::new(seed));
        let mut rest = Span::default();
        let mut at = first;
        for run in marks.chunk_by(|a, b| a == b) {
            let count = u32::try_from(run.len()).expect("a layer has less than 2^32 patterns");
            let span = Span { first: at, count };
            at += count;
            match run[0] {
                Mark::Wide(fragment) => wide.add(fragment, span),
                Mark::Narrow(fragment) => narrow.add(fragment, span),
                Mark::None => rest = span,
            }
        }
        wide.build_filter();
        narrow.build_filter();
        Self {
            prefix,
            wide,
            narrow,
            rest,
        }
    }

    /// Appends the spans of all patterns that `text` can match; some perhaps twice.
    pub fn search(&self, text: &[u8], spans: &mut Vec<Span>) {
        let text = text.get(self.prefix..).unwrap_or_default();
        self.wide.search(text, WIDE, spans);
        self.narrow.search(text, NARROW, spans);
        if self.rest.count > 0 {
            spans.push(self.rest);
        }
    }

    pub fn heap_size(&self) -> usize {
        self.wide.heap_size() + self.narrow.heap_size()
    }
}

/// The fragments of one width, behind a filter that fits into a small cache.
#[derive(Debug)]
struct Fragments {
    seed: Seed,
    spans: NumberMap<Span>,
    /// A power of two words; a fragment's hash says which bit is set for it.
    filter: Vec<u64>,
}

impl Fragments {
    fn new(seed: Seed) -> Self {
        Self {
            seed,
            spans: NumberMap::with_hasher(seed),
            filter: Vec::new(),
        }
    }

    fn add(&mut self, fragment: u64, span: Span) {
        self.spans.insert(fragment, span);
    }

    fn build_filter(&mut self) {
        let words = (self.spans.len() * FILTER_BITS)
            .div_ceil(64)
            .next_power_of_two();
        self.filter = vec![0; words];
        for &fragment in self.spans.keys() {
            let (word, bit) = self.place(fragment);
            self.filter[word] |= bit;
        }
    }

    fn search(&self, text: &[u8], width: usize, spans: &mut Vec<Span>) {
        if self.spans.is_empty() {
            return;
        }
        for window in text.windows(width) {
            let fragment = number(window);
            let (word, bit) = self.place(fragment);
            if self.filter[word] & bit != 0 {
                spans.extend(self.spans.get(&fragment));
            }
        }
    }

    fn place(&self, fragment: u64) -> (usize, u64) {
        let hash = self.seed.hash_number(fragment);
        let word = ((hash >> 6) as usize) & (self.filter.len() - 1);
        (word, 1 << (hash & 63))
    }

    fn heap_size(&self) -> usize {
        self.filter.len() * 8 + self.spans.capacity() * (size_of::<(u64, Span)>() + 1)
    }
}
