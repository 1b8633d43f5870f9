//! Hardware look-ups: everything that an answer needs of published packages, many at once, so that
//! answers come from memory; what kernels drive themselves; and what was looked for in vain.
//!
//! What is read here without a [`Viewer`](crate::Viewer) is what everybody may know.

mod demand;

pub use demand::{Demand, add_demand, demand, demand_of, forget_demand};

use crate::judging::Moment;
use crate::{PgConnection, Time};
use kabi::Verdict;
use kmod::{Certificate, ModuleSignature};
use sqlx::types::Json;
use time::Date;
use uuid::Uuid;

/// A published package. Nothing of it ever changes.
#[derive(Clone, Debug)]
pub struct Driver {
    pub id: Uuid,
    pub vendor_id: i64,
    pub vendor: String,
    pub vendor_display_name: String,
    pub name: String,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub summary: String,
    pub license: Option<String>,
    pub created_at: Time,
}

/// Ids of all published packages, or of those among these.
pub async fn published(conn: &mut PgConnection, of: Option<&[Uuid]>) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM packages
         WHERE state = 'published' AND ($1::uuid[] IS NULL OR id = ANY ($1))",
        of,
    )
    .fetch_all(conn)
    .await
}

/// Packages that were published, withdrawn or placed elsewhere since that moment, or lost verdicts.
pub async fn changed_packages(conn: &mut PgConnection, since: Moment) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM packages WHERE changed >= $1::bigint::text::xid8",
        since.number(),
    )
    .fetch_all(conn)
    .await
}

/// These packages, in the order of their ids.
pub async fn drivers(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Driver>> {
    sqlx::query_as!(
        Driver,
        r#"SELECT p.id, p.vendor_id, v.name AS vendor, v.display_name AS vendor_display_name,
                  p.name AS "name!", p.epoch, p.version AS "version!", p.release AS "release!",
                  p.arch AS "arch!", coalesce(p.summary, '') AS "summary!", p.license, p.created_at
           FROM packages p JOIN vendors v ON v.id = p.vendor_id
           WHERE p.id = ANY ($1)
           ORDER BY p.id"#,
        ids,
    )
    .fetch_all(conn)
    .await
}

/// A hardware pattern of a package.
#[derive(Clone, Debug)]
pub struct Alias {
    pub package_id: Uuid,
    /// Empty: only the package's dependencies name the pattern.
    pub module: String,
    pub pattern: String,
}

/// Every pattern of these packages.
pub async fn aliases(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Alias>> {
    sqlx::query_as!(
        Alias,
        "SELECT package_id, module, pattern FROM aliases WHERE package_id = ANY ($1)
         ORDER BY package_id, module, pattern",
        ids,
    )
    .fetch_all(conn)
    .await
}

/// What a look-up says of a module.
#[derive(Clone, Debug)]
pub struct Module {
    pub package_id: Uuid,
    pub name: String,
    /// All `.modinfo` entries but the aliases, in the file's order.
    pub modinfo: Vec<(String, String)>,
    pub signature: Option<ModuleSignature>,
}

/// The modules of these packages.
pub async fn modules(conn: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<Module>> {
    let rows = sqlx::query!(
        r#"SELECT m.package_id, m.module ->> 'name' AS "name!",
                  (SELECT coalesce(jsonb_agg(entry), '[]')
                   FROM jsonb_array_elements(m.module -> 'modinfo') AS entry
                   WHERE entry ->> 0 IN ('license', 'supported'))
                      AS "modinfo!: Json<Vec<(String, String)>>",
                  m.module -> 'signature' AS "signature: Json<Option<ModuleSignature>>"
           FROM modules m WHERE m.package_id = ANY ($1)
           ORDER BY m.package_id, m.path"#,
        ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Module {
            package_id: row.package_id,
            name: row.name,
            modinfo: row.modinfo.0,
            signature: row.signature.and_then(|it| it.0),
        })
        .collect())
}

/// Where a published package can be had: in the current generation of a repository.
#[derive(Clone, Debug)]
pub struct Shown {
    pub package_id: Uuid,
    pub product_id: i64,
    pub channel: String,
}

/// A repository of a product's channel, and the generation that clients see.
#[derive(Clone, Copy, Debug)]
pub struct Repository {
    pub id: i64,
    pub current: i64,
}

/// All repositories that have been published.
pub async fn repositories(conn: &mut PgConnection) -> sqlx::Result<Vec<Repository>> {
    sqlx::query_as!(
        Repository,
        r#"SELECT id, current AS "current!" FROM repositories
           WHERE current IS NOT NULL AND vendor_id IS NULL"#,
    )
    .fetch_all(conn)
    .await
}

/// Packages that came into a repository or left it after this generation.
pub async fn moved(
    conn: &mut PgConnection,
    repository_id: i64,
    after: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT package_id FROM repository_packages
         WHERE repository_id = $1 AND (added > $2 OR removed > $2)",
        repository_id,
        after,
    )
    .fetch_all(conn)
    .await
}

/// Where all published packages can be had, or these alone.
pub async fn shown(conn: &mut PgConnection, of: Option<&[Uuid]>) -> sqlx::Result<Vec<Shown>> {
    sqlx::query_as!(
        Shown,
        "SELECT DISTINCT rp.package_id, r.product_id, r.channel
         FROM repository_packages rp
         JOIN repositories r ON r.id = rp.repository_id
         JOIN packages p ON p.id = rp.package_id
         JOIN placements l ON l.package_id = rp.package_id AND l.product_id = r.product_id
          AND l.channel = r.channel
         WHERE rp.removed IS NULL AND r.vendor_id IS NULL AND p.state = 'published'
           AND ($1::uuid[] IS NULL OR rp.package_id = ANY ($1))",
        of,
    )
    .fetch_all(conn)
    .await
}

/// A published package on a kernel that everybody may know of.
#[derive(Clone, Copy, Debug)]
pub struct OnKernel {
    pub package_id: Uuid,
    pub kernel_id: Uuid,
    pub verdict: Verdict,
}

/// Which verdicts are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    All,
    Of(&'a [Uuid]),
    On(&'a [Uuid]),
    Since(Moment),
}

/// Public verdicts on published packages: all, those of some packages, on some kernels, or written
/// since some moment.
pub async fn verdicts(conn: &mut PgConnection, which: Which<'_>) -> sqlx::Result<Vec<OnKernel>> {
    let (mut packages, mut kernels, mut since) = (None, None, None);
    match which {
        Which::All => {}
        Which::Of(ids) => packages = Some(ids),
        Which::On(ids) => kernels = Some(ids),
        Which::Since(moment) => since = Some(moment.number()),
    }
    let rows = sqlx::query!(
        "SELECT v.package_id, v.kernel_id, v.verdict
         FROM verdicts v JOIN packages p ON p.id = v.package_id
         WHERE p.state = 'published'
           AND ($1::uuid[] IS NULL OR v.package_id = ANY ($1))
           AND ($2::uuid[] IS NULL OR v.kernel_id = ANY ($2))
           AND ($3::bigint IS NULL OR v.changed >= $3)
           AND v.kernel_id IN (SELECT id FROM visible_kernels(false, NULL))",
        packages,
        kernels,
        since,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OnKernel {
            package_id: row.package_id,
            kernel_id: row.kernel_id,
            verdict: crate::verdicts::parse(&row.verdict),
        })
        .collect())
}

/// When a vendor means to have builds that load on a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub kernel_id: Uuid,
    pub vendor_id: i64,
    pub date: Date,
}

/// What vendors plan for kernels that everybody may know of.
pub async fn plans(conn: &mut PgConnection) -> sqlx::Result<Vec<Plan>> {
    sqlx::query_as!(
        Plan,
        r#"SELECT kernel_id, vendor_id, planned_date AS "date!" FROM kernel_acknowledgements
           WHERE planned_date IS NOT NULL
             AND kernel_id IN (SELECT id FROM visible_kernels(false, NULL))"#,
    )
    .fetch_all(conn)
    .await
}

/// A certificate by which a vendor signs modules, in a package that can be had.
#[derive(Clone, Debug)]
pub struct KitCertificate {
    pub vendor_id: i64,
    pub package_id: Uuid,
    pub package: String,
    /// Where the package puts the file.
    pub path: String,
    pub certificate: Certificate,
}

/// Certificates in published packages.
pub async fn certificates(conn: &mut PgConnection) -> sqlx::Result<Vec<KitCertificate>> {
    let rows = sqlx::query!(
        r#"SELECT p.vendor_id, p.id, p.name AS "name!", c.path,
                  c.certificate AS "certificate: Json<Certificate>"
           FROM module_certificates c JOIN packages p ON p.id = c.package_id
           WHERE p.state = 'published'
           ORDER BY p.created_at DESC, p.id, c.path"#,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| KitCertificate {
            vendor_id: row.vendor_id,
            package_id: row.id,
            package: row.name,
            path: row.path,
            certificate: row.certificate.0,
        })
        .collect())
}

/// Keeps what a kernel drives by itself: lines of module and pattern, zstd.
pub async fn save_kernel_aliases(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    aliases: &[u8],
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO kernel_aliases (kernel_id, aliases) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT kernel_aliases_pkey DO UPDATE SET aliases = $2",
        kernel_id,
        aliases,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was kept; the caller was shown the kernel.
pub async fn kernel_aliases(
    conn: &mut PgConnection,
    kernel_id: Uuid,
) -> sqlx::Result<Option<Vec<u8>>> {
    sqlx::query_scalar!(
        "SELECT aliases FROM kernel_aliases WHERE kernel_id = $1",
        kernel_id
    )
    .fetch_optional(conn)
    .await
}
