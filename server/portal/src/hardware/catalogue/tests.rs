//! After whatever happened, in whatever order, the catalogue that was renewed again and again is the
//! one that is made anew.

use super::*;
use kmod::Module as ReadModule;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use store::generations::{self, Generation};
use store::kernels::{self, NewKernel};
use store::packages::{self, Inspected, State};
use store::sources::{self, Good, Need, NewSource, Package};
use store::verdicts::{Brief, Judged};
use store::{PgPool, products, repositories, vendors};
use testkit::ModuleBuilder;
use tokio::runtime::Handle;

const NOW: Time = time::macros::datetime!(2026-11-23 12:00 UTC);
const SEQUENCES: u32 = 40;
/// Patterns of sources that there is room for: a few sources fill it.
const ROOM: usize = 12;
const CHANNELS: [&str; 2] = ["stable", "testing"];
/// What packages name, and devices that may have them.
const PATTERNS: [&str; 4] = [
    "pci:v00008086d00001502sv*sd*bc*sc*i*",
    "pci:v00008086d*sv*sd*bc*sc*i*",
    "usb:v046DpC52Bd*dc*dsc*dp*ic*isc*ip*in*",
    "*",
];
const DEVICES: [&str; 3] = [
    "pci:v00008086d00001502sv00001028sd00000493bc02sc00i00",
    "pci:v00008086d00001503sv00001028sd00000493bc02sc00i00",
    "usb:v046DpC52Bd1211dc00dsc00dp00ic03isc01ip01in00",
];

/// One thing that happens. Numbers that pick one of those there are wrap around.
#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<&'static str>),
    Withdraw(usize),
    /// Into a channel.
    Place(usize, usize),
    /// A channel shows those packages whose bit is set, of those that are published.
    Generation(usize, u64),
    Register(&'static str),
    Status(usize, &'static str),
    /// A package on a kernel.
    Judge(usize, usize, Verdict),
    /// The same, and the catalogue is renewed while nobody sees it yet.
    JudgeSlowly(usize, usize, Verdict),
    /// Reasons went for a kernel.
    Forget(usize),
    Source,
    /// A source has other packages, by their patterns.
    Content(usize, Vec<Vec<&'static str>>),
    /// Of all its packages on a kernel.
    JudgeSource(usize, usize, Verdict),
    Distrust(usize),
    Trust(usize),
    Remove(usize),
    /// So many hours go by.
    Wait(i64),
    Renew,
}

fn patterns() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(&PATTERNS[..], 0..PATTERNS.len())
}

fn step() -> impl Strategy<Value = Step> {
    let n = any::<usize>;
    let verdict = || prop::sample::select(&Verdict::ALL[..]);
    let content = proptest::collection::vec(patterns(), 0..4);
    prop_oneof![
        5 => patterns().prop_map(Step::Publish),
        2 => n().prop_map(Step::Withdraw),
        2 => (n(), n()).prop_map(|(p, c)| Step::Place(p, c)),
        4 => (n(), any::<u64>()).prop_map(|(c, set)| Step::Generation(c, set)),
        2 => prop::sample::select(&["preview", "released"][..]).prop_map(Step::Register),
        1 => (n(), prop::sample::select(&["released", "retired"][..])).prop_map(|(k, to)| Step::Status(k, to)),
        5 => (n(), n(), verdict()).prop_map(|(p, k, v)| Step::Judge(p, k, v)),
        2 => (n(), n(), verdict()).prop_map(|(p, k, v)| Step::JudgeSlowly(p, k, v)),
        1 => n().prop_map(Step::Forget),
        1 => Just(Step::Source),
        3 => (n(), content).prop_map(|(s, all)| Step::Content(s, all)),
        2 => (n(), n(), verdict()).prop_map(|(s, k, v)| Step::JudgeSource(s, k, v)),
        1 => n().prop_map(Step::Distrust),
        2 => n().prop_map(Step::Trust),
        1 => n().prop_map(Step::Remove),
        1 => (1i64..100).prop_map(Step::Wait),
        5 => Just(Step::Renew),
    ]
}

struct World {
    pool: PgPool,
    now: Time,
    product_id: i64,
    vendor_id: i64,
    packages: Vec<Uuid>,
    kernels: Vec<Uuid>,
    sources: Vec<Uuid>,
    made: usize,
    renewed: Arc<Catalogue>,
}

impl World {
    async fn new(pool: &PgPool) -> anyhow::Result<Self> {
        let mut conn = pool.acquire().await?;
        let name = format!("p{}", Uuid::now_v7().simple());
        let product = products::NewProduct {
            name: &name,
            display_name: &name,
            family: "suse",
            arches: &["x86_64".to_owned()],
            flavors: &["default".to_owned()],
            channels: &CHANNELS.map(str::to_owned),
            default_channel: CHANNELS[0],
        };
        let product = products::upsert(&mut conn, &product, NOW).await?;
        let acme = vendors::upsert(&mut conn, "acme", "Acme", "kernel@acme.example", NOW).await?;
        drop(conn);
        Ok(Self {
            pool: pool.clone(),
            now: NOW,
            product_id: product.id,
            vendor_id: acme.id,
            packages: Vec::new(),
            kernels: Vec::new(),
            sources: Vec::new(),
            made: 0,
            renewed: Arc::new(Catalogue::read_within(pool, None, NOW, ROOM).await?),
        })
    }

    async fn renew(&mut self) -> anyhow::Result<()> {
        let before = Some(self.renewed.clone());
        let next = Catalogue::read_within(&self.pool, before, self.now, ROOM);
        self.renewed = Arc::new(next.await?);
        Ok(())
    }

    async fn go(&mut self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Publish(patterns) => self.publish(patterns).await?,
            Step::Generation(channel, set) => self.generation(*channel, *set).await?,
            Step::Register(status) => self.register(status).await?,
            Step::Judge(package, kernel, verdict) => {
                let mut conn = self.pool.acquire().await?;
                self.judge(&mut conn, *package, *kernel, *verdict).await?;
            }
            Step::JudgeSlowly(package, kernel, verdict) => {
                let mut tx = self.pool.begin().await?;
                self.judge(&mut tx, *package, *kernel, *verdict).await?;
                self.renew().await?;
                tx.commit().await?;
            }
            Step::Source => self.add_source().await?,
            Step::Content(source, all) => self.fill(*source, all).await?,
            Step::JudgeSource(source, kernel, verdict) => {
                self.judge_source(*source, *kernel, *verdict).await?;
            }
            Step::Wait(hours) => self.now += time::Duration::hours(*hours),
            Step::Renew => self.renew().await?,
            Step::Withdraw(_)
            | Step::Place(..)
            | Step::Status(..)
            | Step::Forget(_)
            | Step::Distrust(_)
            | Step::Trust(_)
            | Step::Remove(_) => self.change_one(step).await?,
        }
        Ok(())
    }

    async fn change_one(&mut self, step: &Step) -> anyhow::Result<()> {
        let mut conn = self.pool.acquire().await?;
        let conn = &mut *conn;
        let now = self.now;
        match *step {
            Step::Withdraw(n) => {
                if let Some(&id) = pick(&self.packages, n) {
                    packages::set_state(conn, id, State::Withdrawn, "Old.", now).await?;
                }
            }
            Step::Place(n, channel) => {
                if let (Some(&id), Some(channel)) =
                    (pick(&self.packages, n), pick(&CHANNELS, channel))
                {
                    packages::place(conn, id, self.product_id, channel).await?;
                }
            }
            Step::Status(n, status) => {
                if let Some(&id) = pick(&self.kernels, n) {
                    store::embargo::set_status(conn, id, status, now).await?;
                }
            }
            Step::Forget(n) => {
                if let Some(&id) = pick(&self.kernels, n) {
                    store::verdicts::remove_held(conn, id).await?;
                }
            }
            Step::Distrust(n) => {
                if let Some(&id) = pick(&self.sources, n) {
                    sources::set_fault(conn, id, "another key", true, now).await?;
                }
            }
            Step::Trust(n) => {
                if let Some(&id) = pick(&self.sources, n) {
                    self.set_good(conn, id).await?;
                }
            }
            Step::Remove(n) => {
                if let Some(&id) = pick(&self.sources, n) {
                    sources::remove(conn, id).await?;
                    self.sources.retain(|it| *it != id);
                }
            }
            _ => unreachable!("the others are done elsewhere"),
        }
        Ok(())
    }

    async fn set_good(&self, conn: &mut store::PgConnection, id: Uuid) -> sqlx::Result<()> {
        let good = Good {
            etag: None,
            last_modified: None,
            next: self.now,
        };
        sources::set_good(conn, id, good, self.now).await
    }

    async fn publish(&mut self, patterns: &[&str]) -> anyhow::Result<()> {
        let mut tx = self.pool.begin().await?;
        let content = Uuid::now_v7();
        let sha256 = [*content.as_bytes(), [0; 16]].concat();
        let vendor = self.vendor_id;
        let id = packages::insert_received(&mut tx, vendor, &sha256, 1, "a.rpm", None, NOW).await?;
        packages::place(&mut tx, id, self.product_id, CHANNELS[0]).await?;
        packages::save_inspection(&mut tx, id, &facts(&content, patterns)).await?;
        packages::set_state(&mut tx, id, State::Published, "In order.", NOW).await?;
        tx.commit().await?;
        self.packages.push(id);
        Ok(())
    }

    async fn generation(&self, channel: usize, set: u64) -> anyhow::Result<()> {
        let channel = pick(&CHANNELS, channel).expect("there are channels");
        let mut tx = self.pool.begin().await?;
        let (product, arch) = (self.product_id, "x86_64");
        let id = repositories::get_or_insert(&mut tx, product, channel, arch, None).await?;
        let number = generations::last_number(&mut tx, id).await? + 1;
        let chosen = self.packages.iter().enumerate();
        let chosen = chosen.filter(|(n, _)| set >> (n % 64) & 1 == 1);
        let chosen: Vec<Uuid> = chosen.map(|(_, id)| *id).collect();
        let changes = generations::changes(&mut tx, id, &chosen).await?;
        let generation = Generation {
            number,
            created_at: NOW,
            package_count: 0,
            repomd: Vec::new(),
            signature: String::new(),
            files: Vec::new(),
            support: None,
        };
        generations::switch(&mut tx, id, &generation, &changes).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn register(&mut self, status: &str) -> anyhow::Result<()> {
        self.made += 1;
        let hash = self.made.to_string();
        let new = NewKernel {
            product_id: self.product_id,
            arch: "x86_64",
            flavor: "default",
            release: &format!("6.4.0-{}-default", self.made),
            status,
            release_date: None,
            release_at: None,
            content_hash: hash.as_bytes(),
            modversions: true,
            vermagic_tail: None,
            this_module_size: None,
            symbol_count: 0,
            unknown: &[],
            symvers: &[],
        };
        let mut conn = self.pool.acquire().await?;
        self.kernels
            .push(kernels::upsert(&mut conn, &new, NOW).await?.0);
        Ok(())
    }

    async fn judge(
        &self,
        conn: &mut store::PgConnection,
        package: usize,
        kernel: usize,
        verdict: Verdict,
    ) -> anyhow::Result<()> {
        let (Some(&package_id), Some(&kernel_id)) =
            (pick(&self.packages, package), pick(&self.kernels, kernel))
        else {
            return Ok(());
        };
        let brief = Brief {
            verdict,
            totals: Default::default(),
            modules: Vec::new(),
        };
        let judged = Judged {
            package_id,
            kernel_id,
            brief,
        };
        Ok(store::verdicts::save(conn, &[judged], NOW).await?)
    }

    async fn add_source(&mut self) -> anyhow::Result<()> {
        self.made += 1;
        let new = NewSource {
            vendor_id: self.vendor_id,
            product_id: self.product_id,
            url: &format!("https://acme.example/{}/", self.made),
            key: "key",
            fingerprints: &["D00D".to_owned()],
            approved_by: Some("kim"),
        };
        let mut conn = self.pool.acquire().await?;
        let id = sources::upsert(&mut conn, &new, self.now).await?;
        let id = id.expect("nobody else has it");
        self.set_good(&mut conn, id).await?;
        self.sources.push(id);
        Ok(())
    }

    async fn fill(&self, source: usize, all: &[Vec<&'static str>]) -> anyhow::Result<()> {
        let Some(&id) = pick(&self.sources, source) else {
            return Ok(());
        };
        let package = |(number, patterns): (usize, &Vec<&str>)| Package {
            pkgid: format!("{number}"),
            name: format!("their-{number}-kmp"),
            version: "1".to_owned(),
            release: "1".to_owned(),
            arch: "x86_64".to_owned(),
            aliases: patterns.iter().map(|&it| it.to_owned()).collect(),
            needs: vec![Need {
                flavor: String::new(),
                symbol: "printk".to_owned(),
                crc: 1,
            }],
            ..Package::default()
        };
        let packages: Vec<Package> = all.iter().enumerate().map(package).collect();
        let mut tx = self.pool.begin().await?;
        sources::replace_packages(&mut tx, id, &packages).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn judge_source(&self, n: usize, kernel: usize, verdict: Verdict) -> anyhow::Result<()> {
        let (Some(&id), Some(&kernel_id)) = (pick(&self.sources, n), pick(&self.kernels, kernel))
        else {
            return Ok(());
        };
        let mut tx = self.pool.begin().await?;
        let packages = sources::packages(&mut tx, id).await?;
        let judged = packages.iter().map(|stored| sources::Judged {
            package_id: stored.id,
            kernel_id,
            verdict,
            missing: 0,
            examples: Vec::new(),
        });
        let judged: Vec<sources::Judged> = judged.collect();
        sources::replace_verdicts(&mut tx, id, &judged).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn compare(&mut self) -> anyhow::Result<()> {
        self.renew().await?;
        let anew = Catalogue::read_within(&self.pool, None, self.now, ROOM).await?;
        let patterns: usize = anew.sources.values().map(|it| it.patterns).sum();
        anyhow::ensure!(patterns <= ROOM, "{patterns} patterns of sources");
        let (renewed, anew) = (told(&self.renewed), told(&anew));
        anyhow::ensure!(
            renewed == anew,
            "renewed\n{renewed:#?}\nmade anew\n{anew:#?}"
        );
        Ok(())
    }
}

/// All that a catalogue says, in one order.
fn told(catalogue: &Catalogue) -> Vec<String> {
    let mut told = Vec::new();
    for alias in DEVICES {
        catalogue.each(alias, |pattern, owner| {
            let (id, module) = (owner.driver.id, owner.module);
            told.push(format!("{alias} {pattern} {id} {module:?}"));
        });
    }
    for driver in catalogue.drivers.values() {
        told.push(format!("{driver:?}"));
    }
    for (id, places) in catalogue.places.iter() {
        let mut places = places.clone();
        places.sort();
        told.push(format!("{id} in {places:?}"));
    }
    for (id, verdicts) in catalogue.verdicts.iter() {
        let mut verdicts = verdicts.to_vec();
        verdicts.sort();
        told.push(format!("{id} on {verdicts:?}"));
    }
    told.push(format!("{:?}", catalogue.devices));
    told.push(format!("{:?}", catalogue.kernels));
    told.push(format!("{:?}", catalogue.sources));
    told.sort();
    told
}

fn pick<T>(all: &[T], n: usize) -> Option<&T> {
    all.get(n.checked_rem(all.len())?)
}

/// A package with one module, which has every other pattern.
fn facts(content: &Uuid, patterns: &[&str]) -> Inspected {
    let path = "/lib/modules/6.4.0-0-default/updates/acme.ko";
    let bytes = ModuleBuilder::new("acme").build();
    let module = ReadModule::read(&bytes, path, &kmod::Limits::default());
    let module = module.expect("testkit builds modules that can be read");
    let aliases = patterns.iter().enumerate().map(|(place, pattern)| {
        let module = if place % 2 == 0 { "acme" } else { "" };
        (module.to_owned(), (*pattern).to_owned())
    });
    Inspected {
        name: "acme-kmp-default".to_owned(),
        epoch: None,
        version: content.simple().to_string(),
        release: "1".to_owned(),
        arch: "x86_64".to_owned(),
        flavor: Some("default".to_owned()),
        kernel_release: None,
        location: format!("{content}.rpm"),
        summary: String::new(),
        license: None,
        rpm_vendor: None,
        signature: serde_json::json!({}),
        repomd_primary: String::new(),
        repomd_filelists: String::new(),
        repomd_other: String::new(),
        excludes: Vec::new(),
        certificates: Vec::new(),
        modules: vec![(path.to_owned(), module)],
        aliases: aliases.collect(),
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_was_renewed_is_what_is_made_anew(pool: PgPool) {
    let handle = Handle::current();
    let run = move || {
        let config = Config {
            failure_persistence: None,
            max_shrink_iters: 200,
            ..Config::with_cases(SEQUENCES)
        };
        let steps = proptest::collection::vec(step(), 8..60);
        TestRunner::new(config).run(&steps, |steps| {
            let went = handle.block_on(async {
                let mut world = World::new(&pool).await?;
                for step in &steps {
                    world.go(step).await?;
                }
                world.compare().await
            });
            went.map_err(|error| TestCaseError::fail(format!("{error:#}")))
        })
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}
