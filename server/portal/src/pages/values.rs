//! Small values that pages share, and how numbers, sizes and times become words.

/// A point in time or a day, ready to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// RFC 3339 (`2026-11-23T19:52:39Z`) or a plain date, for the attribute `datetime`.
    pub iso: String,
    /// For people: `23 Nov 2026, 19:52 UTC`.
    pub human: String,
}

/// A link with its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    pub href: String,
    pub label: String,
}

/// One entry of a `<select>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    pub value: String,
    pub label: String,
    pub selected: bool,
}

impl Choice {
    /// Choices from (value, label) pairs, with the one selected whose value is `selected`.
    pub fn list<V: Into<String>, L: Into<String>>(
        pairs: impl IntoIterator<Item = (V, L)>,
        selected: &str,
    ) -> Vec<Self> {
        pairs
            .into_iter()
            .map(|(value, label)| (value.into(), label.into()))
            .map(|(value, label)| Self {
                selected: value == selected,
                value,
                label,
            })
            .collect()
    }
}

/// A name and a value in a list of facts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

/// The first entries of a list that may be long, and how many were left out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing<T> {
    pub items: Vec<T>,
    pub more: usize,
}

impl<T> Listing<T> {
    /// Keeps at most `limit` entries and counts the others.
    pub fn capped(entries: impl IntoIterator<Item = T>, limit: usize) -> Self {
        let mut entries = entries.into_iter();
        let items = entries.by_ref().take(limit).collect();
        Self {
            items,
            more: entries.count(),
        }
    }

    /// How many entries there are in all.
    pub fn total(&self) -> usize {
        self.items.len() + self.more
    }

    /// The same with its noun, see [`counted`].
    pub fn counted(&self, one: &str, many: &str) -> String {
        counted(self.total() as u64, one, many)
    }

    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }
}

impl<T> Default for Listing<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            more: 0,
        }
    }
}

/// A number with commas between groups of three digits: `25,312`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its noun: `1 package`, `1,204 packages`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        thousands(number),
        if number == 1 { one } else { many }
    )
}

/// A size with three digits and a binary unit: `91.1 KiB`, `512 MiB`.
pub fn bytes(size: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    const STEP: f64 = 1024.0;
    if size < 1024 {
        return counted(size, "byte", "bytes");
    }
    let mut value = size as f64 / STEP;
    let mut unit = 0;
    // 999.5 and up would be shown with four digits.
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= STEP;
        unit += 1;
    }
    let decimals = match value {
        value if value < 9.995 => 2,
        value if value < 99.95 => 1,
        _ => 0,
    };
    let number = format!("{value:.decimals$}");
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    format!("{number} {}", UNITS[unit])
}

/// A key's fingerprint in groups of four, upper case, as `gpg --fingerprint` prints it:
/// `D4E1 A8B0 …`. Blanks in the input do not matter.
pub fn fingerprint(hex: &str) -> String {
    const GROUP: usize = 4;
    let digits: Vec<char> = hex
        .chars()
        .filter(|it| !it.is_whitespace())
        .map(|it| it.to_ascii_uppercase())
        .collect();
    let groups: Vec<String> = digits.chunks(GROUP).map(|it| it.iter().collect()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (25_312, "25,312"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(counted(0, "package", "packages"), "0 packages");
        assert_eq!(counted(1, "package", "packages"), "1 package");
        assert_eq!(counted(1_204, "package", "packages"), "1,204 packages");
    }

    #[test]
    fn sizes_have_three_digits() {
        for (size, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1_023, "1,023 bytes"),
            (1_024, "1 KiB"),
            (93_248, "91.1 KiB"),
            (1_536, "1.5 KiB"),
            (1_023_999, "0.98 MiB"),
            (1_048_576, "1 MiB"),
            (512 << 20, "512 MiB"),
            (100 << 10, "100 KiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(size), text, "{size}");
        }
    }

    #[test]
    fn fingerprints_come_in_groups() {
        assert_eq!(fingerprint("d4e1a8b00c"), "D4E1 A8B0 0C");
        assert_eq!(fingerprint("D4E1 A8B0  0C"), "D4E1 A8B0 0C");
        assert_eq!(fingerprint(""), "");
    }

    #[test]
    fn long_lists_say_what_they_leave_out() {
        let list = Listing::capped(0..1_500, 10);
        assert_eq!(
            (list.items.len(), list.more, list.total()),
            (10, 1_490, 1_500)
        );
        assert_eq!(list.counted("alias", "aliases"), "1,500 aliases");
        assert_eq!(Listing::capped(0..3, 10).more, 0);
        assert!(Listing::<u8>::default().is_empty());
    }

    #[test]
    fn one_choice_is_selected() {
        let choices = Choice::list([("a", "Alpha"), ("b", "Beta")], "b");
        let selected: Vec<_> = choices.iter().filter(|it| it.selected).collect();
        assert_eq!(selected.len(), 1);
        assert_eq!(selected[0].label, "Beta");
    }
}
