//! Databases that are older than the newest migration, in every state they have been in: whatever
//! was applied first, they end as a new one begins.

use super::NOW;
use crate::{MIGRATOR, PgConnection, PgPool, Viewer, kernels, verdicts};
use serde_json::json;
use sqlx::migrate::{Migration, Migrator};
use sqlx::{Connection as _, Row as _};
use uuid::Uuid;

/// The last migration of the first days, when there were kernels and packages but no embargoes.
const FIRST_DAYS: i64 = 5;
/// Sources of kernels, and embargoes: the later one was applied first where both were developed.
const SOURCES: i64 = 7;
const EMBARGO: i64 = 8;

/// What a catalogue says of all tables, one line for each thing.
const SCHEMA: &str = "
    SELECT concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default,
                     identity_generation) AS line
        FROM information_schema.columns WHERE table_schema = current_schema()
    UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()
    UNION ALL SELECT pg_get_triggerdef(t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
    UNION ALL SELECT pg_get_functiondef(oid)
        FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
    UNION ALL SELECT concat_ws(' ', viewname, definition) FROM pg_views
        WHERE schemaname = current_schema()
    ORDER BY 1";

#[sqlx::test(migrations = false)]
async fn every_old_database_becomes_a_new_one(pool: PgPool) -> sqlx::Result<()> {
    let all: Vec<i64> = MIGRATOR.iter().map(|migration| migration.version).collect();
    let fresh = schema_after(&pool, "fresh", &[]).await?;
    assert!(fresh.len() > 100, "{} lines", fresh.len());
    for (place, last) in all.iter().enumerate() {
        let name = format!("up_to_{last}");
        let then = &all[..=place];
        assert_eq!(schema_after(&pool, &name, then).await?, fresh, "{name}");
    }
    let out_of_order: Vec<i64> = all
        .iter()
        .copied()
        .filter(|v| *v <= EMBARGO && *v != SOURCES)
        .collect();
    assert_eq!(
        schema_after(&pool, "out_of_order", &out_of_order).await?,
        fresh
    );
    Ok(())
}

/// The lines of a schema of its own, after these migrations and then all others.
async fn schema_after(pool: &PgPool, schema: &str, first: &[i64]) -> sqlx::Result<Vec<String>> {
    let mut conn = enter(pool, schema).await?;
    if !first.is_empty() {
        only(|version| first.contains(&version))
            .run(&mut conn)
            .await?;
    }
    MIGRATOR.run(&mut conn).await?;
    let rows = sqlx::query(SCHEMA).fetch_all(&mut conn).await?;
    let lines = rows.iter().map(|row| row.get::<String, _>("line"));
    // Some definitions name the schema.
    let lines = lines.map(|line| line.replace(&format!("{schema}."), ""));
    let lines = lines.collect();
    conn.close().await?;
    Ok(lines)
}

async fn enter(pool: &PgPool, schema: &str) -> sqlx::Result<PgConnection> {
    let options = pool.connect_options();
    let options = options.as_ref().clone().options([("search_path", schema)]);
    let mut conn = PgConnection::connect_with(&options).await?;
    let make = format!("CREATE SCHEMA {schema}");
    sqlx::query(sqlx::AssertSqlSafe(make))
        .execute(&mut conn)
        .await?;
    Ok(conn)
}

fn only(is_wanted: impl Fn(i64) -> bool) -> Migrator {
    let wanted = MIGRATOR
        .iter()
        .filter(|migration| is_wanted(migration.version));
    let wanted: Vec<Migration> = wanted.cloned().collect();
    Migrator::with_migrations(wanted)
}

/// Whichever of the two comes first, what was registered before them keeps its meaning.
#[sqlx::test(migrations = false)]
async fn old_kernels_keep_their_meaning(pool: PgPool) -> sqlx::Result<()> {
    for (schema, first) in [("in_order", SOURCES), ("the_later_first", EMBARGO)] {
        let mut conn = enter(&pool, schema).await?;
        only(|version| version <= FIRST_DAYS).run(&mut conn).await?;
        let [old, respin, preview] = old_kernels(&mut conn).await?;
        only(|version| version <= FIRST_DAYS + 1 || version == first)
            .run(&mut conn)
            .await?;
        MIGRATOR.run(&mut conn).await?;
        for (id, revision) in [(old, 1), (respin, 2), (preview, 1)] {
            let kernel = kernels::by_id(&mut conn, Viewer::Distributor, id).await?;
            let kernel = kernel.expect("it is there");
            assert_eq!(kernel.revision, revision, "{schema}");
            assert_eq!(kernel.is_embargoed(), id == preview, "{schema}");
        }
        // Released ones are everybody's; previews were every vendor's.
        let vendor = sqlx::query("SELECT id FROM vendors")
            .fetch_one(&mut conn)
            .await?;
        for (viewer, sees_preview) in [
            (Viewer::Public, false),
            (Viewer::Vendor(vendor.get("id")), true),
        ] {
            let seen = kernels::by_id(&mut conn, viewer, old).await?;
            assert!(seen.is_some(), "{schema}");
            let seen = kernels::by_id(&mut conn, viewer, preview).await?;
            assert_eq!(seen.is_some(), sees_preview, "{schema}");
        }
        conn.close().await?;
    }
    Ok(())
}

/// Two ABIs of one release, and a preview.
async fn old_kernels(conn: &mut PgConnection) -> sqlx::Result<[Uuid; 3]> {
    sqlx::query(
        "INSERT INTO vendors (name, display_name, email, created_at)
         VALUES ('acme', 'Acme', 'kernel@acme.example', $1)",
    )
    .bind(NOW)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO products (name, display_name, family, arches, flavors, channels,
                               default_channel, created_at)
         VALUES ('sle', 'SLE', 'suse', '{x86_64}', '{default}', '{stable}', 'stable', $1)",
    )
    .bind(NOW)
    .execute(&mut *conn)
    .await?;
    let mut ids = [Uuid::nil(); 3];
    let kernels = [
        ("1-default", "released"),
        ("1-default", "released"),
        ("2-default", "preview"),
    ];
    for (place, (release, status)) in kernels.into_iter().enumerate() {
        ids[place] = Uuid::now_v7();
        sqlx::query(
            "INSERT INTO kernels (id, product_id, arch, flavor, release, status, content_hash,
                                  modversions, symbol_count, symvers, created_at)
             SELECT $1, id, 'x86_64', 'default', $2, $3, $4, true, 0, '', $5 FROM products",
        )
        .bind(ids[place])
        .bind(release)
        .bind(status)
        .bind(vec![place as u8; 32])
        .bind(NOW + time::Duration::days(place as i64))
        .execute(&mut *conn)
        .await?;
    }
    Ok(ids)
}

/// The last migration after which reasons were JSON.
const JSON_REASONS: i64 = 15;

#[sqlx::test(migrations = false)]
async fn reasons_of_before_are_read(pool: PgPool) -> sqlx::Result<()> {
    let mut conn = enter(&pool, "reasons").await?;
    only(|version| version <= FIRST_DAYS).run(&mut conn).await?;
    let [kernel, ..] = old_kernels(&mut conn).await?;
    only(|version| version <= JSON_REASONS)
        .run(&mut conn)
        .await?;
    let vendor = sqlx::query("SELECT id FROM vendors")
        .fetch_one(&mut conn)
        .await?
        .get("id");
    let package = super::received(&mut conn, vendor, 1).await?;
    let modules = json!([{
        "module": "acme",
        "verdict": "incompatible",
        "reasons": [{
            "code": "crc-mismatch",
            "severity": "fatal",
            "symbol": "printk",
            "expected": "0x00000001",
            "found": "0x92997ed8",
            "provider": "vmlinux",
        }],
        "needed_total": 2,
        "needed_ok": 1,
    }]);
    sqlx::query(
        "INSERT INTO verdicts (package_id, kernel_id, verdict, modules_total, modules_load,
                               reasons_total, modules, judged_at)
         VALUES ($1, $2, 'incompatible', 1, 0, 1, $3, $4)",
    )
    .bind(package)
    .bind(kernel)
    .bind(&modules)
    .bind(NOW)
    .execute(&mut conn)
    .await?;
    MIGRATOR.run(&mut conn).await?;
    let told = verdicts::of_package(&mut conn, Viewer::Distributor, package).await?;
    assert_eq!(json!(told[0].modules), modules);
    // Judged again, they are kept as reasons are kept today, and say the same.
    let judged = verdicts::Judged {
        package_id: package,
        kernel_id: kernel,
        brief: verdicts::Brief {
            verdict: told[0].verdict,
            totals: told[0].totals,
            modules: told[0].modules.clone(),
        },
    };
    verdicts::save(&mut conn, &[judged], NOW).await?;
    let told = verdicts::of_package(&mut conn, Viewer::Distributor, package).await?;
    assert_eq!(json!(told[0].modules), modules);
    let kept: Vec<u8> = sqlx::query("SELECT reasons FROM verdicts")
        .fetch_one(&mut conn)
        .await?
        .get("reasons");
    assert_eq!(kept[0], 1, "packed");
    conn.close().await
}
