//! The cases that `cargo xtask test` has built, judged.

use kabi::{Candidate, Kernel, ModuleVerdict, judge, symvers};
use kmod::{Limits, Module};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// One module on one kernel.
pub struct Judged {
    pub kernel: String,
    pub name: String,
    pub module: ModuleVerdict,
}

impl Judged {
    /// The codes of the reasons of the heaviest weight that there is, each once, in their order.
    pub fn heaviest(&self) -> Vec<&str> {
        let reasons = &self.module.reasons;
        let worst = reasons.first().map(|reason| reason.severity);
        let mut codes: Vec<&str> = Vec::new();
        for reason in reasons.iter().filter(|r| Some(r.severity) == worst) {
            if !codes.contains(&reason.code.as_str()) {
                codes.push(&reason.code);
            }
        }
        codes
    }
}

/// Every case of the list that `xtask::loader` writes.
pub fn all(list: &Path) -> Vec<Judged> {
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    let mut kernels: HashMap<&str, Kernel> = HashMap::new();
    let mut judged = Vec::new();
    for case in list.as_array().unwrap() {
        let text = |member: &str| case[member].as_str();
        let release = text("kernel").unwrap();
        let kernel = kernels.entry(release).or_insert_with(|| kernel(case));
        judged.push(Judged {
            kernel: release.to_owned(),
            name: text("name").unwrap().to_owned(),
            module: judge_case(kernel, case),
        });
    }
    judged
}

/// What of a kernel is known that is registered whole.
fn kernel(case: &Value) -> Kernel {
    let text = |member: &str| case[member].as_str().unwrap();
    let symvers = symvers::parse(&fs::read(text("symvers")).unwrap()).unwrap();
    let release = text("kernel");
    let flavor = kabi::flavor::of_release(release).unwrap_or_default();
    let own = read(text("own"));
    Kernel::new(release, "x86_64", flavor, &symvers)
        .with_vermagic_tail(own.vermagic_tail().map(str::to_owned))
        .with_this_module_size(own.this_module_size)
}

fn judge_case(kernel: &Kernel, case: &Value) -> ModuleVerdict {
    let module = read(case["file"].as_str().unwrap());
    let before = || read(case["before"].as_str().unwrap());
    let (own, other) = match case["beside"].as_str().unwrap() {
        "own-package" => (vec![module, before()], Vec::new()),
        "other-package" => (vec![module], vec![before()]),
        // The kernel's own are among its symbols.
        _ => (vec![module], Vec::new()),
    };
    let candidates = [("case-kmp", &own), ("other-kmp", &other)];
    let candidates = candidates.map(|(name, modules)| Candidate { name, modules });
    judge(kernel, &candidates)[0].modules[0].clone()
}

fn read(file: &str) -> Module {
    Module::read(&fs::read(file).unwrap(), file, &Limits::default()).unwrap()
}
