//! Work that outlives a request. One file per job; each is idempotent, because a worker may die at
//! any instruction and the job is then done again.

pub(crate) mod inspect_package;
mod judge_kernel;
mod probe_mirror;
mod publish_repository;
mod read_kernel_repository;
mod send_mail;
mod worker;

pub use read_kernel_repository::{Wish, keys as pinned_keys};
pub use worker::{Worker, run_due};

use crate::app::App;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{PgConnection, Time};
use uuid::Uuid;

/// What can be queued. Serialised as the job's kind and payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Read a received package, decide on it, judge it on every kernel.
    InspectPackage {
        package_id: Uuid,
    },
    /// Judge every package on a kernel, and tell vendors whose packages break.
    JudgeKernel {
        kernel_id: Uuid,
    },
    /// Judge what may have changed because a package came or went.
    JudgePackage {
        package_id: Uuid,
    },
    /// Make the repository's next generation.
    PublishRepository {
        repository_id: i64,
    },
    /// Look what a mirror has of every repository.
    ProbeMirror {
        mirror_id: i64,
    },
    SendMail {
        mail_id: i64,
    },
    /// Register the kernels that a distribution's repository names.
    ReadKernelRepository {
        repository_id: Uuid,
    },
    /// Judge the packages of somebody else's repository on all kernels of its product.
    JudgeSource {
        source_id: Uuid,
    },
}

/// Why a job did not finish, decided where it happens.
#[derive(Debug)]
pub enum JobError {
    /// May go well later.
    Retry(anyhow::Error),
    /// Could not even be tried, for a reason that lies in this machine: no try is counted.
    Later(anyhow::Error),
    /// Never will.
    GiveUp(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for JobError {
    fn from(error: E) -> Self {
        Self::Retry(error.into())
    }
}

impl Job {
    /// Queues the job in the caller's transaction.
    ///
    /// # Errors
    /// The database fails.
    pub async fn enqueue(&self, conn: &mut PgConnection, now: Time) -> sqlx::Result<()> {
        let (kind, payload) = self.to_row()?;
        store::jobs::enqueue(conn, &kind, &payload, now).await
    }

    /// Queues many jobs of one kind.
    ///
    /// # Errors
    /// The database fails.
    pub async fn enqueue_all(
        jobs: &[Self],
        conn: &mut PgConnection,
        now: Time,
    ) -> sqlx::Result<()> {
        let Some((kind, _)) = jobs.first().map(Self::to_row).transpose()? else {
            return Ok(());
        };
        let payloads = jobs.iter().map(|job| Ok(job.to_row()?.1));
        let payloads = payloads.collect::<sqlx::Result<Vec<_>>>()?;
        store::jobs::enqueue_all(conn, &kind, &payloads, now).await
    }

    /// Its kind and payload.
    fn to_row(&self) -> sqlx::Result<(String, serde_json::Value)> {
        let mut value = serde_json::to_value(self).map_err(|e| sqlx::Error::Encode(e.into()))?;
        let kind = value["kind"].as_str().unwrap_or_default().to_owned();
        Ok((kind, value["payload"].take()))
    }

    fn from_row(row: &store::jobs::Job) -> serde_json::Result<Self> {
        serde_json::from_value(serde_json::json!({ "kind": row.kind, "payload": row.payload }))
    }

    async fn run(self, app: &Arc<App>, attempts: i32) -> Result<(), JobError> {
        match self {
            Self::InspectPackage { package_id } => {
                inspect_package::run(app, package_id, attempts).await
            }
            Self::JudgeKernel { kernel_id } => judge_kernel::run(app, kernel_id).await,
            Self::JudgePackage { package_id } => {
                let now = app.now();
                crate::judging::judge_package(&app.judging, &app.pool, package_id, now).await?;
                Ok(inspect_package::queue_neighbours(app, package_id).await?)
            }
            Self::PublishRepository { repository_id } => {
                publish_repository::run(app, repository_id).await
            }
            Self::ProbeMirror { mirror_id } => probe_mirror::run(app, mirror_id).await,
            Self::SendMail { mail_id } => send_mail::run(app, mail_id).await,
            Self::ReadKernelRepository { repository_id } => {
                read_kernel_repository::run(app, repository_id, attempts).await
            }
            Self::JudgeSource { source_id } => Ok(crate::sources::judge(app, source_id).await?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_comes_back_as_it_was_queued() {
        let jobs = [
            Job::InspectPackage {
                package_id: Uuid::now_v7(),
            },
            Job::JudgeKernel {
                kernel_id: Uuid::now_v7(),
            },
            Job::JudgePackage {
                package_id: Uuid::now_v7(),
            },
            Job::PublishRepository { repository_id: 7 },
            Job::SendMail { mail_id: 8 },
            Job::ProbeMirror { mirror_id: 9 },
        ];
        for job in jobs {
            let value = serde_json::to_value(&job).unwrap();
            let row = store::jobs::Job {
                id: 1,
                kind: value["kind"].as_str().unwrap().to_owned(),
                payload: value["payload"].clone(),
                attempts: 1,
            };
            assert_eq!(Job::from_row(&row).unwrap(), job);
        }
    }
}
