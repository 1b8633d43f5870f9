//! The key that signs repositories: made at the first start, kept in the data folder.

use anyhow::{Context as _, bail};
use keyring::{KeyAlgorithm, SigningKey};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const FILE: &str = "repository.key";

/// Loads the key, or makes it: RSA 4096, which every rpm still in use imports.
///
/// # Errors
/// The file cannot be read or written, or the passphrase does not open it.
pub fn load_or_make(
    folder: &Path,
    site_name: &str,
    passphrase_file: Option<&Path>,
    now: u64,
) -> anyhow::Result<SigningKey> {
    let passphrase = passphrase_file.map(read_passphrase).transpose()?;
    let path = folder.join(FILE);
    if !path.exists() {
        make(folder, &path, site_name, passphrase.as_deref(), now)?;
    }
    let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
    SigningKey::from_armored_secret(&bytes, passphrase.as_deref()).with_context(|| {
        format!(
            "opening {}; is key-passphrase-file the one it was made with?",
            path.display()
        )
    })
}

fn make(
    folder: &Path,
    path: &Path,
    site_name: &str,
    passphrase: Option<&str>,
    now: u64,
) -> anyhow::Result<()> {
    let user_id = format!("{site_name} repositories");
    let key = SigningKey::generate(&user_id, KeyAlgorithm::Rsa4096, now)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.as_file()
        .set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(key.to_armored_secret(passphrase)?.as_bytes())?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => crate::storage::sync_folder(folder)?,
        // Another process on this folder was faster; its key it is.
        Err(e) if e.error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
        Err(e) => return Err(e.error).with_context(|| format!("writing {}", path.display())),
    }
    tracing::info!(
        fingerprint = key.fingerprint(),
        "made the key that signs repositories"
    );
    Ok(())
}

fn read_passphrase(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("reading key-passphrase-file {}", path.display()))?;
    let passphrase = text.trim_end_matches(['\n', '\r']);
    if passphrase.is_empty() {
        bail!("key-passphrase-file {} is empty", path.display());
    }
    Ok(passphrase.to_owned())
}
