//! Very many packages and kernels in memory: [`judge`](crate::judge()) in milliseconds.
//!
//! A new kernel is judged against all packages, and a new package against all kernels, without
//! opening a package again. The answers are those of `judge`, exactly.
//!
//! ```text
//!  modules ──pack──► bytes ─────add_package──► Index ◄──add_kernel── Kernel
//!     │    (stored with the package)             │
//!     └─Need::all_of─► needs ──insert_need──►    ├─► verdicts(kernel)       all packages
//!          (stored once, numbered)               ├─► package_verdicts(key)  all kernels
//!                                                ├─► briefs(kernel, keep)   the first reasons
//!                                                ├─► broken(kernel, limit)  every bad symbol
//!                                                ├─► explain(kernel, keys)  reasons in full
//!                                                ├─► what_if(modules)       without adding it
//!                                                └─► dependents(key)        whom it concerns
//! ```
//!
//! One `Index` holds what is judged together: the packages that are on offer for one product,
//! architecture and flavor, and that product's kernels. The truth is elsewhere, in a database: an
//! index is filled from it and kept up to date by adding and removing, in any order, with the same
//! answers.
//!
//! # How it works
//!
//! What a module wants of a symbol (name, version, and what of the module matters) is a [`Need`]
//! and has a number; a package is a list of such numbers. For one kernel each distinct need is
//! looked at once and becomes a bit, "the kernel satisfies this"; the rest of what modules are
//! (version magic, licence, size …) falls into few distinct classes, each judged once by the rules
//! of `judge`. A package then loads if its class does and all its bits are set. Where a symbol that
//! the kernel lacks is exported by some package, those packages and all that they lack in turn are
//! closed over as `judge` does. For reasons in full such a group is cut out of the world and handed
//! to `judge` itself.
//!
//! # With a database
//!
//! The database keeps needs (`id`, `symbol`, `crc`, `kind`; the last three unique together) and for
//! each package the bytes of [`pack()`]. Several processes share the numbers, each with an index of
//! its own.
//!
//! 1. A package arrives: [`Need::all_of`] its modules; the database says the number of each, old or
//!    new; [`pack()`] with these numbers gives the bytes to store.
//! 2. A process starts, or hears of a package: [`needs_of()`] says which needs it has;
//!    [`Index::insert_need`] what the index does not know yet, then [`Index::add_package`] with the
//!    stored bytes.
//! 3. A package is withdrawn: [`Index::dependents`], then [`Index::remove_package`].
//!
//! ```
//! use kabi::index::Index;
//! use kabi::{Kernel, Verdict, symvers};
//!
//! let symvers = symvers::parse(b"0x1\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n").unwrap();
//! let kernel = Kernel::new("6.4.0-1-default", "x86_64", "default", &symvers);
//! let modules: Vec<kmod::Module> = Vec::new(); // of `kmod::Module::read`
//!
//! let mut index: Index<&str, u32> = Index::default();
//! index.add_kernel(7, &kernel);
//! let packed = index.pack(&modules); // without a database
//! index.add_package("acme-kmp-1.0", "acme-kmp", &packed).unwrap();
//! // A package without modules is not known to load.
//! assert_eq!(index.verdicts(&7).unwrap(), [(&"acme-kmp-1.0", Verdict::Indeterminate)]);
//! ```

mod alone;
mod bits;
mod brief;
mod broken;
mod class;
mod cut;
mod kernel;
mod linked;
mod need;
mod packages;
mod packed;
mod parallel;
mod places;
mod texts;
mod view;

#[cfg(test)]
mod tests;

use crate::bytes::Damaged;
use crate::kernel::Kernel;
use crate::verdict::{PackageVerdict, Verdict};
use alone::{Briefs, Stranger};
use kernel::PackedKernel;
use kmod::Module;
use packages::{Package, Packages};
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::hash::Hash;
use view::{Seen, View};

pub use brief::Brief;
pub use broken::{BreakingSymbol, Broken, BrokenPackage, BrokenSymbol};
pub use need::{KindError, Need, NeedConflict, NeedId, NeedKind, Needs};

/// Packages of which all reasons are in memory at a time.
const EXPLAINED_AT_ONCE: usize = 256;

/// Packages and kernels under keys of the caller's choice (names, UUIDs, numbers of rows).
#[derive(Debug)]
pub struct Index<P, K> {
    packages: Packages,
    /// By slot.
    keys: Vec<Option<P>>,
    slots: HashMap<P, u32>,
    kernels: BTreeMap<K, PackedKernel>,
}

/// Why bytes are not a package of this index.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PackedError {
    /// Cut off, or altered.
    #[error("the packed package is damaged at byte {}: pack its modules anew", .0.at)]
    Damaged(#[from] Damaged),
    /// Written by another version of this program.
    #[error("the packed package has form {found}, which is not known here: pack its modules anew")]
    Version {
        /// Its first byte.
        found: u8,
    },
    /// A number that means no need here.
    #[error("need {} is not known: insert it before packages that have it", .id.0)]
    UnknownNeed {
        /// The number.
        id: NeedId,
    },
    /// Beyond four thousand million needs.
    #[error("the packed package has more needs than fit in memory: pack its modules anew")]
    TooMany,
}

/// Packs modules with the numbers that `id_of` says: those of a database, or of [`Needs::id`].
///
/// # Errors
/// What `id_of` says.
pub fn pack<E>(
    modules: &[Module],
    id_of: impl FnMut(&Need) -> Result<NeedId, E>,
) -> Result<Vec<u8>, E> {
    packed::write(modules, id_of)
}

/// The numbers of all needs of a packed package, rising, each once.
///
/// # Errors
/// The bytes are not a packed package.
pub fn needs_of(packed: &[u8]) -> Result<Vec<NeedId>, PackedError> {
    let modules = packed::read(packed)?;
    let mut ids: Vec<NeedId> = modules.into_iter().flat_map(|m| m.needs).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

impl<P, K> Default for Index<P, K> {
    fn default() -> Index<P, K> {
        Index {
            packages: Packages::default(),
            keys: Vec::new(),
            slots: HashMap::new(),
            kernels: BTreeMap::new(),
        }
    }
}

impl<P: Clone + Eq + Hash, K: Clone + Ord> Index<P, K> {
    /// Takes over the number of a need from whoever gives them. All needs of a package must be
    /// known before the package is added.
    ///
    /// # Errors
    /// The number, or the need, is known otherwise.
    pub fn insert_need(&mut self, id: NeedId, need: &Need) -> Result<(), NeedConflict> {
        self.packages.needs.insert(id, need)
    }

    /// Every need and its number.
    pub fn needs(&self) -> &Needs {
        &self.packages.needs
    }

    /// Packs modules; needs without a number get the next that is free. With numbers from a
    /// database use [`pack()`] instead.
    pub fn pack(&mut self, modules: &[Module]) -> Vec<u8> {
        let needs = &mut self.packages.needs;
        let packed = packed::write(modules, |need| Ok::<_, Infallible>(needs.intern(need)));
        packed.unwrap_or_else(|never| match never {})
    }

    /// Adds a package, or replaces the one of that key. `name` is how reasons name it.
    ///
    /// # Errors
    /// The bytes are not a packed package, or a need is not known. Nothing has changed then.
    pub fn add_package(&mut self, key: P, name: &str, packed: &[u8]) -> Result<(), PackedError> {
        let slot = self.packages.add(name, packed)?;
        self.remove_package(&key);
        let place = slot as usize;
        if self.keys.len() <= place {
            packages::grow(&mut self.keys);
            self.keys.resize(place + 1, None);
        }
        self.keys[place] = Some(key.clone());
        self.slots.insert(key, slot);
        Ok(())
    }

    /// Removes a package. True if it was there.
    pub fn remove_package(&mut self, key: &P) -> bool {
        let Some(slot) = self.slots.remove(key) else {
            return false;
        };
        self.keys[slot as usize] = None;
        self.packages.remove(slot);
        true
    }

    /// Adds a kernel, or replaces the one of that key.
    pub fn add_kernel(&mut self, key: K, kernel: &Kernel) {
        let packed = PackedKernel::of(kernel, &mut self.packages.needs);
        self.kernels.insert(key, packed);
    }

    /// Removes a kernel. True if it was there.
    pub fn remove_kernel(&mut self, key: &K) -> bool {
        self.kernels.remove(key).is_some()
    }

    /// How many packages there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// No package yet?
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Is there a package of that key?
    pub fn has_package(&self, key: &P) -> bool {
        self.slots.contains_key(key)
    }

    /// How many modules a package has; `None`: no such package.
    pub fn modules_of(&self, key: &P) -> Option<usize> {
        let package = self.packages.get(*self.slots.get(key)?)?;
        Some(package.modules.len())
    }

    /// Keys of the kernels, rising.
    pub fn kernels(&self) -> impl Iterator<Item = &K> {
        self.kernels.keys()
    }

    /// The verdict on every package, in no order; `None`: no such kernel.
    pub fn verdicts(&self, kernel: &K) -> Option<Vec<(&P, Verdict)>> {
        let kernel = self.kernels.get(kernel)?;
        let view = View::prepared(&self.packages, kernel);
        let mut verdicts = Vec::with_capacity(self.len());
        let mut open = Vec::new();
        self.packages
            .sweep(|slot, package| match view.package(slot, package) {
                Seen::Decided(verdict) => verdicts.push((self.key(slot), verdict)),
                Seen::Open => open.push(slot),
            });
        for (slot, links) in linked::settle(&view, &open) {
            verdicts.push((self.key(slot), links.verdict));
        }
        Some(verdicts)
    }

    /// The verdict on one package on every kernel, by rising keys; `None`: no such package.
    pub fn package_verdicts(&self, package: &P) -> Option<Vec<(&K, Verdict)>> {
        let slot = *self.slots.get(package)?;
        let package = self.packages.get(slot)?;
        let verdict = |kernel| {
            let view = View::of(&self.packages, kernel);
            match view.package(slot, package) {
                Seen::Decided(verdict) => verdict,
                Seen::Open => {
                    let settled = linked::settle(&view, &[slot]).pop();
                    settled.map_or(Verdict::Indeterminate, |(_, links)| links.verdict)
                }
            }
        };
        let kernels = self.kernels.iter();
        Some(
            kernels
                .map(|(key, kernel)| (key, verdict(kernel)))
                .collect(),
        )
    }

    /// Verdicts with all reasons, as [`judge`](crate::judge()) gives them, on packages of this
    /// index, in the order asked for; unknown ones are left out. `None`: no such kernel.
    pub fn explain<'a>(
        &self,
        kernel: &K,
        packages: impl IntoIterator<Item = &'a P>,
    ) -> Option<Vec<(&P, PackageVerdict)>>
    where
        P: 'a,
    {
        let view = View::of(&self.packages, self.kernels.get(kernel)?);
        let briefs = Briefs::of_few(&view, usize::MAX);
        let known = |key| self.slots.get(key).copied();
        let asked: Vec<u32> = packages.into_iter().filter_map(known).collect();
        let alone = |slot: &u32| {
            let package = self.packages.get(*slot)?;
            let needs = self.packages.needs_by_text(package);
            briefs.whole(package, |module| &needs[module])
        };
        let alone: Vec<Option<PackageVerdict>> = asked.iter().map(alone).collect();
        let is_open = |(slot, judged): (&u32, &Option<_>)| judged.is_none().then_some(*slot);
        let open: Vec<u32> = asked.iter().zip(&alone).filter_map(is_open).collect();
        let mut open = cut::explain(&view, &open).into_iter();
        let judged = asked.iter().zip(alone).filter_map(|(slot, judged)| {
            let judged = judged.or_else(|| Some(open.next()?.1))?;
            Some((self.key(*slot), judged))
        });
        Some(judged.collect())
    }

    /// Verdicts in short on every package, in no order, with at most `keep` reasons each; `None`: no
    /// such kernel. What [`explain`](Index::explain) says, cut by [`Brief::of`].
    pub fn briefs(&self, kernel: &K, keep: usize) -> Option<Vec<(&P, Brief)>> {
        let view = View::prepared(&self.packages, self.kernels.get(kernel)?);
        let briefs = Briefs::of_many(&view, keep);
        let packages: Vec<(u32, &Package)> = self.packages.iter().collect();
        let brief = |(slot, package): &(u32, &Package)| {
            let brief = briefs.brief(*slot, package, |module| package.needs_of(module));
            (*slot, brief)
        };
        let mut done = Vec::with_capacity(self.len());
        let mut rest = Vec::new();
        for (slot, brief) in parallel::map(&packages, brief) {
            match brief {
                Some(brief) => done.push((self.key(slot), brief)),
                None => rest.push(slot),
            }
        }
        for some in rest.chunks(EXPLAINED_AT_ONCE) {
            let explained = cut::explain(&view, some).into_iter();
            done.extend(explained.map(|(slot, whole)| (self.key(slot), Brief::of(whole, keep))));
        }
        Some(done)
    }

    /// The same on some packages on every kernel, by rising keys of kernels; unknown packages are
    /// left out.
    pub fn briefs_of<'a>(
        &self,
        packages: impl IntoIterator<Item = &'a P>,
        keep: usize,
    ) -> Vec<(&P, &K, Brief)>
    where
        P: 'a,
    {
        let in_order = |key: &P| {
            let slot = *self.slots.get(key)?;
            let package = self.packages.get(slot)?;
            Some((slot, package, self.packages.needs_by_text(package)))
        };
        let packages: Vec<_> = packages.into_iter().filter_map(in_order).collect();
        let mut done = Vec::with_capacity(packages.len() * self.kernels.len());
        for (kernel_key, kernel) in &self.kernels {
            let view = View::of(&self.packages, kernel);
            let briefs = Briefs::of_few(&view, keep);
            let mut rest = Vec::new();
            for (slot, package, needs) in &packages {
                match briefs.brief(*slot, package, |module| &needs[module]) {
                    Some(brief) => done.push((self.key(*slot), kernel_key, brief)),
                    None => rest.push(*slot),
                }
            }
            for some in rest.chunks(EXPLAINED_AT_ONCE) {
                let explained = cut::explain(&view, some).into_iter();
                done.extend(
                    explained
                        .map(|(slot, whole)| (self.key(slot), kernel_key, Brief::of(whole, keep))),
                );
            }
        }
        done
    }

    /// What [`explain`](Index::explain) would say to a package that is not in the index, if it were
    /// there beside the others, on each of these kernels; unknown ones are left out.
    pub fn what_if<Key: Borrow<K>>(
        &self,
        name: &str,
        modules: &[Module],
        kernels: impl IntoIterator<Item = Key>,
    ) -> Vec<(&K, PackageVerdict)> {
        let symbols = self.packages.needs.symbols();
        let stranger = Stranger::of(modules, |symbol| symbols.find(symbol));
        let on = |key: Key| {
            let (key, kernel) = self.kernels.get_key_value(key.borrow())?;
            let view = View::of(&self.packages, kernel);
            let alone = stranger.as_ref().and_then(|stranger| stranger.judge(&view));
            let judged = alone.or_else(|| cut::explain_another(&view, name, modules))?;
            Some((key, judged))
        };
        kernels.into_iter().filter_map(on).collect()
    }

    /// Every symbol that a module needs and does not get on that kernel: for each package how many,
    /// and the first `limit` of them (`usize::MAX`: all). `None`: no such kernel.
    pub fn broken(&self, kernel: &K, limit: usize) -> Option<Broken<'_, P>> {
        let view = View::prepared(&self.packages, self.kernels.get(kernel)?);
        let mut broken = Broken::on(view, &self.keys, limit);
        let mut open = Vec::new();
        self.packages.sweep(|slot, package| {
            if broken.list(slot, package) == Seen::Open {
                open.push(slot);
            }
        });
        for (slot, links) in linked::settle(broken.view(), &open) {
            if let Some(package) = self.packages.get(slot) {
                broken.list_linked(slot, package, &links);
            }
        }
        Some(broken)
    }

    /// Packages whose verdicts or reasons may change when this one comes or goes: those that need
    /// symbols it exports, those that need symbols of these in turn, and those that export the same
    /// symbols. Itself not among them.
    pub fn dependents(&self, package: &P) -> Vec<&P> {
        let Some(&first) = self.slots.get(package) else {
            return Vec::new();
        };
        let mut found = BTreeSet::from([first]);
        let mut symbols = self.exports_of(first);
        let sharing = symbols.iter().flat_map(|s| self.packages.offers(*s));
        let sharing: Vec<u32> = sharing.map(|offer| offer.slot).collect();
        let mut is_asked = BTreeSet::new();
        while !symbols.is_empty() {
            is_asked.extend(symbols.iter().copied());
            let is_wanted = self.needs_for(&symbols);
            symbols = BTreeSet::new();
            for (slot, package) in self.packages.iter() {
                if package.needs().iter().any(|need| is_wanted.has(*need)) && found.insert(slot) {
                    symbols.extend(self.exports_of(slot).difference(&is_asked));
                }
            }
        }
        found.extend(sharing);
        found.remove(&first);
        found.into_iter().map(|slot| self.key(slot)).collect()
    }

    /// Bytes of memory per package, about, without what all packages share.
    pub fn package_bytes(&self) -> usize {
        let keys = self.keys.capacity() * size_of::<Option<P>>()
            + self.slots.capacity() * (size_of::<(P, u32)>() + 1);
        (self.packages.bytes() + keys) / self.len().max(1)
    }

    /// Bytes of memory of everything, about.
    pub fn bytes(&self) -> usize {
        let kernels = self.kernels.values().map(PackedKernel::bytes);
        self.package_bytes() * self.len() + self.packages.shared_bytes() + kernels.sum::<usize>()
    }

    fn key(&self, slot: u32) -> &P {
        let key = self.keys[slot as usize].as_ref();
        key.expect("every slot in use has a key")
    }

    fn exports_of(&self, slot: u32) -> BTreeSet<u32> {
        let package = self.packages.get(slot).into_iter();
        package
            .flat_map(|p| p.exports().map(|e| e.symbol))
            .collect()
    }

    /// The needs for one of these symbols.
    fn needs_for(&self, symbols: &BTreeSet<u32>) -> bits::Bits {
        let rows = self.packages.needs.rows();
        let mut wanted = bits::Bits::none(rows.len());
        for (need, row) in (0u32..).zip(rows) {
            if symbols.contains(&row.symbol) {
                wanted.set(need);
            }
        }
        wanted
    }
}
