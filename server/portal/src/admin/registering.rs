//! `kmp-portal admin kernel register`: kernels from files of the operator's own.

use super::Admin;
use crate::audience::Named;
use crate::embargo::{check_status, release_date};
use crate::error::Error;
use crate::fetch::{self, Fetcher, Primary};
use crate::registering::{self, Told};
use crate::uploads;
use anyhow::{Context as _, bail, ensure};
use kernel_source::Description;
use serde_json::Value;
use std::fs::File;
use store::kernel_parts::Lists;
use url::Url;

/// What an operator says of kernels; what their sources tell need not be said.
#[derive(Clone, Debug, Default)]
pub struct KernelSource {
    pub product: String,
    /// `preview`, `released` or `retired`.
    pub status: String,
    /// `YYYY-MM-DD`.
    pub release_date: Option<String>,
    /// Vendors that may know of it before it is released, separated by commas, or `all`.
    pub vendors: Option<String>,
    pub arch: Option<String>,
    pub flavor: Option<String>,
    pub release: Option<String>,
    /// Whole vermagic, or what follows its first word.
    pub vermagic: Option<String>,
    pub this_module_size: Option<u64>,
    /// Text of `kabi/severities`.
    pub severities: Option<String>,
    /// The stable symbols.
    pub stablelist: Option<String>,
}

impl Admin {
    /// Registers kernels. The answer lists them, and those that are not the product's.
    ///
    /// # Errors
    /// A single kernel that cannot be registered, a source that cannot be read, the database.
    pub async fn register_kernels(
        &self,
        spec: &KernelSource,
        kernels: impl Iterator<Item = Result<Description, kernel_source::Error>>,
    ) -> anyhow::Result<Value> {
        check_status(&spec.status)?;
        let told = Told {
            arch: spec.arch.clone(),
            flavor: spec.flavor.clone(),
            release: spec.release.clone(),
            status: Some(spec.status.clone()),
            planned: spec
                .release_date
                .as_deref()
                .map(|text| release_date(text, &self.zone))
                .transpose()?,
            vermagic: spec.vermagic.clone(),
            this_module_size: spec.this_module_size,
        };
        let mut conn = self.database.pool.acquire().await?;
        let product = uploads::product_by_name(&mut conn, &spec.product).await?;
        let audience = match &spec.vendors {
            Some(names) => Some(Named::parse(&mut conn, names).await?),
            None => None,
        };
        let kernels = kernels.map(|kernel| kernel.map_err(|why| Error::Internal(why.into())));
        let audience = audience.as_ref();
        let pool = &self.database.pool;
        let done = registering::several(pool, &product, &told, kernels, audience, self.now).await?;
        let (registered, skipped) = (&done["kernels"], &done["skipped"]);
        let count = |list: &Value| list.as_array().map_or(0, Vec::len);
        match (count(registered), skipped.as_array().map(Vec::as_slice)) {
            (0, Some([only])) => bail!("{}", only["why"].as_str().unwrap_or_default()),
            (0, Some([])) => bail!("there is no kernel of the release that was named"),
            _ => {}
        }
        let lists = Lists {
            severities: spec.severities.clone(),
            stablelist: spec.stablelist.clone(),
        };
        if lists != Lists::default() {
            ensure!(
                count(registered) == 1,
                "severities and a list of stable symbols are about one kernel, and there are several"
            );
            let id = registered[0]["id"].as_str().and_then(|id| id.parse().ok());
            let id = id.context("the kernel has an id")?;
            registering::set_lists(&mut conn, id, &lists).await?;
        }
        Ok(done)
    }

    /// Fetches the metadata of a distribution's repository. Gives its name, too.
    ///
    /// # Errors
    /// It cannot be fetched, or is not what its own index and the pinned key say.
    pub async fn fetch_primary(
        &self,
        url: &str,
        key: Option<&[u8]>,
    ) -> anyhow::Result<(String, File)> {
        let wanted = Primary {
            url: Url::parse(url).with_context(|| format!("`{url}` is no address"))?,
            keys: match key {
                Some(key) => keyring::Certificate::parse_all(key)?,
                None => Vec::new(),
            },
            limit: self.config.max_kernel_bytes,
        };
        let fetcher = Fetcher::new(self.config.fetch_allow.clone())?;
        let now = u64::try_from(self.now.unix_timestamp()).unwrap_or(0);
        let folder = std::env::temp_dir();
        Ok(fetch::primary(&fetcher, &wanted, &folder, now).await?)
    }
}
