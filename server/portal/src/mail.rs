//! Delivery of mails: over SMTP, or as files when no server is set.

use anyhow::Context as _;
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use std::path::{Path, PathBuf};
use store::mails::Mail;

/// Where mails go.
pub struct Mailer {
    from: Mailbox,
    transport: Transport,
}

enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    /// One `.eml` file a mail, for try-outs and for operators with their own delivery.
    Folder(PathBuf),
}

impl Mailer {
    /// # Errors
    /// The sender is not a mailbox, or the SMTP address is not understood.
    pub fn new(from: &str, smtp_url: Option<&str>, folder: &Path) -> anyhow::Result<Self> {
        let from = from
            .parse()
            .with_context(|| format!("mail-from `{from}` is not a mailbox"))?;
        let transport = match smtp_url {
            Some(url) => Transport::Smtp(
                AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
                    .context("smtp-url is not understood")?
                    .timeout(Some(std::time::Duration::from_secs(30)))
                    .build(),
            ),
            None => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make the mail folder {}", folder.display()))?;
                Transport::Folder(folder.to_owned())
            }
        };
        Ok(Self { from, transport })
    }

    /// Domain part for message ids.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// Delivers one mail. Doing it twice gives the same message id (SMTP) or the same file.
    ///
    /// # Errors
    /// The recipient is not a mailbox, or delivery failed.
    pub async fn send(&self, mail: &Mail) -> anyhow::Result<()> {
        let to: Mailbox = mail
            .recipient
            .parse()
            .with_context(|| format!("`{}` is not a mailbox", mail.recipient))?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(&mail.subject)
            .date(mail.created_at.into())
            .message_id(Some(mail.message_id.clone()))
            .multipart(MultiPart::alternative_plain_html(
                mail.body_text.clone(),
                mail.body_html.clone(),
            ))?;
        match &self.transport {
            Transport::Smtp(smtp) => {
                smtp.send(message).await?;
            }
            Transport::Folder(folder) => {
                let path = folder.join(format!("{:06}.eml", mail.id));
                // Whoever watches the folder sees whole mails only.
                let part = path.with_extension("part");
                tokio::fs::write(&part, message.formatted())
                    .await
                    .with_context(|| format!("writing {}", part.display()))?;
                tokio::fs::rename(&part, &path)
                    .await
                    .with_context(|| format!("naming {}", path.display()))?;
            }
        }
        Ok(())
    }
}
