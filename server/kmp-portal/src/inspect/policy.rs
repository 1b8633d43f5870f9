//! What files are held to: a family's conventions, or what a product demands, from a file.

use ::inspect::{Demands, Family, KitCertificate, Policy};
use anyhow::{Context as _, bail, ensure};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The policy that the command line names. A signature is asked for only when there is something to
/// judge it by.
///
/// # Errors
/// A file cannot be read, or says what makes no sense.
pub fn read(named: &str, kit: &[PathBuf], require_signature: bool) -> anyhow::Result<Policy> {
    let policy = match named {
        "suse" => Policy::for_family(Family::Suse),
        "redhat" => Policy::for_family(Family::RedHat),
        file => from_file(Path::new(file))?,
    };
    let mut module_certificates = Vec::new();
    for file in kit {
        module_certificates.extend(certificates(file)?);
    }
    Ok(Policy {
        require_signature,
        module_certificates,
        ..policy
    })
}

fn from_file(file: &Path) -> anyhow::Result<Policy> {
    let name = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| {
        let name = name();
        format!("{name}: the policy is `suse`, `redhat` or a file in TOML or JSON")
    })?;
    let demands: Demands = portal::policies::parse(&text).with_context(name)?;
    let family = demands.family.unwrap_or(Family::Suse);
    Ok(Policy::for_family(family).with(&demands))
}

/// What a companion package brings.
fn certificates(file: &Path) -> anyhow::Result<Vec<KitCertificate>> {
    let name = || file.display().to_string();
    let opened = File::open(file).with_context(name)?;
    let package = kmp::read(opened, &kmp::Limits::default()).with_context(name)?;
    ensure!(
        !package.certificates.is_empty(),
        "{}: it holds no file in /etc/uefi/certs",
        name()
    );
    let mut found = Vec::new();
    for packaged in package.certificates {
        match packaged.certificate {
            Ok(certificate) => found.push(KitCertificate {
                package: package.name.clone(),
                certificate,
            }),
            Err(why) => bail!("{}: {}: {why}", name(), packaged.path),
        }
    }
    Ok(found)
}
