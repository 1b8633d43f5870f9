//! One kernel against another, over the API: as JSON in parts, or all of it as CSV.

mod entries;
mod page;

pub use page::page;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::extract::{Params, Segments, given};
use crate::routes::csv_file;
use crate::rulings::Rulings;
use crate::shown;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use entries::{Entry, Kind, Side};
use kabi::{Ruled, Ruling};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use store::kernels::Kernel;
use uuid::Uuid;

const ENTRIES: usize = 100;
const MOST_ENTRIES: usize = 1_000;

/// Query of a comparison.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct DiffParams {
    /// Only changes of this kind.
    kind: String,
    /// Part of the symbol's name.
    q: String,
    page: Option<usize>,
    per_page: Option<usize>,
    /// `json` or `csv`.
    format: String,
}

/// Two kernels and what differs, as far as the caller may see it.
struct Comparison {
    old: Kernel,
    new: Kernel,
    /// How many there are of each kind, whatever the filter.
    counts: Vec<(Kind, usize)>,
    /// Those the filter lets through, most used first.
    entries: Vec<Entry>,
    /// Of all changes; `None` for those who are shown a part.
    rulings: Option<Rulings>,
}

impl Comparison {
    async fn find(
        app: &App,
        caller: &Caller,
        (old, new): (Uuid, Uuid),
        params: &DiffParams,
    ) -> Result<Self> {
        let kind = match given(&params.kind) {
            None => None,
            Some(word) => Some(Kind::parse(&word).ok_or_else(|| unknown_kind(&word))?),
        };
        let mut conn = app.pool.acquire().await?;
        let old = shown::kernel(app, &mut conn, caller, old).await?;
        let new = shown::kernel(app, &mut conn, caller, new).await?;
        drop(conn);
        let entries::Found {
            mut entries,
            rulings,
        } = entries::find(app, caller, &old, &new).await?;
        let counts = Kind::ALL.map(|k| (k, entries.iter().filter(|e| e.kind == k).count()));
        let part = params.q.to_lowercase();
        entries.retain(|e| {
            kind.is_none_or(|k| k == e.kind) && e.symbol.to_lowercase().contains(&part)
        });
        Ok(Self {
            old,
            new,
            counts: counts.to_vec(),
            entries,
            rulings,
        })
    }

    /// The entries of one page, from 1.
    fn part(&self, page: usize, per_page: usize) -> &[Entry] {
        let first = (page - 1).saturating_mul(per_page).min(self.entries.len());
        let end = first.saturating_add(per_page).min(self.entries.len());
        &self.entries[first..end]
    }
}

fn unknown_kind(word: &str) -> Error {
    let known = Kind::ALL.map(Kind::code).join(", ");
    Error::bad_request(format!("`{word}` is no kind of change. There are {known}."))
}

fn wants_csv(params: &DiffParams, headers: &HeaderMap) -> Result<bool> {
    let accepts = headers.get(header::ACCEPT).and_then(|v| v.to_str().ok());
    match params.format.as_str() {
        "csv" => Ok(true),
        "json" => Ok(false),
        "" => Ok(accepts.is_some_and(|types| types.contains("text/csv"))),
        other => Err(Error::bad_request(format!(
            "`{other}` is no format. There are json and csv."
        ))),
    }
}

/// `GET /api/v1/kernels/{old}/diff/{new}`
pub async fn diff(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(pair): Segments<(Uuid, Uuid)>,
    Params(params): Params<DiffParams>,
    headers: HeaderMap,
) -> Result<Response> {
    let wants_csv = wants_csv(&params, &headers)?;
    let found = Comparison::find(&app, &caller, pair, &params).await?;
    if wants_csv {
        return csv(&found);
    }
    let page = params.page.unwrap_or(1).max(1);
    let per_page = params.per_page.unwrap_or(ENTRIES).clamp(1, MOST_ENTRIES);
    let counts: Map<String, Value> = found
        .counts
        .iter()
        .map(|(kind, count)| (kind.code().to_owned(), json!(count)))
        .collect();
    let answer = json!({
        "old": kernel_json(&found.old),
        "new": kernel_json(&found.new),
        "counts": counts,
        "severities": found.rulings.as_ref().and_then(|r| ruled_json(r.severities.as_ref())),
        "stablelist": found.rulings.as_ref().and_then(|r| ruled_json(r.stablelist.as_ref())),
        "total": found.entries.len(),
        "page": page,
        "per_page": per_page,
        "changes": found.part(page, per_page).iter().map(entry_json).collect::<Vec<_>>(),
    });
    Ok(Json(answer).into_response())
}

fn kernel_json(kernel: &Kernel) -> Value {
    json!({
        "id": kernel.id,
        "product": kernel.product,
        "arch": kernel.arch,
        "flavor": kernel.flavor,
        "release": kernel.release,
        "status": kernel.status,
    })
}

fn entry_json(entry: &Entry) -> Value {
    json!({
        "symbol": entry.symbol,
        "kind": entry.kind.code(),
        "old": entry.old.as_ref().map(side_json),
        "new": entry.new.as_ref().map(side_json),
        "severities": entry.severities,
        "rule": entry.rule,
        "stablelist": entry.stablelist,
        "packages": entry.packages,
        "modules": entry.modules,
    })
}

/// What a list says of all changes together.
fn ruled_json(ruled: Option<&Ruled>) -> Option<Value> {
    let ruled = ruled?;
    Some(json!({
        "passes": ruled.passes(),
        "fails": ruled.count(Ruling::Fails),
        "warned": ruled.count(Ruling::Warned),
        "tolerated": ruled.count(Ruling::Tolerated),
    }))
}

fn side_json(side: &Side) -> Value {
    json!({
        "crcs": side.crcs,
        "gpl": side.gpl,
        "namespace": side.namespace,
        "provider": side.provider,
    })
}

fn csv(found: &Comparison) -> Result<Response> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let written = write(&mut csv, found).map(|()| csv);
    let bytes = written
        .map_err(anyhow::Error::from)?
        .into_inner()
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(csv_file("kernel-diff.csv", Body::from(bytes)))
}

fn ruling_word(ruling: Ruling) -> String {
    json!(ruling).as_str().unwrap_or_default().to_owned()
}

fn write(csv: &mut csv::Writer<Vec<u8>>, found: &Comparison) -> csv::Result<()> {
    csv.write_record([
        "symbol",
        "kind",
        "old_crc",
        "new_crc",
        "old_gpl",
        "new_gpl",
        "old_namespace",
        "new_namespace",
        "old_provider",
        "new_provider",
        "severities",
        "stablelist",
        "packages",
        "modules",
    ])?;
    for entry in &found.entries {
        let of = |side: &Option<Side>, what: fn(&Side) -> String| {
            side.as_ref().map(what).unwrap_or_default()
        };
        let gpl = |side: &Side| side.gpl.to_string();
        let namespace = |side: &Side| side.namespace.clone().unwrap_or_default();
        let provider = |side: &Side| side.provider.clone();
        csv.write_record([
            entry.symbol.clone(),
            entry.kind.code().to_owned(),
            of(&entry.old, Side::versions),
            of(&entry.new, Side::versions),
            of(&entry.old, gpl),
            of(&entry.new, gpl),
            of(&entry.old, namespace),
            of(&entry.new, namespace),
            of(&entry.old, provider),
            of(&entry.new, provider),
            entry.severities.map(ruling_word).unwrap_or_default(),
            entry.stablelist.map(ruling_word).unwrap_or_default(),
            entry.packages.to_string(),
            entry.modules.to_string(),
        ])?;
    }
    Ok(())
}
