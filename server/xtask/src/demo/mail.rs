//! Mails as they lie in the portal's mail folder. Reads what we need to show and check: recipient,
//! subject, and both texts of a message that we know to be ours.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub struct Mail {
    pub file: PathBuf,
    pub to: String,
    pub subject: String,
    /// The text part, decoded.
    pub text: String,
    /// The HTML part, decoded.
    pub html: String,
}

/// All mails of a folder, oldest first.
pub fn read_all(folder: &Path) -> Result<Vec<Mail>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "eml") {
            files.push(file);
        }
    }
    files.sort();
    files.into_iter().map(read).collect()
}

/// One mail.
pub fn read(file: PathBuf) -> Result<Mail> {
    let raw = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let raw = String::from_utf8_lossy(&raw).replace("\r\n", "\n");
    let (head, body) = raw.split_once("\n\n").unwrap_or((&raw, ""));
    Ok(Mail {
        to: header(head, "To").unwrap_or_default(),
        subject: header(head, "Subject").unwrap_or_default(),
        text: part(body, "text/plain")
            .with_context(|| format!("no text part in {}", file.display()))?,
        html: part(body, "text/html")
            .with_context(|| format!("no HTML part in {}", file.display()))?,
        file,
    })
}

/// A header's value, unfolded.
fn header(head: &str, name: &str) -> Option<String> {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let value = unfolded.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    });
    value.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The first part of a type, up to the next boundary.
fn part(body: &str, kind: &str) -> Option<String> {
    let start = body.find(&format!("Content-Type: {kind}"))?;
    let (head, rest) = body[start..].split_once("\n\n")?;
    let part = rest.split("\n--").next()?;
    Some(match header(head, "Content-Transfer-Encoding").as_deref() {
        Some("quoted-printable") => decode_quoted_printable(part),
        _ => part.to_owned(),
    })
}

/// RFC 2045, 6.7: `=XX` is a byte, `=` at the end of a line joins it with the next.
fn decode_quoted_printable(text: &str) -> String {
    let joined = text.replace("=\n", "");
    let mut bytes = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = (*first == b'=').then(|| tail.get(..2)).flatten();
        let byte = code.and_then(|c| u8::from_str_radix(std::str::from_utf8(c).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let raw = "To: drivers@acme.example\r\nSubject: one\r\n two\r\n\r\n--b\r\n\
                   Content-Type: text/plain; charset=utf-8\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\n\
                   caf=C3=A9 a=\r\nb 1=2\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n--b--\r\n";
        fs::write(folder.path().join("000001.eml"), raw).unwrap();
        fs::write(folder.path().join("other"), "no mail").unwrap();
        let mails = read_all(folder.path()).unwrap();
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].to, "drivers@acme.example");
        assert_eq!(mails[0].subject, "one two");
        assert_eq!(mails[0].text, "café ab 1=2");
        assert_eq!(mails[0].html, "<p>");
        assert!(read_all(&folder.path().join("none")).unwrap().is_empty());
    }
}
