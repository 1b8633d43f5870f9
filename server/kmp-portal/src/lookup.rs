//! `kmp-portal lookup --this-machine`: asks a portal which drivers the devices of a machine need, shows
//! what would be installed, asks, and has zypper or dnf do it.

mod answer;
mod install;
mod machine;
mod tell;

use answer::Answer;
use anyhow::{Context as _, bail};
use clap::Args;
use install::{Client, System};
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Exit code when nothing was installed because somebody said no.
const DECLINED: u8 = 1;

/// Ask a portal for the drivers of this machine, and install them
///
/// Reads the modaliases of all devices, sends them to the portal with architecture and kernel
/// release (nothing else), and shows which packages would be installed, from which repository, signed by
/// which keys. Then it asks; with --yes it does not. Keys are imported only if they are the ones that the
/// answer names, and with --key only if the repository's key is that one. Exits with 0 when all is
/// installed or nothing is needed, with 1 when somebody said no, with 2 for everything else.
#[derive(Args)]
pub struct Lookup {
    /// Look at the devices of this machine
    #[arg(long, required_unless_present = "sysfs")]
    this_machine: bool,
    /// Read devices below this folder instead of /sys, or from a file with one modalias a line
    #[arg(long, value_name = "PATH")]
    sysfs: Option<PathBuf>,
    /// Address of the portal
    #[arg(long, env = "KMP_PORTAL_URL", value_name = "URL")]
    portal: String,
    /// Product that is installed; the portal's /api/v1/products lists them
    #[arg(long, value_name = "NAME")]
    product: String,
    /// Architecture [default: this machine's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<String>,
    /// Release of the kernel that will run, or "any" [default: the running one]
    #[arg(long, value_name = "RELEASE")]
    kernel: Option<String>,
    /// Channels to install from, separated by commas, the best first [default: the product's]
    #[arg(long, value_name = "CHANNELS", value_delimiter = ',')]
    channel: Vec<String>,
    /// The machine boots with Secure Boot [default: what its firmware says]
    #[arg(long, value_name = "BOOL")]
    secure_boot: Option<bool>,
    /// Only modules under licences that are compatible with the kernel's
    #[arg(long)]
    free_only: bool,
    /// Only certified packages
    #[arg(long)]
    certified_only: bool,
    /// Fingerprint that the key of the repository must have
    #[arg(long, value_name = "FINGERPRINT")]
    key: Option<String>,
    /// Install into the system in this folder
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Install with zypper or dnf [default: the one that is there]
    #[arg(long, value_enum)]
    client: Option<Client>,
    /// Show what would be installed, and stop
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print the portal's answer as it came, and stop
    #[arg(long)]
    json: bool,
}

/// Does what was asked.
///
/// # Errors
/// The devices cannot be read, the portal does not answer or refuses the question, a key is another than
/// expected, or a program fails.
pub fn run(line: &Lookup) -> anyhow::Result<ExitCode> {
    let devices = machine::devices(line.sysfs.as_deref())?;
    if devices.unreadable > 0 {
        eprintln!(
            "{} modaliases are not UTF-8 and were left out",
            devices.unreadable
        );
    }
    let question = question(line, &devices.modaliases)?;
    let text = ask(&line.portal, &question)?;
    if line.json {
        println!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let answer: Answer =
        serde_json::from_str(&text).context("the portal's answer has no such form")?;
    tell::print(&answer, devices.modaliases.len());
    check_key(line.key.as_deref(), &answer)?;
    if answer.plan.packages.is_empty() || line.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    if !line.yes && !is_agreed()? {
        println!("Nothing was changed.");
        return Ok(ExitCode::from(DECLINED));
    }
    let system = System::at(&line.root, line.client)?;
    for key in &answer.plan.keys {
        system.trust(&fetch(&key.url)?, key)?;
    }
    system.add(&fetch_repo_file(line, &question)?, &answer.plan)?;
    system.install(&answer.plan.packages)?;
    tell::what_remains(&answer);
    Ok(ExitCode::SUCCESS)
}

fn question(line: &Lookup, modaliases: &[String]) -> anyhow::Result<serde_json::Value> {
    let arch = match &line.arch {
        Some(arch) => arch.clone(),
        None => machine::arch()?,
    };
    let kernel = match line.kernel.as_deref() {
        Some("any") => None,
        Some(release) => Some(release.to_owned()),
        None => Some(machine::kernel()?),
    };
    let secure_boot = line.secure_boot.unwrap_or_else(machine::has_secure_boot);
    Ok(serde_json::json!({
        "product": line.product,
        "arch": arch,
        "kernel": kernel,
        "channels": line.channel,
        "secure_boot": secure_boot,
        "policy": { "free_only": line.free_only, "certified_only": line.certified_only },
        "modaliases": modaliases,
    }))
}

/// The portal's answer as JSON.
fn ask(portal: &str, question: &serde_json::Value) -> anyhow::Result<String> {
    let url = format!("{}/api/v1/lookup", portal.trim_end_matches('/'));
    let (is_good, text) = http(&url, Some(question))?;
    if is_good {
        return Ok(text);
    }
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match problem["detail"].as_str() {
        Some(detail) => bail!("the portal refuses the question: {detail}"),
        None => bail!("{url} answers, but is no portal"),
    }
}

/// The `.repo` file of the same plan.
fn fetch_repo_file(line: &Lookup, question: &serde_json::Value) -> anyhow::Result<String> {
    let url = format!(
        "{}/api/v1/lookup?format=repo",
        line.portal.trim_end_matches('/')
    );
    match http(&url, Some(question))? {
        (true, text) => Ok(text),
        (false, _) => bail!("the portal has no .repo file for this plan"),
    }
}

fn fetch(url: &str) -> anyhow::Result<String> {
    match http(url, None)? {
        (true, text) => Ok(text),
        (false, _) => bail!("{url} cannot be fetched"),
    }
}

/// Whether the request went well, and the body. A question makes it a `POST`.
fn http(url: &str, question: Option<&serde_json::Value>) -> anyhow::Result<(bool, String)> {
    // Err: somebody installed one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let client = reqwest::Client::new();
        let request = match question {
            Some(question) => client.post(url).json(question),
            None => client.get(url),
        };
        let reply = request
            .send()
            .await
            .with_context(|| format!("cannot reach {url}"))?;
        let is_good = reply.status().is_success();
        Ok((
            is_good,
            reply
                .text()
                .await
                .with_context(|| format!("reading {url}"))?,
        ))
    })
}

/// The key that signs the repository must be the one that was pinned.
fn check_key(pinned: Option<&str>, answer: &Answer) -> anyhow::Result<()> {
    let Some(pinned) = pinned else {
        return Ok(());
    };
    let plain = |text: &str| text.replace([' ', ':'], "").to_uppercase();
    let found = &answer.repository.key_fingerprint;
    if plain(pinned) != plain(found) {
        bail!("the repository's key is {found}, not the one named by --key; nothing was changed");
    }
    Ok(())
}

fn is_agreed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody is there to ask; --yes installs without asking");
    }
    print!("Trust these keys and install? [y/N] ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}
