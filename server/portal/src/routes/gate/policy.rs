//! A product's gate policy, and what a single request may ask instead.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::gate::Policy;
use crate::uploads;
use crate::views::rfc3339;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use store::PgConnection;
use store::gates::StoredPolicy;
use store::products::Product;

/// Says "no limit" in a query, where `null` cannot be written.
const NO_LIMIT: &str = "none";

/// Parts of the policy that one request replaces.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Override {
    /// Names divided by commas.
    certified_channels: Option<String>,
    max_certified_broken: Option<Limit>,
    max_broken: Option<Limit>,
    require_told: Option<bool>,
    require_acknowledged: Option<bool>,
    require_stable_symbols: Option<bool>,
    require_severities_pass: Option<bool>,
}

/// A number, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
struct Limit(Option<u64>);

impl TryFrom<String> for Limit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            NO_LIMIT => Ok(Self(None)),
            number => number
                .parse()
                .map(|n| Self(Some(n)))
                .map_err(|_| format!("`{number}` is neither a number nor `{NO_LIMIT}`")),
        }
    }
}

impl Override {
    /// The policy with these parts replaced.
    pub fn over(&self, policy: Policy) -> Policy {
        let limit = |asked: Option<Limit>, own| asked.map_or(own, |limit| limit.0);
        Policy {
            certified_channels: match &self.certified_channels {
                Some(names) => names.split(',').map(|n| n.trim().to_owned()).collect(),
                None => policy.certified_channels,
            },
            max_certified_broken: limit(self.max_certified_broken, policy.max_certified_broken),
            max_broken: limit(self.max_broken, policy.max_broken),
            require_told: self.require_told.unwrap_or(policy.require_told),
            require_acknowledged: self
                .require_acknowledged
                .unwrap_or(policy.require_acknowledged),
            require_stable_symbols: self
                .require_stable_symbols
                .unwrap_or(policy.require_stable_symbols),
            require_severities_pass: self
                .require_severities_pass
                .unwrap_or(policy.require_severities_pass),
        }
    }
}

/// What somebody set, or the default.
pub async fn of_product(conn: &mut PgConnection, product: &Product) -> Result<Policy> {
    match store::gates::policy(conn, product.id).await? {
        Some(stored) => Ok(serde_json::from_value(stored.policy).map_err(anyhow::Error::from)?),
        None => Ok(Policy::default()),
    }
}

/// `GET /api/v1/products/{name}/gate-policy`
pub async fn show_policy(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let mut conn = app.pool.acquire().await?;
    let product = uploads::product_by_name(&mut conn, &name).await?;
    answer(&mut conn, &product).await
}

/// `PUT /api/v1/products/{name}/gate-policy`: what is left out is as in the default.
pub async fn set_policy(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    body: Result<Json<Policy>, axum::extract::rejection::JsonRejection>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let Json(policy) = body.map_err(|e| Error::bad_request(e.body_text()))?;
    let mut conn = app.pool.acquire().await?;
    let product = uploads::product_by_name(&mut conn, &name).await?;
    let unknown = |channel: &&String| !product.channels.contains(channel);
    if let Some(channel) = policy.certified_channels.iter().find(unknown) {
        return Err(Error::not_found(format!(
            "{} has no channel `{channel}`; it has {}.",
            product.name,
            product.channels.join(", ")
        )));
    }
    let stored = StoredPolicy {
        policy: serde_json::to_value(&policy).map_err(anyhow::Error::from)?,
        set_by: caller.name.clone(),
        set_at: app.now(),
    };
    store::gates::set_policy(&mut conn, product.id, &stored).await?;
    tracing::info!(product.name = product.name, "the gate policy was set");
    answer(&mut conn, &product).await
}

async fn answer(conn: &mut PgConnection, product: &Product) -> Result<Json<Value>> {
    let stored = store::gates::policy(conn, product.id).await?;
    Ok(Json(json!({
        "product": product.name,
        "policy": of_product(conn, product).await?,
        "set_by": stored.as_ref().map(|s| &s.set_by),
        "set_at": stored.as_ref().map(|s| rfc3339(s.set_at)),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_replaces_what_it_names() {
        let own = Policy {
            max_broken: Some(7),
            ..Policy::default()
        };
        let asked = Override {
            max_certified_broken: Some(Limit::try_from(NO_LIMIT.to_owned()).unwrap()),
            require_told: Some(false),
            ..Override::default()
        };
        let expected = Policy {
            max_certified_broken: None,
            require_told: false,
            ..own.clone()
        };
        assert_eq!(asked.over(own.clone()), expected);
        assert_eq!(Override::default().over(own.clone()), own);
        assert!(Limit::try_from("many".to_owned()).is_err());
    }
}
