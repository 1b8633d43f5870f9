//! Starting and stopping: the server, and a worker of its own.

use crate::app::App;
use crate::config::Config;
use crate::database::Database;
use crate::fetch::Fetcher;
use crate::hardware::Hardware;
use crate::hardware::names::Names;
use crate::history::History;
use crate::hub::{Hub, RECONNECTED};
use crate::inspecting::{Inspector, Walls};
use crate::jobs::Worker;
use crate::judging::{Judging, KernelCache};
use crate::mail::Mailer;
use crate::publishing::{Depth, Publisher};
use crate::repository_key::RepositoryKey;
use crate::routes;
use crate::served::Served;
use crate::signatures::Signatures;
use crate::storage::Storage;
use crate::throttle::Throttle;
use crate::what_if::Readers;
use anyhow::Context as _;
use metrics_exporter_prometheus::PrometheusBuilder;
use private_postgres::Cluster;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::PgPool;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How often the private cluster is looked after.
const WATCH: Duration = Duration::from_secs(2);
const HOUSEKEEPING: Duration = Duration::from_secs(30);
/// An upload that pauses longer than a minute is given up; a day later nobody writes to it.
const ABANDONED: Duration = Duration::from_secs(86_400);

/// Serves HTTP and works on jobs until `stop` resolves. Says on `ready` where it listens.
///
/// # Errors
/// Something needed cannot be started, or the private database ended by itself.
pub async fn serve(
    mut config: Config,
    stop: impl Future<Output = ()> + Send + 'static,
    ready: Option<oneshot::Sender<SocketAddr>>,
) -> anyhow::Result<()> {
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    if config.listen.port() == 0 {
        config.base_url = config
            .base_url
            .replace(":0", &format!(":{}", address.port()));
        config.listen = address;
    }
    let mut database = Database::open(&config).await?;
    let app = build(config, database.pool.clone()).await?;
    if database.cluster.is_some() {
        recover(&app).await?;
    }
    if app.config.workers > 0 {
        tell_walls(&app).await;
    }
    let workers = Worker::start(&app, app.config.workers);
    tokio::spawn(check_repositories(app.clone()));
    let service = routes::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
    tracing::info!(%address, url = app.config.base_url, "the portal is open");
    if let Some(ready) = ready {
        // Whoever started us may be gone.
        let _ = ready.send(address);
    }
    let (ending, ended) = oneshot::channel::<()>();
    let server = axum::serve(listener, service)
        .with_graceful_shutdown(async move {
            // The sender dropped means the same as a message: end.
            let _ = ended.await;
        })
        .into_future();
    let mut server = std::pin::pin!(server);
    let outcome = tokio::select! {
        done = &mut server => done.context("serving HTTP"),
        () = stop => {
            tracing::info!("stopping");
            Ok(())
        }
        error = cluster_ended(&mut database.cluster) => Err(error),
    };
    drop(ending);
    // Downloads in progress get a moment to end.
    let _ = tokio::time::timeout(Duration::from_secs(5), server).await;
    workers.stop().await;
    database.close().await?;
    outcome
}

/// Works on jobs only, beside a server on the same database and data folder.
///
/// # Errors
/// Something needed cannot be started.
pub async fn work(
    config: Config,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        config.database_url.is_some(),
        "a worker of its own needs --database-url; a private database belongs to `kmp-portal serve`"
    );
    let database = Database::open(&config).await?;
    let app = build(config, database.pool.clone()).await?;
    tell_walls(&app).await;
    let workers = Worker::start(&app, app.config.workers.max(1));
    tracing::info!("working on jobs");
    stop.await;
    workers.stop().await;
    database.close().await
}

async fn build(config: Config, pool: PgPool) -> anyhow::Result<Arc<App>> {
    let storage = Storage::open(&config.data_dir)
        .with_context(|| format!("opening the data folder {}", config.data_dir.display()))?;
    let mailer = Mailer::new(
        &config.mail_from,
        config.smtp_url.as_deref(),
        &config.mail_dir,
    )?;
    let repository_key = {
        let (folder, config) = (storage.keys(), config.clone());
        let now = now();
        tokio::task::spawn_blocking(move || RepositoryKey::open(&config, &folder, now)).await??
    };
    let names = {
        let folders = config.hardware_ids.clone();
        tokio::task::spawn_blocking(move || Names::read(&folders)).await?
    };
    let hub = Hub::default();
    let served = Served::open(&storage).context("reading which clients are served what")?;
    let app = Arc::new(App {
        storage,
        mailer,
        inspector: Inspector::new(&config.limits),
        fetcher: Fetcher::new(config.fetch_allow.clone())?,
        repository_key: Arc::new(repository_key),
        hub: hub.clone(),
        kernels: KernelCache::default(),
        history: History::default(),
        judging: Judging::default(),
        served,
        signatures: Signatures::default(),
        hardware: Hardware::new(names),
        readers: Readers::default(),
        throttle: Throttle::default(),
        metrics: PrometheusBuilder::new()
            .install_recorder()
            .context("metrics")?,
        pool: pool.clone(),
        config,
    });
    load_repositories(&app).await?;
    tokio::spawn(hub.listen(pool));
    tokio::spawn(follow(app.clone()));
    tokio::spawn(know_hardware(app.clone()));
    tokio::spawn(keep_house(app.clone()));
    tokio::spawn(crate::embargo::watch(app.clone()));
    tokio::spawn(crate::promoting::watch(app.clone()));
    tokio::spawn(crate::mirroring::watch(app.clone()));
    tokio::spawn(crate::sources::watch(app.clone()));
    Ok(app)
}

/// Reads all that is published, beside the work: what a power cut or a hand did to it shows now, and
/// not to the next client that asks for an older file.
async fn check_repositories(app: Arc<App>) {
    if let Err(error) = Publisher::of(&app)
        .check_all(Depth::Metadata, app.now())
        .await
    {
        tracing::warn!(%error, "cannot check the published repositories");
    }
}

/// Loads what clients are to see. What cannot be shown, because its files are damaged, is published
/// anew.
async fn load_repositories(app: &App) -> anyhow::Result<()> {
    let publisher = Publisher::of(app);
    for (repository_id, error) in app.served.reload_all(&app.pool, &app.storage).await? {
        let fault = format!("{error:#}");
        tracing::error!(repository_id, fault, "cannot load a published repository");
        publisher
            .note_fault(repository_id, &fault, app.now())
            .await?;
    }
    Ok(())
}

/// Says how well uploads are kept apart here. A portal that cannot look at them serves all the same.
async fn tell_walls(app: &App) {
    let limits = &app.config.limits;
    match app.inspector.try_walls().await {
        Ok(Walls {
            protections,
            still_possible,
        }) if still_possible.is_empty() => tracing::info!(
            landlock = %protections.landlock,
            seccomp = %protections.seccomp,
            limits.memory,
            ?limits.time,
            "uploads are inspected in a process that can do nothing else"
        ),
        Ok(Walls {
            protections,
            still_possible,
        }) => tracing::warn!(
            landlock = %protections.landlock,
            seccomp = %protections.seccomp,
            ?still_possible,
            "uploads are inspected in a process of its own, but this kernel does not confine it fully"
        ),
        Err(error) => tracing::error!(%error, "uploads cannot be inspected"),
    }
}

#[expect(clippy::disallowed_methods, reason = "before there is an App to ask")]
fn now() -> u64 {
    time::OffsetDateTime::now_utc()
        .unix_timestamp()
        .cast_unsigned()
}

/// Puts in order what a killed server left. We are alone on this folder: its lock says so.
async fn recover(app: &App) -> anyhow::Result<()> {
    let mut conn = app.pool.acquire().await?;
    let jobs = store::jobs::release_all(&mut conn).await?;
    let uploads = app.storage.sweep_incoming(Duration::ZERO)?;
    let mut orphans = 0;
    for sha256 in app.storage.packages()? {
        match store::packages::is_content_wanted(&mut conn, &sha256).await? {
            Some(true) => {}
            Some(false) => app.storage.discard_package(&sha256)?,
            None => {
                app.storage.set_aside(&sha256)?;
                orphans += 1;
            }
        }
    }
    if jobs > 0 || uploads > 0 || orphans > 0 {
        tracing::info!(
            jobs,
            uploads,
            orphans,
            "took up what an interrupted server left"
        );
    }
    Ok(())
}

/// Renews what is kept in memory when any process published something.
async fn follow(app: Arc<App>) {
    let mut news = app.hub.subscribe();
    loop {
        let reloaded = match news.recv().await {
            Ok(n) if n.channel == store::channel::REPOSITORIES => match n.payload.parse() {
                Ok(id) => app.served.reload(&app.pool, &app.storage, id).await,
                Err(_) => Ok(()),
            },
            Ok(n) if n.channel != RECONNECTED => continue,
            Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
            // Reconnected, or fallen behind: anything may have changed.
            _ => load_repositories(&app).await,
        };
        if let Err(error) = reloaded {
            tracing::error!(
                error = format!("{error:#}"),
                "cannot load a published repository"
            );
        }
    }
}

/// Renews what look-ups know, for as long as the process lives.
async fn know_hardware(app: Arc<App>) {
    let now = || app.now();
    app.hardware.keep_renewing(&app.pool, &app.hub, now).await;
}

/// What has to be done now and then, for as long as the process lives.
async fn keep_house(app: Arc<App>) {
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        app.metrics.run_upkeep();
        app.judging.run_upkeep();
        if let Err(error) = app.hardware.demand.save(&app.pool, app.now()).await {
            tracing::warn!(%error, "cannot write down which devices were looked for in vain");
        }
        if let Err(error) = app.storage.sweep_incoming(ABANDONED) {
            tracing::warn!(%error, "cannot look through interrupted uploads");
        }
    }
}

/// Resolves only when the private cluster has died under us.
async fn cluster_ended(cluster: &mut Option<Cluster>) -> anyhow::Error {
    loop {
        tokio::time::sleep(WATCH).await;
        if let Some(cluster) = cluster
            && !cluster.is_alive()
        {
            return anyhow::anyhow!(
                "the private PostgreSQL ended by itself; its log is postgres.log in the data folder"
            );
        }
    }
}
