//! What differs between two kernels, one entry for each symbol and kind of change.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::rulings::{self, Rulings};
use kabi::{ChangeKind, Ruling};
use kmod::Crc;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use store::kernels::Kernel;

/// How a symbol changed; the order is that of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Removed,
    CrcChanged,
    BecameGpl,
    NamespaceChanged,
    ProviderMoved,
    Added,
}

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::Removed,
        Self::CrcChanged,
        Self::BecameGpl,
        Self::NamespaceChanged,
        Self::ProviderMoved,
        Self::Added,
    ];

    /// As the API spells it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::CrcChanged => "crc-changed",
            Self::BecameGpl => "became-gpl-only",
            Self::NamespaceChanged => "namespace-changed",
            Self::ProviderMoved => "provider-moved",
            Self::Added => "added",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == word)
    }

    fn of_engine(self) -> ChangeKind {
        match self {
            Self::Removed => ChangeKind::Removed,
            Self::CrcChanged => ChangeKind::CrcChanged,
            Self::BecameGpl => ChangeKind::BecameGpl,
            Self::NamespaceChanged => ChangeKind::NamespaceChanged,
            Self::ProviderMoved => ChangeKind::ProviderMoved,
            Self::Added => ChangeKind::Added,
        }
    }

    /// The words shown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Removed => "Removed",
            Self::CrcChanged => "Version changed",
            Self::BecameGpl => "Became GPL-only",
            Self::NamespaceChanged => "Other namespace",
            Self::ProviderMoved => "Moved to another module",
            Self::Added => "Added",
        }
    }
}

/// What one kernel exports under the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub crcs: Vec<Crc>,
    pub gpl: bool,
    pub namespace: Option<String>,
    pub provider: String,
}

impl Side {
    /// `0x92997ed8`; several are divided by blanks.
    pub fn versions(&self) -> String {
        let crcs: Vec<String> = self.crcs.iter().map(|crc| crc.to_padded()).collect();
        crcs.join(" ")
    }

    fn of(kernel: &kabi::Kernel, symbol: &str) -> Option<Self> {
        kernel.exports.get(symbol).map(|export| Self {
            crcs: export.crcs.clone(),
            gpl: export.gpl,
            namespace: export.namespace.clone(),
            provider: export.provider.clone(),
        })
    }
}

/// One change of one symbol. A symbol that changed in two ways has two.
#[derive(Clone, Debug)]
pub struct Entry {
    pub symbol: String,
    pub kind: Kind,
    /// `None`: not exported.
    pub old: Option<Side>,
    pub new: Option<Side>,
    /// What the severities file says to it; `None`: there is no such file.
    pub severities: Option<Ruling>,
    /// The pattern in that file that says so.
    pub rule: Option<String>,
    /// What the list of stable symbols says to it; `None`: there is none.
    pub stablelist: Option<Ruling>,
    /// Published packages that use it.
    pub packages: i64,
    pub modules: i64,
}

/// What differs, and what the distributor's lists say of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The most used first, then by kind and name.
    pub entries: Vec<Entry>,
    /// Of all changes; `None` for those who are shown a part.
    pub rulings: Option<Rulings>,
}

/// All entries. Of an embargoed kernel a vendor is shown
/// the symbols that its own modules use.
pub async fn find(app: &App, caller: &Caller, old: &Kernel, new: &Kernel) -> Result<Found> {
    let mut conn = app.pool.acquire().await?;
    let (before, now) = (
        app.kernels.get(&mut conn, old).await?,
        app.kernels.get(&mut conn, new).await?,
    );
    let newer = store::kernel_parts::lists_for_judging(&mut conn, new.id).await?;
    let older = store::kernel_parts::lists_for_judging(&mut conn, old.id).await?;
    let compare = move || -> anyhow::Result<Found> {
        let rulings = Rulings::of(newer, older, &before, &now)?;
        Ok(Found {
            entries: entries(&before, &now, &rulings),
            rulings: Some(rulings),
        })
    };
    let found = tokio::task::spawn_blocking(compare).await;
    let mut found = found.map_err(anyhow::Error::from)??;
    let entries = &mut found.entries;
    if let Role::Vendor { id, .. } = caller.role
        && (old.is_embargoed() || new.is_embargoed())
    {
        let own = store::symbols::of_vendor(&mut conn, id).await?;
        let own: HashSet<String> = own.into_iter().collect();
        entries.retain(|entry| own.contains(&entry.symbol));
        found.rulings = None;
    }
    let mut names: Vec<String> = entries.iter().map(|e| e.symbol.clone()).collect();
    names.dedup();
    let counts = store::symbols::counts(&mut conn, caller.viewer(), &names).await?;
    let counts: HashMap<&str, _> = counts.iter().map(|c| (c.symbol.as_str(), c)).collect();
    for entry in entries.iter_mut() {
        if let Some(count) = counts.get(entry.symbol.as_str()) {
            entry.packages = count.packages;
            entry.modules = count.modules;
        }
    }
    entries.sort_by_cached_key(|e| (Reverse(e.modules), e.kind, e.symbol.clone()));
    Ok(found)
}

fn entries(old: &kabi::Kernel, new: &kabi::Kernel, rulings: &Rulings) -> Vec<Entry> {
    let diff = kabi::diff(old, new);
    let entry = |kind, symbol: &str| Entry {
        symbol: symbol.to_owned(),
        kind,
        old: Side::of(old, symbol),
        new: Side::of(new, symbol),
        severities: None,
        rule: None,
        stablelist: None,
        packages: 0,
        modules: 0,
    };
    let mut entries = Vec::new();
    entries.extend(diff.removed.iter().map(|s| entry(Kind::Removed, s)));
    entries.extend(diff.added.iter().map(|s| entry(Kind::Added, s)));
    entries.extend(diff.became_gpl.iter().map(|s| entry(Kind::BecameGpl, s)));
    let changed = diff.crc_changed.iter();
    entries.extend(changed.map(|c| entry(Kind::CrcChanged, &c.symbol)));
    let moved = diff.namespace_changed.iter();
    entries.extend(moved.map(|c| entry(Kind::NamespaceChanged, &c.symbol)));
    let moved = diff.provider_moved.iter();
    entries.extend(moved.map(|c| entry(Kind::ProviderMoved, &c.symbol)));
    for entry in &mut entries {
        entry.annotate(rulings);
    }
    entries
}

impl Entry {
    fn annotate(&mut self, rulings: &Rulings) {
        let kind = self.kind.of_engine();
        if let Some(ruled) = &rulings.severities
            && let Some((ruling, rule)) = rulings::of_change(ruled, &self.symbol, kind)
        {
            self.severities = Some(ruling);
            self.rule = rule.map(str::to_owned);
        }
        if let Some(ruled) = &rulings.stablelist {
            let ruling = rulings::of_change(ruled, &self.symbol, kind);
            self.stablelist = ruling.map(|(ruling, _)| ruling);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(text: &str) -> kabi::Kernel {
        let symvers = kabi::symvers::parse(text.as_bytes()).unwrap();
        kabi::Kernel::new("6.4.0-1-default", "x86_64", "default", &symvers)
    }

    #[test]
    fn every_kind_has_its_entry_with_both_sides() {
        let old = kernel(
            "0x1 gone vmlinux EXPORT_SYMBOL\n0x2 crc vmlinux EXPORT_SYMBOL\n\
             0x3 gpl vmlinux EXPORT_SYMBOL\n0x5 space vmlinux EXPORT_SYMBOL\n\
             0x6 moved fs/a EXPORT_SYMBOL\n0x7 same vmlinux EXPORT_SYMBOL\n",
        );
        let new = kernel(
            "0x7 same vmlinux EXPORT_SYMBOL\n0x9 fresh vmlinux EXPORT_SYMBOL\n\
             0x8 crc vmlinux EXPORT_SYMBOL\n0x3 gpl vmlinux EXPORT_SYMBOL_GPL\n\
             0x5 space vmlinux EXPORT_SYMBOL NS\n0x6 moved vmlinux EXPORT_SYMBOL\n",
        );
        let found = entries(&old, &new, &Rulings::default());
        for (symbol, kind, sides) in [
            ("gone", Kind::Removed, (true, false)),
            ("crc", Kind::CrcChanged, (true, true)),
            ("gpl", Kind::BecameGpl, (true, true)),
            ("space", Kind::NamespaceChanged, (true, true)),
            ("moved", Kind::ProviderMoved, (true, true)),
            ("fresh", Kind::Added, (false, true)),
        ] {
            let entry = found.iter().find(|e| e.symbol == symbol).expect(symbol);
            assert_eq!(entry.kind, kind);
            assert_eq!((entry.old.is_some(), entry.new.is_some()), sides);
            assert_eq!(Kind::parse(kind.code()), Some(kind));
        }
        assert_eq!(found.len(), Kind::ALL.len());
    }
}
