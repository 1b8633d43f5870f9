//! `kmp-portal admin repository …` and `… job …`: as over the API, at the operator's desk.

use super::Admin;
use crate::publishing::{Depth, Publisher};
use crate::repositories;
use crate::repository_key::RepositoryKey;
use crate::storage::Storage;
use crate::waivers::OPERATOR;
use serde_json::{Value, json};
use std::sync::Arc;

impl Admin {
    /// How all repositories are.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list_repositories(&self) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let mut described = Vec::new();
        for repository in store::repositories::list(&mut conn).await? {
            described.push(repositories::describe(&mut conn, &repository).await?);
        }
        Ok(described.into())
    }

    /// The kept generations of `product/channel/arch`, newest first.
    ///
    /// # Errors
    /// There is no such repository, or the database fails.
    pub async fn list_generations(&self, name: &str) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let repository = repositories::by_name(&mut conn, name).await?;
        Ok(repositories::history(&mut conn, &repository).await?)
    }

    /// Shows clients the packages of an earlier generation until [`Admin::resume`].
    ///
    /// # Errors
    /// There is no such repository or generation, or the reason is missing.
    pub async fn roll_back(&self, name: &str, number: i64, reason: &str) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let found = repositories::by_name(&mut tx, name).await?;
        repositories::roll_back(&mut tx, &found, number, reason, OPERATOR, self.now).await?;
        let found = repositories::by_name(&mut tx, name).await?;
        let answer = repositories::describe(&mut tx, &found).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Shows clients again what the repository wants.
    ///
    /// # Errors
    /// There is no such repository.
    pub async fn resume(&self, name: &str) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let found = repositories::by_name(&mut tx, name).await?;
        repositories::resume(&mut tx, &found, OPERATOR, self.now).await?;
        let found = repositories::by_name(&mut tx, name).await?;
        let answer = repositories::describe(&mut tx, &found).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Packs data files by `gzip` or `zstd`.
    ///
    /// # Errors
    /// There is no such repository, or it is another word.
    pub async fn set_compression(&self, name: &str, compression: &str) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        let found = repositories::by_name(&mut tx, name).await?;
        repositories::set_compression(&mut tx, &found, compression, OPERATOR, self.now).await?;
        let found = repositories::by_name(&mut tx, name).await?;
        let answer = repositories::describe(&mut tx, &found).await?;
        tx.commit().await?;
        Ok(answer)
    }

    /// Reads all published repositories as clients would, packages with their digests if asked.
    /// What is wrong is noted for the status page, and a publication queued that heals what it can.
    ///
    /// # Errors
    /// The database or the key cannot be read.
    pub async fn check_repositories(&self, packages: bool) -> anyhow::Result<Value> {
        let storage = Storage::open(&self.config.data_dir)?;
        let seconds = self.now.unix_timestamp().cast_unsigned();
        let key = RepositoryKey::open(&self.config, &storage.keys(), seconds)?;
        let publisher = Publisher {
            pool: self.database.pool.clone(),
            storage,
            key: Arc::new(key),
            grace: self.config.generation_grace,
        };
        let depth = match packages {
            true => Depth::Packages,
            false => Depth::Metadata,
        };
        let checked = publisher.check_all(depth, self.now).await?;
        let rows = checked.into_iter().map(
            |(repository, faults)| json!({ "repository": repository.name(), "faults": faults }),
        );
        Ok(rows.collect())
    }

    /// The jobs that were given up.
    ///
    /// # Errors
    /// The database fails.
    pub async fn list_jobs(&self) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        let jobs = store::jobs::given_up(&mut conn, repositories::GIVEN_UP).await?;
        Ok(jobs.iter().map(repositories::job_json).collect())
    }

    /// Has a job tried again that was given up.
    ///
    /// # Errors
    /// There is none of this number.
    pub async fn retry_job(&self, id: i64) -> anyhow::Result<Value> {
        let mut tx = self.database.pool.begin().await?;
        repositories::revive_job(&mut tx, id, OPERATOR, self.now).await?;
        tx.commit().await?;
        Ok(json!({ "id": id, "state": "queued" }))
    }
}
