//! The program as a process, and questions to it.

use anyhow::{Context as _, ensure};
use reqwest::{Client, Response};
use sqlx::postgres::PgPoolOptions;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store::PgPool;

/// A new database, its migrations and the first key take seconds.
const START: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// The name of the private database.
const DATABASE: &str = "kmp_portal";
/// The distributor's token.
pub const TOKEN: &str = "benchmark";

/// The running program.
pub struct Server {
    pub pool: PgPool,
    program: PathBuf,
    data: PathBuf,
    base: String,
    client: Client,
    child: Child,
}

impl Server {
    pub async fn start(program: &Path, data: &Path) -> anyhow::Result<Server> {
        let (child, base) = spawn(program, data)?;
        let mut server = Server {
            // Replaced once there is a database.
            pool: PgPoolOptions::new().connect_lazy("postgres:///none")?,
            program: program.to_owned(),
            data: data.to_owned(),
            base,
            client: Client::new(),
            child,
        };
        server.wait_until_healthy().await?;
        Ok(server)
    }

    /// Stops the program and starts it anew, with nothing in its memory.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.end().await?;
        (self.child, self.base) = spawn(&self.program, &self.data)?;
        self.wait_until_healthy().await
    }

    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.end().await
    }

    async fn end(&mut self) -> anyhow::Result<()> {
        self.pool.close().await;
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status()?;
        ensure!(told.success(), "cannot end the program");
        let ended = self.child.wait()?;
        ensure!(ended.success(), "the program ended with {ended}");
        Ok(())
    }

    async fn wait_until_healthy(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                let log = self.data.join("serve.log");
                anyhow::bail!("the program ended with {status}; see {}", log.display());
            }
            let asked = self.client.get(self.url("/healthz")).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                break;
            }
            ensure!(begun.elapsed() < START, "the program does not answer");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let url = private_postgres::running_url(&self.data, DATABASE);
        let url = url.context("the program keeps no private PostgreSQL")?;
        self.pool = PgPoolOptions::new()
            .max_connections(4)
            .connect(&url)
            .await?;
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<String> {
        let asked = self.client.get(self.url(path)).bearer_auth(TOKEN).send();
        well(asked.await?).await
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<String> {
        let asked = self.client.post(self.url(path)).bearer_auth(TOKEN);
        well(asked.body(body).send().await?).await
    }

    /// Waits until no job is left to do.
    pub async fn is_idle(&self) -> anyhow::Result<()> {
        loop {
            let mut conn = self.pool.acquire().await?;
            if store::jobs::counts(&mut conn).await?.open == 0 {
                return Ok(());
            }
            drop(conn);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Seconds that the server spent on jobs of a kind, and how many these were.
    pub async fn spent_on(&self, kind: &str) -> anyhow::Result<(f64, f64)> {
        let text = self.get("/metrics").await?;
        let sum_of = |name: &str| {
            let is_it = |line: &&str| {
                line.starts_with(&format!("kmp_portal_job_seconds_{name}{{"))
                    && line.contains(&format!("kind=\"{kind}\""))
            };
            let value = |line: &str| line.rsplit(' ').next()?.parse::<f64>().ok();
            text.lines().filter(is_it).filter_map(value).sum::<f64>()
        };
        Ok((sum_of("sum"), sum_of("count")))
    }
}

impl Drop for Server {
    /// After an error: nothing may be left running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn well(answer: Response) -> anyhow::Result<String> {
    let status = answer.status();
    let text = answer.text().await?;
    ensure!(status.is_success(), "{status}: {text}");
    Ok(text)
}

/// Starts the program on a port that was free a moment ago.
fn spawn(program: &Path, data: &Path) -> anyhow::Result<(Child, String)> {
    let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
    let log = File::create(data.join("serve.log"))?;
    let mut serve = Command::new(program);
    serve.arg("serve").arg("--data-dir").arg(data);
    serve.arg("--listen").arg(address.to_string());
    serve
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let child = serve.spawn();
    let child = child.with_context(|| format!("cannot start {}", program.display()))?;
    Ok((child, format!("http://{address}")))
}
