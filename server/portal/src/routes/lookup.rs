//! `/api/v1/lookup`: an installer names its hardware and gets the drivers for it, and a plan to install
//! them. `POST` for a whole machine, `GET` for one device; and the script that asks for the machine it
//! runs on.

mod read;
mod reply;

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::Result;
use crate::extract::Params;
use crate::hardware::Catalogue;
use crate::hardware::answer::{Facts, InVain, Judged, View};
use crate::hardware::catalogue::{Kernel, Verdicts};
use crate::hardware::own_drivers::OwnIndex;
use crate::hardware::plan::Site;
use crate::hardware::question::{Asked, Question};
use crate::registration::word;
use crate::shown;
use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use read::Wish;
use reply::{Document, Reply};
use std::collections::BTreeSet;
use std::sync::Arc;

/// From this many bytes of modaliases on, a question is worked on beside the threads that serve.
const LARGE: usize = 64 << 10;
/// Installers in a rack ask the same; a minute is also how long a withdrawal may take to be seen.
const CACHED: &str = "public, max-age=60";

/// `POST /api/v1/lookup`
pub async fn lookup(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(wish): Params<Wish>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response> {
    let reply = Reply::choose(&wish, &headers)?;
    let body = body.map_err(|_| read::too_large())?;
    let question = read::question(&wish, &headers, &body)?;
    let document = answer(&app, &caller, question, reply).await?;
    document.into_response(&app, &wish).await
}

/// `GET /api/v1/lookup?product=…&arch=…&modalias=…`: one device, and the answer may be kept.
pub async fn one(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(wish): Params<Wish>,
    headers: HeaderMap,
) -> Result<Response> {
    let reply = Reply::choose(&wish, &headers)?;
    let question = read::of_one_device(&wish)?;
    let document = answer(&app, &caller, question, reply).await?;
    let tag = document.tag();
    let asked = headers.get_all(header::IF_NONE_MATCH).iter();
    let is_known = asked
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','))
        .any(|it| it.trim().trim_start_matches("W/") == tag);
    let mut response = match is_known {
        true => axum::http::StatusCode::NOT_MODIFIED.into_response(),
        false => document.into_response(&app, &wish).await?,
    };
    let caching = match caller.role {
        Role::Anonymous => CACHED,
        // What a vendor may know is not for the next one.
        _ => "private, no-store",
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(
        header::VARY,
        HeaderValue::from_static("accept, accept-encoding, authorization, cookie"),
    );
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}

#[derive(Template)]
#[template(path = "lookup/lookup.sh", escape = "none")]
struct Script {
    portal: String,
    title: String,
}

/// `GET /lookup.sh`
pub async fn script(State(app): State<Arc<App>>) -> Result<Response> {
    let script = Script {
        portal: word(&app.config.base_url),
        title: crate::registration::one_line(&app.config.site_name),
    };
    let text = script.render().map_err(anyhow::Error::from)?;
    let headers = [
        (header::CONTENT_TYPE, "text/x-shellscript; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, text).into_response())
}

/// Everything a question needs besides itself.
struct Context {
    app: Arc<App>,
    catalogue: Arc<Catalogue>,
    /// What the caller may know beyond the public; `None`: nothing.
    own: Option<OwnView>,
    /// What the kernel asked about drives itself.
    own_drivers: Option<Arc<OwnIndex>>,
}

/// Kernels and verdicts that the caller may know.
struct OwnView {
    kernels: Vec<Kernel>,
    verdicts: Verdicts,
}

/// Answers a question.
async fn answer(
    app: &Arc<App>,
    caller: &Caller,
    question: Question,
    reply: Reply,
) -> Result<Document> {
    question.check()?;
    let question = question.without_repeated();
    let catalogue = catalogue(app, &question.product).await?;
    let (product_id, own, own_drivers) = {
        let asked = question.settle(&catalogue)?;
        let own = match caller.role {
            Role::Anonymous => None,
            _ => Some(own_view(app, caller, &catalogue, &asked).await?),
        };
        let own_drivers = own_drivers(app, &catalogue, &asked, own.as_ref()).await?;
        (asked.line.product.id, own, own_drivers)
    };
    let context = Context {
        app: app.clone(),
        catalogue,
        own,
        own_drivers,
    };
    let arch = question.arch.clone();
    let size: usize = question.modaliases.iter().map(String::len).sum();
    let (document, in_vain) = if size < LARGE {
        compose(&context, &question, reply)?
    } else {
        let work = tokio::task::spawn_blocking(move || compose(&context, &question, reply));
        work.await.map_err(anyhow::Error::from)??
    };
    if caller.role == Role::Anonymous {
        app.hardware.demand.add(product_id, &arch, in_vain);
    }
    Ok(document)
}

/// What is known; a product that was just made is worth another look.
async fn catalogue(app: &App, product: &str) -> Result<Arc<Catalogue>> {
    let none = || anyhow::anyhow!("the database has not been read for look-ups yet");
    let catalogue = app.hardware.current().await.ok_or_else(none)?;
    if catalogue.line(product).is_some() {
        return Ok(catalogue);
    }
    let mut conn = app.pool.acquire().await?;
    let is_new = store::products::by_name(&mut conn, product)
        .await?
        .is_some();
    drop(conn);
    if is_new {
        app.hardware.refresh().await;
    }
    Ok(app.hardware.current().await.ok_or_else(none)?)
}

/// Asks the database what this caller may know: of kernels under embargo, everyone something else.
async fn own_view(
    app: &App,
    caller: &Caller,
    catalogue: &Catalogue,
    asked: &Asked<'_>,
) -> Result<OwnView> {
    let mut packages = BTreeSet::new();
    for alias in &asked.modaliases {
        catalogue.each(alias, |_, owner| {
            packages.insert((owner.driver.id, owner.driver.source_id.is_some()));
        });
    }
    let filter = store::kernels::Filter {
        product_id: Some(asked.line.product.id),
        arch: Some(asked.arch.to_owned()),
        ..Default::default()
    };
    let mut conn = app.pool.acquire().await?;
    let kernels = shown::kernels(app, &mut conn, caller, &filter).await?;
    let mut verdicts = Verdicts::new();
    for (id, is_external) in packages {
        if is_external {
            // Judged on public kernels only, for everybody alike.
            let on = catalogue.verdicts.get(&id);
            verdicts.extend(on.map(|on| (id, on.clone())));
            continue;
        }
        let on = shown::verdicts_of(app, &mut conn, caller, id).await?;
        let on = on.into_iter().map(|it| (it.kernel_id, it.verdict));
        verdicts.insert(id, on.collect());
    }
    Ok(OwnView {
        kernels: kernels.iter().map(Kernel::from).collect(),
        verdicts,
    })
}

async fn own_drivers(
    app: &App,
    catalogue: &Catalogue,
    asked: &Asked<'_>,
    own: Option<&OwnView>,
) -> Result<Option<Arc<OwnIndex>>> {
    let Some(release) = asked.kernel else {
        return Ok(None);
    };
    let named = view(catalogue, own, asked).named(Some(release));
    match named.first() {
        Some(kernel) => Ok(app.hardware.own_drivers.of(&app.pool, kernel.id).await?),
        None => Ok(None),
    }
}

fn view<'c>(catalogue: &'c Catalogue, own: Option<&'c OwnView>, asked: &'c Asked<'c>) -> View<'c> {
    match own {
        None => View::public(catalogue, asked),
        Some(own) => View {
            kernels: own.kernels.iter().collect(),
            verdicts: &own.verdicts,
        },
    }
}

/// Makes the answer: computes only.
fn compose(context: &Context, question: &Question, reply: Reply) -> Result<(Document, InVain)> {
    let app = &context.app;
    let asked = question.settle(&context.catalogue)?;
    let view = view(&context.catalogue, context.own.as_ref(), &asked);
    let site = Site {
        base_url: app.config.base_url.clone(),
        key_fingerprint: app.repository_key.fingerprint(),
    };
    let facts = Facts {
        catalogue: &context.catalogue,
        view: &view,
        own: context.own_drivers.as_deref(),
        names: &app.hardware.names,
        site: &site,
    };
    let judged = Judged::new(&asked, &facts);
    let (answer, in_vain) = judged.answer(&asked, &facts);
    Ok((reply.write(&answer)?, in_vain))
}
