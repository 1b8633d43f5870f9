//! Who asks: a bearer token on the API, a session cookie in the browser. Secrets are random 256-bit
//! values of which only the SHA-256 is kept.

use crate::app::App;
use crate::error::{Error, Result};
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::{header, request::Parts};
use axum_extra::extract::CookieJar;
use rand::Rng as _;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use store::Viewer;

/// Name of the session cookie.
pub const SESSION_COOKIE: &str = "kmp-portal-session";
/// How long a browser stays signed in.
pub const SESSION_LENGTH: time::Duration = time::Duration::hours(12);

/// Whom a request speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    Anonymous,
    Vendor { id: i64, name: String },
    Distributor,
}

/// The one who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    pub role: Role,
    /// Label of the token or name of the user; empty for anonymous ones.
    pub name: String,
    /// Method and route asked for: `GET /api/v1/kernels/{id}`.
    pub route: String,
    /// Present for a browser session: every form carries it.
    pub csrf_token: Option<String>,
}

impl Caller {
    fn anonymous(route: String) -> Self {
        Self {
            role: Role::Anonymous,
            name: String::new(),
            route,
            csrf_token: None,
        }
    }

    /// On whose behalf the store is asked.
    #[must_use]
    pub fn viewer(&self) -> Viewer {
        match self.role {
            Role::Anonymous => Viewer::Public,
            Role::Vendor { id, .. } => Viewer::Vendor(id),
            Role::Distributor => Viewer::Distributor,
        }
    }

    /// # Errors
    /// 401 without a token, 403 with a vendor's.
    pub fn require_distributor(&self) -> Result<()> {
        match &self.role {
            Role::Distributor => Ok(()),
            Role::Vendor { name, .. } => Err(Error::forbidden(format!(
                "Only distributors may do this; this token is of the vendor `{name}`."
            ))),
            Role::Anonymous => Err(missing_token()),
        }
    }

    /// # Errors
    /// 403 unless the form came from a page of ours.
    pub fn check_csrf(&self, sent: &str) -> Result<()> {
        match &self.csrf_token {
            Some(token) if same(token.as_bytes(), sent.as_bytes()) => Ok(()),
            _ => Err(Error::forbidden(
                "This form is stale or did not come from the portal. Open the page again and \
                 repeat.",
            )),
        }
    }
}

/// The 401 for those who sent nothing.
#[must_use]
pub fn missing_token() -> Error {
    Error::unauthenticated(
        "No token was sent. Add the header `Authorization: Bearer TOKEN`; the operator makes \
         tokens with `kmp-portal admin token create`.",
    )
}

fn same(a: &[u8], b: &[u8]) -> bool {
    // Hashes first, so that neither length nor content shows in the time taken.
    Sha256::digest(a) == Sha256::digest(b)
}

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let path = parts.extensions.get::<MatchedPath>();
        let route = format!("{} {}", parts.method, path.map_or("none", |p| p.as_str()));
        if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
            return by_bearer(app, value.to_str().unwrap_or(""), route).await;
        }
        let jar = CookieJar::from_headers(&parts.headers);
        let Some(cookie) = jar.get(SESSION_COOKIE) else {
            return Ok(Self::anonymous(route));
        };
        let hash = secret_hash(cookie.value());
        let mut conn = app.pool.acquire().await?;
        let session = store::accounts::session(&mut conn, &hash, app.now()).await?;
        let Some(session) = session else {
            return Ok(Self::anonymous(route));
        };
        Ok(Self {
            role: role(session.account.vendor_id, session.account.vendor_name),
            name: session.account.name,
            route,
            csrf_token: Some(session.csrf_token),
        })
    }
}

async fn by_bearer(app: &App, value: &str, route: String) -> Result<Caller> {
    let Some(token) = value.strip_prefix("Bearer ").map(str::trim) else {
        return Err(Error::unauthenticated(
            "The Authorization header is not of the form `Bearer TOKEN`.",
        ));
    };
    let mut conn = app.pool.acquire().await?;
    let account = store::accounts::by_token(&mut conn, &secret_hash(token), app.now())
        .await?
        .ok_or_else(|| {
            Error::unauthenticated(
                "This token is unknown or has expired. Check for missing characters, or ask the \
                 operator for a new one.",
            )
        })?;
    Ok(Caller {
        role: role(account.vendor_id, account.vendor_name),
        name: account.name,
        route,
        csrf_token: None,
    })
}

fn role(vendor_id: Option<i64>, vendor_name: Option<String>) -> Role {
    match (vendor_id, vendor_name) {
        (Some(id), Some(name)) => Role::Vendor { id, name },
        _ => Role::Distributor,
    }
}

/// A new secret: 256 random bits as 64 hex digits behind a prefix that scanners recognise.
#[must_use]
pub fn new_secret(prefix: &str) -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    format!("{prefix}{}", hex::encode(bytes))
}

/// What is kept of a secret.
#[must_use]
pub fn secret_hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Argon2id with the crate's recommended parameters, as a PHC string. Slow on purpose: call it
/// from a blocking thread.
///
/// # Errors
/// The hash cannot be computed.
pub fn hash_password(password: &str) -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    let salt = SaltString::encode_b64(&bytes).map_err(|e| anyhow::anyhow!("salt: {e}"))?;
    let hash = argon2::Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map_err(|e| anyhow::anyhow!("argon2: {e}"))?;
    Ok(hash.to_string())
}

/// Whether the password is right; takes as long for a user that does not exist.
#[must_use]
pub fn password_matches(password: &str, stored: Option<&str>) -> bool {
    /// Of a random password nobody knows.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Zm9yIG5vYm9keSBhdCBhbGw$\
                          k3Wl5pmcnKZ4gyMtJYQ4xqPlw7a4nYd1iTq0wMRxvXU";
    let hash = PasswordHash::new(stored.unwrap_or(NOBODY));
    let matches = hash.is_ok_and(|h| {
        argon2::Argon2::default()
            .verify_password(password.as_bytes(), &h)
            .is_ok()
    });
    matches && stored.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords() {
        let hash = hash_password("correct horse").unwrap();
        assert!(password_matches("correct horse", Some(&hash)));
        assert!(!password_matches("wrong", Some(&hash)));
        assert!(!password_matches("wrong", None));
    }

    #[test]
    fn secrets_differ_and_hash_to_32_bytes() {
        let (a, b) = (new_secret("kmp_"), new_secret("kmp_"));
        assert_ne!(a, b);
        assert_eq!(a.len(), 4 + 64);
        assert_eq!(secret_hash(&a).len(), 32);
    }
}
