//! One package on one kernel, with every reason.

use super::visible;
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::shown;
use axum::Json;
use axum::extract::State;
use kabi::ModuleVerdict;
use serde_json::{Value, json};
use std::sync::Arc;
use store::judging::Group;
use uuid::Uuid;

/// `GET /api/v1/packages/{id}/verdicts/{kernel}`: the stored verdict has the first reasons only; this
/// asks the judge once more.
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, kernel_id)): Segments<(Uuid, Uuid)>,
) -> Result<Json<Value>> {
    visible(&app, &caller, id).await?;
    let mut conn = app.pool.acquire().await?;
    let verdicts = shown::verdicts_of(&app, &mut conn, &caller, id).await?;
    let stored = verdicts.into_iter().find(|v| v.kernel_id == kernel_id);
    let stored = stored.ok_or_else(|| {
        Error::not_found(format!(
            "There is no verdict on package {id} on kernel {kernel_id}."
        ))
    })?;
    let kernel = shown::kernel(&app, &mut conn, &caller, kernel_id).await?;
    let seen = app
        .judging
        .look(&mut conn, &Group::of(&kernel), &[kernel_id])
        .await?;
    drop(conn);
    let explain = move |index: &crate::judging::Index| {
        let mut judged = index.explain(&kernel_id, [&id])?.into_iter();
        judged.next().map(|(_, whole)| whole)
    };
    // A package that is not on offer any more keeps what was said of it.
    let whole = seen.work(explain).await?.1;
    let is_complete = whole.is_some();
    let (verdict, modules) = match whole {
        Some(whole) => (whole.verdict, whole.modules),
        None => (stored.verdict, stored.modules),
    };
    let loads = |module: &&ModuleVerdict| module.verdict.loads();
    Ok(Json(json!({
        "package": id,
        "kernel": {
            "id": kernel.id,
            "product": kernel.product,
            "release": kernel.release,
            "flavor": kernel.flavor,
            "arch": kernel.arch,
            "status": kernel.status,
        },
        "verdict": verdict,
        "is_complete": is_complete,
        "modules_total": if is_complete { modules.len() } else { count(stored.totals.modules) },
        "modules_load": if is_complete {
            modules.iter().filter(loads).count()
        } else {
            count(stored.totals.modules_load)
        },
        "modules": modules,
    })))
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}
