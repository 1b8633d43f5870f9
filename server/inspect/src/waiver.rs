//! Waivers: a distributor lets what a check found pass, for a time.
//!
//! Pure: which findings of an inspection are waived follows from the waivers, what the package is,
//! and the time. Who may give one, and where they are kept, is the portal's business.

use crate::{CHECKS, Check, Decision, Finding, Inspection, Severity};
use serde::{Deserialize, Serialize};

/// What a distributor lets pass, for which packages, until when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiver {
    pub id: i64,
    /// Id of the check.
    pub check: String,
    /// `None`: all packages of the vendor.
    pub package: Option<String>,
    /// `VERSION-RELEASE.ARCH` of one build; `None`: all builds.
    pub build: Option<String>,
    /// `None`: all products.
    pub product: Option<String>,
    /// Seconds since 1970 from which it does not hold any more.
    pub expires: i64,
    /// Who gave it.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What waivers need to know of a package. The vendor's others are not asked.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub package: &'a str,
    /// `VERSION-RELEASE.ARCH`.
    pub build: &'a str,
    /// Products it goes to.
    pub products: &'a [&'a str],
}

/// What a finding says of the waiver that lets it pass.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Waived {
    /// Number of the waiver.
    pub waiver: i64,
    /// Seconds since 1970 when it ends.
    pub until: i64,
    /// Who gave it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How much the finding would weigh without it.
    pub severity: Severity,
}

/// Which waivers mattered to an inspection.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Used {
    /// They let a finding pass.
    pub applied: Vec<i64>,
    /// They would have, had they not expired; the finding rejects.
    pub lapsed: Vec<i64>,
}

/// Turns findings that reject and are waived into warnings that say so, and decides anew.
///
/// A waiver holds when its check can be waived, its scope takes the package in, and `now` (seconds
/// since 1970) is before its end. Of several the one that ends last counts. Findings stay in order
/// of their weight.
pub fn apply(
    inspection: &mut Inspection,
    waivers: &[Waiver],
    subject: Subject<'_>,
    now: i64,
) -> Used {
    let mut used = Used::default();
    for finding in &mut inspection.findings {
        if finding.severity != Severity::Reject || !is_waivable(&finding.check) {
            continue;
        }
        let fitting = waivers
            .iter()
            .filter(|waiver| waiver.is_for(finding, subject));
        let Some(waiver) = fitting.max_by_key(|waiver| waiver.expires) else {
            continue;
        };
        let list = match now < waiver.expires {
            true => {
                finding.waive(waiver);
                &mut used.applied
            }
            false => &mut used.lapsed,
        };
        if !list.contains(&waiver.id) {
            list.push(waiver.id);
        }
    }
    inspection
        .findings
        .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    inspection.decision = Decision::of(&inspection.findings);
    used
}

fn is_waivable(id: &str) -> bool {
    CHECKS.iter().any(|check| check.id == id && check.waivable)
}

impl Waiver {
    fn is_for(&self, finding: &Finding, subject: Subject<'_>) -> bool {
        let fits = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        // Of several products each must let it pass.
        let fits_products = match self.product.as_deref() {
            None => true,
            Some(wanted) => {
                !subject.products.is_empty() && subject.products.iter().all(|it| *it == wanted)
            }
        };
        self.check == finding.check
            && fits(&self.package, subject.package)
            && fits(&self.build, subject.build)
            && fits_products
    }
}

impl Finding {
    fn waive(&mut self, waiver: &Waiver) {
        self.waived = Some(Waived {
            waiver: waiver.id,
            until: waiver.expires,
            by: waiver.by.clone(),
            reason: waiver.reason.clone(),
            severity: self.severity,
        });
        self.severity = Severity::Warning;
    }
}

/// The check of this id.
#[must_use]
pub fn check_by_id(id: &str) -> Option<&'static Check> {
    CHECKS.iter().find(|check| check.id == id).copied()
}

/// Ids of the checks whose ids look most like a word, the nearest first.
#[must_use]
pub fn nearest(word: &str) -> Vec<&'static str> {
    /// How many are named.
    const NAMED: usize = 3;
    let word: String = word.chars().take(80).collect();
    let mut ids: Vec<&'static str> = CHECKS.iter().map(|check| check.id).collect();
    ids.sort_by(|a, b| {
        let likeness = |id: &str| strsim::jaro_winkler(id, &word);
        likeness(b).total_cmp(&likeness(a))
    });
    ids.truncate(NAMED);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{changed, policy, signed};

    const NOW: i64 = 1_000;

    fn waiver(id: i64, check: &str) -> Waiver {
        Waiver {
            id,
            check: check.to_owned(),
            package: None,
            build: None,
            product: None,
            expires: NOW + 1,
            by: "dora".to_owned(),
            reason: "agreed".to_owned(),
        }
    }

    const SUBJECT: Subject<'_> = Subject {
        package: "acme-net-kmp-default",
        build: "1.0-1.x86_64",
        products: &["sle-15"],
    };

    /// A package whose name is refused, which can be waived, and whose digest does not hold, which
    /// cannot, when asked for.
    fn inspection(is_damaged: bool) -> Inspection {
        let package = changed(|package| {
            package.name = "acme".to_owned();
            if is_damaged {
                package.digests[0].found = "other".to_owned();
            }
        });
        crate::inspect(&package, &signed(), &policy())
    }

    #[test]
    fn scope_time_and_kind_decide() {
        let of = |change: fn(&mut Waiver)| {
            let mut it = waiver(7, "package-name");
            change(&mut it);
            it
        };
        // What the waiver says, whether it lets the finding pass, whether it has lapsed.
        let cases: [(&str, Waiver, bool, bool); 10] = [
            ("all", of(|_| ()), true, false),
            (
                "package",
                of(|it| it.package = Some("acme-net-kmp-default".into())),
                true,
                false,
            ),
            (
                "other package",
                of(|it| it.package = Some("acme-x".into())),
                false,
                false,
            ),
            (
                "build",
                of(|it| it.build = Some("1.0-1.x86_64".into())),
                true,
                false,
            ),
            (
                "other build",
                of(|it| it.build = Some("1.0-2.x86_64".into())),
                false,
                false,
            ),
            (
                "product",
                of(|it| it.product = Some("sle-15".into())),
                true,
                false,
            ),
            (
                "other product",
                of(|it| it.product = Some("sle-12".into())),
                false,
                false,
            ),
            (
                "other check",
                of(|it| it.check = "package-version".into()),
                false,
                false,
            ),
            ("at its end", of(|it| it.expires = NOW), false, true),
            (
                "lapsed elsewhere",
                of(|it| (it.expires, it.package) = (0, Some("x".into()))),
                false,
                false,
            ),
        ];
        for (name, waiver, passes, lapsed) in cases {
            let mut inspection = inspection(false);
            let used = apply(&mut inspection, &[waiver], SUBJECT, NOW);
            assert_eq!(inspection.decision == Decision::Accept, passes, "{name}");
            assert_eq!(!used.applied.is_empty(), passes, "{name}");
            assert_eq!(!used.lapsed.is_empty(), lapsed, "{name}");
        }
    }

    #[test]
    fn what_cannot_be_waived_is_not() {
        let mut inspection = inspection(true);
        let waivers = [waiver(1, "package-name"), waiver(2, "digest-mismatch")];
        let used = apply(&mut inspection, &waivers, SUBJECT, NOW);
        assert_eq!(inspection.decision, Decision::Reject);
        assert_eq!(used.applied, [1]);
        assert_eq!(inspection.findings[0].check, "digest-mismatch");
        assert_eq!(inspection.findings[0].waived, None);
    }

    #[test]
    fn the_finding_says_who_why_and_until_when() {
        let mut inspection = inspection(false);
        let longer = Waiver {
            expires: NOW + 9,
            ..waiver(2, "package-name")
        };
        let waivers = [waiver(1, "package-name"), longer];
        apply(&mut inspection, &waivers, SUBJECT, NOW);
        let finding = &inspection.findings[0];
        let waived = finding.waived.clone().unwrap();
        assert_eq!((waived.waiver, waived.until), (2, NOW + 9));
        assert_eq!(
            (waived.by.as_str(), waived.reason.as_str()),
            ("dora", "agreed")
        );
        assert_eq!(
            (waived.severity, finding.severity),
            (Severity::Reject, Severity::Warning)
        );
    }

    #[test]
    fn several_products_want_a_waiver_that_holds_in_each() {
        let subject = Subject {
            products: &["sle-15", "sle-12"],
            ..SUBJECT
        };
        for (product, passes) in [(None, true), (Some("sle-15"), false)] {
            let mut inspection = inspection(false);
            let product = product.map(str::to_owned);
            let waiver = Waiver {
                product,
                ..waiver(1, "package-name")
            };
            apply(&mut inspection, &[waiver], subject, NOW);
            assert_eq!(inspection.decision == Decision::Accept, passes);
        }
    }

    #[test]
    fn near_names_are_found() {
        assert_eq!(nearest("multi-version")[0], "multiversion");
        assert_eq!(nearest("modul-sigature")[0], "module-signature");
        assert_eq!(nearest(&"x".repeat(10_000)).len(), 3);
    }
}
