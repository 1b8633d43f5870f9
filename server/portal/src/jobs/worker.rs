//! Takes jobs from the queue and runs them, a few at a time.

use super::{Job, JobError};
use crate::app::App;
use futures_util::FutureExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A worker that says nothing for this long is taken for dead.
const LEASE: time::Duration = time::Duration::seconds(60);
/// A working one prolongs its lease this often.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// Looks for due jobs at least this often; news of new ones come at once.
const POLL: Duration = Duration::from_secs(2);
/// When a job is due again that could not be tried.
const LATER: time::Duration = time::Duration::seconds(15);
/// After so many tries an operator has to look.
const MAX_ATTEMPTS: i32 = 12;

/// Running job loops; dropping it does not stop them, [`Worker::stop`] does.
pub struct Worker {
    stop: watch::Sender<bool>,
    loops: Vec<tokio::task::JoinHandle<()>>,
}

impl Worker {
    /// Starts `count` loops.
    #[must_use]
    pub fn start(app: &Arc<App>, count: usize) -> Self {
        let (stop, stopped) = watch::channel(false);
        let loops = (0..count)
            .map(|_| tokio::spawn(work(app.clone(), stopped.clone())))
            .collect();
        Self { stop, loops }
    }

    /// Lets running jobs end and takes no more.
    pub async fn stop(self) {
        // Receivers live in the loops; when those are gone there is nothing to stop.
        let _ = self.stop.send(true);
        for running in self.loops {
            let _ = running.await;
        }
    }
}

async fn work(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut news = app.hub.subscribe();
    while !*stopped.borrow() {
        match run_one(&app).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the job queue does not answer"),
        }
        tokio::select! {
            _ = stopped.changed() => {}
            () = tokio::time::sleep(POLL) => {}
            () = wait_for_job(&mut news) => {}
        }
    }
}

async fn wait_for_job(news: &mut tokio::sync::broadcast::Receiver<Arc<crate::hub::News>>) {
    loop {
        match news.recv().await {
            Ok(n) if n.channel == store::channel::PACKAGES => {}
            _ => return,
        }
    }
}

/// Runs what is due now, until nothing is: for tests and command lines.
///
/// # Errors
/// The database fails.
pub async fn run_due(app: &Arc<App>) -> sqlx::Result<()> {
    while run_one(app).await? {}
    Ok(())
}

/// Runs one due job; says whether there was one.
async fn run_one(app: &Arc<App>) -> sqlx::Result<bool> {
    let now = app.now();
    let claimed = {
        let mut conn = app.pool.acquire().await?;
        store::jobs::claim(&mut conn, now, now + LEASE).await?
    };
    let Some(row) = claimed else { return Ok(false) };
    let started = std::time::Instant::now();
    let outcome = match Job::from_row(&row) {
        Ok(job) => {
            let running = AssertUnwindSafe(job.run(app, row.attempts)).catch_unwind();
            with_heartbeat(app, row.id, running)
                .await
                .unwrap_or_else(|_| Err(JobError::Retry(anyhow::anyhow!("the job panicked"))))
        }
        Err(error) => Err(JobError::GiveUp(error.into())),
    };
    let result = if outcome.is_ok() { "done" } else { "failed" };
    metrics::histogram!("kmp_portal_job_seconds", "kind" => row.kind.clone(), "result" => result)
        .record(started.elapsed().as_secs_f64());
    settle(app, &row, outcome).await?;
    Ok(true)
}

/// Drives a job while prolonging its lease.
async fn with_heartbeat<F: Future>(app: &App, id: i64, running: F) -> F::Output {
    let mut running = std::pin::pin!(running);
    loop {
        tokio::select! {
            output = &mut running => return output,
            () = tokio::time::sleep(HEARTBEAT) => {
                let prolonged = async {
                    let mut conn = app.pool.acquire().await?;
                    store::jobs::extend(&mut conn, id, app.now() + LEASE).await
                };
                if let Err(error) = prolonged.await {
                    tracing::warn!(%error, job.id = id, "cannot prolong the lease of a job");
                }
            }
        }
    }
}

async fn settle(
    app: &App,
    row: &store::jobs::Job,
    outcome: Result<(), JobError>,
) -> sqlx::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let now = app.now();
    match outcome {
        Ok(()) => store::jobs::finish(&mut conn, row.id).await,
        Err(JobError::Later(error)) => {
            let error = format!("{error:#}");
            tracing::error!(
                job.id = row.id,
                job.kind = row.kind,
                error,
                "a job could not be tried, it will be later"
            );
            store::jobs::postpone(&mut conn, row.id, now + LATER, &error).await
        }
        Err(JobError::Retry(error)) if row.attempts < MAX_ATTEMPTS => {
            let error = format!("{error:#}");
            let wait = time::Duration::seconds(1 << row.attempts.clamp(0, 9));
            tracing::warn!(
                job.id = row.id,
                job.kind = row.kind,
                error,
                ?wait,
                "a job failed, it will be tried again"
            );
            store::jobs::retry(&mut conn, row.id, now + wait, &error).await
        }
        Err(JobError::Retry(error) | JobError::GiveUp(error)) => {
            let error = format!("{error:#}");
            tracing::error!(
                job.id = row.id,
                job.kind = row.kind,
                error,
                "a job was given up"
            );
            store::jobs::give_up(&mut conn, row.id, &error, now).await
        }
    }
}
