//! The fuzz targets: one function each, which may do anything with any bytes but panic, hang, or
//! take memory without bound.
//!
//! Where two of our answers must agree (a text read again, two ways to match), that is asserted.

use kmp::{Dependency, Evr, KmpName, KmpVersion, KsymDependency, ModulePath, SymsetDependency};

use crate::seeds::{self, Seed};

/// One kind of input.
pub struct Target {
    /// Of the program in `fuzz/fuzz_targets` and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Works on one input.
    pub run: fn(&[u8]),
    /// Good inputs to begin from.
    pub seeds: fn() -> Vec<Seed>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("module", module, seeds::modules),
    target("package", package, seeds::packages),
    target("header", header, seeds::headers),
    target("payload", payload, seeds::payloads),
    #[cfg(feature = "signatures")]
    target("signature", signature, seeds::signatures),
    target("symvers", symvers, seeds::symvers),
    target("modalias", modalias, seeds::modaliases),
    target("dependency", dependency, seeds::dependencies),
];

const fn target(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Seed>) -> Target {
    Target { name, run, seeds }
}

/// A module file, plain or packed, with what verifying its signature takes.
pub fn module(bytes: &[u8]) {
    let limits = kmod::Limits::default();
    match kmod::Module::read_sealed(bytes, "acme_net.ko", &limits) {
        Ok((module, seal)) => assert!(seal.is_none() || module.signature.is_some()),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A whole package.
pub fn package(bytes: &[u8]) {
    match kmp::read(bytes, &kmp::Limits::default()) {
        Ok(package) => assert_eq!(package.file_size, bytes.len() as u64),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// What follows the lead: signature header, header, payload.
pub fn header(bytes: &[u8]) {
    package(&[seeds::lead(), bytes].concat());
}

/// A payload behind good headers; the first byte chooses which.
pub fn payload(bytes: &[u8]) {
    let Some((&which, payload)) = bytes.split_first() else {
        return;
    };
    let fronts = seeds::payload_fronts();
    let front = &fronts[usize::from(which) % fronts.len()];
    package(&[front, payload].concat());
}

/// A signature packet on a good package, and the same bytes as a certificate of either kind.
#[cfg(feature = "signatures")]
pub fn signature(bytes: &[u8]) {
    use keyring::{Certificate, Policy};
    use kmp::{Covers, RawSignature};

    static UNSIGNED: std::sync::OnceLock<kmp::Package> = std::sync::OnceLock::new();
    let mut package = UNSIGNED.get_or_init(seeds::unsigned).clone();
    package.signatures = vec![RawSignature {
        tag: 268,
        covers: Covers::Header,
        packet: bytes.to_vec(),
    }];
    let certificates = [
        seeds::certificate(),
        Certificate::parse_all(bytes).unwrap_or_default(),
    ];
    let certificates = certificates.concat();
    let _ = kmod::Certificate::read(bytes);
    let report = keyring::judge(
        &package,
        &certificates,
        &Policy::default(),
        seeds::JUDGED_AT,
    );
    assert!(
        !report.signatures.is_empty(),
        "no signature is left out of the report"
    );
}

/// A `Module.symvers`, plain or packed. What is written of it reads the same.
pub fn symvers(bytes: &[u8]) {
    let Ok(read) = kabi::symvers::parse(bytes) else {
        return;
    };
    let again = kabi::symvers::parse(read.to_canonical_text().as_bytes());
    let again = again.expect("our own text is readable");
    assert_eq!(again.content_hash(), read.content_hash());
}

/// A pattern and, behind a line end, aliases. The index finds what `fnmatch` matches.
pub fn modalias(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let pattern = lines.next().unwrap_or_default();
    let _ = modalias::specificity(pattern);
    let _ = modalias::parse_supplement(pattern);
    let index = modalias::Index::build([(pattern.to_owned(), ())]);
    for alias in lines {
        let alias = modalias::normalise(alias);
        let found = !index.matches(&alias).is_empty();
        let matched = modalias::fnmatch(pattern.as_bytes(), alias.as_bytes());
        let comparable = index.len() == 1 && alias.len() <= modalias::ALIAS_MAX;
        assert!(!comparable || found == matched, "{pattern:?} on {alias:?}");
    }
}

/// Dependencies, one a line, as name and version, and the small grammars around them.
pub fn dependency(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for line in text.lines() {
        let (name, version) = line.split_once(" = ").unwrap_or((line, ""));
        let dependency = Dependency {
            name: name.to_owned(),
            flags: kmp::sense::EQUAL,
            version: version.to_owned(),
        };
        let _ = KsymDependency::parse(&dependency);
        let _ = SymsetDependency::parse(&dependency);
        let _ = modalias::parse_supplement(name);
        let _ = KmpName::parse(name);
        let _ = ModulePath::parse(name).map(|path| path.flavor().map(str::len));
        let _ = KmpVersion::parse(version);
        let order = kmp::rpmvercmp(name, version);
        assert_eq!(order.reverse(), kmp::rpmvercmp(version, name));
        let (left, right) = (Evr::parse(name), Evr::parse(version));
        assert_eq!(left.compare(&right).reverse(), right.compare(&left));
    }
}
