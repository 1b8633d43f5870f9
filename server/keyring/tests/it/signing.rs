//! Our keys and signatures, as gpg and rpm see them.

use std::time::Duration;

use keyring::{Certificate, Error, KeyAlgorithm, SigningKey, verify_detached};

use crate::tools::{Gpg, RpmKeys, run, user_id, year};

const DATA: &[u8] = b"<repomd/>\n";
const MADE: u64 = year(2021);
const NOW: u64 = year(2022);

fn key(algorithm: KeyAlgorithm) -> SigningKey {
    SigningKey::generate("Portal repositories <repo@portal.example>", algorithm, MADE).unwrap()
}

fn ed25519() -> SigningKey {
    key(KeyAlgorithm::Ed25519)
}

#[test]
fn can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<SigningKey>();
    shared::<Certificate>();
}

#[test]
fn gpg_and_rpm_take_our_keys_and_signatures() {
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa3072] {
        let key = key(algorithm);
        let public = key.certificate().to_armored();
        RpmKeys::new().import(public.as_bytes()).unwrap();

        let gpg = Gpg::new();
        gpg.import(public.as_bytes());
        assert_eq!(gpg.fingerprint("repo@portal.example"), key.fingerprint());
        let signature = key.sign_detached(DATA, NOW).unwrap();
        let said = gpg.verify(&signature, DATA).unwrap();
        assert!(
            said.contains("Good signature from \"Portal repositories"),
            "{said}"
        );
        assert!(said.contains("digest algorithm SHA512"), "{said}");
        assert!(said.contains("Jan  1") && said.contains("2022"), "{said}");
        gpg.verify(&signature, b"<repomd>\n").unwrap_err();
    }
}

#[test]
fn rpm_takes_the_packages_we_sign() {
    for (algorithm, tag) in [(KeyAlgorithm::Ed25519, 267), (KeyAlgorithm::Rsa3072, 268)] {
        let key = key(algorithm);
        let public = key.certificate().to_armored();
        let package = testkit::RpmBuilder::new("ours", "1", "1", "noarch")
            .header_signature(tag, move |header: &[u8]| {
                key.sign_packet(header, NOW).unwrap()
            })
            .build();
        let rpm = RpmKeys::new();
        rpm.check(&package).unwrap_err();
        rpm.import(public.as_bytes()).unwrap();
        let said = rpm.check(&package).unwrap();
        assert!(
            said.contains("SHA256 Signature") && said.contains(": OK"),
            "{said}"
        );
    }
}

#[test]
fn a_secret_key_survives_its_file() {
    let key = ed25519();
    for passphrase in [None, Some("correct horse")] {
        let text = key.to_armored_secret(passphrase).unwrap();
        assert!(text.starts_with("-----BEGIN PGP PRIVATE KEY BLOCK-----"));
        let read = SigningKey::from_armored_secret(text.as_bytes(), passphrase).unwrap();
        assert_eq!(read.fingerprint(), key.fingerprint());
        assert_eq!(read.certificate(), key.certificate());
        let signature = read.sign_detached(DATA, NOW).unwrap();
        verify_detached(DATA, &signature, &[key.certificate()], NOW).unwrap();
    }
    let text = key.to_armored_secret(Some("correct horse")).unwrap();
    for (passphrase, expected) in [(None, "missing"), (Some("wrong"), "wrong")] {
        let error = SigningKey::from_armored_secret(text.as_bytes(), passphrase).unwrap_err();
        assert!(
            matches!(&error, Error::Passphrase { problem, .. } if *problem == expected),
            "{error}"
        );
    }
}

#[test]
fn not_every_file_is_a_secret_key() {
    let public = ed25519().certificate().to_armored();
    for (text, expected) in [
        ("", "cannot use"),
        ("hello", "cannot use"),
        (&public, "only the public part"),
    ] {
        let error = SigningKey::from_armored_secret(text.as_bytes(), None)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_secret_does_not_show_in_debug_output() {
    let key = ed25519();
    assert_eq!(
        format!("{key:?}"),
        format!("SigningKey {{ fingerprint: {:?}, .. }}", key.fingerprint())
    );
}

#[test]
fn gpg_takes_our_secret_key() {
    let (gpg, key) = (Gpg::new(), ed25519());
    let path = gpg.file(
        "secret.asc",
        key.to_armored_secret(Some("horse")).unwrap().as_bytes(),
    );
    run(gpg
        .command()
        .args(["--passphrase", "horse", "--import"])
        .arg(path));
    let data = gpg.file("signed", DATA);
    let mut sign = gpg.command();
    sign.args([
        "--passphrase",
        "horse",
        "--armor",
        "--output",
        "-",
        "--detach-sign",
    ]);
    let signature = run(sign.arg(data));
    let signer =
        verify_detached(DATA, &signature, &[key.certificate()], crate::tools::now()).unwrap();
    assert_eq!(signer, key.fingerprint());
}

#[test]
fn we_take_gpgs_secret_keys() {
    let gpg = Gpg::new();
    let with_subkey = gpg.make_key("subkey", "rsa2048", "never", 2021, &[]);
    run(gpg.command().args([
        "--passphrase",
        "",
        "--quick-add-key",
        &with_subkey,
        "ed25519",
        "sign",
    ]));
    let plain = gpg.make_key("plain", "ed25519", "never", 2021, &[]);
    for (fingerprint, key_count) in [(with_subkey, 2), (plain, 1)] {
        let mut export = gpg.command();
        let secret = run(export.args([
            "--passphrase",
            "",
            "--armor",
            "--export-secret-keys",
            &fingerprint,
        ]));
        let key = SigningKey::from_armored_secret(&secret, None).unwrap();
        assert_eq!(key.fingerprint(), fingerprint);
        assert_eq!(key.certificate().fingerprints().len(), key_count);
        let now = crate::tools::now();
        let signature = key.sign_detached(DATA, now).unwrap();
        let said = gpg.verify(&signature, DATA).unwrap();
        assert!(said.contains("using EDDSA key"), "{said}");
        let public = Certificate::parse_all(&gpg.export(&fingerprint)).unwrap();
        assert_eq!(
            verify_detached(DATA, &signature, &public, now).unwrap(),
            fingerprint
        );
    }
}

#[test]
fn an_expired_key_does_not_sign() {
    let gpg = Gpg::new();
    let fingerprint = gpg.make_key("short", "ed25519", "1y", 2021, &[]);
    let mut export = gpg.command();
    let secret = run(export.args(["--passphrase", "", "--export-secret-keys", &fingerprint]));
    let key = SigningKey::from_armored_secret(&secret, None).unwrap();
    let signature = key.sign_detached(DATA, year(2021) + 5).unwrap();
    let error = key.sign_detached(DATA, year(2023)).unwrap_err();
    assert!(
        error.to_string().contains("had expired on 2022-01-01"),
        "{error}"
    );
    assert!(matches!(
        key.sign_packet(DATA, year(2020)),
        Err(Error::NotValid { .. })
    ));

    let public = [key.certificate()];
    verify_detached(DATA, &signature, &public, year(2021) + 5).unwrap();
    let error = verify_detached(DATA, &signature, &public, year(2023))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("was valid when the file was signed on 2021-01-01"),
        "{error}"
    );
    assert!(error.contains("had expired on 2022-01-01"), "{error}");
}

#[test]
fn a_detached_signature_must_hold() {
    let (key, stranger) = (ed25519(), ed25519());
    let good = key.sign_detached(DATA, NOW).unwrap();
    let ours = [key.certificate()];
    assert_eq!(
        verify_detached(DATA, &good, &ours, NOW).unwrap(),
        key.fingerprint()
    );
    let binary = key.sign_packet(DATA, NOW).unwrap();
    assert_eq!(
        verify_detached(DATA, &binary, &ours, NOW).unwrap(),
        key.fingerprint()
    );
    let both = [stranger.sign_packet(DATA, NOW).unwrap(), binary.clone()].concat();
    assert_eq!(
        verify_detached(DATA, &both, &ours, NOW).unwrap(),
        key.fingerprint()
    );

    let foreign = stranger.sign_detached(DATA, NOW).unwrap();
    let late = key.sign_detached(DATA, NOW + 86_400).unwrap();
    let public = ours[0].to_armored();
    let mut damaged = binary.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let cases: [(&[u8], &[u8], &str); 8] = [
        (b"<repomd>\n", &good, "not what was signed"),
        (DATA, &damaged, "not what was signed"),
        (DATA, &foreign, "which is unknown"),
        (DATA, &late, "yet to come"),
        (DATA, b"", "it is empty"),
        (DATA, b"hello", "does not begin with a signature packet"),
        (DATA, &good[..good.len() / 2], ""),
        (DATA, public.as_bytes(), ""),
    ];
    for (data, signature, expected) in cases {
        let error = verify_detached(data, signature, &ours, NOW)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = verify_detached(DATA, &good, &[], NOW)
        .unwrap_err()
        .to_string();
    assert!(error.contains(&key.fingerprint()), "{error}");
}

#[test]
fn a_key_must_be_meant_for_signing() {
    let gpg = Gpg::new();
    let mut make = gpg.command();
    make.args([
        "--passphrase",
        "",
        "--quick-gen-key",
        &user_id("certify"),
        "ed25519",
        "cert",
        "never",
    ]);
    run(&mut make);
    let fingerprint = gpg.fingerprint(&user_id("certify"));
    let mut export = gpg.command();
    let secret = run(export.args(["--passphrase", "", "--export-secret-keys", &fingerprint]));
    let error = SigningKey::from_armored_secret(&secret, None)
        .unwrap_err()
        .to_string();
    assert!(error.contains("may sign"), "{error}");
}

#[test]
fn generation_is_quick_enough_for_the_first_start() {
    let started = std::time::Instant::now();
    let key = key(KeyAlgorithm::Rsa4096);
    assert_eq!(key.certificate().algorithm(), "RSA 4096");
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
}
