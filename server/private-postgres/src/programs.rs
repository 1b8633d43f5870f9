//! Finds the system's PostgreSQL programs: the newest, or those that fit an existing cluster.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::{Error, OLDEST_MAJOR};

/// Folders that hold one folder per major version, and what follows the version below it:
/// Debian, PGDG's RPMs, SUSE, Alpine.
const VERSIONED: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr/libexec", "postgresql", ""),
];

/// One installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Programs {
    /// Folder with `postgres` and `initdb`.
    pub bin: PathBuf,
    /// `15` of `15.18`.
    pub major: u32,
    /// As the program says it, `15.18`.
    pub version: String,
}

impl Programs {
    /// The installation for a new cluster (`cluster` none: the newest), or for one made earlier
    /// (its folder and major version).
    pub(crate) fn find(cluster: Option<(&Path, u32)>) -> Result<Programs, Error> {
        let all: Vec<Programs> = folders()
            .iter()
            .filter_map(|bin| Programs::in_folder(bin))
            .collect();
        match cluster {
            None => newest(&all),
            Some((cluster, needed)) => matching(&all, cluster, needed),
        }
    }

    /// Path of the program `name`; a client program may live apart from the server's.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let beside = self.bin.join(name);
        if beside.exists() {
            beside
        } else {
            PathBuf::from(name)
        }
    }

    fn in_folder(bin: &Path) -> Option<Programs> {
        if !bin.join("initdb").exists() {
            return None;
        }
        let output = Command::new(bin.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let (major, version) = version(&String::from_utf8_lossy(&output.stdout))?;
        Some(Programs {
            bin: bin.to_owned(),
            major,
            version,
        })
    }
}

fn newest(all: &[Programs]) -> Result<Programs, Error> {
    all.iter()
        .filter(|programs| programs.major >= OLDEST_MAJOR)
        .max_by_key(|programs| programs.major)
        .cloned()
        .ok_or_else(|| Error::NoPrograms {
            needed: OLDEST_MAJOR,
            found: list(all),
        })
}

fn matching(all: &[Programs], cluster: &Path, needed: u32) -> Result<Programs, Error> {
    all.iter()
        .find(|programs| programs.major == needed)
        .cloned()
        .ok_or_else(|| Error::OtherVersion {
            cluster: cluster.to_owned(),
            needed,
            found: list(all),
        })
}

fn list(all: &[Programs]) -> String {
    if all.is_empty() {
        return "none at all".into();
    }
    let each: Vec<String> = all
        .iter()
        .map(|programs| format!("{} in {}", programs.version, programs.bin.display()))
        .collect();
    each.join(", ")
}

/// Every folder that may hold an installation, links resolved, each once.
fn folders() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (parent, prefix, below) in VERSIONED {
        let Ok(entries) = fs::read_dir(parent) else {
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                found.push(entry.path().join(below));
            }
        }
    }
    found.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let mut resolved: Vec<PathBuf> = found
        .iter()
        .filter_map(|folder| {
            folder
                .join("postgres")
                .canonicalize()
                .ok()?
                .parent()
                .map(Path::to_owned)
        })
        .collect();
    resolved.sort();
    resolved.dedup();
    resolved
}

/// Major and full version out of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; also of
/// `17beta2` and `18rc1`.
fn version(line: &str) -> Option<(u32, String)> {
    let (_, rest) = line.split_once("(PostgreSQL) ")?;
    let version = rest.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(bin: &str, version: &str) -> Programs {
        let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
        Programs {
            bin: bin.into(),
            major: digits.parse().unwrap(),
            version: version.into(),
        }
    }

    #[test]
    fn reads_versions() {
        let cases = [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
                Some((15, "15.18")),
            ),
            ("postgres (PostgreSQL) 17beta2\n", Some((17, "17beta2"))),
            ("postgres (PostgreSQL) 9.6.24\n", Some((9, "9.6.24"))),
            ("postgres (EnterpriseDB) 15\n", None),
            ("", None),
            ("postgres (PostgreSQL) devel\n", None),
        ];
        for (line, expected) in cases {
            let found = version(line);
            assert_eq!(
                found.as_ref().map(|(major, text)| (*major, text.as_str())),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn a_new_cluster_takes_the_newest() {
        let all = [
            programs("/a", "9.6.24"),
            programs("/b", "17.2"),
            programs("/c", "15.18"),
        ];
        assert_eq!(newest(&all).unwrap().bin, Path::new("/b"));
    }

    #[test]
    fn too_old_is_said_with_what_to_install() {
        let error = newest(&[programs("/usr/lib/postgresql/13/bin", "13.11")])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("13.11 in /usr/lib/postgresql/13/bin"),
            "{error}"
        );
        assert!(error.contains("apt-get install postgresql"), "{error}");
    }

    #[test]
    fn an_old_cluster_takes_its_own_major() {
        let all = [programs("/b", "17.2"), programs("/c", "15.18")];
        let cluster = Path::new("/data/cluster");
        assert_eq!(matching(&all, cluster, 15).unwrap().bin, Path::new("/c"));
        let error = matching(&all, cluster, 16).unwrap_err().to_string();
        assert!(error.contains("made by PostgreSQL 16"), "{error}");
        assert!(error.contains("17.2 in /b, 15.18 in /c"), "{error}");
    }
}
