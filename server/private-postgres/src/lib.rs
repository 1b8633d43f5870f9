//! A PostgreSQL cluster of our own, made with the system's programs.
//!
//! It lives in one data folder and speaks through a unix socket only. Whoever may enter that folder
//! may use the database; nobody else can. Nothing is downloaded, and nothing outside the folder is
//! touched but a socket folder below `/run` or `/tmp` when the data folder's path is too long.
//!
//! ```text
//! DATA/postgres.lock   held by the process that runs the cluster (flock), its process id inside
//! DATA/postgres.log    what the cluster says
//! DATA/socket/         .s.PGSQL.5432
//! DATA/cluster/        PostgreSQL's own data folder, complete or absent, never half made
//! ```
//!
//! # When the process that started it dies
//!
//! The cluster must not outlive its starter, or a second one could find it half in use. Three nets:
//!
//! 1. [`Cluster::stop`], also run on drop, ends it in order.
//! 2. After `kill -9` a small shell that waits at the end of a pipe sees the pipe close and sends the
//!    signal in our place.
//! 3. When that shell died as well, the next [`Cluster::start`] finds the orphan by its working
//!    folder, ends it in order and starts anew.
//!
//! A cluster that was itself killed recovers from its write-ahead log at the next start. Under
//! systemd use `KillMode=mixed`, so that the server, not systemd, ends its cluster.
//!
//! All functions block; call them from a thread that may.

mod cluster;
mod error;
mod initdb;
mod lock;
mod log;
mod owner;
mod postmaster;
mod programs;
mod psql;
mod settings;
mod socket;
mod throwaway;
mod url;
mod watchdog;

pub use cluster::{Cluster, running_url};
pub use error::Error;
pub use settings::{Durability, Settings};

/// The oldest major version whose programs we use.
pub const OLDEST_MAJOR: u32 = 15;

/// The database role that owns everything; the only one in a new cluster.
pub const ROLE: &str = "kmp_portal";
