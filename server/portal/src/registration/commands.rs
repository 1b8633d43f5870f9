//! Lines that an administrator types, one after the other.

use super::{Offer, word};

/// For zypper, which takes the address of a `.repo` file and shows a key's fingerprint before it
/// first uses it.
#[must_use]
pub fn zypper(offer: &Offer) -> Vec<String> {
    let added = offer
        .repositories
        .iter()
        .map(|it| format!("sudo zypper addrepo --refresh {}", word(&it.repo_file)));
    let mut lines: Vec<String> = added.collect();
    lines.push("sudo zypper refresh".to_owned());
    lines.extend(install("zypper", &offer.packages));
    lines
}

/// For dnf. The `.repo` file is put in place by curl, because the command that adds repositories is
/// an optional plugin and differs between dnf 4 and 5.
#[must_use]
pub fn dnf(offer: &Offer) -> Vec<String> {
    let added = offer.repositories.iter().map(|it| {
        let target = format!("/etc/yum.repos.d/{}.repo", it.alias);
        format!("sudo curl -fo {} {}", word(&target), word(&it.repo_file))
    });
    let mut lines: Vec<String> = added.collect();
    lines.push("sudo dnf makecache".to_owned());
    lines.extend(install("dnf", &offer.packages));
    lines
}

fn install(tool: &str, packages: &[String]) -> Option<String> {
    let words: Vec<String> = packages.iter().map(|it| word(it)).collect();
    (!words.is_empty()).then(|| format!("sudo {tool} install {}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn lines_can_be_pasted() {
        assert_eq!(
            zypper(&sample()),
            [
                "sudo zypper addrepo --refresh https://drivers.example/repos/sle-15/stable.repo",
                "sudo zypper refresh",
                "sudo zypper install acme-net-kmp-default",
            ]
        );
        let mut offer = sample();
        offer.packages.clear();
        assert_eq!(
            dnf(&offer),
            [
                "sudo curl -fo /etc/yum.repos.d/sle-15-stable.repo https://drivers.example/repos/sle-15/stable.repo",
                "sudo dnf makecache",
            ]
        );
    }
}
