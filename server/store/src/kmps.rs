//! All builds of one KMP: its history.

use crate::packages::State;
use crate::{Page, PgConnection, Time, Viewer};
use uuid::Uuid;

/// One build.
#[derive(Clone, Debug)]
pub struct Build {
    pub id: Uuid,
    pub vendor: String,
    pub vendor_display_name: String,
    pub summary: Option<String>,
    pub epoch: Option<i64>,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub flavor: Option<String>,
    /// Kernel it was built for.
    pub kernel_release: Option<String>,
    pub state: State,
    pub created_at: Time,
    /// When clients saw it first; `None`: not yet.
    pub published_at: Option<Time>,
    /// When it was taken back.
    pub withdrawn_at: Option<Time>,
}

/// Builds of a name that are or were published, and all decided ones of the viewer's own; newest
/// upload first; and how many there are in all.
pub async fn builds(
    conn: &mut PgConnection,
    viewer: Viewer,
    name: &str,
    page: Page,
) -> sqlx::Result<(Vec<Build>, i64)> {
    let (sees_all, own) = viewer.parameters();
    let rows = sqlx::query!(
        r#"SELECT p.id, v.name AS vendor, v.display_name, p.summary, p.epoch,
                  p.version AS "version!", p.release AS "release!", p.arch AS "arch!", p.flavor,
                  p.kernel_release, p.state, p.created_at,
                  (SELECT min(e.at) FROM package_events e
                   WHERE e.package_id = p.id AND e.state = 'published') AS published_at,
                  (SELECT max(e.at) FROM package_events e
                   WHERE e.package_id = p.id AND e.state = 'withdrawn'
                     AND p.state = 'withdrawn') AS withdrawn_at,
                  count(*) OVER () AS "total!"
           FROM packages p JOIN vendors v ON v.id = p.vendor_id
           WHERE p.name = $1 AND p.state IN ('accepted', 'published', 'withdrawn')
             AND (p.state <> 'accepted' OR $2 OR p.vendor_id = $3)
           ORDER BY p.created_at DESC, p.id DESC
           LIMIT $4 OFFSET $5"#,
        name,
        sees_all,
        own,
        page.limit,
        page.offset,
    )
    .fetch_all(conn)
    .await?;
    let total = rows.first().map_or(0, |r| r.total);
    let builds = rows.into_iter().map(|r| Build {
        id: r.id,
        vendor: r.vendor,
        vendor_display_name: r.display_name,
        summary: r.summary,
        epoch: r.epoch,
        version: r.version,
        release: r.release,
        arch: r.arch,
        flavor: r.flavor,
        kernel_release: r.kernel_release,
        state: State::from(r.state),
        created_at: r.created_at,
        published_at: r.published_at,
        withdrawn_at: r.withdrawn_at,
    });
    Ok((builds.collect(), total))
}
