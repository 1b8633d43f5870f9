//! Packages signed by the real `rpmsign`: who signed, is it good, and if not, why.

use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use keyring::{Certificate, KeyAlgorithm, Policy, SigningKey, judge, judge_stream};
use kmp::{Covers, JudgedSignature, Package, RawSignature, SignatureVerdict};
use openpgp::packet::signature::SignatureBuilder;
use openpgp::parse::Parse as _;
use openpgp::serialize::SerializeInto as _;
use openpgp::types::SignatureType;
use proptest::prelude::*;
use sequoia_openpgp as openpgp;

use crate::tools::{Gpg, RpmKeys, now, run, unsigned, user_id, year};

const LEGACY: Policy = Policy {
    accept_sha1_self_signatures: true,
    accept_legacy: true,
};

fn read(package: &[u8]) -> Package {
    kmp::read(package, &kmp::Limits::default()).unwrap()
}

fn certificates(gpg: &Gpg, key: &str) -> Vec<Certificate> {
    Certificate::parse_all(&gpg.export(key)).unwrap()
}

fn only(signatures: Vec<JudgedSignature>) -> JudgedSignature {
    let [signature] = &signatures[..] else {
        panic!("one signature: {signatures:?}")
    };
    signature.clone()
}

/// The verdict on a package with one header signature.
fn verdict(
    package: &[u8],
    certificates: &[Certificate],
    policy: &Policy,
    now: u64,
) -> SignatureVerdict {
    only(judge(&read(package), certificates, policy, now).signatures).verdict
}

fn why(verdict: SignatureVerdict) -> String {
    match verdict {
        SignatureVerdict::Refused { why } | SignatureVerdict::Malformed { why } => why,
        other => panic!("refused or malformed: {other:?}"),
    }
}

fn good(gpg: &Gpg, name: &str) -> SignatureVerdict {
    SignatureVerdict::Good {
        certificate: gpg.fingerprint(&user_id(name)),
        user_id: user_id(name),
    }
}

/// Flips one bit, `from_end` bytes before the end.
fn damaged(package: &[u8], from_end: usize) -> Vec<u8> {
    let mut damaged = package.to_vec();
    let at = damaged.len() - from_end;
    damaged[at] ^= 1;
    damaged
}

#[test]
fn a_good_signature_names_its_certificate() {
    for algorithm in ["rsa3072", "ed25519"] {
        let gpg = Gpg::new();
        let key = gpg.make_key("vendor", algorithm, "never", 2021, &[]);
        let package = gpg.sign_package(&key, year(2022), &[]);
        let certificates = certificates(&gpg, &key);
        let signature =
            only(judge(&read(&package), &certificates, &Policy::default(), now()).signatures);
        assert_eq!(signature.covers, Covers::Header);
        assert_eq!(signature.issuer, Some(key));
        assert_eq!(signature.created, Some(year(2022)));
        assert_eq!(signature.verdict, good(&gpg, "vendor"));

        let stranger = SigningKey::generate("stranger", KeyAlgorithm::Ed25519, year(2020)).unwrap();
        for known in [vec![], vec![stranger.certificate()]] {
            let verdict = verdict(&package, &known, &Policy::default(), now());
            assert_eq!(verdict, SignatureVerdict::UnknownKey);
        }
        let several = [vec![stranger.certificate()], certificates].concat();
        assert_eq!(
            verdict(&package, &several, &Policy::default(), now()),
            good(&gpg, "vendor")
        );
    }
}

#[test]
fn a_package_without_signature_has_none() {
    assert_eq!(
        judge(&read(unsigned()), &[], &Policy::default(), now()).signatures,
        []
    );
}

#[test]
fn a_changed_header_is_bad() {
    let gpg = Gpg::new();
    let key = gpg.make_key("vendor", "ed25519", "never", 2021, &[]);
    let certificates = certificates(&gpg, &key);
    let mut package = read(&gpg.sign_package(&key, year(2022), &[]));
    let last = package.header_bytes.len() - 1;
    package.header_bytes[last] ^= 1;
    let signature = only(judge(&package, &certificates, &Policy::default(), now()).signatures);
    assert_eq!(signature.verdict, SignatureVerdict::Bad);
    assert_eq!(signature.issuer, Some(key));
}

#[test]
fn a_subkey_signs_for_its_certificate() {
    let gpg = Gpg::new();
    let key = gpg.make_key("vendor", "rsa2048", "never", 2021, &[]);
    let time = "--faked-system-time=20220101T000000!";
    run(gpg.command().args([
        time,
        "--passphrase",
        "",
        "--quick-add-key",
        &key,
        "rsa3072",
        "sign",
    ]));
    let package = gpg.sign_package(&key, year(2023), &[]);
    let certificates = certificates(&gpg, &key);
    let signature =
        only(judge(&read(&package), &certificates, &Policy::default(), now()).signatures);
    assert_eq!(signature.verdict, good(&gpg, "vendor"));
    assert_eq!(
        signature.issuer.as_ref(),
        certificates[0].fingerprints().last()
    );
}

/// Key algorithm, gpg's options when the key is made, digest of the package's signature, and what comes
/// out strictly, by default, and with legacy algorithms allowed: good, or words of the refusal.
/// `rpmkeys` takes every one of them.
#[test]
fn the_policy_decides_on_weak_algorithms() {
    let sha1_self = ["--cert-digest-algo", "SHA1"];
    let sha256_self = ["--cert-digest-algo", "SHA256"];
    let weak_data = "the signature uses SHA1";
    let weak_self = "the self-signature of key";
    let (rsa1024, dsa1024) = ("is RSA 1024, too weak", "is DSA 1024, too weak");
    let cases = [
        ("rsa3072", sha256_self, "sha256", ["good", "good", "good"]),
        (
            "rsa3072",
            sha256_self,
            "sha1",
            [weak_data, weak_data, "good"],
        ),
        ("rsa2048", sha1_self, "sha256", [weak_self, "good", "good"]),
        ("rsa1024", sha256_self, "sha256", [rsa1024, rsa1024, "good"]),
        ("dsa1024", sha256_self, "sha256", [dsa1024, dsa1024, "good"]),
        ("dsa1024", sha1_self, "sha1", [weak_data, weak_data, "good"]),
    ];
    for (number, (algorithm, options, digest, expected)) in cases.into_iter().enumerate() {
        let gpg = Gpg::new();
        let name = format!("vendor{number}");
        let key = gpg.make_key(&name, algorithm, "never", 2021, &options);
        let digest = format!("_gpg_digest_algo {digest}");
        let package = gpg.sign_package(&key, year(2022), &["--define", &digest]);
        let certificates = certificates(&gpg, &key);
        for (policy, expected) in [Policy::strict(), Policy::default(), LEGACY]
            .iter()
            .zip(expected)
        {
            let verdict = verdict(&package, &certificates, policy, now());
            match &verdict {
                SignatureVerdict::Good { .. } => {
                    assert_eq!("good", expected, "{algorithm} {digest} {policy:?}")
                }
                SignatureVerdict::Refused { why } if expected != "good" => {
                    assert!(
                        why.contains(expected),
                        "{algorithm} {digest} {policy:?}: {why}"
                    );
                }
                _ => panic!("{algorithm} {digest} {policy:?}: {verdict:?}"),
            }
        }
        let rpm = RpmKeys::new();
        rpm.import(&gpg.export(&key)).unwrap();
        rpm.check(&package).unwrap();
    }
}

#[test]
fn an_expired_key_is_told_for_both_times() {
    let gpg = Gpg::new();
    let key = gpg.make_key("vendor", "ed25519", "1y", 2021, &[]);
    let package = gpg.sign_package(&key, year(2021) + 86_400, &[]);
    let short = certificates(&gpg, &key);
    assert_eq!(
        verdict(&package, &short, &Policy::default(), year(2021) + 90_000),
        good(&gpg, "vendor")
    );
    let why_not = why(verdict(&package, &short, &Policy::default(), year(2023)));
    assert!(
        why_not.contains("was valid when the package was signed on 2021-01-02"),
        "{why_not}"
    );
    assert!(
        why_not.contains("had expired on 2022-01-01 00:00 UTC at the upload on 2023-01-01"),
        "{why_not}"
    );
    assert!(
        why_not.contains("extend the key and register it again"),
        "{why_not}"
    );

    // Extended: gpg has thrown the self-signature of the time of signing away.
    let late = "--faked-system-time=20230601T000000!";
    run(gpg
        .command()
        .args([late, "--passphrase", "", "--quick-set-expire", &key, "5y"]));
    let extended = certificates(&gpg, &key);
    assert_eq!(
        verdict(&package, &extended, &Policy::default(), year(2024)),
        good(&gpg, "vendor")
    );
    let merged = Certificate::parse_all(
        &[short[0].to_armored(), extended[0].to_armored()]
            .concat()
            .into_bytes(),
    );
    assert_eq!(
        verdict(&package, &merged.unwrap(), &Policy::default(), year(2024)),
        good(&gpg, "vendor")
    );
}

/// What gpg declines to do: a signature made at a time when the key was not valid.
fn forged(gpg: &Gpg, key: &str, package: &Package, time: u64) -> RawSignature {
    let mut export = gpg.command();
    let secret = run(export.args(["--passphrase", "", "--export-secret-keys", key]));
    let cert = openpgp::Cert::from_bytes(&secret).unwrap();
    let secret = cert
        .primary_key()
        .key()
        .clone()
        .parts_into_secret()
        .unwrap();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(UNIX_EPOCH + Duration::from_secs(time))
        .unwrap()
        .sign_message(&mut secret.into_keypair().unwrap(), &package.header_bytes)
        .unwrap();
    let packet = openpgp::Packet::from(signature).to_vec().unwrap();
    RawSignature {
        tag: 267,
        covers: Covers::Header,
        packet,
    }
}

#[test]
fn the_time_of_signing_counts() {
    let gpg = Gpg::new();
    let key = gpg.make_key("vendor", "ed25519", "1y", 2021, &[]);
    // gpg throws the old self-signature away when it extends a key, so both are merged here.
    let short = gpg.export(&key);
    let late = "--faked-system-time=20230101T000000!";
    run(gpg
        .command()
        .args([late, "--passphrase", "", "--quick-set-expire", &key, "5y"]));
    let certificates = Certificate::parse_all(&[short, gpg.export(&key)].concat()).unwrap();
    let mut package = read(unsigned());
    let cases = [
        (
            year(2020),
            "the signature says it was made on 2020-01-01 00:00 UTC, before its key",
        ),
        (
            year(2022) + 60,
            "had expired on 2022-01-01 00:00 UTC when the package was signed",
        ),
        (
            year(2022) + 60,
            "and was valid at the upload on 2024-01-01 00:00 UTC; sign again now",
        ),
        (
            year(2024) + 86_400,
            "made on 2024-01-02 00:00 UTC, which is yet to come",
        ),
    ];
    for (signed, expected) in cases {
        package.signatures = vec![forged(&gpg, &key, &package, signed)];
        let report = judge(&package, &certificates, &Policy::default(), year(2024));
        let why = why(only(report.signatures).verdict);
        assert!(why.contains(expected), "{why}");
    }
    // A clock a few minutes ahead is nobody's fault.
    package.signatures = vec![forged(&gpg, &key, &package, year(2024) + 600)];
    let report = judge(&package, &certificates, &Policy::default(), year(2024));
    assert_eq!(only(report.signatures).verdict, good(&gpg, "vendor"));
}

#[test]
fn a_revoked_key_is_refused_by_the_reason_it_gives() {
    // gpg's codes: 1 compromised, 2 replaced, 3 no longer used.
    let cases = [
        (
            "1",
            "had been revoked on",
            "(key compromised) when the package was signed",
        ),
        (
            "2",
            "was valid when the package was signed",
            "(replaced by another) at the upload",
        ),
        (
            "3",
            "was valid when the package was signed",
            "(no longer used) at the upload",
        ),
    ];
    for (code, then, today) in cases {
        let gpg = Gpg::new();
        let key = gpg.make_key("vendor", "ed25519", "never", 2021, &[]);
        let package = gpg.sign_package(&key, year(2022), &[]);
        assert_eq!(
            verdict(
                &package,
                &certificates(&gpg, &key),
                &Policy::default(),
                now()
            ),
            good(&gpg, "vendor")
        );
        gpg.edit(&key, &[], &["revkey", "y", code, "", "y", "save", ""]);
        let why = why(verdict(
            &package,
            &certificates(&gpg, &key),
            &Policy::default(),
            now() + 60,
        ));
        assert!(why.contains(then) && why.contains(today), "{code}: {why}");
        assert!(why.contains("sign again with a valid key"), "{code}: {why}");
    }
}

#[test]
fn legacy_signatures_cover_the_payload_too() {
    let gpg = Gpg::new();
    let key = gpg.make_key("vendor", "rsa3072", "never", 2021, &[]);
    let certificates = certificates(&gpg, &key);
    let bytes = gpg.sign_package(&key, year(2022), &["--rpmv3"]);
    let package = read(&bytes);
    let covered: Vec<Covers> = package
        .signatures
        .iter()
        .map(|signature| signature.covers)
        .collect();
    assert_eq!(covered, [Covers::Header, Covers::HeaderAndPayload]);
    let start = usize::try_from(package.header_start).unwrap();
    let verdicts = |bytes: &[u8]| -> Vec<SignatureVerdict> {
        let report = judge_stream(
            &package,
            &certificates,
            &Policy::default(),
            now(),
            &mut &bytes[start..],
        )
        .unwrap();
        report
            .signatures
            .into_iter()
            .map(|signature| signature.verdict)
            .collect()
    };
    assert_eq!(
        verdicts(&bytes),
        [good(&gpg, "vendor"), good(&gpg, "vendor")]
    );
    assert_eq!(
        verdicts(&damaged(&bytes, 1)),
        [good(&gpg, "vendor"), SignatureVerdict::Bad]
    );
    assert_eq!(
        verdicts(&bytes[..bytes.len() - 1]),
        [good(&gpg, "vendor"), SignatureVerdict::Bad]
    );

    let without_file = judge(&package, &certificates, &Policy::default(), now()).signatures;
    assert_eq!(without_file[0].verdict, good(&gpg, "vendor"));
    assert!(why(without_file[1].verdict.clone()).contains("whole file"));
}

#[test]
fn every_signature_is_reported() {
    let (one, two) = (
        SigningKey::generate("one", KeyAlgorithm::Ed25519, year(2021)).unwrap(),
        SigningKey::generate("two", KeyAlgorithm::Ed25519, year(2021)).unwrap(),
    );
    let known = [one.certificate()];
    let mut package = read(unsigned());
    let packet = |key: &SigningKey| key.sign_packet(&package.header_bytes, year(2022)).unwrap();
    let packets = [
        packet(&two),
        packet(&one),
        b"garbage".to_vec(),
        Vec::new(),
        [packet(&two), packet(&one)].concat(),
    ];
    package.signatures = packets
        .into_iter()
        .map(|packet| RawSignature {
            tag: 278,
            covers: Covers::Header,
            packet,
        })
        .collect();
    let report = judge(&package, &known, &Policy::default(), year(2022));
    let states: Vec<&str> = report
        .signatures
        .iter()
        .map(|signature| match signature.verdict {
            SignatureVerdict::Good { .. } => "good",
            SignatureVerdict::UnknownKey => "unknown",
            SignatureVerdict::Malformed { .. } => "malformed",
            _ => "?",
        })
        .collect();
    assert_eq!(
        states,
        [
            "unknown",
            "good",
            "malformed",
            "malformed",
            "unknown",
            "good"
        ]
    );

    package.signatures = vec![package.signatures[1].clone(); 1000];
    assert!(
        judge(&package, &known, &Policy::default(), year(2022))
            .signatures
            .len()
            < 100
    );
}

proptest! {
    #[test]
    fn a_damaged_signature_never_panics(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        static GOOD: OnceLock<(Package, Vec<Certificate>)> = OnceLock::new();
        let (good, known) = GOOD.get_or_init(|| {
            let key = SigningKey::generate("key", KeyAlgorithm::Ed25519, year(2021)).unwrap();
            let mut package = read(unsigned());
            let packet = key.sign_packet(&package.header_bytes, year(2022)).unwrap();
            package.signatures = vec![RawSignature { tag: 267, covers: Covers::Header, packet }];
            (package, vec![key.certificate()])
        });
        let mut package = good.clone();
        for (at, byte) in damage {
            let packet = &mut package.signatures[0].packet;
            let at = at.index(packet.len());
            packet[at] = byte;
        }
        let _ = judge(&package, known, &Policy::default(), year(2022));
    }
}
