//! `/packages/{id}`: everything known about one package.

use super::{
    ChannelsView, Fact, KernelStatus, Listing, Moment, PackageState, Reason, RepositoryBox,
    Severity, Shell, Verdict, WaiveForm,
};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "package.html")]
pub struct PackagePage {
    pub shell: Shell,
    pub id: String,
    /// Package name, or the file name before it was inspected.
    pub name: String,
    /// `1.0_k6.4.0_150600.21-1`, with `epoch:` in front if it has one; empty before inspection.
    pub version: String,
    /// Empty before inspection.
    pub arch: String,
    pub summary: Option<String>,
    pub state: PackageState,
    /// Why it is in this state, a sentence.
    pub state_reason: String,
    /// Display name.
    pub vendor: String,
    /// `sle15-sp6 / stable`, one per placement.
    pub placements: Vec<String>,
    /// As uploaded.
    pub file_name: String,
    /// Hexadecimal, of the whole file.
    pub sha256: String,
    /// `91.1 KiB (93,248 bytes)`.
    pub size: String,
    /// More facts: license, kernel it was built for, flavor …
    pub facts: Vec<Fact>,
    pub uploaded: Moment,
    /// Oldest first; the last is the state it is in.
    pub history: Vec<StateChange>,
    /// `None` before inspection.
    pub signature: Option<SignatureView>,
    /// Only groups with findings, gravest first; see [`group_findings`].
    pub findings: Vec<FindingGroup>,
    /// Ids of the checks that found nothing, in the order in which they looked.
    pub passed: Vec<String>,
    pub modules: Vec<ModuleView>,
    /// Newest kernel first.
    pub verdicts: Vec<VerdictRow>,
    /// One for each line of kernels with a past.
    pub risks: Vec<RiskView>,
    /// All builds of this KMP; `None` before inspection.
    pub history_href: Option<String>,
    pub channels: ChannelsView,
    /// `None` unless it is published.
    pub publication: Option<Publication>,
}

/// What the past of its symbols says of a package.
#[derive(Clone, Debug)]
pub struct RiskView {
    /// `sle15-sp6 · default · x86_64`.
    pub line: String,
    /// `25 %`.
    pub score: String,
    /// The same in words.
    pub text: String,
    /// The most restless first.
    pub avoid: Listing<RestlessSymbol>,
}

/// A symbol that did not stay.
#[derive(Clone, Debug)]
pub struct RestlessSymbol {
    pub href: String,
    pub symbol: String,
    /// `3 changes`.
    pub times: String,
}

/// One step on the package's way.
#[derive(Clone, Debug)]
pub struct StateChange {
    pub state: PackageState,
    pub at: Moment,
    pub reason: String,
}

/// Who signed the package, and whether that is good enough.
#[derive(Clone, Debug)]
pub struct SignatureView {
    pub is_good: bool,
    /// `Signed by a key registered for Acme Networks`, `Not signed` …
    pub headline: String,
    /// User ID of the key, if it is known.
    pub signer: Option<String>,
    /// In groups of four; the key ID if no more is known.
    pub fingerprint: Option<String>,
    /// `RSA 4096, SHA-256`.
    pub algorithm: Option<String>,
    pub made: Option<Moment>,
    /// What to do about it if it is not good.
    pub mend: Option<String>,
}

/// Findings of one weight.
#[derive(Clone, Debug)]
pub struct FindingGroup {
    pub severity: Severity,
    pub findings: Vec<FindingRow>,
}

/// Something a check found.
#[derive(Clone, Debug)]
pub struct FindingRow {
    /// The check's id, kebab-case; links to its help.
    pub check: String,
    /// The check's title, a short phrase.
    pub title: String,
    /// What was found, with its value.
    pub detail: String,
    /// Where: path of a module, tag of the header …
    pub place: Option<String>,
    /// How to mend it.
    pub mend: String,
    /// `Waived until 31 Dec 2026 by alice: reason`.
    pub waived: Option<String>,
    /// For those who may let it pass.
    pub waive: Option<WaiveForm>,
}

/// Sorts findings into groups by weight, gravest first, each in the order given.
pub fn group_findings(
    findings: impl IntoIterator<Item = (Severity, FindingRow)>,
) -> Vec<FindingGroup> {
    let mut groups: Vec<FindingGroup> = Severity::ALL
        .iter()
        .map(|severity| FindingGroup {
            severity: *severity,
            findings: Vec::new(),
        })
        .collect();
    for (severity, finding) in findings {
        let group = groups.iter_mut().find(|it| it.severity == severity);
        group
            .expect("every severity has its group")
            .findings
            .push(finding);
    }
    groups.retain(|group| !group.findings.is_empty());
    groups
}

/// One kernel module of the package.
#[derive(Clone, Debug, Default)]
pub struct ModuleView {
    pub name: String,
    /// Path in the package.
    pub path: String,
    pub description: Option<String>,
    pub version: Option<String>,
    /// `none given` if the module does not say.
    pub license: String,
    pub vermagic: String,
    /// Names of modules it depends on.
    pub depends: Vec<String>,
    /// Who signed the module itself, in words; `not signed`.
    pub signature: String,
    /// Hardware patterns.
    pub aliases: Listing<String>,
    pub imports: Listing<SymbolRow>,
    pub exports: Listing<SymbolRow>,
}

/// A symbol with its version.
#[derive(Clone, Debug)]
pub struct SymbolRow {
    pub name: String,
    /// `0x92997ed8`, or `–` if it has none.
    pub crc: String,
}

/// What one kernel makes of the package.
#[derive(Clone, Debug)]
pub struct VerdictRow {
    pub kernel_href: String,
    /// Makes the row's anchor, `on-…`, to which the matrix links.
    pub kernel_id: String,
    pub release: String,
    pub product: String,
    pub flavor: String,
    pub arch: String,
    pub status: KernelStatus,
    pub verdict: Verdict,
    /// The first few reasons over all modules, for the table itself.
    pub first: Vec<Reason>,
    /// The reasons that are kept, by module; modules without any may be left out.
    pub modules: Vec<ModuleReasons>,
    /// How many reasons are not kept.
    pub unlisted: usize,
    /// Address of all reasons.
    pub all_href: String,
}

impl VerdictRow {
    /// How many reasons are not among the first.
    pub fn more_reasons(&self) -> usize {
        let all: usize = self.modules.iter().map(|it| it.reasons.total()).sum();
        (all + self.unlisted).saturating_sub(self.first.len())
    }
}

/// Why one module gets its verdict.
#[derive(Clone, Debug)]
pub struct ModuleReasons {
    pub module: String,
    pub verdict: Verdict,
    /// `61 of 65 symbols fit`.
    pub needed: String,
    pub reasons: Listing<Reason>,
}

/// Where a published package can be had.
#[derive(Clone, Debug)]
pub struct Publication {
    pub download_href: String,
    /// In which generation of the repository it became visible.
    pub generation: u64,
    /// One per placement.
    pub repositories: Vec<RepositoryBox>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    #[test]
    fn gravest_findings_come_first_and_empty_groups_go() {
        let finding = |check: &str| FindingRow {
            check: check.into(),
            title: String::new(),
            detail: String::new(),
            place: None,
            mend: String::new(),
            waived: None,
            waive: None,
        };
        let groups = group_findings([
            (Severity::Note, finding("a")),
            (Severity::Reject, finding("b")),
            (Severity::Note, finding("c")),
        ]);
        let shown: Vec<_> = groups
            .iter()
            .map(|it| (it.severity, it.findings.len()))
            .collect();
        assert_eq!(shown, [(Severity::Reject, 1), (Severity::Note, 2)]);
        assert_eq!(groups[1].findings[1].check, "c");
    }

    #[test]
    fn hostile_names_are_escaped() {
        let mut page = samples::package();
        page.name = "<script>alert(1)</script>".into();
        page.modules[0].aliases.items[0] = "pci:\"><img src=x>".into();
        page.signature.as_mut().unwrap().signer = Some("Eve <eve@evil.example>".into());
        let html = page.render().unwrap();
        assert!(!html.contains("<script"), "{html}");
        assert!(!html.contains("<img src=x"));
        assert!(!html.contains("<eve@"));
        assert!(html.contains("&#60;script&#62;"));
    }

    #[test]
    fn reasons_beyond_the_first_are_counted() {
        let row = &samples::package().verdicts[0];
        let all: usize = row.modules.iter().map(|it| it.reasons.total()).sum();
        assert!(!row.first.is_empty());
        assert_eq!(row.more_reasons(), all - row.first.len());
    }
}
