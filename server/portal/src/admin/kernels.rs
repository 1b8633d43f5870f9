//! `kmp-portal admin kernel …`: the same changes as over the API, at the operator's desk.

use super::Admin;
use crate::audience;
use crate::embargo::{self, Change};
use crate::waivers::OPERATOR;
use anyhow::Context as _;
use serde_json::{Value, json};
use store::PgConnection;
use uuid::Uuid;

/// What an operator changes on a kernel; what is left out stays.
#[derive(Clone, Debug, Default)]
pub struct KernelSpec {
    /// `preview`, `released` or `retired`.
    pub status: Option<String>,
    /// A day or a moment; `none` takes it away.
    pub release_date: Option<String>,
    /// Vendors that may know of it before its release, `all` for every one.
    pub add_vendors: Vec<String>,
    pub remove_vendors: Vec<String>,
}

/// Stands for no release date.
const NONE: &str = "none";

impl Admin {
    /// Changes a kernel, and tells what it is afterwards. With nothing to change, only tells.
    ///
    /// # Errors
    /// There is no such kernel or vendor, a word has the wrong form, or the database fails.
    pub async fn set_kernel(&self, id: Uuid, spec: &KernelSpec) -> anyhow::Result<Value> {
        let change = Change {
            status: spec.status.clone(),
            release_date: spec
                .release_date
                .clone()
                .map(|text| (text != NONE).then_some(text)),
            vendors: None,
            add_vendors: spec.add_vendors.clone(),
            remove_vendors: spec.remove_vendors.clone(),
        };
        let mut tx = self.database.pool.begin().await?;
        self.kernel(&mut tx, id).await?;
        if change != Change::default() {
            embargo::change(&mut tx, id, &change, &self.zone, OPERATOR, self.now).await?;
        }
        let told = self.kernel(&mut tx, id).await?;
        tx.commit().await?;
        Ok(told)
    }

    /// Which vendors were shown the kernel while it was under embargo, latest first.
    ///
    /// # Errors
    /// The database fails.
    pub async fn kernel_accesses(&self, id: Uuid) -> anyhow::Result<Value> {
        let mut conn = self.database.pool.acquire().await?;
        Ok(json!(
            store::accesses::of_kernel(&mut conn, id, i64::MAX).await?
        ))
    }

    async fn kernel(&self, conn: &mut PgConnection, id: Uuid) -> anyhow::Result<Value> {
        let kernel = store::kernels::for_judging(conn, id)
            .await?
            .with_context(|| {
                format!("there is no kernel {id}; `kmp-portal admin list kernels` shows them")
            })?;
        let audience = store::audience::of_kernel(conn, id).await?;
        Ok(json!({
            "id": kernel.id,
            "product": kernel.product,
            "arch": kernel.arch,
            "flavor": kernel.flavor,
            "release": kernel.release,
            "status": kernel.status,
            "release_date": kernel.release_date.map(|d| d.to_string()),
            "release_at": kernel.release_at.map(crate::views::rfc3339),
            "released_at": kernel.released_at.map(crate::views::rfc3339),
            "vendors": audience::words(&audience),
        }))
    }
}
