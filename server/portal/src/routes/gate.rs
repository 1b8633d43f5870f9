//! The release gate over the API: the decision of this moment, the policy of a product, and numbered
//! reports whose very bytes are signed. For distributors only: it names what every vendor has.

mod page;
mod policy;

pub use page::{issue_by_form, page};
pub use policy::{set_policy, show_policy};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::gate::{self, Decision, Facts, Policy, Rule};
use crate::routes::kernels;
use crate::rulings::{self, Rulings};
use crate::shown;
use crate::views::rfc3339;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use policy::Override;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::PgConnection;
use store::gates::Report;
use store::kernels::Kernel;
use store::verdicts::Named;
use uuid::Uuid;

/// Names the form of the document; another form gets another name.
const FORM: &str = "kmp-portal-gate/1";
/// Reports that a list shows.
const LISTED: i64 = 100;

/// Whether a kernel may go out, and why. Serialized in this order, it is the document that is
/// signed: equal facts give equal bytes.
#[derive(Clone, Debug, Serialize)]
struct Document {
    form: &'static str,
    kernel: Subject,
    decision: Decision,
    decided_at: String,
    policy: Policy,
    rules: Vec<Rule>,
    /// Verdict to packages.
    verdicts: BTreeMap<&'static str, u64>,
}

/// The kernel that is decided about.
#[derive(Clone, Debug, Serialize)]
struct Subject {
    id: Uuid,
    product: String,
    arch: String,
    flavor: String,
    release: String,
    status: String,
    /// SHA-256 over the sorted exports.
    content_hash: String,
    /// Release of the kernel before, with which symbols were compared.
    compared_with: Option<String>,
}

/// Asks the gate, as things stand.
async fn decide(app: &App, caller: &Caller, id: Uuid, asked: &Override) -> Result<Document> {
    caller.require_distributor()?;
    let mut conn = app.pool.acquire().await?;
    let kernel = shown::kernel(app, &mut conn, caller, id).await?;
    let product = store::products::by_id(&mut conn, kernel.product_id).await?;
    let product = product.ok_or_else(|| anyhow::anyhow!("kernel {id} has no product"))?;
    let mut policy = asked.over(policy::of_product(&mut conn, &product).await?);
    if policy.certified_channels.is_empty() {
        policy.certified_channels = vec![product.default_channel];
    }
    let counts = shown::counts_on(&mut conn, caller, &kernel).await?;
    let unmended = to_rebuild(&mut conn, caller, id, None).await?;
    let certified = to_rebuild(&mut conn, caller, id, Some(&policy.certified_channels)).await?;
    let vendors = shown::breaks_by_vendor(&mut conn, caller, &kernel).await?;
    let affected = vendors.into_iter().filter(|vendor| vendor.to_rebuild > 0);
    let told = store::mails::told(&mut conn, id).await?.into_iter();
    let told = told
        .filter(|(_, sent)| sent.is_some())
        .map(|(name, _)| name);
    let said = store::acknowledgements::of_kernel(&mut conn, caller.viewer(), id).await?;
    let previous = kernels::previous(app, &mut conn, caller, &kernel).await?;
    let rulings = match &previous {
        Some(previous) => rulings(app, &mut conn, previous, &kernel).await?,
        None => Rulings::default(),
    };
    let failing = |ruled: &Option<kabi::Ruled>| ruled.as_ref().map(rulings::failing);
    let (stable, severities) = (failing(&rulings.stablelist), failing(&rulings.severities));
    let facts = Facts {
        is_judged: kernel.judged_at.is_some(),
        unmended: &unmended,
        certified: &certified,
        affected: &affected.map(|vendor| vendor.vendor).collect(),
        told: &told.collect(),
        acknowledged: &said.into_iter().map(|a| a.vendor).collect(),
        stable_changed: stable.as_deref(),
        severities_failed: severities.as_deref(),
    };
    let (decision, rules) = gate::decide(&policy, &facts);
    Ok(Document {
        form: FORM,
        kernel: subject(kernel, previous),
        decision,
        decided_at: rfc3339(app.now()),
        policy,
        rules,
        verdicts: counts.0.into_iter().map(|(v, n)| (v.as_str(), n)).collect(),
    })
}

/// What the distributor's lists say of the changes since the kernel before.
async fn rulings(
    app: &App,
    conn: &mut PgConnection,
    old: &Kernel,
    new: &Kernel,
) -> Result<Rulings> {
    let newer = store::kernel_parts::lists_for_judging(conn, new.id).await?;
    let older = store::kernel_parts::lists_for_judging(conn, old.id).await?;
    let (before, now) = (
        app.kernels.get(conn, old).await?,
        app.kernels.get(conn, new).await?,
    );
    let rule = move || Rulings::of(newer, older, &before, &now);
    Ok(tokio::task::spawn_blocking(rule)
        .await
        .map_err(anyhow::Error::from)??)
}

/// Packages that vendors have to build anew, or those of them in certain channels.
async fn to_rebuild(
    conn: &mut PgConnection,
    caller: &Caller,
    id: Uuid,
    channels: Option<&[String]>,
) -> sqlx::Result<Named> {
    let listed = gate::LISTED as i64;
    store::verdicts::to_rebuild_on(conn, caller.viewer(), id, channels, listed).await
}

fn subject(kernel: Kernel, previous: Option<Kernel>) -> Subject {
    Subject {
        id: kernel.id,
        content_hash: hex::encode(&kernel.content_hash),
        product: kernel.product,
        arch: kernel.arch,
        flavor: kernel.flavor,
        release: kernel.release,
        status: kernel.status,
        compared_with: previous.map(|k| k.release),
    }
}

/// `GET /api/v1/kernels/{id}/gate`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    Params(asked): Params<Override>,
) -> Result<Response> {
    let document = decide(&app, &caller, id, &asked).await?;
    Ok(Json(document).into_response())
}

/// `POST /api/v1/kernels/{id}/gate`: issues a numbered report.
pub async fn issue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    Params(asked): Params<Override>,
) -> Result<Response> {
    let report = sign(&app, &caller, id, &asked).await?;
    let location = format!("/api/v1/kernels/{id}/gate/{}.json", report.number);
    let answer = json!({
        "number": report.number,
        "decision": report.decision,
        "issued_by": report.issued_by,
        "issued_at": rfc3339(report.issued_at),
        "document": location,
        "signature": format!("{location}.asc"),
    });
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(answer),
    )
        .into_response())
}

/// Decides, and keeps the bytes with the portal's signature over them.
async fn sign(app: &App, caller: &Caller, id: Uuid, asked: &Override) -> Result<Report> {
    let document = decide(app, caller, id, asked).await?;
    let mut bytes = serde_json::to_vec_pretty(&document).map_err(anyhow::Error::from)?;
    bytes.push(b'\n');
    let now = app.now();
    let seconds = u64::try_from(now.unix_timestamp()).unwrap_or(0);
    let key = app.repository_key.clone();
    let signed = {
        let bytes = bytes.clone();
        tokio::task::spawn_blocking(move || key.sign_detached(&bytes, seconds)).await
    };
    let signature = signed.map_err(anyhow::Error::from)??;
    let mut tx = app.pool.begin().await?;
    store::lock(&mut tx, &format!("gate:{id}")).await?;
    let report = Report {
        number: store::gates::next_number(&mut tx, id).await?,
        decision: document.decision.as_str().to_owned(),
        document: bytes,
        signature: String::from_utf8(signature).map_err(anyhow::Error::from)?,
        issued_by: caller.name.clone(),
        issued_at: now,
    };
    store::gates::insert_report(&mut tx, id, &report).await?;
    tx.commit().await?;
    tracing::info!(
        kernel.id = %id,
        number = report.number,
        decision = report.decision,
        "issued a gate report"
    );
    Ok(report)
}

/// `GET /api/v1/kernels/{id}/gate/reports`
pub async fn reports(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
) -> Result<Json<Value>> {
    caller.require_distributor()?;
    let mut conn = app.pool.acquire().await?;
    shown::kernel(&app, &mut conn, &caller, id).await?;
    let reports = store::gates::reports(&mut conn, id, LISTED).await?;
    let lines = reports.iter().map(|r| {
        json!({
            "number": r.number,
            "decision": r.decision,
            "issued_by": r.issued_by,
            "issued_at": rfc3339(r.issued_at),
        })
    });
    Ok(Json(json!({ "reports": lines.collect::<Vec<_>>() })))
}

/// `GET /api/v1/kernels/{id}/gate/{number}.json` and `.json.asc`: of the same bytes.
pub async fn file(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, file)): Segments<(Uuid, String)>,
) -> Result<Response> {
    caller.require_distributor()?;
    let mut conn = app.pool.acquire().await?;
    shown::kernel(&app, &mut conn, &caller, id).await?;
    let missing = || {
        Error::not_found(format!(
            "This kernel has no gate report `{file}`. Reports are called 1.json, 2.json and so on, \
             their signatures 1.json.asc."
        ))
    };
    let (number, is_signature) = match file.strip_suffix(".asc") {
        Some(rest) => (rest, true),
        None => (file.as_str(), false),
    };
    let number = number.strip_suffix(".json").and_then(|n| n.parse().ok());
    let report = store::gates::report(&mut conn, id, number.ok_or_else(missing)?).await?;
    let report = report.ok_or_else(missing)?;
    let (kind, bytes) = match is_signature {
        true => ("application/pgp-signature", report.signature.into_bytes()),
        false => ("application/json", report.document),
    };
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}
