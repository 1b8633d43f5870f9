//! The user that PostgreSQL runs as: ourselves, or an unprivileged one when we are root.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;

/// Users to become when started as root, by preference.
const UNPRIVILEGED: &[&str] = &["postgres", "nobody"];

/// Environment of ours that the programs may see; everything else, and above all `PG*`, stays out.
const PASSED_ENVIRONMENT: &[&str] = &["PATH", "LD_LIBRARY_PATH", "TMPDIR"];

/// A user, and whether we have to become it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// For messages.
    pub name: String,
    /// We are root and start the programs as this user.
    become_it: bool,
}

impl Owner {
    /// Who runs the cluster in `cluster`. Root takes the user that an existing cluster belongs to, so
    /// that one administrator's `sudo` does not change hands.
    pub(crate) fn of(cluster: &Path) -> Result<Owner, Error> {
        let uid = rustix::process::geteuid().as_raw();
        if uid != 0 {
            let gid = rustix::process::getegid().as_raw();
            return Ok(Owner {
                uid,
                gid,
                name: uid.to_string(),
                become_it: false,
            });
        }
        if let Ok(found) = fs::metadata(cluster)
            && found.uid() != 0
        {
            let (uid, gid) = (found.uid(), found.gid());
            return Ok(Owner {
                uid,
                gid,
                name: uid.to_string(),
                become_it: true,
            });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (uid, gid, name) = unprivileged(&passwd).ok_or(Error::NoUser)?;
        Ok(Owner {
            uid,
            gid,
            name,
            become_it: true,
        })
    }

    /// A command that runs as this user, with a clean environment, apart from our terminal.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null());
        for name in PASSED_ENVIRONMENT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // Ctrl-C at a terminal goes to the whole process group; the cluster must outlive it until we
        // have finished our own work.
        command.process_group(0);
        if self.become_it {
            // Also drops the supplementary groups, as std does when root sets a user.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Makes the folder `path` for this user alone. An existing one is left as it is.
    pub(crate) fn make_private_folder(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            other => other?,
        }
        if self.become_it {
            lchown(path, Some(self.uid), Some(self.gid))?;
        }
        Ok(())
    }

    /// Whether `path` is a folder that belongs to this user alone.
    pub(crate) fn owns_privately(&self, path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok_and(|found| {
            found.is_dir() && found.uid() == self.uid && found.mode() & 0o077 == 0
        })
    }

    /// Makes sure that the user can reach what is inside `data_dir`. The folder itself is opened for
    /// passing through when it is root's; its parents are not ours to change.
    pub(crate) fn must_reach(&self, data_dir: &Path) -> Result<(), Error> {
        if !self.become_it {
            return Ok(());
        }
        let found = fs::metadata(data_dir).map_err(Error::io("look at", data_dir))?;
        if !self.may_enter(&found) && found.uid() == 0 {
            let mode = fs::Permissions::from_mode(found.mode() & 0o7777 | 0o001);
            fs::set_permissions(data_dir, mode).map_err(Error::io("open for passing", data_dir))?;
        }
        // From the root down, so that the first obstacle is named.
        let mut way: Vec<&Path> = data_dir.ancestors().collect();
        way.reverse();
        for folder in way {
            let found = fs::metadata(folder).map_err(Error::io("look at", folder))?;
            if !self.may_enter(&found) {
                return Err(Error::Unreachable {
                    user: self.name.clone(),
                    blocked: folder.to_owned(),
                    data_dir: data_dir.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn may_enter(&self, folder: &Metadata) -> bool {
        let needed = if folder.uid() == self.uid {
            0o100
        } else if folder.gid() == self.gid {
            0o010
        } else {
            0o001
        };
        folder.mode() & needed != 0
    }
}

/// User id, group id and name of the preferred unprivileged user.
fn unprivileged(passwd: &str) -> Option<(u32, u32, String)> {
    UNPRIVILEGED.iter().find_map(|wanted| {
        passwd.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, ..] = fields[..] else {
                return None;
            };
            let (uid, gid) = (uid.parse().ok()?, gid.parse().ok()?);
            (name == *wanted && uid != 0).then(|| (uid, gid, name.to_owned()))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_postgres_to_nobody_and_never_takes_root() {
        let cases = [
            (
                "nobody:x:65534:65533::/:/bin/false\npostgres:x:101:104:PostgreSQL:/var:/bin/bash\n",
                Some((101, 104, "postgres")),
            ),
            (
                "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n",
                Some((65534, 65533, "nobody")),
            ),
            ("postgres:x:0:0::/:/bin/sh\n", None),
            ("postgres\n\n:::\nnobody:x:a:b:::\n", None),
        ];
        for (passwd, expected) in cases {
            let found = unprivileged(passwd);
            assert_eq!(
                found
                    .as_ref()
                    .map(|(uid, gid, name)| (*uid, *gid, name.as_str())),
                expected,
                "{passwd}"
            );
        }
    }
}
