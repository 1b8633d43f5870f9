//! The outbox: a mail is a row in the transaction that made it necessary, and is sent afterwards.

use crate::{PgConnection, Time};
use uuid::Uuid;

#[derive(Clone, Debug)]
pub struct NewMail {
    pub vendor_id: i64,
    pub kernel_id: Uuid,
    pub message_id: String,
    pub recipient: String,
    pub subject: String,
    pub body_text: String,
    pub body_html: String,
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

/// Queues mails, each unless its vendor was already told of its kernel; gives the ids of new ones.
pub async fn insert(
    conn: &mut PgConnection,
    mails: &[NewMail],
    now: Time,
) -> sqlx::Result<Vec<i64>> {
    let vendors: Vec<i64> = mails.iter().map(|mail| mail.vendor_id).collect();
    let kernels: Vec<Uuid> = mails.iter().map(|mail| mail.kernel_id).collect();
    let texts = |of: fn(&NewMail) -> &str| -> Vec<&str> { mails.iter().map(of).collect() };
    sqlx::query_scalar!(
        "INSERT INTO mails (vendor_id, kernel_id, message_id, recipient, subject, body_text,
                            body_html, created_at)
         SELECT m.*, $8
         FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
                     $7::text[]) AS m
         ON CONFLICT ON CONSTRAINT mails_once_key DO NOTHING
         RETURNING id",
        &vendors,
        &kernels,
        &texts(|mail| &mail.message_id) as &[&str],
        &texts(|mail| &mail.recipient) as &[&str],
        &texts(|mail| &mail.subject) as &[&str],
        &texts(|mail| &mail.body_text) as &[&str],
        &texts(|mail| &mail.body_html) as &[&str],
        now,
    )
    .fetch_all(conn)
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
