//! System packages: looks for what is missing and has the distribution's package manager install it.
//!
//! The look comes first and costs milliseconds, so that a machine that has everything needs neither
//! network nor rights. Where nothing may be installed, the exact line to run is printed instead.

mod needs;
mod probe;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::sh;
use needs::{NEEDS, Need};

/// What the packages are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Compiling the workspace, and the database it runs on.
    Build,
    /// Kernel modules, packages, keys.
    Fixtures,
    /// The programs that customers install packages with.
    Clients,
    /// What only tests use.
    Tests,
    /// What libFuzzer is compiled with.
    Fuzz,
    /// The peers in benchmarks.
    Bench,
    /// What boots kernels (`cargo xtask loader-truth`).
    Truth,
}

impl Group {
    pub const ALL: [Group; 7] = [
        Group::Build,
        Group::Fixtures,
        Group::Clients,
        Group::Tests,
        Group::Fuzz,
        Group::Bench,
        Group::Truth,
    ];
    /// What `cargo xtask test` takes.
    pub const FOR_TESTS: [Group; 4] = [Group::Build, Group::Fixtures, Group::Clients, Group::Tests];

    pub fn parse(word: &str) -> Option<Group> {
        Group::ALL
            .into_iter()
            .find(|group| format!("{group:?}").eq_ignore_ascii_case(word))
    }
}

/// The families of distributions whose package names we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    Debian,
    Suse,
    RedHat,
}

/// Makes sure that all programs and libraries of these groups are there.
pub fn ensure(groups: &[Group]) -> Result<()> {
    let missing = missing(groups);
    if missing.is_empty() {
        return Ok(());
    }
    let what: Vec<_> = missing.iter().map(|need| need.what).collect();
    let Some(family) = family() else {
        bail!(
            "missing: {}. Install them by this system's own means",
            what.join(", ")
        );
    };
    let (needed, extra) = names(&missing, family);
    if !needed.is_empty() || !extra.is_empty() {
        println!(
            "installing {}",
            [&needed[..], &extra[..]].concat().join(" ")
        );
    }
    install(family, &needed)?;
    for name in extra {
        if install(family, &[name]).is_err() {
            println!("  {name} cannot be had here; what needs it is left out");
        }
    }
    still_missing(groups, family)
}

fn missing(groups: &[Group]) -> Vec<&'static Need> {
    let wanted = NEEDS
        .iter()
        .filter(|need| need.groups.iter().any(|g| groups.contains(g)));
    wanted.filter(|need| !need.probe.found()).collect()
}

/// Package names: those that must be there, and those that are merely welcome.
fn names(missing: &[&Need], family: Family) -> (Vec<&'static str>, Vec<&'static str>) {
    let (mut needed, mut extra) = (Vec::new(), Vec::new());
    for need in missing {
        let list = if need.optional {
            &mut extra
        } else {
            &mut needed
        };
        list.extend(need.packages(family));
    }
    for list in [&mut needed, &mut extra] {
        list.sort_unstable();
        list.dedup();
    }
    (needed, extra)
}

/// After installing: something we cannot see is worse than something that is not there.
fn still_missing(groups: &[Group], family: Family) -> Result<()> {
    let missing = missing(groups);
    let left = missing
        .iter()
        .filter(|need| !need.optional && !need.packages(family).is_empty());
    let left: Vec<_> = left.map(|need| need.what).collect();
    if left.is_empty() {
        return Ok(());
    }
    bail!("still missing after the installation: {}", left.join(", "));
}

fn install(family: Family, names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let line = install_line(family, names);
    let Some(prefix) = rights() else {
        bail!("not allowed to install packages; run this and try again:\n\n    sudo {line}\n");
    };
    let run = |line: &str| -> Result<()> {
        // Through env, for sudo drops variables.
        let noninteractive = ["env", "DEBIAN_FRONTEND=noninteractive"];
        let words: Vec<&str> = prefix
            .iter()
            .copied()
            .chain(noninteractive)
            .chain(line.split(' '))
            .collect();
        sh::run(Command::new(words[0]).args(&words[1..]))
    };
    if run(&line).is_ok() {
        return Ok(());
    }
    // Package lists may be missing, as in a fresh container, or older than the archive.
    if family == Family::Debian {
        run("apt-get -qq update").context("apt could not fetch the package lists")?;
    }
    run(&line).with_context(|| format!("cannot install packages; the line was:\n\n    {line}\n"))
}

fn install_line(family: Family, names: &[&str]) -> String {
    let start = match family {
        Family::Debian => "apt-get install -y -q --no-install-recommends",
        Family::Suse => "zypper --non-interactive install --no-recommends",
        Family::RedHat => "dnf install -y --setopt=install_weak_deps=False",
    };
    format!("{start} {}", names.join(" "))
}

/// Words to put before a command that needs root: none for root, sudo where it asks no password.
fn rights() -> Option<Vec<&'static str>> {
    let id = sh::output(Command::new("id").arg("-u")).unwrap_or_default();
    if id.trim() == "0" {
        return Some(Vec::new());
    }
    let sudo = ["sudo", "-n"];
    let may = sh::run(Command::new(sudo[0]).args([sudo[1], "true"])).is_ok();
    may.then(|| sudo.to_vec())
}

/// By `/etc/os-release`, for zypper and dnf can be installed on Debian, too.
pub fn family() -> Option<Family> {
    family_of(&fs::read_to_string("/etc/os-release").ok()?)
}

fn family_of(os_release: &str) -> Option<Family> {
    let ids = os_release.lines().filter_map(|line| {
        line.strip_prefix("ID=")
            .or_else(|| line.strip_prefix("ID_LIKE="))
    });
    let words: Vec<&str> = ids
        .flat_map(|ids| ids.trim_matches('"').split(' '))
        .collect();
    words.iter().find_map(|word| match *word {
        "debian" | "ubuntu" => Some(Family::Debian),
        "fedora" | "rhel" | "centos" => Some(Family::RedHat),
        word if word.contains("suse") || word == "sles" => Some(Family::Suse),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_id_or_likeness() {
        let table = [
            ("ID=debian\n", Some(Family::Debian)),
            (
                "NAME=\"x\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                Some(Family::Debian),
            ),
            (
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
                Some(Family::Suse),
            ),
            ("ID=\"sles\"\n", Some(Family::Suse)),
            (
                "ID=\"almalinux\"\nID_LIKE=\"rhel centos fedora\"\n",
                Some(Family::RedHat),
            ),
            ("ID=arch\n", None),
        ];
        for (text, expected) in table {
            assert_eq!(family_of(text), expected, "{text}");
        }
    }

    #[test]
    fn every_need_has_a_name_on_debian_and_each_group_a_need() {
        for need in &NEEDS {
            let needless = need.what == "kernel headers";
            assert!(
                needless || !need.packages(Family::Debian).is_empty(),
                "{}",
                need.what
            );
        }
        for group in Group::ALL {
            assert!(
                NEEDS.iter().any(|need| need.groups.contains(&group)),
                "{group:?}"
            );
        }
    }

    #[test]
    fn groups_are_named_in_small_letters() {
        assert_eq!(Group::parse("fixtures"), Some(Group::Fixtures));
        assert_eq!(Group::parse("everything"), None);
    }
}
