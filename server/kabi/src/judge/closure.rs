//! Which modules load, given which others do: a fixpoint.
//!
//! A module loads once the modules it needs are loaded, so the modules that load grow round by
//! round from those that need none; two that need each other first never do. Which packages count
//! as providers shrinks around that: a package with a module that does not load is not installed.
//! Rounds look at the state before them, so the order of modules does not matter.

use super::web::{Alone, Web};
use std::collections::HashMap;

/// The state that no rule changes any more.
pub(crate) struct Closure {
    /// By node: how it loads, if it does.
    loaded: Vec<Option<Loaded>>,
    /// By package: all its modules load.
    whole: Vec<bool>,
}

/// How a module loads.
#[derive(Clone, Default)]
pub(crate) struct Loaded {
    /// For open needs met by other packages: index of the need, and the node that meets it.
    pub foreign: Vec<(usize, usize)>,
    /// Taints the kernel as proprietary, by its own licence or that of a module it uses.
    pub tainted: bool,
}

impl Closure {
    pub fn loaded(&self, node: usize) -> Option<&Loaded> {
        self.loaded[node].as_ref()
    }

    /// Is this provider there for that node? It loads, and so does the rest of its package.
    pub fn is_usable(&self, web: &Web<'_>, node: usize, provider: usize) -> bool {
        self.loaded[provider].is_some()
            && (web.is_own(node, provider) || self.whole[web.nodes[provider].package])
    }

    /// `inherit_taint`: a GPL module that uses GPL-only symbols may not use a proprietary module's.
    pub fn taint_excludes(&self, web: &Web<'_>, node: usize, provider: usize) -> bool {
        let user = &web.nodes[node];
        web.taint_is_inherited && user.is_gpl && user.uses_gpl_only && self.is_tainted(provider)
    }

    fn is_tainted(&self, node: usize) -> bool {
        self.loaded[node]
            .as_ref()
            .is_some_and(|loaded| loaded.tainted)
    }
}

/// Closes over the modules to which the kernel says no worse than this.
pub(crate) fn close(web: &Web<'_>, worst: Alone) -> Closure {
    let packages = web.nodes.last().map_or(0, |last| last.package + 1);
    let mut closure = Closure {
        loaded: Vec::new(),
        whole: vec![true; packages],
    };
    loop {
        load_all(web, worst, &mut closure);
        let broken = |node: &usize| closure.loaded[*node].is_none();
        let fallen: Vec<usize> = (0..web.nodes.len())
            .filter(broken)
            .map(|node| web.nodes[node].package)
            .filter(|package| closure.whole[*package])
            .collect();
        if fallen.is_empty() {
            return closure;
        }
        for package in fallen {
            closure.whole[package] = false;
        }
    }
}

/// Loads what can be loaded while `whole` stays as it is.
fn load_all(web: &Web<'_>, worst: Alone, closure: &mut Closure) {
    closure.loaded = vec![None; web.nodes.len()];
    let is_ready = |node: &usize| web.nodes[*node].alone <= worst;
    let mut waiting: Vec<usize> = (0..web.nodes.len()).filter(is_ready).collect();
    loop {
        let round: Vec<(usize, Loaded)> = waiting
            .iter()
            .filter_map(|&node| Some((node, load(web, closure, node)?)))
            .collect();
        if round.is_empty() {
            return;
        }
        for (node, loaded) in round {
            closure.loaded[node] = Some(loaded);
        }
        waiting.retain(|&node| closure.loaded[node].is_none());
    }
}

/// Loads one module on top of those that are loaded.
fn load(web: &Web<'_>, closure: &Closure, node: usize) -> Option<Loaded> {
    let mut tainted = !web.nodes[node].is_gpl;
    let mut foreign: Vec<(usize, Vec<usize>)> = Vec::new();
    for (need, open) in web.nodes[node].needs.iter().enumerate() {
        let mut usable = open.fitting.iter().copied().filter(|&provider| {
            closure.is_usable(web, node, provider) && !closure.taint_excludes(web, node, provider)
        });
        let first = usable.next()?;
        let providers: Vec<usize> = std::iter::once(first).chain(usable).collect();
        match providers.iter().find(|&&other| web.is_own(node, other)) {
            Some(&provider) => tainted |= closure.is_tainted(provider),
            None if open.own_only => return None,
            None => foreign.push((need, providers)),
        }
    }
    let foreign = choose(web, foreign)?;
    tainted |= foreign
        .iter()
        .any(|&(_, provider)| closure.is_tainted(provider));
    Some(Loaded { foreign, tainted })
}

/// Picks one provider for each need, so that no two builds of one module are needed at once.
///
/// Greedy: the module that meets most of what is left comes next. Where it finds no choice, there
/// might be one in contrived cases; a choice it finds is one.
fn choose(web: &Web<'_>, mut needs: Vec<(usize, Vec<usize>)>) -> Option<Vec<(usize, usize)>> {
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    while !needs.is_empty() {
        let mut meets: HashMap<usize, Vec<usize>> = HashMap::new();
        for (need, providers) in &needs {
            for &provider in providers {
                if !taken.contains(&web.nodes[provider].module_name) {
                    meets.entry(provider).or_default().push(*need);
                }
            }
        }
        let key = |provider: usize, met: &[usize]| {
            let node = &web.nodes[provider];
            let names = (node.package_name, node.module_name);
            (std::cmp::Reverse(met.len()), names, met.to_vec(), provider)
        };
        let (best, met) = meets
            .iter()
            .min_by_key(|(provider, met)| key(**provider, met))?;
        taken.push(web.nodes[*best].module_name);
        chosen.extend(met.iter().map(|need| (*need, *best)));
        needs.retain(|(need, _)| !met.contains(need));
    }
    chosen.sort_unstable();
    Some(chosen)
}

/// What becomes of a module's open needs, once it is clear which modules load.
pub(crate) struct Settled {
    /// By open need.
    pub needs: Vec<Outcome>,
    /// Every need by itself is met, but all of them together are not: two symbols come from two
    /// builds of one module, of which only one can be loaded.
    pub together: Together,
}

/// What becomes of one open need.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// By that node.
    Met(usize),
    /// By that node, if it loads, which is not known.
    Unknown(usize),
    Failed,
}

/// Whether providers that each suit also suit together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Together {
    Fine,
    Unknown,
    Failed,
}

/// Settles the open needs of one module: `surely` with what loads for certain, `maybe` with what
/// might.
pub(crate) fn settle(web: &Web<'_>, surely: &Closure, maybe: &Closure, node: usize) -> Settled {
    let user = &web.nodes[node];
    if let Some(loaded) = surely.loaded(node) {
        return Settled {
            needs: all_met(web, surely, node, loaded),
            together: Together::Fine,
        };
    }
    let usable = |closure: &Closure, open: &super::web::Open| {
        let is_usable = |provider: &usize| {
            closure.is_usable(web, node, *provider) && !closure.taint_excludes(web, node, *provider)
        };
        open.fitting.iter().copied().find(is_usable)
    };
    let outcome = |open| {
        if let Some(provider) = usable(surely, open) {
            Outcome::Met(provider)
        } else if let Some(provider) = usable(maybe, open) {
            Outcome::Unknown(provider)
        } else {
            Outcome::Failed
        }
    };
    let needs: Vec<Outcome> = user.needs.iter().map(outcome).collect();
    let together = if needs.contains(&Outcome::Failed) || user.alone == Alone::Refused {
        Together::Fine
    } else if maybe.loaded(node).is_none() {
        Together::Failed
    } else if user.alone == Alone::Loads && needs.iter().all(|n| matches!(n, Outcome::Met(_))) {
        // A build that would do for all of them may load or not.
        Together::Unknown
    } else {
        Together::Fine
    };
    Settled { needs, together }
}

fn all_met(web: &Web<'_>, surely: &Closure, node: usize, loaded: &Loaded) -> Vec<Outcome> {
    let foreign: HashMap<usize, usize> = loaded.foreign.iter().copied().collect();
    let met = |(need, open): (usize, &super::web::Open)| {
        let own = || {
            let is_own =
                |other: &usize| web.is_own(node, *other) && surely.is_usable(web, node, *other);
            open.fitting.iter().copied().find(is_own)
        };
        // What loads has a provider for each need.
        foreign
            .get(&need)
            .copied()
            .or_else(own)
            .map_or(Outcome::Failed, Outcome::Met)
    };
    web.nodes[node].needs.iter().enumerate().map(met).collect()
}
