//! Lists of servers that have the same repository: plain, as zypper and dnf read them, and as a
//! metalink, by which dnf also knows what `repomd.xml` has to be.

use askama::Template;

/// A server, and how much it is preferred.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The folder that `repodata` is in, with a slash at its end.
    pub url: String,
    /// ISO 3166-1, upper case.
    pub country: Option<String>,
    /// 1 to 100, more is better.
    pub preference: i32,
}

impl Source {
    fn protocol(&self) -> &str {
        self.url
            .split_once(':')
            .map_or("http", |(scheme, _)| scheme)
    }
}

/// A `repomd.xml` that a client may be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRepomd {
    /// Seconds since 1970.
    pub timestamp: u64,
    pub size: usize,
    /// Hexadecimal.
    pub sha256: String,
}

/// One address a line, best first.
#[must_use]
pub fn mirrorlist(sources: &[Source]) -> String {
    sources.iter().map(|it| format!("{}\n", it.url)).collect()
}

#[derive(Template)]
#[template(path = "registration/metalink.xml")]
struct Metalink<'a> {
    current: &'a KnownRepomd,
    /// Earlier ones, newest first: of these may be what a client has that began before the last
    /// publication.
    earlier: &'a [KnownRepomd],
    sources: &'a [Source],
}

/// A metalink of version 3 with the extensions that dnf reads.
///
/// # Errors
/// Memory for the text cannot be written to, which a template reports as an error.
pub fn metalink(
    current: &KnownRepomd,
    earlier: &[KnownRepomd],
    sources: &[Source],
) -> askama::Result<String> {
    let metalink = Metalink {
        current,
        earlier,
        sources,
    };
    metalink.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_name_every_source() {
        let source = |url: &str, preference| Source {
            url: url.to_owned(),
            country: (preference > 50).then(|| "DE".to_owned()),
            preference,
        };
        let sources = [
            source("https://m.example/a/", 90),
            source("http://o.example/a/", 1),
        ];
        assert_eq!(
            mirrorlist(&sources),
            "https://m.example/a/\nhttp://o.example/a/\n"
        );
        let known = |size| KnownRepomd {
            timestamp: 7,
            size,
            sha256: "ab".repeat(32),
        };
        let text = metalink(&known(10), &[known(9)], &sources).unwrap();
        for part in [
            "<url protocol=\"https\" type=\"https\" location=\"DE\" preference=\"90\">https://m.example/a/repodata/repomd.xml</url>",
            "<url protocol=\"http\" type=\"http\" preference=\"1\">http://o.example/a/repodata/repomd.xml</url>",
            "<size>10</size>",
            "<mm0:alternate>",
            "<size>9</size>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
