//! `cargo xtask sqlx`: writes `.sqlx`, by which SQL is checked without a database when compiling.
//!
//! sqlx's macros write these files themselves while `store` is compiled against a database that
//! has the migrations; no other tool is needed. `--check` compares with what is committed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use private_postgres::Cluster;

use crate::packages::{self, Group};
use crate::{sh, test};

/// File name -> contents.
type Queries = BTreeMap<String, String>;

/// Writes `.sqlx` anew, or only compares with it.
pub fn run(project: &Path, check: bool) -> Result<()> {
    packages::ensure(&[Group::Build])?;
    let committed = project.join(".sqlx");
    let fresh = prepare(project)?;
    let old = read(&committed)?;
    if fresh == old {
        println!(".sqlx holds the {} queries of the source", fresh.len());
        return Ok(());
    }
    if check {
        bail!(
            "{}\nrun `cargo xtask sqlx` and commit the folder .sqlx",
            differences(&old, &fresh)
        );
    }
    for name in old.keys().filter(|name| !fresh.contains_key(*name)) {
        fs::remove_file(committed.join(name))?;
    }
    fs::create_dir_all(&committed)?;
    for (name, text) in &fresh {
        fs::write(committed.join(name), text)?;
    }
    println!("{}", differences(&old, &fresh));
    Ok(())
}

/// Has the macros write their files into an empty folder.
fn prepare(project: &Path) -> Result<Queries> {
    let folder = test::target_folder(project)?.join("sqlx-prepare");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut cluster = Cluster::throwaway().context("cannot start a PostgreSQL for the macros")?;
    let url = cluster.url("postgres");
    migrate(project, &url)?;
    // A file whose time is newer is compiled again, and with it its macros.
    let source = File::options()
        .append(true)
        .open(project.join("server/store/src/lib.rs"))?;
    source.set_modified(now())?;
    let mut check = test::cargo(project);
    check.args(["check", "--package", "store", "--all-targets"]);
    check
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &folder)
        .env("DATABASE_URL", url);
    sh::run_loud(&mut check)?;
    cluster.stop()?;
    read(&folder)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a time stamp for cargo to look at"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Applies the migrations in the order of their names.
fn migrate(project: &Path, url: &str) -> Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(project.join("migrations"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let mut psql = sh::command("psql");
    psql.args([
        "--no-psqlrc",
        "--quiet",
        "--set=ON_ERROR_STOP=1",
        "--single-transaction",
        url,
    ]);
    for file in &files {
        psql.arg("--file").arg(file);
    }
    sh::run(&mut psql).context("the migrations do not apply to an empty database")
}

fn read(folder: &Path) -> Result<Queries> {
    let mut queries = Queries::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            queries.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(queries)
}

fn differences(old: &Queries, fresh: &Queries) -> String {
    let new = fresh.keys().filter(|name| !old.contains_key(*name)).count();
    let gone = old.keys().filter(|name| !fresh.contains_key(*name)).count();
    let changed = fresh
        .iter()
        .filter(|(n, text)| old.get(*n).is_some_and(|o| o != *text))
        .count();
    format!(".sqlx: {new} queries new, {gone} gone, {changed} with other types")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted() {
        let queries = |pairs: &[(&str, &str)]| -> Queries {
            pairs
                .iter()
                .map(|(name, text)| ((*name).into(), (*text).into()))
                .collect()
        };
        let (old, fresh) = (
            queries(&[("a", "1"), ("b", "1"), ("c", "1")]),
            queries(&[("b", "2"), ("c", "1"), ("d", "1")]),
        );
        assert_eq!(
            differences(&old, &fresh),
            ".sqlx: 1 queries new, 1 gone, 1 with other types"
        );
    }
}
