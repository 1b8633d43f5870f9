//! What a check is: static data and a function.

use crate::context::Context;
use crate::policy::Family;
use crate::report::{Report, Severity};
use serde::{Serialize, Serializer};

/// One rule that packages are held to.
#[derive(Clone, Copy, Serialize)]
pub struct Check {
    /// Kebab-case, equal to the name of its file, never reused: people search for it.
    pub id: &'static str,
    /// What it says, as a sentence without its full stop.
    pub title: &'static str,
    /// How much its findings weigh, unless the check or the policy says otherwise.
    pub severity: Severity,
    /// A distributor may accept a package in spite of it.
    pub waivable: bool,
    /// What to do about it.
    pub help: &'static str,
    /// Who set the rule: a tool, a manual, a specification.
    pub source: &'static str,
    /// Packages of which family it is for.
    pub scope: Scope,
    /// Looks, and reports what it finds.
    #[serde(skip)]
    pub(crate) run: fn(&Context<'_>, &mut Report<'_>),
}

/// The package families a check is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Every package.
    All,
    /// Packages of this family only.
    Only(Family),
}

impl Scope {
    /// Is the check for this family?
    pub fn covers(self, family: Family) -> bool {
        match self {
            Scope::All => true,
            Scope::Only(only) => only == family,
        }
    }
}

/// `all`, or the family's name.
impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Scope::All => serializer.serialize_str("all"),
            Scope::Only(family) => family.serialize(serializer),
        }
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
