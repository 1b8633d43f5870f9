//! Collects what is odd, without letting a hostile file fill memory with it.

use crate::Oddity;

/// Oddities of one kind that are told one by one.
const TOLD: usize = 8;

/// Characters of one detail. Names in a hostile file may be long.
const DETAIL_MAX: usize = 300;

/// What was odd so far.
#[derive(Default)]
pub(crate) struct Oddities {
    kinds: Vec<Kind>,
}

struct Kind {
    code: &'static str,
    details: Vec<String>,
    untold: usize,
}

impl Oddities {
    /// Notes one oddity. `detail` is asked for only while there is room to tell it.
    pub(crate) fn add(&mut self, code: &'static str, detail: impl FnOnce() -> String) {
        let known = self.kinds.iter().position(|kind| kind.code == code);
        let index = known.unwrap_or_else(|| {
            self.kinds.push(Kind {
                code,
                details: Vec::new(),
                untold: 0,
            });
            self.kinds.len() - 1
        });
        let Some(kind) = self.kinds.get_mut(index) else {
            return;
        };
        if kind.details.len() < TOLD {
            kind.details.push(shorten(detail()));
        } else {
            kind.untold += 1;
        }
    }

    /// Text of bytes that should be UTF-8; where they are not, an oddity is noted.
    pub(crate) fn text(&mut self, bytes: &[u8]) -> String {
        let text = String::from_utf8_lossy(bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            self.add("text-not-utf8", || format!("`{text}` is not UTF-8"));
        }
        text.into_owned()
    }

    /// Everything noted, by kind in the order of first sight.
    pub(crate) fn into_vec(self) -> Vec<Oddity> {
        let tell = |kind: Kind| {
            let code = kind.code;
            let more = (kind.untold > 0).then(|| format!("and {} more like these", kind.untold));
            let details = kind.details.into_iter().chain(more);
            details.map(move |detail| Oddity {
                code: code.to_owned(),
                detail,
            })
        };
        self.kinds.into_iter().flat_map(tell).collect()
    }
}

fn shorten(mut detail: String) -> String {
    if let Some((end, _)) = detail.char_indices().nth(DETAIL_MAX) {
        detail.truncate(end);
        detail.push('…');
    }
    detail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_of_a_kind_are_summed_up() {
        let mut oddities = Oddities::default();
        for number in 0..20 {
            oddities.add("many", || number.to_string());
        }
        oddities.add("one", || "x".to_owned());
        let told = oddities.into_vec();
        assert_eq!(told.len(), TOLD + 2);
        assert_eq!(told[TOLD].detail, "and 12 more like these");
        assert_eq!(told[TOLD + 1].code, "one");
    }

    #[test]
    fn shortens_at_a_character() {
        assert_eq!(shorten("abc".to_owned()), "abc");
        assert_eq!(shorten("ä".repeat(400)).chars().count(), DETAIL_MAX + 1);
    }

    #[test]
    fn notes_text_that_is_not_utf8() {
        let mut oddities = Oddities::default();
        assert_eq!(oddities.text(b"author=M\xfcller"), "author=M\u{fffd}ller");
        assert_eq!(oddities.into_vec()[0].code, "text-not-utf8");
    }
}
