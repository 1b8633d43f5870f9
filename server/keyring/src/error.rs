//! What can go wrong, each as a sentence that tells what was found.

use std::io;

/// Why a key or a signature cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More bytes than a set of public keys has.
    #[error(
        "the key file has {found} bytes, more than the {allowed} allowed; export only the keys that sign packages"
    )]
    TooLarge {
        /// Size of the input.
        found: usize,
        /// Largest size.
        allowed: usize,
    },

    /// More keys than one vendor needs.
    #[error("the key file holds more than {allowed} keys; export only those that sign packages")]
    TooMany {
        /// Largest number.
        allowed: usize,
    },

    /// A private key was given where the public one belongs.
    #[error(
        "the file holds the secret part of key {fingerprint}; never hand it out. \
         Export the public key alone: `gpg --armor --export {fingerprint}`"
    )]
    SecretKey {
        /// Whose secret it is; `KEY` when that cannot be read.
        fingerprint: String,
    },

    /// No OpenPGP public key in the bytes.
    #[error("no OpenPGP public key found: {why}; export it with `gpg --armor --export KEY`")]
    NoKey {
        /// What was found instead.
        why: String,
    },

    /// A key whose arithmetic would take minutes.
    #[error("key {fingerprint} has {bits} bits, more than the {allowed} allowed")]
    KeyTooLong {
        /// Of which key.
        fingerprint: String,
        /// Its length.
        bits: usize,
        /// Longest length.
        allowed: usize,
    },

    /// The secret key cannot be read or used.
    #[error("cannot use the signing key: {why}")]
    SigningKey {
        /// What is wrong with it.
        why: String,
    },

    /// The secret key is protected, and the passphrase does not open it.
    #[error("the passphrase for signing key {fingerprint} is {problem}")]
    Passphrase {
        /// Of which key.
        fingerprint: String,
        /// `missing` or `wrong`.
        problem: &'static str,
    },

    /// The key must not sign any more: clients would refuse what it signs.
    #[error("signing key {fingerprint} {why}; clients would refuse what it signs")]
    NotValid {
        /// Of which key.
        fingerprint: String,
        /// `expired on …`, `was revoked on …`.
        why: String,
    },

    /// A detached signature does not hold.
    #[error("the signature does not hold: {why}")]
    NotVerified {
        /// Per signature found, why not.
        why: String,
    },

    /// The stream with the signed bytes could not be read.
    #[error("cannot read the signed bytes: {0}")]
    Stream(#[from] io::Error),
}
