//! What a client is given to use repositories: files and commands for every way in which systems of
//! this world are set up. Pure: values in, text out. Who may use what, and which packages are in it,
//! is decided elsewhere.

mod agama;
mod autoyast;
mod bootstrap;
mod cloud_init;
mod commands;
mod kickstart;
mod mirrors;
mod one_click;
mod repo_file;
mod service;
mod shell;

pub use bootstrap::Bootstrap;
pub use commands::{dnf, zypper};
pub use mirrors::{KnownRepomd, Source, metalink, mirrorlist};
pub use service::{SERVICE_TTL, service};
pub use shell::word;

/// In addresses, zypper and dnf put the machine's architecture in its place.
pub const BASEARCH: &str = "$basearch";

/// What somebody is to set up: repositories, and packages to install from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    pub family: Family,
    pub repositories: Vec<Repository>,
    /// Names of packages; may be empty.
    pub packages: Vec<String>,
}

/// Whose tools the system has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// zypper, YaST, Agama.
    #[default]
    Suse,
    /// dnf, Anaconda.
    RedHat,
}

impl Family {
    /// The family of a product, by the word that products are registered with.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "redhat" => Self::RedHat,
            _ => Self::Suse,
        }
    }
}

/// A signed repository of RPMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its name on the machine, also of files: letters, digits, `.`, `_` and `-`.
    pub alias: String,
    /// Its name for people, one line.
    pub name: String,
    /// The folder that `repodata` is in, with a slash at its end. [`BASEARCH`] may stand in it only
    /// where zypper or dnf read it themselves: in `.repo` files and services.
    pub url: String,
    /// Address of its `.repo` file.
    pub repo_file: String,
    /// First the key that signs the metadata, then those that sign packages.
    pub keys: Vec<Key>,
    pub is_enabled: bool,
    /// Clients prefer packages of the repository with the lower number; `None`: 99, as they say.
    pub priority: Option<u32>,
}

/// A file of public keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub url: String,
    /// Of every key in the file, upper-case hex without blanks.
    pub fingerprints: Vec<String>,
}

/// The ways in which systems are set up, each a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For `/etc/zypp/repos.d` and `/etc/yum.repos.d`.
    RepoFile,
    /// SUSE's installer from SLE and Leap 16 on: a profile in JSON.
    Agama,
    /// SUSE's installer up to SLE and Leap 15: a profile in XML.
    AutoYast,
    /// Red Hat's installer.
    Kickstart,
    /// The first boot of a cloud image.
    CloudInit,
    /// YaST's One-Click Install.
    OneClick,
}

impl Format {
    pub const ALL: [Self; 6] = [
        Self::RepoFile,
        Self::Agama,
        Self::AutoYast,
        Self::Kickstart,
        Self::CloudInit,
        Self::OneClick,
    ];

    /// What file names of this format end in, without the dot before it.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        match self {
            Self::RepoFile => "repo",
            Self::Agama => "agama.json",
            Self::AutoYast => "autoyast.xml",
            Self::Kickstart => "ks",
            Self::CloudInit => "cloud-init.yaml",
            Self::OneClick => "ymp",
        }
    }

    /// Name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::RepoFile => "Repository file",
            Self::Agama => "Agama profile",
            Self::AutoYast => "AutoYaST profile",
            Self::Kickstart => "Kickstart file",
            Self::CloudInit => "cloud-init user data",
            Self::OneClick => "One-Click Install",
        }
    }

    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::RepoFile | Self::Kickstart => "text/plain; charset=utf-8",
            Self::Agama => "application/json",
            Self::AutoYast => "application/xml",
            Self::CloudInit => "text/cloud-config; charset=utf-8",
            Self::OneClick => "text/x-suse-ymp; charset=utf-8",
        }
    }

    /// Splits `stable.agama.json` into what it is called and its format.
    #[must_use]
    pub fn split(file: &str) -> Option<(&str, Self)> {
        Self::ALL.into_iter().find_map(|format| {
            let name = file.strip_suffix(format.suffix())?.strip_suffix('.')?;
            (!name.is_empty()).then_some((name, format))
        })
    }

    /// The file's text.
    ///
    /// # Errors
    /// Memory for the text cannot be written to, which a template reports as an error.
    pub fn render(self, offer: &Offer) -> askama::Result<String> {
        Ok(match self {
            Self::RepoFile => repo_file::render(&offer.repositories),
            Self::Agama => agama::render(offer),
            Self::AutoYast => autoyast::render(offer)?,
            Self::Kickstart => kickstart::render(offer)?,
            Self::CloudInit => cloud_init::render(offer),
            Self::OneClick => one_click::render(offer)?,
        })
    }
}

/// A text that somebody entered, on one line: control characters are in no XML, and a line break
/// would begin another setting.
#[must_use]
pub fn one_line(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { ' ' } else { it })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the tests of all formats render.
    pub(super) fn sample() -> Offer {
        Offer {
            family: Family::Suse,
            repositories: vec![Repository {
                alias: "sle-15-stable".to_owned(),
                name: "Drivers for <SLE 15> & 'friends' (stable)".to_owned(),
                url: "https://drivers.example/repos/sle-15/stable/x86_64/".to_owned(),
                repo_file: "https://drivers.example/repos/sle-15/stable.repo".to_owned(),
                keys: vec![
                    Key {
                        url: "https://drivers.example/keys/repository.asc".to_owned(),
                        fingerprints: vec!["696C8F7B94432D1D3B5A90751722F5EF59234FF6".to_owned()],
                    },
                    Key {
                        url: "https://drivers.example/keys/vendors/acme.asc".to_owned(),
                        fingerprints: vec!["AC8E4FEA7B911F397E72CA5FC8CEE0120F4F57FA".to_owned()],
                    },
                ],
                is_enabled: true,
                priority: None,
            }],
            packages: vec!["acme-net-kmp-default".to_owned()],
        }
    }

    #[test]
    fn a_file_name_tells_the_format() {
        for format in Format::ALL {
            let file = format!("stable-2.x.{}", format.suffix());
            assert_eq!(Format::split(&file), Some(("stable-2.x", format)), "{file}");
        }
        for other in ["stable", "stable.txt", ".repo", "repo", "stable.json"] {
            assert_eq!(Format::split(other), None, "{other}");
        }
    }

    #[test]
    fn nothing_breaks_out_of_its_place() {
        let mut offer = sample();
        offer.repositories[0].name = one_line("a\n[b]\nbaseurl=http://evil\0\"]]>' & <x>");
        for format in Format::ALL {
            let text = format.render(&offer).unwrap();
            assert!(!text.contains("\nbaseurl=http://evil"), "{text}");
            assert!(
                !text.contains("<x>") || !text.starts_with("<?xml"),
                "{text}"
            );
        }
    }
}
