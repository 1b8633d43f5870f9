//! A new package, judged on every kernel of its product.

use crate::made_up::{self, Random};
use crate::say_times;
use crate::seed::{self, FLAVOR, Seeded};
use crate::server::Server;
use anyhow::ensure;
use kmod::Module;
use store::jobs;
use time::macros::datetime;

/// Packages judged one after the other, once the kernels are in memory.
const TIMES: u32 = 9;

/// Has packages judged, and asks the server how long it worked on it.
pub async fn measure(server: &Server, modules: &[Module], seeded: &Seeded) -> anyhow::Result<()> {
    let mut times = Vec::new();
    let mut random = Random::new(7);
    for number in 0..=TIMES {
        let modules = made_up::package(modules, number, &mut random);
        let mut tx = server.pool.begin().await?;
        let name = format!("vendor0-new-kmp-{FLAVOR}");
        let (vendor, product) = (seeded.vendor, seeded.kernels);
        let id = seed::package(&mut tx, vendor, product, &name, number, modules).await?;
        tx.commit().await?;
        let before = server.spent_on("judge_package").await?;
        let mut conn = server.pool.acquire().await?;
        let payload = serde_json::json!({ "package_id": id });
        jobs::enqueue(
            &mut conn,
            "judge_package",
            &payload,
            datetime!(2026-01-01 12:00 UTC),
        )
        .await?;
        drop(conn);
        server.is_idle().await?;
        let after = server.spent_on("judge_package").await?;
        ensure!(after.1 == before.1 + 1.0, "one job was to be done");
        times.push((after.0 - before.0) * 1e3);
    }
    crate::say("package/cold", times.remove(0));
    say_times("package/new", times);
    Ok(())
}
