//! Why a package cannot be read on.

/// Why a package cannot be read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The first four bytes are not those of an RPM.
    #[error(
        "this is not an RPM package: it begins with {found:02x?}, an RPM with [ed, ab, ee, db]; \
         upload the .rpm file that rpmbuild wrote"
    )]
    NotAnRpm { found: [u8; 4] },
}
