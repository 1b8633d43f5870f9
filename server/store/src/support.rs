//! What a product's distributor says of support for packages, and the licences users agree to. A
//! product that says nothing has no susedata in its repositories.

use crate::PgConnection;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::collections::BTreeMap;

/// What is said of a product's packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// Of packages whose vendor is not named.
    pub level: Level,
    /// By the vendor's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vendors: BTreeMap<String, Statement>,
}

/// What is said of one vendor's packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    pub level: Level,
    /// The licence that users agree to before they install; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub eula: String,
}

/// How far the distributor supports a package, in the words of libzypp (`VendorSupportOptions.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Not at all.
    Unsupported,
    /// Under an additional contract with the customer.
    Acc,
    /// Problem determination.
    L1,
    /// Problem isolation.
    L2,
    /// Problem resolution.
    L3,
}

impl Level {
    pub const ALL: [Self; 5] = [Self::Unsupported, Self::Acc, Self::L1, Self::L2, Self::L3];

    /// The word in susedata.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Unsupported => "support_unsupported",
            Self::Acc => "support_acc",
            Self::L1 => "support_l1",
            Self::L2 => "support_l2",
            Self::L3 => "support_l3",
        }
    }

    /// The word in settings.
    #[must_use]
    pub fn word(self) -> &'static str {
        self.keyword().trim_start_matches("support_")
    }

    /// The level of this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.word() == word)
    }
}

impl Support {
    /// What is said of a vendor's packages: level and licence.
    #[must_use]
    pub fn of(&self, vendor: &str) -> (Level, &str) {
        match self.vendors.get(vendor) {
            Some(statement) => (statement.level, &statement.eula),
            None => (self.level, ""),
        }
    }
}

/// What a product says; `None`: it wants no susedata.
pub async fn of_product(conn: &mut PgConnection, product_id: i64) -> sqlx::Result<Option<Support>> {
    let support = sqlx::query_scalar!(
        r#"SELECT support AS "support: Json<Support>" FROM products WHERE id = $1"#,
        product_id,
    )
    .fetch_one(conn)
    .await?;
    Ok(support.map(|support| support.0))
}

/// Replaces what a product says.
pub async fn set(
    conn: &mut PgConnection,
    product_id: i64,
    support: Option<&Support>,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE products SET support = $2 WHERE id = $1",
        product_id,
        support.map(Json) as _,
    )
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_one_word_each() {
        for level in Level::ALL {
            assert_eq!(Level::of(level.word()), Some(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.word());
        }
        assert_eq!(Level::of("l4"), None);
    }

    #[test]
    fn a_vendor_that_is_not_named_has_the_products_level() {
        let text =
            r#"{"level": "unsupported", "vendors": {"acme": {"level": "l2", "eula": "Agree."}}}"#;
        let support: Support = serde_json::from_str(text).unwrap();
        assert_eq!(support.of("acme"), (Level::L2, "Agree."));
        assert_eq!(support.of("beta"), (Level::Unsupported, ""));
    }
}
