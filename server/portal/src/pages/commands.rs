//! "Use this repository": what a user types, and the fingerprint to compare.

/// One repository, with the lines that add it to a system.
#[derive(Clone, Debug)]
pub struct RepositoryBox {
    /// Name of the product for people: `SUSE Linux Enterprise 15 SP6`.
    pub product: String,
    pub channel: String,
    /// Architectures in words: `x86_64, aarch64`.
    pub arches: String,
    /// Counted: `12 packages`.
    pub packages: String,
    /// When it last changed; `None` before the first publication.
    pub updated: Option<super::Moment>,
    /// One entry per tool; the first is the one that belongs to the product's family.
    pub commands: Vec<ClientCommands>,
    /// The `.repo` file.
    pub repo_href: String,
    /// The public key that signs the repository.
    pub key_href: String,
    /// In groups of four, see [`super::fingerprint`].
    pub fingerprint: String,
}

/// Lines for one tool, to be typed one after the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCommands {
    pub tool: String,
    pub lines: Vec<String>,
}

impl ClientCommands {
    /// For zypper, which takes the `.repo` file's address and shows the key's fingerprint on
    /// first use. `package` is installed as well if given.
    pub fn zypper(repo_url: &str, package: Option<&str>) -> Self {
        let mut lines = vec![
            format!("sudo zypper addrepo --refresh {}", shell_word(repo_url)),
            "sudo zypper refresh".to_owned(),
        ];
        lines.extend(package.map(|it| format!("sudo zypper install {}", shell_word(it))));
        Self {
            tool: "zypper".to_owned(),
            lines,
        }
    }

    /// For dnf. The `.repo` file is put in place by curl, because the command that adds
    /// repositories is an optional plugin and differs between dnf 4 and 5.
    pub fn dnf(repo_url: &str, name: &str, package: Option<&str>) -> Self {
        let target = format!("/etc/yum.repos.d/{name}.repo");
        let mut lines = vec![
            format!(
                "sudo curl -fo {} {}",
                shell_word(&target),
                shell_word(repo_url)
            ),
            "sudo dnf makecache".to_owned(),
        ];
        lines.extend(package.map(|it| format!("sudo dnf install {}", shell_word(it))));
        Self {
            tool: "dnf".to_owned(),
            lines,
        }
    }
}

/// A word that a POSIX shell takes as it is: readers paste these lines, and names come from
/// uploaded files.
fn shell_word(word: &str) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "._+~:/@%=-".contains(it);
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('-') {
        return word.to_owned();
    }
    let printable: String = word.chars().filter(|it| !it.is_control()).collect();
    format!("'{}'", printable.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_can_be_pasted() {
        let url = "https://drivers.example/repos/sle15-sp6/stable.repo";
        assert_eq!(
            ClientCommands::zypper(url, Some("acme-nic-kmp-default")).lines,
            [
                "sudo zypper addrepo --refresh https://drivers.example/repos/sle15-sp6/stable.repo",
                "sudo zypper refresh",
                "sudo zypper install acme-nic-kmp-default",
            ]
        );
        assert_eq!(ClientCommands::dnf(url, "drivers", None).lines.len(), 2);
    }

    #[test]
    fn names_cannot_smuggle_commands() {
        for (word, quoted) in [
            ("acme-nic", "acme-nic"),
            ("a;rm -rf /", "'a;rm -rf /'"),
            ("$(id)", "'$(id)'"),
            ("it's", r"'it'\''s'"),
            ("a\nb", "'ab'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(word), quoted);
        }
    }
}
