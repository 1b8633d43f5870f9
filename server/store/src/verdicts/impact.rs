//! What a kernel does to packages: counted, by vendor, and a part at a time. However many packages
//! there are, no more than a part is read.

use super::{Totals, parse};
use crate::{Page, PgConnection, Viewer};
use kabi::Verdict;
use uuid::Uuid;

/// A package on a kernel.
#[derive(Clone, Debug)]
pub struct OfPackage {
    pub package_id: Uuid,
    pub vendor_id: i64,
    /// Short name.
    pub vendor: String,
    pub vendor_display_name: String,
    pub name: String,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub verdict: Verdict,
    pub totals: Totals,
}

/// A package that does not load on a kernel.
#[derive(Clone, Debug)]
pub struct Broken {
    pub package: OfPackage,
    /// Another build of the same name that does load there.
    pub fixed_by: Option<Uuid>,
    /// It loads on some other kernel that is not retired, and that both its vendor and the viewer
    /// know.
    pub loads_elsewhere: bool,
}

impl Broken {
    /// The vendor has to act: it loads elsewhere today, and nothing replaces it on this kernel.
    #[must_use]
    pub fn needs_rebuild(&self) -> bool {
        self.fixed_by.is_none() && self.loads_elsewhere
    }
}

/// Packages that do not load on a kernel that the viewer may see, by vendor, name and age: a part of
/// them.
pub async fn broken_on(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
    part: Page,
) -> sqlx::Result<Vec<Broken>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"WITH shown AS MATERIALIZED (SELECT * FROM shown_verdicts($1, $2, $3)),
           part AS MATERIALIZED (
               SELECT s.package_id, s.name FROM shown s JOIN vendors ven ON ven.id = s.vendor_id
               WHERE NOT s.loads
               ORDER BY ven.name, s.name, s.created_at, s.package_id
               LIMIT $4 OFFSET $5),
           mending AS (
               SELECT DISTINCT ON (s.name) s.name, s.package_id FROM shown s
               WHERE s.loads AND s.name IN (SELECT name FROM part)
               ORDER BY s.name, s.created_at DESC, s.package_id DESC)
           SELECT p.id, p.vendor_id, ven.name AS vendor, ven.display_name,
                  p.name AS "name!", p.epoch, p.version AS "version!", p.release AS "release!",
                  p.arch AS "arch!", v.verdict,
                  v.modules_total, v.modules_load, v.reasons_total,
                  m.package_id AS "fixed_by?",
                  EXISTS (SELECT 1 FROM verdicts o JOIN kernels k ON k.id = o.kernel_id
                          WHERE o.package_id = p.id AND o.kernel_id <> $1
                            AND k.status <> 'retired'
                            AND k.id IN (SELECT id FROM visible_kernels($2, $3))
                            AND EXISTS (SELECT 1 FROM visible_kernels(false, p.vendor_id) AS known
                                        WHERE known.id = k.id)
                            AND o.verdict IN ('compatible', 'compatible_with_warnings',
                                              'needs_other_package')) AS "loads_elsewhere!"
           FROM part
           JOIN verdicts v ON v.package_id = part.package_id AND v.kernel_id = $1
           JOIN packages p ON p.id = part.package_id
           JOIN vendors ven ON ven.id = p.vendor_id
           LEFT JOIN mending m ON m.name = part.name
           ORDER BY ven.name, p.name, p.created_at, p.id"#,
        kernel_id,
        sees_all,
        own,
        part.limit,
        part.offset,
    )
    .fetch_all(conn)
    .await?;
    let broken = rows.into_iter().map(|r| Broken {
        package: OfPackage {
            package_id: r.id,
            vendor_id: r.vendor_id,
            vendor: r.vendor,
            vendor_display_name: r.display_name,
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
        },
        fixed_by: r.fixed_by,
        loads_elsewhere: r.loads_elsewhere,
    });
    Ok(broken.collect())
}

/// Packages that load on a kernel that the viewer may see, in the same order: a part of them.
pub async fn loading_on(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
    part: Page,
) -> sqlx::Result<Vec<OfPackage>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"SELECT p.id, p.vendor_id, ven.name AS vendor, ven.display_name,
                  p.name AS "name!", p.epoch, p.version AS "version!", p.release AS "release!",
                  p.arch AS "arch!", v.verdict,
                  v.modules_total, v.modules_load, v.reasons_total
           FROM shown_verdicts($1, $2, $3) s
           JOIN verdicts v ON v.package_id = s.package_id AND v.kernel_id = $1
            AND v.kernel_id IN (SELECT id FROM visible_kernels($2, $3))
           JOIN packages p ON p.id = s.package_id
           JOIN vendors ven ON ven.id = p.vendor_id
           WHERE s.loads
           ORDER BY ven.name, p.name, p.created_at, p.id
           LIMIT $4 OFFSET $5"#,
        kernel_id,
        sees_all,
        own,
        part.limit,
        part.offset,
    )
    .fetch_all(conn)
    .await?;
    let loading = rows.into_iter().map(|r| OfPackage {
        package_id: r.id,
        vendor_id: r.vendor_id,
        vendor: r.vendor,
        vendor_display_name: r.display_name,
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
    });
    Ok(loading.collect())
}

/// The packages that do not load on a kernel that the viewer may see, by id.
pub async fn ids_of_broken_on(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
) -> sqlx::Result<Vec<Uuid>> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_scalar!(
        r#"SELECT package_id AS "id!" FROM shown_verdicts($1, $2, $3) WHERE NOT loads"#,
        kernel_id,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await
}

/// What a kernel does to the packages of one vendor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VendorBreaks {
    pub vendor_id: i64,
    /// Short name.
    pub vendor: String,
    /// Packages that do not load there.
    pub broken: i64,
    /// Those of them of which another build loads.
    pub mended: i64,
    /// Those that the vendor has to build anew: see [`Broken::needs_rebuild`].
    pub to_rebuild: i64,
}

/// The vendors with packages that do not load on a kernel that the viewer may see, by name.
pub async fn breaks_by_vendor(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
) -> sqlx::Result<Vec<VendorBreaks>> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_as!(
        VendorBreaks,
        r#"WITH shown AS MATERIALIZED (SELECT * FROM shown_verdicts($1, $2, $3)),
           bad AS (
               SELECT s.vendor_id, s.name IN (SELECT name FROM shown WHERE loads) AS is_mended,
                      EXISTS (SELECT 1 FROM verdicts o JOIN kernels k ON k.id = o.kernel_id
                              WHERE o.package_id = s.package_id AND o.kernel_id <> $1
                                AND k.status <> 'retired'
                                AND k.id IN (SELECT id FROM visible_kernels($2, $3))
                                AND EXISTS (SELECT 1 FROM visible_kernels(false, s.vendor_id) AS known
                                            WHERE known.id = k.id)
                                AND o.verdict IN ('compatible', 'compatible_with_warnings',
                                                  'needs_other_package')) AS loads_elsewhere
               FROM shown s WHERE NOT s.loads)
           SELECT b.vendor_id AS "vendor_id!", ven.name AS vendor, count(*) AS "broken!",
                  count(*) FILTER (WHERE b.is_mended) AS "mended!",
                  count(*) FILTER (WHERE b.loads_elsewhere AND NOT b.is_mended) AS "to_rebuild!"
           FROM bad b JOIN vendors ven ON ven.id = b.vendor_id
           GROUP BY b.vendor_id, ven.name
           ORDER BY ven.name"#,
        kernel_id,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await
}

/// The first packages of a set, and how many there are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Named {
    pub total: u64,
    /// `NAME-[EPOCH:]VERSION-RELEASE.ARCH`, in the order of bytes.
    pub first: Vec<String>,
}

/// The packages that a kernel's vendors have to build anew, each name and version once: all of them,
/// or those that are in one of these channels of the kernel's product.
pub async fn to_rebuild_on(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernel_id: Uuid,
    channels: Option<&[String]>,
    limit: i64,
) -> sqlx::Result<Named> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"WITH shown AS MATERIALIZED (SELECT * FROM shown_verdicts($1, $2, $3)),
           named AS (
               SELECT DISTINCT concat(p.name, '-', p.epoch || ':', p.version, '-', p.release, '.',
                                      p.arch) COLLATE "C" AS name
               FROM shown s JOIN packages p ON p.id = s.package_id
               WHERE NOT s.loads AND s.name NOT IN (SELECT name FROM shown WHERE loads)
                 AND ($4::text[] IS NULL
                      OR EXISTS (SELECT 1 FROM placements l JOIN kernels me ON me.id = $1
                                 WHERE l.package_id = s.package_id
                                   AND l.product_id = me.product_id AND l.channel = ANY ($4)))
                 AND EXISTS (SELECT 1 FROM verdicts o JOIN kernels k ON k.id = o.kernel_id
                             WHERE o.package_id = s.package_id AND o.kernel_id <> $1
                               AND k.status <> 'retired'
                               AND k.id IN (SELECT id FROM visible_kernels($2, $3))
                               AND EXISTS (SELECT 1 FROM visible_kernels(false, s.vendor_id) AS known
                                           WHERE known.id = k.id)
                               AND o.verdict IN ('compatible', 'compatible_with_warnings',
                                                 'needs_other_package')))
           SELECT name AS "name!", count(*) OVER () AS "total!" FROM named ORDER BY name LIMIT $5"#,
        kernel_id,
        sees_all,
        own,
        channels,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(Named {
        total: rows.first().map_or(0, |r| r.total.unsigned_abs()),
        first: rows.into_iter().map(|r| r.name).collect(),
    })
}
