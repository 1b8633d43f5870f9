//! Packages, from the first byte received to withdrawal: state, facts, findings, placements.

use crate::{Page, PgConnection, Time, channel, notify};
use inspect::Finding;
use kmod::Module;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// Where a package is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All bytes are on disk.
    Received,
    /// A worker reads it.
    Inspecting,
    /// Nothing speaks against it; it waits for its repository.
    Accepted,
    /// Refused; the findings say why.
    Rejected,
    /// Clients see it.
    Published,
    /// Taken back.
    Withdrawn,
}

impl State {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Inspecting => "inspecting",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Published => "published",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads the database's word; an unknown one cannot be stored (`packages_state_known`).
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Received,
            Self::Inspecting,
            Self::Accepted,
            Self::Rejected,
            Self::Published,
            Self::Withdrawn,
        ]
        .into_iter()
        .find(|s| s.as_str() == word)
    }

    /// Neither accepted nor rejected yet.
    #[must_use]
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::Received | Self::Inspecting)
    }
}

impl From<String> for State {
    fn from(word: String) -> Self {
        Self::parse(&word).expect("packages_state_known allows these words only")
    }
}

/// Why a package was rejected, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RejectedAs {
    /// The package itself is not acceptable (HTTP 422).
    Unprocessable,
    /// It contradicts a package that is there (HTTP 409).
    Conflict,
    /// It is not this vendor's to upload (HTTP 403).
    Forbidden,
}

impl RejectedAs {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unprocessable => "unprocessable",
            Self::Conflict => "conflict",
            Self::Forbidden => "forbidden",
        }
    }
}

/// A package as lists and answers show it.
#[derive(Clone, Debug)]
pub struct Package {
    pub id: Uuid,
    pub vendor_id: i64,
    pub vendor: String,
    pub vendor_display_name: String,
    pub sha256: Vec<u8>,
    pub size: i64,
    pub file_name: String,
    pub state: State,
    pub rejected_as: Option<String>,
    pub created_at: Time,
    pub name: Option<String>,
    pub epoch: Option<i64>,
    pub version: Option<String>,
    pub release: Option<String>,
    pub arch: Option<String>,
    pub flavor: Option<String>,
    pub kernel_release: Option<String>,
    pub location: Option<String>,
    pub summary: Option<String>,
    pub license: Option<String>,
    pub signature: Option<Value>,
}

impl Package {
    /// `name-[epoch:]version-release.arch`, once inspected.
    #[must_use]
    pub fn nevra(&self) -> Option<String> {
        let epoch = self.epoch.map_or(String::new(), |e| format!("{e}:"));
        Some(format!(
            "{}-{epoch}{}-{}.{}",
            self.name.as_ref()?,
            self.version.as_ref()?,
            self.release.as_ref()?,
            self.arch.as_ref()?,
        ))
    }
}

/// Where a package goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub product_id: i64,
    pub product: String,
    pub channel: String,
    /// First generation that holds it; `None` until published there.
    pub generation: Option<i64>,
}

/// A change of state.
#[derive(Clone, Debug)]
pub struct Event {
    pub state: State,
    pub reason: String,
    pub at: Time,
}

/// Notes a package whose bytes are safely on disk.
pub async fn insert_received(
    conn: &mut PgConnection,
    vendor_id: i64,
    sha256: &[u8],
    size: i64,
    file_name: &str,
    wanted_channel: Option<&str>,
    now: Time,
) -> sqlx::Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO packages
             (id, vendor_id, sha256, size, file_name, wanted_channel, state, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 'received', $7)",
        id,
        vendor_id,
        sha256,
        size,
        file_name,
        wanted_channel,
        now,
    )
    .execute(&mut *conn)
    .await?;
    log_event(
        conn,
        id,
        State::Received,
        &format!("Received {size} bytes."),
        now,
    )
    .await?;
    Ok(id)
}

/// Takes a rejected package in once more: what was missing, a key perhaps, may be there now.
pub async fn receive_again(
    conn: &mut PgConnection,
    id: Uuid,
    file_name: &str,
    wanted_channel: Option<&str>,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM placements WHERE package_id = $1", id)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "UPDATE packages SET file_name = $2, wanted_channel = $3, rejected_as = NULL WHERE id = $1",
        id,
        file_name,
        wanted_channel,
    )
    .execute(&mut *conn)
    .await?;
    set_state(conn, id, State::Received, "Received again.", now).await
}

/// The channel the uploader asked for without naming a product.
pub async fn wanted_channel(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!("SELECT wanted_channel FROM packages WHERE id = $1", id)
        .fetch_one(conn)
        .await
}

/// Moves a package to a state, with the reason people read, and tells who waits for it.
pub async fn set_state(
    conn: &mut PgConnection,
    id: Uuid,
    state: State,
    reason: &str,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE packages SET state = $2 WHERE id = $1",
        id,
        state.as_str()
    )
    .execute(&mut *conn)
    .await?;
    log_event(conn, id, state, reason, now).await
}

async fn log_event(
    conn: &mut PgConnection,
    id: Uuid,
    state: State,
    reason: &str,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO package_events (package_id, state, reason, at) VALUES ($1, $2, $3, $4)",
        id,
        state.as_str(),
        reason,
        now,
    )
    .execute(&mut *conn)
    .await?;
    notify(conn, channel::PACKAGES, &id.to_string()).await
}

/// Rejects a package.
pub async fn reject(
    conn: &mut PgConnection,
    id: Uuid,
    rejected_as: RejectedAs,
    reason: &str,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE packages SET rejected_as = $2 WHERE id = $1",
        id,
        rejected_as.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    set_state(conn, id, State::Rejected, reason, now).await
}

pub async fn by_id(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Package>> {
    sqlx::query_as!(
        Package,
        "SELECT p.id, p.vendor_id, v.name AS vendor, v.display_name AS vendor_display_name,
                p.sha256, p.size, p.file_name, p.state, p.rejected_as, p.created_at, p.name,
                p.epoch, p.version, p.release, p.arch, p.flavor, p.kernel_release, p.location,
                p.summary, p.license, p.signature
         FROM packages p JOIN vendors v ON v.id = p.vendor_id
         WHERE p.id = $1",
        id,
    )
    .fetch_optional(conn)
    .await
}

/// The vendor's package with these bytes, and its state.
pub async fn by_sha256(
    conn: &mut PgConnection,
    vendor_id: i64,
    sha256: &[u8],
) -> sqlx::Result<Option<(Uuid, State)>> {
    let row = sqlx::query!(
        "SELECT id, state FROM packages WHERE sha256 = $1 AND vendor_id = $2",
        sha256,
        vendor_id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| (r.id, State::from(r.state))))
}

/// Whether some package with these bytes is not rejected: then the file has to stay.
pub async fn is_content_wanted(conn: &mut PgConnection, sha256: &[u8]) -> sqlx::Result<bool> {
    sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT 1 FROM packages
                          WHERE sha256 = $1 AND state <> 'rejected') AS "is_wanted!""#,
        sha256,
    )
    .fetch_one(conn)
    .await
}

/// The package that has this name in the repositories, and its vendor.
pub async fn by_location(
    conn: &mut PgConnection,
    location: &str,
) -> sqlx::Result<Option<(Uuid, i64)>> {
    let row = sqlx::query!(
        "SELECT id, vendor_id FROM packages
         WHERE location = $1 AND state IN ('accepted', 'published', 'withdrawn')",
        location,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| (r.id, r.vendor_id)))
}

/// Another vendor's package of this name, accepted at some time.
pub async fn name_owner(
    conn: &mut PgConnection,
    name: &str,
    not_vendor_id: i64,
) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar!(
        "SELECT v.name FROM packages p JOIN vendors v ON v.id = p.vendor_id
         WHERE p.name = $1 AND p.vendor_id <> $2
           AND p.state IN ('accepted', 'published', 'withdrawn')
         LIMIT 1",
        name,
        not_vendor_id,
    )
    .fetch_optional(conn)
    .await
}

/// Which packages a list shows; `None` does not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub vendor_id: Option<i64>,
    pub product_id: Option<i64>,
    /// Part of the package name or file name.
    pub name_contains: Option<String>,
    /// Show only what the public may see, and everything of this vendor.
    pub seen_by: Viewer,
}

/// Who looks at a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Viewer {
    /// Sees what is or was published.
    #[default]
    Public,
    /// Sees that, and all of its own.
    Vendor(i64),
    Distributor,
}

impl Viewer {
    /// As two query parameters: sees everything; own vendor.
    fn parameters(self) -> (bool, Option<i64>) {
        match self {
            Self::Public => (false, None),
            Self::Vendor(id) => (false, Some(id)),
            Self::Distributor => (true, None),
        }
    }
}

/// Packages, newest first, and how many there are in all.
pub async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    page: Page,
) -> sqlx::Result<(Vec<Package>, i64)> {
    let (sees_all, own) = filter.seen_by.parameters();
    let state = filter.state.map(State::as_str);
    let pattern = filter.name_contains.as_deref().map(like_pattern);
    let total = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM packages p
           WHERE ($1 OR p.vendor_id = $2 OR p.state IN ('published', 'withdrawn'))
             AND ($3::text IS NULL OR p.state = $3)
             AND ($4::bigint IS NULL OR p.vendor_id = $4)
             AND ($5::bigint IS NULL OR EXISTS (
                 SELECT 1 FROM placements l WHERE l.package_id = p.id AND l.product_id = $5))
             AND ($6::text IS NULL OR coalesce(p.name, p.file_name) ILIKE $6)"#,
        sees_all,
        own,
        state,
        filter.vendor_id,
        filter.product_id,
        pattern,
    )
    .fetch_one(&mut *conn)
    .await?;
    let rows = sqlx::query_as!(
        Package,
        "SELECT p.id, p.vendor_id, v.name AS vendor, v.display_name AS vendor_display_name,
                p.sha256, p.size, p.file_name, p.state, p.rejected_as, p.created_at, p.name,
                p.epoch, p.version, p.release, p.arch, p.flavor, p.kernel_release, p.location,
                p.summary, p.license, p.signature
         FROM packages p JOIN vendors v ON v.id = p.vendor_id
         WHERE ($1 OR p.vendor_id = $2 OR p.state IN ('published', 'withdrawn'))
           AND ($3::text IS NULL OR p.state = $3)
           AND ($4::bigint IS NULL OR p.vendor_id = $4)
           AND ($5::bigint IS NULL OR EXISTS (
               SELECT 1 FROM placements l WHERE l.package_id = p.id AND l.product_id = $5))
           AND ($6::text IS NULL OR coalesce(p.name, p.file_name) ILIKE $6)
         ORDER BY p.created_at DESC, p.id DESC
         LIMIT $7 OFFSET $8",
        sees_all,
        own,
        state,
        filter.vendor_id,
        filter.product_id,
        pattern,
        page.limit,
        page.offset,
    )
    .fetch_all(conn)
    .await?;
    Ok((rows, total))
}

/// `ILIKE` pattern for "contains", with the user's own `%` and `_` taken literally.
fn like_pattern(part: &str) -> String {
    let mut pattern = String::from("%");
    for c in part.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// What an inspection found out, in the words of the columns.
#[derive(Clone, Debug)]
pub struct Inspected<'a> {
    pub name: &'a str,
    pub epoch: Option<i64>,
    pub version: &'a str,
    pub release: &'a str,
    pub arch: &'a str,
    pub flavor: Option<String>,
    pub kernel_release: Option<String>,
    pub location: String,
    pub summary: &'a str,
    pub license: Option<&'a str>,
    pub rpm_vendor: Option<&'a str>,
    pub signature: Value,
    pub repomd_primary: String,
    pub repomd_filelists: String,
    pub repomd_other: String,
    /// Path in the package, and what was read.
    pub modules: Vec<(&'a str, &'a Module)>,
    /// Module name and pattern.
    pub aliases: Vec<(String, String)>,
}

/// Stores what an inspection found, replacing what an earlier one did.
pub async fn save_inspection(
    conn: &mut PgConnection,
    id: Uuid,
    facts: &Inspected<'_>,
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
    save_aliases(conn, id, &facts.aliases).await
}

async fn save_modules(
    conn: &mut PgConnection,
    id: Uuid,
    modules: &[(&str, &Module)],
) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM modules WHERE package_id = $1", id)
        .execute(&mut *conn)
        .await?;
    let paths: Vec<String> = modules.iter().map(|(path, _)| (*path).to_owned()).collect();
    let values: Vec<Value> = modules.iter().map(|(_, module)| storable(module)).collect();
    sqlx::query!(
        "INSERT INTO modules (package_id, path, module)
         SELECT $1, path, module FROM unnest($2::text[], $3::jsonb[]) AS m (path, module)
         ON CONFLICT DO NOTHING",
        id,
        &paths,
        &values,
    )
    .execute(conn)
    .await?;
    Ok(())
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

/// Replaces the findings.
pub async fn save_findings(
    conn: &mut PgConnection,
    id: Uuid,
    findings: &[Finding],
) -> sqlx::Result<()> {
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

pub async fn events(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<Event>> {
    sqlx::query_as!(
        Event,
        "SELECT state, reason, at FROM package_events WHERE package_id = $1 ORDER BY id",
        id,
    )
    .fetch_all(conn)
    .await
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

/// Puts a package into a channel of a product; says whether it was not there yet.
pub async fn place(
    conn: &mut PgConnection,
    id: Uuid,
    product_id: i64,
    channel: &str,
) -> sqlx::Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO placements (package_id, product_id, channel) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING",
        id,
        product_id,
        channel,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn placements(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<Placement>> {
    sqlx::query_as!(
        Placement,
        r#"SELECT l.product_id, p.name AS product, l.channel,
                  (SELECT min(rp.added) FROM repository_packages rp
                   JOIN repositories r ON r.id = rp.repository_id
                   WHERE rp.package_id = l.package_id AND r.product_id = l.product_id
                     AND r.channel = l.channel) AS generation
           FROM placements l JOIN products p ON p.id = l.product_id
           WHERE l.package_id = $1
           ORDER BY p.name, l.channel"#,
        id,
    )
    .fetch_all(conn)
    .await
}

/// A package with its modules, as the judge needs it.
#[derive(Clone, Debug)]
pub struct Judged {
    pub id: Uuid,
    pub vendor_id: i64,
    pub name: String,
    pub version: String,
    pub release: String,
    pub epoch: Option<i64>,
    pub arch: String,
    pub modules: Vec<Module>,
}

/// Accepted and published packages of a product, arch and flavor, oldest first.
pub async fn to_judge(
    conn: &mut PgConnection,
    product_id: i64,
    arch: &str,
    flavor: &str,
) -> sqlx::Result<Vec<Judged>> {
    let rows = sqlx::query!(
        r#"SELECT p.id, p.vendor_id, p.name AS "name!", p.version AS "version!",
                  p.release AS "release!", p.epoch, p.arch AS "arch!",
                  coalesce(jsonb_agg(m.module ORDER BY m.path) FILTER (WHERE m.path IS NOT NULL),
                           '[]'::jsonb) AS "modules!: Json<Vec<Module>>"
           FROM packages p LEFT JOIN modules m ON m.package_id = p.id
           WHERE p.state IN ('accepted', 'published') AND p.arch = $2 AND p.flavor = $3
             AND EXISTS (SELECT 1 FROM placements l
                         WHERE l.package_id = p.id AND l.product_id = $1)
           GROUP BY p.id
           ORDER BY p.created_at, p.id"#,
        product_id,
        arch,
        flavor,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Judged {
            id: r.id,
            vendor_id: r.vendor_id,
            name: r.name,
            version: r.version,
            release: r.release,
            epoch: r.epoch,
            arch: r.arch,
            modules: r.modules.0,
        })
        .collect())
}

/// A hardware pattern of a published package.
#[derive(Clone, Debug)]
pub struct Alias {
    pub package_id: Uuid,
    /// Empty: only the package's dependencies name the pattern.
    pub module: String,
    pub pattern: String,
}

/// Every pattern of every published package.
pub async fn published_aliases(conn: &mut PgConnection) -> sqlx::Result<Vec<Alias>> {
    sqlx::query_as!(
        Alias,
        "SELECT a.package_id, a.module, a.pattern
         FROM aliases a JOIN packages p ON p.id = a.package_id
         WHERE p.state = 'published'
         ORDER BY a.package_id, a.module, a.pattern",
    )
    .fetch_all(conn)
    .await
}

/// Live figures of the front page.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub packages: i64,
    pub kernels: i64,
    pub vendors: i64,
    pub products: i64,
}

pub async fn figures(conn: &mut PgConnection) -> sqlx::Result<Figures> {
    sqlx::query_as!(
        Figures,
        r#"SELECT (SELECT count(*) FROM packages WHERE state = 'published') AS "packages!",
                  (SELECT count(*) FROM kernels WHERE status <> 'preview') AS "kernels!",
                  (SELECT count(*) FROM vendors) AS "vendors!",
                  (SELECT count(*) FROM products) AS "products!""#,
    )
    .fetch_one(conn)
    .await
}
