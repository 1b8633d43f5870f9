//! Names, versions and paths of kernel module packages.
//!
//! ```text
//! name    = base "-kmp-" flavor                        acme-net-kmp-default
//! version = driver "_k" kernel                         1.0_k6.4.0_150600.21   (SLE 12 and later)
//!         | driver "_" kernel                          1.0_3.0.101_63         (Code 10 and 11)
//! path    = [ "/usr" ] "/lib/modules/" release "/" [ subdir "/" ] file
//! ```
//! In a version every `-` of the kernel's release is written `_`. Source: the KMP template of
//! openSUSE's kernel-source and `weak-modules2` of suse-module-tools, which cuts a name at its last
//! `-kmp-`.

/// Name of a SUSE kernel module package.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KmpName {
    /// `acme-net`: provider prefix and driver.
    pub base: String,
    /// `default`, `azure`, `64kb` …: an open set of `[a-z0-9_]+`.
    pub flavor: String,
}

impl KmpName {
    /// `None` when the name is not one, as with `x-kmp-default-debuginfo`.
    pub fn parse(name: &str) -> Option<KmpName> {
        let (base, flavor) = name.rsplit_once("-kmp-")?;
        let base_fits = base.starts_with(|c: char| c.is_ascii_alphanumeric())
            && base
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b));
        (base_fits && is_flavor(flavor)).then(|| KmpName {
            base: base.to_owned(),
            flavor: flavor.to_owned(),
        })
    }
}

/// Lower-case letters, digits and `_`, at least one; never a hyphen, because SUSE's tools take what
/// follows the last one.
pub(crate) fn is_flavor(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !text.is_empty() && text.bytes().all(fits)
}

/// Version of a SUSE kernel module package: the driver's own and that of the kernel it was built for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct KmpVersion {
    /// As the vendor counts.
    pub driver_version: String,
    /// Without flavor, hyphens restored: `6.4.0-150600.21`.
    pub kernel_version: String,
}

impl KmpVersion {
    /// The last `_k` before a kernel version decides. Without one (Code 10 and 11) the kernel is the
    /// last three-part number, with what follows it, or else the last number.
    pub fn parse(version: &str) -> Option<KmpVersion> {
        let parts: Vec<&str> = version.split('_').collect();
        let start = with_letter_k(&parts).or_else(|| without_letter_k(&parts))?;
        let (driver, kernel) = (parts.get(..start)?.join("_"), parts.get(start..)?.join("-"));
        let kernel = kernel.strip_prefix('k').unwrap_or(&kernel).to_owned();
        (!driver.is_empty()).then_some(KmpVersion {
            driver_version: driver,
            kernel_version: kernel,
        })
    }
}

/// Index of the last part that reads `k<kernel>`; the first part is always the driver's.
fn with_letter_k(parts: &[&str]) -> Option<usize> {
    let fits = |part: &&str| part.strip_prefix('k').is_some_and(|v| number_parts(v) >= 2);
    parts.iter().skip(1).rposition(fits).map(|at| at + 1)
}

fn without_letter_k(parts: &[&str]) -> Option<usize> {
    let last = parts.len().checked_sub(1).filter(|&last| last >= 1)?;
    let before = parts.get(last - 1).map_or(0, |part| number_parts(part));
    if last >= 2 && before >= 3 {
        return Some(last - 1);
    }
    (number_parts(parts.get(last)?) >= 2).then_some(last)
}

/// How many numbers a dotted version has; 0 when it is not made of numbers alone.
fn number_parts(text: &str) -> usize {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if text.split('.').all(is_number) {
        text.split('.').count()
    } else {
        0
    }
}

/// Where a module file lies.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ModulePath {
    /// `/lib/modules` or, on systems with merged `/usr`, `/usr/lib/modules`.
    pub root: String,
    /// Directory name, `uname -r`: `6.4.0-150600.21-default`.
    pub kernel_release: String,
    /// First directory below: `updates`, `extra`, `kernel`, `weak-updates`; empty when there is none.
    pub subdir: String,
    /// Rest of the path: `acme/net.ko.xz`.
    pub file: String,
}

impl ModulePath {
    /// `None` when the path is not that of a module (`.ko`, or packed `.ko.gz`, `.ko.xz`, `.ko.zst`,
    /// `.ko.bz2`) below a module root.
    pub fn parse(path: &str) -> Option<ModulePath> {
        let root = ROOTS.into_iter().find(|root| {
            path.strip_prefix(root)
                .is_some_and(|rest| rest.starts_with('/'))
        })?;
        let below = path.get(root.len() + 1..)?;
        let (kernel_release, rest) = below.split_once('/')?;
        if kernel_release.is_empty() || !has_module_suffix(rest) {
            return None;
        }
        let (subdir, file) = rest.split_once('/').unwrap_or(("", rest));
        Some(ModulePath {
            root: root.to_owned(),
            kernel_release: kernel_release.to_owned(),
            subdir: subdir.to_owned(),
            file: file.to_owned(),
        })
    }

    /// The kernel's flavor: what follows the last hyphen of its release.
    pub fn flavor(&self) -> Option<&str> {
        let (_, flavor) = self.kernel_release.rsplit_once('-')?;
        is_flavor(flavor).then_some(flavor)
    }
}

const ROOTS: [&str; 2] = ["/usr/lib/modules", "/lib/modules"];

fn has_module_suffix(file: &str) -> bool {
    let unpacked = [".gz", ".xz", ".zst", ".bz2"]
        .into_iter()
        .find_map(|s| file.strip_suffix(s));
    let stem = unpacked.unwrap_or(file).strip_suffix(".ko");
    stem.is_some_and(|stem| !stem.is_empty() && !stem.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names() {
        let cases = [
            ("acme-net-kmp-default", Some(("acme-net", "default"))),
            ("acme-net-kmp-64kb", Some(("acme-net", "64kb"))),
            ("x-kmp-y-kmp-rt", Some(("x-kmp-y", "rt"))),
            ("libfoo+1.2_3-kmp-ec2", Some(("libfoo+1.2_3", "ec2"))),
            ("acme-net-kmp-default-debuginfo", None),
            ("acme-net-kmp-", None),
            ("-kmp-default", None),
            ("acme net-kmp-default", None),
            ("acme-net-kmp-Default", None),
            ("acme-net", None),
        ];
        for (name, expected) in cases {
            let parsed = KmpName::parse(name);
            let parsed = parsed
                .as_ref()
                .map(|n| (n.base.as_str(), n.flavor.as_str()));
            assert_eq!(parsed, expected, "{name}");
        }
    }

    #[test]
    fn versions() {
        let cases = [
            ("1.0_k6.12.0_160000.5", Some(("1.0", "6.12.0-160000.5"))),
            ("1.0_k6.4.0_150600.21", Some(("1.0", "6.4.0-150600.21"))),
            ("2.14_k4.12.14_lp151.16", Some(("2.14", "4.12.14-lp151.16"))),
            ("1.0_k6.13.0", Some(("1.0", "6.13.0"))),
            ("1.0_rc2_k6.4.0_1", Some(("1.0_rc2", "6.4.0-1"))),
            ("1_k2.0_k6.4.0_1", Some(("1_k2.0", "6.4.0-1"))),
            // A release candidate keeps a hyphen of its own.
            ("1.0_k6.12_rc1_1", Some(("1.0", "6.12-rc1-1"))),
            // Code 10 and 11.
            ("1.0_3.0.101_63", Some(("1.0", "3.0.101-63"))),
            ("1.0_2.6.32.12_0.7", Some(("1.0", "2.6.32.12-0.7"))),
            ("1.0_2.6.16.60_0.21", Some(("1.0", "2.6.16.60-0.21"))),
            ("8.62_2.6.27.0_1", Some(("8.62", "2.6.27.0-1"))),
            ("1.0_2.0_3.0.101", Some(("1.0_2.0", "3.0.101"))),
            ("1.0_3.0", Some(("1.0", "3.0"))),
            // Not versions of a kernel module package.
            ("1.0", None),
            ("1.0_beta", None),
            ("k6.4.0_1", None),
            ("_k6.4.0", None),
            ("", None),
        ];
        for (version, expected) in cases {
            let parsed = KmpVersion::parse(version);
            let parts = parsed
                .as_ref()
                .map(|v| (v.driver_version.as_str(), v.kernel_version.as_str()));
            assert_eq!(parts, expected, "{version}");
        }
    }

    #[test]
    fn module_paths() {
        let release = "6.4.0-150600.21-default";
        let cases = [
            (
                "/lib/modules/R/updates/acme.ko",
                Some(("/lib/modules", "updates", "acme.ko")),
            ),
            (
                "/usr/lib/modules/R/extra/a/b.ko.xz",
                Some(("/usr/lib/modules", "extra", "a/b.ko.xz")),
            ),
            (
                "/lib/modules/R/kernel/x.ko.zst",
                Some(("/lib/modules", "kernel", "x.ko.zst")),
            ),
            (
                "/lib/modules/R/x.ko.bz2",
                Some(("/lib/modules", "", "x.ko.bz2")),
            ),
            ("/lib/modules/R/updates/acme.ko.debug", None),
            ("/lib/modules/R/updates/.ko", None),
            ("/lib/modules/R/modules.dep", None),
            ("/lib/modules/x.ko", None),
            ("/lib/modulesx/R/updates/acme.ko", None),
            ("/opt/lib/modules/R/updates/acme.ko", None),
            ("lib/modules/R/updates/acme.ko", None),
        ];
        for (path, expected) in cases {
            let parsed = ModulePath::parse(&path.replace('R', release));
            if let Some(parsed) = &parsed {
                assert_eq!(parsed.kernel_release, release);
                assert_eq!(parsed.flavor(), Some("default"));
            }
            let parts = parsed
                .as_ref()
                .map(|p| (p.root.as_str(), p.subdir.as_str(), p.file.as_str()));
            assert_eq!(parts, expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = (KmpName::parse(&text), KmpVersion::parse(&text), ModulePath::parse(&text));
        }

        #[test]
        fn a_kernel_version_survives_mangling(
            driver in "[a-z0-9.]{1,6}",
            kernel in "[1-9]\\.[0-9]{1,2}\\.[0-9]{1,3}-[0-9]{1,6}\\.[0-9]{1,3}",
        ) {
            let version = format!("{driver}_k{}", kernel.replace('-', "_"));
            let parsed = KmpVersion::parse(&version).expect("is a KMP version");
            prop_assert_eq!(parsed.driver_version, driver);
            prop_assert_eq!(parsed.kernel_version, kernel);
        }
    }
}
