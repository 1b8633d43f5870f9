//! What a confined process must not be able to do, tried out.

use crate::Bounds;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};

/// Something that looking at bytes never takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    OpenFile,
    MakeFile,
    /// A socket, for packets or for a connection.
    UseNetwork,
    StartProgram,
    /// Memory beyond its bounds.
    TakeMemory,
}

/// Tries every deed in this process, which should be confined, and gives those that it could do.
#[must_use]
pub fn still_possible(bounds: &Bounds) -> Vec<Deed> {
    let tries = [
        (Deed::OpenFile, can_open()),
        (Deed::MakeFile, can_make()),
        (Deed::UseNetwork, can_talk()),
        (Deed::StartProgram, can_start()),
        (Deed::TakeMemory, can_take(bounds.memory)),
    ];
    let done = tries.into_iter().filter(|(_, could)| *could);
    done.map(|(deed, _)| deed).collect()
}

fn can_open() -> bool {
    File::open("/").is_ok() || File::open("/etc/passwd").is_ok()
}

fn can_make() -> bool {
    let path = std::env::temp_dir().join(format!("kmp-portal-{}", std::process::id()));
    let made = File::create_new(&path).is_ok();
    if made {
        // An empty file in a folder for such, if even that fails.
        let _ = std::fs::remove_file(path);
    }
    made
}

fn can_talk() -> bool {
    const DISCARD: (&str, u16) = ("127.0.0.1", 9);
    let refused_by_peer =
        |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    UdpSocket::bind("127.0.0.1:0").is_ok()
        || TcpStream::connect(DISCARD).map_or_else(|error| refused_by_peer(&error), |_| true)
}

fn can_start() -> bool {
    let mut program = Command::new("/bin/true");
    program.stdin(Stdio::null()).stdout(Stdio::null());
    program.stderr(Stdio::null()).status().is_ok()
}

fn can_take(memory: u64) -> bool {
    let beyond = usize::try_from(memory.saturating_mul(2)).unwrap_or(usize::MAX);
    Vec::<u8>::new().try_reserve_exact(beyond).is_ok()
}
