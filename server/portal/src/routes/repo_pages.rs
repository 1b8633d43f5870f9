//! `/repos` and `/repos/{product}`: pages about repositories.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::extract::Segments;
use crate::offers::Place;
use crate::pages::{
    ChannelView, Choice, ClientCommands, Link, MirrorRow, Moment, Nav, ProductCard, ProductPage,
    RepositoriesPage, SupportRow, SupportView, VendorView, WithdrawnRow, counted, fingerprint,
};
use crate::registration::{BASEARCH, Family, Format, Offer, word};
use crate::routes::pages::Page;
use crate::uploads::product_by_name;
use crate::views::{moment, shell};
use axum::extract::State;
use std::sync::Arc;
use store::PgConnection;
use store::products::Product;
use store::repositories::Repository;
use store::support::Level;

/// `GET /repos`
pub async fn list(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<RepositoriesPage>> {
    let mut conn = app.pool.acquire().await?;
    let repositories = store::repositories::list(&mut conn).await?;
    let mut products = Vec::new();
    for product in store::products::list(&mut conn).await? {
        let mut channels = Vec::new();
        for channel in ordered(&product) {
            let (count, _) = held(&mut conn, &repositories, &product, channel).await?;
            channels.push(format!("{} in {channel}", count_in_words(count)));
        }
        products.push(ProductCard {
            href: format!("/repos/{}", product.name),
            what: format!("{} · {}", tool(&product), product.arches.join(", ")),
            name: product.display_name,
            channels,
        });
    }
    Ok(Page(RepositoriesPage {
        shell: shell(&app, &caller, Nav::Repositories),
        products,
    }))
}

/// `GET /repos/{product}`
pub async fn product(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
) -> Result<Page<ProductPage>> {
    let mut conn = app.pool.acquire().await?;
    let product = product_by_name(&mut conn, &name).await?;
    let repositories = store::repositories::list(&mut conn).await?;
    let mut channels = Vec::new();
    for channel in ordered(&product) {
        let held = held(&mut conn, &repositories, &product, channel).await?;
        channels.push(channel_view(&app, &product, channel, held));
    }
    let alias = &product.name;
    Ok(Page(ProductPage {
        shell: shell(&app, &caller, Nav::Repositories),
        product: product.display_name.clone(),
        rules: rules(&product),
        fingerprint: fingerprint(&app.repository_key.fingerprint()),
        key_href: "/keys/repository.asc".to_owned(),
        channels,
        service: vec![
            format!(
                "sudo zypper addservice {} {}",
                word(&app.url(&format!("/services/{}", product.name))),
                word(alias)
            ),
            "sudo zypper refresh".to_owned(),
        ],
        vendors: vendors(&app, &mut conn, &product, &repositories).await?,
        mirrors: mirrors(&mut conn, &product, &repositories).await?,
        support: support(&mut conn, &caller, &product).await?,
        withdrawn: withdrawn(&mut conn, &product).await?,
    }))
}

/// The default channel first.
fn ordered(product: &Product) -> impl Iterator<Item = &String> {
    let others = product.channels.iter();
    [&product.default_channel]
        .into_iter()
        .chain(others.filter(|it| **it != product.default_channel))
}

fn tool(product: &Product) -> &'static str {
    match Family::of(&product.family) {
        Family::Suse => "zypper",
        Family::RedHat => "dnf",
    }
}

fn count_in_words(count: i64) -> String {
    counted(count.unsigned_abs(), "package", "packages")
}

/// How many packages a channel has over all architectures, and when it last changed.
async fn held(
    conn: &mut PgConnection,
    repositories: &[Repository],
    product: &Product,
    channel: &str,
) -> sqlx::Result<(i64, Option<Moment>)> {
    let own = repositories.iter().filter(|it| {
        it.product_id == product.id && it.channel == channel && it.vendor_id.is_none()
    });
    let ids: Vec<i64> = own.map(|it| it.id).collect();
    let (count, updated) = store::channels::held(conn, &ids).await?;
    Ok((count, updated.map(moment)))
}

fn channel_view(
    app: &App,
    product: &Product,
    channel: &str,
    (count, updated): (i64, Option<Moment>),
) -> ChannelView {
    let place = Place {
        product,
        vendor: None,
        channel,
    };
    let path = place.path();
    let offer = Offer {
        family: Family::of(&product.family),
        repositories: vec![place.repository(app, BASEARCH, Vec::new())],
        packages: Vec::new(),
    };
    let script = format!("{}.sh", place.alias());
    let fetch = format!(
        "curl -fo {} {}",
        word(&script),
        word(&app.url(&format!("{path}.sh")))
    );
    let key = app.repository_key.fingerprint();
    ChannelView {
        name: channel.to_owned(),
        is_default: channel == product.default_channel,
        what: format!("{} · {}", product.arches.join(", "), count_in_words(count)),
        updated,
        commands: ClientCommands::both(&offer),
        script: vec![
            fetch.clone(),
            format!("less {}", word(&script)),
            format!("sudo sh {}", word(&script)),
        ],
        unattended: vec![
            fetch,
            format!("sudo sh {} --fingerprint {key}", word(&script)),
        ],
        files: Format::ALL
            .iter()
            .map(|it| Link {
                href: format!("{path}.{}", it.suffix()),
                label: it.title().to_owned(),
            })
            .collect(),
    }
}

fn rules(product: &Product) -> String {
    match (&product.entry_channel, product.two_person) {
        (Some(entry), true) => format!(
            "Packages enter {entry}; into the other channels one person asks for them, and another \
             confirms."
        ),
        (Some(entry), false) => {
            format!("Packages enter {entry}, and come into the other channels by promotion.")
        }
        (None, _) => "Vendors upload into any channel.".to_owned(),
    }
}

/// Vendors that have repositories of their own here.
async fn vendors(
    app: &App,
    conn: &mut PgConnection,
    product: &Product,
    repositories: &[Repository],
) -> sqlx::Result<Vec<VendorView>> {
    let mut views = Vec::new();
    for vendor in store::vendors::list(conn).await? {
        let own = |channel: &&String| {
            repositories.iter().any(|it| {
                it.product_id == product.id
                    && it.vendor_id == Some(vendor.id)
                    && it.channel == **channel
            })
        };
        let files: Vec<Link> = ordered(product)
            .filter(own)
            .map(|channel| {
                let place = Place {
                    product,
                    vendor: Some(&vendor),
                    channel,
                };
                Link {
                    href: format!("{}.repo", place.path()),
                    label: channel.clone(),
                }
            })
            .collect();
        if !files.is_empty() {
            let service = app.url(&format!("/services/{}/{}", product.name, vendor.name));
            views.push(VendorView {
                name: vendor.display_name,
                files,
                service,
            });
        }
    }
    Ok(views)
}

async fn mirrors(
    conn: &mut PgConnection,
    product: &Product,
    repositories: &[Repository],
) -> sqlx::Result<Vec<MirrorRow>> {
    let own = |id: i64| {
        let found = repositories.iter().find(|it| it.id == id);
        found.is_some_and(|it| it.product_id == product.id)
    };
    let seen = store::mirrors::seen(conn).await?;
    let mirrors = store::mirrors::list(conn).await?;
    let rows = mirrors.into_iter().map(|mirror| {
        let here = seen
            .iter()
            .filter(|it| it.mirror_id == mirror.id && own(it.repository_id));
        let (total, fresh) = (here.clone().count(), here.filter(|it| it.is_fresh).count());
        MirrorRow {
            url: mirror.url,
            country: mirror.country,
            is_fresh: total > 0 && total == fresh,
            state: match total {
                0 => "not looked at yet".to_owned(),
                _ => format!("{fresh} of {total} repositories current"),
            },
        }
    });
    Ok(rows.collect())
}

/// What is said of support, and for a distributor the form that changes it.
async fn support(
    conn: &mut PgConnection,
    caller: &Caller,
    product: &Product,
) -> sqlx::Result<SupportView> {
    let said = store::support::of_product(conn, product.id).await?;
    let vendors = store::vendors::list(conn).await?;
    let rows = said.as_ref().map_or(Vec::new(), |said| {
        let named = vendors.iter().filter_map(|vendor| {
            let statement = said.vendors.get(&vendor.name)?;
            Some(support_row(
                &vendor.display_name,
                statement.level,
                &statement.eula,
            ))
        });
        [support_row("All other vendors", said.level, "")]
            .into_iter()
            .chain(named)
            .collect()
    });
    if caller.role != Role::Distributor {
        return Ok(SupportView {
            rows,
            ..Default::default()
        });
    }
    let all = (String::new(), "all other vendors".to_owned());
    let names = vendors.into_iter().map(|it| (it.name, it.display_name));
    let levels = Level::ALL.map(|it| (it.word().to_owned(), level_in_words(it).to_owned()));
    let nothing = (String::new(), "say nothing".to_owned());
    Ok(SupportView {
        rows,
        action: Some(format!("/repos/{}/support", product.name)),
        levels: Choice::list(levels.into_iter().chain([nothing]), Level::ALL[0].word()),
        vendors: Choice::list([all].into_iter().chain(names), ""),
    })
}

fn support_row(who: &str, level: Level, eula: &str) -> SupportRow {
    SupportRow {
        who: who.to_owned(),
        level: level_in_words(level).to_owned(),
        eula: eula.to_owned(),
    }
}

fn level_in_words(level: Level) -> &'static str {
    match level {
        Level::Unsupported => "unsupported",
        Level::Acc => "with an additional contract (ACC)",
        Level::L1 => "level 1: problem determination",
        Level::L2 => "level 2: problem isolation",
        Level::L3 => "level 3: problem resolution",
    }
}

async fn withdrawn(conn: &mut PgConnection, product: &Product) -> sqlx::Result<Vec<WithdrawnRow>> {
    let rows = store::channels::withdrawn(conn, product.id).await?;
    let rows = rows.into_iter().map(|it| WithdrawnRow {
        href: format!("/packages/{}", it.package_id),
        location: it.location,
        channel: it.channel,
        reason: it.reason,
        at: moment(it.at),
    });
    Ok(rows.collect())
}
