//! What kernels were added up from, and what grows with each part; and what their distributor says
//! of single symbols.

use crate::{PgConnection, Time};
use uuid::Uuid;

/// One source of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// In the words of `kernel_source::Kind`.
    pub kind: String,
    /// The package's name; the file's where it is no package.
    pub name: String,
    /// `version-release` of a package.
    pub build: Option<String>,
    /// NEVRA or file name.
    pub label: String,
    /// Of the whole file.
    pub sha256: Option<Vec<u8>>,
    pub symbols: i32,
    pub modules: i32,
    pub added_at: Time,
}

/// Parts of a kernel, in the order they came.
pub async fn of_kernel(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<Vec<Part>> {
    sqlx::query_as!(
        Part,
        "SELECT kind, name, build, label, sha256, symbols, modules, added_at
         FROM kernel_parts WHERE kernel_id = $1 ORDER BY position",
        kernel_id,
    )
    .fetch_all(conn)
    .await
}

/// Adds a part behind those there are.
pub async fn add(conn: &mut PgConnection, kernel_id: Uuid, part: &Part) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO kernel_parts (kernel_id, position, kind, name, build, label, sha256, symbols,
             modules, added_at)
         VALUES ($1, (SELECT coalesce(max(position), 0) + 1 FROM kernel_parts WHERE kernel_id = $1),
                 $2, $3, $4, $5, $6, $7, $8, $9)",
        kernel_id,
        part.kind,
        part.name,
        part.build,
        part.label,
        part.sha256,
        part.symbols,
        part.modules,
        part.added_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a kernel exports once another part is added up.
#[derive(Clone, Debug)]
pub struct Sum<'a> {
    pub content_hash: &'a [u8],
    pub modversions: bool,
    pub vermagic_tail: Option<&'a str>,
    pub this_module_size: Option<i64>,
    pub symbol_count: i32,
    pub unknown: &'a [String],
    /// Canonical symvers text, zstd.
    pub symvers: &'a [u8],
}

/// Puts the new sum in the place of the old one.
pub async fn add_up(conn: &mut PgConnection, kernel_id: Uuid, sum: &Sum<'_>) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE kernels SET content_hash = $2, modversions = $3, vermagic_tail = $4,
             this_module_size = $5, symbol_count = $6, unknown = $7, symvers = $8
         WHERE id = $1",
        kernel_id,
        sum.content_hash,
        sum.modversions,
        sum.vermagic_tail,
        sum.this_module_size,
        sum.symbol_count,
        sum.unknown,
        sum.symvers,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What a distributor says of single symbols, as the files are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// `kabi/severities`.
    pub severities: Option<String>,
    /// The stable symbols.
    pub stablelist: Option<String>,
}

/// The lists of a kernel, whoever may see it; none for one that is not there.
pub async fn lists_for_judging(conn: &mut PgConnection, kernel_id: Uuid) -> sqlx::Result<Lists> {
    let lists = sqlx::query_as!(
        Lists,
        "SELECT severities, stablelist FROM kernels WHERE id = $1",
        kernel_id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(lists.unwrap_or_default())
}

/// Keeps the lists that are given; an empty text removes one.
pub async fn set_lists(
    conn: &mut PgConnection,
    kernel_id: Uuid,
    lists: &Lists,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE kernels SET
             severities = CASE WHEN $2::text IS NULL THEN severities ELSE nullif($2, '') END,
             stablelist = CASE WHEN $3::text IS NULL THEN stablelist ELSE nullif($3, '') END
         WHERE id = $1",
        kernel_id,
        lists.severities,
        lists.stablelist,
    )
    .execute(conn)
    .await?;
    Ok(())
}
