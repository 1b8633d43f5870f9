//! The file list of a header: parallel arrays, one item for each file.
//!
//! Paths stand either whole in `OLDFILENAMES` (rpm 3) or, since rpm 4, as base names with an index
//! into a list of directories, each of which ends with `/`.

use std::collections::HashMap;

use crate::digest::Algorithm;
use crate::header::Header;
use crate::oddities::{Oddities, quoted};
use crate::text::decode;
use crate::{Error, File, Limits, tag};

/// All paths together may have so many times [`Limits::header_bytes`]: few directories can make many
/// paths long.
const PATHS_PER_HEADER: u64 = 2;

/// The files and what the payload's reader needs to know of them.
pub(crate) struct FileList {
    pub(crate) files: Vec<File>,
    /// What the digests are; `None` when it is not one we know.
    pub(crate) algorithm: Option<Algorithm>,
    /// For each file that has several names: which of `groups` it belongs to.
    group_of: HashMap<usize, usize>,
    /// Positions of all names of one file, ascending.
    groups: Vec<Vec<usize>>,
}

impl FileList {
    pub(crate) fn read(
        header: &Header,
        is_source: bool,
        limits: &Limits,
        oddities: &mut Oddities,
    ) -> Result<FileList, Error> {
        let paths = paths(header, limits, oddities)?;
        let number = header.number(tag::FILE_DIGEST_ALGORITHM).unwrap_or(1);
        let algorithm = Algorithm::from_openpgp(number);
        if algorithm.is_none() {
            let what = format!("the files' digests are of the unknown kind {number}");
            oddities.note("unknown-digest-algorithm", || what);
        }
        let columns = [
            tag::FILE_MODES,
            tag::FILE_FLAGS,
            tag::FILE_DIGESTS,
            tag::FILE_USERS,
        ];
        let short = columns
            .into_iter()
            .find(|&column| header.count(column) < paths.len());
        if let Some(column) = short.filter(|_| !paths.is_empty()) {
            let (count, files) = (header.count(column), paths.len());
            let what = format!("tag {column} has {count} entries for {files} files");
            oddities.note("file-list-lengths", || what);
        }
        let files = files(header, paths);
        note_odd_files(&files, is_source, oddities);
        let groups = hard_links(header, &files);
        note_hard_links(&files, &groups, oddities);
        let numbered = groups.iter().enumerate();
        let group_of = numbered.flat_map(|(group, names)| names.iter().map(move |&at| (at, group)));
        Ok(FileList {
            group_of: group_of.collect(),
            files,
            algorithm,
            groups,
        })
    }

    /// Positions of all names of the file at this position, when there are several.
    pub(crate) fn names_of(&self, position: usize) -> Option<&[usize]> {
        self.groups
            .get(*self.group_of.get(&position)?)
            .map(Vec::as_slice)
    }
}

fn paths(header: &Header, limits: &Limits, oddities: &mut Oddities) -> Result<Vec<String>, Error> {
    let count = header
        .count(tag::BASE_NAMES)
        .max(header.count(tag::OLD_FILE_NAMES));
    for (what, count) in [
        ("files", count),
        ("directories", header.count(tag::DIR_NAMES)),
    ] {
        if count > limits.files {
            let (found, limit) = (count as u64, limits.files as u64);
            let name = Some("files");
            return Err(Error::OverLimit {
                what,
                found,
                limit,
                name,
            });
        }
    }
    let mut paths = Vec::with_capacity(count);
    let (mut total, most) = (0, u64::from(limits.header_bytes) * PATHS_PER_HEADER);
    let mut add = |dir: &[u8], base: &[u8]| {
        let length = dir.len() + base.len();
        if length > limits.path_length {
            let (found, limit) = (length as u64, limits.path_length as u64);
            return Err(Error::OverLimit {
                what: "bytes of a path",
                name: Some("path-length"),
                found,
                limit,
            });
        }
        let folders = |part: &[u8]| part.iter().filter(|byte| **byte == b'/').count();
        let depth = folders(dir) + folders(base);
        if depth > limits.path_depth {
            return Err(Error::OverLimit {
                what: "folders within folders in a path",
                name: Some("path-depth"),
                found: depth as u64,
                limit: limits.path_depth as u64,
            });
        }
        total += length as u64;
        if total > most {
            return Err(Error::OverLimit {
                what: "bytes of all paths",
                name: Some("header-bytes"),
                found: total,
                limit: most,
            });
        }
        paths.push(decode(&[dir, base].concat()));
        Ok(())
    };
    let Some(bases) = header.texts(tag::BASE_NAMES) else {
        for path in header.texts(tag::OLD_FILE_NAMES).into_iter().flatten() {
            add(b"", path)?;
        }
        return Ok(paths);
    };
    let dirs: Vec<&[u8]> = header.texts(tag::DIR_NAMES).into_iter().flatten().collect();
    let mut indexes = header.numbers(tag::DIR_INDEXES).into_iter().flatten();
    for base in bases {
        let index = indexes.next().and_then(|index| usize::try_from(index).ok());
        let dir = index.and_then(|index| dirs.get(index));
        if dir.is_none() {
            let base = decode(base);
            oddities.note("file-without-directory", || quoted(&base));
        }
        add(dir.copied().unwrap_or_default(), base)?;
    }
    Ok(paths)
}

fn files(header: &Header, paths: Vec<String>) -> Vec<File> {
    let numbers = |tag| header.numbers(tag).into_iter().flatten();
    let texts = |tag| header.texts(tag).into_iter().flatten().map(decode);
    let mut sizes = numbers(match header.contains(tag::LONG_FILE_SIZES) {
        true => tag::LONG_FILE_SIZES,
        false => tag::FILE_SIZES,
    });
    let (mut modes, mut flags) = (numbers(tag::FILE_MODES), numbers(tag::FILE_FLAGS));
    let (mut digests, mut targets) = (texts(tag::FILE_DIGESTS), texts(tag::FILE_LINK_TARGETS));
    let (mut users, mut groups) = (texts(tag::FILE_USERS), texts(tag::FILE_GROUPS));
    let mut capabilities = texts(tag::FILE_CAPABILITIES);
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let files = paths.into_iter().map(|path| File {
        path,
        mode: modes
            .next()
            .and_then(|mode| u16::try_from(mode).ok())
            .unwrap_or(0),
        size: sizes.next().unwrap_or(0),
        flags: flags
            .next()
            .and_then(|flags| u32::try_from(flags).ok())
            .unwrap_or(0),
        digest: some(digests.next()),
        link_target: some(targets.next()),
        user: users.next().unwrap_or_default(),
        group: groups.next().unwrap_or_default(),
        capabilities: some(capabilities.next()),
    });
    files.collect()
}

fn note_odd_files(files: &[File], is_source: bool, oddities: &mut Oddities) {
    for file in files {
        let path = file.path.as_str();
        if !is_source && !path.starts_with('/') {
            oddities.note("relative-path", || quoted(path));
        }
        if path.split('/').any(|step| matches!(step, ".." | ".")) {
            oddities.note("path-with-dots", || quoted(path));
        }
        if path.contains("//") || path.contains(char::is_control) {
            oddities.note("odd-path", || quoted(path));
        }
        if file.is_symlink() {
            let target = file.link_target.as_deref().unwrap_or_default();
            oddities.note("symlink", || {
                format!("{} to {}", quoted(path), quoted(target))
            });
        }
        if file.is_regular() && !file.is_ghost() && file.digest.is_none() {
            oddities.note("file-without-digest", || quoted(path));
        }
    }
    let mut sorted: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    sorted.sort_unstable();
    for pair in sorted.windows(2).filter(|pair| pair[0] == pair[1]) {
        oddities.note("path-listed-twice", || quoted(pair[0]));
    }
}

/// Regular files of equal device and inode are one file, as rpm sees it. Groups of two and more.
fn hard_links(header: &Header, files: &[File]) -> Vec<Vec<usize>> {
    let devices = header.numbers(tag::FILE_DEVICES).into_iter().flatten();
    let inodes = header.numbers(tag::FILE_INODES).into_iter().flatten();
    let mut by_inode: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
    for ((position, file), inode) in files.iter().enumerate().zip(devices.zip(inodes)) {
        if file.is_regular() && !file.is_ghost() {
            by_inode.entry(inode).or_default().push(position);
        }
    }
    let mut groups: Vec<_> = by_inode
        .into_values()
        .filter(|names| names.len() > 1)
        .collect();
    groups.sort_unstable();
    groups
}

fn note_hard_links(files: &[File], groups: &[Vec<usize>], oddities: &mut Oddities) {
    for names in groups {
        oddities.note("hard-link", || {
            let some = names.iter().take(4).filter_map(|&at| files.get(at));
            let paths: Vec<String> = some.map(|file| quoted(&file.path)).collect();
            format!("{} names for one file: {}", names.len(), paths.join(", "))
        });
    }
}
