//! Where a package may go: its product, whether it fits there, and which repositories show it.

use crate::error::{Error, Result as Answer};
use crate::jobs::Job;
use crate::waivers::Actor;
use serde::{Deserialize, Serialize};
use store::audit::{self, NewEvent};
use store::products::Product;
use store::{PgConnection, Time, Viewer};

/// Why a package cannot go to a product, as a finding says it.
#[derive(Clone, Debug)]
pub struct Misfit {
    pub check: &'static str,
    pub title: &'static str,
    pub detail: String,
    pub help: &'static str,
}

/// What placing needs to know of a package.
#[derive(Clone, Copy, Debug)]
pub struct Built<'a> {
    pub arch: &'a str,
    pub flavor: Option<&'a str>,
    /// `uname -r` of the kernel it was built for.
    pub kernel_release: Option<&'a str>,
}

/// The product whose registered kernel the package was built for, among the kernels its vendor
/// knows.
///
/// # Errors
/// The database fails.
pub async fn find_product(
    conn: &mut PgConnection,
    vendor: Viewer,
    built: Built<'_>,
) -> sqlx::Result<Result<Product, Misfit>> {
    let Some(release) = built.kernel_release else {
        return Ok(Err(no_product(
            "The package does not tell for which kernel it was built.".to_owned(),
        )));
    };
    let filter = store::kernels::Filter {
        release: Some(release.to_owned()),
        arch: Some(built.arch.to_owned()),
        ..Default::default()
    };
    let mut ids: Vec<i64> = store::kernels::list(conn, vendor, &filter)
        .await?
        .iter()
        .map(|k| k.product_id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let how_many = match ids[..] {
        [id] => match store::products::by_id(conn, id).await? {
            Some(product) => return Ok(Ok(product)),
            None => "No product has",
        },
        [] => "No product has",
        _ => "Several products have",
    };
    Ok(Err(no_product(format!(
        "{how_many} the kernel {release} ({}) registered, for which the package was built.",
        built.arch
    ))))
}

/// The one product whose kit has a package without modules, which names no kernel.
///
/// # Errors
/// None of these products fits, or several do.
pub fn product_of_companion<'a>(
    products: impl Iterator<Item = &'a Product>,
    built: Built<'_>,
) -> Result<Product, Misfit> {
    let mut fitting = products.filter(|product| misfit(product, built).is_none());
    match (fitting.next(), fitting.next()) {
        (Some(product), None) => Ok(product.clone()),
        (None, _) => Err(no_product(
            "The package does not tell for which kernel it was built, and it is in no product's \
             kit."
                .to_owned(),
        )),
        _ => Err(no_product(
            "The package tells no kernel, and the kits of several products have it.".to_owned(),
        )),
    }
}

fn no_product(detail: String) -> Misfit {
    Misfit {
        check: "no-product",
        title: "It cannot be told for which product this is",
        detail,
        help: "Name the product: add `?product=NAME` to the address. `GET /api/v1/products` lists \
               them.",
    }
}

/// For an upload into a channel that the product has not.
#[must_use]
pub fn no_channel(product: &Product, channel: &str) -> Misfit {
    Misfit {
        check: "product-channel",
        title: "The product has no such channel",
        detail: format!(
            "`{channel}` is no channel of {}; it has {}.",
            product.name,
            product.channels.join(", ")
        ),
        help: "Name one of these with `?channel=`, or leave it out for the default.",
    }
}

/// Why the package does not fit the product, if it does not.
#[must_use]
pub fn misfit(product: &Product, built: Built<'_>) -> Option<Misfit> {
    if built.arch != "noarch" && !product.arches.iter().any(|a| a == built.arch) {
        return Some(Misfit {
            check: "product-arch",
            title: "The product has no such architecture",
            detail: format!(
                "The package is for {}; {} has {}.",
                built.arch,
                product.name,
                product.arches.join(", ")
            ),
            help: "Upload it for another product, or ask the distributor to add the architecture.",
        });
    }
    let flavor = built.flavor?;
    if product.flavors.is_empty() || product.flavors.iter().any(|f| f == flavor) {
        return None;
    }
    Some(Misfit {
        check: "product-flavor",
        title: "The product has no such kernel flavor",
        detail: format!(
            "The package is for the flavor {flavor}; {} has {}.",
            product.name,
            product.flavors.join(", ")
        ),
        help: "Upload it for another product, or ask the distributor to add the flavor.",
    })
}

/// For an upload into a channel to which packages come by promotion only.
#[must_use]
pub fn guarded(product: &Product, channel: &str) -> Option<Misfit> {
    let entry = product.entry_channel.as_ref()?;
    (entry != channel).then(|| Misfit {
        check: "product-channel",
        title: "Packages come into this channel by promotion",
        detail: format!(
            "Uploads for {} enter the channel `{entry}`; into `{channel}` they are promoted.",
            product.name
        ),
        help: "Leave `?channel=` out, and ask for the promotion on the page of the package.",
    })
}

/// How packages come into the channels of a product.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Entry {
    /// See [`Product::entry_channel`].
    pub entry_channel: Option<String>,
    /// See [`Product::two_person`].
    pub two_person: bool,
}

impl Entry {
    #[must_use]
    pub fn of(product: &Product) -> Self {
        Self {
            entry_channel: product.entry_channel.clone(),
            two_person: product.two_person,
        }
    }
}

/// Says how packages come into the channels of a product, and writes it into the trail.
///
/// # Errors
/// 422 when the product has no such channel, or two people are to decide and none is the first.
pub async fn set_entry(
    conn: &mut PgConnection,
    product: &Product,
    entry: &Entry,
    by: Actor<'_>,
    now: Time,
) -> Answer<()> {
    let channel = entry.entry_channel.as_deref();
    let done = store::products::set_entry(conn, product.id, channel, entry.two_person).await;
    if let Err(error) = done {
        return Err(match store::violated_constraint(&error) {
            Some("products_entry_channel_listed") => Error::unprocessable(format!(
                "{} has no channel `{}`; it has {}.",
                product.name,
                channel.unwrap_or_default(),
                product.channels.join(", ")
            )),
            Some("products_two_person_has_entry") => Error::unprocessable(
                "Where two people promote, uploads have to enter somewhere: name the \
                 `entry_channel`, too.",
            ),
            _ => error.into(),
        });
    }
    let detail = format!(
        "uploads enter {}; {} needed to promote",
        channel.unwrap_or("any channel"),
        match entry.two_person {
            true => "two people are",
            false => "one person is",
        }
    );
    let event = NewEvent {
        actor: by.name,
        role: by.role,
        action: "promotion.rules",
        subject: &format!("product {}", product.name),
        vendor_id: None,
        detail: &detail,
    };
    Ok(audit::record(conn, &event, now).await?)
}

/// Queues the next generation of the repositories of a product that hold other packages than they
/// are to.
///
/// # Errors
/// The database fails.
pub async fn queue_changed(
    conn: &mut PgConnection,
    product_id: i64,
    now: Time,
) -> sqlx::Result<()> {
    for repository_id in store::repositories::changed(conn, product_id).await? {
        Job::PublishRepository { repository_id }
            .enqueue(conn, now)
            .await?;
    }
    Ok(())
}

/// Queues the next generation of every repository of a channel that shows packages of this arch; with
/// a vendor also of those that show this vendor's packages only.
///
/// # Errors
/// The database fails.
pub async fn queue_publication(
    conn: &mut PgConnection,
    product: &Product,
    channel: &str,
    arch: &str,
    vendor_id: Option<i64>,
    now: Time,
) -> sqlx::Result<()> {
    let views = [None].into_iter().chain(vendor_id.map(Some));
    let shown = product.arches.iter();
    let shown = shown.filter(|it| arch == "noarch" || *it == arch);
    for (shown, view) in shown.flat_map(|arch| views.clone().map(move |view| (arch, view))) {
        let repository_id =
            store::repositories::get_or_insert(conn, product.id, channel, shown, view).await?;
        Job::PublishRepository { repository_id }
            .enqueue(conn, now)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_fits_by_arch_and_flavor() {
        let product = Product {
            id: 1,
            name: "sle15".to_owned(),
            display_name: "SLE 15".to_owned(),
            family: "suse".to_owned(),
            arches: vec!["x86_64".to_owned()],
            flavors: vec!["default".to_owned()],
            channels: vec!["stable".to_owned()],
            default_channel: "stable".to_owned(),
            entry_channel: None,
            two_person: false,
        };
        for (arch, flavor, expected) in [
            ("x86_64", Some("default"), None),
            ("noarch", None, None),
            ("x86_64", None, None),
            ("aarch64", Some("default"), Some("product-arch")),
            ("x86_64", Some("rt"), Some("product-flavor")),
        ] {
            let built = Built {
                arch,
                flavor,
                kernel_release: None,
            };
            assert_eq!(
                misfit(&product, built).map(|m| m.check),
                expected,
                "{arch} {flavor:?}"
            );
        }
    }
}
