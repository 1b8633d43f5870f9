//! Which published package drives which hardware: an index in memory, rebuilt from the database
//! when something was published. PostgreSQL stays the truth.

use modalias::Index;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::PgPool;
use tokio::sync::RwLock;
use uuid::Uuid;

/// What a pattern belongs to.
#[derive(Clone, Debug)]
pub struct Owner {
    pub package_id: Uuid,
    pub module: String,
}

/// The index, and whether it is out of date.
#[derive(Default)]
pub struct Hardware {
    index: RwLock<Arc<Option<Index<Owner>>>>,
    stale: AtomicBool,
}

impl Hardware {
    /// The next look builds the index anew.
    pub fn mark_stale(&self) {
        self.stale.store(true, Ordering::Release);
    }

    /// The index over all packages published by now.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn index(&self, pool: &PgPool) -> sqlx::Result<Arc<Option<Index<Owner>>>> {
        if !self.stale.load(Ordering::Acquire) {
            let index = self.index.read().await.clone();
            if index.is_some() {
                return Ok(index);
            }
        }
        let mut index = self.index.write().await;
        if index.is_some() && !self.stale.load(Ordering::Acquire) {
            return Ok(index.clone());
        }
        // Cleared first: what is published while we read makes the index stale again.
        self.stale.store(false, Ordering::Release);
        let mut conn = pool.acquire().await?;
        let aliases = match store::packages::published_aliases(&mut conn).await {
            Ok(aliases) => aliases,
            Err(error) => {
                self.mark_stale();
                return Err(error);
            }
        };
        let entries = aliases.into_iter().map(|a| {
            (
                a.pattern,
                Owner {
                    package_id: a.package_id,
                    module: a.module,
                },
            )
        });
        *index = Arc::new(Some(Index::build(entries)));
        Ok(index.clone())
    }
}
