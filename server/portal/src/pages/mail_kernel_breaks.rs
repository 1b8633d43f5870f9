//! The mail to a vendor whose published packages do not load on a newly registered kernel.
//!
//! One mail per vendor and kernel. Subject, text and HTML come from the same values; the text
//! is folded to 72 columns, as mail readers expect it.

use super::{KernelStatus, Listing, Moment, Reason, fold};
use askama::Template;

/// Width of the text part, the customary one for plain text.
const COLUMNS: usize = 72;
/// A subject is cut here; RFC 5322 allows 998, readers show fewer than 100.
const LONGEST_SUBJECT: usize = 150;

/// What the mail says.
#[derive(Clone, Debug)]
pub struct KernelBreaksMail {
    pub site_name: String,
    /// Display name of the vendor.
    pub vendor: String,
    /// `uname -r`.
    pub release: String,
    /// Display name of the product.
    pub product: String,
    pub flavor: String,
    pub arch: String,
    pub status: KernelStatus,
    /// Day of the release, past or announced.
    pub release_date: Option<Moment>,
    /// Never empty.
    pub packages: Listing<BrokenPackageInMail>,
    /// Absolute address of the kernel's page.
    pub impact_url: String,
    /// Absolute address of the upload form.
    pub upload_url: String,
    /// Absolute address of the help page.
    pub help_url: String,
    /// Where answers go, in words: `drivers@example.com`.
    pub contact: Option<String>,
}

/// A package that breaks.
#[derive(Clone, Debug)]
pub struct BrokenPackageInMail {
    pub name: String,
    /// `1.0_k6.4.0_150600.21-1.x86_64`.
    pub version: String,
    /// Absolute address of its page.
    pub url: String,
    /// Only those that do not load.
    pub modules: Listing<BrokenModule>,
}

/// A module that does not load, and why.
#[derive(Clone, Debug)]
pub struct BrokenModule {
    pub name: String,
    pub reasons: Listing<Reason>,
}

#[derive(Template)]
#[template(path = "mail/kernel_breaks/subject.txt")]
struct Subject<'a> {
    mail: &'a KernelBreaksMail,
}

#[derive(Template)]
#[template(path = "mail/kernel_breaks/body.txt", whitespace = "preserve")]
struct BodyText<'a> {
    mail: &'a KernelBreaksMail,
}

#[derive(Template)]
#[template(path = "mail/kernel_breaks/body.html")]
struct BodyHtml<'a> {
    mail: &'a KernelBreaksMail,
}

impl KernelBreaksMail {
    /// The subject: one line, whatever the names contain.
    pub fn subject(&self) -> askama::Result<String> {
        let subject = Subject { mail: self }.render()?;
        let printable = subject.replace(char::is_control, " ");
        let line = printable.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= LONGEST_SUBJECT {
            return Ok(line);
        }
        Ok(line
            .chars()
            .take(LONGEST_SUBJECT - 1)
            .chain(['…'])
            .collect())
    }

    /// The text part, 72 columns wide but for addresses.
    pub fn text(&self) -> askama::Result<String> {
        Ok(fold(&BodyText { mail: self }.render()?, COLUMNS))
    }

    /// The HTML part, a whole document.
    pub fn html(&self) -> askama::Result<String> {
        BodyHtml { mail: self }.render()
    }

    /// `2 packages`.
    fn packages_counted(&self) -> String {
        self.packages.counted("package", "packages")
    }

    /// Whether the kernel is with users already.
    fn is_out(&self) -> bool {
        self.status != KernelStatus::Preview
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    #[test]
    fn the_subject_is_one_line() {
        let mut mail = samples::kernel_breaks_mail();
        mail.product = "Evil\r\nBcc: all@example.com".into();
        let subject = mail.subject().unwrap();
        assert!(!subject.contains(char::is_control), "{subject:?}");
        mail.product = "x".repeat(4_000);
        assert!(mail.subject().unwrap().chars().count() <= LONGEST_SUBJECT);
    }

    #[test]
    fn the_text_is_72_columns_wide() {
        let text = samples::kernel_breaks_mail().text().unwrap();
        for line in text.lines().filter(|it| !it.contains("https://")) {
            assert!(line.chars().count() <= COLUMNS, "{line:?}");
        }
    }

    #[test]
    fn both_parts_name_symbols_with_both_versions() {
        let mail = samples::kernel_breaks_mail();
        for part in [mail.text().unwrap(), mail.html().unwrap()] {
            for wanted in [
                "_dev_err",
                "0x92997ed8",
                "0x1f0c2b6d",
                "acme_nic",
                &mail.release,
            ] {
                assert!(part.contains(wanted), "{wanted} is missing in {part}");
            }
            assert!(part.contains("and 12 more"), "{part}");
        }
    }

    #[test]
    fn a_long_list_ends_with_the_way_to_the_rest() {
        let mut mail = samples::kernel_breaks_mail();
        mail.packages.more = 7;
        mail.packages.items[0].modules.more = 3;
        assert!(mail.subject().unwrap().starts_with("9 packages do"));
        for part in [mail.text().unwrap(), mail.html().unwrap()] {
            for wanted in ["and 3 more modules", "nd 7 more", &mail.impact_url] {
                assert!(part.contains(wanted), "{wanted} is missing in {part}");
            }
        }
    }

    #[test]
    fn names_are_escaped_in_html_only() {
        let mut mail = samples::kernel_breaks_mail();
        mail.vendor = "Ben & <b>Co</b>".into();
        assert!(mail.text().unwrap().contains("Ben & <b>Co</b>"));
        assert!(!mail.html().unwrap().contains("<b>Co"));
    }
}
