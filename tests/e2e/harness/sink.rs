//! An SMTP server that keeps every mail.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use xtask::demo::mail::{self, Mail};

use super::leash::Leash;
use super::{free_port, scratch};

/// The system's own, which its packages of modules are for, whatever `PATH` finds first.
const PYTHON: &str = "/usr/bin/python3";

pub struct Sink {
    port: u16,
    folder: TempDir,
    _program: Leash,
}

impl Sink {
    pub fn open() -> Sink {
        let (port, folder) = (free_port(), scratch());
        let mut program = Command::new(PYTHON);
        program.args([
            "-m",
            "aiosmtpd",
            "--nosetuid",
            "--listen",
            &format!("127.0.0.1:{port}"),
        ]);
        program
            .args(["--class", "aiosmtpd.handlers.Mailbox"])
            .arg(folder.path().join("mails"));
        let log = folder.path().join("sink.log");
        let mut leash = Leash::start(&program, &log);
        leash.until_ready("the SMTP sink", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Sink {
            port,
            folder,
            _program: leash,
        }
    }

    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }

    /// All mails that came, and whom each was for by its envelope.
    pub fn mails(&self) -> Vec<(String, Mail)> {
        let new = self.folder.path().join("mails/new");
        let files = fs::read_dir(new).into_iter().flatten();
        files.map(|file| read(file.unwrap().path())).collect()
    }
}

/// The sink notes the envelope in a header of its own.
fn read(file: PathBuf) -> (String, Mail) {
    let text = fs::read_to_string(&file).unwrap();
    let envelope = text
        .lines()
        .find_map(|line| line.strip_prefix("X-RcptTo: "));
    (
        envelope.expect("the sink notes the recipient").into(),
        mail::read(file).unwrap(),
    )
}
