//! Runs the kernel's own build system on a folder with a `Kbuild`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::sh;

/// Builds the modules of `work` against the kernel whose headers are in `headers`. `arguments` are
/// further words for make, such as `KCFLAGS=-DX`.
pub fn make_modules(headers: &Path, work: &Path, arguments: &[String]) -> Result<()> {
    let mut make = Command::new("make");
    make.arg("-s")
        .arg("-C")
        .arg(headers)
        .arg(format!("M={}", work.display()))
        .args(arguments);
    // Debian's headers ask for the compiler version of the kernel; ours will do where it is not.
    let compiler = fs::read_to_string(headers.join(".kernelvariables")).unwrap_or_default();
    let named = compiler
        .split_whitespace()
        .find_map(|word| word.split_once(")gcc-"));
    if named.is_some_and(|(_, v)| sh::find_program(&format!("gcc-{v}")).is_none()) {
        make.arg("CC=gcc");
    }
    sh::run(make.arg("modules").env_remove("MAKEFLAGS"))
}
