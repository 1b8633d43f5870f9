//! A fixed set of patterns, found by their beginnings.
//!
//! Patterns without wildcards are found by the whole text. The others are found by the literal
//! bytes before their first wildcard: for a text, all its beginnings are looked up whose lengths
//! occur in patterns of its bus (what stands before the first colon). Where many patterns share a
//! beginning, a [`Crowd`] narrows them down. What is found is then tried by `fnmatch`.

use std::collections::BTreeSet;

use crate::crowd::{Crowd, Mark, Span, choose_marks};
use crate::fnmatch::fnmatch;
use crate::hash::{NumberMap, Rolling, Seed};
use crate::pattern::{Piece, pieces};

/// From this many patterns with one beginning on, a crowd is made of them.
const CROWD: usize = 12;

/// Distinct patterns with their values, numbered in the order that the tables need.
#[derive(Clone, Debug)]
pub(crate) struct Layer<V> {
    /// All patterns one behind the other, and where each ends.
    text: String,
    ends: Vec<u32>,
    /// All values one behind the other, and where those of each pattern end.
    values: Vec<V>,
    value_ends: Vec<u32>,
    seed: Seed,
    /// By the hash of the whole text.
    exact: NumberMap<Span>,
    /// By the hash of the beginning.
    prefixed: NumberMap<Span>,
    /// By the first pattern's number.
    crowds: NumberMap<Crowd>,
    /// Lengths of beginnings, ascending: of patterns of a bus (by its hash, colon included), and of
    /// those whose beginning has no colon.
    bus_lengths: NumberMap<Box<[u16]>>,
    free_lengths: Box<[u16]>,
}

impl<V> Layer<V> {
    /// At most 2^21 entries of at most 1,024 bytes. Entries of the same pattern keep their order.
    pub fn new(mut entries: Vec<(String, V)>) -> Self {
        let seed = Seed::random();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut groups = group(entries, seed);
        groups.sort_by_key(|group| (group.wild, group.hash));
        let mut layer = Self::empty(seed);
        layer.file_lengths(&groups);
        let mut first = 0;
        for run in groups.chunk_by_mut(|a, b| (a.wild, a.hash) == (b.wild, b.hash)) {
            let count = u32::try_from(run.len()).expect("a layer has at most 2^21 patterns");
            layer.file(run, Span { first, count });
            first += count;
        }
        groups.into_iter().for_each(|group| layer.push(group));
        layer
    }

    fn empty(seed: Seed) -> Self {
        Self {
            text: String::new(),
            ends: Vec::new(),
            values: Vec::new(),
            value_ends: Vec::new(),
            seed,
            exact: NumberMap::with_hasher(seed),
            prefixed: NumberMap::with_hasher(seed),
            crowds: NumberMap::with_hasher(seed),
            bus_lengths: NumberMap::with_hasher(seed),
            free_lengths: Box::default(),
        }
    }

    /// Values, those of one pattern counted each.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Calls `found` with every pattern that matches `alias`, once, and its values.
    pub fn each<'i>(&'i self, alias: &str, found: &mut dyn FnMut(&'i str, &'i [V])) {
        let mut spans = Vec::new();
        self.candidates(alias.as_bytes(), &mut spans);
        spans.sort_unstable();
        spans.dedup();
        for number in spans
            .iter()
            .flat_map(|span| span.first..span.first + span.count)
        {
            let pattern = self.pattern(number);
            if fnmatch(pattern.as_bytes(), alias.as_bytes()) {
                found(pattern, self.values_of(number));
            }
        }
    }

    /// Gives all entries back.
    pub fn into_entries(self) -> Vec<(String, V)> {
        let (text, ends, value_ends) = (self.text, self.ends, self.value_ends);
        let mut number = 0;
        let entry = |(index, value)| {
            while value_ends[number] as usize <= index {
                number += 1;
            }
            let start = if number == 0 {
                0
            } else {
                ends[number - 1] as usize
            };
            (text[start..ends[number] as usize].to_owned(), value)
        };
        self.values.into_iter().enumerate().map(entry).collect()
    }

    /// Appends the spans of all patterns that can match.
    fn candidates(&self, alias: &[u8], spans: &mut Vec<Span>) {
        let colon = alias.iter().position(|&byte| byte == b':');
        let bus = colon.map(|colon| self.seed.hash_bytes(&alias[..=colon]));
        let bus_lengths = bus.and_then(|bus| self.bus_lengths.get(&bus));
        // A beginning without colon ends before the alias's colon, one of the bus behind it: so the
        // lengths ascend.
        let free_end = colon.unwrap_or(alias.len());
        let lengths = up_to(&self.free_lengths, free_end).chain(up_to(
            bus_lengths.map(|lengths| &lengths[..]).unwrap_or_default(),
            alias.len(),
        ));
        let mut rolling = Rolling::new(self.seed);
        let mut hashed = 0;
        for length in lengths {
            rolling.push(&alias[hashed..length]);
            hashed = length;
            if let Some(&span) = self.prefixed.get(&rolling.value()) {
                match self.crowds.get(&u64::from(span.first)) {
                    Some(crowd) => crowd.search(alias, spans),
                    None => spans.push(span),
                }
            }
        }
        spans.extend(self.exact.get(&self.seed.hash_bytes(alias)));
    }

    fn pattern(&self, number: u32) -> &str {
        let (start, end) = range(&self.ends, number);
        &self.text[start..end]
    }

    fn values_of(&self, number: u32) -> &[V] {
        let (start, end) = range(&self.value_ends, number);
        &self.values[start..end]
    }

    /// Notes which lengths of beginnings occur.
    fn file_lengths(&mut self, groups: &[Group<V>]) {
        let mut free = BTreeSet::new();
        let mut of_buses: NumberMap<BTreeSet<u16>> = NumberMap::with_hasher(self.seed);
        for group in groups.iter().filter(|group| group.wild) {
            match group.bus {
                Some(bus) => of_buses.entry(bus).or_default().insert(group.prefix),
                None => free.insert(group.prefix),
            };
        }
        self.free_lengths = free.into_iter().collect();
        for (bus, lengths) in of_buses {
            self.bus_lengths.insert(bus, lengths.into_iter().collect());
        }
    }

    /// Enters patterns of the same beginning or the same whole text, and orders them.
    fn file(&mut self, run: &mut [Group<V>], span: Span) {
        let Some(&Group { hash, wild, .. }) = run.first() else {
            return;
        };
        if !wild {
            self.exact.insert(hash, span);
            return;
        }
        self.prefixed.insert(hash, span);
        if run.len() < CROWD {
            return;
        }
        let patterns: Vec<(&[u8], usize)> = run
            .iter()
            .map(|group| (group.pattern.as_bytes(), usize::from(group.prefix)))
            .collect();
        let marks = choose_marks(&patterns, self.seed);
        for (group, mark) in run.iter_mut().zip(marks) {
            group.mark = mark;
        }
        run.sort_by_key(|group| group.mark);
        let marks: Vec<Mark> = run.iter().map(|group| group.mark).collect();
        let prefix = run.iter().map(|group| group.prefix).min().unwrap_or(0);
        let crowd = Crowd::new(&marks, span.first, usize::from(prefix), self.seed);
        self.crowds.insert(u64::from(span.first), crowd);
    }

    fn push(&mut self, group: Group<V>) {
        let end = |length| u32::try_from(length).expect("a layer has at most 2^31 bytes");
        self.text.push_str(&group.pattern);
        self.ends.push(end(self.text.len()));
        self.values.extend(group.values);
        self.value_ends.push(end(self.values.len()));
    }

    /// Bytes on the heap, the values' own not counted.
    pub fn heap_size(&self) -> usize {
        let tables =
            (self.exact.capacity() + self.prefixed.capacity()) * (size_of::<(u64, Span)>() + 1);
        let crowds: usize = self
            .crowds
            .values()
            .map(|c| c.heap_size() + size_of::<Crowd>() + 9)
            .sum();
        let lengths: usize = self
            .bus_lengths
            .values()
            .map(|lengths| lengths.len() * 2 + 25)
            .sum();
        self.text.capacity()
            + (self.ends.capacity() + self.value_ends.capacity()) * 4
            + self.values.capacity() * size_of::<V>()
            + tables
            + crowds
            + lengths
    }
}

/// A distinct pattern on its way into a layer.
struct Group<V> {
    pattern: String,
    values: Vec<V>,
    /// Whether it has a wildcard or something like one.
    wild: bool,
    /// The hash of its literal bytes before the first wildcard, and their number.
    hash: u64,
    prefix: u16,
    /// The hash of its bus with the colon, if the colon is among those bytes.
    bus: Option<u64>,
    mark: Mark,
}

impl<V> Group<V> {
    fn new(pattern: String, seed: Seed) -> Self {
        let mut prefix = Vec::new();
        let mut wild = false;
        for piece in pieces(pattern.as_bytes()) {
            let Piece::Literal(byte) = piece else {
                wild = true;
                break;
            };
            prefix.push(byte);
        }
        let colon = prefix.iter().position(|&byte| byte == b':');
        Self {
            pattern,
            values: Vec::new(),
            wild,
            hash: seed.hash_bytes(&prefix),
            prefix: u16::try_from(prefix.len()).expect("a pattern has at most 1,024 bytes"),
            bus: colon.map(|colon| seed.hash_bytes(&prefix[..=colon])),
            mark: Mark::None,
        }
    }
}

/// Puts sorted entries of the same pattern together.
fn group<V>(entries: Vec<(String, V)>, seed: Seed) -> Vec<Group<V>> {
    let mut groups: Vec<Group<V>> = Vec::new();
    for (pattern, value) in entries {
        match groups.last_mut() {
            Some(last) if last.pattern == pattern => last.values.push(value),
            _ => {
                let mut group = Group::new(pattern, seed);
                group.values.push(value);
                groups.push(group);
            }
        }
    }
    groups
}

/// The lengths, ascending, that are at most `most`.
fn up_to(lengths: &[u16], most: usize) -> impl Iterator<Item = usize> {
    lengths
        .iter()
        .map(|&length| usize::from(length))
        .take_while(move |&length| length <= most)
}

/// Start and end of the item with this number in a list of ends.
fn range(ends: &[u32], number: u32) -> (usize, usize) {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    (start as usize, ends[number] as usize)
}
