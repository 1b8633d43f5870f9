//! Lays a package out: lead, signature header, main header, payload.

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use sha3::Sha3_256;

use super::archive::{self, Member, compress};
use super::header::{HeaderWriter, Region, Value};
use super::{
    BUILD_TIME, Dep, DependencyKind, EQUAL, Entry, Format, GHOST, LESS, REGULAR, RpmBuilder,
};

impl RpmBuilder {
    /// The bytes of the package.
    pub fn build(mut self) -> Vec<u8> {
        // rpm looks paths up by bisection and so relies on their order.
        self.entries.sort_by(|a, b| a.path.cmp(&b.path));
        let archive = archive::write(&self.members(), self.format != Format::V3);
        let payload = match self.packer.take() {
            Some(packer) => packer(&archive),
            None => compress(&self.compressor, &archive),
        };
        let header = self.header(&archive, &payload);
        let signature = self.signature_header(&header, &archive, &payload);
        let mut package = self.lead();
        package.extend(signature);
        package.resize(package.len().next_multiple_of(SIGNATURE_ALIGNMENT), 0);
        package.extend(header);
        package.extend(payload);
        package.extend(self.trailing);
        package
    }

    fn lead(&self) -> Vec<u8> {
        let mut lead = vec![0xed, 0xab, 0xee, 0xdb];
        lead.push(if self.format == Format::V6 { 4 } else { 3 });
        lead.push(0);
        lead.extend(u16::from(self.source).to_be_bytes());
        lead.extend([0, 1]);
        let mut name = format!("{}-{}-{}", self.name, self.version, self.release).into_bytes();
        name.resize(65, 0);
        name.push(0);
        lead.extend(name);
        lead.extend([0, 1, 0, HEADER_SIGNATURE_TYPE]);
        lead.resize(LEAD_SIZE, 0);
        lead
    }

    fn header(&self, archive: &[u8], payload: &[u8]) -> Vec<u8> {
        let mut header = HeaderWriter::default();
        self.write_identity(&mut header);
        self.write_dependencies(&mut header);
        self.write_files(&mut header);
        self.write_scripts(&mut header);
        self.write_changelog(&mut header);
        self.write_payload_tags(&mut header, archive, payload);
        for (tag, value) in &self.header_tags {
            header.replace(*tag, value.clone());
        }
        header.write(if self.format == Format::V3 {
            None
        } else {
            Some(Region::Immutable)
        })
    }

    fn write_identity(&self, header: &mut HeaderWriter) {
        header.put(100, Value::strings(["C"]));
        header.put(1000, Value::string(&self.name));
        header.put(1001, Value::string(&self.version));
        header.put(1002, Value::string(&self.release));
        if let Some(epoch) = self.epoch {
            header.put(1003, Value::Int32(vec![epoch]));
        }
        header.put(1004, Value::i18n(&self.summary));
        header.put(1005, Value::i18n(&self.description));
        header.put(1006, Value::Int32(vec![BUILD_TIME]));
        header.put(1007, Value::string("build.example.com"));
        let texts = [
            (1011, &self.vendor),
            (1015, &self.packager),
            (1020, &self.url),
        ];
        for (tag, text) in texts {
            if let Some(text) = text {
                header.put(tag, Value::string(text));
            }
        }
        header.put(1014, Value::string(&self.license));
        header.put(1016, Value::i18n(&self.group));
        header.put(1021, Value::string("linux"));
        header.put(1022, Value::string(&self.arch));
        if self.source {
            header.put(1106, Value::Int32(vec![1]));
        } else {
            let source = format!("{}-{}-{}.src.rpm", self.name, self.version, self.release);
            header.put(1044, Value::string(&source));
        }
        header.put(1064, Value::string("4.18.0"));
        if self.format == Format::V6 {
            header.put(5114, Value::Int32(vec![6]));
        }
        header.put(5062, Value::string("utf-8"));
    }

    fn write_dependencies(&self, header: &mut HeaderWriter) {
        let own = self.own_dependencies();
        for kind in DependencyKind::ALL {
            let all = own.iter().chain(&self.dependencies);
            let list: Vec<&Dep> = all.filter(|dep| dep.kind == kind).collect();
            if list.is_empty() {
                continue;
            }
            let [names, flags, versions] = kind.tags();
            header.put(
                names,
                Value::strings(list.iter().map(|dep| dep.name.as_str())),
            );
            header.put(
                flags,
                Value::Int32(list.iter().map(|dep| dep.flags).collect()),
            );
            header.put(
                versions,
                Value::strings(list.iter().map(|dep| dep.version.as_str())),
            );
        }
    }

    /// What rpmbuild adds on its own: the package's name and the features of rpm it needs.
    fn own_dependencies(&self) -> Vec<Dep> {
        let epoch = self
            .epoch
            .map_or(String::new(), |epoch| format!("{epoch}:"));
        let evr = format!("{epoch}{}-{}", self.version, self.release);
        let mut own = Vec::new();
        let mut add = |kind, name: &str, flags, version: &str| {
            own.push(Dep {
                kind,
                name: name.to_owned(),
                flags,
                version: version.to_owned(),
            });
        };
        if self.format == Format::V3 {
            return own;
        }
        if !self.source {
            add(DependencyKind::Provides, &self.name, EQUAL, &evr);
        }
        let mut features = match self.format {
            Format::V6 => vec![],
            _ => vec![
                ("CompressedFileNames", "3.0.4-1"),
                ("FileDigests", "4.6.0-1"),
                ("PayloadFilesHavePrefix", "4.0-1"),
            ],
        };
        match self.compressor.as_str() {
            "bzip2" => features.push(("PayloadIsBzip2", "3.0.5-1")),
            "lzma" => features.push(("PayloadIsLzma", "4.4.2-1")),
            "xz" => features.push(("PayloadIsXz", "5.2-1")),
            "zstd" => features.push(("PayloadIsZstd", "5.4.18-1")),
            _ => {}
        }
        if self.is_large() {
            features.push(("LargeFiles", "4.12.0-1"));
        }
        for (feature, version) in features {
            let name = format!("rpmlib({feature})");
            add(
                DependencyKind::Requires,
                &name,
                RPMLIB | LESS | EQUAL,
                version,
            );
        }
        own
    }

    fn listed(&self) -> Vec<&Entry> {
        self.entries
            .iter()
            .filter(|entry| entry.in_header)
            .collect()
    }

    fn is_large(&self) -> bool {
        matches!(self.format, Format::V4Large | Format::V6)
    }

    fn write_files(&self, header: &mut HeaderWriter) {
        let files = self.listed();
        let installed: u64 = files
            .iter()
            .filter(|file| file.mode & 0o170_000 == REGULAR && file.same_as.is_none())
            .map(|file| file.content.len() as u64)
            .sum();
        if self.is_large() {
            header.put(5009, Value::Int64(vec![installed]));
        } else {
            header.put(1009, Value::Int32(vec![narrow(installed)]));
        }
        if files.is_empty() {
            return;
        }
        let ints = |f: &dyn Fn(usize, &Entry) -> u32| {
            Value::Int32(
                files
                    .iter()
                    .enumerate()
                    .map(|(at, file)| f(at, file))
                    .collect(),
            )
        };
        if self.is_large() {
            let sizes = files.iter().map(|file| file.content.len() as u64).collect();
            header.put(5008, Value::Int64(sizes));
        } else {
            header.put(1028, ints(&|_, file| narrow(file.content.len() as u64)));
        }
        header.put(
            1030,
            Value::Int16(files.iter().map(|file| file.mode).collect()),
        );
        header.put(1033, Value::Int16(vec![0; files.len()]));
        header.put(1034, ints(&|_, _| BUILD_TIME));
        let digests: Vec<String> = files.iter().map(|file| self.file_digest(file)).collect();
        header.put(1035, Value::strings(digests.iter().map(String::as_str)));
        header.put(
            1036,
            Value::strings(files.iter().map(|file| file.link_target.as_str())),
        );
        header.put(1037, ints(&|_, file| file.flags));
        header.put(1039, Value::strings(files.iter().map(|_| "root")));
        header.put(1040, Value::strings(files.iter().map(|_| "root")));
        header.put(1045, ints(&|_, _| u32::MAX));
        header.put(1095, ints(&|_, _| 1));
        header.put(1096, ints(&|_, file| self.inode(file)));
        header.put(1097, Value::strings(files.iter().map(|_| "")));
        if self.format == Format::V3 {
            header.put(
                1027,
                Value::strings(files.iter().map(|file| file.path.as_str())),
            );
        } else {
            header.put(5011, Value::Int32(vec![SHA256_ALGORITHM]));
            write_split_paths(header, &files);
        }
    }

    fn file_digest(&self, file: &Entry) -> String {
        if file.mode & 0o170_000 != REGULAR || file.flags & GHOST != 0 {
            String::new()
        } else if self.format == Format::V3 {
            hex::encode(Md5::digest(&file.content))
        } else {
            hex::encode(Sha256::digest(&file.content))
        }
    }

    /// Position in the list of all entries, of the first name for hard links.
    fn inode(&self, file: &Entry) -> u32 {
        let path = file.same_as.as_ref().unwrap_or(&file.path);
        let at = self.entries.iter().position(|entry| entry.path == *path);
        narrow(at.map_or(0, |at| at as u64 + 1))
    }

    /// What goes into the payload. Of several names for one file only the last carries the bytes.
    fn members(&self) -> Vec<Member<'_>> {
        let listed = self.listed();
        let packed = self.entries.iter().filter(|entry| entry.in_payload);
        packed
            .map(|entry| {
                let inode = self.inode(entry);
                let names: Vec<_> = self
                    .entries
                    .iter()
                    .filter(|other| self.inode(other) == inode)
                    .collect();
                let last = names.last().is_none_or(|last| last.path == entry.path);
                let index = listed.iter().position(|other| other.path == entry.path);
                Member {
                    path: &entry.path,
                    index: index
                        .filter(|_| self.is_large())
                        .map(|at| narrow(at as u64)),
                    mode: entry.mode,
                    inode,
                    links: narrow(names.len() as u64),
                    content: match (&entry.packed, last) {
                        (Some(packed), _) => packed,
                        (None, true) => &entry.content,
                        (None, false) => &[],
                    },
                }
            })
            .collect()
    }

    fn write_scripts(&self, header: &mut HeaderWriter) {
        for script in &self.scripts {
            let (body, program) = match script.kind.as_str() {
                "pre" => (1023, 1085),
                "post" => (1024, 1086),
                "preun" => (1025, 1087),
                "postun" => (1026, 1088),
                "verify" => (1079, 1091),
                "pretrans" => (1151, 1153),
                "posttrans" => (1152, 1154),
                "preuntrans" => (5103, 5105),
                "postuntrans" => (5104, 5106),
                other => panic!("{other} is not a kind of scriptlet"),
            };
            if !script.body.is_empty() {
                header.put(body, Value::string(&script.body));
            }
            let words = script.interpreter.iter().map(String::as_str);
            header.put(
                program,
                match script.interpreter.as_slice() {
                    [one] => Value::string(one),
                    _ => Value::strings(words),
                },
            );
        }
        if !self.triggers.is_empty() {
            let triggers = &self.triggers;
            header.put(
                1065,
                Value::strings(triggers.iter().map(|t| t.body.as_str())),
            );
            header.put(1066, Value::strings(triggers.iter().map(|t| t.on.as_str())));
            header.put(1067, Value::strings(triggers.iter().map(|_| "")));
            header.put(
                1068,
                Value::Int32(triggers.iter().map(|t| t.flags).collect()),
            );
            header.put(
                1069,
                Value::Int32((0..narrow(triggers.len() as u64)).collect()),
            );
            header.put(1092, Value::strings(triggers.iter().map(|_| "/bin/sh")));
        }
    }

    fn write_changelog(&self, header: &mut HeaderWriter) {
        if self.changelog.is_empty() {
            return;
        }
        let entries = &self.changelog;
        header.put(
            1080,
            Value::Int32(entries.iter().map(|(time, ..)| *time).collect()),
        );
        header.put(
            1081,
            Value::strings(entries.iter().map(|(_, author, _)| author.as_str())),
        );
        header.put(
            1082,
            Value::strings(entries.iter().map(|(.., text)| text.as_str())),
        );
    }

    fn write_payload_tags(&self, header: &mut HeaderWriter, archive: &[u8], payload: &[u8]) {
        header.put(1124, Value::string("cpio"));
        if self.compressor != "none" {
            header.put(1125, Value::string(&self.compressor));
            header.put(1126, Value::string("6"));
        }
        if self.format == Format::V3 {
            return;
        }
        let (packed, unpacked) = (hex_of::<Sha256>(payload), hex_of::<Sha256>(archive));
        header.put(5092, Value::strings([packed.as_str()]));
        header.put(5097, Value::strings([unpacked.as_str()]));
        if self.format != Format::V6 {
            header.put(5093, Value::Int32(vec![SHA256_ALGORITHM]));
            return;
        }
        header.put(5112, Value::Int64(vec![payload.len() as u64]));
        header.put(5113, Value::Int64(vec![archive.len() as u64]));
        header.put(5121, Value::string(&hex_of::<Sha512>(payload)));
        header.put(5122, Value::string(&hex_of::<Sha512>(archive)));
        header.put(5123, Value::string(&hex_of::<Sha3_256>(payload)));
        header.put(5124, Value::string(&hex_of::<Sha3_256>(archive)));
    }

    fn signature_header(&mut self, header: &[u8], archive: &[u8], payload: &[u8]) -> Vec<u8> {
        let covered = [header, payload].concat();
        let mut signature = HeaderWriter::default();
        if self.format == Format::V6 {
            signature.put(279, Value::string(&hex_of::<Sha3_256>(header)));
        } else {
            signature.put(1000, Value::Int32(vec![narrow(covered.len() as u64)]));
            signature.put(1004, Value::Bin(Md5::digest(&covered).to_vec()));
            signature.put(1007, Value::Int32(vec![narrow(archive.len() as u64)]));
        }
        if self.format != Format::V3 {
            signature.put(273, Value::string(&hex_of::<Sha256>(header)));
        }
        if matches!(self.format, Format::V4 | Format::V4Large) {
            signature.put(269, Value::string(&hex_of::<Sha1>(header)));
        }
        let mut armoured = Vec::new();
        for (tag, signer) in std::mem::take(&mut self.signers) {
            let whole = matches!(tag, PGP_WHOLE | GPG_WHOLE);
            let packet = signer(if whole { &covered } else { header });
            if tag == OPENPGP_HEADER {
                armoured.push(base64(&packet));
            } else {
                signature.put(tag, Value::Bin(packet));
            }
        }
        if !armoured.is_empty() {
            signature.put(
                OPENPGP_HEADER,
                Value::strings(armoured.iter().map(String::as_str)),
            );
        }
        for (tag, value) in &self.signature_tags {
            signature.replace(*tag, value.clone());
        }
        signature.write(if self.format == Format::V3 {
            None
        } else {
            Some(Region::Signatures)
        })
    }
}

/// `RPMSENSE_RPMLIB`.
const RPMLIB: u32 = 1 << 24;
const LEAD_SIZE: usize = 96;
/// Signature type "header" of the lead, the only one in use since 1996.
const HEADER_SIGNATURE_TYPE: u8 = 5;
const SIGNATURE_ALIGNMENT: usize = 8;
/// OpenPGP's number for SHA-256.
const SHA256_ALGORITHM: u32 = 8;
const OPENPGP_HEADER: u32 = 278;
const PGP_WHOLE: u32 = 1002;
const GPG_WHOLE: u32 = 1005;

fn write_split_paths(header: &mut HeaderWriter, files: &[&Entry]) {
    let mut dirs: Vec<&str> = Vec::new();
    let (mut indexes, mut bases) = (Vec::new(), Vec::new());
    for file in files {
        let cut = file.path.rfind('/').map_or(0, |at| at + 1);
        let (dir, base) = file.path.split_at(cut);
        let index = dirs
            .iter()
            .position(|known| *known == dir)
            .unwrap_or_else(|| {
                dirs.push(dir);
                dirs.len() - 1
            });
        indexes.push(narrow(index as u64));
        bases.push(base);
    }
    header.put(1116, Value::Int32(indexes));
    header.put(1117, Value::strings(bases));
    header.put(1118, Value::strings(dirs));
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("a test package stays below 4 GiB")
}

fn hex_of<D: Digest>(bytes: &[u8]) -> String {
    hex::encode(D::digest(bytes))
}

/// Standard alphabet, padded, one line.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) as usize & 0x3f;
            text.push(if place <= chunk.len() {
                char::from(ALPHABET[sextet])
            } else {
                '='
            });
        }
    }
    text
}
