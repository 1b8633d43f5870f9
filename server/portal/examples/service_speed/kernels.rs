//! A new kernel, from the request to stored verdicts and queued mails.

use crate::made_up::{self, Random};
use crate::say;
use crate::seed::{self, ARCH, FLAVOR, PACKAGES, VERMAGIC_TAIL};
use crate::server::Server;
use anyhow::ensure;
use kabi::Kernel;
use serde_json::Value;
use std::time::Instant;
use store::Viewer;
use uuid::Uuid;

/// Symbols that change in a small update.
const FEW: usize = 40;

/// Registers kernels one after the other.
pub async fn measure(
    server: &mut Server,
    old: &Kernel,
    new: &Kernel,
    packages: u32,
    random: &mut Random,
) -> anyhow::Result<()> {
    register(server, "first", old, 1, packages).await?;
    let few = made_up::with_changes(old, FEW, random);
    register(server, "few", &few, 2, packages).await?;
    register(server, "real", new, 3, packages).await?;
    // A release that changes nothing tells nobody anything.
    register(server, "equal", old, 4, packages).await?;
    server.restart().await?;
    let few = made_up::with_changes(old, FEW, random);
    register(server, "cold", &few, 5, packages).await?;
    server.restart().await?;
    let other = made_up::with_changes(new, FEW, random);
    register(server, "cold_real", &other, 6, packages).await
}

async fn register(
    server: &Server,
    name: &str,
    kernel: &Kernel,
    number: u32,
    packages: u32,
) -> anyhow::Result<()> {
    let body = seed::text(kernel);
    let path = format!(
        "/api/v1/kernels?product={PACKAGES}&arch={ARCH}&flavor={FLAVOR}&release={}&status=released\
         &wait=600&vermagic={}",
        seed::release(number),
        VERMAGIC_TAIL.replace(' ', "%20")
    );
    let begun = Instant::now();
    let answer = server.post(&path, body).await?;
    say(
        &format!("kernel/{name}"),
        begun.elapsed().as_secs_f64() * 1e3,
    );
    let answer: Value = serde_json::from_str(&answer)?;
    ensure!(!answer["judged_at"].is_null(), "not judged: {answer}");
    let id: Uuid = answer["id"].as_str().unwrap_or_default().parse()?;
    let mut conn = server.pool.acquire().await?;
    let tally = store::matrix::tally_of_kernels(&mut conn, Viewer::Distributor, &[id]).await?;
    let total: i64 = tally.iter().map(|t| t.packages).sum();
    ensure!(total == i64::from(packages), "{total} verdicts");
    for tally in tally {
        say(
            &format!("kernel/{name}/{}", tally.verdict.as_str()),
            tally.packages as f64,
        );
    }
    let mails = store::mails::vendors_told(&mut conn, id).await?.len();
    say(&format!("kernel/{name}/mails"), mails as f64);
    drop(conn);
    let begun = Instant::now();
    server.is_idle().await?;
    say(
        &format!("kernel/{name}/afterwards"),
        begun.elapsed().as_secs_f64() * 1e3,
    );
    for page in [
        format!("/kernels/{id}"),
        format!("/kernels/{id}/gate"),
        "/".to_owned(),
        "/kernels".to_owned(),
        format!("/api/v1/kernels/{id}/impact"),
    ] {
        let begun = Instant::now();
        server.get(&page).await?;
        let page = page.replace(&id.to_string(), "ID");
        say(
            &format!("kernel/{name}/page:{page}"),
            begun.elapsed().as_secs_f64() * 1e3,
        );
    }
    Ok(())
}
