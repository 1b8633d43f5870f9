//! `modalias(…)` dependencies: how a package says which hardware it is for, as libsolv splits them
//! and libzypp decodes them.
//!
//! ```text
//! supplement = "modalias(" [ package ":" ] pattern ")"
//!            | "(" package " and modalias(" pattern "))"          libsolv 0.7.36 and later
//! pattern    = bytes, of which "%" and two hexadecimal digits stand for one byte
//! ```
//!
//! There is a package if a colon stands behind the first byte and another colon follows it, so a
//! pattern with two colons needs a package (`kernel-default:`) before it.

use serde::{Deserialize, Serialize};

/// Dependencies from this length on are left alone by libsolv, in bytes.
pub const DEPENDENCY_MAX: usize = 1024;

/// Kinds of devices whose names are not those of packages.
const BUSES: &[&str] = &[
    "acpi",
    "auxiliary",
    "cpu",
    "dmi",
    "hid",
    "input",
    "mei",
    "of",
    "pci",
    "pcmcia",
    "pnp",
    "scsi",
    "spi",
    "i2c",
    "ssam",
    "tbsvc",
    "usb",
    "vmbus",
    "wmi",
    "x86cpu",
];

/// A `modalias(…)` dependency taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supplement {
    /// The package that must be installed as well (`kernel-default`).
    pub package: Option<String>,
    /// What a device's alias must match, decoded.
    pub pattern: String,
    /// Why it may not do what was meant.
    pub warnings: Vec<Warning>,
}

/// Why a supplement may not do what was meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Warning {
    /// A `%` without two hexadecimal digits is taken literally.
    #[error("`{escape}` is no escape (`%` and two hexadecimal digits) and is taken as it stands")]
    BrokenEscape { escape: String },

    /// The escapes stand for bytes that are no UTF-8; the pattern is kept undecoded.
    #[error("the decoded pattern is not UTF-8; no device has such a name")]
    NotText,

    /// The beginning of the pattern is read as a package.
    #[error(
        "`{package}` is read as a package, because two colons follow each other: put \
             `kernel-FLAVOR:` before the pattern, or write its colons as %3A"
    )]
    MisSplit { package: String },

    /// Too long for the solver.
    #[error("it has {length} bytes; from {DEPENDENCY_MAX} on the solver does not look inside")]
    TooLong { length: usize },

    /// Only recent solvers look into boolean dependencies for hardware.
    #[error(
        "a boolean dependency around modalias() means nothing to libsolv before 0.7.36: \
             write modalias({package}:…)"
    )]
    Boolean { package: String },

    /// Nothing to match.
    #[error("the pattern is empty and matches no device")]
    Empty,
}

/// Takes apart a dependency's name; `None` when it is not about hardware.
pub fn parse_supplement(dependency_name: &str) -> Option<Supplement> {
    let mut warnings = Vec::new();
    let (package, encoded) = match inside(dependency_name, "modalias(") {
        Some(inside) => split_package(inside, &mut warnings),
        None => split_boolean(dependency_name, &mut warnings)?,
    };
    if dependency_name.len() >= DEPENDENCY_MAX {
        warnings.push(Warning::TooLong {
            length: dependency_name.len(),
        });
    }
    let pattern = decode(encoded, &mut warnings);
    if pattern.is_empty() {
        warnings.push(Warning::Empty);
    }
    Some(Supplement {
        package: package.map(str::to_owned),
        pattern,
        warnings,
    })
}

/// What stands between `opening` and the last parenthesis.
fn inside<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    text.strip_prefix(opening)?.strip_suffix(')')
}

/// libsolv's rule: a package is what stands before the first of at least two colons.
fn split_package<'a>(inside: &'a str, warnings: &mut Vec<Warning>) -> (Option<&'a str>, &'a str) {
    match inside.split_once(':') {
        Some((package, pattern)) if !package.is_empty() && pattern.contains(':') => {
            if looks_like_bus(package) {
                warnings.push(Warning::MisSplit {
                    package: package.to_owned(),
                });
            }
            (Some(package), pattern)
        }
        _ => (None, inside),
    }
}

/// Package names hold no wildcards, and no package is named as a bus.
fn looks_like_bus(package: &str) -> bool {
    package.contains(['*', '?', '[']) || BUSES.contains(&package)
}

/// `(package and modalias(pattern))`, in either order.
fn split_boolean<'a>(
    text: &'a str,
    warnings: &mut Vec<Warning>,
) -> Option<(Option<&'a str>, &'a str)> {
    let (left, right) = inside(text, "(")?.split_once(" and ")?;
    let (package, pattern) = match (inside(left, "modalias("), inside(right, "modalias(")) {
        (None, Some(pattern)) => (left, pattern),
        (Some(pattern), None) => (right, pattern),
        _ => return None,
    };
    let is_name = |name: &str| !name.is_empty() && !name.contains([' ', '(', ')']);
    if !is_name(package) || pattern.contains(['(', ')']) {
        return None;
    }
    warnings.push(Warning::Boolean {
        package: package.to_owned(),
    });
    Some((Some(package), pattern))
}

/// Undoes `%XX`. What is broken stays as it is, as libzypp does.
fn decode(encoded: &str, warnings: &mut Vec<Warning>) -> String {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        if let Some((value, behind)) = hex_byte(rest) {
            decoded.push(value);
            rest = behind;
        } else {
            decoded.push(byte);
            let escape = &rest[..rest.len().min(2)];
            let escape = format!("%{}", String::from_utf8_lossy(escape));
            warnings.push(Warning::BrokenEscape { escape });
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| {
        warnings.push(Warning::NotText);
        encoded.to_owned()
    })
}

/// The byte that the first two digits stand for, and what follows them.
fn hex_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(*text.first()?)? * 16 + digit(*text.get(1)?)?;
    Some((u8::try_from(value).ok()?, &text[2..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The warnings' names.
    fn kinds(supplement: &Supplement) -> Vec<&'static str> {
        let kind = |warning: &Warning| match warning {
            Warning::BrokenEscape { .. } => "escape",
            Warning::NotText => "text",
            Warning::MisSplit { .. } => "split",
            Warning::TooLong { .. } => "long",
            Warning::Boolean { .. } => "boolean",
            Warning::Empty => "empty",
        };
        supplement.warnings.iter().map(kind).collect()
    }

    #[test]
    fn takes_supplements_apart() {
        let cases: [(&str, Option<&str>, &str, &[&str]); 16] = [
            ("modalias(pci:v00008086d*)", None, "pci:v00008086d*", &[]),
            (
                "modalias(kernel-default:pci:v00008086d0000150[123]sv*sd*bc*sc*i*)",
                Some("kernel-default"),
                "pci:v00008086d0000150[123]sv*sd*bc*sc*i*",
                &[],
            ),
            ("modalias(kernel:pci:v*)", Some("kernel"), "pci:v*", &[]),
            (
                "modalias(kernel-default:dmi:%2Asvn Dell%20Inc%2e:pn*)",
                Some("kernel-default"),
                "dmi:*svn Dell Inc.:pn*",
                &[],
            ),
            (
                "modalias(kernel-default:of:N*T*Craspberrypi%2Cbcm2835%2Dfirmware)",
                Some("kernel-default"),
                "of:N*T*Craspberrypi,bcm2835-firmware",
                &[],
            ),
            // The package is not decoded, the colon in the escape does not split.
            (
                "modalias(dmi%3AbvnACME*%3Abvr*)",
                None,
                "dmi:bvnACME*:bvr*",
                &[],
            ),
            (
                "modalias(dmi:bvnACME*:bvr*)",
                Some("dmi"),
                "bvnACME*:bvr*",
                &["split"],
            ),
            (
                "modalias(acpi*:PNP0C0A:*)",
                Some("acpi*"),
                "PNP0C0A:*",
                &["split"],
            ),
            ("modalias(:a:b)", None, ":a:b", &[]),
            // The generator's own fault: a class that cuts an escape.
            (
                "modalias(kernel-default:of:Nfoo%2[CD]bar)",
                Some("kernel-default"),
                "of:Nfoo%2[CD]bar",
                &["escape"],
            ),
            ("modalias(x:%)", None, "x:%", &["escape"]),
            ("modalias(x:%FF)", None, "x:%FF", &["text"]),
            ("modalias()", None, "", &["empty"]),
            ("modalias(a)b))", None, "a)b)", &[]),
            (
                "(kernel-default and modalias(pci:v*:))",
                Some("kernel-default"),
                "pci:v*:",
                &["boolean"],
            ),
            (
                "(modalias(usb:*) and foo)",
                Some("foo"),
                "usb:*",
                &["boolean"],
            ),
        ];
        for (text, package, pattern, warnings) in cases {
            let supplement = parse_supplement(text).unwrap();
            assert_eq!(supplement.package.as_deref(), package, "{text}");
            assert_eq!(supplement.pattern, pattern, "{text}");
            assert_eq!(kinds(&supplement), warnings, "{text}");
        }
    }

    #[test]
    fn leaves_other_dependencies_alone() {
        let others = [
            "",
            "kernel-default",
            "modalias",
            "modalias(pci:v*",
            "Modalias(pci:v*)",
            "packageand(kernel-default:acme)",
            "(kernel-default and acme)",
            "(a and b and modalias(c))",
            "(modalias(a) and modalias(b))",
            "(modalias(a) or b)",
            "filesystem(btrfs)",
        ];
        for text in others {
            assert_eq!(parse_supplement(text), None, "{text}");
        }
    }

    #[test]
    fn warns_where_the_solver_stops() {
        let fill = |length: usize| format!("modalias({})", "a".repeat(length - 10));
        assert_eq!(
            kinds(&parse_supplement(&fill(DEPENDENCY_MAX - 1)).unwrap()),
            [""; 0]
        );
        assert_eq!(
            kinds(&parse_supplement(&fill(DEPENDENCY_MAX)).unwrap()),
            ["long"]
        );
    }

    proptest! {
        #[test]
        fn reads_back_what_rpm_generates(pattern in "[ -~]{1,80}") {
            let encode = |byte: u8| match byte {
                b'*' | b':' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            };
            let encoded: String = pattern.bytes().map(encode).collect();
            let read = parse_supplement(&format!("modalias(kernel-default:pci:{encoded})")).unwrap();
            prop_assert_eq!(read.package.as_deref(), Some("kernel-default"));
            prop_assert_eq!(read.pattern, format!("pci:{pattern}"));
            prop_assert_eq!(read.warnings, []);
        }

        #[test]
        fn never_panics(text in "(modalias\\(|\\()?[%a-f0-9:*é() ]{0,40}( and modalias\\()?\\)?") {
            let _ = parse_supplement(&text);
        }
    }
}
