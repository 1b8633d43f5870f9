//! `kmp-portal serve` with a data folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use rustix::process::Pid;
use xtask::demo::api::Api;
use xtask::demo::portal::command;

use super::disk::Disk;
use super::leash::Leash;
use super::{free_port, given, scratch, succeed};

/// Lines of the log shown when something goes wrong.
const LOG_LINES: usize = 12;

/// A portal's process. It can be killed and started again on the same data.
pub struct Server {
    pub api: Api,
    port: u16,
    options: Vec<String>,
    folder: PathBuf,
    leash: Option<Leash>,
    /// What lies below a folder of the data folder, if not with the rest.
    disk: Option<Disk>,
}

impl Server {
    /// Starts one with further options and waits until it answers.
    pub fn start(options: &[&str]) -> Server {
        let mut server = Server::prepare(options);
        server.begin();
        server
    }

    /// The same with a disk of its own, of so many bytes, for a folder of the data folder; an empty
    /// name means all of it.
    pub fn start_on_small_disk(options: &[&str], folder: &str, bytes: u64) -> Server {
        let mut server = Server::prepare(options);
        let folder = server.data().join(folder);
        fs::create_dir_all(&folder).unwrap();
        server.disk = Some(Disk::over(&folder, bytes));
        server.begin();
        server
    }

    fn prepare(options: &[&str]) -> Server {
        let port = free_port();
        Server {
            api: Api::new(&format!("http://127.0.0.1:{port}")),
            port,
            options: options.iter().map(|option| String::from(*option)).collect(),
            folder: scratch().keep(),
            leash: None,
            disk: None,
        }
    }

    /// Starts the program on the data that is there.
    pub fn begin(&mut self) {
        let mut serve = self.subcommand("serve");
        let listen = format!("127.0.0.1:{}", self.port);
        serve.args(["--listen", &listen]).args(&self.options);
        let mut leash = Leash::with_folder(&serve, &self.log(), Some(&self.folder));
        leash.until_ready("the portal", || {
            let answer = self.api.get("/healthz", None);
            answer
                .is_ok_and(|answer| answer.status == 200)
                .then_some(())
        });
        self.leash = Some(leash);
    }

    /// SIGKILL: what is not on the disk is lost.
    pub fn kill(&mut self) {
        self.leash.take().expect("it runs").kill();
    }

    /// Ends it in order, which removes its data.
    pub fn stop(mut self) -> ExitStatus {
        self.leash.take().expect("it runs").stop()
    }

    /// What `kmp-portal admin …` prints.
    #[track_caller]
    pub fn admin(&self, arguments: &[&str]) -> String {
        let text = succeed(self.admin_command().args(arguments));
        text.trim_end().into()
    }

    pub fn admin_command(&self) -> Command {
        self.subcommand("admin")
    }

    /// The program on the same data, where the same disk is mounted.
    pub fn subcommand(&self, name: &str) -> Command {
        let mut command = command(&given("KMP_PORTAL_PROGRAM"), &self.data());
        command.arg(name);
        match &self.disk {
            Some(disk) => disk.within(&command),
            None => command,
        }
    }

    /// The disk that it was started on.
    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("it has a small disk")
    }

    /// `http://host:port`, without a slash at its end.
    pub fn base(&self) -> &str {
        self.api.base()
    }

    /// Process id of the running program.
    pub fn pid(&self) -> Pid {
        self.leash.as_ref().expect("it runs").pid()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Files below a folder of the data folder, folders left out.
    pub fn files_in(&self, folder: &str) -> Vec<PathBuf> {
        let data = match &self.disk {
            Some(disk) => disk.see(&self.data()),
            None => self.data(),
        };
        let mut files = Vec::new();
        collect(&data.join(folder), &mut files);
        files.sort();
        files
    }

    /// The mails that were sent, in their order.
    pub fn mails(&self) -> Vec<PathBuf> {
        let mut files = self.files_in("mail");
        files.retain(|file| file.extension().is_some_and(|end| end == "eml"));
        files
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join("portal.log")
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let text = fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            eprintln!("the portal's log ends with\n{last}");
        }
        if self.leash.is_none() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}
