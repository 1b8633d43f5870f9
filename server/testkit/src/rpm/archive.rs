//! Writes and packs the payload: cpio in the `newc` form, or in the form without names (`07070X`)
//! that rpm uses for files of 4 GiB and more.

use std::io::Write;

/// One file of the archive.
pub(super) struct Member<'a> {
    pub(super) path: &'a str,
    /// Position in the header's file list: writes the form without names.
    pub(super) index: Option<u32>,
    pub(super) mode: u16,
    pub(super) inode: u32,
    pub(super) links: u32,
    pub(super) content: &'a [u8],
}

/// The archive, unpacked. `prefixed`: names begin with `./`, as from rpm 4 on.
pub(super) fn write(members: &[Member<'_>], prefixed: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        match member.index {
            Some(index) => out.extend(format!("07070X{index:08x}").bytes()),
            None => {
                let relative = member.path.trim_start_matches('/');
                let absolute = prefixed && member.path.starts_with('/');
                let name = if absolute {
                    format!("./{relative}")
                } else {
                    relative.to_owned()
                };
                write_named(&mut out, member, &name);
            }
        }
        pad(&mut out);
        out.extend(member.content);
        pad(&mut out);
    }
    let end = Member {
        path: "",
        index: None,
        mode: 0,
        inode: 0,
        links: 1,
        content: &[],
    };
    write_named(&mut out, &end, "TRAILER!!!");
    pad(&mut out);
    out
}

fn write_named(out: &mut Vec<u8>, member: &Member<'_>, name: &str) {
    let size = u32::try_from(member.content.len()).expect("a test file stays below 4 GiB");
    let name_size = u32::try_from(name.len() + 1).expect("a test path is short");
    // inode, mode, uid, gid, links, mtime, size, device (2), special device (2), name size, checksum
    let fields = [
        member.inode,
        u32::from(member.mode),
        0,
        0,
        member.links,
        super::BUILD_TIME,
        size,
        0,
        1,
        0,
        0,
        name_size,
        0,
    ];
    out.extend(b"070701");
    out.extend(
        fields
            .iter()
            .flat_map(|field| format!("{field:08x}").into_bytes()),
    );
    out.extend(name.bytes());
    out.push(0);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Packs with rpm's name for the compressor, at a low level: tests want speed.
pub(super) fn compress(compressor: &str, bytes: &[u8]) -> Vec<u8> {
    const IN_MEMORY: &str = "writing to memory does not fail";
    match compressor {
        "none" => bytes.to_vec(),
        "gzip" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).expect(IN_MEMORY);
            out.finish().expect(IN_MEMORY)
        }
        "bzip2" => {
            let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
            out.write_all(bytes).expect(IN_MEMORY);
            out.finish().expect(IN_MEMORY)
        }
        "zstd" => zstd::encode_all(bytes, 1).expect(IN_MEMORY),
        "xz" => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 0);
            out.write_all(bytes).expect(IN_MEMORY);
            out.finish().expect(IN_MEMORY)
        }
        "lzma" => {
            let options = liblzma::stream::LzmaOptions::new_preset(0).expect("level 0 exists");
            let stream = liblzma::stream::Stream::new_lzma_encoder(&options).expect(IN_MEMORY);
            let mut out = liblzma::write::XzEncoder::new_stream(Vec::new(), stream);
            out.write_all(bytes).expect(IN_MEMORY);
            out.finish().expect(IN_MEMORY)
        }
        other => panic!("{other} is not a compressor of rpm"),
    }
}
