//! Connection strings: `postgres://ROLE@localhost:PORT/DATABASE?host=FOLDER`, as libpq and sqlx read
//! them.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::ROLE;
use crate::socket::PORT;

/// The URL of `database` through the socket in `folder`. Port and TLS are spelled out, or the
/// caller's `PGPORT` and `PGSSLMODE` would decide.
pub(crate) fn url(folder: &Path, database: &str) -> String {
    let database = escape(database.as_bytes(), b"");
    let folder = escape(folder.as_os_str().as_bytes(), b"/");
    format!("postgres://{ROLE}@localhost:{PORT}/{database}?host={folder}&sslmode=disable")
}

/// Percent-encodes all but the unreserved characters of RFC 3986 and those in `also`.
fn escape(bytes: &[u8], also: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a String takes everything");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_a_url_would_misread() {
        assert_eq!(
            url(Path::new("/var/lib/kmp portal/a+b&c/ü"), "a/b?c"),
            "postgres://kmp_portal@localhost:5432/a%2Fb%3Fc\
             ?host=/var/lib/kmp%20portal/a%2Bb%26c/%C3%BC&sslmode=disable"
        );
    }
}
