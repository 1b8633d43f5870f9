//! Reads for which vendors a kernel under embargo is, as distributors write it: `all`, or names.

use crate::error::{Error, Result};
use store::{PgConnection, Time};
use uuid::Uuid;

/// Stands for every vendor there is and will be; no vendor is called so.
pub const ALL: &str = "all";

/// An audience in the words by which it is named.
#[must_use]
pub fn words(audience: &store::audience::Audience) -> Vec<String> {
    let all = audience.everyone.then(|| ALL.to_owned());
    all.into_iter().chain(audience.vendors.clone()).collect()
}

/// Vendors a distributor named, looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    everyone: bool,
    ids: Vec<i64>,
}

impl Named {
    /// Looks up names separated by commas; none names nobody.
    ///
    /// # Errors
    /// 404 for a vendor that there is not.
    pub async fn parse(conn: &mut PgConnection, text: &str) -> Result<Self> {
        let words = text.split(',').map(str::trim).filter(|w| !w.is_empty());
        Self::find(conn, words).await
    }

    /// Looks up names.
    ///
    /// # Errors
    /// 404 for a vendor that there is not.
    pub async fn find<'a>(
        conn: &mut PgConnection,
        names: impl Iterator<Item = &'a str>,
    ) -> Result<Self> {
        let mut named = Self::default();
        for name in names {
            if name == ALL {
                named.everyone = true;
                continue;
            }
            let vendor = store::vendors::by_name(conn, name).await?.ok_or_else(|| {
                Error::not_found(format!(
                    "There is no vendor `{name}`. Name vendors by their short names, separated by \
                     commas, or `{ALL}` for every vendor."
                ))
            })?;
            named.ids.push(vendor.id);
        }
        Ok(named)
    }

    /// Makes them the audience of a kernel.
    ///
    /// # Errors
    /// The database fails.
    pub async fn save(
        &self,
        conn: &mut PgConnection,
        kernel_id: Uuid,
        now: Time,
    ) -> sqlx::Result<()> {
        store::audience::set(conn, kernel_id, self.everyone, &self.ids, now).await
    }
}
