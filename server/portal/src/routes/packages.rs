//! Packages over the API and as pages.

mod channels;
mod json;
mod risk;
mod verdict;
mod views;

pub use risk::risk;
pub use verdict::show as verdict;
pub use views::{list_page, page};

pub(super) use json::full;
pub(super) use views::{package_rows, product_choices, repository_box, vendor_choices};

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::{Error, Problem, Result};
use crate::extract::{Params, Segments};
use crate::promoting;
use crate::storage;
use crate::uploads::{self, Destination, Taken};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use store::Page;
use store::packages::{Filter, Package, State as PackageState};
use tokio::time::Instant;
use uuid::Uuid;

/// Answers are held so long for a decision when the client does not say.
const DEFAULT_WAIT: u64 = 10;
/// And never longer than this.
const LONGEST_WAIT: u64 = 600;
const LONGEST_FILE_NAME: usize = 255;

/// Query of an upload.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UploadParams {
    product: Option<String>,
    channel: Option<String>,
    /// For distributors: whose package it is.
    vendor: Option<String>,
    /// A day or a moment from which on clients are to see it.
    since: Option<String>,
    /// Hold the answer so many seconds for the decision and publication.
    wait: Option<u64>,
}

/// `PUT /api/v1/packages/{file name}`
pub async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(file_name): Segments<String>,
    Params(params): Params<UploadParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    check_file_name(&file_name)?;
    let (vendor_id, destination) = {
        let mut conn = app.pool.acquire().await?;
        let vendor_id = uploads::vendor(&mut conn, &caller, params.vendor.as_deref()).await?;
        let mut destination = Destination::find(
            &mut conn,
            params.product.as_deref(),
            params.channel.as_deref(),
        )
        .await?;
        destination.since = promoting::since(&app.config.timezone, params.since.as_deref())?;
        (vendor_id, destination)
    };
    let limit = app.config.max_package_bytes;
    if announced_length(&headers).is_some_and(|n| n > limit) {
        return Err(storage::over_limit(limit));
    }
    let received = app.storage.receive(body.into_data_stream(), limit).await?;
    let Taken { id, was_known } = uploads::take(
        &app,
        vendor_id,
        &caller.name,
        &file_name,
        received,
        &destination,
    )
    .await?;
    let wait = params.wait.unwrap_or(DEFAULT_WAIT).min(LONGEST_WAIT);
    let package = uploads::settled(&app, id, Instant::now() + Duration::from_secs(wait)).await?;
    let status = match package.state {
        PackageState::Rejected => return Err(rejected(&app, &package).await?.into()),
        state if state.is_undecided() => StatusCode::ACCEPTED,
        _ if was_known => StatusCode::OK,
        _ => StatusCode::CREATED,
    };
    let location = format!("/api/v1/packages/{id}");
    let answer = json::full(&app, &package, &caller).await?;
    Ok((status, [(header::LOCATION, location)], Json(answer)).into_response())
}

fn check_file_name(name: &str) -> Result<()> {
    if name.len() > LONGEST_FILE_NAME || name.chars().any(|c| c.is_control() || c == '/') {
        return Err(Error::bad_request(format!(
            "The file name in the address must have at most {LONGEST_FILE_NAME} bytes and no \
             slashes or control characters."
        )));
    }
    Ok(())
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The problem that a rejected package is answered with.
async fn rejected(app: &App, package: &Package) -> Result<Problem> {
    let mut conn = app.pool.acquire().await?;
    let findings = store::packages::findings(&mut conn, package.id).await?;
    let events = store::packages::events(&mut conn, package.id).await?;
    let first = findings
        .iter()
        .find(|f| f.severity == inspect::Severity::Reject);
    let detail = match first {
        Some(f) => format!("{}: {} {}", f.title, sentence(&f.detail), f.help),
        None => events.last().map(|e| e.reason.clone()).unwrap_or_default(),
    };
    let problem = match package.rejected_as.as_deref() {
        Some("forbidden") => Error::forbidden_problem(detail),
        Some("conflict") => Error::conflict_problem(detail),
        _ => Error::rejected_problem(detail),
    };
    Ok(problem
        .with("id", package.id)
        .with("sha256", hex::encode(&package.sha256))
        .with("state", package.state)
        .with("findings", findings))
}

/// The text with a full stop, unless it ends a sentence already.
fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let dot = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{text}{dot}")
}

/// `GET /api/v1/packages/{id}`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    let package = visible(&app, &caller, id).await?;
    Ok(Json(json::full(&app, &package, &caller).await?))
}

/// The package, if the caller may see it.
pub(super) async fn visible(app: &App, caller: &Caller, id: Uuid) -> Result<Package> {
    let mut conn = app.pool.acquire().await?;
    let package = store::packages::by_id(&mut conn, id)
        .await?
        .ok_or_else(|| Error::not_found(format!("There is no package {id}.")))?;
    match caller.role {
        Role::Distributor => Ok(package),
        Role::Vendor { id, .. } if id == package.vendor_id => Ok(package),
        _ if package.is_public => Ok(package),
        // Whether it exists is nobody else's business.
        _ => Err(Error::not_found(format!("There is no package {id}."))),
    }
}

/// Query of a list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct ListParams {
    /// Part of the name.
    q: String,
    vendor: String,
    product: String,
    state: String,
    page: Option<u64>,
    per_page: Option<i64>,
}

impl ListParams {
    fn page(&self) -> u64 {
        self.page.unwrap_or(1).clamp(1, 1_000_000)
    }

    fn rows(&self, default: i64) -> Page {
        let limit = self.per_page.unwrap_or(default).clamp(1, 500);
        let page = i64::try_from(self.page()).unwrap_or(1);
        Page {
            limit,
            offset: (page - 1) * limit,
        }
    }

    /// Names looked up; empty ones do not restrict.
    async fn filter(&self, app: &App, caller: &Caller) -> Result<Filter> {
        let mut conn = app.pool.acquire().await?;
        let given = |text: &String| (!text.is_empty()).then(|| text.clone());
        let state = match given(&self.state) {
            Some(word) => Some(PackageState::parse(&word).ok_or_else(|| {
                Error::bad_request(format!(
                    "`{word}` is no state. There are received, inspecting, accepted, rejected, \
                     published, withdrawn."
                ))
            })?),
            None => None,
        };
        let vendor_id = match given(&self.vendor) {
            Some(name) => Some(
                store::vendors::by_name(&mut conn, &name)
                    .await?
                    .ok_or_else(|| Error::not_found(format!("There is no vendor `{name}`.")))?
                    .id,
            ),
            None => None,
        };
        let product_id = match given(&self.product) {
            Some(name) => Some(uploads::product_by_name(&mut conn, &name).await?.id),
            None => None,
        };
        Ok(Filter {
            state,
            vendor_id,
            product_id,
            name_contains: given(&self.q),
            seen_by: caller.viewer(),
        })
    }
}

/// `GET /api/v1/packages`
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<Value>> {
    let filter = params.filter(&app, &caller).await?;
    let mut conn = app.pool.acquire().await?;
    let (packages, total) = store::packages::list(&mut conn, &filter, params.rows(100)).await?;
    let mut lines = Vec::with_capacity(packages.len());
    for package in &packages {
        let placements = store::packages::placements(&mut conn, package.id).await?;
        lines.push(json::line(package, &placements));
    }
    Ok(Json(
        json!({ "total": total, "page": params.page(), "packages": lines }),
    ))
}
