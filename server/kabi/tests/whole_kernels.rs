//! Every module of whole real kernels against other real kernels: the judge beside `depmod -e -E`.
//!
//! depmod knows two of the loader's rules: a symbol must be there, and in the module's version. It
//! takes `vmlinux`'s symbols from the kernel's symvers, all others from the modules in the folder.
//! On just that world the judge must name the same symbols for the same modules; on the kernel as
//! it is, it may refuse more, for the reasons listed in [`DEPMOD_DOES_NOT_KNOW`].

use kabi::index::Index;
use kabi::{Kernel, ModuleVerdict, Severity, Symvers, Verdict, codes, symvers};
use kmod::{Limits, Module};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Why a module that depmod has nothing against does not load, with what depmod does not know.
const DEPMOD_DOES_NOT_KNOW: [(&str, &str); 9] = [
    (
        codes::CRC_MISMATCH,
        "symbols of the new kernel's modules: it resolves them by the old ones",
    ),
    (
        codes::SYMBOL_MISSING,
        "symbols that the new kernel's modules lack: likewise",
    ),
    (codes::FLAVOR_MISMATCH, "flavors"),
    (
        codes::THIS_MODULE_SIZE_MISMATCH,
        "the size of `struct module`",
    ),
    (codes::VERMAGIC_MISMATCH, "version magic"),
    (codes::SYMBOL_GPL_ONLY, "licences"),
    (codes::NAMESPACE_NOT_IMPORTED, "namespaces"),
    (
        codes::NAMESPACE_MODULE_RESTRICTED,
        "namespaces that list modules",
    ),
    (
        codes::EXPORT_DUPLICATE,
        "that a symbol is exported once: this one has moved",
    ),
];

/// What somebody has against a module: a symbol, and whether it is there in another version.
type Complaints = BTreeMap<String, BTreeSet<(String, bool)>>;

#[test]
fn whole_kernels_are_judged_as_depmod_does() {
    let targets = targets();
    for image in images() {
        let modules = image.modules();
        assert!(
            modules.len() > 1000,
            "{}: {} modules",
            image.release,
            modules.len()
        );
        for (release, text) in &targets {
            let file = image.write_symvers(release, text);
            let offered = symvers::parse(text.as_bytes()).unwrap();
            let by_depmod = depmod(&image, &file);
            let as_depmod_sees = kernel(release, &as_depmod_sees(&offered, &image.symvers));
            let real = kernel(release, &offered);
            let mut by_judge = Complaints::new();
            let mut refused = 0;
            for module in &modules {
                let told = complaints(&judge_one(&as_depmod_sees, module));
                if !told.is_empty() {
                    by_judge.insert(module.name.clone(), told);
                }
                let judged = judge_one(&real, module);
                refused += usize::from(!judged.verdict.loads());
                assert_explained(&judged, by_depmod.contains_key(&module.name), release);
            }
            let what = format!("modules of {} on {release}", image.release);
            assert_same(&by_judge, &by_depmod, &what);
            let is_same = image.symvers.content_hash() == offered.content_hash();
            assert!(
                !is_same || refused == 0,
                "{what}: {refused} refused, though all is equal"
            );
            println!("{what}: {refused} of {} refused", modules.len());
        }
    }
}

/// Other flavors of the same kernel: their own code, besides whatever their symbols say.
#[test]
fn modules_of_whole_kernels_are_not_for_other_flavors() {
    let image = images().swap_remove(0);
    let modules = image.modules();
    for flavor in ["rt-amd64", "cloud-amd64"] {
        let base = image
            .release
            .strip_suffix("-amd64")
            .expect("an amd64 kernel");
        let other = kernel(&format!("{base}-{flavor}"), &image.symvers);
        for module in &modules {
            let judged = judge_one(&other, module);
            assert_eq!(judged.verdict, Verdict::UnloadableFlavor, "{}", module.name);
            assert!(
                judged
                    .reasons
                    .iter()
                    .any(|r| r.code == codes::FLAVOR_MISMATCH)
            );
        }
    }
}

/// A whole kernel of this machine's architecture.
struct Image {
    release: String,
    folder: PathBuf,
    symvers: Symvers,
}

fn images() -> Vec<Image> {
    let list = std::env::var_os("KMP_PORTAL_KERNELS").expect("run `cargo xtask test`");
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    let text = |image: &Value, member: &str| image[member].as_str().unwrap().to_owned();
    let own = list
        .as_array()
        .unwrap()
        .iter()
        .filter(|image| text(image, "arch") == "amd64");
    let images: Vec<Image> = own
        .map(|image| Image {
            release: text(image, "release"),
            folder: text(image, "modules").into(),
            symvers: symvers::parse(&fs::read(text(image, "symvers")).unwrap()).unwrap(),
        })
        .filter(|image| image.symvers.rows.iter().any(|row| row.crc.is_versioned()))
        .collect();
    assert!(!images.is_empty(), "no whole kernel with symbol versions");
    images
}

/// Release and symvers of the kernels among the fixtures.
fn targets() -> BTreeMap<String, String> {
    let manifest = std::env::var_os("KMP_PORTAL_FIXTURES").expect("run `cargo xtask test`");
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let of = |kernel: &Value| {
        let text = |member: &str| kernel[member].as_str().unwrap().to_owned();
        (
            text("release"),
            fs::read_to_string(text("symvers")).unwrap(),
        )
    };
    manifest["kernels"]
        .as_array()
        .unwrap()
        .iter()
        .map(of)
        .collect()
}

impl Image {
    fn modules(&self) -> Vec<Module> {
        let mut files = Vec::new();
        find(&self.folder, &mut files);
        let read = |file: &PathBuf| {
            let name = file.file_name().unwrap().to_string_lossy();
            Module::read(&fs::read(file).unwrap(), &name, &Limits::default()).unwrap()
        };
        files.iter().map(read).collect()
    }

    /// Where depmod may read it.
    fn write_symvers(&self, release: &str, text: &str) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("{}-on-{release}.symvers", self.release));
        fs::write(&file, text).unwrap();
        file
    }
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            find(&path, files);
        } else if path.file_name().unwrap().to_string_lossy().contains(".ko") {
            files.push(path);
        }
    }
}

fn kernel(release: &str, symvers: &Symvers) -> Index<(), u8> {
    let flavor = kabi::flavor::of_release(release).unwrap_or_default();
    let mut index = Index::default();
    index.add_kernel(0, &Kernel::new(release, "x86_64", flavor, symvers));
    index
}

/// The judge's word on one module by itself. By way of the index, which cuts the kernel down to what
/// matters to the module: thousands are asked for.
fn judge_one(kernels: &Index<(), u8>, module: &Module) -> ModuleVerdict {
    let mut judged = kernels.what_if("whole-kernel", std::slice::from_ref(module), [&0]);
    judged.swap_remove(0).1.modules.swap_remove(0)
}

/// What the old kernel's modules export, and `vmlinux` of the new kernel beside that: depmod reads
/// the modules last, and theirs counts.
fn as_depmod_sees(new: &Symvers, old: &Symvers) -> Symvers {
    let of_modules = old.rows.iter().filter(|row| row.provider != "vmlinux");
    let mut rows: Vec<_> = of_modules.cloned().collect();
    let known: BTreeSet<String> = rows.iter().map(|row| row.symbol.clone()).collect();
    let of_vmlinux = new.rows.iter().filter(|row| row.provider == "vmlinux");
    rows.extend(
        of_vmlinux
            .filter(|row| !known.contains(&row.symbol))
            .cloned(),
    );
    Symvers { rows }
}

/// The judge's complaints of the two kinds that depmod knows.
fn complaints(judged: &ModuleVerdict) -> BTreeSet<(String, bool)> {
    let of = |reason: &kabi::Reason| {
        let is_other_version = match reason.code.as_str() {
            codes::CRC_MISMATCH | codes::LAYOUT_CRC_MISMATCH => true,
            codes::SYMBOL_MISSING => false,
            _ => return None,
        };
        Some((reason.symbol.clone()?, is_other_version))
    };
    judged.reasons.iter().filter_map(of).collect()
}

/// What depmod says, by module.
fn depmod(image: &Image, symvers: &Path) -> Complaints {
    let root = image
        .folder
        .ancestors()
        .nth(3)
        .expect("lib/modules/RELEASE below a root");
    let program = ["/sbin/depmod", "/usr/sbin/depmod"]
        .into_iter()
        .find(|p| Path::new(p).exists());
    let mut depmod = Command::new(program.expect("depmod is missing: apt-get install kmod"));
    depmod
        .args(["-n", "-a", "-e", "-E"])
        .arg(symvers)
        .arg("-b")
        .arg(root)
        .arg(&image.release);
    let output = depmod.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut found = Complaints::new();
    for line in String::from_utf8_lossy(&output.stderr).lines() {
        let line = line.trim_start_matches("depmod: WARNING: ");
        let kinds = [
            (" disagrees about version of symbol ", true),
            (" needs unknown symbol ", false),
        ];
        for (words, is_other_version) in kinds {
            if let Some((file, symbol)) = line.split_once(words) {
                let complaint = (symbol.to_owned(), is_other_version);
                found.entry(module_of(file)).or_default().insert(complaint);
            }
        }
    }
    found
}

fn module_of(file: &str) -> String {
    let name = Path::new(file).file_name().unwrap().to_string_lossy();
    let stem = name.split(".ko").next().unwrap_or_default();
    stem.replace('-', "_")
}

fn assert_same(by_judge: &Complaints, by_depmod: &Complaints, what: &str) {
    let modules: BTreeSet<&String> = by_judge.keys().chain(by_depmod.keys()).collect();
    let none = BTreeSet::new();
    for module in modules {
        let ours = by_judge.get(module).unwrap_or(&none);
        let theirs = by_depmod.get(module).unwrap_or(&none);
        let difference: Vec<_> = ours.symmetric_difference(theirs).take(5).collect();
        assert!(difference.is_empty(), "{what}: {module}: {difference:?}");
    }
}

/// What depmod complains of does not load; what does not load although depmod is silent is so for
/// reasons that it does not know.
fn assert_explained(judged: &ModuleVerdict, complained: bool, release: &str) {
    if complained {
        assert!(
            !judged.verdict.loads(),
            "{} on {release}: {judged:?}",
            judged.module
        );
        return;
    }
    for reason in judged
        .reasons
        .iter()
        .filter(|r| r.severity == Severity::Fatal)
    {
        let is_known = DEPMOD_DOES_NOT_KNOW
            .iter()
            .any(|(code, _)| *code == reason.code);
        assert!(is_known, "{} on {release}: {reason}", judged.module);
    }
}
