//! What a kernel's configuration tells of its vermagic.
//!
//! ```text
//! tail = [ "SMP " ] [ "preempt " | "preempt_rt " ] [ "mod_unload " ] [ "modversions " ] [ arch ]
//! ```
//! Source: `include/linux/vermagic.h`, `arch/*/include/asm/vermagic.h` (6.1, 6.12). Where the rule
//! needs more than the configuration, or has changed over time, nothing is said.

use std::collections::HashSet;

/// The tail of the vermagic of a kernel with this `.config`, where it follows from it.
pub(crate) fn vermagic_tail(config: &str) -> Option<String> {
    let set: HashSet<&str> = config
        .lines()
        .filter_map(|line| line.trim_end().strip_suffix("=y"))
        .collect();
    let is_set = |name: &str| set.contains(name);
    let arch = if is_set("CONFIG_X86_64") || is_set("CONFIG_S390") {
        ""
    } else if is_set("CONFIG_ARM64") {
        "aarch64"
    } else {
        // Others depend on the processor's model or on how the image is linked.
        return None;
    };
    if is_set("CONFIG_RANDSTRUCT") || is_set("CONFIG_GCC_PLUGIN_RANDSTRUCT") {
        // The tail ends in a hash that the configuration does not hold.
        return None;
    }
    let is_preempt = is_set("CONFIG_PREEMPT") || is_set("CONFIG_PREEMPT_BUILD");
    let preempt = match (is_preempt, is_set("CONFIG_PREEMPT_RT")) {
        (true, true) => return None,
        (true, false) => "preempt ",
        (false, true) => "preempt_rt ",
        (false, false) => "",
    };
    let word = |name: &str, word: &'static str| if is_set(name) { word } else { "" };
    Some(format!(
        "{}{preempt}{}{}{arch}",
        word("CONFIG_SMP", "SMP "),
        word("CONFIG_MODULE_UNLOAD", "mod_unload "),
        word("CONFIG_MODVERSIONS", "modversions "),
    ))
}

/// The release in `include/generated/utsrelease.h`.
pub(crate) fn uts_release(header: &str) -> Option<String> {
    let value = header
        .lines()
        .find_map(|line| line.trim().strip_prefix("#define UTS_RELEASE "))?;
    let release = value.trim().strip_prefix('"')?.strip_suffix('"')?;
    (!release.is_empty()).then(|| release.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_configurations() {
        let base = "CONFIG_SMP=y\nCONFIG_MODULE_UNLOAD=y\nCONFIG_MODVERSIONS=y\n";
        let cases = [
            (
                "CONFIG_X86_64=y\nCONFIG_PREEMPT_BUILD=y\n",
                Some("SMP preempt mod_unload modversions "),
            ),
            (
                "CONFIG_X86_64=y\nCONFIG_PREEMPT_RT=y\n",
                Some("SMP preempt_rt mod_unload modversions "),
            ),
            ("CONFIG_S390=y\n", Some("SMP mod_unload modversions ")),
            (
                "CONFIG_ARM64=y\n",
                Some("SMP mod_unload modversions aarch64"),
            ),
            ("CONFIG_X86_64=y\nCONFIG_RANDSTRUCT=y\n", None),
            ("CONFIG_X86_32=y\n", None),
            ("", None),
        ];
        for (more, tail) in cases {
            let config = format!("{base}{more}");
            assert_eq!(vermagic_tail(&config).as_deref(), tail, "{more}");
        }
    }

    #[test]
    fn releases_of_headers() {
        let header = "#define UTS_RELEASE \"6.1.0-56-amd64\"\n";
        assert_eq!(uts_release(header).as_deref(), Some("6.1.0-56-amd64"));
        assert_eq!(uts_release("#define UTS_RELEASE \"\""), None);
        assert_eq!(uts_release("#define X 1"), None);
    }
}
