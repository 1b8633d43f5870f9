//! Builds RPM packages in memory: good ones that rpm accepts, old ones that nobody builds any more,
//! and broken ones that nobody should.
//!
//! [`RpmBuilder::build`] gives the bytes of the file. Everything has a default, so a test names only
//! what it is about; nothing depends on clock, machine or randomness.

mod archive;
mod header;
mod write;

pub use header::Value;

/// Seconds since 1970 of every date in a built package: 2023-11-14 22:13:20 UTC.
pub const BUILD_TIME: u32 = 1_700_000_000;

/// Which generation of rpm the package is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// rpm 3: no header regions, whole paths (`OLDFILENAMES`), MD5 only.
    V3,
    /// rpm 4.14 and later.
    V4,
    /// The same for files of 4 GiB and more: 64-bit sizes, payload without file names.
    V4Large,
    /// rpm 6: no MD5 or SHA-1, several payload digests.
    V6,
}

/// The dependency lists of a header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DependencyKind {
    /// Tags 1047, 1112, 1113.
    Provides,
    /// Tags 1048 to 1050.
    Requires,
    /// Tags 1053 to 1055.
    Conflicts,
    /// Tags 1090, 1114, 1115.
    Obsoletes,
    /// Tags 5046 to 5048.
    Recommends,
    /// Tags 5049 to 5051.
    Suggests,
    /// Tags 5052 to 5054.
    Supplements,
    /// Tags 5055 to 5057.
    Enhances,
    /// Tags 5035 to 5037.
    OrderWithRequires,
    /// Tags 1156 to 1158 (SUSE before rpm 4.12); add flag 1 << 27 for the strong form, recommends.
    OldSuggests,
    /// Tags 1159 to 1161; add flag 1 << 27 for the strong form, supplements.
    OldEnhances,
}

impl DependencyKind {
    const ALL: [DependencyKind; 11] = [
        DependencyKind::Provides,
        DependencyKind::Requires,
        DependencyKind::Conflicts,
        DependencyKind::Obsoletes,
        DependencyKind::Recommends,
        DependencyKind::Suggests,
        DependencyKind::Supplements,
        DependencyKind::Enhances,
        DependencyKind::OrderWithRequires,
        DependencyKind::OldSuggests,
        DependencyKind::OldEnhances,
    ];

    /// Tags of names, flags and versions.
    fn tags(self) -> [u32; 3] {
        match self {
            DependencyKind::Provides => [1047, 1112, 1113],
            DependencyKind::Requires => [1049, 1048, 1050],
            DependencyKind::Conflicts => [1054, 1053, 1055],
            DependencyKind::Obsoletes => [1090, 1114, 1115],
            DependencyKind::Recommends => [5046, 5048, 5047],
            DependencyKind::Suggests => [5049, 5051, 5050],
            DependencyKind::Supplements => [5052, 5054, 5053],
            DependencyKind::Enhances => [5055, 5057, 5056],
            DependencyKind::OrderWithRequires => [5035, 5037, 5036],
            DependencyKind::OldSuggests => [1156, 1158, 1157],
            DependencyKind::OldEnhances => [1159, 1161, 1160],
        }
    }
}

/// `RPMSENSE_*` bits.
const LESS: u32 = 2;
const GREATER: u32 = 4;
const EQUAL: u32 = 8;

/// File types of `st_mode` and the one `RPMFILE_*` bit used here.
const REGULAR: u16 = 0o100_000;
const DIRECTORY: u16 = 0o040_000;
const SYMLINK: u16 = 0o120_000;
const GHOST: u32 = 1 << 6;
const CONFIG: u32 = 1;

struct Dep {
    kind: DependencyKind,
    name: String,
    flags: u32,
    version: String,
}

struct Entry {
    path: String,
    mode: u16,
    flags: u32,
    /// What the header describes.
    content: Vec<u8>,
    /// What the payload holds when that is something else.
    packed: Option<Vec<u8>>,
    link_target: String,
    /// Path of the file this one is a hard link to.
    same_as: Option<String>,
    in_header: bool,
    in_payload: bool,
}

struct Script {
    kind: String,
    interpreter: Vec<String>,
    body: String,
}

struct Trigger {
    flags: u32,
    on: String,
    body: String,
}

/// `RPMSIGTAG_RSA`.
const RSA_HEADER: u32 = 268;

/// Makes one signature packet from the bytes it covers.
type Signer = Box<dyn FnOnce(&[u8]) -> Vec<u8>>;

/// Makes the payload from the archive.
type Packer = Box<dyn FnOnce(&[u8]) -> Vec<u8>>;

/// Builds one package; see the module's description.
#[must_use]
pub struct RpmBuilder {
    name: String,
    version: String,
    release: String,
    arch: String,
    epoch: Option<u32>,
    summary: String,
    description: String,
    license: String,
    vendor: Option<String>,
    packager: Option<String>,
    group: String,
    url: Option<String>,
    format: Format,
    compressor: String,
    packer: Option<Packer>,
    source: bool,
    dependencies: Vec<Dep>,
    entries: Vec<Entry>,
    scripts: Vec<Script>,
    triggers: Vec<Trigger>,
    changelog: Vec<(u32, String, String)>,
    signers: Vec<(u32, Signer)>,
    header_tags: Vec<(u32, Option<Value>)>,
    signature_tags: Vec<(u32, Option<Value>)>,
    trailing: Vec<u8>,
}

impl RpmBuilder {
    /// An empty package in today's format, gzip payload.
    pub fn new(name: &str, version: &str, release: &str, arch: &str) -> RpmBuilder {
        RpmBuilder {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            arch: arch.to_owned(),
            epoch: None,
            summary: format!("Test package {name}"),
            description: "Built by a test.".to_owned(),
            license: "GPL-2.0-only".to_owned(),
            vendor: None,
            packager: None,
            group: "System/Kernel".to_owned(),
            url: None,
            format: Format::V4,
            compressor: "gzip".to_owned(),
            packer: None,
            source: false,
            dependencies: Vec::new(),
            entries: Vec::new(),
            scripts: Vec::new(),
            triggers: Vec::new(),
            changelog: Vec::new(),
            signers: Vec::new(),
            header_tags: Vec::new(),
            signature_tags: Vec::new(),
            trailing: Vec::new(),
        }
    }

    /// Adds what SUSE's template adds to a kernel module package: its provides, its conflict with
    /// other builds of itself, the link to its kernel, and the scriptlets. The name must be
    /// `<base>-kmp-<flavor>`.
    pub fn kmp(self) -> RpmBuilder {
        let (base, flavor) = self
            .name
            .rsplit_once("-kmp-")
            .expect("a KMP is called <base>-kmp-<flavor>");
        let (base, flavor) = (base.to_owned(), flavor.to_owned());
        let (name, version) = (self.name.clone(), self.version.clone());
        let driver = version.split("_k").next().unwrap_or_default().to_owned();
        let this_build = format!(
            "{name}-{}",
            version.trim_start_matches(&format!("{driver}_"))
        );
        self.provides(&format!("{base}-kmp = {version}"))
            .provides(&format!("{base}-kmp = {driver}"))
            .provides("multiversion(kernel)")
            .provides(&this_build)
            .conflicts(&this_build)
            .enhances(&format!("kernel-{flavor}"))
            .supplements(&format!("(kernel-{flavor} and {base})"))
            .requires("coreutils")
            .requires("grep")
            .requires("suse-kernel-rpm-scriptlets")
            .scriptlet(
                "post",
                "/usr/lib/module-init-tools/kernel-scriptlets/kmp-post \"$@\"\n",
            )
            .scriptlet(
                "postun",
                "/usr/lib/module-init-tools/kernel-scriptlets/kmp-postun \"$@\"\n",
            )
    }

    /// Gives it an epoch, even 0.
    pub fn epoch(mut self, epoch: u32) -> RpmBuilder {
        self.epoch = Some(epoch);
        self
    }

    /// Replaces the one-line summary.
    pub fn summary(mut self, text: &str) -> RpmBuilder {
        text.clone_into(&mut self.summary);
        self
    }

    /// Replaces the description.
    pub fn description(mut self, text: &str) -> RpmBuilder {
        text.clone_into(&mut self.description);
        self
    }

    /// Replaces the licence, `GPL-2.0-only`.
    pub fn license(mut self, text: &str) -> RpmBuilder {
        text.clone_into(&mut self.license);
        self
    }

    /// Names a vendor; without, there is none.
    pub fn vendor(mut self, text: &str) -> RpmBuilder {
        self.vendor = Some(text.to_owned());
        self
    }

    /// Names a packager; without, there is none.
    pub fn packager(mut self, text: &str) -> RpmBuilder {
        self.packager = Some(text.to_owned());
        self
    }

    /// Replaces the group, `System/Kernel`.
    pub fn group(mut self, text: &str) -> RpmBuilder {
        text.clone_into(&mut self.group);
        self
    }

    /// Gives it a URL; without, there is none.
    pub fn url(mut self, text: &str) -> RpmBuilder {
        self.url = Some(text.to_owned());
        self
    }

    /// Makes it for another generation of rpm.
    pub fn format(mut self, format: Format) -> RpmBuilder {
        self.format = format;
        self
    }

    /// `gzip`, `xz`, `lzma`, `bzip2`, `zstd` or `none`.
    pub fn compressor(mut self, name: &str) -> RpmBuilder {
        name.clone_into(&mut self.compressor);
        self
    }

    /// Packs the payload with the closure, which gets the cpio archive, under the compressor's name.
    /// For payloads of several streams, of odd parameters, or of no sense.
    pub fn packed_by(mut self, packer: impl FnOnce(&[u8]) -> Vec<u8> + 'static) -> RpmBuilder {
        self.packer = Some(Box::new(packer));
        self
    }

    /// Makes it a source package: files without a leading `/`, no name of its source.
    pub fn source(mut self) -> RpmBuilder {
        self.source = true;
        self
    }

    /// Adds a dependency, text as in a spec file: `name`, or `name = version` with one of `<`, `<=`,
    /// `=`, `>=`, `>`, or `(this and that)`. Nothing is checked. So do the following for their lists.
    pub fn provides(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Provides, text)
    }

    /// See [`RpmBuilder::provides`]: `ksym(default:printk) = 92997ed8`.
    pub fn requires(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Requires, text)
    }

    /// See [`RpmBuilder::provides`].
    pub fn conflicts(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Conflicts, text)
    }

    /// See [`RpmBuilder::provides`].
    pub fn obsoletes(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Obsoletes, text)
    }

    /// See [`RpmBuilder::provides`].
    pub fn recommends(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Recommends, text)
    }

    /// See [`RpmBuilder::provides`].
    pub fn suggests(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Suggests, text)
    }

    /// See [`RpmBuilder::provides`]: `modalias(kernel-default:pci:v00008086d00001533sv*sd*bc*sc*i*)`.
    pub fn supplements(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Supplements, text)
    }

    /// See [`RpmBuilder::provides`].
    pub fn enhances(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::Enhances, text)
    }

    /// See [`RpmBuilder::provides`].
    pub fn order_with_requires(self, text: &str) -> RpmBuilder {
        self.depends(DependencyKind::OrderWithRequires, text)
    }

    /// Any list, text as in a spec file.
    pub fn depends(self, kind: DependencyKind, text: &str) -> RpmBuilder {
        let words: Vec<&str> = text.split(' ').collect();
        let flags = match words.as_slice() {
            [_, "<", _] => LESS,
            [_, "<=", _] => LESS | EQUAL,
            [_, "=", _] => EQUAL,
            [_, ">=", _] => GREATER | EQUAL,
            [_, ">", _] => GREATER,
            _ => return self.dependency(kind, text, 0, ""),
        };
        self.dependency(kind, words[0], flags, words[2])
    }

    /// Any list, field by field.
    pub fn dependency(
        mut self,
        kind: DependencyKind,
        name: &str,
        flags: u32,
        version: &str,
    ) -> RpmBuilder {
        let (name, version) = (name.to_owned(), version.to_owned());
        self.dependencies.push(Dep {
            kind,
            name,
            flags,
            version,
        });
        self
    }

    /// A regular file, mode 0644.
    pub fn file(self, path: &str, bytes: impl Into<Vec<u8>>) -> RpmBuilder {
        self.file_with_mode(path, 0o644, bytes)
    }

    /// A regular file with these permission bits.
    pub fn file_with_mode(self, path: &str, mode: u16, bytes: impl Into<Vec<u8>>) -> RpmBuilder {
        self.entry(path, REGULAR | mode, |entry| entry.content = bytes.into())
    }

    /// A configuration file.
    pub fn config_file(self, path: &str, bytes: impl Into<Vec<u8>>) -> RpmBuilder {
        self.entry(path, REGULAR | 0o644, |entry| {
            entry.content = bytes.into();
            entry.flags = CONFIG;
        })
    }

    /// A file that is listed, owned and not packed.
    pub fn ghost(self, path: &str) -> RpmBuilder {
        self.entry(path, REGULAR | 0o644, |entry| {
            entry.flags = GHOST;
            entry.in_payload = false;
        })
    }

    /// A directory, mode 0755.
    pub fn dir(self, path: &str) -> RpmBuilder {
        self.entry(path, DIRECTORY | 0o755, |_| {})
    }

    /// A symbolic link.
    pub fn symlink(self, path: &str, target: &str) -> RpmBuilder {
        self.entry(path, SYMLINK | 0o777, |entry| {
            target.clone_into(&mut entry.link_target);
            entry.content = target.as_bytes().to_vec();
        })
    }

    /// A second name for a file added before.
    pub fn hardlink(self, path: &str, existing: &str) -> RpmBuilder {
        let same = self.entries.iter().find(|entry| entry.path == existing);
        let same = same.expect("the file to link to was added before");
        let (mode, content) = (same.mode, same.content.clone());
        self.entry(path, mode, |entry| {
            entry.content = content;
            entry.same_as = Some(existing.to_owned());
        })
    }

    /// A file whose packed bytes are not the ones the header describes.
    pub fn swapped_file(
        self,
        path: &str,
        listed: impl Into<Vec<u8>>,
        packed: impl Into<Vec<u8>>,
    ) -> RpmBuilder {
        self.entry(path, REGULAR | 0o644, |entry| {
            entry.content = listed.into();
            entry.packed = Some(packed.into());
        })
    }

    /// A file in the payload that the header does not list.
    pub fn stowaway(self, path: &str, bytes: impl Into<Vec<u8>>) -> RpmBuilder {
        self.entry(path, REGULAR | 0o644, |entry| {
            entry.content = bytes.into();
            entry.in_header = false;
        })
    }

    /// A file that the header lists and the payload lacks.
    pub fn missing_file(self, path: &str, bytes: impl Into<Vec<u8>>) -> RpmBuilder {
        self.entry(path, REGULAR | 0o644, |entry| {
            entry.content = bytes.into();
            entry.in_payload = false;
        })
    }

    fn entry(mut self, path: &str, mode: u16, set: impl FnOnce(&mut Entry)) -> RpmBuilder {
        let mut entry = Entry {
            path: path.to_owned(),
            mode,
            flags: 0,
            content: Vec::new(),
            packed: None,
            link_target: String::new(),
            same_as: None,
            in_header: true,
            in_payload: true,
        };
        set(&mut entry);
        self.entries.push(entry);
        self
    }

    /// `pre`, `post`, `preun`, `postun`, `pretrans`, `posttrans`, `preuntrans`, `postuntrans` or
    /// `verify`, run by `/bin/sh`.
    pub fn scriptlet(self, kind: &str, body: &str) -> RpmBuilder {
        self.scriptlet_with(kind, &["/bin/sh"], body)
    }

    /// A scriptlet with an interpreter and its arguments.
    pub fn scriptlet_with(mut self, kind: &str, interpreter: &[&str], body: &str) -> RpmBuilder {
        let interpreter = interpreter.iter().map(|&word| word.to_owned()).collect();
        self.scripts.push(Script {
            kind: kind.to_owned(),
            interpreter,
            body: body.to_owned(),
        });
        self
    }

    /// `triggerprein`, `triggerin`, `triggerun` or `triggerpostun` on one package.
    pub fn trigger(mut self, kind: &str, on: &str, body: &str) -> RpmBuilder {
        let flags = match kind {
            "triggerprein" => 1 << 25,
            "triggerin" => 1 << 16,
            "triggerun" => 1 << 17,
            "triggerpostun" => 1 << 18,
            other => panic!("{other} is not a kind of trigger"),
        };
        self.triggers.push(Trigger {
            flags,
            on: on.to_owned(),
            body: body.to_owned(),
        });
        self
    }

    /// One entry, newest first.
    pub fn changelog(mut self, time: u32, author: &str, text: &str) -> RpmBuilder {
        self.changelog
            .push((time, author.to_owned(), text.to_owned()));
        self
    }

    /// Signs the header the way `rpmsign` does with RSA keys (tag 268): the closure gets the bytes
    /// of the main header and gives one binary OpenPGP signature packet.
    pub fn signed(self, signer: impl FnOnce(&[u8]) -> Vec<u8> + 'static) -> RpmBuilder {
        self.header_signature(RSA_HEADER, signer)
    }

    /// Signs the header under any tag: 267 (DSA), 268 (RSA), 278 (rpm 6, may be repeated).
    /// Under 1002 and 1005 the closure gets header and payload.
    pub fn header_signature(
        mut self,
        tag: u32,
        signer: impl FnOnce(&[u8]) -> Vec<u8> + 'static,
    ) -> RpmBuilder {
        self.signers.push((tag, Box::new(signer)));
        self
    }

    /// Puts a tag into the main header, in place of what would be there; `None` leaves it out.
    pub fn header_tag(mut self, tag: u32, value: Option<Value>) -> RpmBuilder {
        self.header_tags.push((tag, value));
        self
    }

    /// The same for the signature header.
    pub fn signature_tag(mut self, tag: u32, value: Option<Value>) -> RpmBuilder {
        self.signature_tags.push((tag, value));
        self
    }

    /// Bytes behind the payload, which no digest of the package knows of.
    pub fn trailing(mut self, bytes: impl Into<Vec<u8>>) -> RpmBuilder {
        self.trailing = bytes.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn full(format: Format, compressor: &str) -> RpmBuilder {
        RpmBuilder::new(
            "acme-net-kmp-default",
            "1.0_k6.4.0_150600.21",
            "1",
            "x86_64",
        )
        .kmp()
        .format(format)
        .compressor(compressor)
        .epoch(2)
        .vendor("Acme Inc.")
        .url("https://example.com/")
        .requires("ksym(default:printk) = 92997ed8")
        .supplements("modalias(kernel-default:pci:v00008086d00001533sv*sd*bc*sc*i*)")
        .obsoletes("acme-old < 1.0")
        .dir("/lib/modules/6.4.0-150600.21-default/updates")
        .file(
            "/lib/modules/6.4.0-150600.21-default/updates/acme.ko",
            b"not really".to_vec(),
        )
        .symlink("/usr/share/acme/link", "../elsewhere")
        .file("/usr/share/acme/one", vec![7; 5000])
        .hardlink("/usr/share/acme/two", "/usr/share/acme/one")
        .ghost("/var/log/acme.log")
        .config_file("/etc/acme.conf", "a=b\n")
        .trigger("triggerin", "kernel-default", "true\n")
        .changelog(1_690_000_000, "A Vendor <a@example.com> - 1.0", "- new")
    }

    fn rpm(arguments: &[&str], package: &[u8]) -> (bool, String) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.rpm");
        std::fs::write(&path, package).unwrap();
        let out = Command::new("rpm").args(arguments).arg(&path).output();
        let out = out.expect("rpm is missing: apt-get install rpm");
        // Warnings about the age of format 3 go to the other channel.
        let text = if out.status.success() {
            out.stdout
        } else {
            [out.stdout, out.stderr].concat()
        };
        (out.status.success(), String::from_utf8(text).unwrap())
    }

    #[test]
    fn rpm_finds_every_digest_right() {
        for format in [Format::V3, Format::V4, Format::V4Large] {
            for compressor in ["gzip", "xz", "lzma", "bzip2", "zstd", "none"] {
                let package = full(format, compressor).build();
                let (good, text) = rpm(&["-K", "--nosignature", "-v"], &package);
                assert!(
                    good && !text.contains("BAD"),
                    "{format:?} {compressor}: {text}"
                );
            }
        }
    }

    #[test]
    fn rpm_reads_what_was_put_in() {
        for format in [Format::V3, Format::V4, Format::V4Large] {
            let package = full(format, "gzip").build();
            let format_string =
                "%{NEVRA}|%{VENDOR}|%{URL}|[%{FILENAMES} ]|%{POSTIN}|%{CHANGELOGTEXT}";
            let (good, text) = rpm(&["-qp", "--nosignature", "--qf", format_string], &package);
            assert!(good, "{format:?}: {text}");
            assert_eq!(
                text,
                "acme-net-kmp-default-2:1.0_k6.4.0_150600.21-1.x86_64|Acme Inc.|https://example.com/|\
                 /etc/acme.conf /lib/modules/6.4.0-150600.21-default/updates \
                 /lib/modules/6.4.0-150600.21-default/updates/acme.ko /usr/share/acme/link \
                 /usr/share/acme/one /usr/share/acme/two /var/log/acme.log |\
                 /usr/lib/module-init-tools/kernel-scriptlets/kmp-post \"$@\"\n|- new",
                "{format:?}"
            );
            let (_, requires) = rpm(&["-qp", "--nosignature", "--requires"], &package);
            assert!(
                requires.contains("ksym(default:printk) = 92997ed8\n"),
                "{format:?}: {requires}"
            );
        }
    }

    #[test]
    fn rpm_unpacks_the_payload() {
        for format in [Format::V3, Format::V4, Format::V4Large] {
            let root = tempfile::tempdir().unwrap();
            let package = full(format, "xz").build();
            let at = root.path().to_str().unwrap();
            let options = [
                "-i",
                "--root",
                at,
                "--nodeps",
                "--noscripts",
                "--notriggers",
                "--nosignature",
                "--ignorearch",
            ];
            let (good, text) = rpm(&options, &package);
            assert!(good, "{format:?}: {text}");
            let two = std::fs::read(root.path().join("usr/share/acme/two")).unwrap();
            assert_eq!(two, vec![7; 5000], "{format:?}");
        }
    }

    #[test]
    fn rpm_sees_the_damage() {
        let mut package = full(Format::V4, "gzip").build();
        *package.last_mut().unwrap() ^= 1;
        let (good, text) = rpm(&["-K", "--nosignature", "-v"], &package);
        assert!(!good && text.contains("BAD"), "{text}");
    }
}
