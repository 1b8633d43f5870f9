//! What grows on a kernel that is registered: its parts, and what its distributor says of single
//! symbols.

use super::{find, judged, shown_to};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::kernel_uploads::{Received, Sent, list_text};
use crate::registering;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Request, State};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use store::kernel_parts::Lists;
use tokio::time::Instant;
use uuid::Uuid;

/// The answer waits so long for the verdicts, unless told otherwise.
const WAIT: u64 = 30;
const LONGEST_WAIT: u64 = 600;

/// Query of a request that has the kernel judged again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitParams {
    /// Seconds.
    wait: Option<u64>,
}

/// `POST /api/v1/kernels/{id}/parts`: further sources of the same kernel.
pub async fn add_parts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    Params(params): Params<WaitParams>,
    request: Request,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    find(&app, id).await?;
    let sent = Sent::receive(&app, request).await?;
    let lists = sent.lists.clone();
    let Received::One(part) = sent.read(&app).await? else {
        return Err(Error::unprocessable(
            "The source tells of several kernels: send a part of this one.",
        ));
    };
    // Read again: it may have grown while the part was on its way.
    let kernel = find(&app, id).await?;
    let mut tx = app.pool.begin().await?;
    registering::add_part(&mut tx, &kernel, *part, app.now()).await?;
    registering::set_lists(&mut tx, id, &lists).await?;
    tx.commit().await?;
    let wait = Duration::from_secs(params.wait.unwrap_or(WAIT).min(LONGEST_WAIT));
    let kernel = judged(&app, id, Instant::now() + wait).await?;
    Ok(Json(shown_to(&app, &caller, &kernel).await?))
}

/// `PUT /api/v1/kernels/{id}/severities`: the text of `kabi/severities`; an empty one removes it.
pub async fn put_severities(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    body: Bytes,
) -> Result<Json<Value>> {
    let lists = Lists {
        severities: Some(list_text(&body)?),
        stablelist: None,
    };
    put(&app, &caller, id, lists).await
}

/// `PUT /api/v1/kernels/{id}/stablelist`: the stable symbols; an empty text removes them.
pub async fn put_stablelist(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    body: Bytes,
) -> Result<Json<Value>> {
    let lists = Lists {
        severities: None,
        stablelist: Some(list_text(&body)?),
    };
    put(&app, &caller, id, lists).await
}

async fn put(app: &App, caller: &Caller, id: Uuid, lists: Lists) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let kernel = find(app, id).await?;
    let mut tx = app.pool.begin().await?;
    registering::set_lists(&mut tx, id, &lists).await?;
    tx.commit().await?;
    Ok(Json(shown_to(app, caller, &kernel).await?))
}
