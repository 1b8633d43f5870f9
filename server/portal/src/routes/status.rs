//! The status page, for distributors: what is published, what went wrong, and forms to mend it.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::pages::{Choice, GivenUpRow, Nav, RepositoryRow, RolledBack, StatusPage};
use crate::repositories;
use crate::routes::pages::Page;
use crate::routes::repositories::distributor;
use crate::views::{moment, shell};
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::Redirect;
use serde::Deserialize;
use std::sync::Arc;
use store::PgConnection;
use store::repositories::Repository;

const PAGE: &str = "/status";

/// `GET /status`
pub async fn page(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<StatusPage>> {
    caller.require_distributor()?;
    let mut conn = app.pool.acquire().await?;
    let mut rows = Vec::new();
    for repository in store::repositories::list(&mut conn).await? {
        rows.push(row(&mut conn, repository).await?);
    }
    let counts = store::jobs::counts(&mut conn).await?;
    let given_up = store::jobs::given_up(&mut conn, repositories::GIVEN_UP).await?;
    Ok(Page(StatusPage {
        shell: shell(&app, &caller, Nav::Status),
        faulty: rows.iter().filter(|row| row.fault.is_some()).count(),
        repositories: rows,
        open_jobs: counts.open,
        given_up: given_up
            .into_iter()
            .map(|job| GivenUpRow {
                retry: format!("{PAGE}/jobs/{}/retry", job.id),
                id: job.id,
                kind: job.kind.replace('_', " "),
                subject: job.payload.to_string(),
                attempts: job.attempts,
                at: moment(job.failed_at),
                error: job.error,
            })
            .collect(),
    }))
}

async fn row(conn: &mut PgConnection, repository: Repository) -> Result<RepositoryRow> {
    let kept = store::generations::list(conn, repository.id).await?;
    let current = kept.first();
    let earlier = kept.iter().skip(1).map(|it| {
        let said = format!(
            "{} of {}, {} packages",
            it.number,
            moment(it.created_at).human,
            it.package_count
        );
        (it.number.to_string(), said)
    });
    let name = repository.name();
    let rolled_back = repository.pinned.map(|number| RolledBack {
        number,
        reason: repository.pinned_reason.clone().unwrap_or_default(),
        by: repository.pinned_by.clone().unwrap_or_default(),
    });
    Ok(RepositoryRow {
        action: format!("{PAGE}/repositories/{name}"),
        generation: repository.current,
        packages: current.map_or(0, |it| it.package_count),
        published: current.map(|it| moment(it.created_at)),
        compression: repository.compression,
        fault: repository.fault,
        fault_since: repository.fault_at.map(moment),
        rolled_back,
        is_view: repository.vendor_id.is_some(),
        earlier: Choice::list(earlier, ""),
        name,
    })
}

/// What the forms of the page send.
#[derive(Deserialize)]
pub struct Sent {
    csrf: String,
    /// `roll-back`, `resume` or `publish`; empty for jobs.
    #[serde(default)]
    what: String,
    #[serde(default)]
    generation: String,
    #[serde(default)]
    reason: String,
}

fn sent(caller: &Caller, form: Result<Form<Sent>, FormRejection>) -> Result<Sent> {
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.require_distributor()?;
    caller.check_csrf(&sent.csrf)?;
    Ok(sent)
}

/// `POST /status/repositories/{product}/{channel}/{arch}`, or with `vendors/{vendor}/` before the
/// channel.
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Redirect> {
    let sent = sent(&caller, form)?;
    let (by, now) = (distributor(&caller), app.now());
    let mut tx = app.pool.begin().await?;
    let found = repositories::by_name(&mut tx, &name).await?;
    match sent.what.as_str() {
        "roll-back" => {
            let number = sent.generation.parse().map_err(|_| {
                Error::bad_request(format!("`{}` is no generation.", sent.generation))
            })?;
            repositories::roll_back(&mut tx, &found, number, &sent.reason, by, now).await?;
        }
        "resume" => repositories::resume(&mut tx, &found, by, now).await?,
        "publish" => repositories::publish_again(&mut tx, &found, now).await?,
        other => {
            return Err(Error::bad_request(format!(
                "`{other}` is none of roll-back, resume and publish."
            )));
        }
    }
    tx.commit().await?;
    Ok(Redirect::to(PAGE))
}

/// `POST /status/jobs/{id}/retry`
pub async fn submit_retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<i64>,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Redirect> {
    sent(&caller, form)?;
    let mut tx = app.pool.begin().await?;
    repositories::revive_job(&mut tx, id, distributor(&caller), app.now()).await?;
    tx.commit().await?;
    Ok(Redirect::to(PAGE))
}
