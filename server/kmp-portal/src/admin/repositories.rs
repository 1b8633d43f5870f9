//! `kmp-portal admin repository …` and `… job …`.

use super::Office;
use clap::Subcommand;
use serde_json::Value;

/// Names are `PRODUCT/CHANNEL/ARCH`.
#[derive(Subcommand)]
pub enum Repository {
    /// Print what clients see of each, and what went wrong
    List,
    /// Print the generations that are kept, newest first
    Generations { name: String },
    /// Show clients the packages of an earlier generation, as the next one, until `resume`
    RollBack {
        name: String,
        generation: i64,
        /// Why; it stands on the status page and in the audit trail
        #[arg(long)]
        reason: String,
    },
    /// Show clients the newest packages again
    Resume { name: String },
    /// Change how it is made
    Set {
        name: String,
        /// How data files are packed; zstd is half as large and not read by SLE 12 and EL 7
        #[arg(long, value_parser = ["gzip", "zstd"])]
        compress: String,
    },
    /// Read all that is published as clients would, and have damage mended
    Check {
        /// Compare each package with its SHA-256, too: reads all of them
        #[arg(long)]
        packages: bool,
    },
}

#[derive(Subcommand)]
pub enum Job {
    /// Print the jobs that were given up, newest first
    List,
    /// Have one tried again
    Retry { id: i64 },
}

/// Carries out a command about repositories.
pub async fn repository(office: &Office, command: &Repository) -> anyhow::Result<Value> {
    match command {
        Repository::List => office.list_repositories().await,
        Repository::Generations { name } => office.list_generations(name).await,
        Repository::RollBack {
            name,
            generation,
            reason,
        } => office.roll_back(name, *generation, reason).await,
        Repository::Resume { name } => office.resume(name).await,
        Repository::Set { name, compress } => office.set_compression(name, compress).await,
        Repository::Check { packages } => office.check_repositories(*packages).await,
    }
}

/// Carries out a command about jobs.
pub async fn job(office: &Office, command: &Job) -> anyhow::Result<Value> {
    match command {
        Job::List => office.list_jobs().await,
        Job::Retry { id } => office.retry_job(*id).await,
    }
}
