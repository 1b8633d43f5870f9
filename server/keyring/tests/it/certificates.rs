//! What vendors hand in as their key, and what is read out of it.

use keyring::{Certificate, Error, KeyAlgorithm, SigningKey};
use proptest::prelude::*;

use crate::tools::{Gpg, year};

fn key(name: &str) -> SigningKey {
    SigningKey::generate(name, KeyAlgorithm::Ed25519, year(2020)).unwrap()
}

fn armored(name: &str) -> String {
    key(name).certificate().to_armored()
}

fn dearmor(armored: &str) -> Vec<u8> {
    let gpg = Gpg::new();
    let path = gpg.file("key.asc", armored.as_bytes());
    crate::tools::run(gpg.command().args(["--dearmor", "--output", "-"]).arg(path))
}

fn user_ids(bytes: &[u8]) -> Vec<String> {
    Certificate::parse_all(bytes)
        .unwrap()
        .iter()
        .map(Certificate::user_id)
        .collect()
}

#[test]
fn reads_keys_however_they_are_wrapped() {
    let (one, two) = (armored("one"), armored("two"));
    assert_eq!(user_ids(one.as_bytes()), ["one"]);
    assert_eq!(user_ids(&dearmor(&one)), ["one"]);
    assert_eq!(
        user_ids(&[dearmor(&one), dearmor(&two)].concat()),
        ["one", "two"]
    );
    assert_eq!(user_ids(format!("{one}{two}").as_bytes()), ["one", "two"]);
    let mail = format!(
        "Dear distributor,\r\n\r\n{}\r\n\r\nand\r\n{}-- \r\nV.",
        one.replace('\n', "\r\n"),
        two
    );
    assert_eq!(user_ids(mail.as_bytes()), ["one", "two"]);
    assert_eq!(
        user_ids(format!("{one}{one}").as_bytes()),
        ["one"],
        "merged"
    );
}

#[test]
fn refuses_what_is_not_a_public_key() {
    let secret = key("s").to_armored_secret(None).unwrap();
    let signature =
        String::from_utf8(key("s").sign_detached(b"data", year(2020)).unwrap()).unwrap();
    let public = armored("p");
    let cut = &public[..public.len() / 2];
    let cases = [
        ("", "found nothing"),
        ("hello", "no OpenPGP public key found"),
        (&signature, "found a signature"),
        (&secret, "secret part of key"),
        (&format!("{public}{secret}"), "secret part of key"),
        (cut, "no OpenPGP public key found"),
    ];
    for (text, expected) in cases {
        let error = Certificate::parse_all(text.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let binary_secret = dearmor(&secret);
    assert!(matches!(
        Certificate::parse_all(&binary_secret),
        Err(Error::SecretKey { .. })
    ));
    let large = vec![b' '; (1 << 20) + 1];
    assert!(matches!(
        Certificate::parse_all(&large),
        Err(Error::TooLarge { .. })
    ));
    let many: String = (0..65).map(|number| armored(&number.to_string())).collect();
    assert!(matches!(
        Certificate::parse_all(many.as_bytes()),
        Err(Error::TooMany { .. })
    ));
}

#[test]
fn a_key_that_would_take_minutes_is_refused() {
    let length: u16 = 16_385; // bits
    let mut body = vec![4, 0, 0, 0, 0, 1];
    body.extend(length.to_be_bytes());
    body.push(1);
    body.extend(vec![0xff; 2048]);
    body.extend([0, 17, 1, 0, 1]);
    let mut packet = vec![0x99];
    packet.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    packet.extend(body);
    let error = Certificate::parse_all(&packet).unwrap_err();
    assert!(
        matches!(error, Error::KeyTooLong { bits: 16_385, .. }),
        "{error}"
    );
}

#[test]
fn tells_the_same_as_gpg() {
    let gpg = Gpg::new();
    let expiring = gpg.make_key("expiring", "rsa3072", "1y", 2020, &[]);
    let forever = gpg.make_key("forever", "ed25519", "never", 2021, &[]);
    crate::tools::run(gpg.command().args([
        "--passphrase",
        "",
        "--quick-add-key",
        &forever,
        "rsa2048",
        "sign",
    ]));
    for (key, algorithm, created, expires) in [
        (
            &expiring,
            "RSA 3072",
            year(2020),
            Some(year(2020) + 365 * 86_400),
        ),
        (&forever, "Ed25519", year(2021), None),
    ] {
        let [certificate] = &Certificate::parse_all(&gpg.export(key)).unwrap()[..] else {
            panic!()
        };
        assert_eq!(certificate.fingerprint(), *key);
        assert_eq!(certificate.algorithm(), algorithm);
        assert_eq!(certificate.created(), created);
        assert_eq!(certificate.expires(), expires);
        assert!(!certificate.revoked());
        let listed = crate::tools::run(gpg.command().args(["--with-colons", "--list-keys", key]));
        let listed = String::from_utf8(listed).unwrap();
        let field = |kind: &str, number: usize| -> Vec<String> {
            let lines = listed
                .lines()
                .map(|line| line.split(':').collect::<Vec<_>>());
            lines
                .filter(|line| kind.contains(line[0]))
                .map(|line| line[number].to_owned())
                .collect()
        };
        assert_eq!(certificate.fingerprints(), field("fpr", 9));
        assert_eq!(certificate.key_ids(), field("pub sub", 4));
        assert_eq!(vec![certificate.user_id()], field("uid", 9));
    }
}

#[test]
fn a_revocation_shows() {
    let gpg = Gpg::new();
    let key = gpg.make_key("gone", "ed25519", "never", 2020, &[]);
    gpg.edit(&key, &[], &["revkey", "y", "3", "", "y", "save", ""]);
    let [certificate] = &Certificate::parse_all(&gpg.export(&key)).unwrap()[..] else {
        panic!()
    };
    assert!(certificate.revoked());
}

#[test]
fn control_characters_of_a_user_id_stay_inside() {
    assert_eq!(
        user_ids(armored("a\u{1b}[31m\nb").as_bytes()),
        ["a\u{fffd}[31m\u{fffd}b"]
    );
}

proptest! {
    #[test]
    fn never_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let mut bytes = GOOD.get_or_init(|| dearmor(&armored("good"))).clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for certificate in Certificate::parse_all(&bytes).unwrap_or_default() {
            let _ = (certificate.user_id(), certificate.algorithm(), certificate.expires());
            let _ = (certificate.revoked(), certificate.to_armored(), certificate.key_ids());
        }
    }
}
