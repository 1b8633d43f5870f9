//! The `rpm` crate, a second reader that knows format 6, says the same of good packages.

use kmp::{Dependency, Package};
use testkit::Format;

use crate::{full, read};

fn texts(list: Result<Vec<rpm::Dependency>, rpm::Error>) -> Vec<(String, u32, String)> {
    let list = list.expect("the list is there");
    list.into_iter()
        .map(|d| (d.name, d.flags.bits(), d.version))
        .collect()
}

fn ours(list: &[Dependency]) -> Vec<(String, u32, String)> {
    list.iter()
        .map(|d| (d.name.clone(), d.flags, d.version.clone()))
        .collect()
}

fn compare(bytes: &[u8], package: &Package) {
    let theirs = rpm::Package::parse(&mut &*bytes).expect("is a package");
    let meta = &theirs.metadata;
    assert_eq!(meta.get_name().unwrap(), package.name);
    assert_eq!(meta.get_epoch().ok(), package.epoch);
    assert_eq!(meta.get_version().unwrap(), package.version);
    assert_eq!(meta.get_release().unwrap(), package.release);
    assert_eq!(meta.get_summary().unwrap(), package.summary);
    assert_eq!(meta.get_description().unwrap(), package.description);
    assert_eq!(meta.get_build_time().unwrap(), package.build_time);
    assert_eq!(meta.get_installed_size().unwrap(), package.installed_size);
    let offsets = meta.get_package_segment_offsets();
    assert_eq!(
        (offsets.header, offsets.payload),
        (package.header_start, package.header_end)
    );
    assert_eq!(theirs.header_bytes().unwrap(), package.header_bytes);

    let lists = &package.dependencies;
    assert_eq!(texts(meta.get_provides()), ours(&lists.provides));
    assert_eq!(texts(meta.get_requires()), ours(&lists.requires));
    assert_eq!(texts(meta.get_conflicts()), ours(&lists.conflicts));
    assert_eq!(texts(meta.get_obsoletes()), ours(&lists.obsoletes));
    assert_eq!(texts(meta.get_recommends()), ours(&lists.recommends));
    assert_eq!(texts(meta.get_suggests()), ours(&lists.suggests));
    assert_eq!(texts(meta.get_supplements()), ours(&lists.supplements));
    assert_eq!(texts(meta.get_enhances()), ours(&lists.enhances));

    let entries = meta.get_file_entries().unwrap();
    assert_eq!(entries.len(), package.files.len());
    for (entry, file) in entries.iter().zip(&package.files) {
        assert_eq!(entry.path().to_str().unwrap(), file.path);
        assert_eq!(entry.mode().raw_mode(), file.mode, "{}", file.path);
        assert_eq!(entry.size() as u64, file.size, "{}", file.path);
    }
    let changelog = meta.get_changelog_entries().unwrap();
    assert_eq!(changelog.len(), package.changelog.len());
    for (entry, ours) in changelog.iter().zip(&package.changelog) {
        assert_eq!(
            (&entry.name, &entry.description),
            (&ours.author, &ours.text)
        );
    }
    let signatures: Vec<Vec<u8>> = theirs
        .raw_signatures()
        .unwrap()
        .iter()
        .map(|packet| packet.to_vec())
        .collect();
    let packets: Vec<Vec<u8>> = package
        .signatures
        .iter()
        .map(|s| s.packet.clone())
        .collect();
    assert_eq!(signatures, packets);
}

#[test]
fn packages_of_our_builder() {
    for format in [Format::V4, Format::V4Large, Format::V6] {
        for compressor in ["gzip", "xz", "zstd", "bzip2", "none"] {
            let bytes = full(format, compressor).build();
            compare(&bytes, &read(&bytes));
        }
    }
}

#[test]
fn signatures() {
    let signed = full(Format::V4, "gzip")
        .signed(|_| b"one signature".to_vec())
        .build();
    compare(&signed, &read(&signed));
    let several = full(Format::V6, "gzip")
        .header_signature(278, |_| b"first".to_vec())
        .header_signature(278, |_| b"second".to_vec())
        .build();
    compare(&several, &read(&several));
}

/// Packages made by the crate itself.
#[test]
fn packages_of_the_crate() {
    for config in [rpm::BuildConfig::v4(), rpm::BuildConfig::v6()] {
        let built =
            rpm::PackageBuilder::new("acme", "1.0", "GPL-2.0-only", "x86_64", "made by a crate")
                .using_config(config)
                .with_file_contents("content", rpm::FileOptions::new("/usr/share/acme/file"))
                .expect("takes a file")
                .requires(rpm::Dependency::eq("ksym(default:printk)", "92997ed8"))
                .build()
                .expect("builds");
        let mut bytes = Vec::new();
        built.write(&mut bytes).expect("writes to memory");
        let package = read(&bytes);
        let bad: Vec<_> = package
            .digests
            .iter()
            .filter(|check| !check.matches())
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
        assert!(package.digests.len() >= 4, "{:?}", package.digests);
        assert_eq!(package.files[0].path, "/usr/share/acme/file");
    }
}
