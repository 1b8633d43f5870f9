//! Real packages, and what rpm says of them.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use repomd::{ChangelogEntry, Dependency, File, FileKind, Record};
use sha2::{Digest as _, Sha256};

/// Runs a tool of a Debian package and returns what it prints; its failure is ours.
pub fn run(debian_package: &str, command: &mut Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("{program}: {error}; install it: apt-get install {debian_package}")
    });
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{command:?} failed:\n{stdout}\n{stderr}"
    );
    stdout
}

/// Builds the packages of some specs into `repository`, flat, ordered by file name.
pub fn rpmbuild(work: &Path, repository: &Path, specs: &[(&str, String)]) -> Vec<PathBuf> {
    fs::create_dir_all(repository).unwrap();
    for (name, text) in specs {
        let spec = work.join(format!("{name}.spec"));
        fs::write(&spec, text).unwrap();
        let define = |key: &str, value: &str| format!("{key} {value}");
        let mut command = Command::new("rpmbuild");
        command.arg("-bb").arg("--quiet");
        command.args(["--define", &define("_topdir", work.to_str().unwrap())]);
        command.args(["--define", &define("_rpmdir", repository.to_str().unwrap())]);
        command.args([
            "--define",
            "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
        ]);
        command.args(["--define", "_buildhost build.example"]);
        command.args(["--define", "_build_id_links none"]);
        run("rpm", command.arg(&spec));
    }
    packages_in(repository)
}

/// The packages in a folder, ordered by file name.
pub fn packages_in(repository: &Path) -> Vec<PathBuf> {
    let mut packages: Vec<PathBuf> = fs::read_dir(repository)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rpm"))
        .collect();
    packages.sort();
    packages
}

/// The record of a package as rpm reads its header, independent of any reader of ours.
pub fn record_of(package: &Path) -> Record {
    let mut command = Command::new("rpm");
    command
        .args(["-qp", "--nodigest", "--nosignature", "--xml"])
        .arg(package);
    let tags = Tags(parse_tags(&run("rpm", &mut command)));
    let bytes = fs::read(package).unwrap();
    let metadata = fs::metadata(package).unwrap();
    let (header_start, header_end) = header_range(&bytes);
    Record {
        name: tags.text("Name"),
        epoch: tags.number("Epoch"),
        version: tags.text("Version"),
        release: tags.text("Release"),
        arch: tags.text("Arch"),
        pkgid: hex::encode(Sha256::digest(&bytes)),
        summary: tags.text("Summary"),
        description: tags.text("Description"),
        packager: tags.text("Packager"),
        url: tags.text("Url"),
        file_time: metadata.mtime().try_into().unwrap(),
        build_time: tags.number("Buildtime"),
        size_package: metadata.len(),
        size_installed: tags.number("Size"),
        size_archive: tags.number("Archivesize"),
        location: package.file_name().unwrap().to_str().unwrap().to_owned(),
        license: tags.text("License"),
        vendor: tags.text("Vendor"),
        group: tags.text("Group"),
        build_host: tags.text("Buildhost"),
        source_rpm: tags.text("Sourcerpm"),
        header_start,
        header_end,
        provides: tags.dependencies("Provide"),
        requires: tags.dependencies("Require"),
        conflicts: tags.dependencies("Conflict"),
        obsoletes: tags.dependencies("Obsolete"),
        suggests: tags.dependencies("Suggest"),
        enhances: tags.dependencies("Enhance"),
        recommends: tags.dependencies("Recommend"),
        supplements: tags.dependencies("Supplement"),
        files: tags.files(),
        changelog: tags.changelog(),
    }
}

/// A header's tags with their values as text.
struct Tags(HashMap<String, Vec<String>>);

impl Tags {
    fn all(&self, tag: &str) -> &[String] {
        self.0.get(tag).map(Vec::as_slice).unwrap_or_default()
    }

    fn text(&self, tag: &str) -> String {
        self.all(tag).first().cloned().unwrap_or_default()
    }

    fn number<N: std::str::FromStr + Default>(&self, tag: &str) -> N {
        self.all(tag)
            .first()
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    fn dependencies(&self, kind: &str) -> Vec<Dependency> {
        let (names, flags) = (
            self.all(&format!("{kind}name")),
            self.all(&format!("{kind}flags")),
        );
        let versions = self.all(&format!("{kind}version"));
        let both = names.iter().zip(flags).zip(versions);
        both.map(|((name, flags), version)| Dependency {
            name: name.clone(),
            flags: flags.parse().unwrap(),
            version: version.clone(),
        })
        .collect()
    }

    fn files(&self) -> Vec<File> {
        let folders = self.all("Dirnames");
        let names = self.all("Basenames").iter().zip(self.all("Dirindexes"));
        let bits = self.all("Filemodes").iter().zip(self.all("Fileflags"));
        names
            .zip(bits)
            .map(|((name, folder), (mode, flags))| {
                let folder = &folders[folder.parse::<usize>().unwrap()];
                let mode: u32 = mode.parse().unwrap();
                let is_ghost = flags.parse::<u32>().unwrap() & 64 != 0;
                let kind = match mode & 0o170_000 {
                    0o040_000 => FileKind::Dir,
                    _ if is_ghost => FileKind::Ghost,
                    _ => FileKind::File,
                };
                File {
                    path: format!("{folder}{name}"),
                    kind,
                }
            })
            .collect()
    }

    fn changelog(&self) -> Vec<ChangelogEntry> {
        let who = self
            .all("Changelogtime")
            .iter()
            .zip(self.all("Changelogname"));
        who.zip(self.all("Changelogtext"))
            .map(|((time, author), text)| ChangelogEntry {
                time: time.parse().unwrap(),
                author: author.clone(),
                text: text.clone(),
            })
            .collect()
    }
}

/// Reads what `rpm --xml` prints: `<rpmTag name="…">` around `<string>` and `<integer>`.
fn parse_tags(xml: &str) -> HashMap<String, Vec<String>> {
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut tags: HashMap<String, Vec<String>> = HashMap::new();
    let mut tag = String::new();
    let mut value: Option<String> = None;
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return tags,
            Event::Start(start) if start.name().as_ref() == "rpmTag" => {
                let name = start.attributes().next().unwrap().unwrap();
                tag = name.value.into_owned();
            }
            Event::Start(_) => value = Some(String::new()),
            Event::End(_) => {
                if let Some(value) = value.take() {
                    tags.entry(tag.clone()).or_default().push(value);
                }
            }
            Event::Text(text) => {
                if let Some(value) = &mut value {
                    value.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                let value = value.as_mut().unwrap();
                match reference.resolve_char_ref().unwrap() {
                    Some(character) => value.push(character),
                    None => value.push_str(resolve_predefined_entity(&reference).unwrap()),
                }
            }
            _ => {}
        }
    }
}

/// Where the main header is: behind the lead (96 bytes) and the signature header, which is padded
/// to eight bytes.
fn header_range(package: &[u8]) -> (u64, u64) {
    const LEAD: usize = 96;
    let length = |at: usize| {
        let number = |at: usize| u32::from_be_bytes(package[at..at + 4].try_into().unwrap());
        (16 + 16 * number(at + 8) + number(at + 12)) as usize
    };
    let start = LEAD + length(LEAD).next_multiple_of(8);
    (start as u64, (start + length(start)) as u64)
}
