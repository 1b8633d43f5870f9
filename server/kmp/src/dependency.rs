//! The dependency lists of a header.
//!
//! Each list is three tags of equal length: names, flags, versions.

use serde::{Deserialize, Serialize};

use crate::header::Header;
use crate::identity::Identity;
use crate::oddities::{Oddities, quoted};
use crate::tag::Class;
use crate::text::decode;
use crate::{Error, KsymDependency, Limits, SymsetDependency};

/// The dependency lists of the header, in header order, text verbatim.
///
/// The weak dependencies of rpm 4.4 to 4.11 on SUSE (tags 1156 to 1161) are sorted into the four
/// modern lists after the modern entries. A package of rpm 3 provides its own name although the
/// header does not say so; that one is added, as rpm does.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Dependencies {
    /// What the package offers.
    pub provides: Vec<Dependency>,
    /// What must be there.
    pub requires: Vec<Dependency>,
    /// What must not be there.
    pub conflicts: Vec<Dependency>,
    /// What it takes the place of.
    pub obsoletes: Vec<Dependency>,
    /// What is installed with it unless that is impossible.
    pub recommends: Vec<Dependency>,
    /// What is shown as going well with it.
    pub suggests: Vec<Dependency>,
    /// What it is installed with: recommends, seen from the other side. Hardware stands here.
    pub supplements: Vec<Dependency>,
    /// What it is shown as going well with.
    pub enhances: Vec<Dependency>,
    /// What to install before, where both are installed.
    pub order_with_requires: Vec<Dependency>,
}

/// One dependency: name, comparison, version.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Dependency {
    /// `ksym(default:printk)`, `/bin/sh`, `(a and b)` …
    pub name: String,
    /// `RPMSENSE_*` bits as in the header (2 less, 4 greater, 8 equal; 0x40, 0x100 … scriptlet).
    pub flags: u32,
    /// Version text as in the header, empty when there is none.
    pub version: String,
}

impl Dependency {
    /// The comparison as rpm prints it: `<`, `<=`, `=`, `>=`, `>`, or nothing.
    pub fn comparison(&self) -> &'static str {
        const LESS: u32 = sense::LESS;
        const LESS_EQUAL: u32 = sense::LESS | sense::EQUAL;
        const EQUAL: u32 = sense::EQUAL;
        const GREATER_EQUAL: u32 = sense::GREATER | sense::EQUAL;
        const GREATER: u32 = sense::GREATER;
        match self.flags & sense::COMPARISON {
            LESS => "<",
            LESS_EQUAL => "<=",
            EQUAL => "=",
            GREATER_EQUAL => ">=",
            GREATER => ">",
            _ => "",
        }
    }
}

/// `name = version`, as `rpm -qp --requires` prints it.
impl std::fmt::Display for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        let comparison = self.comparison();
        if !comparison.is_empty() {
            write!(f, " {comparison} {}", self.version)?;
        }
        Ok(())
    }
}

/// The three tags of one list.
#[derive(Clone, Copy)]
struct Tags {
    names: u32,
    flags: u32,
    versions: u32,
}

const fn tags(names: u32, flags: u32, versions: u32) -> Tags {
    Tags {
        names,
        flags,
        versions,
    }
}

const PROVIDES: Tags = tags(1047, 1112, 1113);
const REQUIRES: Tags = tags(1049, 1048, 1050);
const CONFLICTS: Tags = tags(1054, 1053, 1055);
const OBSOLETES: Tags = tags(1090, 1114, 1115);
const OLD_SUGGESTS: Tags = tags(1156, 1158, 1157);
const OLD_ENHANCES: Tags = tags(1159, 1161, 1160);
const ORDER: Tags = tags(5035, 5037, 5036);
const RECOMMENDS: Tags = tags(5046, 5048, 5047);
const SUGGESTS: Tags = tags(5049, 5051, 5050);
const SUPPLEMENTS: Tags = tags(5052, 5054, 5053);
const ENHANCES: Tags = tags(5055, 5057, 5056);

const LISTS: [Tags; 11] = [
    PROVIDES,
    REQUIRES,
    CONFLICTS,
    OBSOLETES,
    OLD_SUGGESTS,
    OLD_ENHANCES,
    ORDER,
    RECOMMENDS,
    SUGGESTS,
    SUPPLEMENTS,
    ENHANCES,
];

/// The class of a tag, when it belongs to a dependency list.
pub(crate) fn class(tag: u32) -> Option<Class> {
    LISTS.iter().find_map(|list| match tag {
        _ if tag == list.names || tag == list.versions => Some(Class::Text),
        _ if tag == list.flags => Some(Class::Number),
        _ => None,
    })
}

impl Dependencies {
    /// Reads all lists of a header.
    pub(crate) fn read(
        header: &Header,
        identity: &Identity,
        limits: &Limits,
        oddities: &mut Oddities,
    ) -> Result<Dependencies, Error> {
        let total: usize = LISTS.iter().map(|list| header.count(list.names)).sum();
        if total > limits.dependencies {
            let (found, limit) = (total as u64, limits.dependencies as u64);
            return Err(Error::OverLimit {
                what: "dependencies",
                name: Some("dependencies"),
                found,
                limit,
            });
        }
        let mut read = |list| read_list(header, list, oddities);
        let mut all = Dependencies {
            provides: read(PROVIDES),
            requires: read(REQUIRES),
            conflicts: read(CONFLICTS),
            obsoletes: read(OBSOLETES),
            recommends: read(RECOMMENDS),
            suggests: read(SUGGESTS),
            supplements: read(SUPPLEMENTS),
            enhances: read(ENHANCES),
            order_with_requires: read(ORDER),
        };
        let (weak, reversed) = (read(OLD_SUGGESTS), read(OLD_ENHANCES));
        sort_in(weak, &mut all.recommends, &mut all.suggests);
        sort_in(reversed, &mut all.supplements, &mut all.enhances);
        if identity.rpm_format == 3 && !identity.is_source {
            all.provide_itself(identity);
        }
        all.note_broken_symbols(oddities);
        Ok(all)
    }

    fn provide_itself(&mut self, identity: &Identity) {
        let (name, version) = (identity.name.clone(), identity.evr());
        let itself = Dependency {
            name,
            flags: sense::EQUAL,
            version,
        };
        if !self.provides.contains(&itself) {
            self.provides.push(itself);
        }
    }

    fn note_broken_symbols(&self, oddities: &mut Oddities) {
        for dependency in self.provides.iter().chain(&self.requires) {
            let symbol = KsymDependency::parse(dependency).and_then(Result::err);
            let set = SymsetDependency::parse(dependency).and_then(Result::err);
            if let Some(oddity) = symbol.or(set) {
                oddities.note(crate::ksym::BROKEN, || oddity.detail);
            }
        }
    }
}

/// Old weak dependencies are strong or weak by a flag.
fn sort_in(list: Vec<Dependency>, strong: &mut Vec<Dependency>, weak: &mut Vec<Dependency>) {
    for dependency in list {
        let is_strong = dependency.flags & sense::STRONG != 0;
        if is_strong { &mut *strong } else { &mut *weak }.push(dependency);
    }
}

/// Reads one list. Names decide its length; rpm 3 left out flags and versions where it had none.
fn read_list(header: &Header, list: Tags, oddities: &mut Oddities) -> Vec<Dependency> {
    let Some(names) = header.texts(list.names) else {
        return Vec::new();
    };
    let count = names.len();
    for other in [list.flags, list.versions] {
        let found = header.count(other);
        if found != count && found != 0 {
            oddities.note("dependency-lengths", || {
                format!(
                    "tag {} has {count} entries, tag {other} has {found}",
                    list.names
                )
            });
        }
    }
    let mut flags = header.numbers(list.flags).into_iter().flatten();
    let mut versions = header.texts(list.versions).into_iter().flatten();
    let dependencies = names.map(|name| Dependency {
        name: decode(name),
        flags: flags
            .next()
            .and_then(|flags| u32::try_from(flags).ok())
            .unwrap_or(0),
        version: versions.next().map(decode).unwrap_or_default(),
    });
    let dependencies: Vec<Dependency> = dependencies.collect();
    for odd in dependencies
        .iter()
        .filter(|dependency| has_odd_characters(dependency))
    {
        oddities.note("odd-dependency", || {
            format!(
                "{} of tag {} is empty or holds control characters",
                quoted(&odd.name),
                list.names
            )
        });
    }
    dependencies
}

fn has_odd_characters(dependency: &Dependency) -> bool {
    let is_odd = |text: &str| text.contains(char::is_control);
    dependency.name.is_empty() || is_odd(&dependency.name) || is_odd(&dependency.version)
}

/// Bits of [`Dependency::flags`] (`RPMSENSE_*` of rpm's `rpmds.h`).
pub mod sense {
    /// Lower versions.
    pub const LESS: u32 = 1 << 1;
    /// Higher versions.
    pub const GREATER: u32 = 1 << 2;
    /// The same version.
    pub const EQUAL: u32 = 1 << 3;
    /// The three bits that compare versions.
    pub const COMPARISON: u32 = LESS | GREATER | EQUAL;
    /// Needed by `%posttrans`.
    pub const POSTTRANS: u32 = 1 << 5;
    /// Must be installed before (`PreReq:` of old).
    pub const PREREQ: u32 = 1 << 6;
    /// Needed by `%pretrans`.
    pub const PRETRANS: u32 = 1 << 7;
    /// The interpreter of a scriptlet.
    pub const INTERP: u32 = 1 << 8;
    /// Needed by `%pre`.
    pub const SCRIPT_PRE: u32 = 1 << 9;
    /// Needed by `%post`.
    pub const SCRIPT_POST: u32 = 1 << 10;
    /// Needed by `%preun`.
    pub const SCRIPT_PREUN: u32 = 1 << 11;
    /// Needed by `%postun`.
    pub const SCRIPT_POSTUN: u32 = 1 << 12;
    /// Needed by `%verifyscript`.
    pub const SCRIPT_VERIFY: u32 = 1 << 13;
    /// Found by a generator, not written by hand.
    pub const FIND_REQUIRES: u32 = 1 << 14;
    /// The same on the other side.
    pub const FIND_PROVIDES: u32 = 1 << 15;
    /// Sets off a trigger when installed, or when the trigger's own package is.
    pub const TRIGGERIN: u32 = 1 << 16;
    /// Sets off a trigger before it is removed.
    pub const TRIGGERUN: u32 = 1 << 17;
    /// Sets off a trigger after it was removed.
    pub const TRIGGERPOSTUN: u32 = 1 << 18;
    /// `rpmlib(…)`: a feature of rpm itself.
    pub const RPMLIB: u32 = 1 << 24;
    /// Sets off a trigger before it is installed.
    pub const TRIGGERPREIN: u32 = 1 << 25;
    /// Strong form of an old weak dependency (tags 1156 to 1161): recommends, supplements.
    pub const STRONG: u32 = 1 << 27;
    /// `config(…)`.
    pub const CONFIG: u32 = 1 << 28;
}
