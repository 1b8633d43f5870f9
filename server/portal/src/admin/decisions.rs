//! What an operator decides about checks: waivers, and policies of products and vendors.

use super::Admin;
use crate::policies::{self, Subject};
use crate::views::rfc3339;
use crate::waivers::{self, OPERATOR, Wish};
use anyhow::Context as _;
use inspect::Demands;
use serde_json::{Value, json};
use store::PgConnection;
use store::waivers::{Filter, Waiver};

impl Admin {
    /// Grants a waiver.
    ///
    /// # Errors
    /// As [`waivers::grant`].
    pub async fn add_waiver(&self, wish: &Wish) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let waiver = waivers::grant(&mut tx, wish, OPERATOR, self.now).await?;
        tx.commit().await?;
        Ok(self.waiver_json(&waiver))
    }

    /// Ends a waiver before its time.
    ///
    /// # Errors
    /// As [`waivers::revoke`].
    pub async fn revoke_waiver(&self, id: i64, reason: &str) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let waiver = waivers::revoke(&mut tx, id, reason, OPERATOR, self.now).await?;
        tx.commit().await?;
        Ok(self.waiver_json(&waiver))
    }

    /// Every waiver there ever was, newest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list_waivers(&self) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let found = store::waivers::list(&mut conn, &Filter::default()).await?;
        Ok(found.iter().map(|it| self.waiver_json(it)).collect())
    }

    fn waiver_json(&self, waiver: &Waiver) -> Value {
        json!({
            "id": waiver.id,
            "check": waiver.check_id,
            "vendor": waiver.vendor,
            "package": waiver.package,
            "build": waiver.build,
            "product": waiver.product,
            "state": waiver.standing(self.now).as_str(),
            "expires_at": rfc3339(waiver.expires_at),
            "granted_by": waiver.granted_by,
            "reason": waiver.reason,
            "revoke_reason": waiver.revoke_reason,
        })
    }

    /// What a product itself demands.
    ///
    /// # Errors
    /// There is no such product, or the database fails.
    pub async fn product_policy(&self, name: &str) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let product = self.product(&mut conn, name).await?;
        Ok(json!(
            store::policies::of_product(&mut conn, product.id).await?
        ))
    }

    /// What is demanded of a vendor.
    ///
    /// # Errors
    /// There is no such vendor, or the database fails.
    pub async fn vendor_policy(&self, name: &str) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let vendor = self.vendor(&mut conn, name).await?;
        Ok(json!(
            store::policies::of_vendor(&mut conn, vendor.id).await?
        ))
    }

    /// Replaces what a product demands.
    ///
    /// # Errors
    /// There is no such product, or it makes no sense.
    pub async fn set_product_policy(&self, name: &str, demands: &Demands) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let product = self.product(&mut tx, name).await?;
        let subject = Subject::Product(&product);
        subject.check(demands)?;
        policies::set(&mut tx, subject, demands, OPERATOR, self.now).await?;
        tx.commit().await?;
        Ok(json!(demands))
    }

    /// Replaces what is demanded of a vendor.
    ///
    /// # Errors
    /// There is no such vendor, or it makes no sense.
    pub async fn set_vendor_policy(&self, name: &str, demands: &Demands) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let vendor = self.vendor(&mut tx, name).await?;
        let subject = Subject::Vendor(&vendor);
        subject.check(demands)?;
        policies::set(&mut tx, subject, demands, OPERATOR, self.now).await?;
        tx.commit().await?;
        Ok(json!(demands))
    }

    pub(super) async fn product(
        &self,
        conn: &mut PgConnection,
        name: &str,
    ) -> anyhow::Result<store::products::Product> {
        store::products::by_name(conn, name)
            .await?
            .with_context(|| {
                format!("there is no product `{name}`; `kmp-portal admin product add` makes one")
            })
    }
}
