//! The parent's side: starts the process, waits for its answer, and leaves nothing of it behind.

use crate::{Bounds, Ended};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Signal, kill_process_group};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// This program itself, even when its file was replaced or removed since it was started.
const MYSELF: &str = "/proc/self/exe";
/// Bytes of standard error that are kept: the last words.
const LAST_WORDS: usize = 2048;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// How often a process that has said all is asked whether it has ended.
const LEAVING: Duration = Duration::from_millis(1);
/// What Rust's allocator, GMP and others say before they abort for want of memory.
const NO_MEMORY: [&str; 3] = [
    "memory allocation of",
    "annot allocate memory",
    "out of memory",
];

/// How a confined process is started.
#[derive(Clone, Debug)]
pub struct Room {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Room {
    /// Starts this same program with one argument, its subcommand.
    #[must_use]
    pub fn of_this_program(subcommand: &str) -> Room {
        Room::of(MYSELF.into(), &[subcommand])
    }

    fn of(program: PathBuf, arguments: &[&str]) -> Room {
        let arguments = arguments.iter().map(OsString::from).collect();
        Room { program, arguments }
    }

    /// Gives a new process the request as standard input, and has its standard output as answer.
    ///
    /// Blocks until the process has ended; the thread that calls is its parent, and if it ends, so does
    /// a process that asked for it ([`crate::die_with_parent`]).
    ///
    /// # Errors
    /// There is no answer, or not a whole one.
    pub fn run(&self, request: &[u8], bounds: &Bounds) -> Result<Vec<u8>, Ended> {
        let mut guest = self.start(request).map_err(Ended::NotStarted)?;
        let deadline = Instant::now() + bounds.wall;
        let heard = guest.listen(bounds, deadline);
        if heard.is_err() {
            guest.kill();
        }
        let status = guest.leave(deadline).map_err(Ended::NotStarted)?;
        heard?;
        match status {
            Some(status) => guest.judge(status, bounds),
            None => Err(Ended::Wall { limit: bounds.wall }),
        }
    }

    fn start(&self, request: &[u8]) -> io::Result<Guest> {
        // A file in memory, not a pipe: nobody has to write while somebody reads.
        let mut input = File::from(rustix::fs::memfd_create("request", MemfdFlags::CLOEXEC)?);
        input.write_all(request)?;
        input.rewind()?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .process_group(0)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (answer, words) = (child.stdout.take(), child.stderr.take());
        Ok(Guest {
            child,
            answer: Stream::new(answer),
            words: Stream::new(words),
        })
    }
}

/// A running process. Dropped, it is ended.
struct Guest {
    child: Child,
    answer: Stream<ChildStdout>,
    words: Stream<ChildStderr>,
}

impl Guest {
    /// Reads till the process closes its outputs, which it does at the latest when it ends.
    fn listen(&mut self, bounds: &Bounds, deadline: Instant) -> Result<(), Ended> {
        let mut piece = vec![0; PIECE];
        while self.answer.is_open() || self.words.is_open() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Ended::Wall { limit: bounds.wall });
            }
            let (answer, words) = self.wait(left).map_err(Ended::NotStarted)?;
            if answer {
                self.answer.read(&mut piece).map_err(Ended::NotStarted)?;
            }
            if words {
                self.words.read(&mut piece).map_err(Ended::NotStarted)?;
                self.words.keep_end(LAST_WORDS);
            }
            let limit = bounds.answer;
            if self.answer.bytes.len() > limit {
                return Err(Ended::Answer { limit });
            }
        }
        Ok(())
    }

    /// Waits until one of the outputs can be read, or the time has passed. Says which can.
    fn wait(&self, time: Duration) -> io::Result<(bool, bool)> {
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        let open = [self.answer.fd(), self.words.fd()];
        let mut fds: Vec<PollFd<'_>> = open.iter().flatten().cloned().collect();
        match poll(&mut fds, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let [answer, words] = open.map(|fd| fd.is_some() && ready.next() == Some(true));
        Ok((answer, words))
    }

    /// Waits for its end, and ends it when the time has passed: then there is no status of its own.
    fn leave(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= deadline {
                self.kill();
                self.child.wait()?;
                return Ok(None);
            }
            std::thread::sleep(LEAVING);
        }
    }

    fn kill(&mut self) {
        // Its own group; and while it was not waited for, the number is nobody else's.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended by itself.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn judge(&mut self, status: ExitStatus, bounds: &Bounds) -> Result<Vec<u8>, Ended> {
        if status.success() {
            return Ok(std::mem::take(&mut self.answer.bytes));
        }
        let said = String::from_utf8_lossy(&self.words.bytes).trim().to_owned();
        let outside = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP];
        let signal = status.signal();
        Err(match signal {
            Some(signal) if signal == Signal::XCPU.as_raw() => Ended::Cpu { limit: bounds.cpu },
            Some(signal) if outside.iter().any(|other| other.as_raw() == signal) => {
                Ended::Interrupted { signal }
            }
            Some(signal)
                if signal == Signal::ABORT.as_raw()
                    && NO_MEMORY.iter().any(|words| said.contains(words)) =>
            {
                Ended::Memory {
                    limit: bounds.memory,
                }
            }
            _ => Ended::Crashed {
                how: status.to_string(),
                said,
            },
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill();
            // Killed; what is left is to take note of it.
            let _ = self.child.wait();
        }
    }
}

/// One output of the process, and what came of it.
struct Stream<R> {
    /// `None` once it has ended.
    pipe: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read + AsFd> Stream<R> {
    fn new(pipe: Option<R>) -> Stream<R> {
        let bytes = Vec::new();
        Stream { pipe, bytes }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    fn fd(&self) -> Option<PollFd<'_>> {
        let pipe = self.pipe.as_ref()?;
        Some(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN))
    }

    /// Takes what is there, after [`Guest::wait`] said that something is.
    fn read(&mut self, piece: &mut [u8]) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else {
            return Ok(());
        };
        match pipe.read(piece) {
            Ok(0) => self.pipe = None,
            Ok(count) => self.bytes.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn keep_end(&mut self, most: usize) {
        let surplus = self.bytes.len().saturating_sub(most);
        self.bytes.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        Bounds {
            memory: 1 << 20,
            cpu: Duration::from_secs(7),
            wall: Duration::from_secs(60),
            answer: 1 << 20,
        }
    }

    /// What comes of a shell script as the other process.
    fn ended(script: &str, bounds: &Bounds) -> String {
        let room = Room::of("/bin/sh".into(), &["-c", script]);
        match room.run(b"request", bounds) {
            Ok(answer) => String::from_utf8(answer).unwrap(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn each_end_is_told_apart() {
        let cases = [
            ("/bin/cat", "request"),
            // POSIX leaves the shell some variables of its own; none of ours is among them.
            ("echo \"<$HOME$USER$CARGO_MANIFEST_DIR>\"", "<>\n"),
            (
                "kill -KILL $$",
                "the process was ended from outside, by signal 9",
            ),
            (
                "kill -TERM $$",
                "the process was ended from outside, by signal 15",
            ),
            (
                "kill -XCPU $$",
                "it took more than 7 seconds of a processor",
            ),
            (
                "echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$",
                "it took more than 1048576 bytes of memory",
            ),
            (
                "echo oh >&2; exit 3",
                "the process broke down (exit status: 3): oh",
            ),
            (
                "head -c 2000000 /dev/zero; exec sleep 1000",
                "its answer has more than 1048576 bytes",
            ),
        ];
        for (script, expected) in cases {
            assert_eq!(ended(script, &bounds()), expected, "{script}");
        }
    }

    #[test]
    fn one_that_does_not_end_is_ended() {
        let bounds = Bounds {
            wall: Duration::from_millis(50),
            ..bounds()
        };
        for script in ["exec sleep 1000", "exec >&- 2>&-; exec sleep 1000"] {
            assert_eq!(
                ended(script, &bounds),
                "it took more than 0 seconds",
                "{script}"
            );
        }
    }

    #[test]
    fn of_many_words_the_last_are_kept() {
        let script = "head -c 1000000 /dev/zero >&2; echo the end >&2; exit 1";
        let words = ended(script, &bounds());
        assert!(words.ends_with("the end") && words.len() < 2 * LAST_WORDS);
    }

    #[test]
    fn a_program_that_is_missing_was_not_started() {
        let room = Room::of("/does/not/exist".into(), &[]);
        let error = room.run(b"", &bounds()).unwrap_err();
        assert!(matches!(error, Ended::NotStarted(_)), "{error}");
    }
}
