//! Files about repositories: what systems are set up with. For a channel of a product, and for the
//! packages of one vendor in it.

use crate::app::App;
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::offers::{self, Place};
use crate::registration::{BASEARCH, Bootstrap, Family, Format, Offer, Repository};
use crate::uploads;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use store::PgConnection;
use store::products::Product;
use store::vendors::Vendor;

/// They name keys, which come and go.
const ASK_AGAIN: &str = "no-cache";
/// Packages named in one address.
const MOST_PACKAGES: usize = 100;

/// What is to stand in the file.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// For formats that need one architecture; otherwise the product's first.
    arch: Option<String>,
    /// Names of packages to install, separated by commas.
    packages: String,
}

/// `GET /repos/{product}/{channel}.…`
pub async fn of_product(
    State(app): State<Arc<App>>,
    Segments((product, file)): Segments<(String, String)>,
    Params(wish): Params<Wish>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    let product = uploads::product_by_name(&mut conn, &product).await?;
    answer(&app, &mut conn, &product, None, &file, &wish).await
}

/// `GET /repos/{product}/vendors/{vendor}/{channel}.…`
pub async fn of_vendor(
    State(app): State<Arc<App>>,
    Segments((product, vendor, file)): Segments<(String, String, String)>,
    Params(wish): Params<Wish>,
) -> Result<Response> {
    let mut conn = app.pool.acquire().await?;
    let product = uploads::product_by_name(&mut conn, &product).await?;
    let vendor = vendor_by_name(&mut conn, &vendor).await?;
    answer(&app, &mut conn, &product, Some(&vendor), &file, &wish).await
}

pub(super) async fn vendor_by_name(conn: &mut PgConnection, name: &str) -> Result<Vendor> {
    let found = store::vendors::by_name(conn, name).await?;
    found.ok_or_else(|| Error::not_found(format!("There is no vendor `{name}`.")))
}

async fn answer(
    app: &App,
    conn: &mut PgConnection,
    product: &Product,
    vendor: Option<&Vendor>,
    file: &str,
    wish: &Wish,
) -> Result<Response> {
    let (channel, kind) = Kind::split(file).ok_or_else(|| no_such_file(product))?;
    if !product.channels.iter().any(|it| it == channel) {
        let misfit = crate::placing::no_channel(product, channel);
        return Err(Error::not_found(misfit.detail));
    }
    let place = Place {
        product,
        vendor,
        channel,
    };
    let (content_type, text) = match kind {
        Kind::Format(format) => {
            let text = formatted(app, conn, place, format, wish).await?;
            (format.content_type(), text)
        }
        Kind::Script => (
            "text/x-shellscript; charset=utf-8",
            script(app, conn, place).await?,
        ),
        Kind::Keys => (
            "application/pgp-keys",
            offers::vendor_keys(conn, vendor).await?,
        ),
        Kind::KeysSignature => {
            let keys = offers::vendor_keys(conn, vendor).await?;
            let signature = app.signatures.of(app, keys.into_bytes()).await?;
            ("application/pgp-signature", signature)
        }
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, ASK_AGAIN),
    ];
    Ok((headers, text).into_response())
}

/// What a file is about, by its name.
#[derive(Clone, Copy)]
enum Kind {
    Format(Format),
    /// Sets up a machine.
    Script,
    /// All vendors' keys.
    Keys,
    /// The signature of the repository's key over them.
    KeysSignature,
}

impl Kind {
    /// Splits a file name into the channel and what is asked of it.
    fn split(file: &str) -> Option<(&str, Self)> {
        if let Some((channel, format)) = Format::split(file) {
            return Some((channel, Self::Format(format)));
        }
        [
            (".sh", Self::Script),
            (".keys", Self::Keys),
            (".keys.asc", Self::KeysSignature),
        ]
        .into_iter()
        .find_map(|(suffix, kind)| Some((file.strip_suffix(suffix)?, kind)))
    }
}

fn no_such_file(product: &Product) -> Error {
    let suffixes = Format::ALL.map(|it| format!("CHANNEL.{}", it.suffix()));
    Error::not_found(format!(
        "/repos/{}/ has for each channel {}, CHANNEL.sh, CHANNEL.keys and CHANNEL.keys.asc.",
        product.name,
        suffixes.join(", ")
    ))
}

async fn formatted(
    app: &App,
    conn: &mut PgConnection,
    place: Place<'_>,
    format: Format,
    wish: &Wish,
) -> Result<String> {
    let arch = match format {
        Format::RepoFile => BASEARCH.to_owned(),
        _ => arch(place.product, wish)?,
    };
    let offer = Offer {
        family: Family::of(&place.product.family),
        repositories: vec![repository(app, conn, place, &arch).await?],
        packages: packages(&wish.packages)?,
    };
    Ok(format.render(&offer).map_err(anyhow::Error::from)?)
}

async fn repository(
    app: &App,
    conn: &mut PgConnection,
    place: Place<'_>,
    arch: &str,
) -> sqlx::Result<Repository> {
    let keys = offers::keys(app, conn, place.vendor).await?;
    Ok(place.repository(app, arch, keys))
}

async fn script(app: &App, conn: &mut PgConnection, place: Place<'_>) -> Result<String> {
    let script = Bootstrap {
        repository: &repository(app, conn, place, BASEARCH).await?,
        key_url: &app.url("/keys/repository.asc"),
        keys_url: &app.url(&format!("{}.keys", place.path())),
    };
    Ok(script.render().map_err(anyhow::Error::from)?)
}

fn arch(product: &Product, wish: &Wish) -> Result<String> {
    let Some(named) = &wish.arch else {
        return Ok(offers::main_arch(product).to_owned());
    };
    match product.arches.contains(named) {
        true => Ok(named.clone()),
        false => Err(Error::not_found(format!(
            "{} has no architecture `{named}`; it has {}.",
            product.name,
            product.arches.join(", ")
        ))),
    }
}

/// Names of packages end up in scripts and profiles of all sorts, so they are names.
fn packages(text: &str) -> Result<Vec<String>> {
    let names: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(str::to_owned)
        .collect();
    let is_name = |it: &String| {
        it.len() <= 255
            && it.starts_with(|first: char| first.is_ascii_alphanumeric())
            && it
                .chars()
                .all(|it| it.is_ascii_alphanumeric() || "._+~^-".contains(it))
    };
    match names.iter().find(|it| !is_name(it)) {
        Some(odd) => Err(Error::bad_request(format!(
            "`{}` is no name of a package.",
            odd.escape_debug()
        ))),
        None if names.len() > MOST_PACKAGES => Err(Error::bad_request(format!(
            "At most {MOST_PACKAGES} packages can be named; these are {}.",
            names.len()
        ))),
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_are_names() {
        assert_eq!(
            packages(" a-kmp-default, b ,").unwrap(),
            ["a-kmp-default", "b"]
        );
        for odd in ["$(id)", "-x", "a b", "a\nb", "a%25", "ä"] {
            assert!(packages(odd).is_err(), "{odd}");
        }
    }
}
