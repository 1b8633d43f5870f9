//! Looking at an uploaded package: all that is done with its bytes after they were received.
//!
//! A [`Task`] goes in, an [`Answer`] comes out. Both are plain data, and between them is neither a
//! database nor a clock: the work is done by a process of its own, which can do nothing but compute
//! ([`confine`]). Here is the side of the service: it starts that process, waits, and makes a finding
//! of its death.

mod child;
mod modules;
mod task;

pub use child::{Walls, main as child_main};
pub use task::{Answer, Reading, Task};

use crate::limits::Limits;
use crate::refusals;
use child::{Reply, Request, Work};
use confine::{Bounds, Ended, Room};
use inspect::Finding;
use kmod::Module;
use modules::Modules;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The subcommand of `kmp-portal` that is [`child_main`].
pub const SUBCOMMAND: &str = "inspect-upload";

/// Processor time for the modules of a file that somebody only asks about: he waits for the answer.
const READING: Duration = Duration::from_secs(10);

/// Starts inspections. How many run at a time is bounded by the number of job loops, which each wait
/// for one.
#[derive(Clone, Debug)]
pub struct Inspector {
    room: Room,
    bounds: Arc<Bounds>,
}

/// Why an inspection found nothing out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The machine's trouble: the process could not be started, or the file not be read.
    #[error("the inspection could not be made: {0}")]
    Trouble(String),
    /// Somebody ended it.
    #[error("the inspection was ended from outside, by signal {0}")]
    Interrupted(i32),
}

impl Inspector {
    #[must_use]
    pub fn new(limits: &Limits) -> Inspector {
        Inspector {
            room: Room::of_this_program(SUBCOMMAND),
            bounds: Arc::new(limits.bounds()),
        }
    }

    /// Looks at the package in this file: what it says, or the finding that refuses it unread. To die
    /// of it is such a finding.
    ///
    /// # Errors
    /// Nothing was found out about the package.
    pub async fn look(
        &self,
        package: PathBuf,
        task: Task,
    ) -> Result<Result<Box<Reading>, Finding>, Failure> {
        let started = Instant::now();
        let ended = match self
            .ask(Work::Inspect(package, Box::new(task)), self.bounds.clone())
            .await
        {
            Ok(Reply::Inspected(answer)) => Ok(answer),
            Ok(_) => Err(garbled("an answer to another question")),
            Err(ended) => Err(ended),
        };
        let outcome = outcome(&ended);
        metrics::histogram!("kmp_portal_inspection_seconds", "outcome" => outcome)
            .record(started.elapsed().as_secs_f64());
        match ended {
            Ok(Answer::Read(reading)) => {
                for error in &reading.key_trouble {
                    tracing::error!(error, "a registered key cannot be read");
                }
                Ok(Ok(reading))
            }
            Ok(Answer::Refused(finding)) => Ok(Err(finding)),
            Ok(Answer::Trouble(why)) => Err(Failure::Trouble(why)),
            Err(Ended::NotStarted(error)) => Err(Failure::Trouble(error.to_string())),
            Err(Ended::Interrupted { signal }) => Err(Failure::Interrupted(signal)),
            Err(ended) => {
                tracing::warn!(error = %ended, outcome, "an inspection died");
                Ok(Err(refusals::died(&ended)))
            }
        }
    }

    /// Reads the modules of this package, or this module, or says why that cannot be done.
    ///
    /// # Errors
    /// Nothing was found out about the file.
    pub async fn read_modules(
        &self,
        file: PathBuf,
        name: String,
    ) -> Result<Result<Vec<Module>, String>, Failure> {
        let limits = kmp::Limits::default();
        let bounds = Bounds {
            cpu: self.bounds.cpu.min(READING),
            wall: self.bounds.wall.min(READING * 2),
            ..Bounds::clone(&self.bounds)
        };
        let work = Work::Read(file, name, limits);
        let ended = match self.ask(work, Arc::new(bounds)).await {
            Ok(Reply::Modules(answer)) => Ok(answer),
            Ok(_) => Err(garbled("an answer to another question")),
            Err(ended) => Err(ended),
        };
        match ended {
            Ok(Modules::Read(modules)) => Ok(Ok(modules)),
            Ok(Modules::Refused(why)) => Ok(Err(why)),
            Ok(Modules::Trouble(why)) => Err(Failure::Trouble(why)),
            Err(Ended::NotStarted(error)) => Err(Failure::Trouble(error.to_string())),
            Err(Ended::Interrupted { signal }) => Err(Failure::Interrupted(signal)),
            Err(ended) => Ok(Err(refusals::died(&ended).detail)),
        }
    }

    /// Tries what a confined process can still do here.
    ///
    /// # Errors
    /// It could not be started, or broke down.
    pub async fn try_walls(&self) -> Result<Walls, Ended> {
        match self.ask(Work::TryWalls, self.bounds.clone()).await? {
            Reply::Walls(walls) => Ok(walls),
            _ => Err(garbled("an answer to another question")),
        }
    }

    async fn ask(&self, work: Work, bounds: Arc<Bounds>) -> Result<Reply, Ended> {
        let room = self.room.clone();
        // The thread waits as long as the process lives: it is the parent that this one dies with.
        let asked = tokio::task::spawn_blocking(move || {
            let request = Request {
                parent: std::process::id(),
                bounds: Bounds::clone(&bounds),
                work,
            };
            let request = serde_json::to_vec(&request).map_err(not_started)?;
            let answer = room.run(&request, &bounds)?;
            serde_json::from_slice(&answer).map_err(|error| garbled(&error.to_string()))
        });
        asked.await.map_err(not_started)?
    }
}

fn not_started(error: impl Into<std::io::Error>) -> Ended {
    Ended::NotStarted(error.into())
}

/// An answer that is none: the process was taken over, or its program is another one.
fn garbled(why: &str) -> Ended {
    Ended::Crashed {
        how: "its answer is not understood".to_owned(),
        said: why.to_owned(),
    }
}

/// How an inspection ended, for metrics and the log.
fn outcome(ended: &Result<Answer, Ended>) -> &'static str {
    match ended {
        Ok(Answer::Read(reading)) if reading.is_acceptable() => "ok",
        Ok(Answer::Read(_) | Answer::Refused(_)) => "rejected",
        Ok(Answer::Trouble(_)) | Err(Ended::NotStarted(_)) => "trouble",
        Err(Ended::Memory { .. } | Ended::Answer { .. }) => "killed-memory",
        Err(Ended::Cpu { .. } | Ended::Wall { .. }) => "killed-time",
        Err(Ended::Interrupted { .. }) => "interrupted",
        Err(Ended::Crashed { .. }) => "crashed",
    }
}
