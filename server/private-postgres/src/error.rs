//! What can go wrong, each as a sentence that tells how to mend it.

use std::io;
use std::path::{Path, PathBuf};

/// Why the cluster could not be found, made, started, asked or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No PostgreSQL of the needed version is installed.
    #[error(
        "no PostgreSQL {needed} or newer found ({found}); install it with `apt-get install postgresql` \
         (Debian, Ubuntu), `dnf install postgresql-server` (Fedora, Red Hat) or \
         `zypper install postgresql-server` (SUSE)"
    )]
    NoPrograms {
        /// Smallest major version that would do.
        needed: u32,
        /// What was found instead.
        found: String,
    },

    /// The cluster was made by a major version whose programs are gone.
    #[error(
        "the database in {cluster} was made by PostgreSQL {needed}, but only {found} is installed; \
         install PostgreSQL {needed} again, or carry the data over with `pg_upgrade`"
    )]
    OtherVersion {
        /// The cluster's folder.
        cluster: PathBuf,
        /// Content of its `PG_VERSION`.
        needed: u32,
        /// Versions that are installed.
        found: String,
    },

    /// Another process works with this folder.
    #[error("{data_dir} is in use by process {holder}; stop it, or choose another data folder")]
    InUse {
        /// The data folder.
        data_dir: PathBuf,
        /// Process id of the one who holds the lock, as it wrote it down.
        holder: String,
    },

    /// Started as root, and the user that PostgreSQL is to run as cannot enter the folder.
    #[error(
        "PostgreSQL runs as user {user}, who may not enter {blocked} on the way to {data_dir}; \
         allow it with `chmod o+x {blocked}`, or choose a data folder below /var/lib"
    )]
    Unreachable {
        /// Name or number of the user.
        user: String,
        /// The first folder on the way without permission to pass.
        blocked: PathBuf,
        /// The folder that was asked for.
        data_dir: PathBuf,
    },

    /// Started as root, and there is nobody to become.
    #[error(
        "PostgreSQL refuses to run as root, and /etc/passwd has neither `postgres` nor `nobody`; \
         add one of them, or start as another user"
    )]
    NoUser,

    /// The folder for the socket exists, but others could have put things there.
    #[error("{path} is not a private folder of user {user}; remove it and start again")]
    SocketFolder {
        /// The folder.
        path: PathBuf,
        /// Who should own it, alone.
        user: String,
    },

    /// `initdb`, `psql` or `postgres` ended with a failure.
    #[error("{program} failed ({status}): {output}")]
    Failed {
        /// Its path.
        program: PathBuf,
        /// Exit status in words.
        status: String,
        /// The last lines it wrote.
        output: String,
    },

    /// The cluster did not accept connections in time.
    #[error("PostgreSQL was not ready after {seconds} s; the last lines of its log: {output}")]
    Timeout {
        /// How long we waited.
        seconds: u64,
        /// The last lines of the log.
        output: String,
    },

    /// Processes of an earlier cluster do not end.
    #[error(
        "process {pid} of an earlier PostgreSQL still works in {cluster} and does not end; end it by hand"
    )]
    Stubborn {
        /// Its process id.
        pid: i32,
        /// The cluster's folder.
        cluster: PathBuf,
    },

    /// A file operation failed.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// `read`, `create` …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: adds what was tried on which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io {
            action,
            path,
            source,
        }
    }
}
