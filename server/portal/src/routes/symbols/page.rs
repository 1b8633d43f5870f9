//! Symbols as pages.

use super::{Found, SearchParams, Symbol, UseParams};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::{Params, Segments};
use crate::pages::{
    FoundSymbol, Nav, Paging, SymbolLine, SymbolPage, SymbolRun, SymbolUse, SymbolsPage, TimeBlock,
    counted, encode, thousands,
};
use crate::routes::pages::Page;
use crate::timeline::{Line, Timeline};
use crate::views::{evr, shell};
use axum::extract::State;
use std::sync::Arc;
use store::symbols::Use;

/// Letters that versions are called by; more than so many begin anew.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Classes that colour them: `version-0` and so on.
const COLOURS: usize = 6;

/// `GET /symbols`
pub async fn search_page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Page<SymbolsPage>> {
    let found = Found::by_part(&app, &caller, &params.q).await?;
    let rows = found.symbols.iter().map(|c| FoundSymbol {
        href: format!("/symbols/{}", encode(&c.symbol)),
        symbol: c.symbol.clone(),
        packages: thousands(c.packages.unsigned_abs()),
        modules: thousands(c.modules.unsigned_abs()),
    });
    Ok(Page(SymbolsPage {
        shell: shell(&app, &caller, Nav::Symbols),
        query: params.q.clone(),
        rows: rows.collect(),
        is_cut: found.is_cut,
    }))
}

/// `GET /symbols/{name}`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(name): Segments<String>,
    Params(params): Params<UseParams>,
) -> Result<Page<SymbolPage>> {
    let symbol = Symbol::find(&app, &caller, name, &params).await?;
    let number = |n: i64| u64::try_from(n).unwrap_or(0);
    let paging = Paging::new(
        &format!("/symbols/{}", encode(&symbol.name)),
        &[],
        number(symbol.part.offset / symbol.part.limit + 1),
        number(symbol.part.limit),
        number(symbol.used.modules),
    );
    Ok(Page(SymbolPage {
        shell: shell(&app, &caller, Nav::Symbols),
        used: format!(
            "Used by {} in {}",
            counted(number(symbol.used.modules), "module", "modules"),
            counted(
                number(symbol.used.packages),
                "published package",
                "published packages"
            ),
        ),
        lines: symbol
            .lines
            .iter()
            .map(|(line, t)| line_view(line, t))
            .collect(),
        uses: symbol.uses.iter().map(use_view).collect(),
        name: symbol.name,
        paging,
    }))
}

fn line_view(line: &Line, timeline: &Timeline) -> SymbolLine {
    let mut known: Vec<&Vec<kmod::Crc>> = Vec::new();
    let mut runs = Vec::new();
    let mut blocks = Vec::new();
    for run in &timeline.runs {
        let (first, last) = (&line.kernels[run.first], &line.kernels[run.last]);
        let place = run.export.as_deref().map(|export| {
            let at = known.iter().position(|crcs| **crcs == export.crcs);
            at.unwrap_or_else(|| {
                known.push(&export.crcs);
                known.len() - 1
            })
        });
        let letter = place.map_or("–", letter);
        let class = place.map_or("version-none".to_owned(), |p| {
            format!("version-{}", p % COLOURS)
        });
        let kernels = (run.last - run.first + 1) as u64;
        blocks.push(TimeBlock {
            class: class.clone(),
            letter: letter.to_owned(),
            x: run.first as u64 * TimeBlock::WIDTH,
            width: kernels * TimeBlock::WIDTH,
        });
        runs.push(SymbolRun {
            class,
            letter: letter.to_owned(),
            first: first.release.clone(),
            first_href: format!("/kernels/{}", first.id),
            last: (run.last > run.first).then(|| last.release.clone()),
            last_href: format!("/kernels/{}", last.id),
            kernels: counted(kernels, "kernel", "kernels"),
            crcs: run.export.as_deref().map(crcs).unwrap_or_default(),
            facts: run
                .export
                .as_deref()
                .map_or_else(|| "not exported".to_owned(), facts),
        });
    }
    SymbolLine {
        title: format!("{} · {} · {}", line.product, line.flavor, line.arch),
        text: summary(line, timeline),
        width: line.kernels.len() as u64 * TimeBlock::WIDTH,
        blocks,
        runs,
    }
}

fn letter(place: usize) -> &'static str {
    let at = place % LETTERS.len();
    &LETTERS[at..=at]
}

fn crcs(export: &kabi::KernelExport) -> String {
    let crcs: Vec<String> = export.crcs.iter().map(|crc| crc.to_padded()).collect();
    crcs.join(", ")
}

fn facts(export: &kabi::KernelExport) -> String {
    let mut words = vec![match export.gpl {
        true => "for GPL-compatible modules".to_owned(),
        false => "for every module".to_owned(),
    }];
    if let Some(namespace) = &export.namespace {
        words.push(format!("namespace {namespace}"));
    }
    words.push(format!("by {}", export.provider));
    words.join(", ")
}

fn summary(line: &Line, timeline: &Timeline) -> String {
    let times = |n: usize| match n {
        0 => "never".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        n => format!("{n} times"),
    };
    let mut text = format!(
        "Over {}, its version changed {}",
        counted(line.kernels.len() as u64, "kernel", "kernels"),
        times(timeline.changes),
    );
    if timeline.removals > 0 {
        text.push_str(&format!(", and it went {}", times(timeline.removals)));
    }
    text.push('.');
    text
}

fn use_view(used: &Use) -> SymbolUse {
    SymbolUse {
        href: format!("/packages/{}", used.package_id),
        name: used.name.clone(),
        version: format!(
            "{}.{}",
            evr(used.epoch, &used.version, &used.release),
            used.arch
        ),
        vendor: used.vendor.clone(),
        module: used.module.clone(),
        crc: used
            .crc
            .map_or_else(|| "none".to_owned(), |crc| crc.to_padded()),
    }
}
