//! Dependencies on kernel symbols, one by one or in sets.
//!
//! ```text
//! SUSE     "ksym(" flavor ":" symbol ")" "=" crc        crc  = hex, lower case, no 0x, no zeros in front
//! Red Hat  "kernel(" symbol ")" "=" crc                 crc  = "0x" 8 hex digits
//!          "ksym(" symbol ")" "=" crc
//! Code 10  "kernel(" [ flavor ":" ] set ")" "=" hash    hash = 16 hex digits
//! ```
//! Source: `find-provides.ksyms`, `find-requires.ksyms` and the symset scripts of SUSE's
//! rpm-config and kernel-source; `find-provides.d` of Red Hat's redhat-rpm-config. A CRC of zero
//! comes out of SUSE's script as an empty version (`ksym(default:foo) = `).

use kmod::{Crc, Oddity};

use crate::names::is_flavor;
use crate::oddities::quoted;
use crate::{Dependency, sense};

/// Code of the oddity for a dependency that starts like one on a symbol and is none.
pub(crate) const BROKEN: &str = "broken-symbol-dependency";

/// A dependency on one symbol with its version.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KsymDependency {
    /// `None` in the Red Hat forms.
    pub flavor: Option<String>,
    /// Name of the symbol.
    pub symbol: String,
    /// `None` when the dependency compares nothing.
    pub crc: Option<Crc>,
    /// The CRC is spelled as the distribution's generator spells it. Package managers compare it as
    /// a version text, so another spelling of the same number may not match.
    pub canonical: bool,
}

impl KsymDependency {
    /// `None` when the dependency is about something else, a symbol set included.
    ///
    /// # Errors
    /// The dependency begins like one on a symbol but is cut short, empty, compares with something
    /// other than `=`, or its version is no CRC.
    pub fn parse(dependency: &Dependency) -> Option<Result<KsymDependency, Oddity>> {
        let name = dependency.name.as_str();
        let (inner, is_ksym) = match (name.strip_prefix("ksym("), name.strip_prefix("kernel(")) {
            (Some(inner), _) => (inner, true),
            (_, Some(inner)) if !is_symset(inner, &dependency.version) => (inner, false),
            _ => return None,
        };
        let parsed = parse_symbol(inner, is_ksym, dependency);
        Some(parsed.map_err(|why| broken(dependency, why)))
    }
}

fn parse_symbol(
    inner: &str,
    is_ksym: bool,
    dependency: &Dependency,
) -> Result<KsymDependency, &'static str> {
    let inner = inner
        .strip_suffix(')')
        .ok_or("the closing bracket is missing")?;
    let (flavor, symbol) = match inner.split_once(':') {
        Some((flavor, symbol)) if is_ksym => (Some(flavor), symbol),
        _ => (None, inner),
    };
    if flavor.is_some_and(|flavor| !is_flavor(flavor)) {
        return Err("the flavor is not made of lower-case letters, digits and _");
    }
    if symbol.is_empty() || !symbol.bytes().all(is_symbol_byte) {
        return Err("the symbol's name is empty or holds characters that no symbol has");
    }
    let (crc, canonical) = parse_crc(dependency, flavor.is_some())?;
    let flavor = flavor.map(str::to_owned);
    Ok(KsymDependency {
        flavor,
        symbol: symbol.to_owned(),
        crc,
        canonical,
    })
}

/// C, assembler and Rust symbols.
fn is_symbol_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$')
}

fn parse_crc(dependency: &Dependency, suse: bool) -> Result<(Option<Crc>, bool), &'static str> {
    match dependency.flags & sense::COMPARISON {
        0 if dependency.version.is_empty() => return Ok((None, true)),
        sense::EQUAL => {}
        _ => return Err("a CRC is compared with something other than ="),
    }
    let text = dependency.version.as_str();
    if text.is_empty() {
        // SUSE's generator strips every zero of 0x00000000.
        return Ok((Some(Crc(0)), suse));
    }
    let crc: Crc = text
        .parse()
        .map_err(|_| "the version is not a CRC of 1 to 8 hex digits")?;
    let usual = if suse { crc.to_suse() } else { crc.to_padded() };
    Ok((Some(crc), text == usual))
}

/// A dependency on a set of symbols by the hash over their CRCs (Code 10 and 11).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SymsetDependency {
    /// `None` before May 2008.
    pub flavor: Option<String>,
    /// `kernel`, `fs`, `drivers_net_e1000` …: a directory of the kernel's source.
    pub set: String,
    /// 16 lower-case hex digits; empty when the dependency compares nothing.
    pub hash: String,
}

impl SymsetDependency {
    /// `None` when the dependency is about something else.
    ///
    /// # Errors
    /// As with [`KsymDependency::parse`].
    pub fn parse(dependency: &Dependency) -> Option<Result<SymsetDependency, Oddity>> {
        let inner = dependency.name.strip_prefix("kernel(")?;
        is_symset(inner, &dependency.version)
            .then(|| parse_symset(inner, dependency).map_err(|why| broken(dependency, why)))
    }
}

fn parse_symset(inner: &str, dependency: &Dependency) -> Result<SymsetDependency, &'static str> {
    let inner = inner
        .strip_suffix(')')
        .ok_or("the closing bracket is missing")?;
    let (flavor, set) = match inner.split_once(':') {
        Some((flavor, set)) => (Some(flavor), set),
        None => (None, inner),
    };
    if flavor.is_some_and(|flavor| !is_flavor(flavor)) {
        return Err("the flavor is not made of lower-case letters, digits and _");
    }
    if set.is_empty() || !set.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err("the set's name is empty or holds characters that no set has");
    }
    let hash = &dependency.version;
    match dependency.flags & sense::COMPARISON {
        0 if hash.is_empty() => {}
        sense::EQUAL if is_symset_hash(hash) => {}
        _ => return Err("a set is not compared with = and 16 lower-case hex digits"),
    }
    let flavor = flavor.map(str::to_owned);
    Ok(SymsetDependency {
        flavor,
        set: set.to_owned(),
        hash: hash.clone(),
    })
}

/// `kernel(…)` means a set when it names a flavor or its version is a set's hash; Red Hat's means a
/// symbol. No symbol's name holds a colon, no CRC has 16 digits.
fn is_symset(inner: &str, version: &str) -> bool {
    inner.contains(':') || is_symset_hash(version)
}

fn is_symset_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn broken(dependency: &Dependency, why: &str) -> Oddity {
    let detail = format!("{}: {why}", quoted(&dependency.to_string()));
    Oddity {
        code: BROKEN.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn equal(name: &str, version: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            flags: sense::EQUAL,
            version: version.to_owned(),
        }
    }

    #[test]
    fn symbols() {
        let cases = [
            (
                "ksym(default:printk)",
                "92997ed8",
                Some("default"),
                "printk",
                0x9299_7ed8,
                true,
            ),
            (
                "ksym(default:printk)",
                "f6dc4f1",
                Some("default"),
                "printk",
                0x0f6d_c4f1,
                true,
            ),
            (
                "ksym(default:printk)",
                "0f6dc4f1",
                Some("default"),
                "printk",
                0x0f6d_c4f1,
                false,
            ),
            (
                "ksym(default:printk)",
                "F6DC4F1",
                Some("default"),
                "printk",
                0x0f6d_c4f1,
                false,
            ),
            (
                "ksym(default:printk)",
                "0xf6dc4f1",
                Some("default"),
                "printk",
                0x0f6d_c4f1,
                false,
            ),
            (
                "ksym(64kb:_RNv1.a$b)",
                "0",
                Some("64kb"),
                "_RNv1.a$b",
                0,
                true,
            ),
            ("ksym(default:zero)", "", Some("default"), "zero", 0, true),
            (
                "kernel(printk)",
                "0x0f6dc4f1",
                None,
                "printk",
                0x0f6d_c4f1,
                true,
            ),
            (
                "kernel(printk)",
                "f6dc4f1",
                None,
                "printk",
                0x0f6d_c4f1,
                false,
            ),
            (
                "ksym(printk)",
                "0x92997ed8",
                None,
                "printk",
                0x9299_7ed8,
                true,
            ),
        ];
        for (name, version, flavor, symbol, crc, canonical) in cases {
            let parsed = KsymDependency::parse(&equal(name, version))
                .expect(name)
                .expect(name);
            assert_eq!(parsed.flavor.as_deref(), flavor, "{name}");
            assert_eq!(parsed.symbol, symbol, "{name}");
            assert_eq!(parsed.crc, Some(Crc(crc)), "{name} = {version}");
            assert_eq!(parsed.canonical, canonical, "{name} = {version}");
        }
    }

    #[test]
    fn a_symbol_without_a_version() {
        let any = Dependency {
            name: "ksym(default:x)".into(),
            flags: 0,
            version: String::new(),
        };
        assert_eq!(KsymDependency::parse(&any).unwrap().unwrap().crc, None);
    }

    #[test]
    fn broken_symbols_are_oddities() {
        let cases = [
            ("ksym(default:", "1"),
            ("ksym(default:\u{2}", "1"),
            ("ksym(default:)", "1"),
            ("ksym(default:a b)", "1"),
            ("ksym(De-fault:a)", "1"),
            ("ksym(default:a)", "123456789"),
            ("ksym(default:a)", "printk"),
            ("kernel(printk)", "1.0-1"),
            ("kernel(", "0x1"),
        ];
        for (name, version) in cases {
            let oddity = KsymDependency::parse(&equal(name, version))
                .expect(name)
                .unwrap_err();
            assert_eq!(oddity.code, BROKEN);
            assert!(
                !oddity.detail.contains('\u{2}'),
                "control characters are escaped"
            );
        }
        let at_least = Dependency {
            flags: sense::EQUAL | sense::GREATER,
            ..equal("ksym(x)", "1")
        };
        assert!(KsymDependency::parse(&at_least).unwrap().is_err());
    }

    #[test]
    fn other_dependencies() {
        for name in [
            "kernel",
            "kernel-default",
            "kmod(x.ko)",
            "modalias(pci:*)",
            "xksym(a:b)",
            "",
        ] {
            assert_eq!(KsymDependency::parse(&equal(name, "1")), None, "{name}");
            assert_eq!(SymsetDependency::parse(&equal(name, "1")), None, "{name}");
        }
    }

    #[test]
    fn symbol_sets() {
        let hash = "f06347de1657cfa8";
        let cases = [
            (
                "kernel(default:kernel_printk)",
                Some("default"),
                "kernel_printk",
            ),
            ("kernel(drivers_net_e1000)", None, "drivers_net_e1000"),
        ];
        for (name, flavor, set) in cases {
            let dependency = equal(name, hash);
            assert_eq!(KsymDependency::parse(&dependency), None, "{name}");
            let parsed = SymsetDependency::parse(&dependency).unwrap().unwrap();
            assert_eq!(parsed.flavor.as_deref(), flavor);
            assert_eq!((parsed.set.as_str(), parsed.hash.as_str()), (set, hash));
        }
        assert!(
            SymsetDependency::parse(&equal("kernel(default:fs)", "f06347"))
                .unwrap()
                .is_err()
        );
        assert!(
            SymsetDependency::parse(&equal("kernel(default:", hash))
                .unwrap()
                .is_err()
        );
    }

    proptest! {
        #[test]
        fn never_panics(name in "(ksym|kernel)?\\(?\\PC*\\)?", version in "\\PC*", flags: u32) {
            let dependency = Dependency { name, flags, version };
            let _ = (KsymDependency::parse(&dependency), SymsetDependency::parse(&dependency));
        }

        #[test]
        fn reads_what_suse_writes(crc: u32, symbol in "[a-zA-Z_][a-zA-Z0-9_]{0,60}") {
            let dependency = equal(&format!("ksym(default:{symbol})"), &Crc(crc).to_suse());
            let parsed = KsymDependency::parse(&dependency).unwrap().unwrap();
            prop_assert!(parsed.canonical);
            prop_assert_eq!(parsed.crc, Some(Crc(crc)));
            prop_assert_eq!(parsed.symbol, symbol);
        }
    }
}
