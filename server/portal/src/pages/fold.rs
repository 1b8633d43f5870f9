//! Folds plain text to a width, for mails.

/// Mail readers take what follows this line for a signature.
const SIGNATURE_MARK: &str = "-- ";

/// Folds every line of `text` that is longer than `width` characters, at blanks.
///
/// Continued lines keep the indent of their line, and that of its text after a list mark
/// (`- ` or `* `). Words longer than the width, such as addresses, stay whole. Blanks at the
/// end of a line go, but for the mark before a mail's signature (`-- `, RFC 3676 section 4.3).
pub fn fold(text: &str, width: usize) -> String {
    let mut folded = String::with_capacity(text.len() + text.len() / 32);
    for line in text.lines() {
        match line {
            SIGNATURE_MARK => folded.push_str(line),
            line => fold_line(line.trim_end(), width, &mut folded),
        }
        folded.push('\n');
    }
    folded
}

fn fold_line(line: &str, width: usize, folded: &mut String) {
    if line.chars().count() <= width {
        folded.push_str(line);
        return;
    }
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    let mark = if text.starts_with("- ") || text.starts_with("* ") {
        "  "
    } else {
        ""
    };
    folded.push_str(indent);
    let margin = indent.chars().count() + mark.len();
    let mut column = indent.chars().count();
    let mut at_start = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !at_start && column + 1 + length > width {
            folded.push('\n');
            folded.push_str(indent);
            folded.push_str(mark);
            column = margin;
        } else if !at_start {
            folded.push(' ');
            column += 1;
        }
        folded.push_str(word);
        column += length;
        at_start = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_fold_at_blanks() {
        assert_eq!(fold("one two three four", 9), "one two\nthree\nfour\n");
    }

    #[test]
    fn short_lines_and_blank_lines_stay() {
        assert_eq!(fold("a  b\n\n  c\n", 72), "a  b\n\n  c\n");
    }

    #[test]
    fn the_signature_mark_keeps_its_blank() {
        assert_eq!(fold("bye  \n-- \nus", 72), "bye\n-- \nus\n");
    }

    #[test]
    fn lists_hang() {
        assert_eq!(
            fold("  - alpha beta gamma", 12),
            "  - alpha\n    beta\n    gamma\n"
        );
    }

    #[test]
    fn long_words_stay_whole() {
        assert_eq!(
            fold("see https://drivers.example/kernels/1", 10),
            "see\nhttps://drivers.example/kernels/1\n"
        );
    }

    #[test]
    fn letters_count_not_bytes() {
        assert_eq!(fold("äöü äöü", 7), "äöü äöü\n");
    }
}
