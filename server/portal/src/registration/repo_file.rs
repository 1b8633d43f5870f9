//! `.repo` files, the INI dialect that zypper and dnf share. What one of the two does not know, it
//! ignores.

use super::Repository;
use std::fmt::Write as _;

/// One section a repository. Both clients take several keys on lines of their own, and check the
/// signature of every package by them: zypper only because of `pkg_gpgcheck`, dnf because of
/// `gpgcheck`.
pub(super) fn render(repositories: &[Repository]) -> String {
    let sections: Vec<String> = repositories.iter().map(section).collect();
    sections.join("\n")
}

fn section(repository: &Repository) -> String {
    let keys: Vec<&str> = repository.keys.iter().map(|it| it.url.as_str()).collect();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "[{alias}]\n\
         name={name}\n\
         baseurl={url}\n\
         type=rpm-md\n\
         enabled={enabled}\n\
         autorefresh=1\n\
         gpgcheck=1\n\
         repo_gpgcheck=1\n\
         pkg_gpgcheck=1\n\
         gpgkey={keys}\n",
        alias = repository.alias,
        name = repository.name,
        url = repository.url,
        enabled = u8::from(repository.is_enabled),
        keys = keys.join("\n       "),
    );
    if let Some(priority) = repository.priority {
        let _ = writeln!(text, "priority={priority}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn both_keys_and_all_checks_are_in_it() {
        let mut two = sample().repositories;
        two.push(Repository {
            alias: "sle-15-testing".to_owned(),
            is_enabled: false,
            priority: Some(120),
            ..two[0].clone()
        });
        let text = render(&two);
        for line in [
            "[sle-15-stable]",
            "baseurl=https://drivers.example/repos/sle-15/stable/x86_64/",
            "gpgkey=https://drivers.example/keys/repository.asc",
            "       https://drivers.example/keys/vendors/acme.asc",
            "pkg_gpgcheck=1",
            "repo_gpgcheck=1",
            "[sle-15-testing]",
            "enabled=0",
            "priority=120",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
        assert_eq!(text.matches("priority=").count(), 1, "{text}");
    }
}
