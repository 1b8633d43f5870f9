//! Programs that rpm runs: scriptlets and triggers.

use crate::header::Header;
use crate::oddities::Oddities;
use crate::tag::Class;
use crate::text::{decode, text};
use crate::{Dependency, Scriptlet, sense};

/// Kind, tag of the body, tag of the interpreter and its arguments.
const SCRIPTLETS: [(&str, u32, u32); 9] = [
    ("pre", 1023, 1085),
    ("post", 1024, 1086),
    ("preun", 1025, 1087),
    ("postun", 1026, 1088),
    ("pretrans", 1151, 1153),
    ("posttrans", 1152, 1154),
    ("preuntrans", 5103, 5105),
    ("postuntrans", 5104, 5106),
    ("verify", 1079, 1091),
];

/// Tags of one family of triggers. Bodies and interpreters are parallel; each condition (name, flags,
/// version) points to its body by index.
struct Triggers {
    bodies: u32,
    interpreters: u32,
    names: u32,
    versions: u32,
    flags: u32,
    indexes: u32,
    /// Names of the kinds for `%triggerprein`, `%triggerin`, `%triggerun`, `%triggerpostun`.
    kinds: [&'static str; 4],
}

const TRIGGERS: [Triggers; 3] = [
    Triggers {
        bodies: 1065,
        interpreters: 1092,
        names: 1066,
        versions: 1067,
        flags: 1068,
        indexes: 1069,
        kinds: ["triggerprein", "triggerin", "triggerun", "triggerpostun"],
    },
    Triggers {
        bodies: 5066,
        interpreters: 5067,
        names: 5069,
        versions: 5071,
        flags: 5072,
        indexes: 5070,
        kinds: [
            "filetriggerprein",
            "filetriggerin",
            "filetriggerun",
            "filetriggerpostun",
        ],
    },
    Triggers {
        bodies: 5076,
        interpreters: 5077,
        names: 5079,
        versions: 5081,
        flags: 5082,
        indexes: 5080,
        kinds: [
            "transfiletriggerprein",
            "transfiletriggerin",
            "transfiletriggerun",
            "transfiletriggerpostun",
        ],
    },
];

/// Most words of an interpreter and its arguments that are read.
const WORDS_MAX: usize = 64;

/// Most conditions of all triggers together; a package of rpm's own has some dozen.
const TRIGGERS_MAX: usize = 4096;

/// The class of a tag, when it belongs to a scriptlet.
pub(crate) fn class(tag: u32) -> Option<Class> {
    let of_scriptlet = SCRIPTLETS
        .iter()
        .any(|&(_, body, program)| tag == body || tag == program);
    let of_trigger = |t: &Triggers| [t.bodies, t.interpreters, t.names, t.versions].contains(&tag);
    if of_scriptlet || TRIGGERS.iter().any(of_trigger) {
        return Some(Class::Text);
    }
    let is_number = |t: &Triggers| tag == t.flags || tag == t.indexes;
    TRIGGERS.iter().any(is_number).then_some(Class::Number)
}

/// All scriptlets, then all triggers.
pub(crate) fn read(header: &Header, oddities: &mut Oddities) -> Vec<Scriptlet> {
    let mut all: Vec<Scriptlet> = SCRIPTLETS
        .iter()
        .filter(|&&(_, body, program)| header.contains(body) || header.contains(program))
        .map(|&(kind, body, program)| Scriptlet {
            kind,
            interpreter: interpreter(header, program),
            body: text(header, body).unwrap_or_default(),
            triggers: Vec::new(),
        })
        .collect();
    for family in &TRIGGERS {
        read_triggers(header, family, &mut all, oddities);
    }
    all
}

fn interpreter(header: &Header, tag: u32) -> Vec<String> {
    let words = header.texts(tag).into_iter().flatten();
    words.take(WORDS_MAX).map(decode).collect()
}

fn read_triggers(
    header: &Header,
    family: &Triggers,
    all: &mut Vec<Scriptlet>,
    oddities: &mut Oddities,
) {
    let Some(bodies) = header.texts(family.bodies) else {
        return;
    };
    let conditions = read_conditions(header, family);
    if bodies.len().max(header.count(family.names)) > TRIGGERS_MAX {
        oddities.note("many-triggers", || {
            format!("only {TRIGGERS_MAX} triggers were read")
        });
    }
    let mut interpreters = header.texts(family.interpreters).into_iter().flatten();
    for (index, body) in bodies.take(TRIGGERS_MAX).enumerate() {
        let own = conditions.iter().filter(|(of, _)| *of == index as u64);
        let triggers: Vec<Dependency> = own.map(|(_, condition)| condition.clone()).collect();
        let flags = triggers.first().map_or(0, |condition| condition.flags);
        all.push(Scriptlet {
            kind: trigger_kind(family, flags),
            interpreter: interpreters.next().map(decode).into_iter().collect(),
            body: decode(body),
            triggers,
        });
    }
}

/// Each condition with the index of the body it belongs to.
fn read_conditions(header: &Header, family: &Triggers) -> Vec<(u64, Dependency)> {
    let mut versions = header.texts(family.versions).into_iter().flatten();
    let mut flags = header.numbers(family.flags).into_iter().flatten();
    let mut indexes = header.numbers(family.indexes).into_iter().flatten();
    let names = header
        .texts(family.names)
        .into_iter()
        .flatten()
        .take(TRIGGERS_MAX);
    names
        .map(|name| {
            let flags = flags
                .next()
                .and_then(|flags| u32::try_from(flags).ok())
                .unwrap_or(0);
            let version = versions.next().map(decode).unwrap_or_default();
            let condition = Dependency {
                name: decode(name),
                flags,
                version,
            };
            (indexes.next().unwrap_or(0), condition)
        })
        .collect()
}

fn trigger_kind(family: &Triggers, flags: u32) -> &'static str {
    let [prein, r#in, un, postun] = family.kinds;
    match flags {
        _ if flags & sense::TRIGGERPREIN != 0 => prein,
        _ if flags & sense::TRIGGERUN != 0 => un,
        _ if flags & sense::TRIGGERPOSTUN != 0 => postun,
        _ => r#in,
    }
}
