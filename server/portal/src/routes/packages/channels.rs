//! The part of a package's page about its channels.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::pages::{AskedPromotion, ChannelsView, Choice, PlacementRow};
use crate::views::moment;
use store::PgConnection;
use store::channels::{Promotion, PromotionFilter};
use store::packages::{Package, Placement, State};

/// Where it is shown, and what the caller can do about it.
pub async fn view(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    package: &Package,
    placements: &[Placement],
) -> sqlx::Result<ChannelsView> {
    let placed = placements.iter().map(|it| PlacementRow {
        place: format!("{} / {}", it.product, it.channel),
        state: state(app, package, it),
    });
    let removals = store::channels::removals(conn, package.id).await?;
    let removed = removals.iter().map(|it| PlacementRow {
        place: format!("{} / {}", it.product, it.channel),
        state: format!(
            "Taken out by {} on {}; the file stays. {}",
            it.by,
            moment(it.at).human,
            it.reason
        ),
    });
    let rows = placed.chain(removed).collect();
    let is_on_offer = matches!(package.state, State::Accepted | State::Published);
    if !may(caller, package) || !is_on_offer {
        return Ok(ChannelsView {
            rows,
            ..Default::default()
        });
    }
    let filter = PromotionFilter {
        package_id: Some(package.id),
        only_open: true,
        ..Default::default()
    };
    let open = store::channels::promotions(conn, &filter).await?;
    let uploader = store::channels::uploader(conn, package.id).await?;
    let asked = open
        .iter()
        .map(|it| asked(it, caller, uploader.as_deref()))
        .collect();
    let (targets, needs_another) = targets(conn, placements, &open).await?;
    Ok(ChannelsView {
        rows,
        asked,
        targets: Choice::list(targets, ""),
        needs_another,
        zone: app.config.timezone.name().to_owned(),
        may_withdraw: true,
        removable: Choice::list(removable(placements), ""),
    })
}

/// Channels beside which it is in another one of the same product.
fn removable(placements: &[Placement]) -> Vec<(String, String)> {
    let has_another = |it: &&Placement| {
        let mut others = placements.iter();
        others.any(|other| other.product_id == it.product_id && other.channel != it.channel)
    };
    let found = placements.iter().filter(has_another);
    let names = |it: &Placement| {
        let (product, channel) = (&it.product, &it.channel);
        (
            format!("{product}/{channel}"),
            format!("{product} / {channel} only"),
        )
    };
    found.map(names).collect()
}

fn may(caller: &Caller, package: &Package) -> bool {
    match caller.role {
        Role::Distributor => true,
        Role::Vendor { id, .. } => id == package.vendor_id,
        Role::Anonymous => false,
    }
}

fn state(app: &App, package: &Package, placement: &Placement) -> String {
    let by = match placement.placed_by.as_deref() {
        Some(by) if !by.is_empty() => format!(" Promoted by {by}."),
        _ => String::new(),
    };
    let state = match (package.state, placement.waits_until) {
        (State::Withdrawn, _) => "Withdrawn; the file stays.".to_owned(),
        (State::Accepted | State::Published, Some(at)) => {
            format!("Shown from {} on.", app.config.timezone.show(at).human)
        }
        (State::Accepted | State::Published, None) if placement.is_offered => {
            match placement.generation {
                Some(number) => format!("Listed since generation {number}."),
                None => "Being published.".to_owned(),
            }
        }
        (State::Accepted | State::Published, None) if package.is_held => {
            "Waits for the release of the kernel it was built for.".to_owned()
        }
        (State::Accepted | State::Published, None) => {
            "Not listed: it loads on no kernel of the product that is supported.".to_owned()
        }
        _ => "Not listed.".to_owned(),
    };
    format!("{state}{by}")
}

fn asked(it: &Promotion, caller: &Caller, uploader: Option<&str>) -> AskedPromotion {
    let since = it
        .since
        .map(|at| format!(", shown from {} on", moment(at).human))
        .unwrap_or_default();
    AskedPromotion {
        what: format!(
            "To {} / {}{since}, asked for by {} on {}.",
            it.product,
            it.channel,
            it.asked_by,
            moment(it.asked_at).human
        ),
        note: it.note.clone(),
        action: Some(format!("/promotions/{}", it.id)),
        may_confirm: it.asked_by != caller.name && uploader != Some(&caller.name),
    }
}

/// Channels it can be promoted to, and whether another has to confirm that for one of them.
async fn targets(
    conn: &mut PgConnection,
    placements: &[Placement],
    open: &[Promotion],
) -> sqlx::Result<(Vec<(String, String)>, bool)> {
    let mut ids: Vec<i64> = placements.iter().map(|it| it.product_id).collect();
    ids.dedup();
    let (mut targets, mut needs_another) = (Vec::new(), false);
    for id in ids {
        let Some(product) = store::products::by_id(conn, id).await? else {
            continue;
        };
        needs_another |= product.two_person;
        for channel in &product.channels {
            let shown = placements.iter().any(|it| {
                it.product_id == id && it.channel == *channel && it.waits_until.is_none()
            });
            let asked = open
                .iter()
                .any(|it| it.product_id == id && it.channel == *channel);
            if !shown && !asked {
                targets.push((
                    format!("{}/{channel}", product.name),
                    format!("{} / {channel}", product.name),
                ));
            }
        }
    }
    Ok((targets, needs_another))
}
