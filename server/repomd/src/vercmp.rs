//! Version order of rpm (`rpmvercmp`): segments of digits compare as numbers, segments of letters
//! as text, everything else only separates; `~` sorts before the end, `^` just after it.

use std::cmp::Ordering;

/// Compares two version (or release) texts as rpm does.
///
/// Equal does not mean same text: `1.05` equals `1.5`, `a0b00001` equals `a00b0001`.
pub fn vercmp(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        left = skip_separators(left);
        right = skip_separators(right);
        match (left.first(), right.first()) {
            (Some(b'~'), Some(b'~')) | (Some(b'^'), Some(b'^')) => {
                left = &left[1..];
                right = &right[1..];
                continue;
            }
            (Some(b'~'), _) => return Ordering::Less,
            (_, Some(b'~')) => return Ordering::Greater,
            (Some(b'^'), other) => return caret_against(other),
            (other, Some(b'^')) => return caret_against(other).reverse(),
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(_), Some(_)) => {}
        }
        let order = compare_segment(&mut left, &mut right);
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// `1^x` is newer than `1`, older than `1.1`.
fn caret_against(other: Option<&u8>) -> Ordering {
    if other.is_none() {
        Ordering::Greater
    } else {
        Ordering::Less
    }
}

/// Takes one segment off both sides; the left one decides whether it is digits or letters.
fn compare_segment(left: &mut &[u8], right: &mut &[u8]) -> Ordering {
    let numeric = left.first().is_some_and(u8::is_ascii_digit);
    let belongs = |byte: &u8| {
        if numeric {
            byte.is_ascii_digit()
        } else {
            byte.is_ascii_alphabetic()
        }
    };
    let l = take_while(left, belongs);
    let r = take_while(right, belongs);
    if r.is_empty() {
        // Digits are newer than letters.
        return if numeric {
            Ordering::Greater
        } else {
            Ordering::Less
        };
    }
    if !numeric {
        return l.cmp(r);
    }
    let (l, r) = (without_zeros(l), without_zeros(r));
    l.len().cmp(&r.len()).then_with(|| l.cmp(r))
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    let start = text.iter().position(kept).unwrap_or(text.len());
    &text[start..]
}

fn take_while<'a>(text: &mut &'a [u8], belongs: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = text
        .iter()
        .position(|byte| !belongs(byte))
        .unwrap_or(text.len());
    let (segment, rest) = text.split_at(end);
    *text = rest;
    segment
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let start = digits
        .iter()
        .position(|&byte| byte != b'0')
        .unwrap_or(digits.len());
    &digits[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_as_rpm_does() {
        // `rpm --eval '%{lua:print(rpm.vercmp(...))}'` of rpm 4.18 says the same.
        let cases = [
            ("1.0", "1.0", 0),
            ("1.0", "2.0", -1),
            ("1.10", "1.9", 1),
            ("1.05", "1.5", 0),
            ("1.0.0", "1.0", 1),
            ("a", "1", -1),
            ("1a", "1", 1),
            ("1.a", "1.1", -1),
            ("a0b00001", "a00b0001", 0),
            ("00123456", "123456", 0),
            ("0abc1234", "abc1234", 1),
            ("1.0~rc1", "1.0", -1),
            ("1.0~rc1", "1.0~rc2", -1),
            ("1.0^git1", "1.0", 1),
            ("1.0^git1", "1.0.1", -1),
            ("1.0^git1~pre", "1.0^git1", -1),
            ("1_0", "1.0", 0),
            ("é1", "1", 0),
            ("", "1", -1),
            ("...", "", 0),
        ];
        for (left, right, order) in cases {
            assert_eq!(
                vercmp(left, right),
                order.cmp(&0),
                "{left:?} against {right:?}"
            );
            assert_eq!(
                vercmp(right, left),
                0.cmp(&order),
                "{right:?} against {left:?}"
            );
        }
    }
}
