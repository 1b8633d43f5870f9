//! Every module of whole real kernels against other real kernels: the judge beside `depmod -e -E`.
//!
//! depmod knows two of the loader's rules: a symbol must be there, and in the module's version. It
//! takes `vmlinux`'s symbols from the kernel's symvers, all others from the modules in the folder.
//! On just that world the judge must name the same symbols for the same modules; on the kernel as
//! it is, it may refuse more, for the reasons listed in [`DEPMOD_DOES_NOT_KNOW`].
//!
//! The modules are those of three kernels; judged are they on the kernels of the fixtures, among
//! them a respin, and on the real-time and the cloud flavor of their own release.

use kabi::index::Index;
use kabi::{Kernel, ModuleVerdict, Severity, Symvers, Verdict, codes, symvers};
use kmod::{Limits, Module};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::thread;

/// Why a module that depmod has nothing against does not load, with what depmod does not know.
/// Where modules are of an older kernel altogether, depmod complains of each of them by itself.
const DEPMOD_DOES_NOT_KNOW: [(&str, &str); 7] = [
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
    (codes::NAMESPACE_NOT_IMPORTED, "namespaces"),
    (
        codes::EXPORT_DUPLICATE,
        "that a symbol is exported once: this one has moved",
    ),
];

/// What somebody has against a module: a symbol, and whether it is there in another version.
type Complaints = BTreeMap<String, BTreeSet<(String, bool)>>;

#[test]
fn whole_kernels_are_judged_as_depmod_does() {
    let images = images();
    assert!(images.len() >= 3, "modules of {} kernels", images.len());
    let targets = targets(&images);
    let mut differences = Differences::new();
    let mut equal = 0;
    for image in &images {
        let modules = image.modules();
        assert!(
            modules.len() > 1000,
            "{}: {} modules",
            image.release,
            modules.len()
        );
        let others = targets.iter().filter(|target| target.is_for(image));
        let others: Vec<&Target> = others.collect();
        assert!(
            others.len() > 4,
            "{} on {} kernels",
            image.release,
            others.len()
        );
        // depmod takes its time, and has a processor of its own.
        equal += thread::scope(|scope| {
            let (told, heard) = mpsc::channel();
            let run = |target: &Target| depmod(image, &image.write_symvers(target));
            let mut waiting = others.iter();
            scope.spawn(move || waiting.try_for_each(|target| told.send((*target, run(target)))));
            let pairs = heard.into_iter();
            let compare = |(target, by_depmod)| {
                compare(image, &modules, target, &by_depmod, &mut differences)
            };
            pairs.map(compare).filter(|is_same| *is_same).count()
        });
    }
    // Each kernel with itself, and the fixtures' respin.
    assert!(equal > images.len(), "only {equal} pairs of equal kernels");
    for (code, what) in DEPMOD_DOES_NOT_KNOW {
        if let Some((modules, example)) = differences.get(code) {
            println!("{modules:6} {code:26} depmod does not know {what}: {example}");
        }
    }
    for code in [codes::CRC_MISMATCH, codes::FLAVOR_MISMATCH] {
        assert!(
            differences.contains_key(code),
            "no module differs by {code}"
        );
    }
}

/// By code: how many modules depmod has nothing against and the judge refuses, and one of them.
type Differences = BTreeMap<String, (usize, String)>;

/// The modules of one kernel on another. True when both have the same symbols.
fn compare(
    image: &Image,
    modules: &[Module],
    target: &Target,
    by_depmod: &Complaints,
    differences: &mut Differences,
) -> bool {
    let what = format!("modules of {} on {}", image.release, target.release);
    let as_depmod_sees = target.kernel(&as_depmod_sees(&target.symvers, &image.symvers));
    let real = target.kernel(&target.symvers);
    let mut by_judge = Complaints::new();
    let mut refused = 0;
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for module in modules {
        let told = complaints(&judge_one(&as_depmod_sees, module));
        if !told.is_empty() {
            by_judge.insert(module.name.clone(), told);
        }
        let judged = judge_one(&real, module);
        refused += usize::from(!judged.verdict.loads());
        *verdicts.entry(judged.verdict.as_str()).or_default() += 1;
        if by_depmod.contains_key(&module.name) {
            assert!(!judged.verdict.loads(), "{what}: {judged:?}");
        } else {
            explain(&judged, &what, differences);
        }
        target.assert_flavor(&judged, &what);
    }
    println!(
        "{what}: {verdicts:?}, depmod complains of {}",
        by_depmod.len()
    );
    assert_same(&by_judge, by_depmod, &what);
    let is_same = image.symvers.content_hash() == target.symvers.content_hash();
    assert!(
        !is_same || refused == 0,
        "{what}: {refused} refused, though all is equal"
    );
    is_same
}

/// A whole kernel of this machine's architecture.
struct Image {
    release: String,
    folder: PathBuf,
    symvers: Symvers,
}

fn images() -> Vec<Image> {
    let list = described("KMP_PORTAL_KERNELS");
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

/// A kernel that modules are judged on.
struct Target {
    release: String,
    text: String,
    symvers: Symvers,
    /// `rt`, `cloud`; none for the ordinary flavor.
    kind: Option<String>,
    vermagic_tail: Option<String>,
    this_module_size: Option<u64>,
}

/// The kernels of the fixtures, and the other flavors.
fn targets(images: &[Image]) -> Vec<Target> {
    let manifest = described("KMP_PORTAL_FIXTURES");
    let fixtures = manifest["kernels"].as_array().unwrap().iter();
    let flavors = described("KMP_PORTAL_FLAVORS");
    let flavors = flavors.as_array().unwrap().iter();
    let targets: Vec<Target> = fixtures
        .chain(flavors)
        .map(|kernel| Target::read(kernel, images))
        .collect();
    for kind in ["rt", "cloud"] {
        let is_there = targets
            .iter()
            .any(|target| target.kind.as_deref() == Some(kind));
        assert!(is_there, "no {kind} kernel was fetched");
    }
    targets
}

impl Target {
    fn read(described: &Value, images: &[Image]) -> Target {
        let text = |member: &str| described[member].as_str().map(str::to_owned);
        let release = text("release").unwrap();
        let symvers = fs::read_to_string(text("symvers").unwrap()).unwrap();
        let image = images.iter().find(|image| image.release == release);
        let own = image.and_then(Image::any_module);
        let of_module = own
            .as_ref()
            .and_then(|module| Some(module.vermagic_tail()?.to_owned()));
        let of_config = text("config").map(|config| tail(&fs::read_to_string(config).unwrap()));
        Target {
            kind: text("kind"),
            symvers: symvers::parse(symvers.as_bytes()).unwrap(),
            text: symvers,
            vermagic_tail: of_module.or(of_config),
            this_module_size: own.and_then(|module| module.this_module_size),
            release,
        }
    }

    /// The ordinary kernels are for all images, another flavor for the image of its own release.
    fn is_for(&self, image: &Image) -> bool {
        let release = self
            .kind
            .as_ref()
            .map(|kind| self.release.replace(&format!("-{kind}-"), "-"));
        release.is_none_or(|release| release == image.release)
    }

    fn kernel(&self, symvers: &Symvers) -> Index<(), u8> {
        let flavor = kabi::flavor::of_release(&self.release).unwrap_or_default();
        let kernel = Kernel::new(&self.release, "x86_64", flavor, symvers)
            .with_vermagic_tail(self.vermagic_tail.clone())
            .with_this_module_size(self.this_module_size);
        let mut index = Index::default();
        index.add_kernel(0, &kernel);
        index
    }

    /// No module of the ordinary kernel is for another flavor, whatever its symbols say; that is
    /// what the verdict says, and not that a kernel's symbols have changed. To the loader, the
    /// version magic of real-time kernels says so.
    fn assert_flavor(&self, judged: &ModuleVerdict, what: &str) {
        let fatal = |code: &str| {
            let mut fatal = judged
                .reasons
                .iter()
                .filter(|r| r.severity == Severity::Fatal);
            fatal.any(|reason| reason.code == code)
        };
        let is_other = self.kind.is_some();
        assert_eq!(
            judged.verdict == Verdict::UnloadableFlavor,
            is_other,
            "{what}: {judged:?}"
        );
        assert_eq!(
            fatal(codes::FLAVOR_MISMATCH),
            is_other,
            "{what}: {judged:?}"
        );
        let is_rt = self.kind.as_deref() == Some("rt");
        assert_eq!(fatal(codes::VERMAGIC_MISMATCH), is_rt, "{what}: {judged:?}");
    }
}

/// What `linux/vermagic.h` makes of a configuration on x86-64.
fn tail(config: &str) -> String {
    let tokens = [
        ("CONFIG_SMP=y", "SMP "),
        ("CONFIG_PREEMPT_BUILD=y", "preempt "),
        ("CONFIG_PREEMPT_RT=y", "preempt_rt "),
        ("CONFIG_MODULE_UNLOAD=y", "mod_unload "),
        ("CONFIG_MODVERSIONS=y", "modversions "),
    ];
    let is_set = |option: &str| config.lines().any(|line| line == option);
    tokens
        .iter()
        .filter(|(option, _)| is_set(option))
        .map(|(_, token)| *token)
        .collect()
}

/// A description that `cargo xtask test` has written.
fn described(variable: &str) -> Value {
    let file = std::env::var_os(variable).expect("run `cargo xtask test`");
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

impl Image {
    fn modules(&self) -> Vec<Module> {
        let mut files = Vec::new();
        find(&self.folder, &mut files);
        files.iter().map(read).collect()
    }

    fn any_module(&self) -> Option<Module> {
        let mut files = Vec::new();
        find(&self.folder, &mut files);
        files.first().map(read)
    }

    /// Where depmod may read it.
    fn write_symvers(&self, target: &Target) -> PathBuf {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("{}-on-{}.symvers", self.release, target.release));
        fs::write(&file, &target.text).unwrap();
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

fn read(file: &PathBuf) -> Module {
    let name = file.file_name().unwrap().to_string_lossy();
    Module::read(&fs::read(file).unwrap(), &name, &Limits::default()).unwrap()
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

/// What does not load although depmod is silent is so for reasons that it does not know.
fn explain(judged: &ModuleVerdict, what: &str, differences: &mut Differences) {
    let fatal = judged
        .reasons
        .iter()
        .filter(|r| r.severity == Severity::Fatal);
    let codes: BTreeSet<&str> = fatal.map(|reason| reason.code.as_str()).collect();
    for code in codes {
        let is_known = DEPMOD_DOES_NOT_KNOW.iter().any(|(known, _)| *known == code);
        assert!(is_known, "{what}: {judged:?}");
        let example = || (0, format!("{} of the {what}", judged.module));
        differences.entry(code.to_owned()).or_insert_with(example).0 += 1;
    }
}
