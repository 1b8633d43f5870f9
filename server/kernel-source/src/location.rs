//! What the place of a symvers file tells about its kernel.
//!
//! ```text
//! symvers-6.4.0-150600.21-default.gz                      SUSE, Red Hat: /boot
//! 6.4.0-150600.21-default/symvers.gz                      below /lib/modules
//! 5.14.0-503.el9.x86_64/Module.symvers                    /usr/src/kernels, or …/build/ of the above
//! linux-headers-6.1.0-56-amd64/Module.symvers             Debian: /usr/src
//! linux-6.4.0-150600.21-obj/x86_64/default/Module.symvers SUSE: /usr/src
//! x86_64/symvers-default                                  kabi folder of SUSE's kernel-source
//! ```

use std::path::Path;

/// Any of it may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// `uname -r`.
    pub release: Option<String>,
    /// A name that `kabi::arch` knows.
    pub arch: Option<String>,
    /// `default`, `rt` …
    pub flavor: Option<String>,
}

impl Told {
    /// Takes what is not known yet from another place's word.
    pub fn learn(&mut self, other: Told) {
        self.release = self.release.take().or(other.release);
        self.arch = self.arch.take().or(other.arch);
        self.flavor = self.flavor.take().or(other.flavor);
    }
}

/// Reads the file's name and the folders it is in.
#[must_use]
pub fn read(path: &Path) -> Told {
    let names: Vec<String> = path
        .ancestors()
        .map_while(|part| part.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let name = |index: usize| names.get(index).map_or("", String::as_str);
    let parent = match name(1) {
        // /lib/modules/<release>/build is the folder that modules are built with.
        "build" | "source" => name(2),
        other => other,
    };
    let stem = without_compression(name(0));
    let from_name = ["Module.symvers-", "symvers-"]
        .iter()
        .find_map(|prefix| stem.strip_prefix(prefix));
    match from_name {
        Some(release) if is_release(release) => of_release(release),
        Some(flavor) => Told {
            arch: known_arch(name(1)),
            flavor: Some(flavor.to_owned()),
            release: None,
        },
        None => in_object_folder(name(1), name(2), name(3))
            .or_else(|| in_release_folder(parent))
            .unwrap_or_default(),
    }
}

/// What a release says of itself.
#[must_use]
pub fn of_release(release: &str) -> Told {
    Told {
        arch: release.split(['.', '-', '+']).rev().find_map(known_arch),
        flavor: Some(
            kabi::flavor::of_release(release)
                .unwrap_or_default()
                .to_owned(),
        ),
        release: Some(release.to_owned()),
    }
}

fn in_object_folder(flavor: &str, arch: &str, folder: &str) -> Option<Told> {
    let version = folder.strip_prefix("linux-")?.strip_suffix("-obj")?;
    Some(Told {
        release: is_release(version).then(|| format!("{version}-{flavor}")),
        arch: known_arch(arch),
        flavor: Some(flavor.to_owned()),
    })
}

fn in_release_folder(folder: &str) -> Option<Told> {
    let release = folder.strip_prefix("linux-headers-").unwrap_or(folder);
    is_release(release).then(|| of_release(release))
}

fn without_compression(name: &str) -> &str {
    [".gz", ".xz", ".zst", ".bz2"]
        .iter()
        .find_map(|suffix| name.strip_suffix(suffix))
        .unwrap_or(name)
}

/// Two numbers with a dot between them come first.
fn is_release(text: &str) -> bool {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    let has_number = |part: Option<&str>| part.is_some_and(|digits| !digits.is_empty());
    has_number(numbers.next())
        && has_number(numbers.next())
        && text
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .starts_with('.')
}

fn known_arch(name: &str) -> Option<String> {
    // Whatever the processor: the question is whether the name is known.
    let any = kmod::Machine {
        e_machine: 0,
        is_64: true,
        little_endian: true,
    };
    kabi::arch::runs(name, any).map(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_real_files() {
        let cases = [
            (
                "/boot/symvers-6.4.0-150600.21-default.gz",
                "6.4.0-150600.21-default",
                "",
                "default",
            ),
            (
                "symvers-5.14.0-503.el9.x86_64.xz",
                "5.14.0-503.el9.x86_64",
                "x86_64",
                "-",
            ),
            (
                "/lib/modules/6.4.0-1-rt/symvers.zst",
                "6.4.0-1-rt",
                "",
                "rt",
            ),
            (
                "/lib/modules/5.14.0-503.el9.aarch64+64k/build/Module.symvers",
                "5.14.0-503.el9.aarch64+64k",
                "aarch64",
                "64k",
            ),
            (
                "/usr/src/linux-headers-6.1.0-56-rt-amd64/Module.symvers",
                "6.1.0-56-rt-amd64",
                "amd64",
                "rt-amd64",
            ),
            (
                "/usr/src/linux-6.4.0-150600.21-obj/x86_64/default/Module.symvers",
                "6.4.0-150600.21-default",
                "x86_64",
                "default",
            ),
            ("kabi/x86_64/symvers-default", "", "x86_64", "default"),
            ("Module.symvers", "", "", ""),
            ("/tmp/6/Module.symvers", "", "", ""),
            ("/tmp/build/Module.symvers", "", "", ""),
            ("", "", "", ""),
        ];
        for (path, release, arch, flavor) in cases {
            let found = read(Path::new(path));
            let some = |text: &str| (!text.is_empty()).then(|| text.trim_matches('-').to_owned());
            let expected = Told {
                release: some(release),
                arch: some(arch),
                flavor: some(flavor),
            };
            assert_eq!(found, expected, "{path}");
        }
    }
}
