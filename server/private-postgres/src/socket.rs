//! The folder of the unix socket: beside the cluster, or a short one when that path is too long.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::owner::Owner;

/// Part of the socket's file name; nothing listens on TCP.
pub(crate) const PORT: u16 = 5432;

/// `sun_path` of unix(7) without the final NUL.
const LONGEST_SOCKET_PATH: usize = 107;

/// A folder for the socket, private to the cluster's user.
#[derive(Debug)]
pub(crate) struct SocketFolder {
    pub path: PathBuf,
    /// Outside the data folder: removed at the end.
    borrowed: bool,
}

impl SocketFolder {
    /// Makes the folder for the cluster in `data_dir` (absolute).
    pub(crate) fn make(data_dir: &Path, owner: &Owner) -> Result<SocketFolder, Error> {
        let beside = data_dir.join("socket");
        let borrowed = !fits(&beside);
        let path = if borrowed {
            short_folder(data_dir)
        } else {
            beside
        };
        owner
            .make_private_folder(&path)
            .map_err(Error::io("create", &path))?;
        if !owner.owns_privately(&path) {
            return Err(Error::SocketFolder {
                path,
                user: owner.name.clone(),
            });
        }
        Ok(SocketFolder { path, borrowed })
    }

    /// Removes a folder outside of the data folder.
    pub(crate) fn clean_up(&self) {
        if self.borrowed {
            // Left behind it does no harm, the next start takes it again.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn fits(folder: &Path) -> bool {
    folder
        .join(format!(".s.PGSQL.{PORT}.lock"))
        .as_os_str()
        .len()
        <= LONGEST_SOCKET_PATH
}

/// A short path that no other data folder has: below /run for root, else below /tmp.
fn short_folder(data_dir: &Path) -> PathBuf {
    let uid = rustix::process::geteuid().as_raw();
    let hash = fnv1a(data_dir.as_os_str().as_bytes());
    let parent = if uid == 0 && Path::new("/run").is_dir() {
        "/run"
    } else {
        "/tmp"
    };
    Path::new(parent).join(format!("kmp-portal-{uid}-{hash:016x}"))
}

/// 64-bit FNV-1a: the same in every release of the standard library, unlike its own hasher.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_gives_the_published_values() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_short_folder_fits_whatever_the_data_folder() {
        let long = Path::new("/srv").join("x".repeat(300));
        assert!(!fits(&long.join("socket")));
        assert!(fits(&short_folder(&long)));
        assert_ne!(short_folder(&long), short_folder(Path::new("/srv")));
    }
}
