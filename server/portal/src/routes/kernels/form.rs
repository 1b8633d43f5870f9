//! The form for distributors: the same way as over the API, by browser.

use super::judged;
use crate::app::App;
use crate::auth::{Caller, Role};
use crate::embargo::{check_status, release_date};
use crate::error::{Error, Result};
use crate::kernel_uploads::{Received, Sent};
use crate::pages::{Choice, KernelStatus, Nav, RegisterKernelPage, bytes};
use crate::registering::{self, Told};
use crate::routes::pages::Page;
use crate::uploads;
use crate::views::shell;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The browser waits so long for the verdicts; the kernel's page shows the rest.
const WAIT: Duration = Duration::from_secs(20);
/// Small fields have at most so many bytes.
const FIELD_LIMIT: usize = 1_024;

/// The small fields of the form.
#[derive(Default)]
struct Fields {
    csrf: String,
    product: String,
    status: String,
    release_date: String,
    release: String,
}

/// `GET /kernels/register`
pub async fn form(State(app): State<Arc<App>>, caller: Caller) -> Result<Response> {
    if caller.role == Role::Anonymous {
        return Ok(Redirect::to("/login?next=/kernels/register").into_response());
    }
    caller.require_distributor()?;
    Ok(Page(page(&app, &caller, &Fields::default(), None).await?).into_response())
}

/// `POST /kernels/register`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response> {
    caller.require_distributor()?;
    let form = form.map_err(|error| Error::bad_request(error.body_text()))?;
    let mut fields = Fields::default();
    let outcome = match read(&app, &caller, form, &mut fields).await {
        Ok(sent) => register(&app, &fields, sent).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(address) => Ok(Redirect::to(&address).into_response()),
        // Who forges a form gets no form back.
        Err(Error::Problem(problem)) if problem.status != StatusCode::FORBIDDEN => {
            let page = page(&app, &caller, &fields, Some(problem.detail)).await?;
            Ok((problem.status, Page(page)).into_response())
        }
        Err(error) => Err(error),
    }
}

/// Gives the address of what was registered.
async fn register(app: &Arc<App>, fields: &Fields, sent: Sent) -> Result<String> {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    check_status(&fields.status)?;
    let date = given(&fields.release_date);
    let told = Told {
        status: given(&fields.status),
        release: given(&fields.release),
        planned: date
            .as_deref()
            .map(|text| release_date(text, &app.config.timezone))
            .transpose()?,
        ..Told::default()
    };
    let product = {
        let mut conn = app.pool.acquire().await?;
        uploads::product_by_name(&mut conn, &fields.product).await?
    };
    let now = app.now();
    match sent.read(app).await? {
        Received::One(kernel) => {
            let mut tx = app.pool.begin().await?;
            let done = registering::register(&mut tx, &product, &told, *kernel, None, now).await?;
            tx.commit().await?;
            judged(app, done.id, Instant::now() + WAIT).await?;
            Ok(format!("/kernels/{}", done.id))
        }
        Received::Several(kernels) => {
            registering::several(&app.pool, &product, &told, kernels, None, now).await?;
            Ok(format!("/kernels?product={}", product.name))
        }
    }
}

/// The token comes first, so a forged form costs no disk.
async fn read(
    app: &App,
    caller: &Caller,
    mut form: Multipart,
    fields: &mut Fields,
) -> Result<Sent> {
    let mut sent = Sent::nothing();
    let broken = |e: axum::extract::multipart::MultipartError| {
        Error::bad_request(format!("The form broke off: {}.", e.body_text()))
    };
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            caller.check_csrf(&fields.csrf)?;
            sent.take(app, field).await?;
            continue;
        }
        let mut text = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            if text.len() + chunk.len() > FIELD_LIMIT {
                return Err(Error::bad_request(format!(
                    "The field `{name}` is too long."
                )));
            }
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&text).trim().to_owned();
        match name.as_str() {
            "csrf" => fields.csrf = text,
            "product" => fields.product = text,
            "status" => fields.status = text,
            "release_date" => fields.release_date = text,
            "release" => fields.release = text,
            _ => {}
        }
    }
    caller.check_csrf(&fields.csrf)?;
    match sent.is_empty() {
        true => Err(Error::bad_request("Choose the kernel's files.")),
        false => Ok(sent),
    }
}

async fn page(
    app: &App,
    caller: &Caller,
    fields: &Fields,
    error: Option<String>,
) -> Result<RegisterKernelPage> {
    let mut conn = app.pool.acquire().await?;
    let products = store::products::list(&mut conn).await?;
    let products = products.into_iter().map(|p| (p.name, p.display_name));
    let statuses = KernelStatus::ALL.iter().map(|s| (s.code(), s.label()));
    Ok(RegisterKernelPage {
        shell: shell(app, caller, Nav::Kernels),
        products: Choice::list(products, &fields.product),
        statuses: Choice::list(statuses, &fields.status),
        release_date: fields.release_date.clone(),
        release: fields.release.clone(),
        limit: bytes(app.config.max_kernel_bytes),
        curl: vec![format!(
            "curl --data-binary @KERNEL.rpm -H 'Authorization: Bearer TOKEN' '{}'",
            app.url("/api/v1/kernels?product=PRODUCT&status=preview")
        )],
        error,
    })
}
