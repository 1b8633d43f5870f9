//! Descriptions and archives for tests.

use crate::{Description, UNKNOWN_PROVIDER};
use kabi::Symvers;
use kabi::symvers::{ExportKind, Row};
use kmod::Crc;

/// A symbol of which nothing but its version is known.
pub fn row(symbol: &str, crc: u32) -> Row {
    Row {
        crc: Crc(crc),
        symbol: symbol.to_owned(),
        provider: UNKNOWN_PROVIDER.to_owned(),
        export: ExportKind::Unstated,
        gpl: false,
        namespace: None,
    }
}

/// A symbol of which everything is known.
pub fn stated(symbol: &str, crc: u32, provider: &str, gpl: bool) -> Row {
    Row {
        provider: provider.to_owned(),
        export: if gpl {
            ExportKind::Gpl
        } else {
            ExportKind::Any
        },
        gpl,
        ..row(symbol, crc)
    }
}

/// A kernel with these symbols.
pub fn described(rows: &[Row]) -> Description {
    Description {
        symvers: Symvers {
            rows: rows.to_vec(),
        },
        ..Description::default()
    }
}
