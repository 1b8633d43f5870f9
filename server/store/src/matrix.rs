//! Packages × kernels: which loads where. Reads no reasons, only the word of each verdict.

use crate::verdicts::parse;
use crate::{Page, PgConnection, Viewer};
use kabi::Verdict;
use time::Date;
use uuid::Uuid;

/// Which packages are rows; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub product_id: Option<i64>,
    pub arch: Option<String>,
    pub flavor: Option<String>,
    pub vendor_id: Option<i64>,
    /// Part of the package name.
    pub name_contains: Option<String>,
    /// With at least one such verdict on one of the kernels.
    pub verdict: Option<Verdict>,
    /// No build of which a newer one, of the same name, architecture and flavor, stands in one of
    /// the same products.
    pub only_newest: bool,
}

/// Which kernels are columns; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    pub product_id: Option<i64>,
    pub arch: Option<String>,
    pub flavor: Option<String>,
    /// Part of the release.
    pub release_contains: Option<String>,
    pub status: Option<String>,
}

/// A kernel that is a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub id: Uuid,
    pub product: String,
    pub arch: String,
    pub flavor: String,
    pub release: String,
    pub status: String,
    pub release_date: Option<Date>,
    /// Only the distributor and the vendors it names may know of it.
    pub is_embargoed: bool,
}

/// A package that is a row.
#[derive(Clone, Debug)]
pub struct Row {
    pub id: Uuid,
    pub vendor: String,
    pub vendor_display_name: String,
    pub name: String,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub flavor: Option<String>,
}

/// Kernels the viewer may see, newest registration first, and how many there are in all.
pub async fn columns(
    conn: &mut PgConnection,
    viewer: Viewer,
    filter: &Columns,
    page: Page,
) -> sqlx::Result<(Vec<Column>, i64)> {
    let (sees_all, own) = viewer.parameters();
    let part = filter
        .release_contains
        .as_deref()
        .map(crate::packages::like_pattern);
    let rows = sqlx::query!(
        r#"SELECT k.id, p.name AS product, k.arch, k.flavor, k.release, k.status, k.release_date,
                  k.released_at IS NULL AS "is_embargoed!", count(*) OVER () AS "total!"
           FROM kernels k JOIN products p ON p.id = k.product_id
           WHERE ($1::bigint IS NULL OR k.product_id = $1)
             AND ($2::text IS NULL OR k.arch = $2)
             AND ($3::text IS NULL OR k.flavor = $3)
             AND ($4::text IS NULL OR k.release ILIKE $4)
             AND ($5::text IS NULL OR k.status = $5)
             AND k.id IN (SELECT id FROM visible_kernels($6, $7))
           ORDER BY k.created_at DESC, k.id DESC
           LIMIT $8 OFFSET $9"#,
        filter.product_id,
        filter.arch,
        filter.flavor,
        part,
        filter.status,
        sees_all,
        own,
        page.limit,
        page.offset,
    )
    .fetch_all(&mut *conn)
    .await?;
    let total = match rows.first() {
        Some(row) => row.total,
        // Beyond the end: the first page knows how many there are.
        None if page.offset > 0 => {
            let first = Page {
                limit: 1,
                offset: 0,
            };
            Box::pin(columns(conn, viewer, filter, first)).await?.1
        }
        None => 0,
    };
    let columns = rows.into_iter().map(|r| Column {
        id: r.id,
        product: r.product,
        arch: r.arch,
        flavor: r.flavor,
        release: r.release,
        status: r.status,
        release_date: r.release_date,
        is_embargoed: r.is_embargoed,
    });
    Ok((columns.collect(), total))
}

/// Published packages and the viewer's own accepted ones, by name and newest build first; and how
/// many there are in all. A filter by verdict looks at these kernels, all of which the viewer must
/// be allowed to see.
pub async fn rows(
    conn: &mut PgConnection,
    viewer: Viewer,
    filter: &Rows,
    kernels: &[Uuid],
    page: Page,
) -> sqlx::Result<(Vec<Row>, i64)> {
    let (sees_all, own) = viewer.parameters();
    let part = filter
        .name_contains
        .as_deref()
        .map(crate::packages::like_pattern);
    let rows = sqlx::query!(
        r#"SELECT p.id, v.name AS vendor, v.display_name, p.name AS "name!", p.epoch,
                  p.version AS "version!", p.release AS "release!", p.arch AS "arch!", p.flavor,
                  count(*) OVER () AS "total!"
           FROM packages p JOIN vendors v ON v.id = p.vendor_id
           WHERE (p.state = 'published' OR (p.state = 'accepted' AND ($1 OR p.vendor_id = $2)))
             AND ($3::bigint IS NULL OR EXISTS (
                 SELECT 1 FROM placements l WHERE l.package_id = p.id AND l.product_id = $3))
             AND ($4::text IS NULL OR p.arch = $4)
             AND ($5::text IS NULL OR p.flavor = $5)
             AND ($6::bigint IS NULL OR p.vendor_id = $6)
             AND ($7::text IS NULL OR p.name ILIKE $7)
             AND ($8::text IS NULL OR p.id IN (
                 SELECT w.package_id FROM verdicts w JOIN kernels k ON k.id = w.kernel_id
                 JOIN packages wp ON wp.id = w.package_id
                 WHERE w.kernel_id = ANY ($9) AND w.verdict = $8
                   AND k.id IN (SELECT id FROM visible_kernels($1, $2))
                   AND ($1 OR k.released_at IS NOT NULL OR wp.vendor_id = $2)))
             AND (NOT $10 OR NOT EXISTS (
                 SELECT 1 FROM packages n
                 WHERE n.name = p.name AND n.arch = p.arch AND n.flavor IS NOT DISTINCT FROM p.flavor
                   AND n.vendor_id = p.vendor_id
                   AND (n.state = 'published'
                        OR (n.state = 'accepted' AND ($1 OR n.vendor_id = $2)))
                   AND (n.created_at, n.id) > (p.created_at, p.id)
                   AND EXISTS (SELECT 1 FROM placements a JOIN placements b
                               ON b.product_id = a.product_id AND b.package_id = p.id
                               WHERE a.package_id = n.id)))
           ORDER BY p.name, p.created_at DESC, p.id DESC
           LIMIT $11 OFFSET $12"#,
        sees_all,
        own,
        filter.product_id,
        filter.arch,
        filter.flavor,
        filter.vendor_id,
        part,
        filter.verdict.map(Verdict::as_str),
        kernels,
        filter.only_newest,
        page.limit,
        page.offset,
    )
    .fetch_all(&mut *conn)
    .await?;
    let total = match rows.first() {
        Some(row) => row.total,
        // As in `columns`.
        None if page.offset > 0 => {
            let first = Page {
                limit: 1,
                offset: 0,
            };
            Box::pin(self::rows(conn, viewer, filter, kernels, first))
                .await?
                .1
        }
        None => 0,
    };
    let rows = rows.into_iter().map(|r| Row {
        id: r.id,
        vendor: r.vendor,
        vendor_display_name: r.display_name,
        name: r.name,
        epoch: r.epoch,
        version: r.version,
        release: r.release,
        arch: r.arch,
        flavor: r.flavor,
    });
    Ok((rows.collect(), total))
}

/// The verdict of one package on one kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub package_id: Uuid,
    pub kernel_id: Uuid,
    pub verdict: Verdict,
}

/// The verdicts of these packages on these kernels, as far as the viewer may see them: of an
/// embargoed kernel a vendor is told about its own packages only. In no order; a pair that was not
/// judged, because product, architecture or flavor differ, has none.
pub async fn cells(
    conn: &mut PgConnection,
    viewer: Viewer,
    packages: &[Uuid],
    kernels: &[Uuid],
) -> sqlx::Result<Vec<Cell>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        "SELECT v.package_id, v.kernel_id, v.verdict
         FROM verdicts v JOIN kernels k ON k.id = v.kernel_id JOIN packages p ON p.id = v.package_id
         WHERE v.package_id = ANY ($1) AND v.kernel_id = ANY ($2)
           AND k.id IN (SELECT id FROM visible_kernels($3, $4))
           AND ($3 OR k.released_at IS NOT NULL OR p.vendor_id = $4)
           AND (p.state = 'published' OR $3 OR p.vendor_id = $4)",
        packages,
        kernels,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await?;
    let cells = rows.into_iter().map(|r| Cell {
        package_id: r.package_id,
        kernel_id: r.kernel_id,
        verdict: parse(&r.verdict),
    });
    Ok(cells.collect())
}

/// How many packages have a verdict on a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelTally {
    pub kernel_id: Uuid,
    pub verdict: Verdict,
    pub packages: i64,
}

/// The verdicts on these kernels, counted: of published packages and the viewer's own accepted ones.
pub async fn tally_of_kernels(
    conn: &mut PgConnection,
    viewer: Viewer,
    kernels: &[Uuid],
) -> sqlx::Result<Vec<KernelTally>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"SELECT v.kernel_id, v.verdict, count(*) AS "packages!"
           FROM verdicts v JOIN kernels k ON k.id = v.kernel_id JOIN packages p ON p.id = v.package_id
           WHERE v.kernel_id = ANY ($1)
             AND k.id IN (SELECT id FROM visible_kernels($2, $3))
             AND ($2 OR k.released_at IS NOT NULL OR p.vendor_id = $3)
             AND (p.state = 'published' OR (p.state = 'accepted' AND ($2 OR p.vendor_id = $3)))
           GROUP BY v.kernel_id, v.verdict"#,
        kernels,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await?;
    let tallies = rows.into_iter().map(|r| KernelTally {
        kernel_id: r.kernel_id,
        verdict: parse(&r.verdict),
        packages: r.packages,
    });
    Ok(tallies.collect())
}

/// On how many kernels that are not retired a package has a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageTally {
    pub package_id: Uuid,
    pub verdict: Verdict,
    pub kernels: i64,
    /// Those of them that are under embargo.
    pub embargoed: Vec<Uuid>,
}

/// The verdicts of these packages on kernels that the viewer may see, counted.
pub async fn tally_of_packages(
    conn: &mut PgConnection,
    viewer: Viewer,
    packages: &[Uuid],
) -> sqlx::Result<Vec<PackageTally>> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"SELECT v.package_id, v.verdict, count(*) AS "kernels!",
                  coalesce(array_agg(k.id) FILTER (WHERE k.released_at IS NULL), '{}')
                      AS "embargoed!"
           FROM verdicts v JOIN kernels k ON k.id = v.kernel_id JOIN packages p ON p.id = v.package_id
           WHERE v.package_id = ANY ($1) AND k.status <> 'retired'
             AND k.id IN (SELECT id FROM visible_kernels($2, $3))
             AND ($2 OR k.released_at IS NOT NULL OR p.vendor_id = $3)
           GROUP BY v.package_id, v.verdict"#,
        packages,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await?;
    let tallies = rows.into_iter().map(|r| PackageTally {
        package_id: r.package_id,
        verdict: parse(&r.verdict),
        kernels: r.kernels,
        embargoed: r.embargoed,
    });
    Ok(tallies.collect())
}
