//! Waivers, the audit trail, policies: what is kept, and what the database refuses.

use super::{ALL, NOW, received, vendor};
use crate::audit::NewEvent;
use crate::waivers::{Filter, NewWaiver, Standing};
use crate::{PgPool, audit, policies, waivers};
use inspect::Demands;
use time::Duration;

fn waiver(vendor_id: i64) -> NewWaiver<'static> {
    NewWaiver {
        check_id: "module-license",
        vendor_id,
        package: Some("acme-kmp-default"),
        build: None,
        product_id: None,
        reason: "agreed",
        granted_by: "dora",
        expires_at: NOW + Duration::days(1),
    }
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_waiver_is_revoked_once_and_kept(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let id = waivers::insert(&mut conn, &waiver(acme), NOW).await?;
    let kept = waivers::by_id(&mut conn, id).await?.unwrap();
    assert_eq!(kept.standing(NOW), Standing::Active);
    assert_eq!(kept.standing(kept.expires_at), Standing::Expired);
    assert!(waivers::revoke(&mut conn, id, "dora", "mended", NOW).await?);
    assert!(!waivers::revoke(&mut conn, id, "kim", "again", NOW).await?);
    let kept = waivers::by_id(&mut conn, id).await?.unwrap();
    assert_eq!(kept.standing(NOW), Standing::Revoked);
    assert_eq!(kept.revoked_by.as_deref(), Some("dora"));
    let of_others = Filter {
        vendor_id: Some(acme + 1),
        ..Filter::default()
    };
    assert!(waivers::list(&mut conn, &of_others).await?.is_empty());
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn packages_are_found_by_the_waiver_that_let_them_in(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let id = waivers::insert(&mut conn, &waiver(acme), NOW).await?;
    let package = received(&mut conn, acme, 1).await?;
    for _ in 0..2 {
        waivers::record_use(&mut conn, id, package, NOW).await?;
    }
    let uses = waivers::uses(&mut conn, &[id, id + 1]).await?;
    assert_eq!(uses.len(), 1);
    assert_eq!((uses[0].waiver_id, uses[0].package_id), (id, package));
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn what_makes_no_sense_is_not_kept(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let cases = [
        (
            NewWaiver {
                reason: " ",
                ..waiver(acme)
            },
            "waivers_reason_given",
        ),
        (
            NewWaiver {
                package: None,
                build: Some("1-1.x86_64"),
                ..waiver(acme)
            },
            "waivers_build_of_package",
        ),
    ];
    for (new, constraint) in cases {
        let error = waivers::insert(&mut conn, &new, NOW).await.unwrap_err();
        assert_eq!(crate::violated_constraint(&error), Some(constraint));
    }
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn the_trail_is_only_ever_added_to(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    waivers::insert(&mut conn, &waiver(acme), NOW).await?;
    for action in ["waiver.granted", "policy.changed"] {
        let event = NewEvent {
            actor: "dora",
            role: "distributor",
            action,
            subject: "waiver 1",
            vendor_id: Some(acme),
            detail: "with a NUL \0",
        };
        audit::record(&mut conn, &event, NOW).await?;
    }
    for statement in [
        "DELETE FROM audit_events",
        "UPDATE audit_events SET actor = 'nobody'",
        "TRUNCATE audit_events",
        "DELETE FROM waivers",
        "TRUNCATE waivers CASCADE",
    ] {
        let refused = sqlx::raw_sql(statement).execute(&mut *conn).await;
        assert!(refused.is_err(), "{statement}");
    }
    let (all, total) = audit::list(&mut conn, None, ALL).await?;
    assert_eq!((all.len(), total), (2, 2));
    assert_eq!(all[0].action, "policy.changed", "newest first");
    let (some, total) = audit::list(&mut conn, Some("waiver.granted"), ALL).await?;
    assert_eq!((some.len(), total), (1, 1));
    assert_eq!(some[0].vendor.as_deref(), Some("acme"));
    let actions = audit::actions(&mut conn).await?;
    assert_eq!(actions, ["policy.changed", "waiver.granted"]);
    Ok(())
}

#[sqlx::test(migrator = "crate::MIGRATOR")]
async fn a_policy_comes_back_as_it_was_set(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = pool.acquire().await?;
    let acme = vendor(&mut conn, "acme").await?;
    let before = policies::of_vendor(&mut conn, acme).await?;
    assert_eq!(before, Demands::default());
    let demands = Demands {
        secure_boot: Some(true),
        companions: Some(vec!["acme-*".to_owned()]),
        ..Demands::default()
    };
    policies::set_vendor(&mut conn, acme, &demands).await?;
    assert_eq!(policies::of_vendor(&mut conn, acme).await?, demands);
    Ok(())
}
