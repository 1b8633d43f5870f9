//! Runs programs that end with us, whether a test panics or all of it is killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::until;

/// `$1` the program's log, `$2` a folder to remove when *we* end the program, the rest its command
/// line. The shell ends with the program's status. It learns of our end by the end of its input.
const SCRIPT: &str = r#"
log=$1 folder=$2
shift 2
exec 3<&0
"$@" </dev/null 3<&- >>"$log" 2>&1 &
program=$!
echo "$program"
{ cat <&3; kill -TERM "$program"; } >/dev/null 2>&1 &
reader=$!
wait "$program"
status=$?
kill -0 "$reader" 2>/dev/null || { [ -n "$folder" ] && rm -rf "$folder"; }
kill "$reader" 2>/dev/null
exit "$status"
"#;

/// An orderly end takes no longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that starts takes no longer, a new database included.
const START: Duration = Duration::from_secs(90);

/// A running program. Let go of it and it is asked to end; nobody waits for it.
pub struct Leash {
    shell: Child,
    input: Option<ChildStdin>,
    program: Pid,
    log: PathBuf,
}

impl Leash {
    /// Starts a program that writes into a log.
    pub fn start(command: &Command, log: &Path) -> Leash {
        Leash::with_folder(command, log, None)
    }

    /// The same with a folder that is removed after the program was asked to end.
    pub fn with_folder(command: &Command, log: &Path, folder: Option<&Path>) -> Leash {
        use std::io::{BufRead as _, BufReader};
        use std::os::unix::process::CommandExt as _;
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, "leash"]).arg(log);
        shell.arg(folder.unwrap_or(Path::new("")));
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        // Not in our process group: Ctrl-C ends us, and only thereby the program.
        shell.process_group(0);
        shell
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut shell = shell.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let program = line.trim().parse().ok().and_then(Pid::from_raw).unwrap();
        Leash {
            input: shell.stdin.take(),
            shell,
            program,
            log: log.into(),
        }
    }

    /// Looks again and again until the program is ready; a panic with what it said if it ends.
    pub fn until_ready<T>(&mut self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        until(&format!("{what} is ready"), START, || {
            if let Some(status) = self.ended() {
                let text = fs::read_to_string(&self.log).unwrap_or_default();
                panic!(
                    "{what} ended ({status}); `cargo xtask test` installs what is missing\n{text}"
                );
            }
            look()
        })
    }

    /// Process id of the program.
    pub fn pid(&self) -> Pid {
        self.program
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(mut self) {
        kill_process(self.program, Signal::KILL).unwrap();
        self.shell.wait().unwrap();
    }

    /// Its status if it ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.shell.try_wait().unwrap()
    }

    /// Asks it to end and waits for that.
    pub fn stop(mut self) -> ExitStatus {
        self.input.take();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            if Instant::now() > deadline {
                let _ = kill_process(self.program, Signal::KILL);
                panic!("the program did not end within {PATIENCE:?} after SIGTERM");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
