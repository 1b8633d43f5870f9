//! Lines for a kickstart file. `repo` is for the time of the installation and cannot name keys, so
//! what the installed system gets is written by a script.

use super::{Offer, repo_file, word};
use askama::Template;

#[derive(Template)]
#[template(path = "registration/kickstart.ks", escape = "none")]
struct Kickstart<'a> {
    repositories: Vec<Line>,
    packages: &'a [String],
    repo_file: String,
    /// Name of the file in `/etc/yum.repos.d`, without its suffix.
    file: &'a str,
    keys: Vec<String>,
}

struct Line {
    name: String,
    url: String,
}

pub(super) fn render(offer: &Offer) -> askama::Result<String> {
    let enabled = offer.repositories.iter().filter(|it| it.is_enabled);
    let lines = enabled.map(|it| Line {
        name: word(&it.alias),
        url: word(&it.url),
    });
    let mut keys: Vec<String> = Vec::new();
    for key in offer.repositories.iter().flat_map(|it| &it.keys) {
        let quoted = word(&key.url);
        if !keys.contains(&quoted) {
            keys.push(quoted);
        }
    }
    let first = offer.repositories.first();
    let text = Kickstart {
        repositories: lines.collect(),
        packages: &offer.packages,
        repo_file: repo_file::render(&offer.repositories),
        file: first.map_or("drivers", |it| it.alias.as_str()),
        keys,
    };
    text.render()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn the_installed_system_gets_keys_and_repository() {
        let text = render(&sample()).unwrap();
        for line in [
            "repo --name=sle-15-stable --baseurl=https://drivers.example/repos/sle-15/stable/x86_64/",
            "acme-net-kmp-default",
            "rpm --import https://drivers.example/keys/vendors/acme.asc",
            "cat > /etc/yum.repos.d/sle-15-stable.repo <<'END_OF_REPO'",
            "pkg_gpgcheck=1",
            "END_OF_REPO",
            "%end",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}: {text}");
        }
    }
}
