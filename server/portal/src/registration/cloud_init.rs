//! User data for cloud-init. Keys are imported by `bootcmd`, which runs before repositories are added
//! and packages installed; without, zypper refuses a repository whose key nobody knows.

use super::{Family, Offer, Repository};
use serde_json::Value;
use std::fmt::Write as _;

pub(super) fn render(offer: &Offer) -> String {
    let mut text = "#cloud-config\n".to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "bootcmd:");
    let mut keys: Vec<&str> = Vec::new();
    for key in offer.repositories.iter().flat_map(|it| &it.keys) {
        if !keys.contains(&key.url.as_str()) {
            keys.push(&key.url);
        }
    }
    for url in keys {
        let _ = writeln!(text, "  - [rpm, --import, {}]", quoted(url));
    }
    match offer.family {
        Family::Suse => {
            let _ = writeln!(text, "zypper:\n  repos:");
            for it in &offer.repositories {
                let _ = writeln!(text, "    - id: {}", quoted(&it.alias));
                settings(&mut text, it, "      ");
                let _ = writeln!(text, "      autorefresh: 1");
            }
        }
        Family::RedHat => {
            let _ = writeln!(text, "yum_repos:");
            for it in &offer.repositories {
                let _ = writeln!(text, "  {}:", quoted(&it.alias));
                settings(&mut text, it, "    ");
            }
        }
    }
    if !offer.packages.is_empty() {
        let _ = writeln!(text, "packages:");
        for package in &offer.packages {
            let _ = writeln!(text, "  - {}", quoted(package));
        }
    }
    text
}

fn settings(text: &mut String, repository: &Repository, indent: &str) {
    let keys: Vec<String> = repository.keys.iter().map(|it| quoted(&it.url)).collect();
    let enabled = u8::from(repository.is_enabled);
    for (name, value) in [
        ("name", quoted(&repository.name)),
        ("baseurl", quoted(&repository.url)),
        ("enabled", enabled.to_string()),
        ("gpgcheck", "1".to_owned()),
        ("repo_gpgcheck", "1".to_owned()),
        ("pkg_gpgcheck", "1".to_owned()),
        ("gpgkey", format!("[{}]", keys.join(", "))),
    ] {
        let _ = writeln!(text, "{indent}{name}: {value}");
    }
    if let Some(priority) = repository.priority {
        let _ = writeln!(text, "{indent}priority: {priority}");
    }
}

/// YAML reads every JSON string.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn each_family_has_its_section() {
        let mut offer = sample();
        let suse = render(&offer);
        assert!(suse.starts_with("#cloud-config\nbootcmd:\n  - [rpm, --import, \"https://"));
        assert!(suse.contains("zypper:\n  repos:\n    - id: \"sle-15-stable\"\n"));
        offer.family = Family::RedHat;
        let redhat = render(&offer);
        assert!(redhat.contains("yum_repos:\n  \"sle-15-stable\":\n    name:"));
        assert!(redhat.ends_with("packages:\n  - \"acme-net-kmp-default\"\n"));
    }
}
