//! The same by browser: a file, or pasted lines.

use super::{LARGEST_FILE, LONGEST_NAME, count, read_received};
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::client::ClientAddress;
use crate::error::{Error, Result};
use crate::pages::{
    KernelStatus, Listing, Nav, WhatIfAnswer, WhatIfModule, WhatIfPage, WhatIfRow, bytes, counted,
};
use crate::routes::packages::product_choices;
use crate::routes::pages::Page;
use crate::storage::Received;
use crate::views::{self, shell};
use crate::what_if::{self, Answer, OnKernel, Question, Restriction, SymbolList, lines};
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Small fields have at most so many bytes.
const FIELD_LIMIT: usize = 1_024;
/// Pasted lines have at most so many bytes.
const LINES_LIMIT: usize = 1 << 20;
/// Kernels on the page, modules of one and reasons of each; the API tells all of them.
const KERNELS: usize = 100;
const MODULES: usize = 20;
const REASONS: usize = 20;

/// What the browser sent.
#[derive(Default)]
struct Sent {
    csrf: String,
    product: String,
    kernel: String,
    symbols: String,
    file_name: String,
    file: Option<Received>,
}

/// `GET /check`
pub async fn form(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<WhatIfPage>> {
    Ok(Page(page(&app, &caller, &Sent::default()).await?))
}

/// `POST /check`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    client: ClientAddress,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response> {
    count(&app, &caller, client)?;
    let form = form.map_err(|error| Error::bad_request(error.body_text()))?;
    let mut sent = Sent::default();
    read(&app, &caller, form, &mut sent).await?;
    let answered = ask(&app, &caller, &mut sent).await;
    let mut page = page(&app, &caller, &sent).await?;
    match answered {
        Ok(answer) => {
            page.answer = Some(answer);
            Ok(Page(page).into_response())
        }
        // Those who have to wait are told so by the answer's own headers.
        Err(Error::Problem(problem)) if problem.status != StatusCode::SERVICE_UNAVAILABLE => {
            page.error = Some(problem.detail);
            Ok((problem.status, Page(page)).into_response())
        }
        Err(error) => Err(error),
    }
}

async fn ask(app: &App, caller: &Caller, sent: &mut Sent) -> Result<WhatIfAnswer> {
    let (name, question) = match sent.file.take() {
        Some(received) => {
            let modules = read_received(app, received, &sent.file_name).await?;
            (sent.file_name.clone(), Question::Modules(modules))
        }
        None if sent.symbols.trim().is_empty() => {
            return Err(Error::unprocessable(
                "Choose a package or a module, or paste symbols with their versions.",
            ));
        }
        None => {
            let list = SymbolList::of(lines::read(&sent.symbols)?);
            list.check()?;
            ("symbols".to_owned(), Question::Symbols(list))
        }
    };
    let restriction = Restriction {
        product: sent.product.clone(),
        kernel: sent.kernel.clone(),
        ..Restriction::default()
    };
    let answer = what_if::answer(app, caller, &name, question, &restriction).await?;
    Ok(shown(&name, &answer))
}

fn shown(name: &str, answer: &Answer) -> WhatIfAnswer {
    let loads = answer.kernels.iter().filter(|on| on.judged.verdict.loads());
    let judged = counted(answer.kernels.len() as u64, "kernel", "kernels");
    let left_out = answer.total - answer.kernels.len().min(KERNELS);
    WhatIfAnswer {
        name: name.to_owned(),
        summary: format!("Loads on {} of {judged}", loads.count()),
        rows: answer.kernels.iter().take(KERNELS).map(row).collect(),
        left_out: (left_out > 0).then(|| counted(left_out as u64, "kernel", "kernels")),
    }
}

fn row(on: &OnKernel) -> WhatIfRow {
    let kernel = &on.kernel;
    let module = |module: &kabi::ModuleVerdict| WhatIfModule {
        name: module.module.clone(),
        verdict: views::verdict(module.verdict),
        needed: format!("{} of {} symbols", module.needed_ok, module.needed_total),
        reasons: Listing::capped(module.reasons.iter().map(views::reason), REASONS),
    };
    WhatIfRow {
        kernel_href: format!("/kernels/{}", kernel.id),
        release: kernel.release.clone(),
        line: format!("{} · {} · {}", kernel.product, kernel.flavor, kernel.arch),
        status: KernelStatus::from_code(&kernel.status).unwrap_or(KernelStatus::Released),
        verdict: views::verdict(on.judged.verdict),
        modules: Listing::capped(on.judged.modules.iter().map(module), MODULES),
    }
}

/// The token comes first, so a forged form costs no disk. A visitor who is not signed in has none,
/// and nothing that a forged form could use.
async fn read(app: &App, caller: &Caller, mut form: Multipart, sent: &mut Sent) -> Result<()> {
    let broken = |error: MultipartError| {
        Error::bad_request(format!("The form broke off: {}.", error.body_text()))
    };
    let is_own = |csrf: &str| match caller.role {
        Role::Anonymous => Ok(()),
        _ => caller.check_csrf(csrf),
    };
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            is_own(&sent.csrf)?;
            sent.file_name = base_name(field.file_name().unwrap_or_default());
            let received = app.storage.receive(field, LARGEST_FILE).await?;
            // A browser sends an empty part when no file was chosen.
            sent.file = (received.size > 0).then_some(received);
            continue;
        }
        let limit = if name == "symbols" {
            LINES_LIMIT
        } else {
            FIELD_LIMIT
        };
        let mut text = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            if text.len() + chunk.len() > limit {
                return Err(Error::too_large(format!(
                    "The field `{name}` may have at most {limit} bytes."
                )));
            }
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        match name.as_str() {
            "csrf" => sent.csrf = text,
            "product" => sent.product = text,
            "kernel" => sent.kernel = text,
            "symbols" => sent.symbols = text,
            _ => {}
        }
    }
    is_own(&sent.csrf)
}

/// Browsers may send a path.
fn base_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let printable = last.chars().filter(|c| !c.is_control());
    printable.take(LONGEST_NAME).collect()
}

async fn page(app: &App, caller: &Caller, sent: &Sent) -> Result<WhatIfPage> {
    let mut conn = app.pool.acquire().await?;
    Ok(WhatIfPage {
        shell: shell(app, caller, Nav::Check),
        products: product_choices(&mut conn, &sent.product).await?,
        kernel: sent.kernel.clone(),
        symbols: sent.symbols.clone(),
        limit: bytes(LARGEST_FILE),
        curl: vec![format!(
            "curl --data-binary @PACKAGE.rpm {}",
            app.url("/api/v1/check")
        )],
        error: None,
        answer: None,
    })
}
