//! Which of many patterns match an alias, without trying them all.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::alias::ALIAS_MAX;
use crate::layer::Layer;
use crate::pattern::specificity;

/// Bytes that a pattern can have at most; longer ones are not kept. Solvers do not look at longer
/// ones either.
pub const PATTERN_MAX: usize = 1024;

/// Entries of a layer at most, so that 32-bit positions do.
const LAYER_MAX: usize = 1 << 21;

/// Patterns with values of any kind (packages, modules), found by what they match.
///
/// Built at once, it is one table. [`Index::insert`] adds further, smaller tables and merges them
/// as they grow (each table stays larger than the next), so that an insertion costs some
/// microseconds on average and a look-up asks a few tables at most. To remove, build anew:
/// [`Index::retain`]. A reader is never disturbed if the owner changes a copy and swaps it in; copies
/// share their tables and cost nothing.
#[derive(Clone, Debug)]
pub struct Index<V> {
    /// Largest first; copies of the index share them.
    layers: Vec<Arc<Layer<V>>>,
}

impl<V> Default for Index<V> {
    fn default() -> Self {
        Self { layers: Vec::new() }
    }
}

impl<V> Index<V> {
    /// Builds the index of these patterns. The same pattern may come with several values.
    pub fn build(entries: impl IntoIterator<Item = (String, V)>) -> Self {
        let mut index = Self::default();
        let mut entries = entries
            .into_iter()
            .filter(|(pattern, _)| pattern.len() <= PATTERN_MAX);
        loop {
            let part: Vec<_> = entries.by_ref().take(LAYER_MAX).collect();
            if part.is_empty() {
                return index;
            }
            index.layers.push(Arc::new(Layer::new(part)));
        }
    }

    /// The values whose patterns match `alias`, each with its pattern; the most specific patterns
    /// first, equally specific ones by their text.
    ///
    /// An alias of more than [`ALIAS_MAX`] bytes matches nothing: no device has one.
    pub fn matches(&self, alias: &str) -> Vec<(&str, &V)> {
        let mut found = Vec::new();
        self.each(alias, |pattern, value| found.push((pattern, value)));
        found.sort_by_cached_key(|&(pattern, _)| (Reverse(specificity(pattern)), pattern));
        found
    }

    /// Calls `found` with every pattern that matches `alias` and every value of it, in no
    /// particular order.
    pub fn each<'i>(&'i self, alias: &str, mut found: impl FnMut(&'i str, &'i V)) {
        if alias.len() > ALIAS_MAX {
            return;
        }
        for layer in &self.layers {
            layer.each(alias, &mut |pattern, values| {
                values.iter().for_each(|value| found(pattern, value));
            });
        }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.layers.iter().map(|layer| layer.len()).sum()
    }

    /// Whether there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes on the heap, those that the values own elsewhere not counted.
    pub fn heap_size(&self) -> usize {
        self.layers.iter().map(|layer| layer.heap_size()).sum()
    }
}

impl<V: Clone> Index<V> {
    /// Adds one pattern.
    pub fn insert(&mut self, pattern: String, value: V) {
        self.extend([(pattern, value)]);
    }

    /// Adds patterns: together they cost less than one by one.
    pub fn extend(&mut self, entries: impl IntoIterator<Item = (String, V)>) {
        let mut entries = entries
            .into_iter()
            .filter(|(pattern, _)| pattern.len() <= PATTERN_MAX);
        loop {
            let part: Vec<_> = entries.by_ref().take(LAYER_MAX).collect();
            if part.is_empty() {
                return;
            }
            self.add(part);
        }
    }

    fn add(&mut self, mut entries: Vec<(String, V)>) {
        while let Some(last) = self.layers.pop() {
            if last.len() > 2 * entries.len() || last.len() + entries.len() > LAYER_MAX {
                self.layers.push(last);
                break;
            }
            let newer = std::mem::replace(&mut entries, own(last).into_entries());
            entries.extend(newer);
        }
        self.layers.push(Arc::new(Layer::new(entries)));
    }

    /// Keeps only the entries that `keep` says yes to. Costs a new build.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &V) -> bool) {
        let layers = std::mem::take(&mut self.layers);
        let entries = layers
            .into_iter()
            .flat_map(|layer| own(layer).into_entries());
        *self = Self::build(entries.filter(|(pattern, value)| keep(pattern, value)));
    }
}

/// The layer itself, or a copy if another index has it, too.
fn own<V: Clone>(layer: Arc<Layer<V>>) -> Layer<V> {
    Arc::try_unwrap(layer).unwrap_or_else(|shared| shared.as_ref().clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fnmatch;

    /// What the index must give, found the slow way.
    fn naive<'p>(patterns: &'p [(String, usize)], alias: &str) -> Vec<(&'p str, usize)> {
        let mut found: Vec<_> = patterns
            .iter()
            .filter(|(pattern, _)| fnmatch(pattern.as_bytes(), alias.as_bytes()))
            .map(|(pattern, value)| (pattern.as_str(), *value))
            .collect();
        found.sort_unstable();
        found
    }

    fn found<'i>(index: &'i Index<usize>, alias: &str) -> Vec<(&'i str, usize)> {
        let mut found = Vec::new();
        index.each(alias, |pattern, &value| found.push((pattern, value)));
        found.sort_unstable();
        found
    }

    fn table(text: &'static str) -> Vec<&'static str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    fn real_patterns() -> Vec<(String, usize)> {
        let patterns = table(include_str!("../tests/patterns.txt"));
        patterns
            .into_iter()
            .enumerate()
            .map(|(value, pattern)| (pattern.to_owned(), value))
            .collect()
    }

    fn real_aliases() -> Vec<&'static str> {
        table(include_str!("../tests/aliases.txt"))
    }

    #[test]
    fn finds_what_trying_all_finds() {
        let patterns = real_patterns();
        let index = Index::build(patterns.iter().cloned());
        let mut matches = 0;
        for alias in real_aliases() {
            let expected = naive(&patterns, alias);
            assert_eq!(found(&index, alias), expected, "{alias}");
            matches += expected.len();
        }
        assert!(matches > 100, "only {matches} matches: a weak table");
    }

    #[test]
    fn finds_what_trying_all_finds_in_a_crowd() {
        // Each pattern in many variants, so that every beginning is a crowd's.
        let mut patterns = Vec::new();
        for (pattern, value) in real_patterns() {
            for digit in "0123456789ABCDEF".chars() {
                for from in ['0', '1', 'F'] {
                    let varied: String = pattern
                        .char_indices()
                        .map(|(i, c)| if c == from && i % 3 == 0 { digit } else { c })
                        .collect();
                    patterns.push((varied, value));
                }
            }
        }
        let index = Index::build(patterns.iter().cloned());
        assert_eq!(index.len(), patterns.len());
        for alias in real_aliases() {
            assert_eq!(found(&index, alias), naive(&patterns, alias), "{alias}");
        }
    }

    #[test]
    fn lists_the_most_specific_first() {
        let index = Index::build(real_patterns());
        let alias = "pci:v00008086d00001502sv00001028sd00000493bc02sc00i00";
        let patterns: Vec<_> = index
            .matches(alias)
            .into_iter()
            .map(|(pattern, _)| pattern)
            .collect();
        let expected = [
            "pci:v00008086d00001502sv*sd*bc*sc*i*",
            "pci:v00008086d0000150[123]sv*sd*bc*sc*i*",
            "pci:v0000[18]*d*sv*sd*bc02sc00i*",
            "pci:*",
            "*",
        ];
        assert_eq!(patterns, expected);
    }

    #[test]
    fn keeps_all_values_of_a_pattern() {
        let entries = ["a", "b*", "a", "b*", "a"]
            .map(str::to_owned)
            .into_iter()
            .zip(0..);
        let mut index = Index::build(entries);
        assert_eq!(found(&index, "a"), [("a", 0), ("a", 2), ("a", 4)]);
        index.insert("a".to_owned(), 5);
        assert_eq!(found(&index, "a"), [("a", 0), ("a", 2), ("a", 4), ("a", 5)]);
        index.retain(|_, value| value % 2 == 1);
        assert_eq!(found(&index, "a"), [("a", 5)]);
        assert_eq!(found(&index, "bx"), [("b*", 1), ("b*", 3)]);
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn grows_by_insertion_into_few_layers() {
        let patterns = real_patterns();
        let mut index = Index::default();
        for (round, (pattern, value)) in patterns.iter().cycle().take(1000).enumerate() {
            index.insert(
                format!("{pattern}{}", if round < patterns.len() { "" } else { "~" }),
                *value,
            );
        }
        assert!(index.layers.len() <= 10, "{} layers", index.layers.len());
        assert_eq!(index.len(), 1000);
        for alias in real_aliases() {
            let kept: Vec<_> = found(&index, alias)
                .into_iter()
                .filter(|(p, _)| !p.ends_with('~'))
                .collect();
            assert_eq!(kept, naive(&patterns, alias), "{alias}");
        }
    }

    #[test]
    fn ignores_what_no_device_has() {
        let index = Index::build([("*".to_owned(), 0), ("a".repeat(PATTERN_MAX + 1), 1)]);
        assert_eq!(index.len(), 1);
        assert_eq!(index.matches(&"a".repeat(ALIAS_MAX)).len(), 1);
        assert!(index.matches(&"a".repeat(ALIAS_MAX + 1)).is_empty());
        assert!(Index::<()>::build([]).matches("a").is_empty());
    }

    /// Would take years if anything were tried again and again.
    #[test]
    fn takes_no_longer_for_patterns_made_to_explode() {
        let stars = (0..40).map(|n| format!("{}b{n}", "*a".repeat(400)));
        let long = (0..10).map(|n| format!("*{}?{n}", "a".repeat(200)));
        let sets = (0..40).map(|n| format!("{}{n}", "[!b]*".repeat(150)));
        let same = (0..40).map(|n| format!("{}*{n}", "a".repeat(900)));
        let patterns: Vec<_> = stars.chain(long).chain(sets).chain(same).zip(0..).collect();
        let index = Index::build(patterns.iter().cloned());
        for end in ["", "b", "b17", "x17", "17"] {
            let alias = "a".repeat(ALIAS_MAX - end.len()) + end;
            assert_eq!(found(&index, &alias), naive(&patterns, &alias), "{end}");
        }
    }

    #[test]
    fn takes_little_memory() {
        let patterns = (0..20_000_u32).map(|id| {
            let (vendor, device) = (id % 97 + 0x1000, id.wrapping_mul(2_654_435_761) >> 16);
            (format!("pci:v{vendor:08X}d{device:08X}sv*sd*bc*sc*i*"), id)
        });
        let index = Index::build(patterns);
        let each = index.heap_size() / index.len();
        assert!(each <= 200, "{each} bytes per pattern");
    }

    /// Patterns and aliases over few letters, so that they meet often.
    fn pattern() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a",
            "b",
            "ab",
            "aab",
            "abba",
            "bbbbaaaa",
            ":",
            "a:",
            "*",
            "?",
            "[ab]",
            "[!a]",
            "\\a",
            "[[:alpha:]]",
            "[a",
            "\\",
        ]);
        prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn equals_trying_all(
            patterns in prop::collection::vec(pattern(), 0..80),
            later in prop::collection::vec(pattern(), 0..5),
            aliases in prop::collection::vec("(a|b|ab|:|aabb|bbbbaaaa|\\[){0,6}", 1..20),
        ) {
            let mut all: Vec<_> = patterns.into_iter().zip(0..).collect();
            let mut index = Index::build(all.iter().cloned());
            for pattern in later {
                all.push((pattern.clone(), all.len()));
                index.insert(pattern, all.len() - 1);
            }
            for alias in aliases {
                prop_assert_eq!(found(&index, &alias), naive(&all, &alias), "{}", alias);
            }
        }
    }
}
