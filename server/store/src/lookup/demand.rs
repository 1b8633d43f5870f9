//! Devices that were looked for in vain, counted by day.

use crate::PgConnection;
use time::Date;

/// Different devices counted on one day at most: somebody may send numbers at random.
const DEVICES_A_DAY: i64 = 100_000;

/// How often a device was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// `pci:8086:1502`.
    pub device: String,
    pub product: String,
    pub arch: String,
    pub times: i64,
    /// The last day on which it was.
    pub last: Date,
}

/// Adds to what was counted. What is new on a day that has very many is not counted.
pub async fn add_demand(
    conn: &mut PgConnection,
    product_id: i64,
    arch: &str,
    day: Date,
    counts: &[(String, i64)],
) -> sqlx::Result<()> {
    let (devices, times): (Vec<String>, Vec<i64>) = counts.iter().cloned().unzip();
    sqlx::query!(
        "INSERT INTO hardware_demand (product_id, arch, device, day, times)
         SELECT $1, $2, c.device, $3, c.times
         FROM unnest($4::text[], $5::bigint[]) AS c (device, times)
         WHERE (SELECT count(*) FROM hardware_demand d WHERE d.day = $3) < $6
            OR EXISTS (SELECT 1 FROM hardware_demand d
                       WHERE d.device = c.device AND d.product_id = $1 AND d.arch = $2
                         AND d.day = $3)
         ON CONFLICT ON CONSTRAINT hardware_demand_pkey DO UPDATE SET
             times = hardware_demand.times + excluded.times",
        product_id,
        arch,
        day,
        &devices,
        &times,
        DEVICES_A_DAY,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What was looked for most since that day.
pub async fn demand(conn: &mut PgConnection, since: Date, limit: i64) -> sqlx::Result<Vec<Demand>> {
    sqlx::query_as!(
        Demand,
        r#"SELECT d.device, p.name AS product, d.arch, sum(d.times)::bigint AS "times!",
                  max(d.day) AS "last!"
           FROM hardware_demand d JOIN products p ON p.id = d.product_id
           WHERE d.day >= $1
           GROUP BY d.device, p.name, d.arch
           ORDER BY sum(d.times) DESC, d.device, p.name, d.arch
           LIMIT $2"#,
        since,
        limit,
    )
    .fetch_all(conn)
    .await
}

/// How often one device was looked for since that day.
pub async fn demand_of(
    conn: &mut PgConnection,
    device: &str,
    since: Date,
) -> sqlx::Result<Vec<Demand>> {
    sqlx::query_as!(
        Demand,
        r#"SELECT d.device, p.name AS product, d.arch, sum(d.times)::bigint AS "times!",
                  max(d.day) AS "last!"
           FROM hardware_demand d JOIN products p ON p.id = d.product_id
           WHERE d.device = $1 AND d.day >= $2
           GROUP BY d.device, p.name, d.arch
           ORDER BY p.name, d.arch"#,
        device,
        since,
    )
    .fetch_all(conn)
    .await
}

/// Forgets days before this one.
pub async fn forget_demand(conn: &mut PgConnection, before: Date) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM hardware_demand WHERE day < $1", before)
        .execute(conn)
        .await?;
    Ok(())
}
