//! Verdicts: every package of a product, arch and flavor against every kernel of it, whichever side
//! arrives. Packages are judged together, as one may bring the symbols another needs.

use anyhow::Context as _;
use kabi::{Candidate, Kernel, PackageVerdict};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use store::packages::Judged;
use store::{PgConnection, PgPool, Time};
use uuid::Uuid;

/// Parsed kernels kept in memory (about 4 MB each).
const KEPT_KERNELS: usize = 48;

/// Parsed kernels by id. What is known of a kernel may grow under its id, in another process, too: a
/// parsed one is used only while it is what the database says.
#[derive(Default)]
pub struct KernelCache {
    kernels: Mutex<HashMap<Uuid, Parsed>>,
}

/// A parsed kernel with the row that it was parsed from.
struct Parsed {
    row: store::kernels::Kernel,
    kernel: Arc<Kernel>,
}

impl Parsed {
    fn is_of(&self, row: &store::kernels::Kernel) -> bool {
        let known = &self.row;
        known.content_hash == row.content_hash
            && known.unknown == row.unknown
            && known.vermagic_tail == row.vermagic_tail
            && known.this_module_size == row.this_module_size
    }
}

impl KernelCache {
    pub(crate) async fn get(
        &self,
        conn: &mut PgConnection,
        row: &store::kernels::Kernel,
    ) -> anyhow::Result<Arc<Kernel>> {
        if let Some(parsed) = self.lock().get(&row.id).filter(|parsed| parsed.is_of(row)) {
            return Ok(parsed.kernel.clone());
        }
        let packed = store::kernels::symvers_for_judging(conn, row.id)
            .await?
            .with_context(|| format!("kernel {} has no symvers", row.id))?;
        let parsed_from = row.clone();
        let parsing = tokio::task::spawn_blocking(move || parse(&parsed_from, &packed));
        let kernel = Arc::new(parsing.await??);
        let mut kernels = self.lock();
        if kernels.len() >= KEPT_KERNELS {
            kernels.clear();
        }
        let parsed = Parsed {
            row: row.clone(),
            kernel: kernel.clone(),
        };
        kernels.insert(row.id, parsed);
        Ok(kernel)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Parsed>> {
        self.kernels
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(crate) fn parse(row: &store::kernels::Kernel, packed: &[u8]) -> anyhow::Result<Kernel> {
    let symvers = kabi::symvers::parse(packed)
        .with_context(|| format!("stored symvers of kernel {}", row.id))?;
    let mut kernel = Kernel::new(
        row.release.clone(),
        row.arch.clone(),
        row.flavor.clone(),
        &symvers,
    );
    kernel.vermagic_tail = row.vermagic_tail.clone();
    kernel.this_module_size = row.this_module_size.and_then(|n| u64::try_from(n).ok());
    Ok(kernel)
}

/// Judges all packages that could run on one kernel and stores the verdicts.
///
/// # Errors
/// The database fails, or a stored kernel cannot be read.
pub async fn judge_kernel(
    cache: &KernelCache,
    conn: &mut PgConnection,
    row: &store::kernels::Kernel,
    now: Time,
) -> anyhow::Result<()> {
    let packages = store::packages::to_judge(conn, row.product_id, &row.arch, &row.flavor).await?;
    let packages = on_kernel(&packages, row);
    let kernel = cache.get(conn, row).await?;
    let verdicts = tokio::task::spawn_blocking(move || judge(&kernel, &packages)).await?;
    store::verdicts::save(conn, row.id, &verdicts, now).await?;
    Ok(())
}

/// Judges again after a package came or went: all kernels of its product, arch and flavor.
///
/// # Errors
/// The database fails, or a stored kernel cannot be read.
pub async fn judge_product(
    cache: &KernelCache,
    pool: &PgPool,
    product_id: i64,
    arch: &str,
    flavor: &str,
    now: Time,
) -> anyhow::Result<()> {
    let mut tx = pool.begin().await?;
    store::lock(&mut tx, &subject(product_id, arch, flavor)).await?;
    let filter = store::kernels::Filter {
        product_id: Some(product_id),
        arch: Some(arch.to_owned()),
        flavor: Some(flavor.to_owned()),
        ..Default::default()
    };
    let packages = store::packages::to_judge(&mut tx, product_id, arch, flavor).await?;
    for row in store::kernels::list_for_judging(&mut tx, &filter).await? {
        let kernel = cache.get(&mut tx, &row).await?;
        let packages = on_kernel(&packages, &row);
        let verdicts = tokio::task::spawn_blocking(move || judge(&kernel, &packages)).await?;
        store::verdicts::save(&mut tx, row.id, &verdicts, now).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The packages that count on a kernel: one that is held back for a kernel under embargo must not
/// be seen, or seen to help others, on kernels that everybody knows.
fn on_kernel(packages: &[Arc<Judged>], kernel: &store::kernels::Kernel) -> Vec<Arc<Judged>> {
    let counts = |p: &&Arc<Judged>| kernel.is_embargoed() || !p.is_held;
    packages.iter().filter(counts).cloned().collect()
}

/// Judging the same packages is done by one at a time.
#[must_use]
pub fn subject(product_id: i64, arch: &str, flavor: &str) -> String {
    format!("judge:{product_id}:{arch}:{flavor}")
}

fn judge(kernel: &Kernel, packages: &[Arc<Judged>]) -> Vec<(Uuid, PackageVerdict)> {
    let candidates: Vec<Candidate<'_>> = packages
        .iter()
        .map(|p| Candidate {
            name: &p.name,
            modules: &p.modules,
        })
        .collect();
    let verdicts = kabi::judge(kernel, &candidates);
    packages.iter().map(|p| p.id).zip(verdicts).collect()
}
