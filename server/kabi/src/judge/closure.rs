//! Which modules load, given which others do: a fixpoint.
//!
//! A module loads once the modules it needs are loaded, so the modules that load grow round by
//! round from those that need none; two that need each other first never do. Which packages count
//! as providers shrinks around that: a package with a module that does not load is not installed.
//! Rounds look at the state before them, so the order of modules does not matter.

use super::alone::Assessment;
use super::offers::{Fit, Offer, fit};
use super::{Case, Given};
use std::collections::HashMap;

/// The state that no rule changes any more.
pub(super) struct Closure {
    /// By node: how it loads, if it does.
    loaded: Vec<Option<Loaded>>,
    /// By package: all its modules load.
    whole: Vec<bool>,
}

/// How a module loads.
#[derive(Clone, Default)]
pub(super) struct Loaded {
    /// For open needs met by other packages: index of the need, and the node that meets it.
    pub foreign: Vec<(usize, usize)>,
    /// Taints the kernel as proprietary, by its own licence or that of a module it uses.
    pub tainted: bool,
}

impl Closure {
    pub fn loaded(&self, node: usize) -> Option<&Loaded> {
        self.loaded[node].as_ref()
    }

    /// Is this offer there for that node? Its module loads, and so does the rest of its package.
    pub fn is_usable(&self, given: &Given<'_>, node: usize, offer: &Offer<'_>) -> bool {
        let package = given.nodes[offer.node].package;
        self.loaded[offer.node].is_some()
            && (package == given.nodes[node].package || self.whole[package])
    }
}

/// Closes over the modules that `passes` lets load on their own.
pub(super) fn close(case: &Case<'_>, passes: impl Fn(&Assessment) -> bool) -> Closure {
    let ready: Vec<bool> = case.assessments.iter().map(passes).collect();
    let packages = case.given.nodes.last().map_or(0, |last| last.package + 1);
    let mut closure = Closure {
        loaded: Vec::new(),
        whole: vec![true; packages],
    };
    loop {
        load_all(case, &ready, &mut closure);
        let broken = |node: &usize| closure.loaded[*node].is_none();
        let fallen: Vec<usize> = (0..ready.len())
            .filter(broken)
            .map(|node| case.given.nodes[node].package)
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
fn load_all(case: &Case<'_>, ready: &[bool], closure: &mut Closure) {
    closure.loaded = vec![None; ready.len()];
    let mut waiting: Vec<usize> = (0..ready.len()).filter(|node| ready[*node]).collect();
    loop {
        let round: Vec<(usize, Loaded)> = waiting
            .iter()
            .filter_map(|&node| Some((node, load(case, closure, node)?)))
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
fn load(case: &Case<'_>, closure: &Closure, node: usize) -> Option<Loaded> {
    let given = &case.given;
    let mut tainted = !given.nodes[node].is_gpl;
    let mut foreign: Vec<(usize, Vec<usize>)> = Vec::new();
    for (need, open) in case.assessments[node].open.iter().enumerate() {
        let providers: Vec<usize> = fitting(case, node, need)
            .filter(|offer| closure.is_usable(given, node, offer))
            .map(|offer| offer.node)
            .filter(|&provider| !taint_excludes(case, closure, node, provider))
            .collect();
        let own = given.nodes[node].package;
        match providers
            .iter()
            .find(|&&provider| given.nodes[provider].package == own)
        {
            Some(&provider) => tainted |= is_tainted(closure, provider),
            None if providers.is_empty() || open.own_only => return None,
            None => foreign.push((need, providers)),
        }
    }
    let foreign = choose(given, foreign)?;
    tainted |= foreign
        .iter()
        .any(|&(_, provider)| is_tainted(closure, provider));
    Some(Loaded { foreign, tainted })
}

/// Offers that satisfy an open need as far as the two modules alone can say.
pub(super) fn fitting<'a>(
    case: &'a Case<'_>,
    node: usize,
    need: usize,
) -> impl Iterator<Item = Offer<'a>> {
    visible(case, node, need).filter(move |offer| {
        let user = &case.given.nodes[node];
        let import = &user.module.imports[case.assessments[node].open[need].import];
        fit(case.given.kernel, user, import, offer.export) == Fit::Fits
    })
}

/// Offers that an open need may look at.
pub(super) fn visible<'a>(
    case: &'a Case<'_>,
    node: usize,
    need: usize,
) -> impl Iterator<Item = Offer<'a>> {
    let nodes = &case.given.nodes;
    let open = &case.assessments[node].open[need];
    let import = &nodes[node].module.imports[open.import];
    case.given
        .offers
        .of_symbol(&import.symbol)
        .iter()
        .copied()
        .filter(move |offer| {
            let is_own = nodes[offer.node].package == nodes[node].package;
            offer.node != node && (is_own || !open.own_only)
        })
}

/// `inherit_taint`: a GPL module that uses GPL-only symbols may not use a proprietary module's.
pub(super) fn taint_excludes(
    case: &Case<'_>,
    closure: &Closure,
    node: usize,
    provider: usize,
) -> bool {
    let enforced = case
        .given
        .kernel
        .version()
        .is_none_or(|v| v >= TAINT_INHERITED_SINCE);
    let is_gpl = case.given.nodes[node].is_gpl;
    enforced && is_gpl && case.assessments[node].uses_gpl_only && is_tainted(closure, provider)
}

/// First kernel that hands the taint on to the modules that use a proprietary one.
const TAINT_INHERITED_SINCE: (u32, u32) = (5, 9);

fn is_tainted(closure: &Closure, node: usize) -> bool {
    closure.loaded[node]
        .as_ref()
        .is_some_and(|loaded| loaded.tainted)
}

/// Picks one provider for each need, so that no two builds of one module are needed at once.
///
/// Greedy: the module that meets most of what is left comes next. Where it finds no choice, there
/// might be one in contrived cases; a choice it finds is one.
fn choose(given: &Given<'_>, mut needs: Vec<(usize, Vec<usize>)>) -> Option<Vec<(usize, usize)>> {
    let mut chosen: Vec<(usize, usize)> = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    while !needs.is_empty() {
        let mut meets: HashMap<usize, Vec<usize>> = HashMap::new();
        for (need, providers) in &needs {
            for &provider in providers {
                if !taken.contains(&given.nodes[provider].module.name.as_str()) {
                    meets.entry(provider).or_default().push(*need);
                }
            }
        }
        let key = |provider: usize, met: &[usize]| {
            let node = &given.nodes[provider];
            let names = (node.package_name, node.module.name.as_str());
            (std::cmp::Reverse(met.len()), names, met.to_vec(), provider)
        };
        let (best, met) = meets
            .iter()
            .min_by_key(|(provider, met)| key(**provider, met))?;
        taken.push(&given.nodes[*best].module.name);
        chosen.extend(met.iter().map(|need| (*need, *best)));
        needs.retain(|(need, _)| !met.contains(need));
    }
    chosen.sort_unstable();
    Some(chosen)
}
