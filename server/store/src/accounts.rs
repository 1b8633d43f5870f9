//! API tokens, people, and their sessions. Secrets are kept as hashes only.

use crate::{PgConnection, Time};

/// Whom a token or a session speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Label of the token, or name of the user.
    pub name: String,
    /// `None`: a distributor.
    pub vendor_id: Option<i64>,
    pub vendor_name: Option<String>,
}

/// A person, with the hash to check the password against.
#[derive(Clone, Debug)]
pub struct User {
    pub id: i64,
    pub name: String,
    /// Argon2id, PHC string.
    pub password_hash: String,
    pub vendor_id: Option<i64>,
    pub vendor_name: Option<String>,
}

/// A signed-in browser.
#[derive(Clone, Debug)]
pub struct Session {
    pub account: Account,
    pub csrf_token: String,
}

pub async fn insert_token(
    conn: &mut PgConnection,
    hash: &[u8],
    label: &str,
    vendor_id: Option<i64>,
    expires_at: Option<Time>,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO tokens (hash, label, vendor_id, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5)",
        hash,
        label,
        vendor_id,
        expires_at,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The account of an unexpired token.
pub async fn by_token(
    conn: &mut PgConnection,
    hash: &[u8],
    now: Time,
) -> sqlx::Result<Option<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT t.label AS name, t.vendor_id, v.name AS "vendor_name?"
           FROM tokens t LEFT JOIN vendors v ON v.id = t.vendor_id
           WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > $2)"#,
        hash,
        now,
    )
    .fetch_optional(conn)
    .await
}

/// Ends every token of this label; gives how many there were.
pub async fn delete_tokens(conn: &mut PgConnection, label: &str) -> sqlx::Result<u64> {
    let done = sqlx::query!("DELETE FROM tokens WHERE label = $1", label)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

/// A token as lists show it: never the secret.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TokenLine {
    pub label: String,
    pub vendor: Option<String>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<Time>,
}

pub async fn list_tokens(conn: &mut PgConnection) -> sqlx::Result<Vec<TokenLine>> {
    sqlx::query_as!(
        TokenLine,
        r#"SELECT t.label, v.name AS "vendor?", t.expires_at
           FROM tokens t LEFT JOIN vendors v ON v.id = t.vendor_id
           ORDER BY t.created_at"#,
    )
    .fetch_all(conn)
    .await
}

/// Adds a person, or sets the password and vendor of the one with that name.
pub async fn upsert_user(
    conn: &mut PgConnection,
    name: &str,
    password_hash: &str,
    vendor_id: Option<i64>,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO users (name, password_hash, vendor_id, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT ON CONSTRAINT users_name_key
         DO UPDATE SET password_hash = $2, vendor_id = $3",
        name,
        password_hash,
        vendor_id,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn user_by_name(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<User>> {
    sqlx::query_as!(
        User,
        r#"SELECT u.id, u.name, u.password_hash, u.vendor_id, v.name AS "vendor_name?"
           FROM users u LEFT JOIN vendors v ON v.id = u.vendor_id
           WHERE u.name = $1"#,
        name,
    )
    .fetch_optional(conn)
    .await
}

pub async fn list_users(conn: &mut PgConnection) -> sqlx::Result<Vec<Account>> {
    sqlx::query_as!(
        Account,
        r#"SELECT u.name, u.vendor_id, v.name AS "vendor_name?"
           FROM users u LEFT JOIN vendors v ON v.id = u.vendor_id
           ORDER BY u.name"#,
    )
    .fetch_all(conn)
    .await
}

pub async fn insert_session(
    conn: &mut PgConnection,
    hash: &[u8],
    user_id: i64,
    csrf_token: &str,
    expires_at: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO sessions (hash, user_id, csrf_token, expires_at) VALUES ($1, $2, $3, $4)",
        hash,
        user_id,
        csrf_token,
        expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn session(
    conn: &mut PgConnection,
    hash: &[u8],
    now: Time,
) -> sqlx::Result<Option<Session>> {
    let row = sqlx::query!(
        r#"SELECT u.name, u.vendor_id, v.name AS "vendor_name?", s.csrf_token
           FROM sessions s
           JOIN users u ON u.id = s.user_id
           LEFT JOIN vendors v ON v.id = u.vendor_id
           WHERE s.hash = $1 AND s.expires_at > $2"#,
        hash,
        now,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Session {
        account: Account {
            name: r.name,
            vendor_id: r.vendor_id,
            vendor_name: r.vendor_name,
        },
        csrf_token: r.csrf_token,
    }))
}

pub async fn delete_session(conn: &mut PgConnection, hash: &[u8]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM sessions WHERE hash = $1", hash)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets sessions that ended before `now`.
pub async fn delete_expired_sessions(conn: &mut PgConnection, now: Time) -> sqlx::Result<u64> {
    let done = sqlx::query!("DELETE FROM sessions WHERE expires_at <= $1", now)
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}
