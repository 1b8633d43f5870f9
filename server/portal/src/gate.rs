//! The release gate: whether a kernel may go out, by the policy of its product. Pure: what is known
//! goes in, each rule answers for itself, and the kernel goes when none fails.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use store::verdicts::Named;

/// What a kernel has to fulfil. A limit that is `None`, and a rule that is `false`, is off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Packages in one of these channels of the product count as certified; empty: those in its
    /// default channel.
    pub certified_channels: Vec<String>,
    /// Certified packages that break and that no other build mends, at most.
    pub max_certified_broken: Option<u64>,
    /// All packages that break and that no other build mends, at most.
    pub max_broken: Option<u64>,
    /// Every vendor with such a package was sent its mail.
    pub require_told: bool,
    /// Every such vendor said that it knows.
    pub require_acknowledged: bool,
    /// No symbol of the stablelist changed since the kernel before.
    pub require_stable_symbols: bool,
    /// No change since the kernel before that the severities file calls a failure.
    pub require_severities_pass: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            certified_channels: Vec::new(),
            max_certified_broken: Some(0),
            max_broken: None,
            require_told: true,
            require_acknowledged: false,
            require_stable_symbols: true,
            require_severities_pass: true,
        }
    }
}

/// Names that a rule lists; the rest is counted.
pub const LISTED: usize = 100;

/// What the rules look at.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Every package has its verdict.
    pub is_judged: bool,
    /// Packages that break, that load on another kernel, and that no other build mends.
    pub unmended: &'a Named,
    /// Those of them that are in a channel that counts as certified.
    pub certified: &'a Named,
    /// Short names of their vendors, who have to act.
    pub affected: &'a BTreeSet<String>,
    /// Short names of vendors whose mail was sent.
    pub told: &'a BTreeSet<String>,
    /// Short names of vendors that said that they know.
    pub acknowledged: &'a BTreeSet<String>,
    /// Symbols of the stablelist that changed or went; `None`: there is no list, or no kernel
    /// before.
    pub stable_changed: Option<&'a [String]>,
    /// Symbols whose change is a failure by the severities file; `None` as above.
    pub severities_failed: Option<&'a [String]>,
}

/// What became of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    /// The policy does not ask for it.
    Off,
    /// There is nothing to compare with.
    NotApplicable,
}

/// One rule and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Stable, kebab-case.
    pub rule: &'static str,
    pub outcome: Outcome,
    /// How many there may be.
    pub limit: Option<u64>,
    /// How many there are.
    pub found: u64,
    /// Packages, vendors or symbols that speak against it, sorted; the first hundred.
    pub against: Vec<String>,
    /// A sentence for people.
    pub text: String,
}

/// Whether the kernel may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    Go,
    NoGo,
}

impl Decision {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::NoGo => "no-go",
        }
    }
}

/// Asks every rule; one that fails is enough.
#[must_use]
pub fn decide(policy: &Policy, facts: &Facts<'_>) -> (Decision, Vec<Rule>) {
    let rules = vec![
        judged(facts),
        certified(policy, facts),
        broken(policy, facts),
        told(policy, facts),
        acknowledged(policy, facts),
        symbols(
            "stable-symbols-unchanged",
            policy.require_stable_symbols,
            facts.stable_changed,
            "of the list of stable symbols changed or went",
        ),
        symbols(
            "severities-pass",
            policy.require_severities_pass,
            facts.severities_failed,
            "changed in a way that the severities file forbids",
        ),
    ];
    let fails = rules.iter().any(|rule| rule.outcome == Outcome::Fail);
    let decision = if fails { Decision::NoGo } else { Decision::Go };
    (decision, rules)
}

/// Before that, nothing else can be relied on.
fn judged(facts: &Facts<'_>) -> Rule {
    Rule {
        rule: "all-packages-judged",
        outcome: if facts.is_judged {
            Outcome::Pass
        } else {
            Outcome::Fail
        },
        limit: None,
        found: 0,
        against: Vec::new(),
        text: match facts.is_judged {
            true => "Every package has its verdict.".to_owned(),
            false => "Packages are still being judged; ask again in a moment.".to_owned(),
        },
    }
}

fn certified(policy: &Policy, facts: &Facts<'_>) -> Rule {
    counted(
        "certified-packages-load",
        policy.max_certified_broken,
        facts.certified.clone(),
        "certified packages break and no other build mends them",
    )
}

fn broken(policy: &Policy, facts: &Facts<'_>) -> Rule {
    counted(
        "packages-load",
        policy.max_broken,
        facts.unmended.clone(),
        "packages break and no other build mends them",
    )
}

fn told(policy: &Policy, facts: &Facts<'_>) -> Rule {
    let silent = named(facts.affected.difference(facts.told));
    let limit = policy.require_told.then_some(0);
    counted(
        "vendors-told",
        limit,
        silent,
        "affected vendors were not told yet",
    )
}

fn acknowledged(policy: &Policy, facts: &Facts<'_>) -> Rule {
    let silent = named(facts.affected.difference(facts.acknowledged));
    let limit = policy.require_acknowledged.then_some(0);
    let words = "affected vendors did not say that they know";
    counted("vendors-acknowledged", limit, silent, words)
}

/// Of names that come sorted.
fn named<'a>(names: impl Iterator<Item = &'a String>) -> Named {
    let mut named = Named::default();
    for name in names {
        named.total += 1;
        if named.first.len() < LISTED {
            named.first.push(name.clone());
        }
    }
    named
}

fn symbols(rule: &'static str, is_on: bool, found: Option<&[String]>, words: &str) -> Rule {
    match found {
        None => Rule {
            rule,
            outcome: if is_on {
                Outcome::NotApplicable
            } else {
                Outcome::Off
            },
            limit: is_on.then_some(0),
            found: 0,
            against: Vec::new(),
            text: "Neither this kernel nor the one before it has such a list, or there is none before it.".to_owned(),
        },
        Some(symbols) => {
            let names = named(symbols.iter().collect::<BTreeSet<_>>().into_iter());
            counted(rule, is_on.then_some(0), names, &format!("symbols {words}"))
        }
    }
}

fn counted(rule: &'static str, limit: Option<u64>, names: Named, words: &str) -> Rule {
    let found = names.total;
    let outcome = match limit {
        None => Outcome::Off,
        Some(limit) if found > limit => Outcome::Fail,
        Some(_) => Outcome::Pass,
    };
    let allowed = limit.map_or_else(
        || "the policy sets no limit".to_owned(),
        |n| format!("{n} allowed"),
    );
    Rule {
        rule,
        outcome,
        limit,
        found,
        against: names.first,
        text: format!("{} {words}; {allowed}.", crate::pages::thousands(found)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn words(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    /// Outcomes of the rules in order.
    fn outcomes(policy: &Policy, facts: &Facts<'_>) -> (Decision, Vec<Outcome>) {
        let (decision, rules) = decide(policy, facts);
        (decision, rules.iter().map(|r| r.outcome).collect())
    }

    #[test]
    fn each_rule_fails_by_itself() {
        use Outcome::{Fail, NotApplicable, Off, Pass};
        let one = Named {
            total: 1,
            first: vec!["acme-net-1-1.x86_64".to_owned()],
        };
        let none = Named::default();
        let (nobody, acme) = (words(&[]), words(&["acme"]));
        let symbol = ["_dev_err".to_owned()];
        let calm = Facts {
            is_judged: true,
            unmended: &none,
            certified: &none,
            affected: &nobody,
            told: &nobody,
            acknowledged: &nobody,
            stable_changed: Some(&[]),
            severities_failed: None,
        };
        let policy = Policy::default();
        let fine = [Pass, Pass, Off, Pass, Off, Pass, NotApplicable];
        let with = |at: usize, outcome| {
            let mut all = fine.to_vec();
            all[at] = outcome;
            all
        };
        assert_eq!(outcomes(&policy, &calm), (Decision::Go, fine.to_vec()));
        let told = Facts {
            unmended: &one,
            certified: &one,
            affected: &acme,
            told: &acme,
            ..calm.clone()
        };
        let lenient = Policy {
            max_certified_broken: Some(1),
            ..policy.clone()
        };
        let strict = Policy {
            max_broken: Some(0),
            ..lenient.clone()
        };
        let asking = Policy {
            require_acknowledged: true,
            ..lenient.clone()
        };
        let cases = [
            (
                &policy,
                Facts {
                    is_judged: false,
                    ..calm.clone()
                },
                with(0, Fail),
            ),
            (&policy, told.clone(), with(1, Fail)),
            (&strict, told.clone(), with(2, Fail)),
            (
                &lenient,
                Facts {
                    told: &nobody,
                    ..told.clone()
                },
                with(3, Fail),
            ),
            (&asking, told.clone(), with(4, Fail)),
            (
                &policy,
                Facts {
                    stable_changed: Some(&symbol),
                    ..calm.clone()
                },
                with(5, Fail),
            ),
            (
                &policy,
                Facts {
                    severities_failed: Some(&symbol),
                    ..calm.clone()
                },
                with(6, Fail),
            ),
        ];
        for (policy, facts, expected) in cases {
            assert_eq!(outcomes(policy, &facts), (Decision::NoGo, expected));
        }
        let known = Facts {
            acknowledged: &acme,
            ..told
        };
        assert_eq!(outcomes(&asking, &known), (Decision::Go, with(4, Pass)));
    }

    #[test]
    fn a_policy_is_read_strictly() {
        let policy: Policy = serde_json::from_str(r#"{"max_broken": 3}"#).unwrap();
        assert_eq!(
            policy,
            Policy {
                max_broken: Some(3),
                ..Policy::default()
            }
        );
        assert!(serde_json::from_str::<Policy>(r#"{"max_brokn": 3}"#).is_err());
    }
}
