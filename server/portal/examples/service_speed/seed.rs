//! Fills the database as uploads and registrations would.

use crate::made_up::{self, Random, VENDORS};
use crate::server::{Server, TOKEN};
use kabi::Kernel;
use kmod::Module;
use sha2::{Digest as _, Sha256};
use store::kernels::NewKernel;
use store::packages::{self, Inspected, State};
use store::products::{self, NewProduct};
use store::{PgConnection, Time, accounts, vendors};
use uuid::Uuid;

pub const ARCH: &str = "x86_64";
pub const FLAVOR: &str = "amd64";
/// Symbols of a kernel: real ones have fewer, and are filled up.
pub const SYMBOLS: usize = 30_000;
/// What modules of the kernels say of themselves.
pub const VERMAGIC_TAIL: &str = "SMP preempt mod_unload modversions ";
/// The product with very many packages.
pub const PACKAGES: &str = "packages";
/// The product with very many kernels, and how many.
pub const KERNELS: (&str, u32) = ("kernels", 1_000);
/// The product that is asked about, and how many kernels it has.
pub const ASKED: (&str, u32) = ("asked", 200);

const NOW: Time = time::macros::datetime!(2026-01-01 12:00 UTC);
/// Drivers of one vendor; the other packages are further builds of them.
const DRIVERS: u32 = 5;
/// Symbols that change from one kernel to the next: one in so many.
const CHANGES: usize = SYMBOLS / 50;

/// What was put in.
pub struct Seeded {
    /// The product with very many kernels.
    pub kernels: i64,
    pub vendor: i64,
}

/// Fills everything.
pub async fn fill(
    server: &Server,
    modules: &[Module],
    old: &Kernel,
    count: u32,
) -> anyhow::Result<Seeded> {
    let mut conn = server.pool.acquire().await?;
    let token = Sha256::digest(TOKEN.as_bytes());
    accounts::insert_token(&mut conn, &token, "benchmark", None, None, NOW).await?;
    let mut makers = Vec::new();
    for number in 0..VENDORS {
        let name = format!("vendor{number}");
        let vendor = vendors::upsert(&mut conn, &name, &name, "kmp@vendor.example", NOW).await?;
        makers.push(vendor.id);
    }
    let product = product(&mut conn, PACKAGES).await?;
    drop(conn);
    let mut random = Random::new(2);
    let mut tx = server.pool.begin().await?;
    for key in 0..count {
        let modules = made_up::package(modules, key, &mut random);
        let vendor = key % VENDORS;
        let name = format!("vendor{vendor}-{}-kmp-{FLAVOR}", key / VENDORS % DRIVERS);
        let id = package(
            &mut tx,
            makers[vendor as usize],
            product,
            &name,
            key,
            modules,
        )
        .await?;
        packages::set_state(&mut tx, id, State::Published, "Published.", NOW).await?;
        if key % 100 == 99 {
            tx.commit().await?;
            tx = server.pool.begin().await?;
        }
    }
    let many = kernels(&mut tx, KERNELS, old).await?;
    kernels(&mut tx, ASKED, old).await?;
    tx.commit().await?;
    Ok(Seeded {
        kernels: many,
        vendor: makers[0],
    })
}

async fn product(conn: &mut PgConnection, name: &str) -> sqlx::Result<i64> {
    let product = NewProduct {
        name,
        display_name: name,
        family: "suse",
        arches: &[ARCH.to_owned()],
        flavors: &[FLAVOR.to_owned()],
        channels: &["stable".to_owned()],
        default_channel: "stable",
    };
    Ok(products::upsert(conn, &product, NOW).await?.id)
}

/// A package that was inspected and accepted.
pub async fn package(
    conn: &mut PgConnection,
    vendor: i64,
    product: i64,
    name: &str,
    number: u32,
    modules: Vec<Module>,
) -> anyhow::Result<Uuid> {
    let file = format!("{name}-{number}-1.{ARCH}.rpm");
    let sha256 = Sha256::digest(file.as_bytes());
    let id = packages::insert_received(conn, vendor, &sha256, 1, &file, None, NOW).await?;
    packages::place(conn, id, product, "stable").await?;
    let path = |module: Module| (format!("/lib/modules/6/updates/{}.ko", module.name), module);
    let facts = Inspected {
        name: name.to_owned(),
        epoch: None,
        version: number.to_string(),
        release: "1".to_owned(),
        arch: ARCH.to_owned(),
        flavor: Some(FLAVOR.to_owned()),
        kernel_release: None,
        location: file,
        summary: String::new(),
        license: None,
        rpm_vendor: None,
        signature: serde_json::json!({}),
        repomd_primary: String::new(),
        repomd_filelists: String::new(),
        repomd_other: String::new(),
        excludes: Vec::new(),
        modules: modules.into_iter().map(path).collect(),
        aliases: Vec::new(),
        certificates: Vec::new(),
    };
    packages::save_inspection(conn, id, &facts).await?;
    store::judging::pack(conn, id, &facts.modules).await?;
    packages::set_state(conn, id, State::Accepted, "In order.", NOW).await?;
    Ok(id)
}

/// A product with kernels of which each differs a little from the one before.
async fn kernels(
    conn: &mut PgConnection,
    (name, count): (&str, u32),
    first: &Kernel,
) -> anyhow::Result<i64> {
    let product_id = product(conn, name).await?;
    let mut random = Random::new(3);
    let mut kernel = first.clone();
    for number in 0..count {
        kernel = made_up::with_changes(&kernel, CHANGES, &mut random);
        let text = text(&kernel);
        let packed = zstd::bulk::compress(text.as_bytes(), 1)?;
        let new = NewKernel {
            product_id,
            arch: ARCH,
            flavor: FLAVOR,
            release: &release(number),
            status: "released",
            release_date: None,
            release_at: None,
            content_hash: &Sha256::digest(&text),
            modversions: true,
            vermagic_tail: Some(VERMAGIC_TAIL),
            this_module_size: None,
            symbol_count: i32::try_from(kernel.exports.len())?,
            unknown: &[],
            symvers: &packed,
        };
        store::kernels::upsert(conn, &new, NOW).await?;
    }
    Ok(product_id)
}

/// `uname -r` of a kernel by its number.
pub fn release(number: u32) -> String {
    format!("6.1.0-{number}-{FLAVOR}")
}

/// A kernel as a symvers file.
pub fn text(kernel: &Kernel) -> String {
    let line = |(symbol, export): (&String, &kabi::KernelExport)| {
        let kind = if export.gpl {
            "EXPORT_SYMBOL_GPL"
        } else {
            "EXPORT_SYMBOL"
        };
        let namespace = export.namespace.as_deref().unwrap_or_default();
        let crc = export.crcs[0];
        format!(
            "{crc}\t{symbol}\t{}\t{kind}\t{namespace}\n",
            export.provider
        )
    };
    kernel.exports.iter().map(line).collect()
}
