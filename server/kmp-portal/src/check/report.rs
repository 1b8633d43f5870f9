//! What was found, for every way of writing it.

use kabi::{ModuleVerdict, PackageVerdict, Verdict};

/// Everything that is reported.
pub struct Report {
    /// In the order given.
    pub kernels: Vec<KernelReport>,
    /// Files that could not be read, and why.
    pub troubles: Vec<(String, String)>,
}

/// All files on one kernel.
pub struct KernelReport {
    /// Its release, or where it was read from.
    pub label: String,
    /// Who it is, in words.
    pub facts: String,
    /// What is not known of it.
    pub notes: Vec<String>,
    /// In the order given.
    pub files: Vec<FileVerdict>,
}

/// One file on one kernel.
pub struct FileVerdict {
    /// The path as given.
    pub file: String,
    /// What the judge says.
    pub verdict: PackageVerdict,
}

impl Report {
    /// Every module on every kernel, kernel by kernel.
    pub fn modules(&self) -> impl Iterator<Item = (&KernelReport, &FileVerdict, &ModuleVerdict)> {
        self.kernels.iter().flat_map(|kernel| {
            kernel.files.iter().flat_map(move |file| {
                let modules = file.verdict.modules.iter();
                modules.map(move |module| (kernel, file, module))
            })
        })
    }
}

/// The verdict in words.
pub fn words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Compatible => "will load",
        Verdict::CompatibleWithWarnings => "will load, with warnings",
        Verdict::NeedsOtherPackage => "will load with another package",
        Verdict::Indeterminate => "not known",
        Verdict::UnloadableFlavor => "built for another kind of kernel",
        Verdict::Incompatible => "will not load",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_loads_is_said_to_load() {
        for verdict in Verdict::ALL {
            assert_eq!(serde_json::json!(verdict), verdict.as_str());
            assert_eq!(verdict.loads(), words(verdict).starts_with("will load"));
        }
    }
}
