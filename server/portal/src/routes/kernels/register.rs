//! `POST /api/v1/kernels`: registration from whatever the distributor sends.

use super::{find, judged, shown_to};
use crate::app::App;
use crate::audience::Named;
use crate::auth::Caller;
use crate::embargo::{check_status, release_date};
use crate::error::{Error, Result};
use crate::extract::Params;
use crate::kernel_uploads::{Received, Sent};
use crate::registering::{self, Registered, Told};
use crate::uploads;
use crate::zone::Zone;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const DEFAULT_WAIT: u64 = 30;
const LONGEST_WAIT: u64 = 600;

/// Query of a registration. What the source tells need not be said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterParams {
    product: String,
    flavor: Option<String>,
    arch: Option<String>,
    /// `uname -r`.
    release: Option<String>,
    status: String,
    /// `YYYY-MM-DD` in the portal's time zone, or RFC 3339: then a preview is released by itself.
    release_date: Option<String>,
    /// Vendors that may know of it before it is released, separated by commas, or `all`. Left out,
    /// nobody new: a kernel registered for the first time is then for the distributor alone.
    vendors: Option<String>,
    /// Whole vermagic of a module of this kernel, or what follows its first word.
    vermagic: Option<String>,
    /// `sizeof(struct module)`, bytes.
    this_module_size: Option<u64>,
    /// Hold the answer so many seconds for the verdicts.
    wait: Option<u64>,
}

/// `POST /api/v1/kernels`
pub async fn register(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<RegisterParams>,
    request: Request,
) -> Result<Response> {
    caller.require_distributor()?;
    let (product, audience) = {
        let mut conn = app.pool.acquire().await?;
        let audience = match &params.vendors {
            Some(names) => Some(Named::parse(&mut conn, names).await?),
            None => None,
        };
        let product = uploads::product_by_name(&mut conn, &params.product).await?;
        (product, audience)
    };
    let told = params.told(&app.config.timezone)?;
    let sent = Sent::receive(&app, request).await?;
    let lists = sent.lists.clone();
    let wait = params.wait.unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT);
    let deadline = Instant::now() + Duration::from_secs(wait);
    match sent.read(&app).await? {
        Received::One(kernel) => {
            let mut tx = app.pool.begin().await?;
            let now = app.now();
            let registered =
                registering::register(&mut tx, &product, &told, *kernel, audience.as_ref(), now)
                    .await?;
            registering::set_lists(&mut tx, registered.id, &lists).await?;
            tx.commit().await?;
            one(&app, &caller, registered, deadline).await
        }
        Received::Several(kernels) => {
            if lists != store::kernel_parts::Lists::default() {
                return Err(Error::bad_request(
                    "Severities and a list of stable symbols are about one kernel, and the source \
                     tells of several: put them to /api/v1/kernels/{id}/severities and \
                     …/stablelist.",
                ));
            }
            let summary = registering::several(
                &app.pool,
                &product,
                &told,
                kernels,
                audience.as_ref(),
                app.now(),
            )
            .await?;
            Ok(Json(summary).into_response())
        }
    }
}

impl RegisterParams {
    fn told(&self, zone: &Zone) -> Result<Told> {
        check_status(&self.status)?;
        let date = self.release_date.as_deref();
        Ok(Told {
            arch: self.arch.clone(),
            flavor: self.flavor.clone(),
            release: self.release.clone(),
            status: Some(self.status.clone()),
            planned: date.map(|text| release_date(text, zone)).transpose()?,
            vermagic: self.vermagic.clone(),
            this_module_size: self.this_module_size,
        })
    }
}

async fn one(
    app: &App,
    caller: &Caller,
    registered: Registered,
    deadline: Instant,
) -> Result<Response> {
    let Registered { id, is_new } = registered;
    let kernel = find(app, id).await?;
    tracing::info!(
        kernel.id = %id,
        kernel.release = kernel.release,
        kernel.revision = kernel.revision,
        kernel.status = kernel.status,
        is_new,
        "kernel registered"
    );
    let kernel = judged(app, id, deadline).await?;
    let status = match (kernel.judged_at.is_some(), is_new) {
        (false, _) => StatusCode::ACCEPTED,
        (true, true) => StatusCode::CREATED,
        (true, false) => StatusCode::OK,
    };
    let location = format!("/api/v1/kernels/{id}");
    let body = Json(shown_to(app, caller, &kernel).await?);
    Ok((status, [(header::LOCATION, location)], body).into_response())
}
