//! The promises that only the database can keep, each on a fresh one.

use crate::packages::{Filter, RejectedAs, State};
use crate::{
    Page, PgPool, Time, Viewer, jobs, kernels, mails, packages, products, vendors,
    violated_constraint,
};
use serde_json::json;
use time::Duration;
use uuid::Uuid;

mod decisions;
mod embargo;
mod migrations;

const NOW: Time = time::macros::datetime!(2026-11-23 12:00 UTC);
const ALL: Page = Page {
    limit: 100,
    offset: 0,
};

fn lease() -> Time {
    NOW + Duration::minutes(1)
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_same_work_waits_once(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let work = json!({ "repository_id": 1 });
    jobs::enqueue(&mut conn, "publish_repository", &work, NOW).await?;
    jobs::enqueue(&mut conn, "publish_repository", &work, NOW).await?;
    assert_eq!(jobs::counts(&mut conn).await?.open, 1);

    let running = jobs::claim(&mut conn, NOW, lease()).await?.unwrap();
    assert!(
        jobs::claim(&mut conn, NOW, lease()).await?.is_none(),
        "it is leased"
    );
    // What changed after a job began needs another one.
    jobs::enqueue(&mut conn, "publish_repository", &work, NOW).await?;
    assert_eq!(jobs::counts(&mut conn).await?.open, 2);
    // The failed one is covered by the one that waits.
    jobs::retry(&mut conn, running.id, NOW, "no").await?;
    assert_eq!(jobs::counts(&mut conn).await?.open, 1);
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_dead_workers_job_becomes_free(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    jobs::enqueue(&mut conn, "send_mail", &json!({ "mail_id": 1 }), NOW).await?;
    let first = jobs::claim(&mut conn, NOW, lease()).await?.unwrap();
    assert_eq!(first.attempts, 1);
    let later = lease() + Duration::seconds(1);
    let second = jobs::claim(&mut conn, later, later + Duration::minutes(1))
        .await?
        .unwrap();
    assert_eq!((second.id, second.attempts), (first.id, 2));
    assert_eq!(jobs::release_all(&mut conn).await?, 1);
    assert!(jobs::claim(&mut conn, later, later).await?.is_some());
    jobs::give_up(&mut conn, first.id, "never", later).await?;
    let counts = jobs::counts(&mut conn).await?;
    assert_eq!((counts.open, counts.failed), (0, 1));
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn releasing_leases_leaves_each_work_once(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let work = json!({ "kernel_id": 1 });
    jobs::enqueue(&mut conn, "judge_kernel", &work, NOW).await?;
    jobs::claim(&mut conn, NOW, lease()).await?.unwrap();
    jobs::enqueue(&mut conn, "judge_kernel", &work, NOW).await?;
    jobs::claim(&mut conn, NOW, lease()).await?.unwrap();
    jobs::enqueue(&mut conn, "judge_kernel", &work, NOW).await?;
    jobs::release_all(&mut conn).await?;
    assert_eq!(jobs::counts(&mut conn).await?.open, 1);
    Ok(())
}

async fn vendor(conn: &mut crate::PgConnection, name: &str) -> sqlx::Result<i64> {
    Ok(
        vendors::upsert(conn, name, name, "kernel@vendor.example", NOW)
            .await?
            .id,
    )
}

async fn received(
    conn: &mut crate::PgConnection,
    vendor_id: i64,
    content: u8,
) -> sqlx::Result<Uuid> {
    packages::insert_received(conn, vendor_id, &[content; 32], 1, "a.rpm", None, NOW).await
}

/// Accepts a package under a file name.
async fn accept(conn: &mut crate::PgConnection, id: Uuid, location: &str) -> sqlx::Result<()> {
    let facts = packages::Inspected {
        name: "acme-net-kmp-default".to_owned(),
        epoch: None,
        version: "1".to_owned(),
        release: "1".to_owned(),
        arch: "x86_64".to_owned(),
        flavor: Some("default".to_owned()),
        kernel_release: None,
        location: location.to_owned(),
        summary: String::new(),
        license: None,
        rpm_vendor: None,
        signature: json!({}),
        repomd_primary: String::new(),
        repomd_filelists: String::new(),
        repomd_other: String::new(),
        excludes: Vec::new(),
        modules: Vec::new(),
        aliases: vec![("acme_net".to_owned(), "pci:v00001234d*".to_owned())],
        certificates: Vec::new(),
    };
    packages::save_inspection(conn, id, &facts).await?;
    packages::set_state(conn, id, State::Accepted, "In order.", NOW).await
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_name_stands_for_one_content(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let first = received(&mut conn, acme, 1).await?;
    let second = received(&mut conn, acme, 2).await?;
    accept(&mut conn, first, "a-1-1.x86_64.rpm").await?;
    packages::set_state(&mut conn, first, State::Withdrawn, "Faulty.", NOW).await?;
    let refused = accept(&mut conn, second, "a-1-1.x86_64.rpm")
        .await
        .unwrap_err();
    assert_eq!(violated_constraint(&refused), Some("packages_location_key"));
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn nobody_squats_on_anothers_file(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let beta = vendor(&mut conn, "beta").await?;
    let stolen = received(&mut conn, acme, 1).await?;
    packages::reject(&mut conn, stolen, RejectedAs::Forbidden, "Beta's key.", NOW).await?;
    assert_eq!(
        packages::is_content_wanted(&mut conn, &[1; 32]).await?,
        Some(false)
    );
    let own = received(&mut conn, beta, 1).await?;
    assert_eq!(
        packages::is_content_wanted(&mut conn, &[1; 32]).await?,
        Some(true)
    );
    let found = packages::by_sha256(&mut conn, beta, &[1; 32]).await?;
    assert_eq!(found, Some((own, State::Received)));
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn only_the_owner_sees_what_is_not_published(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let beta = vendor(&mut conn, "beta").await?;
    let id = received(&mut conn, acme, 1).await?;
    packages::reject(&mut conn, id, RejectedAs::Conflict, "Taken.", NOW).await?;
    for (seen_by, count) in [
        (Viewer::Public, 0),
        (Viewer::Vendor(beta), 0),
        (Viewer::Vendor(acme), 1),
        (Viewer::Distributor, 1),
    ] {
        let filter = Filter {
            seen_by,
            ..Default::default()
        };
        let (rows, total) = packages::list(&mut conn, &filter, ALL).await?;
        assert_eq!((rows.len(), total), (count, count as i64), "{seen_by:?}");
    }
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_percent_sign_is_only_itself_in_a_search(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    received(&mut conn, acme, 1).await?;
    for (text, count) in [("a.rpm", 1), ("A.RPM", 1), ("%", 0), ("a_rpm", 0)] {
        let filter = Filter {
            seen_by: Viewer::Distributor,
            name_contains: Some(text.to_owned()),
            ..Default::default()
        };
        assert_eq!(
            packages::list(&mut conn, &filter, ALL).await?.1,
            count,
            "{text}"
        );
    }
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_vendor_hears_of_a_kernel_once(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let product = products::NewProduct {
        name: "sle15",
        display_name: "SLE 15",
        family: "suse",
        arches: &words(&["x86_64"]),
        flavors: &words(&["default"]),
        channels: &words(&["stable"]),
        default_channel: "stable",
    };
    let product = products::upsert(&mut conn, &product, NOW).await?;
    let kernel = kernels::NewKernel {
        product_id: product.id,
        arch: "x86_64",
        flavor: "default",
        release: "6.4.0-1-default",
        status: "preview",
        release_date: None,
        release_at: None,
        content_hash: &[7; 32],
        modversions: true,
        vermagic_tail: Some("SMP "),
        this_module_size: None,
        symbol_count: 1,
        unknown: &[],
        symvers: b"",
    };
    let (id, is_new) = kernels::upsert(&mut conn, &kernel, NOW).await?;
    assert!(is_new);
    // The same exports again: the same kernel, and what was known stays known.
    let again = kernels::NewKernel {
        status: "released",
        vermagic_tail: None,
        ..kernel
    };
    assert_eq!(kernels::upsert(&mut conn, &again, NOW).await?, (id, false));
    let row = kernels::for_judging(&mut conn, id).await?.unwrap();
    assert_eq!(
        (row.status.as_str(), row.vermagic_tail.as_deref()),
        ("released", Some("SMP "))
    );

    let mail = mails::NewMail {
        vendor_id: acme,
        kernel_id: id,
        message_id: "<1@portal>".to_owned(),
        recipient: "kernel@vendor.example".to_owned(),
        subject: "s".to_owned(),
        body_text: "t".to_owned(),
        body_html: "h".to_owned(),
    };
    let mail = [mail];
    assert_eq!(mails::insert(&mut conn, &mail, NOW).await?.len(), 1);
    assert!(mails::insert(&mut conn, &mail, NOW).await?.is_empty());
    assert_eq!(
        mails::told(&mut conn, id).await?,
        vec![("acme".to_owned(), None)]
    );
    Ok(())
}
