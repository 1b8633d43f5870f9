//! Every route on one screen, and what all answers have in common.

mod acknowledge;
mod audit;
mod check;
mod checks;
mod diff;
mod entry;
mod front;
mod gate;
mod hardware;
mod health;
mod kernel_repositories;
mod kernels;
mod keys;
mod kmps;
mod lookup;
mod matrix;
mod mirrors;
mod packages;
mod pages;
mod policies;
mod products;
mod promotions;
mod repo_files;
mod repo_pages;
mod repos;
mod repositories;
mod services;
mod session;
mod sources;
pub mod statics;
mod status;
mod support;
mod symbols;
mod upload;
mod waivers;

pub(crate) use promotions::promotion_json;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Problem};
use crate::hardware::question::QUESTION_BYTES;
use crate::linger::linger;
use crate::pages::{ErrorPage, Link, Nav};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use pages::Page;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Pages load nothing but our own style sheet and pictures, and run no script.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; \
                           form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The whole service.
pub fn router(app: Arc<App>) -> Router {
    let unlimited = DefaultBodyLimit::disable();
    let api = Router::new()
        .route("/products", get(products::list))
        .route(
            "/products/{name}/gate-policy",
            get(gate::show_policy).put(gate::set_policy),
        )
        .route(
            "/products/{name}/promotion",
            get(entry::show).put(entry::set),
        )
        .route(
            "/products/{name}/support",
            get(support::show).put(support::set),
        )
        .route(
            "/products/{name}/policy",
            get(policies::of_product).put(policies::set_product),
        )
        .route(
            "/vendors/{name}/policy",
            get(policies::of_vendor).put(policies::set_vendor),
        )
        .route("/vendors/{name}/keys/{fingerprint}", delete(keys::retire))
        .route("/waivers", get(waivers::list).post(waivers::grant))
        .route("/waivers/{id}", delete(waivers::revoke))
        .route("/audit", get(audit::list))
        .route("/status", get(repositories::status))
        .route("/jobs/{id}/retry", post(repositories::retry_job))
        .route(
            "/repositories/{product}/{channel}/{arch}",
            get(repositories::show).patch(repositories::change),
        )
        .route(
            "/repositories/{product}/{channel}/{arch}/roll-back",
            post(repositories::roll_back),
        )
        .route(
            "/repositories/{product}/{channel}/{arch}/resume",
            post(repositories::resume),
        )
        .route("/mirrors", get(mirrors::list).post(mirrors::add))
        .route("/mirrors/{id}", delete(mirrors::remove))
        .route("/packages", get(packages::list))
        .route(
            "/packages/{name}",
            get(packages::show).put(packages::upload).layer(unlimited),
        )
        .route("/packages/{id}/risk", get(packages::risk))
        .route("/packages/{id}/withdraw", post(promotions::withdraw))
        .route("/packages/{id}/promote", post(promotions::promote))
        .route("/promotions", get(promotions::list))
        .route("/promotions/{id}", post(promotions::decide))
        .route("/packages/{id}/verdicts/{kernel}", get(packages::verdict))
        .route("/check", post(check::check).layer(unlimited))
        .route(
            "/kernels",
            get(kernels::list).post(kernels::register).layer(unlimited),
        )
        .route("/kernels/{id}", get(kernels::show).patch(kernels::change))
        .route("/kernels/{id}/accesses", get(kernels::accesses))
        .route(
            "/kernels/{id}/parts",
            post(kernels::add_parts).layer(unlimited),
        )
        .route("/kernels/{id}/severities", put(kernels::put_severities))
        .route("/kernels/{id}/stablelist", put(kernels::put_stablelist))
        .route("/kernels/{id}/impact", get(kernels::impact))
        .route("/kernels/{id}/diff/{new}", get(diff::diff))
        .route("/kernels/{id}/gate", get(gate::show).post(gate::issue))
        .route("/kernels/{id}/gate/reports", get(gate::reports))
        .route("/kernels/{id}/gate/{file}", get(gate::file))
        .route("/kernels/{id}/acknowledge", post(acknowledge::acknowledge))
        .route("/kmps/{name}", get(kmps::show))
        .route("/matrix", get(matrix::matrix))
        .route("/symbols", get(symbols::search))
        .route("/symbols/{name}", get(symbols::show))
        .route("/kernel-repositories", post(kernel_repositories::register))
        .route("/kernel-repositories/{id}", get(kernel_repositories::show))
        .route(
            "/lookup",
            get(lookup::one)
                .post(lookup::lookup)
                .layer::<_, Infallible>(DefaultBodyLimit::max(QUESTION_BYTES))
                .layer::<_, Infallible>(CompressionLayer::new().gzip(true)),
        )
        .route("/demand", get(hardware::demand_list))
        .route("/sources", get(sources::list).post(sources::register))
        .route("/sources/{id}", get(sources::show).delete(sources::remove))
        .route("/sources/{id}/approve", post(sources::approve))
        .route("/sources/{id}/read", post(sources::read))
        .fallback(async || {
            Error::not_found(
                "The API has no such address. Below /api/v1 there are /products, /vendors, \
                 /packages, /promotions, /kmps, /kernels, /matrix, /symbols, /lookup, /mirrors, \
                 /sources, /waivers and /audit.",
            )
        });

    let html = Router::new()
        .route("/", get(front::page))
        .route("/packages", get(packages::list_page))
        .route("/packages/{id}", get(packages::page))
        .route("/packages/{id}/promote", post(promotions::submit))
        .route(
            "/packages/{id}/withdraw",
            post(promotions::submit_withdrawal),
        )
        .route("/promotions/{id}", post(promotions::submit_decision))
        .route("/kernels", get(kernels::list_page))
        .route(
            "/kernels/register",
            get(kernels::form).post(kernels::submit).layer(unlimited),
        )
        .route("/kernels/{id}", get(kernels::page))
        .route("/kernels/{id}/acknowledge", post(acknowledge::submit))
        .route("/kernels/{id}/change", post(kernels::submit_change))
        .route("/kernels/{id}/diff", get(kernels::compare))
        .route("/kernels/{id}/diff/{new}", get(diff::page))
        .route(
            "/kernels/{id}/gate",
            get(gate::page).post(gate::issue_by_form),
        )
        .route("/kmps/{name}", get(kmps::page))
        .route(
            "/check",
            get(check::form).post(check::submit).layer(unlimited),
        )
        .route("/matrix", get(matrix::page))
        .route("/hardware", get(hardware::list_page))
        .route(
            "/hardware/{bus}/{vendor}/{device}",
            get(hardware::device_page),
        )
        .route("/symbols", get(symbols::search_page))
        .route("/symbols/{name}", get(symbols::page))
        .route(
            "/upload",
            get(upload::form).post(upload::submit).layer(unlimited),
        )
        .route("/login", get(session::form).post(session::login))
        .route("/logout", post(session::logout))
        .route("/repos", get(repo_pages::list))
        .route("/repos/{product}", get(repo_pages::product))
        .route("/repos/{product}/support", post(support::submit))
        .route("/keys", get(keys::page))
        .route("/waivers", get(waivers::page).post(waivers::submit))
        .route("/waivers/{id}/revoke", post(waivers::submit_revocation))
        .route("/audit", get(audit::page))
        .route("/status", get(status::page))
        .route("/status/repositories/{*name}", post(status::submit))
        .route("/status/jobs/{id}/retry", post(status::submit_retry))
        .route("/sources", get(sources::list_page).post(sources::submit))
        .route(
            "/sources/{id}",
            get(sources::page).post(sources::submit_change),
        )
        .route("/help/checks", get(checks::page))
        .route("/help/problems", get(checks::problems))
        .fallback(async || Error::not_found("There is no page at this address."))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            show_problems_as_pages,
        ))
        .layer(CompressionLayer::new().gzip(true));

    Router::new()
        .merge(html)
        .nest("/api/v1", api)
        .route("/repos/{product}/{file}", get(repo_files::of_product))
        .route(
            "/repos/{product}/vendors/{vendor}/{file}",
            get(repo_files::of_vendor),
        )
        .route(
            "/repos/{product}/{channel}/{arch}/{*location}",
            get(repos::file),
        )
        .route(
            "/repos/{product}/vendors/{vendor}/{channel}/{arch}/{*location}",
            get(repos::vendor_file),
        )
        .route(
            "/services/{product}/repo/repoindex.xml",
            get(services::of_product),
        )
        .route(
            "/services/{product}/{vendor}/repo/repoindex.xml",
            get(services::of_vendor),
        )
        .route(
            "/services/{product}/keys.asc",
            get(services::keys_of_product),
        )
        .route(
            "/services/{product}/{vendor}/keys.asc",
            get(services::keys_of_vendor),
        )
        .route("/keys/{file}", get(keys::repository_key))
        .route("/keys/vendors/{file}", get(keys::vendor_key))
        .route("/lookup.sh", get(lookup::script))
        .route("/keys/sources/{file}", get(keys::source_key))
        .route("/sources/{id}/external.repo", get(sources::repo_file))
        .route("/static/{file}", get(statics::file))
        .route("/healthz", get(health::healthz))
        .route("/metrics", get(health::metrics))
        .layer(middleware::from_fn(count_requests))
        .layer(middleware::from_fn(linger))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(TraceLayer::new_for_http().make_span_with(span))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
        .method_not_allowed_fallback(async || {
            Error::method_not_allowed("The header `Allow` lists the methods this address takes.")
        })
        .with_state(app)
}

/// A CSV file to be saved under this name.
fn csv_file(name: &str, body: Body) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        // Differs by who asks.
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, body).into_response()
}

/// One span per request; the id finds a visitor's error in the log.
fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    let id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("-");
    tracing::info_span!(
        "request",
        request.id = id,
        method = %request.method(),
        path = request.uri().path()
    )
}

fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::Internal(anyhow::anyhow!("a handler panicked: {text}")).into_response()
}

async fn count_requests(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "none".to_owned(), |p| p.as_str().to_owned());
    let method = request.method().to_string();
    let mut response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!(
        "kmp_portal_request_seconds",
        "route" => route, "method" => method, "status" => status
    )
    .record(started.elapsed().as_secs_f64());
    response.headers_mut().insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// On pages, a problem is a page that says the same; every page gets its headers.
async fn show_problems_as_pages(
    State(app): State<Arc<App>>,
    caller: Result<Caller, Error>,
    request: Request,
    next: Next,
) -> Response {
    let request_id = request
        .headers()
        .get(REQUEST_ID)
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions().get::<Problem>().cloned() {
        let shell = caller
            .ok()
            .map(|c| crate::views::shell(&app, &c, Nav::None));
        let status = response.status();
        let page = ErrorPage {
            shell: shell.unwrap_or_default(),
            status: status.as_u16(),
            title: problem.title.to_owned(),
            detail: problem.detail,
            next_step: String::new(),
            links: vec![
                Link {
                    href: "/".to_owned(),
                    label: "Front page".to_owned(),
                },
                Link {
                    href: problem.kind.to_owned(),
                    label: "What this means".to_owned(),
                },
            ],
            request_id,
        };
        let wait = response.headers_mut().remove(header::RETRY_AFTER);
        response = (status, Page(page)).into_response();
        if let Some(wait) = wait {
            response.headers_mut().insert(header::RETRY_AFTER, wait);
        }
    }
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(PAGE_POLICY),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    // Pages differ by who looks.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
