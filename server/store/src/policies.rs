//! What owners of products demand of packages, what distributors demand of a vendor's, and the
//! certificates that vendors sign their modules by.

use crate::PgConnection;
use inspect::{Demands, KitCertificate};
use kmod::Certificate;
use sqlx::types::Json;
use uuid::Uuid;

pub async fn of_product(conn: &mut PgConnection, id: i64) -> sqlx::Result<Demands> {
    let policy = sqlx::query_scalar!(
        r#"SELECT policy AS "policy: Json<Demands>" FROM products WHERE id = $1"#,
        id,
    )
    .fetch_one(conn)
    .await?;
    Ok(policy.0)
}

pub async fn of_vendor(conn: &mut PgConnection, id: i64) -> sqlx::Result<Demands> {
    let policy = sqlx::query_scalar!(
        r#"SELECT policy AS "policy: Json<Demands>" FROM vendors WHERE id = $1"#,
        id,
    )
    .fetch_one(conn)
    .await?;
    Ok(policy.0)
}

/// Replaces what a product demands.
pub async fn set_product(conn: &mut PgConnection, id: i64, policy: &Demands) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE products SET policy = $2 WHERE id = $1",
        id,
        Json(policy) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces what is demanded of a vendor.
pub async fn set_vendor(conn: &mut PgConnection, id: i64, policy: &Demands) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE vendors SET policy = $2 WHERE id = $1",
        id,
        Json(policy) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Certificates in packages of the vendor that are accepted or published, each with its package.
pub async fn module_certificates(
    conn: &mut PgConnection,
    vendor_id: i64,
) -> sqlx::Result<Vec<KitCertificate>> {
    let rows = sqlx::query!(
        r#"SELECT DISTINCT p.name AS "name!", c.certificate AS "certificate: Json<Certificate>"
           FROM module_certificates c JOIN packages p ON p.id = c.package_id
           WHERE p.vendor_id = $1 AND p.state IN ('accepted', 'published')
           ORDER BY 1, 2"#,
        vendor_id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| KitCertificate {
            package: row.name,
            certificate: row.certificate.0,
        })
        .collect())
}

/// Replaces what is known of the certificates in a package: path and content of each.
pub async fn save_certificates(
    conn: &mut PgConnection,
    package_id: Uuid,
    certificates: &[(String, Certificate)],
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM module_certificates WHERE package_id = $1",
        package_id
    )
    .execute(&mut *conn)
    .await?;
    for (path, certificate) in certificates {
        sqlx::query!(
            "INSERT INTO module_certificates (package_id, path, certificate) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            package_id,
            path,
            crate::packages::storable(certificate),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}
