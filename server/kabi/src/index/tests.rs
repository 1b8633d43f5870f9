//! The index against the judge, on random worlds and through random histories.

use super::*;
use crate::codes;
use crate::kernel::Candidate;
use crate::testing::worlds::{Package, any_kernel, any_module, any_package, any_packages};
use crate::testing::{kernel, module};
use crate::verdict::{Reason, Severity};
use proptest::prelude::*;

type Built = Index<usize, u8>;

fn index_of(packages: &[Package], kernel: &Kernel) -> Built {
    let mut index = Built::default();
    for (key, (name, modules)) in packages.iter().enumerate() {
        let packed = index.pack(modules);
        index.add_package(key, name, &packed).unwrap();
    }
    index.add_kernel(0, kernel);
    index
}

fn judged(kernel: &Kernel, packages: &[Package]) -> Vec<PackageVerdict> {
    let candidates: Vec<Candidate<'_>> = packages
        .iter()
        .map(|(name, modules)| Candidate { name, modules })
        .collect();
    crate::judge(kernel, &candidates)
}

fn sorted<T: Ord>(list: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut list: Vec<T> = list.into_iter().collect();
    list.sort_unstable();
    list
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn verdicts_are_those_of_the_judge(kernel in any_kernel(), packages in any_packages()) {
        let index = index_of(&packages, &kernel);
        let expected = judged(&kernel, &packages);
        let keys: Vec<usize> = (0..packages.len()).collect();
        let short: Vec<Verdict> = expected.iter().map(|judged| judged.verdict).collect();
        let found = sorted(index.verdicts(&0).unwrap());
        let found: Vec<Verdict> = found.into_iter().map(|(_, verdict)| verdict).collect();
        prop_assert_eq!(&found, &short);
        let explained = index.explain(&0, &keys).unwrap();
        prop_assert_eq!(explained.len(), keys.len());
        for (key, judged) in explained {
            prop_assert_eq!(&judged, &expected[*key]);
            prop_assert_eq!(index.package_verdicts(key).unwrap(), vec![(&0, short[*key])]);
            let alone = index.explain(&0, [key]).unwrap();
            prop_assert_eq!(&alone[0].1, &expected[*key], "package {} by itself", key);
        }
    }

    #[test]
    fn briefs_are_the_judges_verdicts_cut(
        kernel in any_kernel(),
        packages in any_packages(),
        keep in 0usize..6,
    ) {
        let index = index_of(&packages, &kernel);
        let expected = judged(&kernel, &packages).into_iter().map(|whole| Brief::of(whole, keep));
        let expected: Vec<Brief> = expected.collect();
        let briefs = index.briefs(&0, keep).unwrap();
        prop_assert_eq!(briefs.len(), packages.len());
        for (key, _, brief) in index.briefs_of(&(0..packages.len()).collect::<Vec<_>>(), keep) {
            prop_assert_eq!(&brief, &expected[*key]);
        }
        for (key, brief) in briefs {
            prop_assert_eq!(&brief, &expected[*key]);
            prop_assert_eq!(index.briefs_of([key], keep), vec![(key, &0, brief)]);
        }
    }

    #[test]
    fn broken_symbols_are_those_of_the_judge(
        kernel in any_kernel(),
        packages in any_packages(),
        limit in 0usize..4,
    ) {
        let index = index_of(&packages, &kernel);
        let expected = expected_broken(&judged(&kernel, &packages));
        let broken = index.broken(&0, usize::MAX).unwrap();
        prop_assert_eq!(broken.total(), expected.len());
        let mut found = Vec::new();
        for package in broken.packages() {
            for symbol in package.symbols() {
                let need = symbol.need.and_then(|id| index.needs().get(id));
                let name = need.map_or("module_layout".to_owned(), |need| need.symbol);
                prop_assert_eq!(Some(name), symbol.reason.symbol.clone());
                found.push((*package.key, symbol.module.to_owned(), format!("{:?}", symbol.reason)));
            }
        }
        prop_assert_eq!(sorted(found), expected);
        let short = index.broken(&0, limit).unwrap();
        prop_assert_eq!(short.total(), broken.total());
        for package in short.packages() {
            prop_assert_eq!(package.symbols().count(), package.total.min(limit));
        }
    }

    /// Counted by symbol is what counting one by one says, of all packages or of some.
    #[test]
    fn blame_is_counted_by_symbol(
        kernel in any_kernel(),
        packages in any_packages(),
        last in 0usize..4,
    ) {
        let index = index_of(&packages, &kernel);
        let broken = index.broken(&0, usize::MAX).unwrap();
        let mut expected: BTreeMap<String, (BTreeSet<String>, BTreeSet<usize>, usize)> =
            BTreeMap::new();
        for package in broken.packages().filter(|package| *package.key <= last) {
            for one in package.symbols() {
                let (codes, packages, modules) =
                    expected.entry(one.reason.symbol.unwrap()).or_default();
                codes.insert(one.reason.code);
                packages.insert(*package.key);
                *modules += 1;
            }
        }
        let counted = broken.by_symbol(|key| *key <= last);
        prop_assert!(counted.is_sorted_by_key(|one| std::cmp::Reverse(one.modules)));
        let counted = counted.into_iter().map(|one| {
            (one.symbol.to_owned(), (one.codes, one.packages, one.modules))
        });
        let expected = expected.into_iter().map(|(symbol, (codes, packages, modules))| {
            (symbol, (codes, packages.len(), modules))
        });
        prop_assert_eq!(
            counted.collect::<BTreeMap<_, _>>(),
            expected.collect::<BTreeMap<_, _>>()
        );
    }

    /// After any sequence of uploads, withdrawals, new and retired kernels the index answers as one
    /// made afresh from what is left, and as the judge does.
    #[test]
    fn history_does_not_matter(events in proptest::collection::vec(any_event(), 1..24)) {
        let mut index = Built::default();
        let mut packages: BTreeMap<usize, Package> = BTreeMap::new();
        let mut kernels: BTreeMap<u8, Kernel> = BTreeMap::new();
        for event in events {
            match event {
                Event::Upload(key, package) => {
                    let packed = index.pack(&package.1);
                    index.add_package(key, &package.0, &packed).unwrap();
                    packages.insert(key, package);
                }
                Event::Withdraw(key) => {
                    prop_assert_eq!(index.remove_package(&key), packages.remove(&key).is_some());
                }
                Event::Register(key, kernel) => {
                    index.add_kernel(key, &kernel);
                    kernels.insert(key, *kernel);
                }
                Event::Retire(key) => {
                    prop_assert_eq!(index.remove_kernel(&key), kernels.remove(&key).is_some());
                }
            }
            prop_assert_eq!(index.len(), packages.len());
        }
        let left: Vec<Package> = packages.values().cloned().collect();
        for (key, kernel) in &kernels {
            let expected = judged(kernel, &left);
            let expected = packages.keys().zip(expected.iter().map(|judged| judged.verdict));
            let expected: Vec<(&usize, Verdict)> = expected.collect();
            prop_assert_eq!(sorted(index.verdicts(key).unwrap()), expected.clone());
            for (package, verdict) in expected {
                let on_all = index.package_verdicts(package).unwrap();
                prop_assert!(on_all.contains(&(key, verdict)));
            }
        }
    }

    /// Nobody but its dependents notices that a package comes or goes.
    #[test]
    fn only_dependents_change(kernel in any_kernel(), packages in any_packages()) {
        let mut index = index_of(&packages, &kernel);
        let Some(last) = packages.len().checked_sub(1) else { return Ok(()) };
        let others: Vec<usize> = (0..last).collect();
        let dependents: Vec<usize> = index.dependents(&last).into_iter().copied().collect();
        let with: Vec<PackageVerdict> =
            index.explain(&0, &others).unwrap().into_iter().map(|(_, judged)| judged).collect();
        index.remove_package(&last);
        for (key, without) in index.explain(&0, &others).unwrap() {
            prop_assert!(with[*key] == without || dependents.contains(key), "package {}", key);
        }
    }

    #[test]
    fn what_if_is_what_would_be(kernel in any_kernel(), packages in any_packages()) {
        let Some(((name, modules), others)) = packages.split_last() else { return Ok(()) };
        let index = index_of(others, &kernel);
        let expected = judged(&kernel, &packages).pop().unwrap();
        prop_assert_eq!(index.what_if(name, modules, [&0, &1]), vec![(&0, expected)]);
    }

    #[test]
    fn a_package_comes_out_as_it_went_in(package in any_package()) {
        let mut packages = Packages::default();
        let needs = &mut packages.needs;
        let bytes = pack(&package.1, |need| Ok::<_, Infallible>(needs.intern(need))).unwrap();
        let unpacked = packages.unpack(&package.0, &bytes).unwrap();
        let again = packages.modules(&unpacked);
        let needs = &packages.needs;
        let packed = pack(&again, |need| needs.id(need).ok_or(())).unwrap();
        prop_assert_eq!(packed, bytes);
    }

    #[test]
    fn no_bytes_make_it_panic(
        modules in proptest::collection::vec(any_module(), 0..3),
        noise in proptest::collection::vec(any::<u8>(), 0..60),
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut index = Built::default();
        let whole = index.pack(&modules);
        index.add_kernel(0, &kernel(&[]));
        let mut altered = whole.clone();
        altered[at.index(whole.len())] = byte;
        for (key, bytes) in [&noise[..], &whole[..cut.index(whole.len())], &altered].iter().enumerate() {
            let before = index.len();
            if index.add_package(key, "p", bytes).is_err() {
                prop_assert_eq!(index.len(), before);
            }
        }
        prop_assert_eq!(index.verdicts(&0).unwrap().len(), index.len());
        prop_assert!(index.broken(&0, usize::MAX).is_some());
    }
}

/// The judge's fatal reasons that name a needed symbol.
fn expected_broken(judged: &[PackageVerdict]) -> Vec<(usize, String, String)> {
    let is_broken = |r: &&Reason| {
        r.severity == Severity::Fatal && r.symbol.is_some() && r.code != codes::EXPORT_DUPLICATE
    };
    let of_package = |(key, judged)| {
        let judged: &PackageVerdict = judged;
        let modules = judged.modules.iter();
        modules.flat_map(move |module| {
            let reasons = module.reasons.iter().filter(is_broken);
            reasons.map(move |reason| (key, module.module.clone(), format!("{reason:?}")))
        })
    };
    sorted(judged.iter().enumerate().flat_map(of_package))
}

#[derive(Clone, Debug)]
enum Event {
    Upload(usize, Package),
    Withdraw(usize),
    Register(u8, Box<Kernel>),
    Retire(u8),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => (0usize..8, any_package()).prop_map(|(key, package)| Event::Upload(key, package)),
        2 => (0usize..8).prop_map(Event::Withdraw),
        3 => (0u8..3, any_kernel()).prop_map(|(key, kernel)| Event::Register(key, Box::new(kernel))),
        1 => (0u8..3).prop_map(Event::Retire),
    ]
}

#[test]
fn numbers_come_from_outside() {
    let modules = [module("acme", &[("printk", 1), ("gone", 2)], &[])];
    let needs = Need::all_of(&modules);
    let numbers: Vec<NeedId> = (0..3).map(|n| NeedId(1_000_000_007 - n * 13)).collect();
    let number_of = |need: &Need| {
        let place = needs.iter().position(|known| known == need);
        place.map(|place| numbers[place]).ok_or(())
    };
    let packed = pack(&modules, number_of).unwrap();
    let mut index: Index<&str, ()> = Index::default();
    let unknown = index.add_package("acme", "acme-kmp", &packed);
    let id = NeedId(1_000_000_007 - 26);
    assert_eq!(unknown, Err(PackedError::UnknownNeed { id }));
    for (id, need) in numbers.iter().zip(&needs) {
        index.insert_need(*id, need).unwrap();
        index.insert_need(*id, need).unwrap();
    }
    index.add_package("acme", "acme-kmp", &packed).unwrap();
    index.add_kernel((), &kernel(&["0x1 printk vmlinux EXPORT_SYMBOL"]));
    assert_eq!(
        index.verdicts(&()).unwrap(),
        [(&"acme", Verdict::Incompatible)]
    );
    let broken = index.broken(&(), 1).unwrap();
    let package = broken.packages().next().unwrap();
    let symbol = package.symbols().next().unwrap();
    let need = index.needs().get(symbol.need.unwrap()).unwrap();
    assert_eq!((need.symbol.as_str(), package.total), ("gone", 1));
}

#[test]
fn numbers_never_change() {
    let module = module("acme", &[("a", 1), ("b", 2)], &[]);
    let needs = Need::all_of(&[module]);
    let mut known = Needs::default();
    known.insert(NeedId(5), &needs[0]).unwrap();
    let taken = known.insert(NeedId(5), &needs[1]).unwrap_err();
    assert_eq!(
        taken.to_string(),
        "need 5 cannot mean `b`, it means `a` already: numbers never change"
    );
    let twice = known.insert(NeedId(6), &needs[0]).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "`a` has number 5 already and cannot be number 6, too"
    );
    assert_eq!(known.intern(&needs[1]), NeedId(6));
    assert_eq!(known.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [5, 6]);
    let json = serde_json::to_string(&needs).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Need>>(&json).unwrap(), needs);
    assert!(NeedKind::from_bits(64).is_err() && NeedKind::from_bits(-1).is_err());
}

#[test]
fn a_damaged_package_is_refused_with_the_place() {
    let mut index: Index<u8, ()> = Index::default();
    let packed = index.pack(&[module("acme", &[("a", 1)], &[])]);
    let error = index.add_package(1, "acme", &packed[..20]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the packed package is damaged at byte 8: pack its modules anew"
    );
    let error = index.add_package(1, "acme", &[9]).unwrap_err();
    assert_eq!(error, PackedError::Version { found: 9 });
    assert!(index.is_empty() && !index.has_package(&1));
}

#[test]
fn a_package_is_small() {
    let names: Vec<String> = (0..200).map(|n| format!("symbol_{n}")).collect();
    let imports: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 1)).collect();
    let mut index: Index<u32, ()> = Index::default();
    let packed = index.pack(&[module("acme", &imports, &[])]);
    assert!(packed.len() <= 300, "{} bytes", packed.len());
    for key in 0..64 {
        index.add_package(key, "acme-kmp", &packed).unwrap();
    }
    assert!(
        index.package_bytes() <= 1024,
        "{} bytes",
        index.package_bytes()
    );
    assert!(index.bytes() > 64 * 800);
}
