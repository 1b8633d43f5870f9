//! `kmp-portal admin kernel register`: kernels from files, folders and repositories.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use kernel_source::{Description, Found, Limits};
use portal::admin::{Admin as Office, KernelSource};
use serde_json::Value;

use crate::sources;

/// What `kmp-portal admin kernel register` takes.
#[derive(Args)]
pub struct Register {
    /// Module.symvers, RPM or Debian packages, vmlinux, a folder or tar archive of modules, a
    /// primary.xml, or the http(s) address of a repository. Several are parts of one kernel
    #[arg(required = true, value_name = "FILE|DIR|URL")]
    sources: Vec<String>,
    #[arg(long)]
    product: String,
    #[arg(long, value_parser = ["preview", "released", "retired"])]
    status: String,
    /// When it will be released: YYYY-MM-DD in the portal's time zone, or an RFC 3339 moment
    #[arg(long, value_name = "DATE")]
    release_date: Option<String>,
    /// Vendors that may know of a preview, separated by commas, or `all` [default: none]
    #[arg(long)]
    vendors: Option<String>,
    /// `uname -r`, where the source does not tell it; of a repository, the only kernel to take
    #[arg(long)]
    release: Option<String>,
    /// Architecture, where the source does not tell it
    #[arg(long)]
    arch: Option<String>,
    /// Flavor, where the source does not tell it
    #[arg(long)]
    flavor: Option<String>,
    /// What `modinfo -F vermagic` prints of one of its modules, where the source does not tell it
    #[arg(long, value_name = "TEXT")]
    vermagic: Option<String>,
    /// Its `sizeof(struct module)`, where the source does not tell it
    #[arg(long, value_name = "BYTES")]
    this_module_size: Option<u64>,
    /// The distribution's kabi/severities
    #[arg(long, value_name = "FILE")]
    severities: Option<PathBuf>,
    /// List of the symbols that stay stable
    #[arg(long, value_name = "FILE")]
    stablelist: Option<PathBuf>,
    /// Key that must have signed the repository
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

/// Carries out one command.
pub async fn carry_out(office: &Office, register: &Register) -> anyhow::Result<Value> {
    let text = |path: &Option<PathBuf>| path.as_deref().map(read_text).transpose();
    let spec = KernelSource {
        product: register.product.clone(),
        status: register.status.clone(),
        release_date: register.release_date.clone(),
        vendors: register.vendors.clone(),
        arch: register.arch.clone(),
        flavor: register.flavor.clone(),
        release: register.release.clone(),
        vermagic: register.vermagic.clone(),
        this_module_size: register.this_module_size,
        severities: text(&register.severities)?,
        stablelist: text(&register.stablelist)?,
    };
    match gather(office, register).await? {
        Found::Kernels(kernels) => {
            let kernels = kernels.into_iter().map(Ok);
            office.register_kernels(&spec, kernels).await
        }
        Found::Repository(kernels) => office.register_kernels(&spec, kernels).await,
    }
}

/// The kernels of one source, or the one that several are parts of.
async fn gather(office: &Office, register: &Register) -> anyhow::Result<Found> {
    if let [only] = register.sources.as_slice() {
        return open(office, only, register).await;
    }
    let mut sum: Option<Description> = None;
    for source in &register.sources {
        let Found::Kernels(kernels) = open(office, source, register).await? else {
            bail!("{source} tells of several kernels: register it alone");
        };
        for kernel in kernels {
            match &mut sum {
                None => sum = Some(kernel),
                Some(sum) => sum
                    .add(kernel)
                    .with_context(|| format!("{source} contradicts the sources before it"))?,
            }
        }
    }
    Ok(Found::Kernels(sum.into_iter().collect()))
}

async fn open(office: &Office, source: &str, register: &Register) -> anyhow::Result<Found> {
    if !source.starts_with("http://") && !source.starts_with("https://") {
        return sources::open(Path::new(source)).with_context(|| source.to_owned());
    }
    let key = register.key.as_ref();
    let key = key.map(std::fs::read).transpose().context("--key")?;
    let (name, file) = office.fetch_primary(source, key.as_deref()).await?;
    Ok(kernel_source::read(file, &name, &Limits::default())?)
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
