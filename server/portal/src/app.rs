//! What every handler and job shares.

use crate::config::Config;
use crate::fetch::Fetcher;
use crate::hardware::Hardware;
use crate::history::History;
use crate::hub::Hub;
use crate::inspecting::Inspector;
use crate::judging::{Judging, KernelCache};
use crate::mail::Mailer;
use crate::repository_key::RepositoryKey;
use crate::served::Served;
use crate::signatures::Signatures;
use crate::storage::Storage;
use crate::throttle::Throttle;
use crate::what_if::Readers;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use store::{PgPool, Time};
use time::OffsetDateTime;

/// The running portal.
pub struct App {
    pub config: Config,
    pub pool: PgPool,
    pub storage: Storage,
    /// Signs repository metadata.
    pub repository_key: Arc<RepositoryKey>,
    pub mailer: Mailer,
    /// Looks at uploads.
    pub inspector: Inspector,
    /// Fetches what others name.
    pub fetcher: Fetcher,
    /// News from all server processes on this database.
    pub hub: Hub,
    /// Parsed kernels.
    pub kernels: KernelCache,
    /// What all kernels export, by symbol.
    pub history: History,
    /// Packages and kernels as the judge looks at them.
    pub judging: Judging,
    /// Repositories as clients see them.
    pub served: Served,
    /// Of the repository key over texts that anybody may ask for.
    pub signatures: Signatures,
    /// Hardware patterns of published packages.
    pub hardware: Hardware,
    /// How many questions are looked at.
    pub readers: Readers,
    /// Tries to sign in.
    pub throttle: Throttle,
    pub metrics: PrometheusHandle,
}

impl App {
    /// The time, to the microsecond as the database keeps it.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    pub fn now(&self) -> Time {
        let now = OffsetDateTime::now_utc();
        now.replace_nanosecond(now.nanosecond() / 1000 * 1000)
            .unwrap_or(now)
    }

    /// An absolute address below the portal's own.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.config.base_url)
    }
}
