//! Delivers one queued mail.

use super::JobError;
use crate::app::App;

/// A mail that was sent but not yet noted as sent is sent again, with the same `Message-ID`.
pub async fn run(app: &App, mail_id: i64) -> Result<(), JobError> {
    let mail = {
        let mut conn = app.pool.acquire().await?;
        store::mails::by_id(&mut conn, mail_id).await?
    };
    let Some(mail) = mail.filter(|m| m.sent_at.is_none()) else {
        return Ok(());
    };
    app.mailer.send(&mail).await?;
    let mut conn = app.pool.acquire().await?;
    store::mails::mark_sent(&mut conn, mail.id, app.now()).await?;
    tracing::info!(mail.id = mail.id, mail.recipient, mail.subject, "mail sent");
    Ok(())
}
