//! Fills the portal: products, vendors with their keys, kernels, packages. Told once; secrets that
//! the portal shows only once are kept in a file for the next time.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::escape;
use super::portal::Portal;
use crate::fixtures::VENDORS;
use crate::fixtures::manifest::{KernelEntry, Kind, Manifest, Package};
use crate::kernels::Role;
use crate::sh;

/// File in the data folder that says a demo made it.
pub const RECORD: &str = "demo.json";

/// Product of the base and the breaking kernel, and of the other series: one product per kernel
/// line, or a newer driver would drag in a newer kernel.
pub const PRODUCT: &str = "debian-12";
pub const NEXT_PRODUCT: &str = "debian-12-backports";

/// Seconds that we let the portal take for one package or kernel.
const WAIT: u32 = 60;

/// Between the registration of the breaking kernel and its release.
const DAYS_AHEAD: &str = "+30 days";

/// What must be known later.
#[derive(Default, Serialize, Deserialize)]
pub struct Story {
    /// The fixtures it was told from; empty until it has been told to its end.
    inputs: String,
    /// Secrets by whose they are: the vendors' and `distributor`.
    pub tokens: BTreeMap<String, String>,
    /// Names and passwords for the pages.
    pub users: BTreeMap<String, String>,
    /// `YYYY-MM-DD` of the breaking kernel.
    pub release_date: String,
    /// Ids of the packages, by file name.
    pub packages: BTreeMap<String, String>,
    /// Ids of the kernels, by release.
    pub kernels: BTreeMap<String, String>,
}

impl Story {
    /// Marks the folder as a demo's before anything else is in it.
    pub fn begin(data: &Path) -> Result<()> {
        let record = data.join(RECORD);
        if record.exists() {
            Ok(())
        } else {
            save(&Story::default(), &record)
        }
    }

    /// Whether the folder holds a story told from other fixtures.
    pub fn is_outdated(data: &Path, fixtures: &Manifest) -> bool {
        let known = read(&data.join(RECORD)).inputs;
        !known.is_empty() && known != fixtures.inputs
    }

    /// The story, and whether it was told just now.
    pub fn tell(portal: &Portal, fixtures: &Manifest, data: &Path) -> Result<(Story, bool)> {
        let record = data.join(RECORD);
        let mut story = read(&record);
        if story.inputs == fixtures.inputs {
            println!("  there from last time (`--fresh` starts anew)");
            return Ok((story, false));
        }
        story.people(portal, fixtures)?;
        save(&story, &record)?;
        story.kernels_and_packages(portal, fixtures)?;
        story.inputs = fixtures.inputs.clone();
        save(&story, &record)?;
        Ok((story, true))
    }

    /// Products, vendors, keys, tokens, users.
    fn people(&mut self, portal: &Portal, fixtures: &Manifest) -> Result<()> {
        for (product, role) in [(PRODUCT, Role::Base), (NEXT_PRODUCT, Role::NextSeries)] {
            let Some(kernel) = fixtures.kernel(role) else {
                continue;
            };
            let (arch, flavor) = (kernel.arch.as_str(), kernel.flavor.as_str());
            println!("  product {product} ({arch}, {flavor})");
            let words = ["product", "add", product, "--family", "suse"];
            let more = ["--arch", arch, "--flavor", flavor];
            portal.admin(&[&words[..], &more].concat())?;
        }
        for (vendor, display_name, email) in VENDORS {
            println!("  vendor {vendor}: {display_name} <{email}>");
            let names = ["--display-name", display_name, "--email", email];
            portal.admin(&[&["vendor", "add", vendor][..], &names].concat())?;
            let key = fixtures.keys.get(vendor).context("each vendor has a key")?;
            portal.admin(&["vendor-key", "add", vendor, &key.public.to_string_lossy()])?;
            self.token(portal, vendor, &["--vendor", vendor])?;
            self.user(portal, vendor, &["--vendor", vendor])?;
        }
        self.token(portal, "distributor", &["--distributor"])?;
        self.user(portal, "distributor", &["--distributor"])
    }

    fn token(&mut self, portal: &Portal, whose: &str, options: &[&str]) -> Result<()> {
        if !self.tokens.contains_key(whose) {
            let token = portal.admin(&[&["token", "create"], options].concat())?;
            self.tokens.insert(whose.into(), token);
        }
        Ok(())
    }

    fn user(&mut self, portal: &Portal, name: &str, options: &[&str]) -> Result<()> {
        if !self.users.contains_key(name) {
            let password = portal.admin(&[&["user", "add", name], options].concat())?;
            self.users.insert(name.into(), password);
        }
        Ok(())
    }

    /// First the kernels that are out, then the packages, then the kernel that breaks one.
    fn kernels_and_packages(&mut self, portal: &Portal, fixtures: &Manifest) -> Result<()> {
        for (product, role) in [(PRODUCT, Role::Base), (NEXT_PRODUCT, Role::NextSeries)] {
            let Some(kernel) = fixtures.kernel(role) else {
                continue;
            };
            self.register(portal, product, kernel, "released", None)?;
            for package in fixtures.packages_for(&kernel.release, Kind::Good) {
                self.upload(portal, product, package)?;
            }
        }
        if let Some(kernel) = fixtures.kernel(Role::Breaking) {
            self.release_date =
                sh::output(Command::new("date").args(["-u", "+%F", "-d", DAYS_AHEAD]))?
                    .trim()
                    .into();
            let date = self.release_date.clone();
            self.register(portal, PRODUCT, kernel, "preview", Some(&date))?;
        }
        Ok(())
    }

    fn register(
        &mut self,
        portal: &Portal,
        product: &str,
        kernel: &KernelEntry,
        status: &str,
        date: Option<&str>,
    ) -> Result<()> {
        let mut path = format!(
            "/api/v1/kernels?product={product}&flavor={}&arch={}&release={}&status={status}&wait={WAIT}",
            escape(&kernel.flavor),
            escape(&kernel.arch),
            escape(&kernel.release),
        );
        if let Some(date) = date {
            let vendors: Vec<&str> = VENDORS.iter().map(|(name, ..)| *name).collect();
            let vendors = vendors.join(",");
            path.push_str(&format!("&release_date={date}&vendors={vendors}"));
        }
        let token = self.token_of("distributor")?;
        let answer = portal
            .api
            .send_file("POST", &path, token, &kernel.symvers)?;
        let answer = answer
            .success()
            .with_context(|| format!("registering {}", kernel.release))?;
        println!(
            "  kernel {} ({status}): {} symbols",
            kernel.release, answer["symbols"]
        );
        self.kernels
            .insert(kernel.release.clone(), text(&answer, "id")?);
        Ok(())
    }

    fn upload(&mut self, portal: &Portal, product: &str, package: &Package) -> Result<()> {
        let name = file_name(package);
        let path = upload_path(&name, product);
        let token = self.token_of(&package.vendor)?;
        let answer = portal.api.send_file("PUT", &path, token, &package.path)?;
        let answer = answer
            .success()
            .with_context(|| format!("uploading {name}"))?;
        println!("  package {name}: {}", text(&answer, "state")?);
        self.packages.insert(name, text(&answer, "id")?);
        Ok(())
    }

    pub fn token_of(&self, whose: &str) -> Result<&str> {
        let token = self
            .tokens
            .get(whose)
            .with_context(|| format!("no token of {whose}"))?;
        Ok(token)
    }
}

/// Address for an upload that is answered when the package is decided and visible.
pub fn upload_path(file_name: &str, product: &str) -> String {
    format!(
        "/api/v1/packages/{}?product={product}&wait={WAIT}",
        escape(file_name)
    )
}

pub fn file_name(package: &Package) -> String {
    package
        .path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A member of a JSON object that must be text.
pub fn text(value: &Value, member: &str) -> Result<String> {
    let found = value[member].as_str();
    Ok(found
        .with_context(|| format!("no `{member}` in {value:.200}"))?
        .into())
}

/// What an earlier demo kept; a file of another version of it counts for nothing.
fn read(record: &Path) -> Story {
    fs::read(record)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

/// For its owner only: it holds secrets.
fn save(story: &Story, record: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options
        .open(record)
        .with_context(|| format!("cannot write {}", record.display()))?;
    Ok(file.write_all(&serde_json::to_vec_pretty(story)?)?)
}
