//! Symbols over the API: search, and the history of one with the packages that use it.

mod page;

pub use page::{page, search_page};

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::shown;
use crate::timeline::{self, Line, Run, Timeline};
use crate::views::evr;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::PgConnection;
use store::kernels::{Filter, Kernel};
use store::symbols::{Count, Use};

/// Symbols that a search shows.
const FOUND: usize = 200;
const USES: i64 = 100;
const MOST_USES: i64 = 500;

/// Query of a search.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct SearchParams {
    /// Part of the name.
    q: String,
}

/// Symbols found, with how much hangs on each.
struct Found {
    symbols: Vec<Count>,
    /// There are more.
    is_cut: bool,
}

impl Found {
    /// Among what packages use and kernels export, as far as the caller may see them.
    async fn by_part(app: &App, caller: &Caller, part: &str) -> Result<Self> {
        if part.is_empty() {
            return Ok(Self {
                symbols: Vec::new(),
                is_cut: false,
            });
        }
        let mut conn = app.pool.acquire().await?;
        // Of an embargoed one, vendors see what they use, which the other half of the search finds.
        let is_kept = |k: &Kernel| caller.role == Role::Distributor || !k.is_embargoed();
        let all = Filter::default();
        let kernels = shown::kernels_where(app, &mut conn, caller, &all, is_kept).await?;
        app.history.load(&mut conn, &kernels).await?;
        let ids: Vec<_> = kernels.iter().map(|k| k.id).collect();
        let limit = i64::try_from(FOUND).unwrap_or(i64::MAX) + 1;
        let mut names = store::symbols::search(&mut conn, caller.viewer(), part, limit).await?;
        names.extend(app.history.search(&ids, part, FOUND + 1));
        names.sort_unstable();
        names.dedup();
        let is_cut = names.len() > FOUND;
        names.truncate(FOUND);
        let counts = counts(&mut conn, caller, &names).await?;
        Ok(Self {
            symbols: names.iter().map(|name| count_of(&counts, name)).collect(),
            is_cut,
        })
    }
}

async fn counts(
    conn: &mut PgConnection,
    caller: &Caller,
    names: &[String],
) -> Result<BTreeMap<String, Count>> {
    let counts = store::symbols::counts(conn, caller.viewer(), names).await?;
    Ok(counts.into_iter().map(|c| (c.symbol.clone(), c)).collect())
}

fn count_of(counts: &BTreeMap<String, Count>, symbol: &str) -> Count {
    counts.get(symbol).cloned().unwrap_or_else(|| Count {
        symbol: symbol.to_owned(),
        packages: 0,
        modules: 0,
    })
}

/// `GET /api/v1/symbols`
pub async fn search(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Json<Value>> {
    let found = Found::by_part(&app, &caller, &params.q).await?;
    let lines = found
        .symbols
        .iter()
        .map(|c| json!({ "symbol": c.symbol, "packages": c.packages, "modules": c.modules }));
    Ok(Json(json!({
        "symbols": lines.collect::<Vec<_>>(),
        "more": found.is_cut,
    })))
}

/// Query of a symbol: which part of the modules that use it.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct UseParams {
    page: Option<i64>,
    per_page: Option<i64>,
}

/// Everything about a symbol that the caller may know.
struct Symbol {
    name: String,
    used: Count,
    /// The lines with kernels that exported it once.
    lines: Vec<(Line, Timeline)>,
    uses: Vec<Use>,
    part: store::Page,
}

impl Symbol {
    /// 404 for one that nobody uses and no kernel exports, as far as the caller can see.
    async fn find(app: &App, caller: &Caller, name: String, params: &UseParams) -> Result<Self> {
        let limit = params.per_page.unwrap_or(USES).clamp(1, MOST_USES);
        let part = store::Page {
            limit,
            offset: (params.page.unwrap_or(1).clamp(1, 1_000_000) - 1) * limit,
        };
        let mut conn = app.pool.acquire().await?;
        let kernels = shown_kernels(app, &mut conn, caller, &name).await?;
        app.history.load(&mut conn, &kernels).await?;
        let lines = timeline::lines(kernels).into_iter().map(|line| {
            let exports = app.history.of_symbol(&line.ids(), &name);
            let found = timeline::timeline(&exports);
            (line, found)
        });
        let lines: Vec<_> = lines
            .filter(|(_, t)| t.runs.iter().any(|run| run.export.is_some()))
            .collect();
        let names = [name.clone()];
        let used = count_of(&counts(&mut conn, caller, &names).await?, &name);
        if lines.is_empty() && used.modules == 0 {
            return Err(Error::not_found(format!(
                "No kernel exports `{name}`, and no package uses it. `/symbols?q=…` finds symbols \
                 by a part of their name."
            )));
        }
        let (uses, _) = store::symbols::uses(&mut conn, caller.viewer(), &name, part).await?;
        Ok(Self {
            name,
            used,
            lines,
            uses,
            part,
        })
    }

    fn changes(&self) -> usize {
        self.lines.iter().map(|(_, t)| t.changes).sum()
    }
}

/// The kernels of which the caller may know this symbol: of an embargoed one, a vendor only what
/// its own modules use.
async fn shown_kernels(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    symbol: &str,
) -> Result<Vec<Kernel>> {
    let knows = match caller.role {
        Role::Vendor { id, .. } => store::symbols::is_used_by(conn, id, symbol).await?,
        _ => true,
    };
    let is_kept = |k: &Kernel| knows || !k.is_embargoed();
    shown::kernels_where(app, conn, caller, &Filter::default(), is_kept).await
}

/// `GET /api/v1/symbols/{name}`
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    Params(params): Params<UseParams>,
) -> Result<Json<Value>> {
    let symbol = Symbol::find(&app, &caller, name, &params).await?;
    Ok(Json(json!({
        "symbol": symbol.name,
        "packages": symbol.used.packages,
        "modules": symbol.used.modules,
        "changes": symbol.changes(),
        "lines": symbol.lines.iter().map(line_json).collect::<Vec<_>>(),
        "uses": symbol.uses.iter().map(use_json).collect::<Vec<_>>(),
        "page": symbol.part.offset / symbol.part.limit + 1,
        "per_page": symbol.part.limit,
    })))
}

fn line_json((line, timeline): &(Line, Timeline)) -> Value {
    json!({
        "product": line.product,
        "arch": line.arch,
        "flavor": line.flavor,
        "kernels": line.kernels.len(),
        "changes": timeline.changes,
        "removals": timeline.removals,
        "runs": timeline.runs.iter().map(|run| run_json(line, run)).collect::<Vec<_>>(),
    })
}

fn run_json(line: &Line, run: &Run) -> Value {
    let kernel = |place: usize| {
        let kernel = &line.kernels[place];
        json!({ "id": kernel.id, "release": kernel.release })
    };
    let export = run.export.as_deref();
    json!({
        "first": kernel(run.first),
        "last": kernel(run.last),
        "kernels": run.last - run.first + 1,
        "exported": export.is_some(),
        "crcs": export.map(|e| &e.crcs),
        "gpl": export.map(|e| e.gpl),
        "namespace": export.and_then(|e| e.namespace.as_ref()),
        "provider": export.map(|e| &e.provider),
    })
}

fn use_json(used: &Use) -> Value {
    json!({
        "package_id": used.package_id,
        "name": used.name,
        "version": evr(used.epoch, &used.version, &used.release),
        "arch": used.arch,
        "vendor": used.vendor,
        "module": used.module,
        "crc": used.crc,
    })
}
