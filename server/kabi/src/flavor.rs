//! The flavor in a kernel release: which of several builds of one source it is.
//!
//! ```text
//! 6.4.0-150600.21-default        default        SUSE: after the last hyphen
//! 6.1.0-56-rt-amd64              rt-amd64       Debian: all words at the end
//! 5.14.0-503.el9.x86_64+rt       rt             Red Hat: after the plus
//! 5.14.0-503.el9.x86_64          none
//! ```
//!
//! The loader does not know flavors. They matter because a package is built and delivered for one:
//! `weak-modules2` links a module into kernels of its own flavor only.

/// The flavor a release names; `None` when it names none.
pub fn of_release(release: &str) -> Option<&str> {
    let start = release.rfind('-').map_or(0, |hyphen| hyphen + 1);
    if let Some(plus) = release[start..].rfind('+') {
        let flavor = &release[start + plus + 1..];
        return is_flavor(flavor).then_some(flavor);
    }
    if start == 0 || !is_flavor(&release[start..]) {
        return None;
    }
    Some(&release[first_word(release, start)..])
}

/// Where the words begin that end at `start`: `rt-amd64` is one flavor, not `amd64` of some kind.
fn first_word(release: &str, mut start: usize) -> usize {
    while let Some(before) = start.checked_sub(1).and_then(|end| release.get(..end)) {
        let word = before.rfind('-').map_or(0, |hyphen| hyphen + 1);
        let is_word =
            !before[word..].is_empty() && before[word..].bytes().all(|b| b.is_ascii_lowercase());
        if word == 0 || !is_word {
            break;
        }
        start = word;
    }
    start
}

/// `default`, `64kb`, `rt_debug`: small letters, digits and underscores, some letter among them.
fn is_flavor(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Is a module of `module_release` made for another flavor than the kernel `kernel_release`, which
/// its distributor calls `kernel_flavor`? Then the module's flavor (empty: none).
pub fn differs<'a>(
    module_release: &'a str,
    kernel_release: &str,
    kernel_flavor: &str,
) -> Option<&'a str> {
    let built_for = of_release(module_release);
    let named = of_release(kernel_release);
    // The distributor's own word for it counts as much as the name in the release.
    if built_for == named || built_for == Some(kernel_flavor) {
        return None;
    }
    Some(built_for.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavors_of_real_releases() {
        let cases = [
            ("6.4.0-150600.21-default", Some("default")),
            ("6.4.0-150600.21-64kb", Some("64kb")),
            ("6.12.0-160000.5-rt_debug", Some("rt_debug")),
            ("6.12.0-rc1-1-default", Some("default")),
            ("6.12.0-rc1-default", Some("default")),
            ("6.1.0-56-amd64", Some("amd64")),
            ("6.1.0-56-rt-amd64", Some("rt-amd64")),
            ("6.1.0-56-cloud-amd64", Some("cloud-amd64")),
            ("6.12.117+deb12-amd64", Some("amd64")),
            ("6.12.117+deb12-cloud-amd64", Some("cloud-amd64")),
            ("6.1.0-50-s390x", Some("s390x")),
            ("6.1.0-50-686-pae", Some("pae")),
            ("6.8.0-45-generic", Some("generic")),
            ("5.14.0-503.el9.x86_64", None),
            ("5.14.0-503.el9.x86_64+rt", Some("rt")),
            ("5.14.0-503.el9.aarch64+64k", Some("64k")),
            ("4.18.0-553.el8_10.x86_64", None),
            ("6.4.0", None),
            ("6.4.0-1", None),
            ("next", None),
            ("", None),
            ("-", None),
            ("-default", Some("default")),
            ("--default", Some("default")),
            ("+", None),
        ];
        for (release, flavor) in cases {
            assert_eq!(of_release(release), flavor, "{release}");
        }
    }

    #[test]
    fn modules_and_kernels() {
        let cases = [
            // built for, kernel, its flavor, other flavor
            (
                "6.4.0-150600.21-default",
                "6.4.0-150600.23-default",
                "default",
                None,
            ),
            (
                "6.4.0-150600.21-default",
                "6.4.0-150600.23-azure",
                "azure",
                Some("default"),
            ),
            (
                "6.4.0-150600.21-default",
                "6.4.0-150600.23",
                "default",
                None,
            ),
            (
                "6.1.0-56-amd64",
                "6.1.0-56-rt-amd64",
                "rt-amd64",
                Some("amd64"),
            ),
            ("6.1.0-56-amd64", "6.1.0-56-rt-amd64", "rt", Some("amd64")),
            ("6.1.0-55-rt-amd64", "6.1.0-56-rt-amd64", "rt", None),
            (
                "6.1.0-56-rt-amd64",
                "6.1.0-56-amd64",
                "amd64",
                Some("rt-amd64"),
            ),
            ("6.1.0-56-amd64", "6.12.117+deb12-amd64", "default", None),
            (
                "5.14.0-427.el9.x86_64",
                "5.14.0-503.el9.x86_64",
                "default",
                None,
            ),
            ("5.14.0-427.el9.x86_64", "5.14.0-503.el9.x86_64", "", None),
            (
                "5.14.0-427.el9.x86_64+rt",
                "5.14.0-503.el9.x86_64",
                "",
                Some("rt"),
            ),
            (
                "5.14.0-427.el9.x86_64",
                "5.14.0-503.el9.x86_64+rt",
                "rt",
                Some(""),
            ),
        ];
        for (module, kernel, flavor, expected) in cases {
            assert_eq!(
                differs(module, kernel, flavor),
                expected,
                "{module} on {kernel}"
            );
        }
    }
}
