//! Makes the cluster's folder: in a folder aside, renamed when complete.

use std::fs;
use std::path::{Path, PathBuf};

use crate::owner::Owner;
use crate::programs::Programs;
use crate::{Durability, Error, ROLE};

/// Folders aside begin with this; those of a start that was killed are removed by the next.
const UNFINISHED: &str = "cluster.new-";

/// Makes `DATA/cluster`, which does not exist. The caller holds the lock of `data_dir`.
pub(crate) fn make(
    programs: &Programs,
    owner: &Owner,
    data_dir: &Path,
    durability: Durability,
) -> Result<(), Error> {
    remove_unfinished(data_dir)?;
    let aside = data_dir.join(format!("{UNFINISHED}{}", std::process::id()));
    owner
        .make_private_folder(&aside)
        .map_err(Error::io("create", &aside))?;
    run(programs, owner, &aside, durability)?;
    let cluster = data_dir.join("cluster");
    fs::rename(&aside, &cluster).map_err(Error::io("rename", &aside))?;
    // initdb has synced what is inside; the new name is in the parent.
    fs::File::open(data_dir)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("sync", data_dir))
}

/// Major version that an existing cluster was made by; none when there is no cluster yet.
pub(crate) fn major_of(cluster: &Path) -> Result<Option<u32>, Error> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| {
            let source = std::io::Error::other(format!("{:?} is not a major version", text.trim()));
            Error::io("understand", &path)(source)
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !cluster.exists() => Ok(None),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

fn run(
    programs: &Programs,
    owner: &Owner,
    folder: &Path,
    durability: Durability,
) -> Result<(), Error> {
    let program: PathBuf = programs.path("initdb");
    let mut command = owner.command(&program);
    command
        .arg("--pgdata")
        .arg(folder)
        .arg(format!("--username={ROLE}"));
    command.args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]);
    // Who reaches the socket has passed the folder's permissions; TCP is off, and refused if it were on.
    command.args(["--auth-local=trust", "--auth-host=reject"]);
    command.arg(match durability {
        Durability::Full => "--data-checksums",
        Durability::Throwaway => "--no-sync",
    });
    let output = command.output().map_err(Error::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        program,
        status: output.status.to_string(),
        output: crate::log::last_lines(&String::from_utf8_lossy(&output.stderr)),
    })
}

fn remove_unfinished(data_dir: &Path) -> Result<(), Error> {
    let entries = fs::read_dir(data_dir).map_err(Error::io("list", data_dir))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}
