//! Words for a POSIX shell.

/// A word that a shell takes as it is: readers paste these lines, and names come from uploaded files.
#[must_use]
pub fn word(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "._+~:/@%=-".contains(it);
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('-') {
        return word.to_owned();
    }
    let printable: String = word.chars().filter(|it| !it.is_control()).collect();
    format!("'{}'", printable.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_smuggle_commands() {
        for (given, quoted) in [
            ("acme-nic", "acme-nic"),
            ("a;rm -rf /", "'a;rm -rf /'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("a\nb", "'ab'"),
            ("", "''"),
        ] {
            assert_eq!(word(given), quoted);
        }
    }
}
