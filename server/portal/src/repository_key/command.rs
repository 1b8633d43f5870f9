//! A signer outside: a command that reads the document from stdin and writes an armored detached
//! signature to stdout. `gpg --batch --armor --detach-sign --local-user KEY` is one.

use super::Signer;
use anyhow::{Context as _, bail, ensure};
use std::io::{Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// More than any signature, and more than anybody reads of an error, in bytes.
const LONGEST_ANSWER: u64 = 1 << 18;
/// How often is looked whether the command has ended.
const LOOK: Duration = Duration::from_millis(5);

/// The command, and how long it may take.
#[derive(Clone, Debug)]
pub struct CommandSigner {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl CommandSigner {
    /// `line` is the program and its arguments, separated by blanks; there is no shell.
    ///
    /// # Errors
    /// It is empty.
    pub fn new(line: &str, timeout: Duration) -> anyhow::Result<Self> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let program = words.next().context("signer-command is empty")?;
        Ok(Self {
            program,
            arguments: words.collect(),
            timeout,
        })
    }
}

impl Signer for CommandSigner {
    fn sign(&self, data: &[u8], _now: u64) -> anyhow::Result<Vec<u8>> {
        let deadline = Instant::now() + self.timeout;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start signer-command `{}`", self.program))?;
        let answer = converse(&mut child, data);
        let outcome = self.wait(&mut child, deadline, answer);
        if outcome.is_err() {
            // It may have ended by itself; that is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
        outcome
    }
}

/// What a command said on stdout and stderr. Comes when both are closed.
struct Answer {
    out: Receiver<Vec<u8>>,
    error: Receiver<Vec<u8>>,
}

/// The threads end with the pipes. None is waited for: a command may leave a child of its own behind
/// that keeps them open.
fn converse(child: &mut Child, data: &[u8]) -> Answer {
    let (stdin, data) = (child.stdin.take(), data.to_vec());
    thread::spawn(move || {
        // A signer that does not read its input shows in what it answers.
        stdin.map(|mut pipe| pipe.write_all(&data))
    });
    Answer {
        out: collect(child.stdout.take()),
        error: collect(child.stderr.take()),
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (done, bytes) = mpsc::channel();
    thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(pipe) = pipe {
            // What came before an error is all there is.
            let _ = pipe.take(LONGEST_ANSWER).read_to_end(&mut all);
        }
        // Nobody listens after the deadline.
        let _ = done.send(all);
    });
    bytes
}

impl CommandSigner {
    fn wait(
        &self,
        child: &mut Child,
        deadline: Instant,
        answer: Answer,
    ) -> anyhow::Result<Vec<u8>> {
        let late = || {
            format!(
                "signer-command `{}` did not answer within {:?}",
                self.program, self.timeout
            )
        };
        let left = || deadline.saturating_duration_since(Instant::now());
        let out = answer.out.recv_timeout(left()).with_context(late)?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if left().is_zero() {
                bail!(late());
            }
            thread::sleep(LOOK);
        };
        if !status.success() {
            let said = answer.error.recv_timeout(left()).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            bail!(
                "signer-command `{}` failed with {status}: {}",
                self.program,
                said.trim()
            );
        }
        ensure!(
            !out.is_empty(),
            "signer-command `{}` ended well and wrote no signature",
            self.program
        );
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(line: &str) -> CommandSigner {
        CommandSigner::new(line, Duration::from_millis(700)).unwrap()
    }

    #[test]
    fn what_the_command_writes_is_the_signature() {
        assert_eq!(signer("cat").sign(b"document", 0).unwrap(), b"document");
        // Larger than a pipe holds.
        let long = vec![b'x'; 200_000];
        assert_eq!(signer("cat").sign(&long, 0).unwrap(), long);
    }

    #[test]
    fn faults_are_told_apart() {
        let cases = [
            ("false", "failed with exit status: 1"),
            ("true", "wrote no signature"),
            ("sleep 30", "did not answer within"),
            ("/no/such/program", "cannot start"),
            ("cat /no/such/file", "No such file"),
        ];
        for (line, said) in cases {
            let error = signer(line).sign(b"document", 0).unwrap_err();
            assert!(format!("{error:#}").contains(said), "{line}: {error:#}");
        }
        assert!(CommandSigner::new(" ", Duration::ZERO).is_err());
    }

    #[test]
    fn a_signer_that_closes_its_output_and_hangs_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("hang");
        std::fs::write(&script, "exec 1>&- 2>&-\nexec sleep 30\n").unwrap();
        let begun = Instant::now();
        let line = format!("sh {}", script.display());
        let error = signer(&line).sign(b"document", 0).unwrap_err();
        assert!(error.to_string().contains("did not answer"), "{error:#}");
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
