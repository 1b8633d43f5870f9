//! Verdicts: package × kernel, with the first reasons.

mod brief;

pub use brief::{Brief, KEPT_REASONS, Totals};

use crate::{PgConnection, Time, Viewer};
use kabi::{ModuleVerdict, Verdict};
use sqlx::types::Json;
use std::collections::HashMap;
use time::Date;
use uuid::Uuid;

/// Reads the database's word; what no version of this program wrote is not known.
pub(crate) fn parse(word: &str) -> Verdict {
    let named = Verdict::ALL.into_iter().find(|v| v.as_str() == word);
    named.unwrap_or(Verdict::Indeterminate)
}

/// A verdict that was made.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    pub package_id: Uuid,
    pub kernel_id: Uuid,
    pub brief: Brief,
}

/// Verdicts stored in one statement.
const AT_ONCE: usize = 5_000;

/// Stores verdicts; equal ones stay as they are.
pub async fn save(conn: &mut PgConnection, verdicts: &[Judged], now: Time) -> sqlx::Result<()> {
    for some in verdicts.chunks(AT_ONCE) {
        save_some(conn, some, now).await?;
    }
    Ok(())
}

async fn save_some(conn: &mut PgConnection, verdicts: &[Judged], now: Time) -> sqlx::Result<()> {
    let packages: Vec<Uuid> = verdicts.iter().map(|v| v.package_id).collect();
    let kernels: Vec<Uuid> = verdicts.iter().map(|v| v.kernel_id).collect();
    let words: Vec<&str> = verdicts.iter().map(|v| v.brief.verdict.as_str()).collect();
    let totals = |of: fn(&Totals) -> i32| -> Vec<i32> {
        verdicts.iter().map(|v| of(&v.brief.totals)).collect()
    };
    let modules: Vec<Option<String>> = verdicts.iter().map(|v| listed(&v.brief)).collect();
    sqlx::query!(
        "INSERT INTO verdicts (package_id, kernel_id, verdict, modules_total, modules_load,
                               reasons_total, modules, judged_at)
         SELECT p, k, v, t, l, r, m::jsonb, $8
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::int[], $6::int[],
                     $7::text[]) AS v (p, k, v, t, l, r, m)
         ON CONFLICT ON CONSTRAINT verdicts_pkey DO UPDATE SET
             verdict = excluded.verdict, modules_total = excluded.modules_total,
             modules_load = excluded.modules_load, reasons_total = excluded.reasons_total,
             modules = excluded.modules, judged_at = excluded.judged_at,
             changed = excluded.changed
         WHERE (verdicts.verdict, verdicts.modules_total, verdicts.modules_load,
                verdicts.reasons_total, verdicts.modules)
               IS DISTINCT FROM
               (excluded.verdict, excluded.modules_total, excluded.modules_load,
                excluded.reasons_total, excluded.modules)",
        &packages,
        &kernels,
        &words as &[&str],
        &totals(|t| t.modules),
        &totals(|t| t.modules_load),
        &totals(|t| t.reasons),
        &modules as &[Option<String>],
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Modules with reasons as JSON, which very many rows have: not by way of a tree of values.
fn listed(brief: &Brief) -> Option<String> {
    if brief.modules.is_empty() {
        return None;
    }
    let text = serde_json::to_string(&brief.modules).unwrap_or_default();
    // `jsonb` refuses these, and a vendor may send some.
    if text.contains("\\u0000") {
        return Some(crate::packages::storable(&brief.modules).to_string());
    }
    Some(text)
}

/// Removes the verdicts on a kernel of packages that do not count there (any more): those held back
/// for another kernel. Withdrawn packages keep theirs.
pub async fn remove_held(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM verdicts v USING packages p
         WHERE v.kernel_id = $1 AND p.id = v.package_id
           AND v.kernel_id IN (SELECT id FROM visible_kernels(false, NULL))
           AND p.held_for IS NOT NULL
           AND p.held_for NOT IN (SELECT id FROM visible_kernels(false, NULL))",
        kernel_id,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A package's verdict on one kernel.
#[derive(Clone, Debug)]
pub struct OnKernel {
    pub kernel_id: Uuid,
    pub product: String,
    pub release: String,
    pub flavor: String,
    pub arch: String,
    pub status: String,
    pub release_date: Option<Date>,
    /// The kernel is not for everybody yet.
    pub is_embargoed: bool,
    pub verdict: Verdict,
    pub totals: Totals,
    /// Modules with reasons, as far as they are kept: see [`Brief`].
    pub modules: Vec<ModuleVerdict>,
}

/// Verdicts of a package on the kernels that the viewer may see, newest kernel first. On an
/// embargoed one, a vendor learns of its own packages only: reasons name the kernel's symbols.
pub async fn of_package(
    conn: &mut PgConnection,
    viewer: Viewer,
    package_id: Uuid,
) -> sqlx::Result<Vec<OnKernel>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"SELECT k.id, p.name AS product, k.release, k.flavor, k.arch, k.status, k.release_date,
                  k.released_at IS NULL AS "is_embargoed!", v.verdict,
                  v.modules_total, v.modules_load, v.reasons_total,
                  v.modules AS "modules: Json<Vec<ModuleVerdict>>"
           FROM verdicts v
           JOIN kernels k ON k.id = v.kernel_id
           JOIN products p ON p.id = k.product_id
           JOIN packages pkg ON pkg.id = v.package_id
           WHERE v.package_id = $1 AND k.id IN (SELECT id FROM visible_kernels($2, $3))
             AND ($2 OR k.released_at IS NOT NULL OR pkg.vendor_id = $3)
           ORDER BY k.created_at DESC, k.id DESC"#,
        package_id,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| OnKernel {
            kernel_id: r.id,
            product: r.product,
            release: r.release,
            flavor: r.flavor,
            arch: r.arch,
            status: r.status,
            release_date: r.release_date,
            is_embargoed: r.is_embargoed,
            verdict: parse(&r.verdict),
            totals: Totals {
                modules: r.modules_total,
                modules_load: r.modules_load,
                reasons: r.reasons_total,
            },
            modules: r.modules.map_or_else(Vec::new, |Json(modules)| modules),
        })
        .collect())
}

/// A published package's verdict on the kernel asked about.
#[derive(Clone, Debug)]
pub struct OfPackage {
    pub package_id: Uuid,
    pub vendor_id: i64,
    pub vendor: String,
    pub vendor_display_name: String,
    pub vendor_email: String,
    pub name: String,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub verdict: Verdict,
    pub totals: Totals,
    /// It does not load here, and does on some other kernel that is not retired, and that both its
    /// vendor and the viewer know.
    pub loads_elsewhere: bool,
}

/// A package that its vendor has to build anew.
#[derive(Clone, Debug)]
pub struct ToRebuild {
    pub package_id: Uuid,
    pub vendor_id: i64,
    pub vendor: String,
    pub vendor_display_name: String,
    pub vendor_email: String,
    pub name: String,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
}

/// Packages on offer that do not load on a kernel although they do on another one in use, that their
/// vendor knows of, and of which no other build loads there. By vendor and name.
pub async fn to_rebuild_for_judging(
    conn: &mut PgConnection,
    kernel_id: Uuid,
) -> sqlx::Result<Vec<ToRebuild>> {
    sqlx::query_as!(
        ToRebuild,
        r#"WITH judged AS MATERIALIZED (
               SELECT p.id, p.name,
                      v.verdict IN ('compatible', 'compatible_with_warnings',
                                    'needs_other_package') AS loads
               FROM verdicts v JOIN packages p ON p.id = v.package_id
               WHERE v.kernel_id = $1 AND p.state IN ('accepted', 'published'))
           SELECT p.id AS package_id, p.vendor_id, ven.name AS vendor,
                  ven.display_name AS vendor_display_name, ven.email AS vendor_email,
                  p.name AS "name!", p.epoch, p.version AS "version!", p.release AS "release!",
                  p.arch AS "arch!"
           FROM judged j
           JOIN packages p ON p.id = j.id
           JOIN vendors ven ON ven.id = p.vendor_id
           WHERE NOT j.loads AND j.name NOT IN (SELECT name FROM judged WHERE loads)
             AND EXISTS (SELECT 1 FROM verdicts o JOIN kernels k ON k.id = o.kernel_id
                         WHERE o.package_id = j.id AND o.kernel_id <> $1
                           AND k.status <> 'retired'
                           AND k.id IN (SELECT id FROM visible_kernels(false, p.vendor_id))
                           AND o.verdict IN ('compatible', 'compatible_with_warnings',
                                             'needs_other_package'))
           ORDER BY ven.name, p.name, p.created_at, p.id"#,
        kernel_id,
    )
    .fetch_all(conn)
    .await
}

/// Verdicts without reasons on a kernel that the viewer may see, of every published package and the viewer's own
/// accepted ones. Of an embargoed kernel a vendor is told about its own packages only.
pub async fn on_kernel(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
) -> sqlx::Result<Vec<OfPackage>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"SELECT p.id, p.vendor_id, ven.name AS vendor, ven.display_name, ven.email,
                  p.name AS "name!", p.epoch, p.version AS "version!", p.release AS "release!",
                  p.arch AS "arch!", v.verdict,
                  v.modules_total, v.modules_load, v.reasons_total,
                  v.verdict NOT IN ('compatible', 'compatible_with_warnings',
                                    'needs_other_package')
                  AND EXISTS (SELECT 1 FROM verdicts o JOIN kernels k ON k.id = o.kernel_id
                          WHERE o.package_id = p.id AND o.kernel_id <> $1
                            AND k.status <> 'retired'
                            AND k.id IN (SELECT id FROM visible_kernels($2, $3))
                            AND k.id IN (SELECT id FROM visible_kernels(false, p.vendor_id))
                            AND o.verdict IN ('compatible', 'compatible_with_warnings',
                                              'needs_other_package')) AS "loads_elsewhere!"
           FROM verdicts v
           JOIN kernels on_kernel ON on_kernel.id = v.kernel_id
           JOIN packages p ON p.id = v.package_id
           JOIN vendors ven ON ven.id = p.vendor_id
           WHERE v.kernel_id = $1 AND p.state IN ('accepted', 'published')
             AND v.kernel_id IN (SELECT id FROM visible_kernels($2, $3))
             AND ($2 OR p.vendor_id = $3
                  OR (p.state = 'published' AND on_kernel.released_at IS NOT NULL))
           ORDER BY ven.name, p.name, p.created_at, p.id"#,
        kernel_id,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| OfPackage {
            package_id: r.id,
            vendor_id: r.vendor_id,
            vendor: r.vendor,
            vendor_display_name: r.display_name,
            vendor_email: r.email,
            name: r.name,
            epoch: r.epoch,
            version: r.version,
            release: r.release,
            arch: r.arch,
            verdict: parse(&r.verdict),
            totals: Totals {
                modules: r.modules_total,
                modules_load: r.modules_load,
                reasons: r.reasons_total,
            },
            loads_elsewhere: r.loads_elsewhere,
        })
        .collect())
}

/// What a kernel does to packages, counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rebuilds {
    /// Packages with a verdict.
    pub packages: i64,
    /// Those of them that do not load there, do elsewhere, and that no other build mends.
    pub to_rebuild: i64,
    /// Vendors of those.
    pub vendors: i64,
}

/// What a kernel that the viewer may see does to the packages of [`on_kernel`].
pub async fn rebuilds_on(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
) -> sqlx::Result<Rebuilds> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_as!(
        Rebuilds,
        r#"WITH judged AS MATERIALIZED (
               SELECT p.id, p.name, p.vendor_id,
                      v.verdict IN ('compatible', 'compatible_with_warnings',
                                    'needs_other_package') AS loads
               FROM verdicts v
               JOIN kernels on_kernel ON on_kernel.id = v.kernel_id
               JOIN packages p ON p.id = v.package_id
               WHERE v.kernel_id = $1 AND p.state IN ('accepted', 'published')
                 AND v.kernel_id IN (SELECT id FROM visible_kernels($2, $3))
                 AND ($2 OR p.vendor_id = $3
                      OR (p.state = 'published' AND on_kernel.released_at IS NOT NULL))),
           breaks AS (
               SELECT j.vendor_id FROM judged j
               WHERE NOT j.loads AND j.name NOT IN (SELECT name FROM judged WHERE loads)
                 AND EXISTS (SELECT 1 FROM verdicts o JOIN kernels k ON k.id = o.kernel_id
                             WHERE o.package_id = j.id AND o.kernel_id <> $1
                               AND k.status <> 'retired'
                               AND k.id IN (SELECT id FROM visible_kernels($2, $3))
                               AND k.id IN (SELECT id FROM visible_kernels(false, j.vendor_id))
                               AND o.verdict IN ('compatible', 'compatible_with_warnings',
                                                 'needs_other_package')))
           SELECT (SELECT count(*) FROM judged) AS "packages!", count(*) AS "to_rebuild!",
                  count(DISTINCT vendor_id) AS "vendors!"
           FROM breaks"#,
        kernel_id,
        sees_all,
        own,
    )
    .fetch_one(conn)
    .await
}

/// What is kept of the reasons of these packages on a kernel, by package: see [`Brief`]. Those that
/// the viewer may not see, and those without reasons, are left out.
pub async fn kept_reasons(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
    packages: &[Uuid],
) -> sqlx::Result<HashMap<Uuid, Vec<ModuleVerdict>>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"SELECT v.package_id, v.modules AS "modules!: Json<Vec<ModuleVerdict>>"
           FROM verdicts v
           JOIN kernels on_kernel ON on_kernel.id = v.kernel_id
           JOIN packages p ON p.id = v.package_id
           WHERE v.kernel_id = $1 AND v.package_id = ANY ($4) AND v.modules IS NOT NULL
             AND v.kernel_id IN (SELECT id FROM visible_kernels($2, $3))
             AND ($2 OR p.vendor_id = $3
                  OR (p.state = 'published' AND on_kernel.released_at IS NOT NULL))"#,
        kernel_id,
        sees_all,
        own,
        packages,
    )
    .fetch_all(conn)
    .await?;
    let rows = rows.into_iter();
    Ok(rows.map(|r| (r.package_id, r.modules.0)).collect())
}

/// Packages that do not load on an older kernel of the same product, architecture, flavor and ABI,
/// which is in use and which their vendors may know of: on this kernel they do not break anew.
pub async fn broken_on_twins(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT DISTINCT v.package_id
         FROM kernels me
         JOIN kernels twin ON twin.product_id = me.product_id AND twin.arch = me.arch
          AND twin.flavor = me.flavor AND twin.content_hash = me.content_hash
          AND twin.id <> me.id AND twin.created_at < me.created_at
          AND twin.judged_at IS NOT NULL AND twin.status <> 'retired'
         JOIN verdicts v ON v.kernel_id = twin.id
         JOIN packages p ON p.id = v.package_id
         WHERE me.id = $1
           AND v.verdict NOT IN ('compatible', 'compatible_with_warnings', 'needs_other_package')
           AND twin.id IN (SELECT id FROM visible_kernels(false, p.vendor_id))",
        kernel_id,
    )
    .fetch_all(conn)
    .await
}
