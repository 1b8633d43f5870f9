//! Packages as the API shows them.

use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::shown;
use crate::views::rfc3339;
use serde_json::{Value, json};
use store::packages::{Package, Placement};
use store::verdicts::OnKernel;

/// A package in a list.
pub fn line(package: &Package, placements: &[Placement]) -> Value {
    json!({
        "id": package.id,
        "sha256": hex::encode(&package.sha256),
        "state": package.state,
        "file_name": package.file_name,
        "size": package.size,
        "vendor": package.vendor,
        "nevra": package.nevra(),
        "name": package.name,
        "epoch": package.epoch,
        "version": package.version,
        "release": package.release,
        "arch": package.arch,
        "flavor": package.flavor,
        "kernel_release": package.kernel_release,
        "location": package.location,
        "created_at": rfc3339(package.created_at),
        "placements": placements.iter().map(|p| json!({
            "product": p.product,
            "channel": p.channel,
            "generation": p.generation,
            "is_offered": p.is_offered,
            "since": p.waits_until.map(rfc3339),
            "placed_by": p.placed_by,
        })).collect::<Vec<_>>(),
        "generation": placements.iter().filter_map(|p| p.generation).max(),
    })
}

/// Everything about a package that this caller may know.
pub async fn full(app: &App, package: &Package, caller: &Caller) -> Result<Value> {
    let mut conn = app.pool.acquire().await?;
    let placements = store::packages::placements(&mut conn, package.id).await?;
    let events = store::packages::events(&mut conn, package.id).await?;
    let findings = store::packages::findings(&mut conn, package.id).await?;
    let modules = store::packages::modules(&mut conn, package.id).await?;
    let verdicts = shown::verdicts_of(app, &mut conn, caller, package.id).await?;
    let removals = store::channels::removals(&mut conn, package.id).await?;
    let mut value = line(package, &placements);
    value["taken_out"] = removals
        .iter()
        .map(|it| {
            json!({
                "product": it.product,
                "channel": it.channel,
                "reason": it.reason,
                "by": it.by,
                "at": rfc3339(it.at),
            })
        })
        .collect();
    let withdrawn = events
        .iter()
        .rfind(|it| it.state == store::packages::State::Withdrawn);
    value["withdrawn"] = json!(
        withdrawn
            .filter(|_| package.state == store::packages::State::Withdrawn)
            .map(|it| json!({ "reason": it.reason, "at": rfc3339(it.at) }))
    );
    value["summary"] = json!(package.summary);
    value["license"] = json!(package.license);
    value["signature"] = package.signature.clone().unwrap_or_default();
    value["events"] = events
        .iter()
        .map(|e| json!({ "state": e.state, "reason": e.reason, "at": rfc3339(e.at) }))
        .collect();
    value["findings"] = json!(findings);
    value["modules"] = modules
        .iter()
        .map(|(path, m)| {
            json!({
                "path": path,
                "name": m.name,
                "vermagic": m.vermagic,
                "license": m.licenses().collect::<Vec<_>>(),
                "depends": m.depends(),
                "aliases": m.aliases().collect::<Vec<_>>(),
                "imports": m.imports,
                "exports": m.exports,
            })
        })
        .collect();
    value["verdicts"] = verdicts.iter().map(verdict).collect();
    Ok(value)
}

fn verdict(verdict: &OnKernel) -> Value {
    json!({
        "kernel": {
            "id": verdict.kernel_id,
            "product": verdict.product,
            "release": verdict.release,
            "flavor": verdict.flavor,
            "arch": verdict.arch,
            "status": verdict.status,
        },
        "verdict": verdict.verdict,
        "modules": verdict.modules,
        "modules_total": verdict.totals.modules,
        "modules_load": verdict.totals.modules_load,
        "reasons_total": verdict.totals.reasons,
    })
}
