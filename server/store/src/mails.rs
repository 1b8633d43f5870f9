//! The outbox: a mail is a row in the transaction that made it necessary, and is sent afterwards.

use crate::{PgConnection, Time};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct NewMail<'a> {
    pub vendor_id: i64,
    pub kernel_id: Uuid,
    pub message_id: &'a str,
    pub recipient: &'a str,
    pub subject: &'a str,
    pub body_text: &'a str,
    pub body_html: &'a str,
}

#[derive(Clone, Debug)]
pub struct Mail {
    pub id: i64,
    pub message_id: String,
    pub recipient: String,
    pub subject: String,
    pub body_text: String,
    pub body_html: String,
    pub created_at: Time,
    pub sent_at: Option<Time>,
}

/// Queues a mail unless this vendor was already told of this kernel; gives its id if it is new.
pub async fn insert(
    conn: &mut PgConnection,
    mail: &NewMail<'_>,
    now: Time,
) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!(
        "INSERT INTO mails (vendor_id, kernel_id, message_id, recipient, subject, body_text,
                            body_html, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT ON CONSTRAINT mails_once_key DO NOTHING
         RETURNING id",
        mail.vendor_id,
        mail.kernel_id,
        mail.message_id,
        mail.recipient,
        mail.subject,
        mail.body_text,
        mail.body_html,
        now,
    )
    .fetch_optional(conn)
    .await
}

pub async fn by_id(conn: &mut PgConnection, id: i64) -> sqlx::Result<Option<Mail>> {
    sqlx::query_as!(
        Mail,
        "SELECT id, message_id, recipient, subject, body_text, body_html, created_at, sent_at
         FROM mails WHERE id = $1",
        id,
    )
    .fetch_optional(conn)
    .await
}

pub async fn mark_sent(conn: &mut PgConnection, id: i64, now: Time) -> sqlx::Result<()> {
    sqlx::query!("UPDATE mails SET sent_at = $2 WHERE id = $1", id, now)
        .execute(conn)
        .await?;
    Ok(())
}

/// Vendors for which there is a mail about a kernel, sent or not.
pub async fn vendors_told(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<Vec<i64>> {
    sqlx::query_scalar!(
        "SELECT vendor_id FROM mails WHERE kernel_id = $1",
        kernel_id
    )
    .fetch_all(conn)
    .await
}

/// Vendors that were told of a kernel, with the time the mail left (none yet: still queued).
pub async fn told(
    conn: &mut PgConnection,
    kernel_id: Uuid,
) -> sqlx::Result<Vec<(String, Option<Time>)>> {
    let rows = sqlx::query!(
        "SELECT v.name, m.sent_at FROM mails m JOIN vendors v ON v.id = m.vendor_id
         WHERE m.kernel_id = $1 ORDER BY v.name",
        kernel_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.name, r.sent_at)).collect())
}
