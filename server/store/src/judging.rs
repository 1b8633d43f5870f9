//! What judging reads: packages packed for the judge's index, the needs their bytes name, and which
//! packages and kernels changed since somebody looked.
//!
//! An index in memory is a cache of this. It belongs to a [`Group`]: packages and kernels that are
//! judged together.

use crate::{PgConnection, packages};
use kabi::index::{self, Need, NeedId, NeedKind};
use kmod::{Crc, Module};
use std::collections::HashMap;
use uuid::Uuid;

/// Names are cut here, in bytes: no kernel exports longer ones (`KSYM_NAME_LEN` is 512), and an
/// index of the database takes no much longer ones.
const LONGEST_NAME: usize = 1024;
/// Needs without a version.
const NO_CRC: i64 = -1;

/// Packages and kernels that are judged together.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Group {
    pub product_id: i64,
    pub arch: String,
    pub flavor: String,
    /// Kernels under embargo, on which packages count, too, that are held back for such a kernel.
    pub is_embargoed: bool,
}

impl Group {
    /// Judging the same packages is done by one at a time: what to give to [`crate::lock`].
    #[must_use]
    pub fn subject(&self) -> String {
        let Self {
            product_id,
            arch,
            flavor,
            ..
        } = self;
        format!("judge:{product_id}:{arch}:{flavor}")
    }

    /// The group of a kernel.
    #[must_use]
    pub fn of(kernel: &crate::kernels::Kernel) -> Self {
        Self {
            product_id: kernel.product_id,
            arch: kernel.arch.clone(),
            flavor: kernel.flavor.clone(),
            is_embargoed: kernel.is_embargoed(),
        }
    }
}

/// A moment of the database: all that committed before it has been seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment(i64);

impl Moment {
    /// The oldest transaction that had not ended then.
    pub(crate) fn number(self) -> i64 {
        self.0
    }
}

/// The present moment. What is read after this call and nothing else is certain to be newer.
pub async fn moment(conn: &mut PgConnection) -> sqlx::Result<Moment> {
    let oldest = sqlx::query_scalar!(
        r#"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "oldest!""#
    )
    .fetch_one(conn)
    .await?;
    Ok(Moment(oldest))
}

/// A package of a group, or one that left it.
#[derive(Clone, Debug)]
pub struct Packed {
    pub id: Uuid,
    pub name: String,
    /// It counts: others may use its symbols, and it has verdicts.
    pub counts: bool,
    /// `None`: not packed yet.
    pub packed: Option<Vec<u8>>,
}

/// Packages of a group that changed since that moment, also those that left it; without a moment,
/// all that count.
pub async fn changed_packages(
    conn: &mut PgConnection,
    group: &Group,
    since: Option<Moment>,
) -> sqlx::Result<Vec<Packed>> {
    sqlx::query_as!(
        Packed,
        r#"SELECT id AS "id!", name AS "name!", counts AS "counts!", packed AS "packed?"
           FROM (SELECT p.id, p.name, q.packed,
                        p.state IN ('accepted', 'published')
                        AND ($4 OR p.held_for IS NULL OR p.held_for IN (
                            SELECT id FROM visible_kernels(false, NULL)))
                        AND EXISTS (SELECT 1 FROM placements l
                                    WHERE l.package_id = p.id AND l.product_id = $1) AS counts
                 FROM packages p LEFT JOIN packed_packages q ON q.package_id = p.id
                 WHERE p.arch = $2 AND p.flavor = $3 AND p.name IS NOT NULL
                   AND ($5::bigint IS NULL OR p.changed >= $5::bigint::text::xid8)) AS found
           WHERE counts OR $5::bigint IS NOT NULL"#,
        group.product_id,
        group.arch,
        group.flavor,
        group.is_embargoed,
        since.map(|m| m.0),
    )
    .fetch_all(conn)
    .await
}

/// Kernels of a group's product, architecture and flavor that changed since that moment.
pub async fn changed_kernels_for_judging(
    conn: &mut PgConnection,
    group: &Group,
    since: Moment,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM kernels
         WHERE product_id = $1 AND arch = $2 AND flavor = $3 AND changed >= $4::bigint::text::xid8",
        group.product_id,
        group.arch,
        group.flavor,
        since.0,
    )
    .fetch_all(conn)
    .await
}

/// The kernels of a group.
pub async fn kernels_for_judging(
    conn: &mut PgConnection,
    group: &Group,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "SELECT id FROM kernels
         WHERE product_id = $1 AND arch = $2 AND flavor = $3 AND (released_at IS NULL) = $4",
        group.product_id,
        group.arch,
        group.flavor,
        group.is_embargoed,
    )
    .fetch_all(conn)
    .await
}

/// The package by itself, whatever its state; `None`: it was never read.
pub async fn package(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Packed>> {
    sqlx::query_as!(
        Packed,
        r#"SELECT p.id, p.name AS "name!", false AS "counts!", q.packed AS "packed?"
           FROM packages p LEFT JOIN packed_packages q ON q.package_id = p.id
           WHERE p.id = $1 AND p.name IS NOT NULL"#,
        id,
    )
    .fetch_optional(conn)
    .await
}

/// What these numbers mean. A number that the database did not give is left out.
pub async fn needs(conn: &mut PgConnection, ids: &[NeedId]) -> sqlx::Result<Vec<(NeedId, Need)>> {
    let ids: Vec<i32> = ids.iter().filter_map(|id| id.0.try_into().ok()).collect();
    let rows = sqlx::query!(
        "SELECT id, symbol, crc, kind FROM needs WHERE id = ANY ($1)",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    let mut needs = Vec::with_capacity(rows.len());
    for row in rows {
        let kind = NeedKind::from_bits(row.kind.into());
        let need = Need {
            symbol: row.symbol,
            crc: u32::try_from(row.crc).ok().map(Crc),
            kind: kind.map_err(|error| sqlx::Error::Decode(error.into()))?,
        };
        needs.push((NeedId(row.id.cast_unsigned()), need));
    }
    Ok(needs)
}

/// Packs a package from what is stored of its modules: one that was accepted before packages were
/// packed, or that another version of this program packed.
pub async fn pack_stored(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<u8>> {
    let modules = packages::modules(conn, id).await?;
    pack(conn, id, &modules).await
}

/// Packs a package's modules (with their paths) and keeps the bytes; needs get numbers where they
/// have none.
pub async fn pack(
    conn: &mut PgConnection,
    id: Uuid,
    modules: &[(String, Module)],
) -> sqlx::Result<Vec<u8>> {
    let mut modules: Vec<_> = modules.iter().collect();
    modules.sort_unstable_by_key(|(path, _)| path);
    let modules: Vec<Module> = modules.into_iter().map(|(_, m)| m.clone()).collect();
    let numbers = number(conn, &Need::all_of(&modules)).await?;
    let number_of = |need: &Need| {
        let number = numbers.get(&storable(need)).copied();
        number.ok_or_else(|| sqlx::Error::Protocol(format!("`{}` got no number", need.symbol)))
    };
    let packed = index::pack(&modules, number_of)?;
    sqlx::query!(
        "INSERT INTO packed_packages (package_id, packed) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT packed_packages_pkey DO UPDATE SET packed = excluded.packed",
        id,
        packed,
    )
    .execute(conn)
    .await?;
    Ok(packed)
}

/// A need as the database holds it.
fn storable(need: &Need) -> Need {
    let mut symbol = need.symbol.replace('\0', "\u{fffd}");
    symbol.truncate(symbol.floor_char_boundary(LONGEST_NAME));
    Need { symbol, ..*need }
}

/// The numbers of these needs, old or new.
async fn number(conn: &mut PgConnection, needs: &[Need]) -> sqlx::Result<HashMap<Need, NeedId>> {
    let needs: Vec<Need> = needs.iter().map(storable).collect();
    let symbols: Vec<String> = needs.iter().map(|n| n.symbol.clone()).collect();
    let crcs: Vec<i64> = needs
        .iter()
        .map(|n| n.crc.map_or(NO_CRC, |crc| crc.0.into()))
        .collect();
    let kinds: Vec<i16> = needs.iter().map(|n| n.kind.bits().into()).collect();
    // In one order, so that two packages at a time wait for each other and never cross. What is
    // there already is left out first: every attempt to insert uses up a number.
    sqlx::query!(
        r#"INSERT INTO needs (symbol, crc, kind)
           SELECT DISTINCT w.symbol COLLATE "C", w.crc, w.kind
           FROM unnest($1::text[], $2::bigint[], $3::smallint[]) AS w (symbol, crc, kind)
           WHERE NOT EXISTS (SELECT 1 FROM needs n
                             WHERE n.symbol = w.symbol AND n.crc = w.crc AND n.kind = w.kind)
           ORDER BY 1, 2, 3
           ON CONFLICT DO NOTHING"#,
        &symbols,
        &crcs,
        &kinds,
    )
    .execute(&mut *conn)
    .await?;
    let rows = sqlx::query!(
        r#"SELECT n.id, w.place AS "place!"
           FROM unnest($1::text[], $2::bigint[], $3::smallint[]) WITH ORDINALITY
                AS w (symbol, crc, kind, place)
           JOIN needs n ON n.symbol = w.symbol AND n.crc = w.crc AND n.kind = w.kind"#,
        &symbols,
        &crcs,
        &kinds,
    )
    .fetch_all(conn)
    .await?;
    let numbered = rows.into_iter().filter_map(|r| {
        let need = needs.get(usize::try_from(r.place).ok()?.checked_sub(1)?)?;
        Some((need.clone(), NeedId(r.id.cast_unsigned())))
    });
    Ok(numbered.collect())
}
