//! The portal's process: started, asked, and stopped in order.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use super::api::Api;
use crate::sh;

/// A new database, migrations and the first key take a few seconds.
const START_TIME: Duration = Duration::from_secs(90);
/// Requests are finished and PostgreSQL writes its last checkpoint.
const STOP_TIME: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// `/proc` counts processor time in so many parts of a second (`USER_HZ`).
const TICKS: u64 = 100;

/// Lines of the log shown when the start fails.
const LOG_LINES: usize = 20;

pub struct Portal {
    pub api: Api,
    program: PathBuf,
    data: PathBuf,
    log: PathBuf,
    child: Child,
    /// Somebody pressed Ctrl-C or ended us.
    ending: Arc<AtomicBool>,
}

impl Portal {
    /// Starts `kmp-portal serve` and waits until it answers.
    pub fn start(program: &Path, listen: &str, data: &Path) -> Result<Portal> {
        let ending = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&ending))?;
        }
        // Somebody else's server would answer our questions.
        TcpListener::bind(listen)
            .with_context(|| format!("cannot listen on {listen}; choose another with --listen"))?;
        let log = data.join("portal.log");
        let output =
            File::create(&log).with_context(|| format!("cannot make {}", log.display()))?;
        let mut serve = command(program, data);
        serve
            .args(["serve", "--listen", listen])
            .arg("--data-dir")
            .arg(data);
        serve
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        // Not in our process group: Ctrl-C comes to us, and we pass it on once.
        let child = serve.process_group(0).spawn();
        let child = child.with_context(|| format!("cannot start {}", program.display()))?;
        let mut portal = Portal {
            api: Api::new(&format!("http://{listen}")),
            program: program.into(),
            data: data.into(),
            log,
            child,
            ending,
        };
        portal.wait_until_healthy()?;
        Ok(portal)
    }

    fn wait_until_healthy(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIME;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the portal ended at once ({status}):\n{}",
                    self.last_log_lines()
                );
            }
            let answer = self.api.get("/healthz", None);
            if answer.is_ok_and(|answer| answer.status == 200) {
                return Ok(());
            }
            if self.ending.load(Ordering::Relaxed) {
                bail!("interrupted");
            }
            if Instant::now() > deadline {
                bail!("the portal does not answer:\n{}", self.last_log_lines());
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Processor time of its process so far, without that of its database.
    pub fn processor_time(&self) -> Result<Duration> {
        let file = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&file)?;
        // Behind the name, which may hold blanks: state, parent …, and the 12th and 13th are user's and
        // system's ticks. Source: proc_pid_stat(5).
        let fields = stat.rsplit_once(')').map(|(_, rest)| rest);
        let fields = fields.unwrap_or_default().split_whitespace();
        let ticks: Vec<u64> = fields
            .skip(11)
            .take(2)
            .filter_map(|it| it.parse().ok())
            .collect();
        let ticks: u64 = ticks.iter().sum();
        Ok(Duration::from_millis(ticks * 1_000 / TICKS))
    }

    /// Runs `kmp-portal admin …` on the same data and returns what it prints.
    pub fn admin(&self, arguments: &[&str]) -> Result<String> {
        let mut admin = command(&self.program, &self.data);
        let text = sh::output(admin.arg("admin").args(arguments))?;
        Ok(text.trim_end().into())
    }

    /// Folder of the mails that no SMTP server takes.
    pub fn mail_folder(&self) -> PathBuf {
        self.data.join("mail")
    }

    pub fn program(&self) -> &Path {
        &self.program
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Returns when somebody pressed Ctrl-C; an error if the portal ends before.
    pub fn wait_for_the_end(&mut self) -> Result<()> {
        while !self.ending.load(Ordering::Relaxed) {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the portal ended by itself ({status}):\n{}",
                    self.last_log_lines()
                );
            }
            thread::sleep(LOOK_EVERY);
        }
        println!("\nstopping");
        Ok(())
    }

    /// Has the portal and its database end in order.
    pub fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(id.context("a process has an id")?, Signal::INT)?;
        let deadline = Instant::now() + STOP_TIME;
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the portal ended with {status}:\n{}", self.last_log_lines()),
                None if Instant::now() > deadline => {
                    self.child.kill()?;
                    bail!("the portal did not stop:\n{}", self.last_log_lines());
                }
                None => thread::sleep(LOOK_EVERY),
            }
        }
    }

    fn last_log_lines(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        format!("{last}\n(all of it in {})", self.log.display())
    }
}

impl Drop for Portal {
    /// After an error: nothing may be left running.
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// The program with the data folder set and nothing else of the caller's settings.
pub fn command(program: &Path, data: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KMP_PORTAL_") {
            command.env_remove(name);
        }
    }
    command.env("KMP_PORTAL_DATA_DIR", data);
    command
}
