//! The key that signs repositories: one of our own, encrypted in the data folder, or one behind a
//! command that signs what it reads.

mod command;
mod own;

pub use command::CommandSigner;

use crate::config::Config;
use anyhow::Context as _;
use keyring::{Certificate, SigningKey};
use std::fmt;
use std::fs;
use std::path::Path;

/// Where signatures come from.
pub trait Signer: fmt::Debug + Send + Sync {
    /// A detached OpenPGP signature over `data`, made at the time `now` (seconds since 1970). May
    /// block, but not for ever.
    ///
    /// # Errors
    /// There is none; the text says why.
    fn sign(&self, data: &[u8], now: u64) -> anyhow::Result<Vec<u8>>;
}

impl Signer for SigningKey {
    fn sign(&self, data: &[u8], now: u64) -> anyhow::Result<Vec<u8>> {
        Ok(self.sign_detached(data, now)?)
    }
}

/// The key: its public part, and who signs with it.
#[derive(Debug)]
pub struct RepositoryKey {
    certificate: Certificate,
    signer: Box<dyn Signer>,
}

impl RepositoryKey {
    /// What the configuration names: a command, or the key in `folder`, which is made at the first
    /// start: RSA 4096, which every rpm still in use imports.
    ///
    /// # Errors
    /// A file cannot be read or written, or the passphrase does not open the key.
    pub fn open(config: &Config, folder: &Path, now: u64) -> anyhow::Result<Self> {
        let Some(line) = &config.signer_command else {
            let key = own::load_or_make(config, folder, now)?;
            return Ok(Self::new(key.certificate(), Box::new(key)));
        };
        let path = config
            .signer_key
            .as_deref()
            .context("signer-command needs signer-key, the public key it signs with")?;
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        let mut keys =
            Certificate::parse_all(&bytes).with_context(|| path.display().to_string())?;
        anyhow::ensure!(
            keys.len() == 1,
            "{} holds {} keys, signer-key needs exactly one",
            path.display(),
            keys.len()
        );
        let signer = CommandSigner::new(line, config.signer_timeout)?;
        Ok(Self::new(keys.remove(0), Box::new(signer)))
    }

    /// A key and who signs with it.
    #[must_use]
    pub fn new(certificate: Certificate, signer: Box<dyn Signer>) -> Self {
        Self {
            certificate,
            signer,
        }
    }

    /// The public part.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.certificate.clone()
    }

    /// Fingerprint of the primary key, upper-case hex.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.certificate.fingerprint()
    }

    /// An armored detached signature that clients will accept: it is verified before it is given.
    /// May block.
    ///
    /// # Errors
    /// The signer gives none, or not one by this key.
    pub fn sign_detached(&self, data: &[u8], now: u64) -> anyhow::Result<Vec<u8>> {
        let signature = self.signer.sign(data, now)?;
        keyring::verify_detached(
            data,
            &signature,
            std::slice::from_ref(&self.certificate),
            now,
        )
        .context("the signer's answer is not a signature by the repository key")?;
        anyhow::ensure!(
            signature.trim_ascii_start().starts_with(b"-----BEGIN PGP "),
            "the signature is not armored; clients expect text (gpg --armor)"
        );
        Ok(signature)
    }
}
