//! Who sees which kernel: the rule in the database against the same said naively.

use super::NOW;
use crate::packages::{self, State};
use crate::{
    PgConnection, PgPool, Viewer, accesses, audience, embargo, kernels, products, vendors, verdicts,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use uuid::Uuid;

const VENDORS: [&str; 3] = ["acme", "beta", "gamma"];
/// Random worlds tried, all in one database.
const WORLDS: usize = 40;

/// A kernel and for whom it is.
#[derive(Clone, Debug)]
struct Drawn {
    /// Status it is registered with, and the one it gets after that.
    statuses: [&'static str; 2],
    everyone: bool,
    /// Indices into [`VENDORS`].
    named: BTreeSet<usize>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let status = || prop_oneof![Just("preview"), Just("released"), Just("retired")];
    let named = proptest::collection::btree_set(0..VENDORS.len(), 0..=VENDORS.len());
    (status(), status(), prop::bool::weighted(0.2), named).prop_map(
        |(first, second, everyone, named)| Drawn {
            statuses: [first, second],
            everyone,
            named,
        },
    )
}

impl Drawn {
    /// Whoever registers it as anything but a preview makes it known; retiring a preview does not.
    fn is_public(&self) -> bool {
        self.statuses[0] != "preview" || self.statuses[1] == "released"
    }

    fn is_for(&self, viewer: Option<usize>) -> bool {
        self.is_public() || viewer.is_some_and(|v| self.everyone || self.named.contains(&v))
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn everybody_sees_what_the_naive_rule_says(pool: PgPool) -> sqlx::Result<()> {
    let mut runner = TestRunner::deterministic();
    let worlds = proptest::collection::vec(drawn(), 0..6);
    let (product_id, vendor_ids) = {
        let mut conn = pool.acquire().await?;
        (product(&mut conn).await?, vendors(&mut conn).await?)
    };
    for _ in 0..WORLDS {
        let world = worlds.new_tree(&mut runner).unwrap().current();
        let mut tx = pool.begin().await?;
        let ids = make(&mut tx, product_id, &vendor_ids, &world).await?;
        for (viewer, naive) in viewers(&vendor_ids) {
            let expected: BTreeSet<Uuid> = ids
                .iter()
                .zip(&world)
                .filter(|(_, k)| viewer == Viewer::Distributor || k.is_for(naive))
                .map(|(id, _)| *id)
                .collect();
            assert_eq!(
                seen(&mut tx, viewer, &ids).await?,
                expected,
                "{viewer:?} in {world:?}"
            );
        }
        // Dropped: the next world begins empty.
    }
    Ok(())
}

/// Everybody who may look, and the vendor's index for the naive rule.
fn viewers(vendor_ids: &[i64]) -> Vec<(Viewer, Option<usize>)> {
    let vendors = vendor_ids.iter().enumerate();
    [(Viewer::Public, None), (Viewer::Distributor, None)]
        .into_iter()
        .chain(vendors.map(|(at, id)| (Viewer::Vendor(*id), Some(at))))
        .collect()
}

/// What is shown of these kernels, which has to be the same by list, by id and as a figure.
async fn seen(
    conn: &mut PgConnection,
    viewer: Viewer,
    ids: &[Uuid],
) -> sqlx::Result<BTreeSet<Uuid>> {
    let all = kernels::Filter::default();
    let listed: BTreeSet<Uuid> = kernels::list(conn, viewer, &all)
        .await?
        .iter()
        .map(|k| k.id)
        .collect();
    for id in ids {
        let found = kernels::by_id(conn, viewer, *id).await?;
        assert_eq!(found.is_some(), listed.contains(id));
    }
    let figures = packages::figures(conn, viewer).await?;
    assert_eq!(usize::try_from(figures.kernels), Ok(listed.len()));
    Ok(listed)
}

async fn product(conn: &mut PgConnection) -> sqlx::Result<i64> {
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let new = products::NewProduct {
        name: "sle15",
        display_name: "SLE 15",
        family: "suse",
        arches: &words(&["x86_64"]),
        flavors: &words(&["default"]),
        channels: &words(&["stable"]),
        default_channel: "stable",
    };
    Ok(products::upsert(conn, &new, NOW).await?.id)
}

async fn vendors(conn: &mut PgConnection) -> sqlx::Result<Vec<i64>> {
    let mut ids = Vec::new();
    for name in VENDORS {
        let vendor = vendors::upsert(conn, name, name, "kernel@vendor.example", NOW).await?;
        ids.push(vendor.id);
    }
    Ok(ids)
}

async fn make(
    conn: &mut PgConnection,
    product_id: i64,
    vendor_ids: &[i64],
    world: &[Drawn],
) -> sqlx::Result<Vec<Uuid>> {
    let mut ids = Vec::new();
    for (number, kernel) in world.iter().enumerate() {
        let mut id = Uuid::nil();
        for status in kernel.statuses {
            let release = format!("6.4.0-{number}-default");
            id = register(conn, product_id, &release, status).await?;
        }
        let named: Vec<i64> = kernel.named.iter().map(|v| vendor_ids[*v]).collect();
        audience::set(conn, id, kernel.everyone, &named, NOW).await?;
        ids.push(id);
    }
    Ok(ids)
}

async fn register(
    conn: &mut PgConnection,
    product_id: i64,
    release: &str,
    status: &str,
) -> sqlx::Result<Uuid> {
    let new = kernels::NewKernel {
        product_id,
        arch: "x86_64",
        flavor: "default",
        release,
        status,
        release_date: None,
        release_at: None,
        content_hash: &[7; 32],
        modversions: true,
        vermagic_tail: None,
        this_module_size: None,
        symbol_count: 1,
        unknown: &[],
        symvers: b"",
    };
    Ok(kernels::upsert(conn, &new, NOW).await?.0)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_was_released_stays_so(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let product_id = product(&mut conn).await?;
    let mut statuses = Vec::new();
    for status in ["preview", "released", "preview", "retired", "preview"] {
        let id = register(&mut conn, product_id, "6.4.0-1-default", status).await?;
        let kernel = kernels::for_judging(&mut conn, id).await?.unwrap();
        statuses.push((kernel.status.clone(), kernel.is_embargoed()));
    }
    let expected = [
        ("preview", true),
        ("released", false),
        ("released", false),
        ("retired", false),
        ("retired", false),
    ];
    assert_eq!(
        statuses,
        expected.map(|(word, embargoed)| (word.to_owned(), embargoed))
    );
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_due_kernel_is_released_once(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let product_id = product(&mut conn).await?;
    let id = register(&mut conn, product_id, "6.4.0-1-default", "preview").await?;
    let due = NOW + time::Duration::HOUR;
    embargo::set_release_date(&mut conn, id, Some((due.date(), due))).await?;
    assert!(embargo::release_due(&mut conn, NOW).await?.is_empty());

    // Two processes at the same moment: the second waits for the first, and finds nothing to do.
    let mut first = pool.begin().await?;
    assert_eq!(embargo::release_due(&mut first, due).await?, [id]);
    let second = {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut conn = pool.acquire().await?;
            embargo::release_due(&mut conn, due).await
        })
    };
    first.commit().await?;
    assert!(second.await.unwrap()?.is_empty());

    // A clock that goes back hides nothing, and nobody can.
    assert!(embargo::release_due(&mut conn, NOW).await?.is_empty());
    let kernel = kernels::by_id(&mut conn, Viewer::Public, id).await?;
    assert_eq!(kernel.unwrap().released_at, Some(due));
    let refused = embargo::set_status(&mut conn, id, "preview", due).await;
    let refused = refused.unwrap_err();
    assert_eq!(
        crate::violated_constraint(&refused),
        Some("kernels_preview_is_embargoed")
    );
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn looks_are_counted_by_the_hour(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let product_id = product(&mut conn).await?;
    let id = register(&mut conn, product_id, "6.4.0-1-default", "preview").await?;
    let look = accesses::Look {
        vendor: "acme",
        account: "ci",
        route: "GET /kernels/{id}",
    };
    for minutes in [0, 59, 60] {
        let at = NOW + time::Duration::minutes(minutes);
        accesses::note(&mut conn, &look, &[id, id], at).await?;
    }
    let found = accesses::of_kernel(&mut conn, id, 10).await?;
    let counted: Vec<_> = found.iter().map(|a| (a.hour, a.times)).collect();
    assert_eq!(counted, [(NOW + time::Duration::HOUR, 1), (NOW, 2)]);
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn of_an_embargoed_kernel_a_vendor_learns_of_its_own_packages_only(
    pool: PgPool,
) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let product_id = product(&mut conn).await?;
    let vendor_ids = vendors(&mut conn).await?;
    let (acme, beta, gamma) = (vendor_ids[0], vendor_ids[1], vendor_ids[2]);
    let kernel = register(&mut conn, product_id, "6.4.0-1-default", "preview").await?;
    audience::set(&mut conn, kernel, false, &[acme, beta], NOW).await?;
    let mut ids = Vec::new();
    for vendor in [acme, beta, gamma] {
        let id = super::received(&mut conn, vendor, u8::try_from(vendor).unwrap()).await?;
        super::accept(&mut conn, id, &format!("{vendor}.rpm")).await?;
        packages::set_state(&mut conn, id, State::Published, "In generation 1.", NOW).await?;
        ids.push(id);
    }
    let compatible = |id: &Uuid| verdicts::Judged {
        package_id: *id,
        kernel_id: kernel,
        brief: kabi::index::Brief::compatible(0).into(),
    };
    let judged: Vec<_> = ids.iter().map(compatible).collect();
    verdicts::save(&mut conn, &judged, NOW).await?;
    for (viewer, on_kernel, of_package) in [
        (Viewer::Public, 0, [0, 0, 0]),
        (Viewer::Vendor(acme), 1, [1, 0, 0]),
        (Viewer::Vendor(beta), 1, [0, 1, 0]),
        (Viewer::Vendor(gamma), 0, [0, 0, 0]),
        (Viewer::Distributor, 3, [1, 1, 1]),
    ] {
        let found = verdicts::loading_on(&mut conn, viewer, kernel, super::ALL).await?;
        assert_eq!(found.len(), on_kernel, "{viewer:?}");
        let effect = verdicts::rebuilds_on(&mut conn, viewer, kernel).await?;
        assert_eq!(effect.packages, on_kernel as i64, "{viewer:?}");
        for (id, count) in ids.iter().zip(of_package) {
            let found = verdicts::of_package(&mut conn, viewer, *id).await?;
            assert_eq!(found.len(), count, "{viewer:?}");
        }
    }
    Ok(())
}
