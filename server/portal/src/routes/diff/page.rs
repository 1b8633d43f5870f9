//! One kernel against another, as a page.

use super::entries::{Entry, Kind, Side};
use super::{Comparison, DiffParams};
use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::extract::{Params, Segments};
use crate::pages::{
    Choice, DiffCount, DiffPage, DiffRow, DiffRuling, Link, Nav, Paging, Tone, counted, encode,
    query_string, thousands,
};
use crate::routes::pages::Page;
use crate::views::shell;
use axum::extract::State;
use kabi::Ruling;
use std::sync::Arc;
use store::kernels::Kernel;
use uuid::Uuid;

const ROWS: usize = 100;

/// `GET /kernels/{old}/diff/{new}`
pub async fn page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(pair): Segments<(Uuid, Uuid)>,
    Params(params): Params<DiffParams>,
) -> Result<Page<DiffPage>> {
    let found = Comparison::find(&app, &caller, pair, &params).await?;
    let path = format!("/kernels/{}/diff/{}", found.old.id, found.new.id);
    let pairs = [("kind", params.kind.as_str()), ("q", &params.q)];
    let total = found.entries.len() as u64;
    let page = params.page.unwrap_or(1) as u64;
    let paging = Paging::new(&path, &pairs, page, ROWS as u64, total);
    let place = usize::try_from(paging.page).unwrap_or(1);
    let csv = query_string(&[pairs[0], pairs[1], ("format", "csv")]);
    Ok(Page(DiffPage {
        shell: shell(&app, &caller, Nav::Kernels),
        csv_href: format!("/api/v1{path}?{csv}"),
        swap_href: format!("/kernels/{}/diff/{}", found.new.id, found.old.id),
        old: kernel_link(&found.old),
        new: kernel_link(&found.new),
        line: line_of(&found.new),
        counts: counts(&found, &path),
        query: params.q.clone(),
        kinds: Choice::list(
            [("", "All kinds")]
                .into_iter()
                .chain(Kind::ALL.map(|k| (k.code(), k.label()))),
            &params.kind,
        ),
        is_set: pairs.iter().any(|(_, value)| !value.is_empty()),
        verdicts: verdicts(&found),
        rows: found.part(place, ROWS).iter().map(row).collect(),
        path,
        paging,
    }))
}

/// What each list says of all changes together.
fn verdicts(found: &Comparison) -> Vec<DiffRuling> {
    let Some(rulings) = &found.rulings else {
        return Vec::new();
    };
    let lists = [
        ("Severities", "PASS", "FAIL", &rulings.severities),
        ("Stable symbols", "kept", "broken", &rulings.stablelist),
    ];
    let told = lists.into_iter().filter_map(|(list, pass, fail, ruled)| {
        let ruled = ruled.as_ref()?;
        let failing = ruled.count(Ruling::Fails) + ruled.count(Ruling::Warned);
        Some(match ruled.passes() {
            true => DiffRuling {
                tone: Tone::Good,
                text: format!("{list}: {pass}"),
            },
            false => DiffRuling {
                tone: Tone::Bad,
                text: format!(
                    "{list}: {fail}, {}",
                    counted(failing as u64, "change", "changes")
                ),
            },
        })
    });
    told.collect()
}

/// What a list says of one change, if it says anything.
fn ruling_view(list: &str, ruling: Ruling) -> Option<DiffRuling> {
    let (tone, word) = match ruling {
        Ruling::NotLookedAt => return None,
        Ruling::Tolerated => (Tone::Good, "tolerated"),
        Ruling::Warned => (Tone::Caution, "warned"),
        Ruling::Fails => (Tone::Bad, "fails"),
    };
    Some(DiffRuling {
        tone,
        text: format!("{list}: {word}"),
    })
}

fn kernel_link(kernel: &Kernel) -> Link {
    Link {
        href: format!("/kernels/{}", kernel.id),
        label: kernel.release.clone(),
    }
}

fn line_of(kernel: &Kernel) -> String {
    format!("{} · {} · {}", kernel.product, kernel.flavor, kernel.arch)
}

fn counts(found: &Comparison, path: &str) -> Vec<DiffCount> {
    let counts = found.counts.iter();
    counts
        .map(|(kind, count)| DiffCount {
            label: kind.label().to_owned(),
            count: thousands(*count as u64),
            href: (*count > 0).then(|| format!("{path}?kind={}", kind.code())),
        })
        .collect()
}

fn row(entry: &Entry) -> DiffRow {
    let (old, new) = (entry.old.as_ref(), entry.new.as_ref());
    let show = |what: fn(&Side) -> String| {
        (
            old.map(what).unwrap_or_default(),
            new.map(what).unwrap_or_default(),
        )
    };
    let (old_value, new_value) = match entry.kind {
        Kind::CrcChanged | Kind::Removed | Kind::Added => show(Side::versions),
        Kind::BecameGpl => ("every module".to_owned(), "GPL-compatible ones".to_owned()),
        Kind::NamespaceChanged => {
            show(|side| side.namespace.clone().unwrap_or_else(|| "none".to_owned()))
        }
        Kind::ProviderMoved => show(|side| side.provider.clone()),
    };
    DiffRow {
        href: format!("/symbols/{}", encode(&entry.symbol)),
        symbol: entry.symbol.clone(),
        kind: entry.kind.label().to_owned(),
        old: old_value,
        new: new_value,
        rulings: [
            ("severities", entry.severities),
            ("stablelist", entry.stablelist),
        ]
        .into_iter()
        .filter_map(|(list, ruling)| ruling_view(list, ruling?))
        .collect(),
        packages: thousands(entry.packages.unsigned_abs()),
        modules: thousands(entry.modules.unsigned_abs()),
        is_used: entry.modules > 0,
    }
}
