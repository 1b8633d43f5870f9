//! What an operator decides about channels, mirrors and keys: as over the API, at his desk.

use super::Admin;
use crate::error::Error;
use crate::placing::{self, Entry};
use crate::promoting::{self, Outcome, Wish};
use crate::routes::promotion_json;
use crate::waivers::OPERATOR;
use crate::{mirroring, supporting, vendor_keys};
use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use store::PgConnection;
use store::channels::PromotionFilter;
use store::packages::Package;
use store::products::Product;
use store::support::Level;
use uuid::Uuid;

/// Where an operator wants a package to go.
#[derive(Clone, Debug, Default)]
pub struct PromotionSpec {
    /// May be left out when the package is in one product only.
    pub product: Option<String>,
    pub channel: String,
    /// A day or a moment from which on clients are to see it.
    pub since: Option<String>,
    pub note: String,
}

impl Admin {
    /// How packages come into the channels of a product; with `entry` that is set.
    ///
    /// # Errors
    /// There is no such product or channel, or two people are to decide and none is the first.
    pub async fn promotion_rules(
        &self,
        name: &str,
        entry: Option<&Entry>,
    ) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let product = self.product(&mut tx, name).await?;
        let Some(entry) = entry else {
            return Ok(json!(Entry::of(&product)));
        };
        let done = placing::set_entry(&mut tx, &product, entry, OPERATOR, self.now).await;
        done.map_err(in_words)?;
        tx.commit().await?;
        Ok(json!(entry))
    }

    /// What a product says of support for packages.
    ///
    /// # Errors
    /// There is no such product.
    pub async fn support(&self, name: &str) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let product = self.product(&mut conn, name).await?;
        let said = store::support::of_product(&mut conn, product.id).await?;
        Ok(json!(said))
    }

    /// Changes what a product says of support: of one vendor's packages, or of all others. Without a
    /// level nothing is said any more; without a licence the vendor's stays.
    ///
    /// # Errors
    /// There is no such product or vendor, or the licence cannot stand in metadata.
    pub async fn set_support(
        &self,
        name: &str,
        vendor: Option<&str>,
        level: Option<Level>,
        eula: Option<String>,
    ) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let product = self.product(&mut tx, name).await?;
        let before = store::support::of_product(&mut tx, product.id).await?;
        let said = supporting::changed(before, vendor, level, eula).map_err(in_words)?;
        let done = supporting::set(&mut tx, &product, said.as_ref(), OPERATOR, self.now).await;
        done.map_err(in_words)?;
        tx.commit().await?;
        Ok(json!(said))
    }

    /// Puts a package into a further channel, or asks another to.
    ///
    /// # Errors
    /// There is no such package, product or channel, or the package cannot go there.
    pub async fn promote(&self, id: Uuid, spec: &PromotionSpec) -> anyhow::Result<Value> {
        let since = promoting::since(&self.zone, spec.since.as_deref()).map_err(in_words)?;
        let mut tx = self.database.pool.begin().await?;
        let package = package(&mut tx, id).await?;
        let product = self
            .product_of(&mut tx, id, spec.product.as_deref())
            .await?;
        let wish = Wish {
            product: &product,
            channel: &spec.channel,
            since,
            note: &spec.note,
        };
        let outcome = promoting::promote(&mut tx, &package, wish, OPERATOR, self.now).await;
        let asked = match outcome.map_err(in_words)? {
            Outcome::Placed => None,
            Outcome::Asked(number) => Some(number),
        };
        tx.commit().await?;
        Ok(json!({
            "package": id,
            "product": product.name,
            "channel": spec.channel,
            "since": since.map(crate::views::rfc3339),
            "promotion": asked,
        }))
    }

    /// Takes a package back.
    ///
    /// # Errors
    /// There is no such package, or it is not on offer.
    pub async fn withdraw(&self, id: Uuid, reason: &str) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let package = package(&mut tx, id).await?;
        let done = promoting::withdraw(&mut tx, &package, reason, OPERATOR, self.now).await;
        done.map_err(in_words)?;
        tx.commit().await?;
        Ok(json!({ "package": id, "state": "withdrawn", "reason": reason.trim() }))
    }

    /// Takes a package out of one channel of a product; in another it stays.
    ///
    /// # Errors
    /// There is no such package or product, or it is not in the channel and another one.
    pub async fn take_out(
        &self,
        id: Uuid,
        product: Option<&str>,
        channel: &str,
        reason: &str,
    ) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let package = package(&mut tx, id).await?;
        let product = self.product_of(&mut tx, id, product).await?;
        let (by, now) = (OPERATOR, self.now);
        let done = promoting::take_out(&mut tx, &package, &product, channel, reason, by, now).await;
        done.map_err(in_words)?;
        tx.commit().await?;
        let reason = reason.trim();
        Ok(json!({
            "package": id,
            "product": product.name,
            "taken_out_of": channel,
            "reason": reason,
        }))
    }

    /// The product of this name, or the one that the package is in.
    async fn product_of(
        &self,
        conn: &mut PgConnection,
        id: Uuid,
        name: Option<&str>,
    ) -> anyhow::Result<Product> {
        let placements = store::packages::placements(conn, id).await?;
        let name = match (name, &placements[..]) {
            (Some(name), _) => name,
            (None, [first, rest @ ..]) if rest.iter().all(|it| it.product == first.product) => {
                &first.product
            }
            _ => bail!("name the --product"),
        };
        self.product(conn, name).await
    }

    /// Promotions that were asked for, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn promotions(&self, only_open: bool) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let filter = PromotionFilter {
            only_open,
            ..Default::default()
        };
        let found = store::channels::promotions(&mut conn, &filter).await?;
        Ok(found.iter().map(promotion_json).collect())
    }

    /// Confirms or refuses what another asked for.
    ///
    /// # Errors
    /// There is no such promotion, it was decided, or the operator may not decide it.
    pub async fn decide_promotion(
        &self,
        id: i64,
        is_confirmed: bool,
        reason: &str,
    ) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let asked = promoting::by_id(&mut tx, id).await.map_err(in_words)?;
        let package = package(&mut tx, asked.package_id).await?;
        let (by, now) = (OPERATOR, self.now);
        promoting::decide(&mut tx, &asked, &package, is_confirmed, reason, by, now)
            .await
            .map_err(in_words)?;
        let decided = promoting::by_id(&mut tx, id).await.map_err(in_words)?;
        tx.commit().await?;
        Ok(promotion_json(&decided))
    }

    /// Adds a mirror, or changes it.
    ///
    /// # Errors
    /// The address, country or preference has the wrong form.
    pub async fn add_mirror(
        &self,
        url: &str,
        country: Option<&str>,
        preference: i32,
    ) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let added = mirroring::add(&mut tx, url, country, preference, OPERATOR, self.now).await;
        let mirror = added.map_err(in_words)?;
        tx.commit().await?;
        Ok(json!({
            "id": mirror.id,
            "url": mirror.url,
            "country": mirror.country,
            "preference": mirror.preference,
        }))
    }

    /// Sends nobody to a mirror any more.
    ///
    /// # Errors
    /// There is none of this number.
    pub async fn remove_mirror(&self, id: i64) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let done = mirroring::remove(&mut tx, id, OPERATOR, self.now).await;
        done.map_err(in_words)?;
        tx.commit().await?;
        Ok(json!({ "id": id, "removed": true }))
    }

    /// Mirrors, and of how many repositories each has the current generation.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list_mirrors(&self) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let seen = store::mirrors::seen(&mut conn).await?;
        let mirrors = store::mirrors::list(&mut conn).await?;
        let rows = mirrors.into_iter().map(|mirror| {
            let own = seen.iter().filter(|it| it.mirror_id == mirror.id);
            let fresh = own.clone().filter(|it| it.is_fresh).count();
            json!({
                "id": mirror.id,
                "url": mirror.url,
                "country": mirror.country,
                "preference": mirror.preference,
                "probed_at": mirror.probed_at.map(crate::views::rfc3339),
                "fresh": fresh,
                "stale": own.count() - fresh,
            })
        });
        Ok(rows.collect())
    }

    /// Retires a vendor's key: what it signs from now on is refused, what it signed stays.
    ///
    /// # Errors
    /// There is no such vendor or key, or it is retired already.
    pub async fn retire_vendor_key(
        &self,
        vendor: &str,
        fingerprint: &str,
        reason: &str,
    ) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let vendor = self.vendor(&mut tx, vendor).await?;
        let (by, now) = (OPERATOR, self.now);
        let key = vendor_keys::retire(&mut tx, &vendor, fingerprint, reason, by, now).await;
        let key = key.map_err(in_words)?;
        tx.commit().await?;
        Ok(super::key_json(&vendor.name, &key))
    }
}

async fn package(conn: &mut PgConnection, id: Uuid) -> anyhow::Result<Package> {
    let found = store::packages::by_id(conn, id).await?;
    found.with_context(|| format!("there is no package {id}"))
}

/// The detail alone: at a desk there is no HTTP.
fn in_words(error: Error) -> anyhow::Error {
    match error {
        Error::Problem(problem) => anyhow::anyhow!(problem.detail),
        Error::Internal(error) => error,
    }
}
