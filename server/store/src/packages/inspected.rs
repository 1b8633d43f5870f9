//! What an inspection found: facts, modules, hardware patterns, findings.

use crate::PgConnection;
use inspect::Finding;
use kmod::Module;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// What an inspection found out, in the words of the columns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Inspected {
    pub name: String,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub flavor: Option<String>,
    pub kernel_release: Option<String>,
    pub location: String,
    pub summary: String,
    pub license: Option<String>,
    pub rpm_vendor: Option<String>,
    pub signature: Value,
    pub repomd_primary: String,
    pub repomd_filelists: String,
    pub repomd_other: String,
    /// Names of the packages that it cannot stand beside, by its own word (`Conflicts`, `Obsoletes`).
    /// Not a column: only the decision asks for them.
    pub excludes: Vec<String>,
    /// Path in the package, and what was read.
    pub modules: Vec<(String, Module)>,
    /// Module name and pattern.
    pub aliases: Vec<(String, String)>,
    /// Path in the package, and what was read.
    pub certificates: Vec<(String, kmod::Certificate)>,
}

/// Stores what an inspection found, replacing what an earlier one did.
pub async fn save_inspection(
    conn: &mut PgConnection,
    id: Uuid,
    facts: &Inspected,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE packages SET name = $2, epoch = $3, version = $4, release = $5, arch = $6,
             flavor = $7, kernel_release = $8, location = $9, summary = $10, license = $11,
             rpm_vendor = $12, signature = $13, repomd_primary = $14, repomd_filelists = $15,
             repomd_other = $16, rejected_as = NULL
         WHERE id = $1",
        id,
        facts.name,
        facts.epoch,
        facts.version,
        facts.release,
        facts.arch,
        facts.flavor,
        facts.kernel_release,
        facts.location,
        facts.summary,
        facts.license,
        facts.rpm_vendor,
        facts.signature,
        facts.repomd_primary,
        facts.repomd_filelists,
        facts.repomd_other,
    )
    .execute(&mut *conn)
    .await?;
    save_modules(conn, id, &facts.modules).await?;
    save_aliases(conn, id, &facts.aliases).await?;
    crate::policies::save_certificates(conn, id, &facts.certificates).await
}

async fn save_modules(
    conn: &mut PgConnection,
    id: Uuid,
    modules: &[(String, Module)],
) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM modules WHERE package_id = $1", id)
        .execute(&mut *conn)
        .await?;
    let paths: Vec<String> = modules.iter().map(|(path, _)| path.clone()).collect();
    let values: Vec<Value> = modules.iter().map(|(_, module)| storable(module)).collect();
    sqlx::query!(
        "INSERT INTO modules (package_id, path, module)
         SELECT $1, path, module FROM unnest($2::text[], $3::jsonb[]) AS m (path, module)
         ON CONFLICT DO NOTHING",
        id,
        &paths,
        &values,
    )
    .execute(&mut *conn)
    .await?;
    crate::symbols::save_uses(conn, id, modules).await
}

/// JSON that PostgreSQL takes: `jsonb` refuses NUL characters, and a vendor may send some.
pub fn storable(value: &impl serde::Serialize) -> Value {
    fn scrub(value: &mut Value) {
        match value {
            Value::String(s) if s.contains('\0') => *s = s.replace('\0', "\u{fffd}"),
            Value::Array(items) => items.iter_mut().for_each(scrub),
            Value::Object(map) => map.values_mut().for_each(scrub),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(value).unwrap_or(Value::Null);
    scrub(&mut value);
    value
}

async fn save_aliases(
    conn: &mut PgConnection,
    id: Uuid,
    aliases: &[(String, String)],
) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM aliases WHERE package_id = $1", id)
        .execute(&mut *conn)
        .await?;
    let (modules, patterns): (Vec<String>, Vec<String>) = aliases.iter().cloned().unzip();
    sqlx::query!(
        "INSERT INTO aliases (package_id, module, pattern)
         SELECT $1, module, pattern FROM unnest($2::text[], $3::text[]) AS a (module, pattern)
         ON CONFLICT DO NOTHING",
        id,
        &modules,
        &patterns,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces the findings, and the ids of the checks that found nothing.
pub async fn save_findings(
    conn: &mut PgConnection,
    id: Uuid,
    findings: &[Finding],
    passed: &[String],
) -> sqlx::Result<()> {
    sqlx::query!("UPDATE packages SET passed = $2 WHERE id = $1", id, passed)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("DELETE FROM findings WHERE package_id = $1", id)
        .execute(&mut *conn)
        .await?;
    let values: Vec<Value> = findings.iter().map(storable).collect();
    sqlx::query!(
        "INSERT INTO findings (package_id, position, finding)
         SELECT $1, position, finding
         FROM unnest($2::jsonb[]) WITH ORDINALITY AS f (finding, position)",
        id,
        &values,
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn findings(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<Finding>> {
    let rows = sqlx::query_scalar!(
        r#"SELECT finding AS "finding: Json<Finding>" FROM findings
           WHERE package_id = $1 ORDER BY position"#,
        id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|Json(finding)| finding).collect())
}

/// Ids of the checks that looked and found nothing; none when that was not kept yet.
pub async fn passed(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<String>> {
    let passed = sqlx::query_scalar!("SELECT passed FROM packages WHERE id = $1", id)
        .fetch_one(conn)
        .await?;
    Ok(passed.unwrap_or_default())
}

/// Path and facts of each module.
pub async fn modules(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<(String, Module)>> {
    let rows = sqlx::query!(
        r#"SELECT path, module AS "module: Json<Module>" FROM modules
           WHERE package_id = $1 ORDER BY path"#,
        id,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.path, r.module.0)).collect())
}
