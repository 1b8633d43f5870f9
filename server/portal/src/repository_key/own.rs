//! The portal's own key: made at the first start, kept encrypted in the data folder.
//!
//! ```text
//! keys/repository.key          OpenPGP secret key, encrypted
//! keys/repository.passphrase   made along with it, unless the operator has one
//! ```
//!
//! The passphrase is the first of: `key-passphrase-file`, the systemd credential, the file beside the
//! key. The last one keeps a copied key useless only as long as the passphrase is not copied along;
//! the start says so in the log.

use crate::config::Config;
use anyhow::{Context as _, bail};
use keyring::{KeyAlgorithm, SigningKey};
use rand::distr::{Alphanumeric, SampleString as _};
use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const KEY: &str = "repository.key";
const PASSPHRASE: &str = "repository.passphrase";
/// Name of the systemd credential: `LoadCredentialEncrypted=key-passphrase`.
const CREDENTIAL: &str = "key-passphrase";
/// Where systemd puts credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// Letters and digits: 190 bits.
const PASSPHRASE_LENGTH: usize = 32;

/// Loads the key, or makes it. A key that an earlier version kept in the open is encrypted.
///
/// # Errors
/// A file cannot be read or written, or the passphrase does not open the key.
pub fn load_or_make(config: &Config, folder: &Path, now: u64) -> anyhow::Result<SigningKey> {
    let passphrase = passphrase(config, folder, env::var_os(CREDENTIALS).map(PathBuf::from))?;
    let path = folder.join(KEY);
    if !path.exists() {
        make(folder, &path, &config.site_name, &passphrase, now)?;
    }
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    if let Ok(open) = SigningKey::from_armored_secret(&bytes, None) {
        write(
            folder,
            KEY,
            open.to_armored_secret(Some(&passphrase))?.as_bytes(),
            true,
        )?;
        tracing::info!(key = %path.display(), "encrypted the key that signs repositories");
        return Ok(open);
    }
    SigningKey::from_armored_secret(&bytes, Some(&passphrase)).with_context(|| {
        format!(
            "opening {}; is the passphrase the one it was made with?",
            path.display()
        )
    })
}

/// The operator's passphrase, or one that is made and lies beside the key.
fn passphrase(
    config: &Config,
    folder: &Path,
    credentials: Option<PathBuf>,
) -> anyhow::Result<String> {
    if let Some(path) = &config.key_passphrase_file {
        return read(path).context("key-passphrase-file");
    }
    let credential = credentials.map(|folder| folder.join(CREDENTIAL));
    if let Some(path) = credential.filter(|path| path.exists()) {
        return read(&path).context("the systemd credential");
    }
    let path = folder.join(PASSPHRASE);
    if !path.exists() {
        let made = Alphanumeric.sample_string(&mut rand::rng(), PASSPHRASE_LENGTH);
        write(folder, PASSPHRASE, format!("{made}\n").as_bytes(), false)?;
    }
    tracing::warn!(
        passphrase = %path.display(),
        "the passphrase of the repository key lies beside it; move it elsewhere and name it with \
         key-passphrase-file, or give it as a systemd credential `{CREDENTIAL}`"
    );
    read(&path)
}

fn make(
    folder: &Path,
    path: &Path,
    site_name: &str,
    passphrase: &str,
    now: u64,
) -> anyhow::Result<()> {
    let user_id = format!("{site_name} repositories");
    let key = SigningKey::generate(&user_id, KeyAlgorithm::Rsa4096, now)?;
    let secret = key.to_armored_secret(Some(passphrase))?;
    write(folder, KEY, secret.as_bytes(), false)?;
    tracing::info!(
        fingerprint = key.fingerprint(),
        key = %path.display(),
        "made the key that signs repositories"
    );
    Ok(())
}

/// Writes a file that only its owner can read. One that is there already stays, unless it is to be
/// replaced: another process on this folder was faster.
fn write(folder: &Path, name: &str, bytes: &[u8], replaces: bool) -> anyhow::Result<()> {
    let path = folder.join(name);
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.as_file()
            .set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        let named = match replaces {
            true => file.persist(&path),
            false => file.persist_noclobber(&path),
        };
        match named {
            Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => Err(e.error),
            _ => crate::storage::sync_folder(folder),
        }
    };
    written().with_context(|| format!("writing {}", path.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let passphrase = text.trim_end_matches(['\n', '\r']);
    if passphrase.is_empty() {
        bail!("{} is empty", path.display());
    }
    Ok(passphrase.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const NOW: u64 = 1_780_000_000;

    fn config(passphrase_file: Option<PathBuf>) -> Config {
        let settings = Settings {
            key_passphrase_file: passphrase_file,
            ..Settings::default()
        };
        Config::resolve(settings).unwrap()
    }

    fn small_key() -> SigningKey {
        SigningKey::generate("Test", KeyAlgorithm::Ed25519, NOW).unwrap()
    }

    #[test]
    fn the_key_is_encrypted_without_being_asked() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let config = config(None);
        let made = load_or_make(&config, folder, NOW).unwrap();
        let secret = fs::read(folder.join(KEY)).unwrap();
        assert!(SigningKey::from_armored_secret(&secret, None).is_err());
        for name in [KEY, PASSPHRASE] {
            let mode = fs::metadata(folder.join(name))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        let again = load_or_make(&config, folder, NOW).unwrap();
        assert_eq!(again.fingerprint(), made.fingerprint());
    }

    #[test]
    fn a_key_that_lay_open_is_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let key = small_key();
        fs::write(folder.join(KEY), key.to_armored_secret(None).unwrap()).unwrap();
        let config = config(None);
        for _ in 0..2 {
            let loaded = load_or_make(&config, folder, NOW).unwrap();
            assert_eq!(loaded.fingerprint(), key.fingerprint());
            let secret = fs::read(folder.join(KEY)).unwrap();
            assert!(SigningKey::from_armored_secret(&secret, None).is_err());
        }
    }

    #[test]
    fn the_operators_passphrase_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (file, credentials) = (folder.join("given"), folder.join("credentials"));
        fs::create_dir(&credentials).unwrap();
        let ask = |config: &Config| passphrase(config, folder, Some(credentials.clone()));
        let made = ask(&config(None)).unwrap();
        assert_eq!(made.len(), PASSPHRASE_LENGTH);
        assert_eq!(ask(&config(None)).unwrap(), made);
        fs::write(credentials.join(CREDENTIAL), "from systemd").unwrap();
        assert_eq!(ask(&config(None)).unwrap(), "from systemd");
        fs::write(&file, "from a file\n").unwrap();
        assert_eq!(ask(&config(Some(file.clone()))).unwrap(), "from a file");
        fs::write(&file, "\n").unwrap();
        let error = format!("{:#}", ask(&config(Some(file.clone()))).unwrap_err());
        assert!(error.contains("is empty"), "{error}");
    }
}
