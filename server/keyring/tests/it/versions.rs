//! Signatures and keys that today's gpg does not make: version 3 (as build services still do),
//! version 6 (rpm 6), and certificates put together with ill intent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use keyring::{Certificate, KeyAlgorithm, Policy, SigningKey, judge, verify_detached};
use kmp::SignatureVerdict;
use openpgp::crypto::{KeyPair, Signer as _};
use openpgp::packet::signature::SignatureBuilder;
use openpgp::packet::{Packet, Signature, UserID};
use openpgp::parse::Parse as _;
use openpgp::serialize::MarshalInto as _;
use openpgp::types::{HashAlgorithm, KeyFlags, SignatureType};
use openpgp::{Cert, Profile, cert::CertBuilder};
use sequoia_openpgp as openpgp;

use crate::tools::year;

const DATA: &[u8] = b"header";
const MADE: u64 = year(2021);

fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn secret(key: &SigningKey) -> Cert {
    Cert::from_bytes(key.to_armored_secret(None).unwrap().as_bytes()).unwrap()
}

fn pair(cert: &Cert) -> KeyPair {
    cert.primary_key()
        .key()
        .clone()
        .parts_into_secret()
        .unwrap()
        .into_keypair()
        .unwrap()
}

/// The verdict on a package whose header is [`DATA`], uploaded at the time `now`.
fn verdict(signature: Signature, cert: &Cert, now: u64) -> SignatureVerdict {
    let mut package = kmp::read(crate::tools::unsigned(), &kmp::Limits::default()).unwrap();
    package.header_bytes = DATA.to_vec();
    let packet = Packet::from(signature).to_vec().unwrap();
    package.signatures = vec![kmp::RawSignature {
        tag: 278,
        covers: kmp::Covers::Header,
        packet,
    }];
    let public = cert.clone().strip_secret_key_material().to_vec().unwrap();
    let public = Certificate::parse_all(&public).unwrap();
    let report = judge(&package, &public, &Policy::default(), now);
    report.signatures[0].verdict.clone()
}

fn why(verdict: SignatureVerdict) -> String {
    let SignatureVerdict::Refused { why } = verdict else {
        panic!("refused: {verdict:?}")
    };
    why
}

/// RFC 4880 section 5.2.2: hashed are the data, the type and the time.
fn version_3(pair: &mut KeyPair, hash: HashAlgorithm, data: &[u8], time: u64) -> Vec<u8> {
    let time = u32::try_from(time).unwrap().to_be_bytes();
    let mut context = hash.context().unwrap().for_signature(3);
    context.update(data);
    context.update(&[0]);
    context.update(&time);
    let digest = context.into_digest().unwrap();
    let numbers = pair.sign(hash, &digest).unwrap();
    let key_id = pair.public().keyid();
    let algorithm = [pair.public().pk_algo().into(), hash.into()];
    let body = [
        &[3, 5, 0][..],
        &time,
        key_id.as_bytes(),
        &algorithm,
        &digest[..2],
        &numbers.to_vec().unwrap(),
    ]
    .concat();
    [
        &[0x89][..],
        &u16::try_from(body.len()).unwrap().to_be_bytes(),
        &body,
    ]
    .concat()
}

#[test]
fn version_3_signatures_count_when_their_digest_is_strong() {
    let key = SigningKey::generate("vendor", KeyAlgorithm::Rsa3072, MADE).unwrap();
    let public = [key.certificate()];
    let mut pair = pair(&secret(&key));
    let mut packet = |hash, time| version_3(&mut pair, hash, DATA, time);
    let good = packet(HashAlgorithm::SHA256, year(2022));
    assert_eq!(
        verify_detached(DATA, &good, &public, year(2022)).unwrap(),
        key.fingerprint()
    );
    let cases = [
        (&b"other"[..], good.clone(), "not what was signed"),
        (
            DATA,
            packet(HashAlgorithm::SHA1, year(2022)),
            "the signature uses SHA1",
        ),
        (
            DATA,
            packet(HashAlgorithm::SHA256, year(2020)),
            "before its key",
        ),
        (
            DATA,
            packet(HashAlgorithm::SHA256, year(2023)),
            "yet to come",
        ),
    ];
    for (data, packet, expected) in cases {
        let error = verify_detached(data, &packet, &public, year(2022))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn version_6_keys_and_signatures_are_understood() {
    let (cert, _) = CertBuilder::new()
        .set_profile(Profile::RFC9580)
        .unwrap()
        .set_creation_time(moment(MADE))
        .add_userid("vendor")
        .add_signing_subkey()
        .generate()
        .unwrap();
    assert_eq!(cert.primary_key().key().version(), 6);
    let signing = cert.keys().subkeys().next().unwrap().key().clone();
    let mut pair = signing.parts_into_secret().unwrap().into_keypair().unwrap();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(moment(year(2022)))
        .unwrap()
        .sign_message(&mut pair, DATA)
        .unwrap();
    assert_eq!(signature.version(), 6);
    let packet = Packet::from(signature).to_vec().unwrap();
    let public =
        Certificate::parse_all(&cert.clone().strip_secret_key_material().to_vec().unwrap())
            .unwrap();
    let signer = verify_detached(DATA, &packet, &public, year(2022)).unwrap();
    assert_eq!(signer, cert.fingerprint().to_hex());
    verify_detached(b"other", &packet, &public, year(2022)).unwrap_err();
}

/// A vendor binds another's key as its own subkey, to pass off the other's packages as its own. The
/// other key has not signed that it belongs there.
#[test]
fn an_adopted_key_does_not_sign_for_its_captor() {
    let victim = SigningKey::generate("victim", KeyAlgorithm::Ed25519, MADE).unwrap();
    let captor = secret(&SigningKey::generate("captor", KeyAlgorithm::Ed25519, MADE).unwrap());
    let adopted = secret(&victim)
        .primary_key()
        .key()
        .clone()
        .role_into_subordinate();
    let binding = SignatureBuilder::new(SignatureType::SubkeyBinding)
        .set_signature_creation_time(moment(MADE))
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_signing())
        .unwrap()
        .sign_subkey_binding(&mut pair(&captor), None, &adopted)
        .unwrap();
    let packets: Vec<Packet> = vec![adopted.into(), binding.into()];
    let captor = captor
        .insert_packets(packets)
        .unwrap()
        .0
        .strip_secret_key_material();
    let captor = Certificate::parse_all(&captor.to_vec().unwrap()).unwrap();

    let signature = victim.sign_packet(DATA, year(2022)).unwrap();
    let error = verify_detached(DATA, &signature, &captor, year(2022))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("is not bound to its certificate") || error.contains("unknown"),
        "{error}"
    );
    // And it does not spoil the owner's good name.
    let both = [captor, vec![victim.certificate()]].concat();
    assert_eq!(
        verify_detached(DATA, &signature, &both, year(2022)).unwrap(),
        victim.fingerprint()
    );
}

#[test]
fn a_subkey_ends_with_its_primary_key() {
    let (cert, _) = CertBuilder::new()
        .set_creation_time(moment(MADE))
        .set_validity_period(Duration::from_secs(365 * 86_400))
        .add_userid("vendor")
        .add_subkey(
            KeyFlags::empty().set_signing(),
            Duration::from_secs(9 * 365 * 86_400),
            None,
        )
        .generate()
        .unwrap();
    let signing = cert.keys().subkeys().next().unwrap().key().clone();
    let mut pair = signing.parts_into_secret().unwrap().into_keypair().unwrap();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(moment(MADE + 60))
        .unwrap()
        .sign_message(&mut pair, DATA)
        .unwrap();
    assert!(matches!(
        verdict(signature.clone(), &cert, MADE + 60),
        SignatureVerdict::Good { .. }
    ));
    let why = why(verdict(signature, &cert, year(2023)));
    assert!(why.contains("had expired on 2022-01-01"), "{why}");
}

#[test]
fn a_self_signature_that_ran_out_binds_nothing() {
    let secret = secret(&SigningKey::generate("vendor", KeyAlgorithm::Ed25519, MADE).unwrap());
    let mut pair = pair(&secret);
    let user_id = UserID::from("vendor");
    let binding = SignatureBuilder::new(SignatureType::PositiveCertification)
        .set_signature_creation_time(moment(MADE))
        .unwrap()
        .set_signature_validity_period(Duration::from_secs(365 * 86_400))
        .unwrap()
        .set_key_flags(KeyFlags::empty().set_certification().set_signing())
        .unwrap()
        .sign_userid_binding(&mut pair, None, &user_id)
        .unwrap();
    let primary = secret.primary_key().key().clone();
    let packets: Vec<Packet> = vec![primary.into(), user_id.into(), binding.into()];
    let cert = Cert::from_packets(packets.into_iter()).unwrap();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .set_signature_creation_time(moment(MADE + 60))
        .unwrap()
        .sign_message(&mut pair, DATA)
        .unwrap();
    assert!(matches!(
        verdict(signature.clone(), &cert, MADE + 60),
        SignatureVerdict::Good { .. }
    ));
    let why = why(verdict(signature, &cert, year(2023)));
    assert!(why.contains("is not bound to its certificate"), "{why}");
}

#[test]
fn a_weak_primary_key_is_named_and_not_its_strong_subkey() {
    let gpg = crate::tools::Gpg::new();
    let key = gpg.make_key("vendor", "rsa1024", "never", 2021, &[]);
    let mut add = gpg.command();
    add.args([
        "--passphrase",
        "",
        "--quick-add-key",
        &key,
        "ed25519",
        "sign",
    ]);
    crate::tools::run(&mut add);
    let mut export = gpg.command();
    let secret = crate::tools::run(export.args(["--passphrase", "", "--export-secret-keys", &key]));
    let cert = Cert::from_bytes(&secret).unwrap();
    let subkey = cert.keys().subkeys().next().unwrap().key().clone();
    let mut pair = subkey.parts_into_secret().unwrap().into_keypair().unwrap();
    let signature = SignatureBuilder::new(SignatureType::Binary)
        .sign_message(&mut pair, DATA)
        .unwrap();
    let why = why(verdict(signature, &cert, crate::tools::now()));
    let primary = cert.keyid().to_hex();
    assert!(
        why.contains(&format!("key {primary} is RSA 1024, too weak")),
        "{why}"
    );
}
