//! What `kmp-portal admin` does: each command is idempotent and tells what is there afterwards.

mod channels;
mod decisions;
mod kernels;
mod registering;
mod repositories;

pub use channels::PromotionSpec;
pub use kernels::KernelSpec;
pub use registering::KernelSource;
pub use store::support::Level;

use crate::audience;
use crate::auth::{hash_password, new_secret, secret_hash};
use crate::config::Config;
use crate::database::Database;
use crate::placing::queue_publication;
use crate::zone::Zone;
use anyhow::{Context as _, bail, ensure};
use keyring::Certificate;
use serde_json::{Value, json};
use store::products::NewProduct;
use store::vendors::{Vendor, VendorKey};
use store::{PgConnection, Time, Viewer};

/// Administration of the database that the configuration names.
pub struct Admin {
    database: Database,
    config: Config,
    now: Time,
    zone: Zone,
}

/// What an operator says of a product.
#[derive(Clone, Debug)]
pub struct ProductSpec {
    pub name: String,
    pub display_name: Option<String>,
    pub family: String,
    pub arches: Vec<String>,
    pub flavors: Vec<String>,
    pub channels: Vec<String>,
    pub default_channel: Option<String>,
}

const CHANNELS: [&str; 2] = ["stable", "testing"];
/// No channel is called so.
const VIEWS: &str = "vendors";

impl Admin {
    /// Joins a running server, or opens its database for the time of the command.
    ///
    /// # Errors
    /// The database cannot be reached.
    #[expect(clippy::disallowed_methods, reason = "a command line's own clock")]
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            database: Database::join(config).await?,
            config: config.clone(),
            now: Time::now_utc(),
            zone: config.timezone.clone(),
        })
    }

    /// # Errors
    /// The private cluster does not stop.
    pub async fn close(self) -> anyhow::Result<()> {
        self.database.close().await
    }

    /// Adds a product, or arches, flavors and channels to it, and publishes its repositories,
    /// empty at first.
    ///
    /// # Errors
    /// A name has the wrong form, or the database fails.
    pub async fn add_product(&self, spec: &ProductSpec) -> anyhow::Result<Value> {
        ensure!(!spec.arches.is_empty(), "name at least one --arch");
        // Below it lie the repositories of single vendors.
        ensure!(
            !spec.channels.iter().any(|it| it == VIEWS),
            "`{VIEWS}` stands for something else in addresses; name the channel otherwise"
        );
        for (what, words) in [
            ("arch", &spec.arches),
            ("flavor", &spec.flavors),
            ("channel", &spec.channels),
        ] {
            for word in words {
                check_word(what, word)?;
            }
        }
        let default_channel = spec
            .default_channel
            .clone()
            .or_else(|| spec.channels.first().cloned())
            .unwrap_or_else(|| CHANNELS[0].to_owned());
        let mut channels = match spec.channels.is_empty() {
            true => CHANNELS.map(str::to_owned).to_vec(),
            false => spec.channels.clone(),
        };
        if !channels.contains(&default_channel) {
            channels.push(default_channel.clone());
        }
        let mut tx = self.database.pool.begin().await?;
        let new = NewProduct {
            name: &spec.name,
            display_name: spec.display_name.as_deref().unwrap_or(&spec.name),
            family: &spec.family,
            arches: &spec.arches,
            flavors: &spec.flavors,
            channels: &channels,
            default_channel: &default_channel,
        };
        let product = store::products::upsert(&mut tx, &new, self.now)
            .await
            .map_err(in_words)?;
        for channel in &product.channels {
            for arch in &product.arches {
                queue_publication(&mut tx, &product, channel, arch, None, self.now).await?;
            }
        }
        tx.commit().await?;
        Ok(json!({
            "name": product.name,
            "display_name": product.display_name,
            "family": product.family,
            "arches": product.arches,
            "flavors": product.flavors,
            "channels": product.channels,
            "default_channel": product.default_channel,
        }))
    }

    /// # Errors
    /// The name has the wrong form, the address is none, or the database fails.
    pub async fn add_vendor(
        &self,
        name: &str,
        display_name: Option<&str>,
        email: &str,
    ) -> anyhow::Result<Value> {
        email
            .parse::<lettre::message::Mailbox>()
            .with_context(|| format!("`{email}` is not a mail address"))?;
        ensure!(
            name != audience::ALL,
            "`{name}` stands for every vendor where vendors are named; choose another name"
        );
        let mut conn = self.database.pool.acquire().await?;
        let display_name = display_name.unwrap_or(name);
        let vendor = store::vendors::upsert(&mut conn, name, display_name, email, self.now)
            .await
            .map_err(in_words)?;
        Ok(vendor_json(&vendor))
    }

    /// Registers every certificate of an armored or binary file for a vendor.
    ///
    /// # Errors
    /// No certificate in it, or one that is registered for another vendor.
    pub async fn add_vendor_key(&self, vendor: &str, bytes: &[u8]) -> anyhow::Result<Value> {
        let certificates = Certificate::parse_all(bytes)?;
        let mut tx = self.database.pool.begin().await?;
        let vendor = self.vendor(&mut tx, vendor).await?;
        let mut keys = Vec::new();
        for certificate in certificates {
            let key = VendorKey {
                vendor_id: vendor.id,
                fingerprint: certificate.fingerprint(),
                user_id: certificate.user_id(),
                armored: certificate.to_armored(),
                retired_at: None,
                retired_reason: None,
            };
            let owner = store::vendors::upsert_key(&mut tx, &key, self.now).await?;
            ensure!(
                owner == vendor.id,
                "the key {} is registered for another vendor",
                key.fingerprint
            );
            keys.push(key_json(&vendor.name, &key));
        }
        tx.commit().await?;
        Ok(json!({ "vendor": vendor.name, "keys": keys }))
    }

    /// Makes a token; the secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// Unknown vendor, or the database fails.
    pub async fn create_token(
        &self,
        vendor: Option<&str>,
        label: Option<&str>,
        expires_days: Option<u16>,
    ) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let vendor_id = match vendor {
            Some(name) => Some(self.vendor(&mut conn, name).await?.id),
            None => None,
        };
        let secret = new_secret("kmp_");
        let expires_at = expires_days.map(|d| self.now + time::Duration::days(i64::from(d)));
        let label = label.or(vendor).unwrap_or("distributor");
        store::accounts::insert_token(
            &mut conn,
            &secret_hash(&secret),
            label,
            vendor_id,
            expires_at,
            self.now,
        )
        .await?;
        Ok(json!({
            "token": secret,
            "label": label,
            "vendor": vendor,
            "expires_at": expires_at.map(crate::views::rfc3339),
        }))
    }

    /// Ends every token of this label, at once.
    ///
    /// # Errors
    /// There is none, or the database fails.
    pub async fn revoke_tokens(&self, label: &str) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let revoked = store::accounts::delete_tokens(&mut conn, label).await?;
        ensure!(
            revoked > 0,
            "there is no token labelled `{label}`; `kmp-portal admin list tokens` shows them"
        );
        Ok(json!({ "label": label, "revoked": revoked }))
    }

    /// Adds a person or sets the password; without one, makes it, and the answer holds it.
    ///
    /// # Errors
    /// A short password, an unknown vendor, a name of the wrong form.
    pub async fn add_user(
        &self,
        name: &str,
        vendor: Option<&str>,
        password: Option<String>,
    ) -> anyhow::Result<Value> {
        let made = password.is_none();
        let password = password.unwrap_or_else(|| new_secret("")[..20].to_owned());
        ensure!(
            password.len() >= 8,
            "a password needs at least 8 characters"
        );
        let mut conn = self.database.pool.acquire().await?;
        let vendor_id = match vendor {
            Some(name) => Some(self.vendor(&mut conn, name).await?.id),
            None => None,
        };
        let hash = {
            let password = password.clone();
            tokio::task::spawn_blocking(move || hash_password(&password)).await??
        };
        store::accounts::upsert_user(&mut conn, name, &hash, vendor_id, self.now)
            .await
            .map_err(in_words)?;
        Ok(json!({
            "name": name,
            "vendor": vendor,
            "password": made.then_some(password),
        }))
    }

    /// Lists `products`, `vendors`, `vendor-keys`, `tokens`, `users` or `kernels`.
    ///
    /// # Errors
    /// Another word, or the database fails.
    pub async fn list(&self, what: &str) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        Ok(match what {
            "products" => store::products::list(&mut conn)
                .await?
                .into_iter()
                .map(|p| {
                    json!({ "name": p.name, "display_name": p.display_name, "family": p.family,
                            "arches": p.arches, "flavors": p.flavors, "channels": p.channels,
                            "default_channel": p.default_channel })
                })
                .collect(),
            "vendors" => store::vendors::list(&mut conn)
                .await?
                .iter()
                .map(vendor_json)
                .collect(),
            "vendor-keys" => {
                let vendors = store::vendors::list(&mut conn).await?;
                let name = |id| vendors.iter().find(|v| v.id == id).map_or("", |v| &v.name);
                let keys = store::vendors::list_keys(&mut conn, None).await?;
                keys.iter()
                    .map(|k| key_json(name(k.vendor_id), k))
                    .collect()
            }
            "tokens" => json!(store::accounts::list_tokens(&mut conn).await?),
            "users" => store::accounts::list_users(&mut conn)
                .await?
                .into_iter()
                .map(|u| json!({ "name": u.name, "vendor": u.vendor_name }))
                .collect(),
            "kernels" => {
                let all = store::kernels::Filter::default();
                store::kernels::list(&mut conn, Viewer::Distributor, &all)
                    .await?
                    .into_iter()
                    .map(|k| {
                        json!({ "id": k.id, "product": k.product, "arch": k.arch,
                                "flavor": k.flavor, "release": k.release, "status": k.status })
                    })
                    .collect()
            }
            other => bail!("`{other}` cannot be listed"),
        })
    }

    async fn vendor(&self, conn: &mut PgConnection, name: &str) -> anyhow::Result<Vendor> {
        store::vendors::by_name(conn, name).await?.with_context(|| {
            format!("there is no vendor `{name}`; `kmp-portal admin vendor add` makes one")
        })
    }
}

fn vendor_json(vendor: &Vendor) -> Value {
    json!({
        "name": vendor.name,
        "display_name": vendor.display_name,
        "email": vendor.email,
    })
}

fn key_json(vendor: &str, key: &VendorKey) -> Value {
    json!({
        "vendor": vendor,
        "fingerprint": key.fingerprint,
        "user_id": key.user_id,
        "retired_at": key.retired_at.map(crate::views::rfc3339),
        "retired_reason": key.retired_reason,
    })
}

/// Arches, flavors and channels become parts of paths and of dependencies.
fn check_word(what: &str, word: &str) -> anyhow::Result<()> {
    let is_fine = !word.is_empty()
        && word.len() <= 32
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !word.starts_with('.');
    ensure!(
        is_fine,
        "the {what} `{word}` may have letters, digits, `.`, `_` and `-` only"
    );
    Ok(())
}

/// Constraints in the words of the one who typed the command.
fn in_words(error: sqlx::Error) -> anyhow::Error {
    let meaning = match store::violated_constraint(&error) {
        Some("products_name_form" | "vendors_name_form" | "users_name_form") => {
            "a name has lower-case letters, digits, `.`, `_` and `-`, and starts with a letter or digit"
        }
        Some("products_family_known") => "the family is `suse` or `redhat`",
        Some("products_default_channel_listed") => "the default channel is not among the channels",
        _ => return error.into(),
    };
    anyhow::anyhow!(meaning)
}
