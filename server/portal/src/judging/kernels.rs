//! Whole kernels in memory, for those who compare them.

use anyhow::Context as _;
use kabi::Kernel;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use store::PgConnection;
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

/// A kernel as it is stored.
pub(crate) fn parse(row: &store::kernels::Kernel, packed: &[u8]) -> anyhow::Result<Kernel> {
    let symvers = kabi::symvers::parse(packed)
        .with_context(|| format!("stored symvers of kernel {}", row.id))?;
    let (release, arch) = (row.release.clone(), row.arch.clone());
    let kernel = Kernel::new(release, arch, row.flavor.clone(), &symvers);
    let size = row.this_module_size.and_then(|n| u64::try_from(n).ok());
    Ok(kernel
        .with_vermagic_tail(row.vermagic_tail.clone())
        .with_this_module_size(size))
}
