//! After whatever happened, in whatever order, what is stored is what judging all anew would say.

use super::*;
use kabi::{Candidate, symvers};
use kmod::Module;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use std::collections::{HashMap, HashSet};
use store::kernels::NewKernel;
use store::packages::{Inspected, State};
use store::verdicts::Brief;
use store::{Viewer, kernels, packages, products, vendors};
use testkit::ModuleBuilder;
use tokio::runtime::Handle;

const NOW: Time = time::macros::datetime!(2026-11-23 12:00 UTC);
/// Each sequence gets a product of its own on one database.
const SEQUENCES: u32 = 40;
/// Server processes, each with an index of its own.
const PROCESSES: usize = 2;
const SYMBOLS: [&str; 7] = ["s0", "s1", "s2", "s3", "s4", "s5", "s6"];

/// One thing that happens. Numbers that pick one of those there are wrap around.
#[derive(Clone, Debug)]
enum Step {
    Upload {
        modules: Vec<Built>,
        /// As packages were stored before they were packed.
        is_old: bool,
        /// Built for that kernel: held back while nobody may know of it.
        built_for: Option<usize>,
    },
    Withdraw(usize),
    Register {
        exports: Vec<(&'static str, u32)>,
        status: &'static str,
    },
    /// The same kernel again, with something new.
    Status(usize, &'static str),
    Vermagic(usize, bool),
    /// Another part of the kernel, which adds up with what is known.
    Part(usize, Vec<(&'static str, u32)>),
    /// An embargo ends; what was held back for the kernel is no more.
    Release(usize),
    /// A process starts anew.
    Restart(usize),
    /// A process does what waits, the newest first or the oldest.
    Work(usize, bool),
}

#[derive(Clone, Debug)]
struct Built {
    name: &'static str,
    imports: Vec<(&'static str, u32)>,
    exports: Vec<(&'static str, u32)>,
}

fn symbols(most: usize) -> impl Strategy<Value = Vec<(&'static str, u32)>> {
    let some = proptest::collection::btree_map(prop::sample::select(&SYMBOLS), 1u32..3, 0..most);
    some.prop_map(|map| map.into_iter().collect())
}

fn built() -> impl Strategy<Value = Built> {
    let name = prop::sample::select(&["m0", "m1", "m2", "m3"]);
    (name, symbols(4), symbols(3)).prop_map(|(name, imports, exports)| Built {
        name,
        imports,
        exports,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let status = || prop::sample::select(&["preview", "released", "retired"]);
    let modules = proptest::collection::vec(built(), 1..3);
    let built_for = proptest::option::weighted(0.3, any::<usize>());
    let upload = (modules, any::<bool>(), built_for);
    prop_oneof![
        5 => upload.prop_map(|(modules, is_old, built_for)| Step::Upload { modules, is_old, built_for }),
        2 => (any::<usize>(), symbols(4)).prop_map(|(n, exports)| Step::Part(n, exports)),
        1 => any::<usize>().prop_map(Step::Release),
        2 => any::<usize>().prop_map(Step::Withdraw),
        2 => (symbols(6), status()).prop_map(|(exports, status)| Step::Register { exports, status }),
        1 => (any::<usize>(), status()).prop_map(|(n, status)| Step::Status(n, status)),
        1 => any::<(usize, bool)>().prop_map(|(n, fits)| Step::Vermagic(n, fits)),
        1 => (0..PROCESSES).prop_map(Step::Restart),
        4 => (0..PROCESSES, any::<bool>()).prop_map(|(n, newest)| Step::Work(n, newest)),
    ]
}

/// What waits to be judged.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Work {
    Package(Uuid),
    Kernel(Uuid),
}

/// Some servers on one database, and a product that nobody else looks at.
struct World {
    pool: PgPool,
    processes: [Judging; PROCESSES],
    product_id: i64,
    vendor_id: i64,
    packages: Vec<Uuid>,
    kernels: Vec<Uuid>,
    /// Packages that are held back, or were, with the kernel they are held back for.
    held: HashMap<Uuid, Uuid>,
    waiting: Vec<Work>,
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
            channels: &["stable".to_owned()],
            default_channel: "stable",
        };
        let product = products::upsert(&mut conn, &product, NOW).await?;
        let acme = vendors::upsert(&mut conn, "acme", "Acme", "kernel@acme.example", NOW).await?;
        Ok(Self {
            pool: pool.clone(),
            processes: Default::default(),
            product_id: product.id,
            vendor_id: acme.id,
            packages: Vec::new(),
            kernels: Vec::new(),
            held: HashMap::new(),
            waiting: Vec::new(),
        })
    }

    async fn go(&mut self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Upload {
                modules,
                is_old,
                built_for,
            } => self.upload(modules, *is_old, *built_for).await?,
            Step::Part(n, exports) => self.add_part(*n, exports).await?,
            Step::Release(n) => {
                if let Some(&id) = pick(&self.kernels, *n) {
                    let mut conn = self.pool.acquire().await?;
                    store::embargo::set_status(&mut conn, id, "released", NOW).await?;
                    self.follow_release(id).await?;
                }
            }
            Step::Withdraw(n) => {
                if let Some(&id) = pick(&self.packages, *n) {
                    let mut conn = self.pool.acquire().await?;
                    packages::set_state(&mut conn, id, State::Withdrawn, "Old.", NOW).await?;
                    self.waiting.push(Work::Package(id));
                }
            }
            Step::Register { exports, status } => {
                let release = format!("6.4.0-{}-default", self.kernels.len());
                self.register(&release, exports, status, None).await?;
            }
            Step::Status(n, status) => self.register_again(*n, Some(status), None).await?,
            Step::Vermagic(n, fits) => {
                let tail = if *fits { TAIL } else { "SMP other " };
                self.register_again(*n, None, Some(tail)).await?;
            }
            Step::Restart(n) => self.processes[*n] = Judging::default(),
            Step::Work(n, newest) => {
                if *newest {
                    self.waiting.reverse();
                }
                self.work(*n).await?;
            }
        }
        Ok(())
    }

    async fn upload(
        &mut self,
        modules: &[Built],
        is_old: bool,
        built_for: Option<usize>,
    ) -> anyhow::Result<()> {
        let mut tx = self.pool.begin().await?;
        let content = Uuid::now_v7();
        let sha256 = [*content.as_bytes(), [0; 16]].concat();
        let id = packages::insert_received(&mut tx, self.vendor_id, &sha256, 1, "a.rpm", None, NOW)
            .await?;
        packages::place(&mut tx, id, self.product_id, "stable").await?;
        let facts = facts(&content, modules);
        packages::save_inspection(&mut tx, id, &facts).await?;
        if !is_old {
            store::judging::pack(&mut tx, id, &facts.modules).await?;
        }
        if let Some(&kernel) = built_for.and_then(|n| pick(&self.kernels, n)) {
            let row = kernels::for_judging(&mut tx, kernel).await?;
            if row.expect("it is there").is_embargoed() {
                store::embargo::hold(&mut tx, id, kernel).await?;
                self.held.insert(id, kernel);
            }
        }
        packages::set_state(&mut tx, id, State::Accepted, "In order.", NOW).await?;
        tx.commit().await?;
        self.packages.push(id);
        self.waiting.push(Work::Package(id));
        Ok(())
    }

    async fn register(
        &mut self,
        release: &str,
        exports: &[(&str, u32)],
        status: &str,
        tail: Option<&str>,
    ) -> anyhow::Result<()> {
        let layout = ("module_layout", MODULE_LAYOUT);
        let text: String = exports.iter().chain([&layout]).map(line).collect();
        let symvers = symvers::parse(text.as_bytes())?;
        let new = NewKernel {
            product_id: self.product_id,
            arch: "x86_64",
            flavor: "default",
            release,
            status,
            release_date: None,
            release_at: None,
            content_hash: &symvers.content_hash(),
            modversions: true,
            vermagic_tail: tail,
            this_module_size: None,
            symbol_count: 1,
            unknown: &[],
            symvers: &zstd::bulk::compress(symvers.to_canonical_text().as_bytes(), 1)?,
        };
        let mut conn = self.pool.acquire().await?;
        let (id, is_new) = kernels::upsert(&mut conn, &new, NOW).await?;
        if is_new {
            self.kernels.push(id);
        }
        self.waiting.push(Work::Kernel(id));
        Ok(())
    }

    async fn register_again(
        &mut self,
        n: usize,
        status: Option<&str>,
        tail: Option<&str>,
    ) -> anyhow::Result<()> {
        let Some(&id) = pick(&self.kernels, n) else {
            return Ok(());
        };
        let mut conn = self.pool.acquire().await?;
        let row = kernels::for_judging(&mut conn, id)
            .await?
            .expect("it is there");
        let packed = kernels::symvers_for_judging(&mut conn, id).await?;
        let symvers = symvers::parse(&packed.expect("it is there"))?;
        drop(conn);
        let exports = symvers.rows.iter().filter(|r| r.symbol != "module_layout");
        let exports: Vec<_> = exports.map(|r| (r.symbol.as_str(), r.crc.0)).collect();
        let status = status.unwrap_or(&row.status);
        self.register(&row.release, &exports, status, tail).await?;
        self.follow_release(id).await
    }

    /// As [`crate::embargo::follow_release`] does it.
    async fn follow_release(&mut self, kernel: Uuid) -> anyhow::Result<()> {
        let mut conn = self.pool.acquire().await?;
        let held = store::embargo::held_for(&mut conn, kernel).await?;
        self.waiting.extend(held.into_iter().map(Work::Package));
        self.waiting.push(Work::Kernel(kernel));
        Ok(())
    }

    async fn add_part(&mut self, n: usize, exports: &[(&str, u32)]) -> anyhow::Result<()> {
        let Some(&id) = pick(&self.kernels, n) else {
            return Ok(());
        };
        let mut conn = self.pool.acquire().await?;
        let packed = kernels::symvers_for_judging(&mut conn, id).await?;
        let mut symvers = symvers::parse(&packed.expect("it is there"))?;
        // Parts that contradict what is known are refused before they come here.
        let is_new = |symbol: &str| symvers.rows.iter().all(|row| row.symbol != symbol);
        let new = exports.iter().filter(|(symbol, _)| is_new(symbol));
        let text: String = new.map(line).collect();
        if text.is_empty() {
            return Ok(());
        }
        symvers.rows.extend(symvers::parse(text.as_bytes())?.rows);
        let row = kernels::for_judging(&mut conn, id)
            .await?
            .expect("it is there");
        let sum = store::kernel_parts::Sum {
            content_hash: &symvers.content_hash(),
            modversions: true,
            vermagic_tail: row.vermagic_tail.as_deref(),
            this_module_size: None,
            symbol_count: 1,
            unknown: &[],
            symvers: &zstd::bulk::compress(symvers.to_canonical_text().as_bytes(), 1)?,
        };
        store::kernel_parts::add_up(&mut conn, id, &sum).await?;
        self.waiting.push(Work::Kernel(id));
        Ok(())
    }

    /// As the jobs do it.
    async fn work(&mut self, process: usize) -> anyhow::Result<()> {
        let judging = &self.processes[process];
        for work in self.waiting.drain(..) {
            match work {
                Work::Package(id) => judge_package(judging, &self.pool, id, NOW).await?,
                Work::Kernel(id) => {
                    let mut tx = self.pool.begin().await?;
                    let kernel = kernels::for_judging(&mut tx, id)
                        .await?
                        .expect("it is there");
                    judge_kernel(judging, &mut tx, &kernel, NOW).await?;
                    tx.commit().await?;
                }
            }
        }
        Ok(())
    }

    /// What is stored of packages on offer, and what ought to be.
    async fn compare(&self) -> anyhow::Result<()> {
        let mut conn = self.pool.acquire().await?;
        let mut offered = Vec::new();
        for &id in &self.packages {
            let row = packages::by_id(&mut conn, id).await?.expect("it is there");
            if row.state == State::Accepted {
                let modules = packages::modules(&mut conn, id).await?;
                let modules: Vec<Module> = modules.into_iter().map(|(_, m)| m).collect();
                offered.push((id, row.name.expect("inspected"), modules));
            }
        }
        let mut public = HashSet::new();
        for &id in &self.kernels {
            let row = kernels::for_judging(&mut conn, id).await?;
            public.extend((!row.expect("it is there").is_embargoed()).then_some(id));
        }
        for &kernel_id in &self.kernels {
            let row = kernels::for_judging(&mut conn, kernel_id)
                .await?
                .expect("it is there");
            // What is held back counts only where nobody looks who is not to know.
            let counts = |id: &Uuid| {
                let held_for = self.held.get(id);
                row.is_embargoed() || held_for.is_none_or(|kernel| public.contains(kernel))
            };
            let offered: Vec<_> = offered.iter().filter(|(id, ..)| counts(id)).collect();
            let candidates: Vec<Candidate<'_>> = offered
                .iter()
                .map(|(_, name, modules)| Candidate { name, modules })
                .collect();
            let packed = kernels::symvers_for_judging(&mut conn, kernel_id).await?;
            let kernel = parse(&row, &packed.expect("it is there"))?;
            let mut anew = Vec::new();
            for ((id, ..), whole) in offered.iter().zip(kabi::judge(&kernel, &candidates)) {
                anew.push((*id, Brief::from(whole)));
            }
            let all = store::verdicts::on_kernel(&mut conn, Viewer::Distributor, kernel_id);
            let all = all.await?;
            let ids: Vec<Uuid> = all.iter().map(|v| v.package_id).collect();
            let viewer = Viewer::Distributor;
            let kept = store::verdicts::kept_reasons(&mut conn, viewer, kernel_id, &ids);
            let mut kept = kept.await?;
            let stored = all.into_iter().map(|v| {
                let (verdict, totals) = (v.verdict, v.totals);
                let modules = kept.remove(&v.package_id).unwrap_or_default();
                (
                    v.package_id,
                    Brief {
                        verdict,
                        totals,
                        modules,
                    },
                )
            });
            let mut stored: Vec<_> = stored.collect();
            anew.sort_by_key(|(id, _)| *id);
            stored.sort_by_key(|(id, _)| *id);
            anyhow::ensure!(
                stored == anew,
                "{}: stored\n{stored:#?}\nanew\n{anew:#?}",
                row.release
            );
        }
        Ok(())
    }
}

/// What `testkit` builds modules against.
const MODULE_LAYOUT: u32 = 0xfa59_6f96;
const TAIL: &str = "SMP preempt mod_unload modversions ";

/// A line of a symvers file.
fn line((symbol, crc): &(&str, u32)) -> String {
    format!("{crc:#010x}\t{symbol}\tvmlinux\tEXPORT_SYMBOL\t\n")
}

fn pick<T>(all: &[T], n: usize) -> Option<&T> {
    all.get(n.checked_rem(all.len())?)
}

fn facts(content: &Uuid, modules: &[Built]) -> Inspected {
    let read = |(place, built): (usize, &Built)| {
        let mut builder = ModuleBuilder::new(built.name);
        for (symbol, crc) in &built.imports {
            builder = builder.imports(symbol, *crc);
        }
        for (symbol, crc) in &built.exports {
            builder = builder.exports(symbol, *crc);
        }
        let path = format!(
            "/lib/modules/6.4.0-0-default/updates/{place}/{}.ko",
            built.name
        );
        let module = Module::read(&builder.build(), &path, &kmod::Limits::default());
        (
            path,
            module.expect("testkit builds modules that can be read"),
        )
    };
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
        modules: modules.iter().enumerate().map(read).collect(),
        aliases: Vec::new(),
    }
}

#[sqlx::test(migrator = "store::MIGRATOR")]
async fn what_is_stored_is_what_judging_anew_would_say(pool: PgPool) {
    let handle = Handle::current();
    let run = move || {
        let config = Config {
            failure_persistence: None,
            max_shrink_iters: 200,
            ..Config::with_cases(SEQUENCES)
        };
        let steps = proptest::collection::vec(step(), 4..40);
        TestRunner::new(config).run(&steps, |steps| {
            let went = handle.block_on(async {
                let mut world = World::new(&pool).await?;
                for step in &steps {
                    world.go(step).await?;
                }
                world.work(0).await?;
                world.compare().await
            });
            went.map_err(|error| TestCaseError::fail(format!("{error:#}")))
        })
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap();
}
