//! Verdicts: package × kernel, with the reasons per module.

use crate::{PgConnection, Time, Viewer};
use kabi::{ModuleVerdict, PackageVerdict, Verdict};
use serde_json::Value;
use sqlx::types::Json;
use time::Date;
use uuid::Uuid;

/// Reads the database's word; what no version of this program wrote is not known.
pub(crate) fn parse(word: &str) -> Verdict {
    let named = Verdict::ALL.into_iter().find(|v| v.as_str() == word);
    named.unwrap_or(Verdict::Indeterminate)
}

/// Stores the verdicts of one kernel over these packages, in one statement. Equal ones stay.
pub async fn save(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    verdicts: &[(Uuid, PackageVerdict)],
    now: Time,
) -> sqlx::Result<()> {
    let packages: Vec<Uuid> = verdicts.iter().map(|(id, _)| *id).collect();
    let words: Vec<String> = verdicts
        .iter()
        .map(|(_, v)| v.verdict.as_str().to_owned())
        .collect();
    let modules: Vec<Value> = verdicts
        .iter()
        .map(|(_, v)| crate::packages::storable(&v.modules))
        .collect();
    sqlx::query!(
        "INSERT INTO verdicts (package_id, kernel_id, verdict, modules, judged_at)
         SELECT package_id, $1, verdict, modules, $5
         FROM unnest($2::uuid[], $3::text[], $4::jsonb[]) AS v (package_id, verdict, modules)
         ON CONFLICT ON CONSTRAINT verdicts_pkey DO UPDATE SET
             verdict = excluded.verdict, modules = excluded.modules, judged_at = excluded.judged_at
         WHERE verdicts.verdict <> excluded.verdict OR verdicts.modules <> excluded.modules",
        kernel_id,
        &packages,
        &words,
        &modules,
        now,
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
            modules: r.modules.0,
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
    pub modules: Vec<ModuleVerdict>,
    /// It loads on some other kernel that is not retired, and that both its vendor and the viewer
    /// know.
    pub loads_elsewhere: bool,
}

/// Verdicts on a kernel that the viewer may see, of every published package and the viewer's own
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
                  v.modules AS "modules: Json<Vec<ModuleVerdict>>",
                  EXISTS (SELECT 1 FROM verdicts o JOIN kernels k ON k.id = o.kernel_id
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
            modules: r.modules.0,
            loads_elsewhere: r.loads_elsewhere,
        })
        .collect())
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
