//! Goes through the portal's promises one by one and says what it saw.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::mail;
use super::portal::Portal;
use super::story::{self, Story};
use crate::fixtures::impact;
use crate::fixtures::manifest::{Kind, Manifest, Package};
use crate::kernels::Role;

/// A device that the network driver's first alias fits, and one of a vendor nobody knows.
pub const DEVICE: &str = "pci:v0000ACE1d00001001sv0000ACE1sd00000001bc02sc00i00";
pub const UNKNOWN_DEVICE: &str = "pci:v0000ACE2d00001001sv0000ACE2sd00000001bc02sc00i00";

/// Bad packages, in words, with the status that each must be answered with.
const REFUSED: [(Kind, &str, u16); 7] = [
    (Kind::Unsigned, "without a signature", 422),
    (Kind::Stranger, "signed by a stranger", 422),
    (Kind::Tampered, "with a bit of its payload changed", 422),
    (
        Kind::TamperedHeader,
        "with a letter of its header changed",
        422,
    ),
    (Kind::Truncated, "cut short", 422),
    (Kind::NotAnRpm, "that is a text file", 422),
    (Kind::SameNevra, "with the name and version of another", 409),
];

/// Counts the stations and what went wrong.
#[derive(Default)]
pub struct Tour {
    stations: usize,
    wrong: usize,
}

impl Tour {
    /// Prints what was seen at a station, or what is wrong there.
    pub fn station(&mut self, promise: &str, saw: Result<String>) {
        self.stations += 1;
        let number = self.stations;
        match saw {
            Ok(saw) => println!("{number:2}. {promise}\n    {}", saw.replace('\n', "\n    ")),
            Err(error) => {
                self.wrong += 1;
                let error = format!("{error:#}").replace('\n', "\n    ");
                println!("{number:2}. {promise}\n    WRONG: {error}");
            }
        }
    }

    pub fn end(&self) -> ExitCode {
        if self.wrong == 0 {
            println!("\nall {} stations as promised", self.stations);
            return ExitCode::SUCCESS;
        }
        println!("\n{} of {} stations are wrong", self.wrong, self.stations);
        println!("(was the data changed by hand? `cargo xtask demo --fresh --check` starts anew)");
        ExitCode::FAILURE
    }
}

/// The stations that need nothing but HTTP and the mail folder.
pub fn api(tour: &mut Tour, portal: &Portal, fixtures: &Manifest, story: &Story) {
    tour.station(
        "Signed packages of both vendors are published",
        published(portal, story),
    );
    tour.station(
        "The same bytes again give the same package",
        again(portal, fixtures, story),
    );
    for (kind, words, status) in REFUSED {
        let promise = format!("A package {words} is refused");
        tour.station(&promise, refused(portal, fixtures, story, kind, status));
    }
    tour.station(
        "Tokens open one vendor's door only",
        doors(portal, fixtures, story),
    );
    tour.station(
        "The impact of the next kernel is known",
        impact_of(portal, fixtures, story),
    );
    tour.station(
        "Its vendor, and nobody else, got one mail",
        mails(portal, fixtures, story),
    );
    tour.station(
        "An installer finds the driver by hardware id",
        lookup(portal),
    );
    tour.station("People find it, too", pages(portal, story));
}

fn published(portal: &Portal, story: &Story) -> Result<String> {
    let answer = portal
        .api
        .get("/api/v1/packages?state=published", None)?
        .success()?;
    let list = answer["packages"]
        .as_array()
        .context("`packages` is no list")?;
    let ids: BTreeSet<&str> = list
        .iter()
        .filter_map(|package| package["id"].as_str())
        .collect();
    for (name, id) in &story.packages {
        ensure!(
            ids.contains(id.as_str()),
            "{name} is not in the list of published packages"
        );
    }
    Ok(format!(
        "{} packages, all {} of ours among them",
        list.len(),
        story.packages.len()
    ))
}

fn again(portal: &Portal, fixtures: &Manifest, story: &Story) -> Result<String> {
    let package = base_package(fixtures, "acme-net")?;
    let name = story::file_name(package);
    let path = story::upload_path(&name, story::PRODUCT);
    let token = story.token_of(&package.vendor)?;
    let answer = portal
        .api
        .send_file("PUT", &path, token, &package.path)?
        .success()?;
    let id = story::text(&answer, "id")?;
    ensure!(
        story.packages.get(&name) == Some(&id),
        "it got another id, {id}"
    );
    Ok(format!("{name} is still {id}"))
}

fn refused(
    portal: &Portal,
    fixtures: &Manifest,
    story: &Story,
    kind: Kind,
    status: u16,
) -> Result<String> {
    let package = fixtures
        .packages
        .iter()
        .find(|package| package.kind == kind);
    let package = package.context("there is no such fixture")?;
    let path = story::upload_path(&story::file_name(package), story::PRODUCT);
    let token = story.token_of(&package.vendor)?;
    let answer = portal.api.send_file("PUT", &path, token, &package.path)?;
    let detail = answer.detail();
    ensure!(
        answer.status == status,
        "answered {}: {detail}",
        answer.status
    );
    ensure!(!detail.is_empty(), "the answer does not say why");
    Ok(format!("{status}: {detail}"))
}

fn doors(portal: &Portal, fixtures: &Manifest, story: &Story) -> Result<String> {
    let net = base_package(fixtures, "acme-net")?;
    let own = story.token_of("acme")?;
    let table = [
        (401, story::PRODUCT, "a-token-that-nobody-was-given"),
        (403, story::PRODUCT, story.token_of("beta")?),
        (404, "no-such-product", own),
    ];
    let mut saw = Vec::new();
    for (status, product, token) in table {
        let path = story::upload_path(&story::file_name(net), product);
        let answer = portal.api.send_file("PUT", &path, token, &net.path)?;
        let detail = answer.detail();
        ensure!(
            answer.status == status,
            "expected {status}, got {}: {detail}",
            answer.status
        );
        saw.push(format!("{status}: {detail}"));
    }
    Ok(saw.join("\n"))
}

fn impact_of(portal: &Portal, fixtures: &Manifest, story: &Story) -> Result<String> {
    let (base, breaking) = pair(fixtures)?;
    let id = story
        .kernels
        .get(breaking)
        .context("the breaking kernel is not registered")?;
    let token = story.token_of("distributor")?;
    let answer = portal
        .api
        .get(&format!("/api/v1/kernels/{id}/impact"), Some(token))?
        .success()?;
    let packages = answer["packages"]
        .as_array()
        .context("`packages` is no list")?;
    let found: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let broken = broken_packages(fixtures, base, breaking);
    let expected: BTreeSet<&str> = broken.iter().map(|package| package.name.as_str()).collect();
    ensure!(
        found == expected,
        "{found:?} break, but symbol lists say {expected:?}"
    );
    let symbols = answer["symbols"]
        .as_array()
        .context("`symbols` is no list")?;
    let found: BTreeSet<&str> = symbols
        .iter()
        .filter_map(|s| s["symbol"].as_str())
        .collect();
    let expected = broken_symbols(&broken, breaking);
    ensure!(
        found == expected,
        "by {found:?}, but symbol lists say {expected:?}"
    );
    Ok(format!(
        "{breaking} breaks {} by {}",
        join(&names(&broken)),
        join(&found)
    ))
}

fn mails(portal: &Portal, fixtures: &Manifest, story: &Story) -> Result<String> {
    let (base, breaking) = pair(fixtures)?;
    let broken = broken_packages(fixtures, base, breaking);
    let hit = impact::hit_vendors(&fixtures.packages, base, breaking);
    let mails = mail::read_all(&portal.mail_folder())?;
    let about: Vec<_> = mails
        .iter()
        .filter(|mail| mail.text.contains(breaking))
        .collect();
    ensure!(
        about.len() == hit.len(),
        "{} mails for {} vendors",
        about.len(),
        hit.len()
    );
    for vendor in &hit {
        let email = &fixtures.keys[*vendor].email;
        let mail = about.iter().find(|mail| mail.to.contains(email.as_str()));
        let mail = mail.with_context(|| format!("no mail to {email}"))?;
        for package in broken.iter().filter(|package| package.vendor == **vendor) {
            ensure!(
                mail.text.contains(&package.name),
                "the mail does not name {}",
                package.name
            );
            for reason in &package.breaks[breaking] {
                let crcs = [Some(&reason.needed), reason.found.as_ref()];
                let words = crcs
                    .into_iter()
                    .flatten()
                    .chain([&reason.symbol, &reason.module]);
                for word in words {
                    ensure!(
                        mail.text.contains(word.as_str()),
                        "the mail does not say {word}"
                    );
                }
            }
        }
    }
    let first = about
        .first()
        .context("the pair of kernels breaks nothing")?;
    ensure!(
        !story.release_date.is_empty(),
        "the kernel has no release date"
    );
    Ok(format!(
        "to {}: {}\n{}",
        first.to,
        first.subject,
        first.file.display()
    ))
}

fn lookup(portal: &Portal) -> Result<String> {
    let ask = |alias: &str| -> Result<Value> {
        let arch = std::env::consts::ARCH;
        let body = json!({"product": story::PRODUCT, "arch": arch, "modaliases": [alias]});
        portal.api.post_json("/api/v1/lookup", &body)?.success()
    };
    let found = ask(DEVICE)?;
    let packages = found["packages"]
        .as_array()
        .context("`packages` is no list")?;
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    ensure!(
        names.len() == 1 && names[0].starts_with("acme-net-kmp-"),
        "it finds {names:?}"
    );
    let pattern = story::text(&packages[0]["matches"][0], "pattern")?;
    let url = story::text(&packages[0], "repository_url")?;
    let nothing = ask(UNKNOWN_DEVICE)?;
    ensure!(
        nothing["packages"] == json!([]),
        "an unknown device finds {nothing:.500}"
    );
    Ok(format!(
        "{DEVICE}\nfinds {} by {pattern} in {url}\n{UNKNOWN_DEVICE}\nfinds nothing",
        names[0]
    ))
}

fn pages(portal: &Portal, story: &Story) -> Result<String> {
    let package = story.packages.values().next().context("no package")?;
    let kernel = story.kernels.values().next().context("no kernel")?;
    let pages = [
        String::from("/"),
        "/packages".into(),
        format!("/packages/{package}"),
        "/kernels".into(),
        format!("/kernels/{kernel}"),
    ];
    for page in &pages {
        let answer = portal.api.get(page, None)?;
        let is_page = answer.status == 200 && answer.text.contains("</html>");
        ensure!(
            is_page,
            "{page} answers {}: {:.200}",
            answer.status,
            answer.text
        );
    }
    Ok(pages.join(" "))
}

/// The good package of a driver for the base kernel.
fn base_package<'a>(fixtures: &'a Manifest, driver: &str) -> Result<&'a Package> {
    let base = fixtures.kernel(Role::Base).context("no base kernel")?;
    let mut packages = fixtures.packages_for(&base.release, Kind::Good);
    packages
        .find(|package| package.name.starts_with(driver))
        .context("no such package")
}

fn pair(fixtures: &Manifest) -> Result<(&str, &str)> {
    let release = |role: Role| {
        let kernel = fixtures
            .kernel(role)
            .with_context(|| format!("no {role:?} kernel"))?;
        anyhow::Ok(kernel.release.as_str())
    };
    Ok((release(Role::Base)?, release(Role::Breaking)?))
}

fn broken_packages<'a>(fixtures: &'a Manifest, base: &'a str, breaking: &str) -> Vec<&'a Package> {
    let packages = fixtures.packages_for(base, Kind::Good);
    packages
        .filter(|package| package.breaks.contains_key(breaking))
        .collect()
}

fn broken_symbols<'a>(packages: &[&'a Package], breaking: &str) -> BTreeSet<&'a str> {
    let reasons = packages
        .iter()
        .flat_map(|package| &package.breaks[breaking]);
    reasons.map(|reason| reason.symbol.as_str()).collect()
}

fn names<'a>(packages: &[&'a Package]) -> BTreeSet<&'a str> {
    packages
        .iter()
        .map(|package| package.name.as_str())
        .collect()
}

fn join(words: &BTreeSet<&str>) -> String {
    words.iter().copied().collect::<Vec<_>>().join(", ")
}
