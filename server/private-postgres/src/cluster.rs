//! The running cluster: start, addresses, stop.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use rustix::process::Signal;

use crate::lock::Lock;
use crate::log::Log;
use crate::owner::Owner;
use crate::postmaster::{self, PidFile};
use crate::programs::Programs;
use crate::socket::{PORT, SocketFolder};
use crate::watchdog::Watchdog;
use crate::{Error, Settings, initdb, psql, url};

/// Time to recover from a crash and accept connections.
const PATIENCE_AT_START: Duration = Duration::from_secs(300);

/// A running cluster. Stops when dropped.
#[derive(Debug)]
pub struct Cluster {
    // The lock is released last: fields are dropped in this order.
    running: Option<(Child, Option<Watchdog>)>,
    programs: Programs,
    owner: Owner,
    socket: SocketFolder,
    log: Log,
    pid: u32,
    data_dir: PathBuf,
    remove_when_stopped: bool,
    lock: Option<Lock>,
}

impl Cluster {
    /// Starts the cluster in `settings.data_dir`, making it first if there is none, clearing up after
    /// an earlier one that was killed, and waits until it accepts connections.
    ///
    /// # Errors
    ///
    /// No suitable PostgreSQL installed, the folder in use or out of reach, or PostgreSQL's own reason,
    /// with the last lines of its log.
    pub fn start(settings: &Settings) -> Result<Cluster, Error> {
        let data_dir = make_data_dir(&settings.data_dir)?;
        let lock = Lock::take(&data_dir)?;
        let folder = data_dir.join("cluster");
        let owner = Owner::of(&folder)?;
        owner.must_reach(&data_dir)?;
        postmaster::end_orphans(&folder)?;

        let made_by = initdb::major_of(&folder)?;
        let programs = Programs::find(made_by.map(|major| (folder.as_path(), major)))?;
        if made_by.is_none() {
            initdb::make(&programs, &owner, &data_dir, settings.durability)?;
        }
        let socket = SocketFolder::make(&data_dir, &owner)?;
        let log = Log::open(&data_dir)?;

        let program = programs.path("postgres");
        let mut command = owner.command(&program);
        arguments(&mut command, &folder, &socket.path, settings);
        command.stdout(log.output()?).stderr(log.output()?);
        let child = command.spawn().map_err(Error::io("run", &program))?;
        let pid = child.id();
        let watchdog = Watchdog::start(&owner, pid, settings.durability);
        let running = Some((child, watchdog));
        let lock = Some(lock);
        let remove_when_stopped = false;
        let mut cluster = Cluster {
            running,
            programs,
            owner,
            socket,
            log,
            pid,
            data_dir,
            remove_when_stopped,
            lock,
        };
        cluster.wait_ready()?;
        Ok(cluster)
    }

    /// A fresh cluster for a test, in a folder of its own below the system's temporary folder, which
    /// is removed at the end. Folders that killed tests left behind are removed at the next call.
    ///
    /// # Errors
    ///
    /// As [`Cluster::start`].
    pub fn throwaway() -> Result<Cluster, Error> {
        let settings = crate::throwaway::settings()?;
        let mut cluster = Cluster::start(&settings)?;
        cluster.remove_when_stopped = true;
        Ok(cluster)
    }

    /// Connection URL of a database, for sqlx and libpq:
    /// `postgres://kmp_portal@localhost:5432/NAME?host=/socket/folder&sslmode=disable`.
    /// A new cluster has the database `postgres`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url::url(&self.socket.path, database)
    }

    /// Makes the database `name` unless it is there.
    ///
    /// # Errors
    ///
    /// `psql` is missing or reports a failure.
    pub fn create_database(&self, name: &str) -> Result<(), Error> {
        psql::create_database(&self.programs, &self.owner, &self.socket.path, name)
    }

    /// The folder that holds the socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        &self.socket.path
    }

    /// Process id of the postmaster.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Version of the programs that run it, `15.18`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.programs.version
    }

    /// Whether the postmaster still runs. It ends by itself only by a disaster (disk, memory, somebody's
    /// kill); [`Cluster::start`] anew recovers it.
    #[must_use]
    pub fn is_alive(&mut self) -> bool {
        match &mut self.running {
            Some((child, _)) => matches!(child.try_wait(), Ok(None)),
            None => false,
        }
    }

    /// Ends the cluster in order: open transactions are rolled back, everything committed is written.
    /// If that takes longer than a minute, at once: the next start then replays the log. Releases the
    /// folder. A second call does nothing.
    ///
    /// # Errors
    ///
    /// The postmaster cannot be waited for.
    pub fn stop(&mut self) -> Result<(), Error> {
        let Some((mut child, watchdog)) = self.running.take() else {
            return Ok(());
        };
        drop(watchdog);
        let ended = end(&mut child, self.pid);
        self.socket.clean_up();
        if self.remove_when_stopped {
            // A test's leftovers; the next throwaway cluster tries again.
            let _ = fs::remove_dir_all(&self.data_dir);
        }
        self.lock = None;
        ended.map_err(Error::io("wait for", &self.programs.path("postgres")))
    }

    fn wait_ready(&mut self) -> Result<(), Error> {
        let folder = self.data_dir.join("cluster");
        let pid = i32::try_from(self.pid).ok();
        let mut ended = None;
        let settled = postmaster::wait_until(PATIENCE_AT_START, || {
            if let Some((child, _)) = &mut self.running {
                ended = child.try_wait().transpose();
            }
            let file = PidFile::read(&folder);
            ended.is_some() || file.is_some_and(|file| file.ready && Some(file.pid) == pid)
        });
        let output = || self.log.tail();
        match ended {
            None if settled => Ok(()),
            None => Err(Error::Timeout {
                seconds: PATIENCE_AT_START.as_secs(),
                output: output(),
            }),
            Some(status) => Err(Error::Failed {
                program: self.programs.path("postgres"),
                status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
                output: output(),
            }),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Nobody is left to tell; the next start clears up.
        let _ = self.stop();
    }
}

/// URL of `database` in the cluster that another process, a running server, keeps in `data_dir`. None
/// when no process does (start it then) or it is not ready.
#[must_use]
pub fn running_url(data_dir: &Path, database: &str) -> Option<String> {
    let data_dir = data_dir.canonicalize().ok()?;
    if !Lock::is_held(&data_dir) {
        return None;
    }
    let folder = data_dir.join("cluster");
    let file = PidFile::read(&folder)?;
    (file.ready && postmaster::works_in(file.pid, &folder))
        .then(|| url::url(&file.socket_folder, database))
}

/// Makes the data folder unless it is there, and gives its path without links, as `/proc` shows it.
fn make_data_dir(path: &Path) -> Result<PathBuf, Error> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(path)
        .map_err(Error::io("create", path))?;
    path.canonicalize().map_err(Error::io("resolve", path))
}

fn arguments(command: &mut Command, folder: &Path, socket: &Path, settings: &Settings) {
    command.arg("-D").arg(folder);
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    set("log_destination", "stderr");
    set("logging_collector", "off");
    set("log_line_prefix", "%m [%p] ");
    set("timezone", "UTC");
    set("log_timezone", "UTC");
    for (name, value) in settings.durability.server_settings() {
        set(name, value);
    }
    for (name, value) in &settings.extra {
        set(name, value);
    }
    // Of several settings of one name the last one counts: these keep the cluster private.
    set("listen_addresses", "");
    set("port", &PORT.to_string());
    set("unix_socket_permissions", "0700");
    command.arg("-k").arg(socket);
}

fn end(child: &mut Child, pid: u32) -> std::io::Result<()> {
    let pid = i32::try_from(pid).unwrap_or_default();
    for (signal, patience) in [
        (Signal::INT, postmaster::ORDERLY_END),
        (Signal::QUIT, postmaster::IMMEDIATE_END),
    ] {
        // Asked before: after it was waited for, the number may be another process's.
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        postmaster::send(pid, signal);
        if postmaster::wait_until(patience, || {
            matches!(child.try_wait(), Ok(Some(_)) | Err(_))
        }) {
            return child.try_wait().map(drop);
        }
    }
    child.kill()?;
    child.wait().map(drop)
}
