//! A zypp service: a list of repositories that zypper asks for again and follows, so that
//! repositories come and go without anybody's doing.

use super::Repository;
use askama::Template;
use std::time::Duration;

/// zypper asks for the list again after this time.
pub const SERVICE_TTL: Duration = Duration::from_secs(86_400);

#[derive(Template)]
#[template(path = "registration/repoindex.xml")]
struct Index<'a> {
    ttl: u64,
    repositories: &'a [Repository],
}

/// `repo/repoindex.xml` below the service's address. Addresses are absolute: zypper resolves relative
/// ones against something else.
///
/// libzypp from 17.36.7 (April 2025) on reads `gpgcheck`, `pkg_gpgcheck` and `gpgkey`, as in a `.repo`
/// file but for a single address, so the first of a repository's keys should be a file with all of them.
/// Before that it passes these attributes over, takes the repository's key from beside `repomd.xml`, and
/// believes packages by their digest in the signed metadata.
///
/// # Errors
/// Memory for the text cannot be written to, which a template reports as an error.
pub fn service(repositories: &[Repository]) -> askama::Result<String> {
    let ttl = SERVICE_TTL.as_secs();
    Index { ttl, repositories }.render()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn every_repository_is_listed_with_its_address() {
        let text = service(&sample().repositories).unwrap();
        let key = &sample().repositories[0].keys[0].url;
        assert!(text.contains(&format!(" pkg_gpgcheck=\"1\" gpgkey=\"{key}\"")));
        assert!(text.contains("<repoindex ttl=\"86400\">"), "{text}");
        assert!(text.contains(" url=\"https://drivers.example/repos/sle-15/stable/x86_64/\""));
        assert!(
            text.contains("&#60;SLE 15&#62; &#38; &#39;friends&#39;"),
            "{text}"
        );
    }
}
