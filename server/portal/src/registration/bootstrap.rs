//! A shell script that sets up one repository: short enough to be read before it is run. It trusts
//! one key, by its fingerprint, and the vendors' keys because that key signed them.

use super::{Repository, repo_file, word};
use askama::Template;

/// What the script is about.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap<'a> {
    pub repository: &'a Repository,
    /// The armored key that signs the repository.
    pub key_url: &'a str,
    /// All vendors' keys in one armored file; its signature is at the same address with `.asc`.
    pub keys_url: &'a str,
}

#[derive(Template)]
#[template(path = "registration/bootstrap.sh", escape = "none")]
struct Script<'a> {
    title: &'a str,
    script: String,
    alias: String,
    key_url: String,
    keys_url: String,
    /// Inside double quotes.
    shown_url: String,
    repo_file: String,
}

impl Bootstrap<'_> {
    /// The script's text.
    ///
    /// # Errors
    /// Memory for the text cannot be written to, which a template reports as an error.
    pub fn render(&self) -> askama::Result<String> {
        let repository = self.repository;
        let script = Script {
            title: &repository.name,
            script: format!("{}.sh", repository.alias),
            alias: word(&repository.alias),
            key_url: word(self.key_url),
            keys_url: word(self.keys_url),
            shown_url: in_double_quotes(&repository.url),
            repo_file: repo_file::render(std::slice::from_ref(repository)),
        };
        script.render()
    }
}

fn in_double_quotes(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for letter in text.chars().filter(|it| !it.is_control()) {
        if "$`\"\\".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn script() -> String {
        let mut repository = sample().repositories.remove(0);
        repository.url = repository.url.replace("x86_64", "$basearch");
        let bootstrap = Bootstrap {
            repository: &repository,
            key_url: "https://drivers.example/keys/repository.asc",
            keys_url: "https://drivers.example/repos/sle-15/stable.keys",
        };
        bootstrap.render().unwrap()
    }

    #[test]
    fn a_shell_reads_it() {
        let mut shell = Command::new("sh")
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .expect("a POSIX shell");
        let text = script();
        shell
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        assert!(shell.wait().unwrap().success(), "{text}");
        assert!(text.contains(
            "echo \"Repository: https://drivers.example/repos/sle-15/stable/\\$basearch/\""
        ));
        assert!(
            text.contains("\nbaseurl=https://drivers.example/repos/sle-15/stable/$basearch/\n")
        );
    }
}
