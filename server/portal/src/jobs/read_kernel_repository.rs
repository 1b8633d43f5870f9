//! Registers the kernels of a distribution's repository from its metadata.

use super::JobError;
use crate::app::App;
use crate::audience::Named;
use crate::embargo::release_date;
use crate::error::Error;
use crate::fetch::{self, Primary};
use crate::kernel_uploads::{Kernels, in_words};
use crate::registering::{self, Told};
use anyhow::Context as _;
use kernel_source::{Found, Limits};
use keyring::Certificate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::kernel_repositories::KernelRepository;
use url::Url;
use uuid::Uuid;

/// Networks fail: so often it is tried before that is the outcome.
const TRIES: i32 = 4;

/// What was asked for beside address and product.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Wish {
    pub status: String,
    /// A day or a moment.
    pub release_date: Option<String>,
    /// Only the kernel of this release.
    pub release: Option<String>,
    pub arch: Option<String>,
    pub flavor: Option<String>,
    /// Vendors that may know of the kernels before they are released.
    pub vendors: Option<String>,
    /// Armored key that must have signed the repository.
    pub key: Option<String>,
}

pub async fn run(app: &App, id: Uuid, attempts: i32) -> Result<(), JobError> {
    let repository = {
        let mut conn = app.pool.acquire().await?;
        store::kernel_repositories::by_id(&mut conn, id).await?
    };
    let Some(repository) = repository.filter(|found| found.finished_at.is_none()) else {
        return Ok(());
    };
    let outcome = match read(app, &repository).await {
        Ok(outcome) => outcome,
        Err(Trouble::Passing(why)) if attempts < TRIES => {
            return Err(JobError::Retry(anyhow::anyhow!(why)));
        }
        Err(Trouble::Passing(why)) => json!({ "error": why }),
        Err(Trouble::Asked(Error::Problem(problem))) => json!({ "error": problem.detail }),
        Err(Trouble::Asked(Error::Internal(error))) => return Err(JobError::Retry(error)),
    };
    let mut conn = app.pool.acquire().await?;
    store::kernel_repositories::finish(&mut conn, id, &outcome, app.now()).await?;
    store::notify(&mut conn, store::channel::KERNELS, &id.to_string()).await?;
    Ok(())
}

enum Trouble {
    /// May go well later.
    Passing(String),
    /// Never will, or is our own fault.
    Asked(Error),
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Trouble::Asked(error.into())
    }
}

async fn read(app: &App, repository: &KernelRepository) -> Result<Value, Trouble> {
    let wish: Wish =
        serde_json::from_value(repository.wish.clone()).map_err(anyhow::Error::from)?;
    let now = app.now();
    let wanted = Primary {
        url: Url::parse(&repository.url).map_err(anyhow::Error::from)?,
        keys: match &wish.key {
            Some(key) => keys(key)?,
            None => Vec::new(),
        },
        limit: app.config.max_kernel_bytes,
    };
    let folder = app.storage.incoming();
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    let fetched = fetch::primary(&app.fetcher, &wanted, &folder, seconds).await;
    let (name, file) = fetched.map_err(|error| match error.is_passing() {
        true => Trouble::Passing(error.to_string()),
        false => Trouble::Asked(Error::unprocessable(error.to_string())),
    })?;
    let found =
        tokio::task::spawn_blocking(move || kernel_source::read(file, &name, &Limits::default()));
    let found = found
        .await
        .map_err(anyhow::Error::from)?
        .map_err(in_words)?;
    let Found::Repository(kernels) = found else {
        return Err(Error::unprocessable("The repository's primary is no primary.xml.").into());
    };
    let mut conn = app.pool.acquire().await.map_err(Error::from)?;
    let product = store::products::by_id(&mut conn, repository.product_id)
        .await
        .map_err(Error::from)?
        .context("the product is gone")?;
    let audience = match &wish.vendors {
        Some(names) => Some(Named::parse(&mut conn, names).await?),
        None => None,
    };
    drop(conn);
    let told = Told {
        arch: wish.arch,
        flavor: wish.flavor,
        release: wish.release,
        status: Some(wish.status),
        planned: wish
            .release_date
            .as_deref()
            .map(|text| release_date(text, &app.config.timezone))
            .transpose()?,
        ..Told::default()
    };
    let kernels = Kernels::Repository(Box::new(kernels));
    let audience = audience.as_ref();
    let done = registering::several(&app.pool, &product, &told, kernels, audience, now).await;
    done.map_err(Trouble::Asked)
}

/// The certificates of a pinned key.
///
/// # Errors
/// 422 when there is none.
pub fn keys(armored: &str) -> Result<Vec<Certificate>, Error> {
    Certificate::parse_all(armored.as_bytes())
        .map_err(|error| Error::unprocessable(format!("`key` is no OpenPGP key: {error}.")))
}
