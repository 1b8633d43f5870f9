//! The first reasons of a verdict as a column holds them.

use super::Brief;
use kabi::{ModuleVerdict, reasons};

/// First byte of what was written before reasons were packed: JSON follows.
const JSON: u8 = 0;

/// Packs the modules with reasons; `None`: there are none.
pub(super) fn pack(brief: &Brief) -> Option<Vec<u8>> {
    (!brief.modules.is_empty()).then(|| reasons::pack(&brief.modules))
}

/// Reads the column.
pub(super) fn unpack(column: Option<&[u8]>) -> sqlx::Result<Vec<ModuleVerdict>> {
    match column {
        None => Ok(Vec::new()),
        Some([JSON, json @ ..]) => {
            serde_json::from_slice(json).map_err(|error| sqlx::Error::Decode(error.into()))
        }
        Some(packed) => reasons::unpack(packed).map_err(|error| sqlx::Error::Decode(error.into())),
    }
}
