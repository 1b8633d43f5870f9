//! `kmp-portal serve` and `kmp-portal worker`.

use anyhow::Context as _;
use portal::config::Config;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Runs the portal until SIGINT or SIGTERM.
pub fn serve(config: Config) -> anyhow::Result<()> {
    runtime()?.block_on(async { portal::serve::serve(config, asked_to_stop()?, None).await })
}

/// Runs a worker until SIGINT or SIGTERM.
pub fn work(config: Config) -> anyhow::Result<()> {
    runtime()?.block_on(async { portal::serve::work(config, asked_to_stop()?).await })
}

/// The one runtime of a command.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    // Mail over TLS and PostgreSQL over TLS share this; already installed is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
}

fn asked_to_stop() -> anyhow::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move { either(&mut interrupt, &mut terminate).await })
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
