//! Answers from a small catalogue: who is offered, in which order, and what is said of the rest.

use super::answer::{Answer, Facts, InVain, Judged, View};
use super::catalogue::{Catalogue, Driver, External, Kernel, Line, Module, Owner, Support};
use super::choosing::Reason;
use super::names::Names;
use super::plan::{Form, Site};
use super::question::{Policy, Question};
use crate::registration::Format;
use kabi::Verdict::{self, Compatible, CompatibleWithWarnings, Incompatible};
use kmod::{Certificate, ModuleSignature};
use std::sync::Arc;
use store::lookup::KitCertificate;
use store::products::Product;
use time::macros::{date, datetime};
use uuid::Uuid;

const NET: &str = "pci:v00008086d00001502sv00001028sd00000493bc02sc00i00";
const DISK: &str = "pci:v00001000d00000014sv00001028sd00001F3Abc01sc04i00";
const OLD: &str = "6.4.0-1-default";
const NEW: &str = "6.4.0-2-default";

/// A catalogue of one product with two kernels.
struct Shelf {
    catalogue: Catalogue,
    patterns: Vec<(String, Owner)>,
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

impl Shelf {
    fn new() -> Shelf {
        let words = |all: &[&str]| all.iter().map(|&it| it.to_owned()).collect();
        let product = Product {
            id: 1,
            name: "sle-15".to_owned(),
            display_name: "SLE 15".to_owned(),
            family: "suse".to_owned(),
            arches: words(&["x86_64"]),
            flavors: words(&["default"]),
            channels: words(&["stable", "testing"]),
            default_channel: "stable".to_owned(),
            entry_channel: None,
            two_person: false,
        };
        let kernel = |number, release: &str| Kernel {
            id: id(number),
            product_id: 1,
            arch: "x86_64".to_owned(),
            release: release.to_owned(),
            is_retired: false,
            created_at: datetime!(2026-11-01 12:00 UTC),
        };
        let mut catalogue = Catalogue::default();
        catalogue.kernels = vec![kernel(102, NEW), kernel(101, OLD)];
        catalogue.lines.push(Line {
            product,
            certified_channels: words(&["stable"]),
        });
        catalogue.vendor_keys.insert(7, words(&["ABCD"]));
        Shelf {
            catalogue,
            patterns: Vec::new(),
        }
    }

    /// A package with one module, in a channel, with its verdicts on the old and the new kernel.
    fn put(
        &mut self,
        number: u128,
        name_and_version: (&str, &str),
        pattern: &str,
        channel: &str,
        on: [Verdict; 2],
    ) -> &mut Driver {
        let (name, version) = name_and_version;
        let driver = Driver {
            id: id(number),
            vendor_id: 7,
            vendor: "acme".to_owned(),
            vendor_display_name: "Acme".to_owned(),
            name: name.to_owned(),
            nevra: format!("{name}-{version}.x86_64"),
            evr: version.to_owned(),
            arch: "x86_64".to_owned(),
            summary: String::new(),
            license: None,
            created_at: Some(datetime!(2026-11-02 12:00 UTC)),
            modules: vec![Module {
                name: name.replace('-', "_"),
                support: Support::External,
                is_free: true,
                signature: None,
            }],
            devices: Vec::new(),
            patterns: 1,
            source_id: None,
        };
        let places = vec![(1, channel.to_owned())];
        Arc::make_mut(&mut self.catalogue.places).insert(driver.id, places);
        let verdicts = [(id(101), on[0]), (id(102), on[1])];
        let known = Arc::make_mut(&mut self.catalogue.verdicts);
        known.insert(driver.id, verdicts.into());
        let driver = Arc::new(driver);
        let owner = Owner {
            driver,
            module: Some(0),
        };
        self.patterns.push((pattern.to_owned(), owner));
        let (_, owner) = self.patterns.last_mut().expect("just pushed");
        Arc::get_mut(&mut owner.driver).expect("nobody else has it")
    }

    fn ask<T>(mut self, question: &Question, look: impl Fn(&Answer<'_>, &InVain) -> T) -> T {
        self.catalogue.hold(self.patterns);
        let question = question.clone().without_repeated();
        let asked = question.settle(&self.catalogue).unwrap();
        let view = View::public(&self.catalogue, &asked);
        let (names, site) = (Names::default(), site());
        let facts = Facts {
            catalogue: &self.catalogue,
            view: &view,
            own: None,
            names: &names,
            site: &site,
        };
        let judged = Judged::new(&asked, &facts);
        let (answer, in_vain) = judged.answer(&asked, &facts);
        look(&answer, &in_vain)
    }
}

fn site() -> Site {
    Site {
        base_url: "https://drivers.example".to_owned(),
        key_fingerprint: "FEED".to_owned(),
    }
}

fn question(kernel: Option<&str>, modaliases: &[&str]) -> Question {
    Question {
        product: "sle-15".to_owned(),
        arch: "x86_64".to_owned(),
        kernel: kernel.map(str::to_owned),
        modaliases: modaliases.iter().map(|&it| it.to_owned()).collect(),
        ..Question::default()
    }
}

/// Nevras of what is offered to the first device.
fn offered(answer: &Answer<'_>, _: &InVain) -> Vec<String> {
    let drivers = answer
        .devices
        .first()
        .into_iter()
        .flat_map(|it| &it.drivers);
    drivers.map(|it| it.nevra.to_owned()).collect()
}

/// Why the first package is not offered to the first device, and on which kernels it loads.
fn against(answer: &Answer<'_>, _: &InVain) -> (Vec<Reason>, Vec<String>) {
    let alternative = &answer.devices[0].alternatives[0];
    let kernels = alternative.kernels.iter().map(|&it| it.to_owned());
    (alternative.reasons.to_vec(), kernels.collect())
}

const ANY: &str = "pci:v00008086d00001502sv*sd*bc*sc*i*";
const CLOSE: &str = "pci:v00008086d00001502sv00001028sd*bc*sc*i*";
const CLASS: &str = "pci:v*d*sv*sd*bc02sc00i*";

#[test]
fn the_best_driver_comes_first() {
    let mut shelf = Shelf::new();
    shelf.put(1, ("by-class", "1-1"), CLASS, "stable", [Compatible; 2]);
    shelf.put(2, ("close", "1-1"), CLOSE, "stable", [Compatible; 2]);
    shelf.put(3, ("any", "1-1"), ANY, "stable", [Compatible; 2]);
    shelf.put(
        4,
        ("warned", "9-1"),
        CLOSE,
        "stable",
        [CompatibleWithWarnings; 2],
    );
    let own = shelf.put(5, ("supported", "1-1"), CLASS, "stable", [Compatible; 2]);
    own.modules[0].support = Support::Yes;
    let expected = [
        "supported-1-1",
        "close-1-1",
        "any-1-1",
        "by-class-1-1",
        "warned-9-1",
    ];
    let found = shelf.ask(&question(Some(NEW), &[NET]), offered);
    assert_eq!(found, expected.map(|it| format!("{it}.x86_64")));
}

#[test]
fn of_several_builds_one_is_offered() {
    let shelf = || {
        let mut shelf = Shelf::new();
        shelf.put(
            1,
            ("acme", "1-1"),
            ANY,
            "stable",
            [Compatible, Incompatible],
        );
        shelf.put(
            2,
            ("acme", "2-1"),
            ANY,
            "stable",
            [Compatible, CompatibleWithWarnings],
        );
        shelf.put(
            3,
            ("acme", "10-1"),
            ANY,
            "stable",
            [CompatibleWithWarnings, Incompatible],
        );
        shelf
    };
    for (kernel, expected) in [
        (Some(OLD), "acme-2-1.x86_64"),
        (Some(NEW), "acme-2-1.x86_64"),
        (None, "acme-10-1.x86_64"),
    ] {
        let found = shelf().ask(&question(kernel, &[NET]), offered);
        assert_eq!(found, [expected], "{kernel:?}");
    }
}

#[test]
fn what_is_not_offered_is_explained() {
    let mut shelf = Shelf::new();
    shelf.put(
        1,
        ("acme", "1-1"),
        ANY,
        "stable",
        [Compatible, Incompatible],
    );
    shelf
        .catalogue
        .plans
        .insert((id(102), 7), date!(2026 - 12 - 24));
    let expected = shelf.ask(&question(Some(NEW), &[NET, DISK]), |answer, in_vain| {
        assert_eq!(answer.kernel_known, Some(true));
        assert_eq!(answer.unmatched, [NET, DISK]);
        assert_eq!(in_vain.len(), 2);
        assert!(answer.plan.packages.is_empty() && answer.plan.commands.is_empty());
        let alternative = &answer.devices[0].alternatives[0];
        assert_eq!(alternative.expected, Some(date!(2026 - 12 - 24)));
        against(answer, in_vain)
    });
    assert_eq!(expected, (vec![Reason::OtherKernel], vec![OLD.to_owned()]));

    let with = |change: fn(&mut Question)| {
        let mut shelf = Shelf::new();
        let driver = shelf.put(1, ("acme", "1-1"), ANY, "testing", [Compatible; 2]);
        driver.modules[0].is_free = false;
        let mut question = question(Some(NEW), &[NET]);
        change(&mut question);
        shelf.ask(&question, against).0
    };
    assert_eq!(with(|_| ()), [Reason::OtherChannel]);
    assert_eq!(
        with(|it| it.policy.free_only = true),
        [Reason::OtherChannel, Reason::NotFree]
    );
    assert_eq!(
        with(|it| {
            it.channels = vec!["stable".to_owned(), "testing".to_owned()];
            it.policy = Policy {
                free_only: true,
                certified_only: true,
                portal_only: false,
            };
            it.secure_boot = true;
        }),
        [Reason::NotFree, Reason::NotCertified, Reason::NotSigned]
    );
}

#[test]
fn nobody_knows_what_loads_on_an_unknown_kernel() {
    let mut shelf = Shelf::new();
    shelf.put(1, ("acme", "1-1"), ANY, "stable", [Compatible; 2]);
    let question = question(Some("9.9.9"), &[NET, DISK]);
    let found = shelf.ask(&question, |answer, in_vain| {
        assert_eq!(answer.kernel_known, Some(false));
        assert!(in_vain.is_empty(), "that says nothing of the devices");
        against(answer, in_vain)
    });
    let kernels = vec![NEW.to_owned(), OLD.to_owned()];
    assert_eq!(found, (vec![Reason::OtherKernel], kernels));
}

#[test]
fn under_secure_boot_the_certificate_is_named() {
    let signed = || {
        let mut shelf = Shelf::new();
        let driver = shelf.put(1, ("acme", "1-1"), ANY, "stable", [Compatible; 2]);
        driver.modules[0].signature = Some(ModuleSignature {
            signer: Some("Acme CA".to_owned()),
            key_id: Some("0abc".to_owned()),
            hash: None,
        });
        shelf.catalogue.certificates.push(KitCertificate {
            vendor_id: 7,
            package_id: id(9),
            package: "acme-ueficert".to_owned(),
            path: "/etc/uefi/certs/0ABC.crt".to_owned(),
            certificate: Certificate {
                subject: Some("Acme modules".to_owned()),
                issuer: Some("Acme CA".to_owned()),
                serial: "0abc".to_owned(),
                subject_key_id: None,
                public_key: None,
            },
        });
        shelf
    };
    let mut question = question(Some(NEW), &[NET]);
    let named = |answer: &Answer<'_>, _: &InVain| {
        assert_eq!(answer.packages.len(), 1);
        let of_package = answer.packages[0].mok_certificate.clone();
        assert_eq!(of_package, answer.plan.mok_certificates.first().cloned());
        of_package.map(|it| it.package)
    };
    assert_eq!(signed().ask(&question, named), None);
    question.secure_boot = true;
    assert_eq!(
        signed().ask(&question, named).as_deref(),
        Some("acme-ueficert")
    );
}

#[test]
fn the_plan_has_what_the_best_drivers_need() {
    let mut shelf = Shelf::new();
    shelf.put(1, ("acme-net", "1-1"), CLOSE, "stable", [Compatible; 2]);
    shelf.put(2, ("other-net", "1-1"), ANY, "stable", [Compatible; 2]);
    let disk = "pci:v00001000d00000014sv*sd*bc*sc*i*";
    shelf.put(3, ("acme-disk", "1-1"), disk, "testing", [Compatible; 2]);
    let mut question = question(None, &[NET, DISK, NET]);
    question.channels = vec!["stable".to_owned(), "testing".to_owned()];
    shelf.ask(&question, |answer, _| {
        let plan = &answer.plan;
        assert_eq!(plan.packages, ["acme-net", "acme-disk"]);
        let aliases: Vec<&str> = plan.repositories.iter().map(|it| &*it.alias).collect();
        assert_eq!(aliases, ["sle-15-stable", "sle-15-testing"]);
        let keys: Vec<&str> = plan.keys.iter().map(|it| &*it.url).collect();
        let expected = ["/keys/repository.asc", "/keys/vendors/acme.asc"];
        assert_eq!(
            keys,
            expected.map(|it| format!("https://drivers.example{it}"))
        );
        assert_eq!(answer.packages.len(), 3);
        assert!(answer.unmatched.is_empty());
        for form in [
            Form::Shell,
            Form::File(Format::RepoFile),
            Form::File(Format::Agama),
        ] {
            let text = plan.render(form).unwrap();
            assert!(text.contains("sle-15-testing"), "{text}");
        }
        let script = plan.render(Form::Shell).unwrap();
        assert!(script.contains("set -- acme-net acme-disk"), "{script}");
        assert!(
            script.contains("trust https://drivers.example/keys/repository.asc FEED"),
            "{script}"
        );
    });
}

/// A source of the product, which has one package that the shelf's number names.
fn put_external(shelf: &mut Shelf, number: u128, name: &str, pattern: &str, on: Verdict) {
    let source = id(900);
    let driver = shelf.put(number, (name, "9-1"), pattern, "stable", [on; 2]);
    driver.modules.clear();
    driver.source_id = Some(source);
    driver.license = Some("GPL-2.0-only OR MIT".to_owned());
    Arc::make_mut(&mut shelf.catalogue.places).remove(&id(number));
    let external = External::sample(source, 1, "https://acme.example/drivers/");
    shelf.catalogue.sources.insert(source, Arc::new(external));
}

#[test]
fn what_others_have_is_marked_and_comes_after_our_own() {
    let shelf = || {
        let mut shelf = Shelf::new();
        let own = CompatibleWithWarnings;
        shelf.put(1, ("acme-net", "1-1"), ANY, "stable", [own; 2]);
        put_external(&mut shelf, 2, "acme-net", CLOSE, Compatible);
        put_external(&mut shelf, 3, "other-net", CLOSE, Compatible);
        let disk = "pci:v00001000d00000014sv*sd*bc*sc*i*";
        put_external(&mut shelf, 4, "other-disk", disk, Compatible);
        put_external(&mut shelf, 5, "broken-disk", disk, Incompatible);
        shelf
    };
    let mut question = question(Some(NEW), &[NET, DISK]);
    shelf().ask(&question, |answer, in_vain| {
        let expected = ["acme-net-1-1.x86_64", "other-net-9-1.x86_64"];
        assert_eq!(offered(answer, in_vain), expected);
        let told = serde_json::to_value(answer).unwrap();
        let disk = &told["devices"][1]["drivers"];
        assert_eq!(disk.as_array().unwrap().len(), 1, "{disk}");
        assert_eq!(disk[0]["source"], "external");
        let packages = told["packages"].as_array().unwrap();
        let sources: Vec<_> = packages.iter().map(|it| &it["source"]).collect();
        assert_eq!(sources, ["portal", "external", "external"]);
        let package = &packages[1];
        assert_eq!(package["repository_url"], "https://acme.example/drivers/");
        assert_eq!(package["key_fingerprint"], "D00D");
        assert_eq!(package["vendor_key_fingerprints"][0], "D00D");
        assert_eq!(package["channel"], serde_json::Value::Null);
        assert_eq!(
            (&package["free"], &package["certified"]),
            (&true.into(), &false.into())
        );

        let plan = &answer.plan;
        assert_eq!(plan.packages, ["acme-net", "other-disk"]);
        let external: Vec<bool> = plan.repositories.iter().map(|it| it.external).collect();
        assert_eq!(external, [false, true]);
        let keys: Vec<&str> = plan.keys.iter().map(|it| &*it.url).collect();
        assert_eq!(keys.len(), 3);
        assert!(keys[2].ends_with(&format!("/keys/sources/{}.asc", id(900))));
        for format in Format::ALL {
            let text = format.render(&plan.offer).unwrap();
            let url = "https://acme.example/drivers/";
            assert!(text.contains(url), "{format:?}: {text}");
        }
        let script = plan.render(Form::Shell).unwrap();
        let file = plan.render(Form::File(Format::RepoFile)).unwrap();
        for text in [&script, &file] {
            assert_eq!(text.matches("priority=120").count(), 1, "{text}");
        }
        // Only ours needs our key.
        let (_, theirs) = file.split_once("external").unwrap();
        assert!(!theirs.contains("keys/repository.asc"), "{file}");
    });

    question.policy.portal_only = true;
    question.modaliases = vec![DISK.to_owned()];
    let (reasons, _) = shelf().ask(&question, |answer, _| {
        let alternatives = &answer.devices[0].alternatives;
        let other = alternatives.iter().find(|it| it.name == "other-disk");
        (other.unwrap().reasons.to_vec(), answer.plan.packages.len())
    });
    assert_eq!(reasons, [Reason::External]);

    // A source that is offered no more is in no answer.
    let mut gone = shelf();
    gone.catalogue.sources.clear();
    question.policy.portal_only = false;
    let told = gone.ask(&question, |answer, _| {
        serde_json::to_string(answer).unwrap()
    });
    assert!(!told.contains("acme.example"), "{told}");
}

#[test]
fn questions_name_what_there_is() {
    let catalogue = Shelf::new().catalogue;
    let change = |change: fn(&mut Question)| {
        let mut question = question(None, &[]);
        change(&mut question);
        let settled = question.settle(&catalogue).map(|_| ());
        settled.map_err(|error| error.to_string())
    };
    assert_eq!(change(|_| ()), Ok(()));
    for (error, words) in [
        (
            change(|it| it.product = "sles".to_owned()),
            "there are sle-15",
        ),
        (change(|it| it.arch = "m68k".to_owned()), "it has x86_64"),
        (
            change(|it| it.channel = Some("nightly".to_owned())),
            "it has stable, testing",
        ),
    ] {
        let error = error.unwrap_err();
        assert!(error.contains(words), "{error}");
    }
}
