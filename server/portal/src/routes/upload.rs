//! The upload form: the same way as over the API, by browser.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::{Error, Result};
use crate::pages::{Choice, Nav, UploadPage, bytes};
use crate::routes::pages::Page;
use crate::storage::Received;
use crate::uploads::{self, Destination, Taken};
use crate::views::shell;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The browser waits so long for the decision; the package's page shows the rest.
const WAIT: Duration = Duration::from_secs(20);
/// Small fields have at most so many bytes.
const FIELD_LIMIT: usize = 1_024;

/// `GET /upload`
pub async fn form(State(app): State<Arc<App>>, caller: Caller) -> Result<Response> {
    let Some(name) = vendor_name(&caller)? else {
        return Ok(Redirect::to("/login?next=/upload").into_response());
    };
    Ok(Page(upload_page(&app, &caller, &name, &Sent::default(), None).await?).into_response())
}

/// `None`: has to sign in first.
fn vendor_name(caller: &Caller) -> Result<Option<String>> {
    match &caller.role {
        Role::Anonymous => Ok(None),
        Role::Vendor { name, .. } => Ok(Some(name.clone())),
        Role::Distributor => Err(Error::forbidden(
            "Packages are uploaded by their vendors. Sign in as a vendor's user, or use the API \
             with `?vendor=NAME`.",
        )),
    }
}

async fn upload_page(
    app: &App,
    caller: &Caller,
    vendor: &str,
    sent: &Sent,
    error: Option<String>,
) -> Result<UploadPage> {
    let mut conn = app.pool.acquire().await?;
    let vendor = store::vendors::by_name(&mut conn, vendor)
        .await?
        .map_or_else(|| vendor.to_owned(), |v| v.display_name);
    let products = store::products::list(&mut conn).await?;
    let mut channels: Vec<String> = products
        .iter()
        .flat_map(|p| p.channels.iter().cloned())
        .collect();
    channels.sort();
    channels.dedup();
    let open = [(String::new(), "The one it was built for".to_owned())];
    let default = [(String::new(), "The product's default".to_owned())];
    let has_file = sent.received.is_some();
    Ok(UploadPage {
        shell: shell(app, caller, Nav::Upload),
        vendor,
        products: Choice::list(
            open.into_iter()
                .chain(products.into_iter().map(|p| (p.name, p.display_name))),
            &sent.product,
        ),
        channels: Choice::list(
            default
                .into_iter()
                .chain(channels.into_iter().map(|c| (c.clone(), c))),
            &sent.channel,
        ),
        limit: bytes(app.config.max_package_bytes),
        curl: vec![format!(
            "curl -T PACKAGE.rpm -H 'Authorization: Bearer TOKEN' {}",
            app.url("/api/v1/packages/")
        )],
        file_error: (error.is_some() && !has_file).then(|| "Choose the package's file.".to_owned()),
        error,
        product_error: None,
        channel_error: None,
    })
}

/// What the browser sent.
#[derive(Default)]
struct Sent {
    csrf: String,
    product: String,
    channel: String,
    file_name: String,
    received: Option<Received>,
}

/// `POST /upload`
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Result<Response> {
    let Some(name) = vendor_name(&caller)? else {
        return Ok(Redirect::to("/login?next=/upload").into_response());
    };
    let form = form.map_err(|e| Error::bad_request(e.body_text()))?;
    let sent = read(&app, &caller, form).await?;
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (product, channel) = (given(&sent.product), given(&sent.channel));
    let found = {
        let mut conn = app.pool.acquire().await?;
        let vendor_id = uploads::vendor(&mut conn, &caller, None).await?;
        Destination::find(&mut conn, product.as_deref(), channel.as_deref())
            .await
            .map(|destination| (vendor_id, destination))
    };
    let (vendor_id, destination) = match found {
        Ok(found) => found,
        Err(Error::Problem(problem)) => {
            return again(&app, &caller, &name, &sent, problem.detail).await;
        }
        Err(error) => return Err(error),
    };
    let file_name = sent.file_name.clone();
    let Some(received) = sent.received else {
        return again(&app, &caller, &name, &sent, "No file was sent.".to_owned()).await;
    };
    let Taken { id, .. } = uploads::take(
        &app,
        vendor_id,
        &caller.name,
        &file_name,
        received,
        &destination,
    )
    .await?;
    uploads::settled(&app, id, Instant::now() + WAIT).await?;
    Ok(Redirect::to(&format!("/packages/{id}")).into_response())
}

async fn again(
    app: &App,
    caller: &Caller,
    vendor: &str,
    sent: &Sent,
    error: String,
) -> Result<Response> {
    let page = upload_page(app, caller, vendor, sent, Some(error)).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Page(page)).into_response())
}

/// Reads the form; the token comes first in it, so a forged form costs no disk.
async fn read(app: &App, caller: &Caller, mut form: Multipart) -> Result<Sent> {
    let mut sent = Sent::default();
    let broken = |e: axum::extract::multipart::MultipartError| {
        Error::bad_request(format!("The form broke off: {}.", e.body_text()))
    };
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            caller.check_csrf(&sent.csrf)?;
            sent.file_name = base_name(field.file_name().unwrap_or_default());
            let received = app
                .storage
                .receive(field, app.config.max_package_bytes)
                .await?;
            // A browser sends an empty part when no file was chosen.
            sent.received = (received.size > 0).then_some(received);
            continue;
        }
        let mut field = field;
        let mut text = Vec::new();
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            if text.len() + chunk.len() > FIELD_LIMIT {
                return Err(Error::bad_request(format!(
                    "The field `{name}` is too long."
                )));
            }
            text.extend_from_slice(&chunk);
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        match name.as_str() {
            "csrf" => sent.csrf = text,
            "product" => sent.product = text,
            "channel" => sent.channel = text,
            _ => {}
        }
    }
    caller.check_csrf(&sent.csrf)?;
    Ok(sent)
}

/// Browsers may send a path.
fn base_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(255).collect()
}
