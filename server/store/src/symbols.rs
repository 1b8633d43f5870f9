//! Which packages use a symbol. Derived from the modules, so that no list of symbols is read out of
//! every module to answer it.

use crate::{Page, PgConnection, Viewer};
use kmod::{Crc, Module};
use uuid::Uuid;

/// No kernel exports a longer name (`KSYM_NAME_LEN` is 512), and an index takes no much longer ones.
const LONGEST_NAME: usize = 1024;

/// Replaces what is kept of the imports of a package's modules.
pub(crate) async fn save_uses(
    conn: &mut PgConnection,
    package_id: Uuid,
    modules: &[(String, Module)],
) -> sqlx::Result<()> {
    let mut names = Vec::new();
    let mut paths = Vec::new();
    let mut crcs = Vec::new();
    for (path, module) in modules {
        for import in &module.imports {
            if import.symbol.len() <= LONGEST_NAME {
                names.push(import.symbol.replace('\0', "\u{fffd}"));
                paths.push(path.clone());
                crcs.push(import.crc.map(|crc| i64::from(crc.0)));
            }
        }
    }
    sqlx::query!("DELETE FROM symbol_uses WHERE package_id = $1", package_id)
        .execute(&mut *conn)
        .await?;
    // In one order, so that two packages at a time wait for each other and never cross.
    sqlx::query!(
        r#"INSERT INTO symbols (name)
           SELECT DISTINCT n.name COLLATE "C" FROM unnest($1::text[]) AS n (name)
           WHERE NOT EXISTS (SELECT 1 FROM symbols s WHERE s.name = n.name)
           ORDER BY 1
           ON CONFLICT DO NOTHING"#,
        &names,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO symbol_uses (symbol_id, package_id, module, crc)
         SELECT s.id, $1, u.path, u.crc
         FROM unnest($2::text[], $3::text[], $4::bigint[]) AS u (name, path, crc)
         JOIN symbols s ON s.name = u.name
         ON CONFLICT DO NOTHING",
        package_id,
        &names,
        &paths,
        &crcs as &[Option<i64>],
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How much hangs on a symbol: published packages and the viewer's own accepted ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub symbol: String,
    pub packages: i64,
    pub modules: i64,
}

/// Of these symbols, those that somebody uses, with how many do.
pub async fn counts(
    conn: &mut PgConnection,
    viewer: Viewer,
    symbols: &[String],
) -> sqlx::Result<Vec<Count>> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_as!(
        Count,
        r#"SELECT s.name AS symbol, count(DISTINCT u.package_id) AS "packages!",
                  count(*) AS "modules!"
           FROM symbols s
           JOIN symbol_uses u ON u.symbol_id = s.id
           JOIN packages p ON p.id = u.package_id
           WHERE s.name = ANY ($1)
             AND (p.state = 'published' OR (p.state = 'accepted' AND ($2 OR p.vendor_id = $3)))
           GROUP BY s.name"#,
        symbols,
        sees_all,
        own,
    )
    .fetch_all(conn)
    .await
}

/// Symbols whose name contains a text, in name order, that packages the viewer may see use.
pub async fn search(
    conn: &mut PgConnection,
    viewer: Viewer,
    part: &str,
    limit: i64,
) -> sqlx::Result<Vec<String>> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_scalar!(
        "SELECT s.name FROM symbols s
         WHERE s.name ILIKE $1
           AND EXISTS (SELECT 1 FROM symbol_uses u JOIN packages p ON p.id = u.package_id
                       WHERE u.symbol_id = s.id
                         AND (p.state = 'published'
                              OR (p.state = 'accepted' AND ($2 OR p.vendor_id = $3))))
         ORDER BY s.name
         LIMIT $4",
        crate::packages::like_pattern(part),
        sees_all,
        own,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// A module that uses a symbol.
#[derive(Clone, Debug)]
pub struct Use {
    pub package_id: Uuid,
    pub name: String,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub vendor: String,
    /// Path in the package.
    pub module: String,
    /// Version it was built against; `None`: it carries none.
    pub crc: Option<Crc>,
}

/// The modules of published packages, and of the viewer's own accepted ones, that use a symbol, by
/// package name and newest build first; and how many there are in all.
pub async fn uses(
    conn: &mut PgConnection,
    viewer: Viewer,
    symbol: &str,
    page: Page,
) -> sqlx::Result<(Vec<Use>, i64)> {
    let (sees_all, own) = viewer.parameters();
    let all = counts(conn, viewer, &[symbol.to_owned()]).await?;
    let rows = sqlx::query!(
        r#"SELECT p.id, p.name AS "name!", p.epoch, p.version AS "version!",
                  p.release AS "release!", p.arch AS "arch!", v.display_name, u.module, u.crc
           FROM symbols s
           JOIN symbol_uses u ON u.symbol_id = s.id
           JOIN packages p ON p.id = u.package_id
           JOIN vendors v ON v.id = p.vendor_id
           WHERE s.name = $1
             AND (p.state = 'published' OR (p.state = 'accepted' AND ($2 OR p.vendor_id = $3)))
           ORDER BY p.name, p.created_at DESC, p.id, u.module
           LIMIT $4 OFFSET $5"#,
        symbol,
        sees_all,
        own,
        page.limit,
        page.offset,
    )
    .fetch_all(conn)
    .await?;
    let uses = rows.into_iter().map(|r| Use {
        package_id: r.id,
        name: r.name,
        epoch: r.epoch,
        version: r.version,
        release: r.release,
        arch: r.arch,
        vendor: r.display_name,
        module: r.module,
        crc: r.crc.and_then(|n| u32::try_from(n).ok()).map(Crc),
    });
    Ok((uses.collect(), all.first().map_or(0, |c| c.modules)))
}

/// Names of the symbols that a package's modules import, sorted.
pub async fn of_package(conn: &mut PgConnection, package_id: Uuid) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT DISTINCT s.name FROM symbol_uses u JOIN symbols s ON s.id = u.symbol_id
         WHERE u.package_id = $1 ORDER BY s.name",
        package_id,
    )
    .fetch_all(conn)
    .await
}

/// Of an embargoed kernel, a vendor is shown no symbols but these: those that modules of its own
/// accepted, published or withdrawn packages import. Sorted.
pub async fn of_vendor(conn: &mut PgConnection, vendor_id: i64) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar!(
        "SELECT s.name FROM symbols s
         WHERE EXISTS (SELECT 1 FROM symbol_uses u JOIN packages p ON p.id = u.package_id
                       WHERE u.symbol_id = s.id AND p.vendor_id = $1
                         AND p.state IN ('accepted', 'published', 'withdrawn'))
         ORDER BY s.name",
        vendor_id,
    )
    .fetch_all(conn)
    .await
}

/// Whether [`of_vendor`] has this symbol.
pub async fn is_used_by(
    conn: &mut PgConnection,
    vendor_id: i64,
    symbol: &str,
) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM symbols s
                          JOIN symbol_uses u ON u.symbol_id = s.id
                          JOIN packages p ON p.id = u.package_id
                          WHERE s.name = $2 AND p.vendor_id = $1
                            AND p.state IN ('accepted', 'published', 'withdrawn')) AS "used!""#,
        vendor_id,
        symbol,
    )
    .fetch_one(conn)
    .await
}
