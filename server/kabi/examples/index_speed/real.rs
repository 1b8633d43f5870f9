//! Real modules and kernels.

use kabi::{Kernel, KernelExport, symvers};
use kmod::{Limits, Module};
use std::fs;
use std::path::{Path, PathBuf};

/// Every module below a folder, in the order of paths.
pub fn modules(folder: &Path) -> Vec<Module> {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let bytes = fs::read(path).expect("readable");
        let name = path.file_name().map(|name| name.to_string_lossy());
        Module::read(&bytes, &name.unwrap_or_default(), &Limits::default()).expect("a module")
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries.flatten() {
        let path = entry.path();
        let is_module = path.to_string_lossy().contains(".ko");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, paths);
        } else if is_module {
            paths.push(path);
        }
    }
}

/// A kernel by its symvers file, filled up to so many symbols.
pub fn kernel(path: &Path, symbols: usize) -> Kernel {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let symvers = symvers::parse(&bytes).expect("a symvers file");
    let mut kernel = Kernel::new("6.1.0-0-amd64", "x86_64", "amd64", &symvers);
    for number in kernel.exports.len()..symbols {
        let export = KernelExport {
            crcs: vec![kmod::Crc(number as u32)],
            gpl: number % 2 == 0,
            namespace: None,
            provider: "vmlinux".to_owned(),
        };
        kernel.exports.insert(format!("filled_up_{number}"), export);
    }
    kernel
}
