//! The part of an Agama profile that names repositories and packages. Agama gives them to libzypp and
//! trusts the keys whose fingerprints are listed.

use super::Offer;
use serde_json::{Value, json};

pub(super) fn render(offer: &Offer) -> String {
    let repositories: Vec<Value> = offer
        .repositories
        .iter()
        .filter(|it| it.is_enabled)
        .map(|it| {
            let fingerprints: Vec<&String> =
                it.keys.iter().flat_map(|key| &key.fingerprints).collect();
            let mut repository = json!({
                "alias": it.alias,
                "name": it.name,
                "url": it.url,
                "allowUnsigned": false,
                "gpgFingerprints": fingerprints,
            });
            if let Some(priority) = it.priority {
                repository["priority"] = priority.into();
            }
            repository
        })
        .collect();
    let profile = json!({
        "software": { "packages": offer.packages, "extraRepositories": repositories },
    });
    format!("{profile:#}\n")
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn fingerprints_say_which_keys_to_trust() {
        let profile: Value = serde_json::from_str(&render(&sample())).unwrap();
        let software = &profile["software"];
        let repository = &software["extraRepositories"][0];
        assert_eq!(software["packages"][0], "acme-net-kmp-default");
        assert_eq!(repository["allowUnsigned"], false);
        assert_eq!(repository["gpgFingerprints"].as_array().unwrap().len(), 2);
    }
}
