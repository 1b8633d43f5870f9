//! Packages, from the first byte received to withdrawal: state, facts, findings, placements.

mod inspected;
mod listing;
mod neighbours;

pub use inspected::{
    Inspected, findings, modules, passed, save_findings, save_inspection, storable,
};
pub(crate) use listing::like_pattern;
pub use listing::{Filter, list};
pub use neighbours::{SameModule, earlier_rpm_vendor, same_modules};

use crate::{PgConnection, Time, Viewer, channel, notify};
use serde_json::Value;
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
    /// It is or was published: everybody may look at it.
    pub is_public: bool,
    /// It was built for a kernel under embargo, and is not published before that is released.
    pub is_held: bool,
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
    /// Its repositories list the package, or will with their next generation.
    pub is_offered: bool,
    /// Not shown before this moment.
    pub waits_until: Option<Time>,
    /// By whom it came here, unless with the upload.
    pub placed_by: Option<String>,
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

/// Notes something that happened to a package without changing its state.
pub async fn remark(
    conn: &mut PgConnection,
    id: Uuid,
    state: State,
    what: &str,
    now: Time,
) -> sqlx::Result<()> {
    log_event(conn, id, state, what, now).await
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
        r#"SELECT p.id, p.vendor_id, v.name AS vendor, v.display_name AS vendor_display_name,
                p.sha256, p.size, p.file_name, p.state, p.rejected_as, p.created_at, p.name,
                p.epoch, p.version, p.release, p.arch, p.flavor, p.kernel_release, p.location,
                p.summary, p.license, p.signature,
                (p.state = 'published' OR (p.state = 'withdrawn' AND EXISTS (
                    SELECT 1 FROM repository_packages rp WHERE rp.package_id = p.id)))
                    AS "is_public!",
                (p.held_for IS NOT NULL AND p.held_for NOT IN (
                    SELECT id FROM visible_kernels(false, NULL))) AS "is_held!"
         FROM packages p JOIN vendors v ON v.id = p.vendor_id
         WHERE p.id = $1"#,
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

/// Whether some package with these bytes is not rejected: then the file has to stay. `None`: no
/// package has them.
pub async fn is_content_wanted(
    conn: &mut PgConnection,
    sha256: &[u8],
) -> sqlx::Result<Option<bool>> {
    sqlx::query_scalar!(
        "SELECT bool_or(state <> 'rejected') FROM packages WHERE sha256 = $1",
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

pub async fn events(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<Event>> {
    sqlx::query_as!(
        Event,
        "SELECT state, reason, at FROM package_events WHERE package_id = $1 ORDER BY id",
        id,
    )
    .fetch_all(conn)
    .await
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
                     AND r.channel = l.channel AND r.vendor_id IS NULL) AS generation,
                  EXISTS (SELECT 1 FROM offers o
                          WHERE o.package_id = l.package_id AND o.product_id = l.product_id
                            AND o.channel = l.channel) AS "is_offered!",
                  l.waits_until, l.placed_by
           FROM placements l JOIN products p ON p.id = l.product_id
           WHERE l.package_id = $1
           ORDER BY p.name, l.channel"#,
        id,
    )
    .fetch_all(conn)
    .await
}

/// Live figures of the front page: what the viewer can look at.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub packages: i64,
    pub kernels: i64,
    pub vendors: i64,
    pub products: i64,
}

pub async fn figures(conn: &mut PgConnection, viewer: Viewer) -> sqlx::Result<Figures> {
    let (sees_all, own) = viewer.parameters();
    sqlx::query_as!(
        Figures,
        r#"SELECT (SELECT count(*) FROM packages WHERE state = 'published') AS "packages!",
                  (SELECT count(*) FROM visible_kernels($1, $2)) AS "kernels!",
                  (SELECT count(*) FROM vendors) AS "vendors!",
                  (SELECT count(*) FROM products) AS "products!""#,
        sees_all,
        own,
    )
    .fetch_one(conn)
    .await
}
