//! Which part of a long list is shown, and the addresses of its neighbours.

/// A place in a list that is shown page by page.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Paging {
    /// Number of this page, from 1.
    pub page: u64,
    /// Number of pages, at least 1.
    pub pages: u64,
    /// `Packages 51 to 100 of 1,204`-style words without the noun: `51–100 of 1,204`.
    pub range: String,
    /// Address of the page before, with the same filters.
    pub prev: Option<String>,
    pub next: Option<String>,
}

impl Paging {
    /// Where page `page` (from 1) of a list of `total` entries stands. `filters` are the query's
    /// other pairs; empty values are left out of the addresses.
    pub fn new(path: &str, filters: &[(&str, &str)], page: u64, per_page: u64, total: u64) -> Self {
        Self::by("page", path, filters, page, per_page, total)
    }

    /// The same for a list whose number is the parameter `name`: a page may have two lists.
    pub fn by(
        name: &str,
        path: &str,
        filters: &[(&str, &str)],
        page: u64,
        per_page: u64,
        total: u64,
    ) -> Self {
        let per_page = per_page.max(1);
        let pages = total.div_ceil(per_page).max(1);
        let page = page.clamp(1, pages);
        let first = (page - 1).saturating_mul(per_page);
        let last = first.saturating_add(per_page).min(total);
        let range = match total {
            0 => "none".to_owned(),
            total => format!(
                "{}–{} of {}",
                super::thousands(first + 1),
                super::thousands(last),
                super::thousands(total)
            ),
        };
        let href = |page| address(path, filters, name, page);
        Self {
            page,
            pages,
            range,
            prev: (page > 1).then(|| href(page - 1)),
            next: (page < pages).then(|| href(page + 1)),
        }
    }

    /// Whether there is anything to turn.
    pub fn is_needed(&self) -> bool {
        self.pages > 1
    }
}

fn address(path: &str, filters: &[(&str, &str)], name: &str, page: u64) -> String {
    let page = if page > 1 {
        page.to_string()
    } else {
        String::new()
    };
    let pairs: Vec<_> = filters.iter().copied().chain([(name, &*page)]).collect();
    let query = query_string(&pairs);
    match query.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{query}"),
    }
}

/// A query without its question mark; pairs with an empty value are left out.
pub fn query_string(pairs: &[(&str, &str)]) -> String {
    let query: Vec<String> = pairs
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    query.join("&")
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn encode(text: &str) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    encoded.push(char::from(byte));
                }
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_has_two_neighbours() {
        let paging = Paging::new(
            "/packages",
            &[("q", "acme & co"), ("state", "")],
            2,
            50,
            1_204,
        );
        assert_eq!(paging.range, "51–100 of 1,204");
        assert_eq!(paging.pages, 25);
        assert_eq!(paging.prev.as_deref(), Some("/packages?q=acme%20%26%20co"));
        assert_eq!(
            paging.next.as_deref(),
            Some("/packages?q=acme%20%26%20co&page=3")
        );
    }

    #[test]
    fn ends_have_one_and_small_lists_none() {
        assert_eq!(Paging::new("/kernels", &[], 1, 50, 51).prev, None);
        assert_eq!(Paging::new("/kernels", &[], 2, 50, 51).next, None);
        assert_eq!(
            Paging::new("/kernels", &[], 2, 50, 51).prev.as_deref(),
            Some("/kernels")
        );
        assert!(!Paging::new("/kernels", &[], 1, 50, 50).is_needed());
    }

    #[test]
    fn absurd_numbers_stay_in_the_list() {
        assert_eq!(Paging::new("/packages", &[], 0, 50, 10).range, "1–10 of 10");
        assert_eq!(
            Paging::new("/packages", &[], u64::MAX, 50, 60).range,
            "51–60 of 60"
        );
        assert_eq!(Paging::new("/packages", &[], 1, 0, 0).range, "none");
        assert_eq!(
            Paging::new("/packages", &[], u64::MAX, 1, u64::MAX).next,
            None
        );
    }
}
