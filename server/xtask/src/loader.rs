//! The loader's rules, tried out: modules built for each of them (`cases`), which the judge's test
//! judges, and which [`truth`] has a real kernel load.
//!
//! They are tried on two kernels: the fixtures' base, and the one of the next series.

mod boot;
mod build;
mod cases;
mod change;
mod truth;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::fixtures::Folders;
use crate::kernels::{self, Kernel, Role};
use cases::{Before, BuiltFor, CASES, Case};
pub use truth::truth;

/// A case that is ready to be judged and loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ready {
    pub name: String,
    /// Which rule it is about.
    pub rule: String,
    /// The kernel it is tried on.
    pub kernel: String,
    /// That kernel's `Module.symvers`.
    pub symvers: PathBuf,
    /// A module of that kernel's own, which tells version magic and the size of `struct module`.
    pub own: PathBuf,
    /// The module.
    pub file: PathBuf,
    /// A module that is loaded before it.
    pub before: Option<PathBuf>,
    /// Whose it is.
    pub beside: Beside,
}

/// Whose the module is that is loaded before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beside {
    /// There is none.
    Nobody,
    OwnPackage,
    OtherPackage,
    /// `before` is its path below `kernel/`, without `.ko`.
    Kernel,
}

/// Kernels with the modules built for them.
struct Built {
    kernel: Kernel,
    folder: PathBuf,
}

/// The file that describes the cases, a list of [`Ready`], made together with them if need be.
pub fn describe(project: &Path) -> Result<PathBuf> {
    let folders = Folders::of(project);
    let results = folders.results.join("loader");
    fs::create_dir_all(&results).with_context(|| format!("cannot make {}", results.display()))?;
    let sources = folders.sources.join("loader");
    let mut built = Vec::new();
    for kernel in kernels::choose(&folders.results, false)? {
        if kernel.build.is_some() {
            let folder = build::variants(&sources, &results, &kernel, is_tried(kernel.role))?;
            built.push(Built { kernel, folder });
        }
    }
    let mut ready = Vec::new();
    for on in built.iter().filter(|built| is_tried(built.kernel.role)) {
        for case in &CASES {
            ready.extend(prepare(case, on, &built, &results)?);
        }
    }
    let record = results.join("cases.json");
    fs::write(&record, serde_json::to_vec_pretty(&ready)?)
        .with_context(|| format!("cannot write {}", record.display()))?;
    Ok(record)
}

/// Those of which the whole image is at hand, too.
fn is_tried(role: Role) -> bool {
    matches!(role, Role::Base | Role::NextSeries)
}

/// None when there is no kernel such as the case is built for.
fn prepare(case: &Case, on: &Built, all: &[Built], results: &Path) -> Result<Option<Ready>> {
    let is_wanted = |built: &&Built| match case.built_for {
        BuiltFor::Same => built.kernel.release == on.kernel.release,
        BuiltFor::Neighbour => on.kernel.role == Role::Base && built.kernel.role == Role::Breaking,
        BuiltFor::OtherSeries => is_tried(built.kernel.role) && built.kernel.role != on.kernel.role,
    };
    let Some(built_for) = all.iter().find(is_wanted) else {
        return Ok(None);
    };
    let module = |built: &Built, name: &str| built.folder.join(format!("{name}.ko"));
    let folder = results
        .join(format!("on-{}", on.kernel.release))
        .join(case.name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let from = module(built_for, case.module);
    let file = folder.join(from.file_name().context("a module has a name")?);
    change::write_changed(&from, case.change, &built_for.kernel, &file)
        .with_context(|| format!("cannot make the case {}", case.name))?;
    let (before, beside) = match case.before {
        Before::Nothing => (None, Beside::Nobody),
        Before::Own(name) => (Some(module(on, name)), Beside::OwnPackage),
        Before::Other(name) => (Some(module(on, name)), Beside::OtherPackage),
        Before::InTree(path) => (Some(path.into()), Beside::Kernel),
    };
    Ok(Some(Ready {
        name: case.name.into(),
        rule: case.rule.into(),
        kernel: on.kernel.release.clone(),
        symvers: on.kernel.symvers.clone(),
        own: module(on, "users/case_plain"),
        file,
        before,
        beside,
    }))
}
