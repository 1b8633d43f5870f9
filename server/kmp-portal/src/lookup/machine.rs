//! What a machine says of itself: the modaliases of its devices, its kernel, its firmware.

use anyhow::{Context as _, bail};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

/// The kernel shows a page at most.
const MODALIAS_BYTES: u64 = 4096;
/// Folders below each other in sysfs at most.
const DEPTH: usize = 64;
/// What one question may name.
const MOST: usize = 10_000;
/// The last byte of this variable is 1 when Secure Boot is on.
const SECURE_BOOT: &str =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// The devices of a machine.
pub struct Devices {
    /// Sorted, each once.
    pub modaliases: Vec<String>,
    /// Those that are not UTF-8.
    pub unreadable: usize,
}

/// Reads all modaliases below a folder as sysfs is, or the lines of a file.
pub fn devices(sysfs: Option<&Path>) -> anyhow::Result<Devices> {
    let place = sysfs.unwrap_or(Path::new("/sys"));
    let mut found = BTreeSet::new();
    let is_folder = fs::metadata(place)
        .with_context(|| format!("cannot read {}", place.display()))?
        .is_dir();
    if is_folder {
        // Everything else in sysfs are links to what is in there.
        let devices = place.join("devices");
        let start = if devices.is_dir() { &devices } else { place };
        walk(start, DEPTH, &mut found);
    } else {
        let bytes = fs::read(place).with_context(|| format!("cannot read {}", place.display()))?;
        found.extend(bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    let all = found.len();
    let modaliases: BTreeSet<String> = found
        .into_iter()
        .filter_map(|bytes| String::from_utf8(bytes).ok())
        .collect();
    let unreadable = all - modaliases.len();
    let modaliases: Vec<String> = modaliases
        .into_iter()
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty())
        .collect();
    if modaliases.is_empty() {
        bail!("no device below {} has a modalias", place.display());
    }
    if modaliases.len() > MOST {
        bail!("{} names more than {MOST} devices", place.display());
    }
    Ok(Devices {
        modaliases,
        unreadable,
    })
}

/// Devices come and go meanwhile: what cannot be read is not there.
fn walk(folder: &Path, depth: usize, found: &mut BTreeSet<Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        let path = entry.path();
        if kind.is_dir() && depth > 0 {
            walk(&path, depth - 1, found);
        } else if kind.is_file() && entry.file_name() == "modalias" {
            let mut bytes = Vec::new();
            let read = File::open(&path)
                .and_then(|file| file.take(MODALIAS_BYTES).read_to_end(&mut bytes));
            if read.is_ok() {
                let line = bytes.split(|byte| *byte == b'\n').next();
                found.extend(line.filter(|it| !it.is_empty()).map(<[u8]>::to_vec));
            }
        }
    }
}

/// `uname -r`.
pub fn kernel() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease");
    let text = text.context("cannot find out which kernel runs; name it with --kernel")?;
    Ok(text.trim().to_owned())
}

/// As rpm names it.
pub fn arch() -> anyhow::Result<String> {
    match std::env::consts::ARCH {
        "powerpc64" => bail!("name the architecture with --arch: ppc64 or ppc64le"),
        "x86" => Ok("i586".to_owned()),
        arch => Ok(arch.to_owned()),
    }
}

/// Whether the firmware says that Secure Boot is on.
pub fn has_secure_boot() -> bool {
    fs::read(SECURE_BOOT).is_ok_and(|bytes| bytes.last() == Some(&1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_and_files_of_devices() {
        let folder = tempfile::tempdir().unwrap();
        let device = folder.path().join("devices/pci0000:00/0000:00:01.0");
        fs::create_dir_all(device.join("net/eth0")).unwrap();
        fs::write(device.join("modalias"), "pci:v1\n").unwrap();
        fs::write(device.join("net/eth0/modalias"), "virtio:d1\nmore\n").unwrap();
        fs::write(device.join("vendor"), "0x8086\n").unwrap();
        fs::create_dir_all(folder.path().join("bus")).unwrap();
        fs::write(folder.path().join("bus/modalias"), "not:this\n").unwrap();
        std::os::unix::fs::symlink(folder.path(), device.join("subsystem")).unwrap();
        fs::create_dir_all(folder.path().join("devices/x")).unwrap();
        fs::write(folder.path().join("devices/x/modalias"), b"acpi:\xff\n").unwrap();
        let found = devices(Some(folder.path())).unwrap();
        assert_eq!(found.modaliases, ["pci:v1", "virtio:d1"]);
        assert_eq!(found.unreadable, 1);

        let file = folder.path().join("list");
        fs::write(&file, "usb:v2\n\npci:v1\nusb:v2\n").unwrap();
        assert_eq!(
            devices(Some(&file)).unwrap().modaliases,
            ["pci:v1", "usb:v2"]
        );
        fs::write(&file, "\n").unwrap();
        assert!(devices(Some(&file)).is_err());
        assert!(devices(Some(&folder.path().join("none"))).is_err());
    }
}
