//! All kernels of a repository or an archive, each registered on its own.

use super::{Told, register};
use crate::audience::Named;
use crate::error::{Error, Result};
use kernel_source::Description;
use serde_json::{Value, json};
use store::products::Product;
use store::{PgPool, Time};

/// Registers the kernels that are the product's. The answer lists them (`kernels`), and those that
/// were left out (`skipped`) with the reason.
///
/// # Errors
/// The database fails, or the source does. A kernel that cannot be registered is left out.
pub async fn several(
    pool: &PgPool,
    product: &Product,
    told: &Told,
    kernels: impl Iterator<Item = Result<Description>>,
    audience: Option<&Named>,
    now: Time,
) -> Result<Value> {
    let (mut registered, mut skipped) = (Vec::new(), Vec::new());
    for kernel in kernels {
        let kernel = kernel?;
        if told.release.is_some() && told.release != kernel.release {
            continue;
        }
        let mut named = json!({
            "release": kernel.release, "arch": kernel.arch, "flavor": kernel.flavor,
        });
        let mut tx = pool.begin().await?;
        match register(&mut tx, product, told, kernel, audience, now).await {
            Ok(done) => {
                tx.commit().await?;
                named["id"] = json!(done.id);
                named["is_new"] = done.is_new.into();
                registered.push(named);
            }
            Err(Error::Problem(problem)) => {
                named["why"] = problem.detail.into();
                skipped.push(named);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(json!({ "total": registered.len(), "kernels": registered, "skipped": skipped }))
}
