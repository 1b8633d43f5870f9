//! Products: what a repository is for. Arches, kernel flavors and channels of each.

use crate::{PgConnection, Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub id: i64,
    pub name: String,
    pub display_name: String,
    /// `suse` or `redhat`.
    pub family: String,
    pub arches: Vec<String>,
    pub flavors: Vec<String>,
    pub channels: Vec<String>,
    pub default_channel: String,
    /// Uploads enter here and nowhere else; to the other channels packages come by promotion.
    /// `None`: uploads go to any channel.
    pub entry_channel: Option<String>,
    /// A promotion is asked for by one and confirmed by another, who did not upload the package.
    pub two_person: bool,
}

impl Product {
    /// Where uploads go that name no channel.
    #[must_use]
    pub fn upload_channel(&self) -> &str {
        self.entry_channel
            .as_deref()
            .unwrap_or(&self.default_channel)
    }
}

/// What an operator says of a product.
#[derive(Clone, Debug)]
pub struct NewProduct<'a> {
    pub name: &'a str,
    pub display_name: &'a str,
    pub family: &'a str,
    pub arches: &'a [String],
    pub flavors: &'a [String],
    pub channels: &'a [String],
    pub default_channel: &'a str,
}

/// Adds a product, or brings the one of that name up to date. Arches, flavors and channels are
/// only ever added: packages may already stand in them.
pub async fn upsert(
    conn: &mut PgConnection,
    new: &NewProduct<'_>,
    now: Time,
) -> sqlx::Result<Product> {
    sqlx::query_as!(
        Product,
        "INSERT INTO products
             (name, display_name, family, arches, flavors, channels, default_channel, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT ON CONSTRAINT products_name_key DO UPDATE SET
             display_name = $2,
             family = $3,
             arches = ARRAY(SELECT DISTINCT unnest(products.arches || $4) ORDER BY 1),
             flavors = ARRAY(SELECT DISTINCT unnest(products.flavors || $5) ORDER BY 1),
             channels = ARRAY(SELECT DISTINCT unnest(products.channels || $6) ORDER BY 1),
             default_channel = $7
         RETURNING id, name, display_name, family, arches, flavors, channels, default_channel,
                   entry_channel, two_person",
        new.name,
        new.display_name,
        new.family,
        new.arches,
        new.flavors,
        new.channels,
        new.default_channel,
        now,
    )
    .fetch_one(conn)
    .await
}

pub async fn by_name(conn: &mut PgConnection, name: &str) -> sqlx::Result<Option<Product>> {
    sqlx::query_as!(
        Product,
        "SELECT id, name, display_name, family, arches, flavors, channels, default_channel,
                entry_channel, two_person
         FROM products WHERE name = $1",
        name,
    )
    .fetch_optional(conn)
    .await
}

pub async fn by_id(conn: &mut PgConnection, id: i64) -> sqlx::Result<Option<Product>> {
    sqlx::query_as!(
        Product,
        "SELECT id, name, display_name, family, arches, flavors, channels, default_channel,
                entry_channel, two_person
         FROM products WHERE id = $1",
        id,
    )
    .fetch_optional(conn)
    .await
}

pub async fn list(conn: &mut PgConnection) -> sqlx::Result<Vec<Product>> {
    sqlx::query_as!(
        Product,
        "SELECT id, name, display_name, family, arches, flavors, channels, default_channel,
                entry_channel, two_person
         FROM products ORDER BY name",
    )
    .fetch_all(conn)
    .await
}

/// How packages come into the channels of a product. What makes no sense is refused by
/// `products_entry_channel_listed` and `products_two_person_has_entry`.
pub async fn set_entry(
    conn: &mut PgConnection,
    product_id: i64,
    entry_channel: Option<&str>,
    two_person: bool,
) -> sqlx::Result<()> {
    sqlx::query!(
        "UPDATE products SET entry_channel = $2, two_person = $3 WHERE id = $1",
        product_id,
        entry_channel,
        two_person,
    )
    .execute(conn)
    .await?;
    Ok(())
}
