//! Our side of `cargo xtask bench repository`: packages like those that vendors send, and what it costs
//! to publish one more of them.
//!
//! ```text
//! publish_speed make FOLDER COUNT SYMVERS   writes packages with some 200 required symbols each
//! publish_speed add FOLDER                  publishes the packages of a folder but for five, and then
//!                                           those one by one, measured; prints JSON
//! ```

use anyhow::{Context as _, Result, bail, ensure};
use keyring::{KeyAlgorithm, SigningKey};
use portal::publishing::Publisher;
use portal::repository_key::RepositoryKey;
use portal::served::Served;
use portal::storage::Storage;
use private_postgres::Cluster;
use rustix::time::{ClockId, clock_gettime};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::packages::State;
use store::{PgPool, Time, packages, products, vendors};
use testkit::RpmBuilder;

/// Packages that are added one by one; the cheapest counts, the largest peak too.
const ADDED: usize = 5;
/// Bytes of the one file in a package.
const FILE: usize = 29_000;
/// Symbols of a package: from few to very many, some 200 on average.
const SYMBOLS: [usize; 12] = [8, 30, 60, 90, 120, 150, 180, 220, 270, 340, 420, 600];
const NOW: Time = time::macros::datetime!(2026-11-23 12:00 UTC);
/// Clock ticks of `/proc/PID/stat` a second, the same on every Linux.
const TICKS: f64 = 100.0;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["make", folder, count, symvers] => {
            make(Path::new(folder), count.parse()?, Path::new(symvers))
        }
        ["add", folder] => add(Path::new(folder)).await,
        _ => bail!("usage: publish_speed make FOLDER COUNT SYMVERS | add FOLDER"),
    }
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0)
    }
}

fn make(folder: &Path, count: usize, symvers: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let text = fs::read_to_string(symvers)?;
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let symbols: Vec<(&str, u32)> = lines
        .filter_map(|(crc, rest)| {
            let crc = u32::from_str_radix(crc.trim_start_matches("0x"), 16).ok()?;
            Some((rest.split('\t').next()?, crc))
        })
        .collect();
    ensure!(
        symbols.len() > 1000,
        "{} is no symvers file",
        symvers.display()
    );
    for number in 0..count {
        let mut dice = Dice(number as u64);
        let name = format!("acme-{number:05}-kmp-default");
        let mut package = RpmBuilder::new(&name, "1.0_k6.4.0_150600.21", "1", "x86_64")
            .kmp()
            .vendor("ACME Drivers GmbH")
            .changelog(
                1_690_000_000,
                "A Vendor <a@example.com> - 1.0",
                "- first build",
            );
        for _ in 0..SYMBOLS[dice.next() % SYMBOLS.len()] {
            let (symbol, crc) = symbols[dice.next() % symbols.len()];
            package = package.requires(&format!("ksym(default:{symbol}) = {crc:x}"));
        }
        for _ in 0..1 + dice.next() % 6 {
            let device = dice.next() % 0xffff;
            package = package.supplements(&format!(
                "modalias(kernel-default:pci:v00008086d0000{device:04X}sv*sd*bc*sc*i*)"
            ));
        }
        let path = format!("/lib/modules/6.4.0-150600.21-default/updates/acme{number}.bin");
        let content: Vec<u8> = (0..FILE).map(|_| dice.next().to_le_bytes()[0]).collect();
        fs::write(
            folder.join(format!("{name}.rpm")),
            package.file(&path, content).build(),
        )?;
    }
    Ok(())
}

/// Seconds of the clock, of our processor time, of the database's; bytes.
struct Cost {
    wall: f64,
    cpu: f64,
    database: f64,
    peak: f64,
}

/// A portal's publishing.
struct Shop {
    publisher: Publisher,
    served: Served,
    id: i64,
    product_id: i64,
    vendor_id: i64,
}

impl Shop {
    async fn open(pool: PgPool, data: &Path) -> Result<Self> {
        let created = (NOW - Duration::from_secs(60))
            .unix_timestamp()
            .cast_unsigned();
        let key = SigningKey::generate("Bench", KeyAlgorithm::Rsa4096, created)?;
        let storage = Storage::open(data)?;
        let mut conn = pool.acquire().await?;
        let product = products::NewProduct {
            name: "sle",
            display_name: "SLE",
            family: "suse",
            arches: &["x86_64".to_owned()],
            flavors: &["default".to_owned()],
            channels: &["stable".to_owned()],
            default_channel: "stable",
        };
        let product_id = products::upsert(&mut conn, &product, NOW).await?.id;
        let vendor = vendors::upsert(&mut conn, "acme", "ACME", "a@acme.example", NOW).await?;
        let id =
            store::repositories::get_or_insert(&mut conn, product_id, "stable", "x86_64", None);
        let id = id.await?;
        drop(conn);
        Ok(Self {
            id,
            served: Served::open(&storage)?,
            publisher: Publisher {
                pool,
                storage,
                key: Arc::new(RepositoryKey::new(key.certificate(), Box::new(key))),
                grace: Duration::from_secs(86_400),
            },
            product_id,
            vendor_id: vendor.id,
        })
    }

    /// What uploading and inspecting leave.
    async fn accept(&self, file: &Path) -> Result<()> {
        let package = kmp::read(fs::File::open(file)?, &kmp::Limits::default())?;
        let place = self.publisher.storage.package(&package.sha256);
        fs::create_dir_all(place.parent().context("no folder")?)?;
        fs::hard_link(file, &place).or_else(|_| fs::copy(file, &place).map(|_| ()))?;
        let (sha256, size) = (package.sha256, i64::try_from(package.file_size)?);
        let mut facts = portal::records::facts(package, &kmp::SignatureReport::default());
        facts.modules.clear();
        facts.aliases.clear();
        let mut tx = self.publisher.pool.begin().await?;
        let id =
            packages::insert_received(&mut tx, self.vendor_id, &sha256, size, "a.rpm", None, NOW);
        let id = id.await?;
        packages::place(&mut tx, id, self.product_id, "stable").await?;
        packages::save_inspection(&mut tx, id, &facts).await?;
        packages::set_state(&mut tx, id, State::Accepted, "In order.", NOW).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What a publication costs.
    async fn cost(&self, database: u32) -> Result<Cost> {
        // What a server needs anyway is there before: what counts is what comes on top.
        fs::write("/proc/self/clear_refs", "5").context("forgetting the peak of memory")?;
        let before = memory("VmRSS:")?;
        let (started, cpu, ticks) = (Instant::now(), cpu_time(), ticks_below(database)?);
        self.publish().await?;
        Ok(Cost {
            wall: started.elapsed().as_secs_f64(),
            cpu: (cpu_time() - cpu).as_secs_f64(),
            database: ticks_below(database)? - ticks,
            peak: memory("VmHWM:")? - before,
        })
    }

    async fn publish(&self) -> Result<()> {
        self.publisher.publish(&self.served, self.id, NOW).await
    }
}

async fn add(folder: &Path) -> Result<()> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "rpm"));
    files.sort();
    // From everywhere, as names come.
    let step = files.len() / (ADDED + 1);
    let late: Vec<PathBuf> = (1..=ADDED).rev().map(|n| files.remove(n * step)).collect();
    let mut cluster = Cluster::throwaway()?;
    cluster.create_database("bench")?;
    let pool = PgPool::connect(&cluster.url("bench")).await?;
    store::MIGRATOR.run(&pool).await?;
    let data = tempfile::tempdir_in(folder.parent().context("no folder")?)?;
    let shop = Shop::open(pool.clone(), data.path()).await?;
    for file in &files {
        shop.accept(file).await?;
    }
    shop.publish().await?;
    let mut costs = Vec::new();
    for file in &late {
        shop.accept(file).await?;
        costs.push(shop.cost(cluster.pid()).await?);
    }
    let cheapest = costs.iter().min_by(|a, b| a.cpu.total_cmp(&b.cpu));
    let cheapest = cheapest.context("nothing was measured")?;
    let peak = costs.iter().map(|cost| cost.peak).fold(0.0, f64::max);
    println!(
        "{}",
        serde_json::json!({
            "wall": cheapest.wall,
            "cpu": cheapest.cpu,
            "database": cheapest.database,
            "peak": peak,
        })
    );
    pool.close().await;
    cluster.stop()?;
    Ok(())
}

/// Processor time of all threads of this process.
fn cpu_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        spent.tv_sec.unsigned_abs(),
        u32::try_from(spent.tv_nsec).unwrap_or(0),
    )
}

/// Bytes, by the name of a line in `/proc/self/status`.
fn memory(line: &str) -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|it| it.strip_prefix(line));
    let kib = found.and_then(|it| it.trim().strip_suffix(" kB"));
    let kib: f64 = kib.with_context(|| format!("no {line}"))?.trim().parse()?;
    Ok(kib * 1024.0)
}

/// Processor seconds of a process' children: PostgreSQL's backends.
fn ticks_below(parent: u32) -> Result<f64> {
    let mut ticks = 0.0;
    for entry in fs::read_dir("/proc")?.flatten() {
        // Those that have ended meanwhile have no file.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // After the name in brackets: state, parent, …, utime and stime as fields 14 and 15.
        let Some((_, rest)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = rest.split(' ').collect();
        if fields.get(1) == Some(&parent.to_string().as_str()) {
            for field in &fields[11..13] {
                ticks += field.parse::<f64>()?;
            }
        }
    }
    Ok(ticks / TICKS)
}
