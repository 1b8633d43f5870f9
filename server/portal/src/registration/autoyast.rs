//! The sections of an AutoYaST profile that name repositories and packages. A repository that is no
//! product of its own stands under `add_on_others`; it says itself which keys are taken.

use super::Offer;
use askama::Template;

/// AutoYaST knows keys by the last digits of their fingerprints.
const KEY_ID_DIGITS: usize = 16;

#[derive(Template)]
#[template(path = "registration/autoyast.xml")]
struct Profile<'a> {
    repositories: Vec<AddOn<'a>>,
    packages: &'a [String],
}

struct AddOn<'a> {
    alias: &'a str,
    name: &'a str,
    url: &'a str,
    priority: Option<u32>,
    key_ids: Vec<&'a str>,
}

pub(super) fn render(offer: &Offer) -> askama::Result<String> {
    let repositories = offer.repositories.iter().filter(|it| it.is_enabled);
    let repositories = repositories.map(|it| AddOn {
        alias: &it.alias,
        name: &it.name,
        url: &it.url,
        priority: it.priority,
        key_ids: it
            .keys
            .iter()
            .flat_map(|key| &key.fingerprints)
            .map(|it| key_id(it))
            .collect(),
    });
    let profile = Profile {
        repositories: repositories.collect(),
        packages: &offer.packages,
    };
    profile.render()
}

fn key_id(fingerprint: &str) -> &str {
    let start = fingerprint.len().saturating_sub(KEY_ID_DIGITS);
    fingerprint.get(start..).unwrap_or(fingerprint)
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn keys_are_accepted_and_imported_by_their_ids() {
        let text = render(&sample()).unwrap();
        assert_eq!(text.matches("<keyid>1722F5EF59234FF6</keyid>").count(), 3);
        assert_eq!(text.matches("<keyid>C8CEE0120F4F57FA</keyid>").count(), 3);
        assert!(text.contains("<package>acme-net-kmp-default</package>"));
        assert!(text.contains("&#60;SLE 15&#62;"), "{text}");
    }
}
