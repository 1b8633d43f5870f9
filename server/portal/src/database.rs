//! The database: one that is named, or a private one in the data folder.

use crate::config::Config;
use anyhow::Context as _;
use private_postgres::{Cluster, Settings};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::str::FromStr as _;
use std::time::Duration;
use store::PgPool;

const NAME: &str = "kmp_portal";
const CONNECTIONS: u32 = 16;

/// A database with all migrations, and the cluster it lives in if that is ours.
pub struct Database {
    pub pool: PgPool,
    /// `None`: somebody else runs it.
    pub cluster: Option<Cluster>,
}

impl Database {
    /// For a server: starts the private cluster, which must not be in use.
    ///
    /// # Errors
    /// PostgreSQL cannot be started or reached, or a migration fails.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        match &config.database_url {
            Some(url) => Ok(Self {
                pool: connect(url).await?,
                cluster: None,
            }),
            None => Self::start_private(config).await,
        }
    }

    /// For a command beside a server: uses the private cluster of a running server, else starts it.
    ///
    /// # Errors
    /// PostgreSQL cannot be started or reached, or a migration fails.
    pub async fn join(config: &Config) -> anyhow::Result<Self> {
        if config.database_url.is_none()
            && let Some(url) = private_postgres::running_url(&config.data_dir, NAME)
        {
            return Ok(Self {
                pool: connect(&url).await?,
                cluster: None,
            });
        }
        Self::open(config).await
    }

    async fn start_private(config: &Config) -> anyhow::Result<Self> {
        let settings = Settings::new(&config.data_dir);
        let cluster = tokio::task::spawn_blocking(move || {
            let cluster = Cluster::start(&settings)?;
            cluster.create_database(NAME)?;
            Ok::<_, private_postgres::Error>(cluster)
        })
        .await?
        .context("starting the private PostgreSQL; --database-url names another one")?;
        tracing::info!(
            version = cluster.version(),
            pid = cluster.pid(),
            "private PostgreSQL runs"
        );
        let pool = connect(&cluster.url(NAME)).await?;
        Ok(Self {
            pool,
            cluster: Some(cluster),
        })
    }

    /// Closes the connections and stops the cluster if it is ours.
    ///
    /// # Errors
    /// The cluster does not stop.
    pub async fn close(self) -> anyhow::Result<()> {
        self.pool.close().await;
        if let Some(mut cluster) = self.cluster {
            tokio::task::spawn_blocking(move || cluster.stop()).await??;
        }
        Ok(())
    }
}

async fn connect(url: &str) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(url)
        .context("database-url is not understood; it looks like postgres://user@host/database")?
        .application_name("kmp-portal");
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(15))
        .connect_with(options)
        .await
        .context("cannot reach PostgreSQL")?;
    store::MIGRATOR
        .run(&pool)
        .await
        .context("migrating the database")?;
    Ok(pool)
}
