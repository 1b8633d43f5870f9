//! What is done to a module after the kernel's build system has made it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::cases::Change;
use crate::kernels::{Kernel, Symvers};
use crate::sh;

/// `~Module signature appended~` and what precedes it: no signer, no key, PKCS#7 (2), and more
/// bytes than the file has.
const BAD_TRAILER: &[u8] = b"\0\0\x02\0\0\0\0\0\x7f\xff\xff\xff~Module signature appended~\n";

/// Writes the module of a case, built for that kernel, to `to`, changed as the case says.
pub fn write_changed(from: &Path, change: Change, kernel: &Kernel, to: &Path) -> Result<()> {
    let mut bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    match change {
        Change::None | Change::Sign | Change::Strip => {}
        Change::Replace(old, new) => replace(&mut bytes, old.as_bytes(), new.as_bytes())?,
        Change::ReplaceVersioned(old, new) => {
            let crc = Symvers::read(&kernel.symvers)?.crc(old);
            let crc = crc.with_context(|| format!("{} has no {old}", kernel.release))?;
            let record = |name: &str| [&u64::from(crc).to_le_bytes(), name.as_bytes()].concat();
            replace(&mut bytes, &record(old), &record(new))?;
        }
        Change::SignBadly => bytes.extend(BAD_TRAILER),
    }
    fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    match change {
        Change::Strip => sh::run(Command::new("strip").arg("--strip-all").arg(to)),
        Change::Sign => sign(kernel, to),
        _ => Ok(()),
    }
}

/// Shorter new bytes are filled up with zeros, which `.modinfo` allows between its entries.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) -> Result<()> {
    let shown = String::from_utf8_lossy(old);
    ensure!(new.len() <= old.len(), "`{shown}` has no room for more");
    let places: Vec<usize> = (0..bytes.len().saturating_sub(old.len()))
        .filter(|at| bytes[*at..].starts_with(old))
        .collect();
    ensure!(
        places.len() == 1,
        "`{shown}` stands there {} times",
        places.len()
    );
    let place = &mut bytes[places[0]..places[0] + old.len()];
    place.fill(0);
    place[..new.len()].copy_from_slice(new);
    Ok(())
}

/// By the kernel's own program, with a key made for this.
fn sign(kernel: &Kernel, module: &Path) -> Result<()> {
    let build = kernel.build.as_ref().context("it is built against")?;
    let (key, certificate) = (module.with_extension("key"), module.with_extension("pem"));
    let mut request = Command::new("openssl");
    request.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
    ]);
    request.args(["-subj", "/CN=A stranger"]);
    request
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    sh::run(&mut request)?;
    let mut sign = Command::new(build.join("scripts/sign-file"));
    sh::run(sign.arg("sha256").arg(&key).arg(&certificate).arg(module))
}
