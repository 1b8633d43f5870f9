//! Repositories of others, whose drivers are offered beside our own: where they are, how they fare,
//! what their metadata says.

use crate::{PgConnection, Time};
use kabi::Verdict;
use uuid::Uuid;

/// A registered source.
#[derive(Clone, Debug)]
pub struct Source {
    pub id: Uuid,
    pub vendor_id: i64,
    /// Short name of the vendor that answers for it, and the one shown to people.
    pub vendor: String,
    pub vendor_display_name: String,
    pub product_id: i64,
    pub product: String,
    /// The folder above `repodata`, with a slash at its end.
    pub url: String,
    /// Armored key that signs it.
    pub key: String,
    /// Upper-case hex, of the primary keys.
    pub fingerprints: Vec<String>,
    pub created_at: Time,
    pub approved_by: Option<String>,
    /// `None`: offered to nobody yet.
    pub approved_at: Option<Time>,
    /// When it is read again.
    pub read_at: Time,
    /// When it was last found in order.
    pub good_at: Option<Time>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
    /// What is wrong since then.
    pub fault: Option<String>,
    /// How often in a row.
    pub failures: i32,
    /// The fault is one of trust.
    pub is_distrusted: bool,
    /// Driver packages found in it.
    pub packages: i64,
    /// Rises with whatever is known of its packages.
    pub version: i64,
}

/// A driver package of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Package {
    /// The file's digest, as the metadata tells.
    pub pkgid: String,
    pub name: String,
    pub epoch: i32,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub summary: String,
    pub license: String,
    /// Below the source's address.
    pub location: String,
    pub size: i64,
    /// Patterns of the hardware it names.
    pub aliases: Vec<String>,
    /// What it requires of kernels.
    pub needs: Vec<Need>,
    /// It also needs symbols that other packages of the source provide.
    pub needs_others: bool,
    /// `uname -r` of kernels that it is bound to.
    pub releases: Vec<String>,
}

/// A symbol that a package requires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// Empty where none is named.
    pub flavor: String,
    pub symbol: String,
    pub crc: u32,
}

/// A package as it is stored.
#[derive(Clone, Debug)]
pub struct Stored {
    pub id: i64,
    pub package: Package,
}

/// What the metadata of a package says about a kernel.
#[derive(Clone, Debug)]
pub struct Judged {
    pub package_id: i64,
    pub kernel_id: Uuid,
    pub verdict: Verdict,
    /// Symbols that are missing or have another version.
    pub missing: i32,
    /// The first of them.
    pub examples: Vec<String>,
}

/// A source to be registered.
#[derive(Clone, Copy, Debug)]
pub struct NewSource<'a> {
    pub vendor_id: i64,
    pub product_id: i64,
    pub url: &'a str,
    pub key: &'a str,
    pub fingerprints: &'a [String],
    /// Name of the distributor who lets it be offered at once.
    pub approved_by: Option<&'a str>,
}

/// Registers a source, or gives an existing one of that product and address this key and vendor; to
/// be read at once.
pub async fn upsert(
    conn: &mut PgConnection,
    new: &NewSource<'_>,
    now: Time,
) -> sqlx::Result<Option<Uuid>> {
    // Nobody takes over what is another vendor's.
    sqlx::query_scalar!(
        "INSERT INTO sources (id, vendor_id, product_id, url, key, fingerprints, created_at, read_at,
                              approved_by, approved_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7::timestamptz, $7::timestamptz, $8,
                 CASE WHEN $8::text IS NULL THEN NULL ELSE $7::timestamptz END)
         ON CONFLICT ON CONSTRAINT sources_url_key DO UPDATE SET
             key = excluded.key, fingerprints = excluded.fingerprints, read_at = excluded.read_at,
             etag = NULL, last_modified = NULL, failures = 0,
             -- What another key vouched for is not known to be this one's.
             good_at = CASE WHEN sources.key = excluded.key THEN sources.good_at END,
             approved_by = CASE WHEN sources.key = excluded.key
                                THEN coalesce(sources.approved_by, excluded.approved_by)
                                ELSE excluded.approved_by END,
             approved_at = CASE WHEN sources.key = excluded.key
                                THEN coalesce(sources.approved_at, excluded.approved_at)
                                ELSE excluded.approved_at END
         WHERE sources.vendor_id = excluded.vendor_id
         RETURNING id",
        Uuid::now_v7(),
        new.vendor_id,
        new.product_id,
        new.url,
        new.key,
        new.fingerprints,
        now,
        new.approved_by,
    )
    .fetch_optional(conn)
    .await
}

/// All sources, those of one vendor, or the one with that id; by product and address.
pub async fn list(
    conn: &mut PgConnection,
    vendor_id: Option<i64>,
    id: Option<Uuid>,
) -> sqlx::Result<Vec<Source>> {
    sqlx::query_as!(
        Source,
        r#"SELECT s.id, s.vendor_id, v.name AS vendor, v.display_name AS vendor_display_name,
                  s.product_id, p.name AS product, s.url, s.key, s.fingerprints, s.created_at,
                  s.approved_by, s.approved_at, s.read_at, s.good_at, s.etag, s.last_modified,
                  s.fault, s.failures, s.is_distrusted, s.version,
                  (SELECT count(*) FROM source_packages q WHERE q.source_id = s.id) AS "packages!"
           FROM sources s
           JOIN vendors v ON v.id = s.vendor_id
           JOIN products p ON p.id = s.product_id
           WHERE ($1::bigint IS NULL OR s.vendor_id = $1) AND ($2::uuid IS NULL OR s.id = $2)
           ORDER BY p.name, s.url"#,
        vendor_id,
        id,
    )
    .fetch_all(conn)
    .await
}

pub async fn by_id(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Source>> {
    Ok(list(conn, None, Some(id)).await?.pop())
}

/// Takes one source that is due and moves it ahead to `until`, so that nobody else takes it meanwhile.
pub async fn claim(conn: &mut PgConnection, now: Time, until: Time) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "UPDATE sources SET read_at = $2
         WHERE id = (SELECT id FROM sources WHERE read_at <= $1
                     ORDER BY read_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id",
        now,
        until,
    )
    .fetch_optional(conn)
    .await
}

/// Lets it be offered.
pub async fn approve(conn: &mut PgConnection, id: Uuid, by: &str, now: Time) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sources SET approved_by = $2, approved_at = $3 WHERE id = $1",
        id,
        by,
        now,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Has it read now, whatever its schedule says.
pub async fn read_soon(conn: &mut PgConnection, id: Uuid, now: Time) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sources SET read_at = $2, failures = 0 WHERE id = $1",
        id,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

pub async fn remove(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM sources WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// What came of a good reading.
#[derive(Clone, Copy, Debug)]
pub struct Good<'a> {
    pub etag: Option<&'a str>,
    pub last_modified: Option<&'a str>,
    /// When to read it again.
    pub next: Time,
}

/// Notes that a source is in order.
pub async fn set_good(
    conn: &mut PgConnection,
    id: Uuid,
    good: Good<'_>,
    now: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sources SET good_at = $2, etag = $3, last_modified = $4, read_at = $5, fault = NULL,
                            failures = 0, is_distrusted = false
         WHERE id = $1",
        id,
        now,
        good.etag,
        good.last_modified,
        good.next,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what is wrong with a source.
pub async fn set_fault(
    conn: &mut PgConnection,
    id: Uuid,
    fault: &str,
    is_distrusted: bool,
    next: Time,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE sources SET fault = $2, failures = failures + 1, read_at = $4,
                            is_distrusted = is_distrusted OR $3
         WHERE id = $1",
        id,
        fault.replace('\0', "\u{fffd}"),
        is_distrusted,
        next,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts what was read in the place of what was known. A package that is unchanged keeps its ids; one of
/// which the metadata say something else gets another `uid`.
pub async fn replace_packages(
    conn: &mut PgConnection,
    id: Uuid,
    packages: &[Package],
) -> sqlx::Result<()> {
    let pkgids: Vec<&str> = packages.iter().map(|p| p.pkgid.as_str()).collect();
    let locations: Vec<&str> = packages.iter().map(|p| p.location.as_str()).collect();
    sqlx::query!(
        "DELETE FROM source_packages
         WHERE source_id = $1
           AND (pkgid, location) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))",
        id,
        &pkgids as &[&str],
        &locations as &[&str],
    )
    .execute(&mut *conn)
    .await?;
    for package in packages {
        insert_package(conn, id, package).await?;
    }
    raise_version(conn, id).await
}

async fn raise_version(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!("UPDATE sources SET version = version + 1 WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

async fn insert_package(
    conn: &mut PgConnection,
    source_id: Uuid,
    package: &Package,
) -> sqlx::Result<()> {
    let needs = &package.needs;
    let flavors: Vec<&str> = needs.iter().map(|n| n.flavor.as_str()).collect();
    let symbols: Vec<&str> = needs.iter().map(|n| n.symbol.as_str()).collect();
    let crcs: Vec<i64> = needs.iter().map(|n| n.crc.into()).collect();
    sqlx::query!(
        "INSERT INTO source_packages
             (source_id, pkgid, name, epoch, version, release, arch, summary, license, location, size,
              aliases, flavors, symbols, crcs, releases, needs_others)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT ON CONSTRAINT source_packages_pkgid_key DO UPDATE SET
             uid = excluded.uid, name = excluded.name, epoch = excluded.epoch,
             version = excluded.version, release = excluded.release, arch = excluded.arch,
             summary = excluded.summary, license = excluded.license, size = excluded.size,
             aliases = excluded.aliases, flavors = excluded.flavors, symbols = excluded.symbols,
             crcs = excluded.crcs, releases = excluded.releases,
             needs_others = excluded.needs_others
         WHERE (source_packages.name, source_packages.epoch, source_packages.version,
                source_packages.release, source_packages.arch, source_packages.summary,
                source_packages.license, source_packages.size, source_packages.aliases,
                source_packages.flavors, source_packages.symbols, source_packages.crcs,
                source_packages.releases, source_packages.needs_others)
               IS DISTINCT FROM
               (excluded.name, excluded.epoch, excluded.version, excluded.release, excluded.arch,
                excluded.summary, excluded.license, excluded.size, excluded.aliases,
                excluded.flavors, excluded.symbols, excluded.crcs, excluded.releases,
                excluded.needs_others)",
        source_id,
        package.pkgid,
        package.name,
        package.epoch,
        package.version,
        package.release,
        package.arch,
        package.summary,
        package.license,
        package.location,
        package.size,
        &package.aliases,
        &flavors as &[&str],
        &symbols as &[&str],
        &crcs,
        &package.releases,
        package.needs_others,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The packages of a source, by name.
pub async fn packages(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<Stored>> {
    let rows = sqlx::query!(
        "SELECT id, pkgid, name, epoch, version, release, arch, summary, license, location, size,
                aliases, flavors, symbols, crcs, releases, needs_others
         FROM source_packages WHERE source_id = $1 ORDER BY name, version, release, arch, id",
        id,
    )
    .fetch_all(conn)
    .await?;
    let stored = rows.into_iter().map(|row| {
        let needs = row.flavors.into_iter().zip(row.symbols).zip(row.crcs);
        let needs = needs.map(|((flavor, symbol), crc)| Need {
            flavor,
            symbol,
            crc: u32::try_from(crc).unwrap_or_default(),
        });
        Stored {
            id: row.id,
            package: Package {
                pkgid: row.pkgid,
                name: row.name,
                epoch: row.epoch,
                version: row.version,
                release: row.release,
                arch: row.arch,
                summary: row.summary,
                license: row.license,
                location: row.location,
                size: row.size,
                aliases: row.aliases,
                needs: needs.collect(),
                needs_others: row.needs_others,
                releases: row.releases,
            },
        }
    });
    Ok(stored.collect())
}

/// Sources of a product.
pub async fn of_product(conn: &mut PgConnection, product_id: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT id FROM sources WHERE product_id = $1", product_id)
        .fetch_all(conn)
        .await
}

/// Puts these verdicts in the place of all that a source's packages had.
pub async fn replace_verdicts(
    conn: &mut PgConnection,
    id: Uuid,
    judged: &[Judged],
) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM source_verdicts
         WHERE package_id IN (SELECT id FROM source_packages WHERE source_id = $1)",
        id,
    )
    .execute(&mut *conn)
    .await?;
    for one in judged {
        sqlx::query!(
            "INSERT INTO source_verdicts (package_id, kernel_id, verdict, missing, examples)
             SELECT $1, $2, $3, $4, $5
             WHERE EXISTS (SELECT 1 FROM source_packages WHERE id = $1)",
            one.package_id,
            one.kernel_id,
            one.verdict.as_str(),
            one.missing,
            &one.examples,
        )
        .execute(&mut *conn)
        .await?;
    }
    raise_version(conn, id).await
}

/// A verdict as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    pub package_id: i64,
    pub kernel_id: Uuid,
    pub release: String,
    pub arch: String,
    pub flavor: String,
    pub verdict: Verdict,
    pub missing: i32,
    pub examples: Vec<String>,
}

/// Verdicts on the packages of a source, newest kernel first. They are on kernels that everybody may
/// know of.
pub async fn verdicts(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<Shown>> {
    let rows = sqlx::query!(
        "SELECT v.package_id, v.kernel_id, k.release, k.arch, k.flavor, v.verdict, v.missing,
                v.examples
         FROM source_verdicts v
         JOIN source_packages q ON q.id = v.package_id
         JOIN kernels k ON k.id = v.kernel_id
         WHERE q.source_id = $1 AND k.id IN (SELECT id FROM visible_kernels(false, NULL))
         ORDER BY k.created_at DESC, k.id DESC",
        id,
    )
    .fetch_all(conn)
    .await?;
    let shown = rows.into_iter().map(|row| Shown {
        package_id: row.package_id,
        kernel_id: row.kernel_id,
        release: row.release,
        arch: row.arch,
        flavor: row.flavor,
        verdict: crate::verdicts::parse(&row.verdict),
        missing: row.missing,
        examples: row.examples,
    });
    Ok(shown.collect())
}

/// A driver package of a source, by the id that answers name it by.
#[derive(Clone, Copy, Debug)]
pub struct DriverId {
    pub uid: Uuid,
    /// How many patterns of hardware it has.
    pub patterns: i32,
}

/// The driver packages of a source that name hardware.
pub async fn driver_ids(conn: &mut PgConnection, id: Uuid) -> sqlx::Result<Vec<DriverId>> {
    sqlx::query_as!(
        DriverId,
        r#"SELECT uid, cardinality(aliases) AS "patterns!" FROM source_packages
           WHERE source_id = $1 AND aliases <> '{}' ORDER BY uid"#,
        id,
    )
    .fetch_all(conn)
    .await
}

/// What look-ups tell of a source's package.
#[derive(Clone, Debug)]
pub struct Driver {
    pub uid: Uuid,
    pub source_id: Uuid,
    pub vendor_id: i64,
    pub vendor: String,
    pub vendor_display_name: String,
    pub name: String,
    pub epoch: i32,
    pub version: String,
    pub release: String,
    pub arch: String,
    pub summary: String,
    pub license: String,
    pub aliases: Vec<String>,
}

/// These packages.
pub async fn drivers(conn: &mut PgConnection, uids: &[Uuid]) -> sqlx::Result<Vec<Driver>> {
    sqlx::query_as!(
        Driver,
        "SELECT q.uid, q.source_id, s.vendor_id, v.name AS vendor,
                v.display_name AS vendor_display_name, q.name, q.epoch, q.version, q.release, q.arch,
                q.summary, q.license, q.aliases
         FROM source_packages q
         JOIN sources s ON s.id = q.source_id
         JOIN vendors v ON v.id = s.vendor_id
         WHERE q.uid = ANY ($1)
         ORDER BY q.uid",
        uids,
    )
    .fetch_all(conn)
    .await
}

/// The words alone of all verdicts on the packages of a source that name hardware, on kernels that
/// everybody may know of.
pub async fn driver_verdicts(
    conn: &mut PgConnection,
    id: Uuid,
) -> sqlx::Result<Vec<crate::lookup::OnKernel>> {
    let rows = sqlx::query!(
        "SELECT q.uid, v.kernel_id, v.verdict
         FROM source_verdicts v JOIN source_packages q ON q.id = v.package_id
         WHERE q.source_id = $1 AND q.aliases <> '{}'
           AND v.kernel_id IN (SELECT id FROM visible_kernels(false, NULL))",
        id,
    )
    .fetch_all(conn)
    .await?;
    let words = rows.into_iter().map(|row| crate::lookup::OnKernel {
        package_id: row.uid,
        kernel_id: row.kernel_id,
        verdict: crate::verdicts::parse(&row.verdict),
    });
    Ok(words.collect())
}
