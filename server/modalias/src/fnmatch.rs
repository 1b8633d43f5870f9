//! `fnmatch(pattern, text, 0)` of glibc (2.36) in the C locale, byte for byte, its oddities
//! included: depmod, libkmod and libzypp all decide by it which driver a device gets.
//!
//! ```text
//! pattern = ( "*" | "?" | "\" byte | "[" set | byte )*
//! set     = ( "!" | "^" )? item+ "]"                a "]" that comes first is an item
//! item    = one ( "-" one )? | "[:" class ":]" | "[=" byte "=]"
//! one     = byte | "\" byte | "[." byte ".]"
//! ```
//!
//! A `[` whose set has no end stands for itself. A set is read only as far as the text's byte needs
//! it, so an ill-formed one may match some bytes and not others. Neither pattern nor text can hold
//! a NUL in C; here it is a byte like any other.

/// Bytes in a class name at most (glibc's `CHARCLASS_NAME_MAX`).
const CLASS_NAME_MAX: usize = 2048;

/// Whether `pattern` matches the whole of `text`.
///
/// Takes time in proportion to pattern × text at worst: only the last `*` is ever tried again.
pub fn fnmatch(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to go on if the pattern fails: behind the last `*`, one byte further in the text.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(at), text.get(read)) {
            (Some(b'*'), _) => {
                at += 1;
                if at == pattern.len() {
                    return true;
                }
                retry = Some((at, read));
                continue;
            }
            (None, None) => return true,
            (Some(&first), Some(&byte)) => one(&pattern[at..], first, byte),
            (None, Some(_)) | (Some(_), None) => None,
        };
        if let Some(length) = step {
            at += length;
            read += 1;
            continue;
        }
        match retry {
            Some((behind, from)) if from < text.len() => {
                at = behind;
                read = next_start(&pattern[behind..], text, from + 1);
                retry = Some((behind, read));
            }
            _ => return false,
        }
    }
}

/// The next position from `from` on where the pattern behind a `*` can begin to match. Skips ahead
/// when that pattern begins with an ordinary byte.
fn next_start(pattern: &[u8], text: &[u8], from: usize) -> usize {
    match pattern.first() {
        None | Some(b'*' | b'?' | b'[' | b'\\') => from,
        Some(first) => {
            let found = text[from..].iter().position(|byte| byte == first);
            found.map_or(text.len(), |distance| from + distance)
        }
    }
}

/// Matches the beginning of `pattern` (its `first` byte, not `*`) with one byte of the text, and
/// says how many bytes of the pattern that took.
fn one(pattern: &[u8], first: u8, byte: u8) -> Option<usize> {
    match first {
        b'?' => Some(1),
        b'\\' => (pattern.get(1) == Some(&byte)).then_some(2),
        b'[' => match bracket(&pattern[1..], byte) {
            Bracket::Accepts(length) => Some(1 + length),
            Bracket::Rejects => None,
            Bracket::Unterminated => (byte == b'[').then_some(1),
        },
        _ => (first == byte).then_some(1),
    }
}

/// What a set says of a byte.
#[derive(Debug, PartialEq, Eq)]
enum Bracket {
    /// It is in the set, which has this many bytes behind its `[`.
    Accepts(usize),
    Rejects,
    /// The set has no end: its `[` is an ordinary byte.
    Unterminated,
}

/// How an item of a set went.
enum Item {
    /// The byte is in it; the next item is there.
    Holds(usize),
    Misses(usize),
    IllFormed,
    Unterminated,
}

/// Judges `byte` by the set in `set`, which begins behind the `[`.
fn bracket(set: &[u8], byte: u8) -> Bracket {
    let negated = matches!(set.first(), Some(b'!' | b'^'));
    let start = usize::from(negated);
    let mut at = start;
    loop {
        if at > start && set.get(at) == Some(&b']') {
            return if negated {
                Bracket::Accepts(at + 1)
            } else {
                Bracket::Rejects
            };
        }
        match item(set, at, byte) {
            Item::Misses(next) => at = next,
            Item::IllFormed => return Bracket::Rejects,
            Item::Unterminated => return Bracket::Unterminated,
            Item::Holds(next) => {
                return match behind_set(set, next) {
                    End::At(end) if !negated => Bracket::Accepts(end),
                    End::At(_) | End::IllFormed => Bracket::Rejects,
                    End::Unterminated => Bracket::Unterminated,
                };
            }
        }
    }
}

/// Judges `byte` by the item at `at`.
fn item(set: &[u8], at: usize, byte: u8) -> Item {
    let (low, next) = match (set.get(at), set.get(at + 1)) {
        (None, _) => return Item::Unterminated,
        (Some(b'\\'), None) => return Item::IllFormed,
        (Some(b'\\'), Some(&escaped)) => (escaped, at + 2),
        (Some(b'['), Some(b':')) => match class_name(set, at + 2, CLASS_NAME_MAX) {
            ClassName::Is(name) => return class_item(name, at + name.len() + 4, byte),
            ClassName::TooLong => return Item::IllFormed,
            ClassName::Not => (b'[', at + 1),
        },
        (Some(b'['), Some(b'=')) => match set.get(at + 2..at + 5) {
            Some(&[same, b'=', b']']) => return holds(same == byte, at + 5),
            _ => (b'[', at + 1),
        },
        (Some(b'['), Some(b'.')) => match collating_symbol(set, at + 2) {
            Some((symbol, next)) => return symbol_item(set, symbol, next, byte),
            None => return Item::IllFormed,
        },
        (Some(&plain), _) => (plain, at + 1),
    };
    let begins_range =
        set.get(next) == Some(&b'-') && set.get(next + 1).is_some_and(|&after| after != b']');
    if !begins_range && low == byte {
        return Item::Holds(next);
    }
    range_item(set, low, next, byte)
}

/// An item that began with `[.x.]`. Other than for a plain byte, a dash that closes the set makes
/// it no match.
fn symbol_item(set: &[u8], symbol: u8, next: usize, byte: u8) -> Item {
    let before_dash = set.get(next) == Some(&b'-') && set.get(next + 1).is_some();
    if !before_dash && symbol == byte {
        return Item::Holds(next);
    }
    range_item(set, symbol, next, byte)
}

/// The rest of an item whose first byte is `low`: a range if a dash follows that does not close
/// the set, else an item that `byte` is not.
fn range_item(set: &[u8], low: u8, next: usize, byte: u8) -> Item {
    if set.get(next) != Some(&b'-') || set.get(next + 1) == Some(&b']') {
        return Item::Misses(next);
    }
    let (high, next) = match (set.get(next + 1), set.get(next + 2)) {
        (None, _) | (Some(b'\\'), None) => return Item::IllFormed,
        (Some(b'\\'), Some(&escaped)) => (escaped, next + 3),
        (Some(b'['), Some(b'.')) => match collating_symbol(set, next + 3) {
            Some(symbol) => symbol,
            None => return Item::IllFormed,
        },
        (Some(&plain), _) => (plain, next + 2),
    };
    holds(low <= byte && byte <= high, next)
}

fn holds(is_member: bool, next: usize) -> Item {
    if is_member {
        Item::Holds(next)
    } else {
        Item::Misses(next)
    }
}

/// The byte of a `[.x.]` whose `x` is at `at`, and where it ends. Names of several bytes mean
/// nothing in the C locale.
fn collating_symbol(set: &[u8], at: usize) -> Option<(u8, usize)> {
    let length = set.get(at..)?.windows(2).position(|pair| pair == b".]")?;
    (length == 1).then(|| (set[at], at + 3))
}

enum ClassName<'a> {
    Is(&'a [u8]),
    TooLong,
    /// What looked like a class is a plain `[`.
    Not,
}

/// The name in a `[:name:]` whose name begins at `at` and must be shorter than `max`. Only `a` to
/// `y` may be in one: no class has a `z`, says glibc.
fn class_name(set: &[u8], at: usize, max: usize) -> ClassName<'_> {
    let rest = set.get(at..).unwrap_or_default();
    let length = rest
        .iter()
        .take_while(|byte| matches!(byte, b'a'..=b'y'))
        .count();
    if length >= max {
        return ClassName::TooLong;
    }
    match rest[length..] {
        [b':', b']', ..] => ClassName::Is(&rest[..length]),
        _ => ClassName::Not,
    }
}

fn class_item(name: &[u8], next: usize, byte: u8) -> Item {
    let is_member = match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => matches!(byte, b' ' | b'\t'),
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => matches!(byte, b' ' | b'\t'..=b'\r'),
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => return Item::IllFormed,
    };
    holds(is_member, next)
}

/// Where a set ends.
enum End {
    At(usize),
    IllFormed,
    Unterminated,
}

/// Finds the end of a set whose items before `at` have been judged. The remaining items are only
/// skipped, by rules that are not quite those of judging.
fn behind_set(set: &[u8], mut at: usize) -> End {
    loop {
        at = match (set.get(at), set.get(at + 1)) {
            (None, _) => return End::Unterminated,
            (Some(b']'), _) => return End::At(at + 1),
            (Some(b'\\'), None) => return End::IllFormed,
            (Some(b'\\'), Some(_)) => at + 2,
            (Some(b'['), Some(b':')) => match class_name(set, at + 2, CLASS_NAME_MAX - 1) {
                ClassName::Is(name) => at + name.len() + 4,
                ClassName::TooLong => return End::IllFormed,
                ClassName::Not => at + 1,
            },
            (Some(b'['), Some(b'=')) => match set.get(at + 3..at + 5) {
                Some(b"=]") => at + 5,
                _ => return End::IllFormed,
            },
            (Some(b'['), Some(b'.')) => {
                let rest = set.get(at + 2..).unwrap_or_default();
                match rest.windows(2).position(|pair| pair == b".]") {
                    Some(length) => at + length + 4,
                    None => return End::IllFormed,
                }
            }
            (Some(_), _) => at + 1,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decides_as_glibc() {
        // (pattern, what it matches, what it does not); tests/glibc.rs asks glibc itself.
        let cases: [(&str, &[&str], &[&str]); 22] = [
            ("", &[""], &["a"]),
            ("*", &["", "a", "/.x"], &[]),
            ("a?c", &["abc", "a/c", "a.c"], &["ac", "abbc"]),
            ("*a*b", &["ab", "xaxxb", "aab"], &["aba", "b"]),
            ("a*a*a", &["aaa", "abaaba"], &["aa", "aab"]),
            ("\\*", &["*"], &["a", ""]),
            ("a\\", &[], &["a", "a\\"]),
            ("*\\", &[], &["", "\\"]),
            ("[abc]", &["a", "c"], &["d", "", "ab"]),
            ("[a-c]", &["b"], &["-", "d"]),
            ("[!a-c]", &["d", "-"], &["b"]),
            ("[^a]", &["b", "^"], &["a"]),
            ("[]a]", &["]", "a"], &["[", "b"]),
            ("[!]a]", &["b"], &["]", "a"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[[:digit:]x]", &["7", "x"], &["a", ":"]),
            ("[[:nosuch:]]", &[], &["a", ":"]),
            ("[a", &["[a"], &["a"]),
            ("[a-", &[], &["[a-", "a"]),
            ("[[.-.]x]", &["-", "x"], &["."]),
            ("[[=a=]b]", &["a", "b"], &["="]),
            ("[\\]]", &["]"], &["\\"]),
        ];
        for (pattern, matching, others) in cases {
            for text in matching {
                assert!(
                    fnmatch(pattern.as_bytes(), text.as_bytes()),
                    "{pattern} and {text}"
                );
            }
            for text in others {
                assert!(
                    !fnmatch(pattern.as_bytes(), text.as_bytes()),
                    "{pattern} and {text}"
                );
            }
        }
    }

    #[test]
    fn takes_no_longer_for_patterns_made_to_explode() {
        // Backtracking into every star would take longer than the universe has.
        let text = "a".repeat(4096);
        let pattern = "*a".repeat(400) + "b";
        assert!(!fnmatch(pattern.as_bytes(), text.as_bytes()));
        let pattern = "*[ab]?".repeat(300) + "[[:digit:]]";
        assert!(!fnmatch(pattern.as_bytes(), text.as_bytes()));
    }
}
