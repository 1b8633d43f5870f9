//! One-Click Install (`.ymp`), which YaST understands; systems with Agama have no YaST.

use super::Offer;
use askama::Template;

#[derive(Template)]
#[template(path = "registration/one_click.xml")]
struct Metapackage<'a> {
    offer: &'a Offer,
}

pub(super) fn render(offer: &Offer) -> askama::Result<String> {
    Metapackage { offer }.render()
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use super::*;

    #[test]
    fn it_names_repository_and_package() {
        let text = render(&sample()).unwrap();
        assert!(text.contains("<url>https://drivers.example/repos/sle-15/stable/x86_64/</url>"));
        assert!(text.contains("<name>acme-net-kmp-default</name>"));
        assert!(text.contains("<remainSubscribed>true</remainSubscribed>"));
    }
}
