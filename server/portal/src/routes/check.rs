//! What-if: would a package, a module or a list of symbols load? Over the API and as a page; nothing
//! is stored.

mod page;

pub use page::{form, submit};

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::client::ClientAddress;
use crate::error::{Error, Result};
use crate::extract::Params;
use crate::inspecting::Failure;
use crate::storage::Received;
use crate::what_if::{self, Question, Restriction, SymbolList};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kabi::{ModuleVerdict, Reason, Severity};
use kmod::{Crc, Module};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// Largest package or module in a question, in bytes.
const LARGEST_FILE: u64 = 64 << 20;
/// Largest list of symbols, in bytes.
const LARGEST_LIST: usize = 4 << 20;
const LONGEST_NAME: usize = 255;
/// Reasons listed of a module on a kernel; `reasons_total` counts them all.
const REASONS: usize = 200;
/// Reasons listed in one answer.
const REASONS_IN_ALL: usize = 50_000;

/// Query of a question.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct CheckParams {
    /// What answers call the file.
    file: String,
    product: String,
    arch: String,
    flavor: String,
    kernel: String,
}

/// `POST /api/v1/check`
pub async fn check(
    State(app): State<Arc<App>>,
    caller: Caller,
    client: ClientAddress,
    Params(params): Params<CheckParams>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    count(&app, &caller, client)?;
    let is_list = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let question = match is_list {
        true => Question::Symbols(read_list(body).await?),
        false => Question::Modules(read_file(&app, body, &params.file).await?),
    };
    let file = match (&question, params.file.is_empty()) {
        (_, false) => params.file.chars().take(LONGEST_NAME).collect(),
        (Question::Symbols(list), _) => list.name.clone().unwrap_or_else(|| "symbols".to_owned()),
        (Question::Modules(modules), _) => modules[0].name.clone(),
    };
    let mut restriction = Restriction {
        product: params.product,
        arch: params.arch,
        flavor: params.flavor,
        kernel: params.kernel,
    };
    if let Question::Symbols(list) = &question {
        restriction = restriction.or(list.restriction());
    }
    let answer = what_if::answer(&app, &caller, &file, question, &restriction).await?;
    let mut room = REASONS_IN_ALL;
    let mut verdicts = Vec::new();
    for on in &answer.kernels {
        for module in &on.judged.modules {
            let line = Line::of(&file, on, module, REASONS.min(room));
            room -= line.reasons.len();
            verdicts.push(line);
        }
    }
    let told = Told {
        kernels_total: answer.total,
        kernels_judged: answer.kernels.len(),
        verdicts,
    };
    Ok(Json(told).into_response())
}

/// The answer. Tens of thousands of reasons are written as they are, not by way of a tree of values.
#[derive(Serialize)]
struct Told<'a> {
    kernels_total: usize,
    kernels_judged: usize,
    verdicts: Vec<Line<'a>>,
}

/// As `kmp-portal check --format json` writes it, and which kernel that is.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    module: &'a str,
    kernel: &'a str,
    verdict: &'static str,
    reasons: Vec<Said<'a>>,
    reasons_total: usize,
    kernel_id: Uuid,
    product: &'a str,
    arch: &'a str,
    flavor: &'a str,
    status: &'a str,
}

impl<'a> Line<'a> {
    /// With so many reasons at most.
    fn of(
        file: &'a str,
        on: &'a what_if::OnKernel,
        module: &'a ModuleVerdict,
        most: usize,
    ) -> Self {
        let (kernel, reasons) = (&on.kernel, &module.reasons);
        Self {
            file,
            module: &module.module,
            kernel: &kernel.release,
            verdict: module.verdict.as_str(),
            reasons: reasons.iter().take(most).map(Said::of).collect(),
            reasons_total: reasons.len(),
            kernel_id: kernel.id,
            product: &kernel.product,
            arch: &kernel.arch,
            flavor: &kernel.flavor,
            status: &kernel.status,
        }
    }
}

/// Those who did not sign in may not ask without end.
fn count(app: &App, caller: &Caller, client: ClientAddress) -> Result<()> {
    if caller.role != Role::Anonymous {
        return Ok(());
    }
    app.throttle.count_check(client).map_err(|wait| {
        let seconds = wait.as_secs() + 1;
        let detail = format!("Too many questions from one place; ask again in {seconds} s.");
        Error::too_many_requests(seconds, detail)
    })
}

/// A reason, with all members whether they say something or not.
#[derive(Serialize)]
struct Said<'a> {
    code: &'a str,
    symbol: Option<&'a str>,
    expected: Option<Crc>,
    found: Option<Crc>,
    detail: Option<&'a str>,
    severity: Severity,
    provider: Option<&'a str>,
}

impl<'a> Said<'a> {
    fn of(reason: &'a Reason) -> Self {
        Self {
            code: &reason.code,
            symbol: reason.symbol.as_deref(),
            expected: reason.expected,
            found: reason.found,
            detail: reason.detail.as_deref(),
            severity: reason.severity,
            provider: reason.provider.as_deref(),
        }
    }
}

async fn read_list(body: Body) -> Result<SymbolList> {
    let bytes = axum::body::to_bytes(body, LARGEST_LIST)
        .await
        .map_err(|_| {
            Error::too_large(format!(
                "A list of symbols has at most {LARGEST_LIST} bytes."
            ))
        })?;
    let list: SymbolList = serde_json::from_slice(&bytes).map_err(|error| {
        Error::bad_request(format!(
            "The body is no list of symbols: {error}. Send {{\"symbols\": [{{\"symbol\": \
             \"printk\", \"crc\": \"0x92997ed8\"}}]}}, or a package or module with another \
             Content-Type."
        ))
    })?;
    list.check()?;
    Ok(list)
}

/// Reads the file in a process of its own, as uploads are.
async fn read_file(app: &App, body: Body, name: &str) -> Result<Vec<Module>> {
    let received = app
        .storage
        .receive(body.into_data_stream(), LARGEST_FILE)
        .await?;
    read_received(app, received, name).await
}

async fn read_received(app: &App, received: Received, name: &str) -> Result<Vec<Module>> {
    let place = app.readers.enter()?;
    let path = received.path().to_owned();
    let read = app.inspector.read_modules(path, name.to_owned()).await;
    drop(place);
    drop(received);
    match read {
        Ok(Ok(modules)) => Ok(modules),
        Ok(Err(why)) => Err(Error::unprocessable(why)),
        Err(error @ (Failure::Trouble(_) | Failure::Interrupted(_))) => {
            Err(Error::Internal(error.into()))
        }
    }
}
