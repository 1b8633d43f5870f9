//! Signatures of the repository's key over short texts that anybody may ask for. Each is made once.

use crate::app::App;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Remembered at most; beyond it all are forgotten.
const MOST: usize = 256;

/// What was signed since the start, by content hash.
#[derive(Debug, Default)]
pub struct Signatures(Mutex<HashMap<[u8; 32], String>>);

impl Signatures {
    /// The armored detached signature over these bytes.
    ///
    /// # Errors
    /// The key cannot sign.
    pub async fn of(&self, app: &App, bytes: Vec<u8>) -> anyhow::Result<String> {
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        let known = self.locked().get(&hash).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let key = app.repository_key.clone();
        let now = app.now().unix_timestamp().cast_unsigned();
        let sign = move || key.sign_detached(&bytes, now);
        let signature = String::from_utf8(tokio::task::spawn_blocking(sign).await??)?;
        let mut made = self.locked();
        if made.len() >= MOST {
            made.clear();
        }
        made.insert(hash, signature.clone());
        Ok(signature)
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
