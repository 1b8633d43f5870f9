//! What the rule files of distributors have in common: lines of text, not many.

/// Bytes read at most: real files have some 60 KB.
pub const MAX_RULES_BYTES: usize = 8 << 20;

/// Why bytes are not a rule file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RulesError {
    /// More than any real file.
    #[error("the file has more than {limit} bytes, which no list of kABI rules does")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// Not UTF-8, or holds control characters.
    #[error("line {line} is not text: a list of kABI rules is plain text, one rule a line")]
    NotText {
        /// Counted from 1.
        line: usize,
    },
    /// Neither `PASS` nor `FAIL`.
    #[error(
        "line {line} says `{found}` instead of PASS or FAIL: write a pattern, a blank, and one of \
         both"
    )]
    Verdict {
        /// Counted from 1.
        line: usize,
        /// The beginning of what is there.
        found: String,
    },
    /// Neither one symbol nor a line of a symvers file.
    #[error(
        "line {line} is `{found}`: a stablelist has a symbol a line, or lines like those of \
         Module.symvers"
    )]
    Entry {
        /// Counted from 1.
        line: usize,
        /// The beginning of what is there.
        found: String,
    },
}

/// Numbered lines, counted from 1.
pub(super) fn lines(bytes: &[u8]) -> Result<Vec<(usize, &str)>, RulesError> {
    let limit = MAX_RULES_BYTES;
    if bytes.len() > limit {
        return Err(RulesError::TooLarge { limit });
    }
    let numbered = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    numbered
        .map(|(line, bytes)| Ok((line, text(bytes, line)?)))
        .collect()
}

fn text(bytes: &[u8], line: usize) -> Result<&str, RulesError> {
    let text = std::str::from_utf8(bytes).map_err(|_| RulesError::NotText { line })?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(RulesError::NotText { line });
    }
    Ok(text)
}

/// The beginning of a text, for errors.
pub(super) fn shown(text: &str) -> String {
    const MOST_CHARACTERS: usize = 40;
    text.chars().take(MOST_CHARACTERS).collect()
}
