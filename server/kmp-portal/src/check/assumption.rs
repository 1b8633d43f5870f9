//! Judges on kernels of which release, flavor or architecture is not known.
//!
//! A bare `Module.symvers` names none of them, yet the loader's rules ask. Then each file is judged
//! as if the kernel were of the kind its first module was built for, which the caller is told.
//! Where only the release could decide, the verdict stays open.

use super::input::Input;
use super::kernel::KernelFile;
use kabi::{Candidate, Kernel, PackageVerdict, Verdict, arch, flavor};
use kmod::Module;

/// What a kernel is taken for.
#[derive(Clone, PartialEq, Eq)]
struct Identity {
    release: String,
    arch: String,
}

/// Verdicts of `files`, which are the first candidates, in their order. Adds notes to the kernel.
pub fn judge(
    file: &mut KernelFile,
    files: &[Input],
    candidates: &[Candidate<'_>],
) -> Vec<PackageVerdict> {
    let tail = file.kernel.vermagic_tail.clone();
    let identities: Vec<Identity> = files.iter().map(|input| identity(file, input)).collect();
    note(file, &identities);
    if !file.has_release && !file.kernel.modversions {
        // The release decides and is assumed to fit: nothing may come out of that.
        file.kernel.vermagic_tail = None;
    }
    let mut verdicts: Vec<Option<PackageVerdict>> = vec![None; files.len()];
    for index in 0..files.len() {
        if verdicts[index].is_some() {
            continue;
        }
        take_for(&mut file.kernel, &identities[index]);
        let all = kabi::judge(&file.kernel, candidates);
        for (other, verdict) in all.into_iter().take(files.len()).enumerate() {
            if identities[other] == identities[index] {
                verdicts[other] = Some(verdict);
            }
        }
    }
    file.kernel.vermagic_tail = tail;
    let verdicts = verdicts.into_iter().zip(files);
    verdicts
        .map(|(verdict, input)| {
            let mut verdict = verdict.expect("every file has been judged with its own identity");
            if !file.has_release {
                open_live_patches(&mut verdict, &input.modules);
            }
            verdict
        })
        .collect()
}

fn identity(file: &KernelFile, input: &Input) -> Identity {
    let kernel = &file.kernel;
    let module = &input.modules[0];
    let built_for = module.kernel_release().unwrap_or_default();
    let release = if file.has_release {
        &kernel.release
    } else if file.has_flavor && kernel.modversions {
        // The flavor is known: it must not be taken from the module.
        without_flavor(built_for)
    } else {
        built_for
    };
    Identity {
        release: release.to_owned(),
        arch: if kernel.arch.is_empty() {
            arch::name(module.machine)
        } else {
            kernel.arch.clone()
        },
    }
}

fn without_flavor(release: &str) -> &str {
    flavor::of_release(release)
        .and_then(|flavor| release.strip_suffix(flavor))
        .map_or(release, |rest| rest.trim_end_matches(['-', '+']))
}

fn take_for(kernel: &mut Kernel, identity: &Identity) {
    kernel.release.clone_from(&identity.release);
    kernel.arch.clone_from(&identity.arch);
}

fn note(file: &mut KernelFile, identities: &[Identity]) {
    let list = |of: fn(&Identity) -> &String| {
        let mut names: Vec<&str> = identities.iter().map(|i| of(i).as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    if !file.has_release {
        file.notes.push(format!(
            "its release is not known and taken to be the modules' own ({}): say it with --release",
            list(|identity| &identity.release)
        ));
    }
    if file.kernel.arch.is_empty() {
        file.notes.push(format!(
            "its architecture is not known and taken to be the modules' own ({}): say it with \
             --arch",
            list(|identity| &identity.arch)
        ));
    }
}

/// A live patch loads on the very kernel it was built for, and nobody said which this is.
fn open_live_patches(verdict: &mut PackageVerdict, modules: &[Module]) {
    for (judged, module) in verdict.modules.iter_mut().zip(modules) {
        if module.livepatch && judged.verdict.loads() {
            judged.verdict = Verdict::Indeterminate;
        }
    }
    let worst = verdict.modules.iter().map(|module| module.verdict).max();
    verdict.verdict = worst.unwrap_or(Verdict::Indeterminate);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_without_its_flavor_names_none() {
        let cases = [
            ("6.4.0-150600.21-default", "6.4.0-150600.21"),
            ("6.1.0-56-rt-amd64", "6.1.0-56"),
            ("5.14.0-503.el9.x86_64+rt", "5.14.0-503.el9.x86_64"),
            ("5.14.0-503.el9.x86_64", "5.14.0-503.el9.x86_64"),
            ("", ""),
        ];
        for (release, expected) in cases {
            assert_eq!(without_flavor(release), expected, "{release}");
            assert_eq!(flavor::of_release(expected), None, "{expected}");
        }
    }
}
