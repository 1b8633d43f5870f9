//! Where a package may go: its product, whether it fits there, and which repositories show it.

use crate::jobs::Job;
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

/// Queues the next generation of every repository of a channel that shows packages of this arch.
///
/// # Errors
/// The database fails.
pub async fn queue_publication(
    conn: &mut PgConnection,
    product: &Product,
    channel: &str,
    arch: &str,
    now: Time,
) -> sqlx::Result<()> {
    for shown in product
        .arches
        .iter()
        .filter(|a| arch == "noarch" || *a == arch)
    {
        let repository_id =
            store::repositories::get_or_insert(conn, product.id, channel, shown).await?;
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
