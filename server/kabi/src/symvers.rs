//! Reads `Module.symvers`, the list of what a kernel exports, plain or compressed.
//!
//! ```text
//! line  = crc TAB symbol TAB module                                ; early 2.6
//!       | crc TAB symbol TAB module TAB export                     ; until 5.3
//!       | crc TAB symbol TAB namespace TAB module TAB export       ; first releases of 5.4, 5.5
//!       | crc TAB symbol TAB module TAB export TAB namespace       ; since
//! crc   = "0x" 1*8HEX        ; 0x00000000: this symbol is not versioned
//! ```
//!
//! Written by `scripts/mod/modpost.c` (`write_dump`), in no order. Which of the five-column forms a
//! line has is seen by the column that starts with `EXPORT_`. Blanks instead of tabs, blank lines
//! and CRLF are taken as well. Bytes are untrusted: size and lines are bounded.

mod unpack;

use kmod::Crc;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

pub use unpack::Format;

/// Upper bounds while reading one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Unpacked bytes: real files have some 2 MB.
    pub unpacked: usize,
    /// Lines: real files have some 31,000.
    pub lines: usize,
}

impl Default for Limits {
    /// Thirty times what kernels have.
    fn default() -> Limits {
        Limits {
            unpacked: 64 << 20,
            lines: 1_000_000,
        }
    }
}

/// What a kernel exports, row by row as in its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symvers {
    /// In file order; a symbol may have several rows.
    pub rows: Vec<Row>,
}

/// One exported symbol.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Row {
    /// Zero: not versioned.
    pub crc: Crc,
    /// The exported name.
    pub symbol: String,
    /// `vmlinux` or the exporting module's path without `.ko`.
    pub provider: String,
    /// What the export column says.
    pub export: ExportKind,
    /// Hidden from modules whose licence is not compatible with the GPL.
    pub gpl: bool,
    /// `None` when the column is empty or absent.
    pub namespace: Option<String>,
}

/// The export column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum ExportKind {
    /// `EXPORT_SYMBOL`: for every module.
    Any,
    /// `EXPORT_SYMBOL_GPL`: for GPL-compatible modules.
    Gpl,
    /// Another text, verbatim (`EXPORT_SYMBOL_GPL_FUTURE`, `EXPORT_UNUSED_SYMBOL` …).
    Other(String),
    /// The file has no such column (three columns, early 2.6).
    Unstated,
}

/// Why a text is not a symvers file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A compressed file that cannot be unpacked.
    #[error(
        "the file looks like {format} but cannot be unpacked ({why}): it is damaged or cut off; \
         send it again, or unpacked"
    )]
    Unpack {
        /// What its first bytes promise.
        format: Format,
        /// What the decompressor said.
        why: String,
    },
    /// More bytes than any real file.
    #[error(
        "the file unpacks to more than {limit} bytes (`symvers-bytes`), which no kernel's symvers \
         does: send the `Module.symvers` of one kernel"
    )]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// More lines than any real file.
    #[error(
        "the file has more than {limit} lines (`symvers-lines`): send the `Module.symvers` of one kernel"
    )]
    TooManyLines {
        /// Lines allowed.
        limit: usize,
    },
    /// Not UTF-8, or holds control characters.
    #[error("line {line} is not text: a symvers file holds lines like `{EXAMPLE}`")]
    NotText {
        /// Counted from 1.
        line: usize,
    },
    /// Fewer than 3 or more than 5 columns.
    #[error(
        "line {line} has {found} columns, a symvers line has 3 to 5 divided by tabs: `{EXAMPLE}`"
    )]
    Columns {
        /// Counted from 1.
        line: usize,
        /// Columns there are.
        found: usize,
    },
    /// The first column is no version.
    #[error("line {line} starts with `{text}` instead of a version like `0x92997ed8`")]
    Crc {
        /// Counted from 1.
        line: usize,
        /// The beginning of that column.
        text: String,
    },
    /// A column that must say something is empty.
    #[error("line {line} names no {column}: a symvers line reads `{EXAMPLE}`")]
    Empty {
        /// Counted from 1.
        line: usize,
        /// `symbol` or `module`.
        column: &'static str,
    },
    /// No line at all.
    #[error("the file lists no symbols: send the `Module.symvers` of the kernel's build")]
    NoSymbols,
}

/// Shown in errors.
const EXAMPLE: &str = "0x92997ed8 TAB _printk TAB vmlinux TAB EXPORT_SYMBOL TAB";

/// Reads a symvers file: plain, gzip, xz, zstd or bzip2, told apart by their first bytes.
///
/// # Errors
/// A file that is not one says at which line and why; sizes beyond the usual [`Limits`] are refused
/// before they are read.
pub fn parse(bytes: &[u8]) -> Result<Symvers, Error> {
    parse_within(bytes, &Limits::default())
}

/// The same within other limits.
///
/// # Errors
/// As [`parse`].
pub fn parse_within(bytes: &[u8], limits: &Limits) -> Result<Symvers, Error> {
    let unpacked = unpack::unpack(bytes, limits.unpacked)?;
    let mut rows = Vec::new();
    for (index, line) in unpacked.split(|&byte| byte == b'\n').enumerate() {
        // The text after the last line feed is a line only if there is some.
        if index >= limits.lines && !line.is_empty() {
            let limit = limits.lines;
            return Err(Error::TooManyLines { limit });
        }
        if let Some(row) = parse_line(line, index + 1)? {
            rows.push(row);
        }
    }
    if rows.is_empty() {
        return Err(Error::NoSymbols);
    }
    Ok(Symvers { rows })
}

fn parse_line(line: &[u8], number: usize) -> Result<Option<Row>, Error> {
    let text = std::str::from_utf8(line).map_err(|_| Error::NotText { line: number })?;
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(Error::NotText { line: number });
    }
    if text.trim().is_empty() {
        return Ok(None);
    }
    let columns = Columns::split(text, number)?;
    let export = ExportKind::from(columns.export);
    Ok(Some(Row {
        crc: parse_crc(columns.crc, number)?,
        symbol: named(columns.symbol, "symbol", number)?,
        provider: named(columns.module, "module", number)?,
        gpl: export.is_gpl(),
        export,
        namespace: (!columns.namespace.is_empty()).then(|| columns.namespace.to_owned()),
    }))
}

/// The columns of one line, whichever order it has.
struct Columns<'a> {
    crc: &'a str,
    symbol: &'a str,
    module: &'a str,
    export: &'a str,
    namespace: &'a str,
}

impl<'a> Columns<'a> {
    /// A line with tabs is divided at each of them, because a column may be empty; one without at
    /// runs of blanks.
    fn split(text: &'a str, line: usize) -> Result<Columns<'a>, Error> {
        let cells: Vec<&str> = if text.contains('\t') {
            // Six are enough to see that there are too many.
            text.splitn(MAX_COLUMNS + 1, '\t').map(str::trim).collect()
        } else {
            text.split_whitespace().take(MAX_COLUMNS + 1).collect()
        };
        let [crc, symbol, module, export, namespace] = match *cells.as_slice() {
            [crc, symbol, module] => [crc, symbol, module, "", ""],
            [crc, symbol, module, export] => [crc, symbol, module, export, ""],
            [crc, symbol, namespace, module, export] if is_export(export) && !is_export(module) => {
                [crc, symbol, module, export, namespace]
            }
            [crc, symbol, module, export, namespace] => [crc, symbol, module, export, namespace],
            _ => {
                return Err(Error::Columns {
                    line,
                    found: cells.len(),
                });
            }
        };
        Ok(Columns {
            crc,
            symbol,
            module,
            export,
            namespace,
        })
    }
}

/// Of the longest form.
const MAX_COLUMNS: usize = 5;

fn is_export(column: &str) -> bool {
    column.starts_with("EXPORT_")
}

fn parse_crc(text: &str, line: usize) -> Result<Crc, Error> {
    let wrong = || Error::Crc {
        line,
        text: text.chars().take(SHOWN_CHARACTERS).collect(),
    };
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or_else(wrong)?;
    // `from_str_radix` takes a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    u32::from_str_radix(digits, 16)
        .map(Crc)
        .map_err(|_| wrong())
}

/// Of a wrong column, in an error.
const SHOWN_CHARACTERS: usize = 20;

fn named(text: &str, column: &'static str, line: usize) -> Result<String, Error> {
    if text.is_empty() {
        return Err(Error::Empty { line, column });
    }
    Ok(text.to_owned())
}

impl Symvers {
    /// SHA-256 over what decides whether modules load: the sorted set of symbol, version, GPL-ness
    /// and namespace. A kernel rebuilt with the same ABI has the same hash; who exports a symbol
    /// does not count, because moving it breaks nobody.
    pub fn content_hash(&self) -> [u8; 32] {
        let mut facts: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                (
                    row.symbol.as_str(),
                    row.crc,
                    row.gpl,
                    row.namespace.as_deref(),
                )
            })
            .collect();
        facts.sort_unstable();
        facts.dedup();
        let mut hash = Sha256::new();
        for (symbol, crc, gpl, namespace) in facts {
            // Neither names nor namespaces hold tabs or line feeds: no two lists give one text.
            hash.update(symbol);
            hash.update(format!("\t{crc}\t{}\t", u8::from(gpl)));
            hash.update(namespace.unwrap_or_default());
            hash.update("\n");
        }
        hash.finalize().into()
    }

    /// The same rows as a `Module.symvers` of today's five columns, sorted by symbol: equal lists
    /// give equal texts. [`parse`] reads it back.
    pub fn to_canonical_text(&self) -> String {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_unstable_by_key(|row| {
            (
                &row.symbol,
                row.crc,
                &row.provider,
                &row.export,
                &row.namespace,
            )
        });
        let mut text = String::with_capacity(rows.len() * TYPICAL_LINE);
        for row in rows {
            let (symbol, provider) = (&row.symbol, &row.provider);
            let namespace = row.namespace.as_deref().unwrap_or_default();
            let export = row.export.as_str();
            writeln!(
                text,
                "{}\t{symbol}\t{provider}\t{export}\t{namespace}",
                row.crc
            )
            .expect("writing to a String cannot fail");
        }
        text
    }

    /// Every row says whether it is GPL-only. False for the three columns of early 2.6.
    pub fn states_export_types(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.export != ExportKind::Unstated)
    }
}

/// Bytes of a line in real files, for allocation.
const TYPICAL_LINE: usize = 72;

impl ExportKind {
    /// The text of the column; empty for [`ExportKind::Unstated`].
    pub fn as_str(&self) -> &str {
        match self {
            ExportKind::Any => "EXPORT_SYMBOL",
            ExportKind::Gpl => "EXPORT_SYMBOL_GPL",
            ExportKind::Other(text) => text,
            ExportKind::Unstated => "",
        }
    }

    /// Hidden from modules that are not GPL-compatible. `EXPORT_SYMBOL_GPL_FUTURE` only warned and
    /// `EXPORT_UNUSED_SYMBOL` was for everybody; a type nobody knows is taken as the stricter one.
    fn is_gpl(&self) -> bool {
        match self {
            ExportKind::Any | ExportKind::Unstated => false,
            ExportKind::Gpl => true,
            ExportKind::Other(text) => !matches!(
                text.as_str(),
                "EXPORT_SYMBOL_GPL_FUTURE" | "EXPORT_UNUSED_SYMBOL"
            ),
        }
    }
}

impl From<&str> for ExportKind {
    fn from(text: &str) -> ExportKind {
        match text {
            "" => ExportKind::Unstated,
            "EXPORT_SYMBOL" => ExportKind::Any,
            "EXPORT_SYMBOL_GPL" => ExportKind::Gpl,
            other => ExportKind::Other(other.to_owned()),
        }
    }
}

impl From<String> for ExportKind {
    fn from(text: String) -> ExportKind {
        ExportKind::from(text.as_str())
    }
}

impl From<ExportKind> for String {
    fn from(kind: ExportKind) -> String {
        kind.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests;
