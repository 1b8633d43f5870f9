//! `GET /`

use crate::app::App;
use crate::auth::Caller;
use crate::error::Result;
use crate::pages::{Figure, FrontPage, KernelStatus, Nav, UpcomingKernel, counted, thousands};
use crate::routes::packages::{package_rows, repository_box};
use crate::routes::pages::Page;
use crate::shown;
use crate::views::{release_day, shell};
use axum::extract::State;
use std::sync::Arc;
use store::kernels::{Filter, Kernel};
use store::verdicts::Rebuilds;
use store::{PgConnection, Viewer};

const RECENT: i64 = 10;

pub async fn page(State(app): State<Arc<App>>, caller: Caller) -> Result<Page<FrontPage>> {
    let mut conn = app.pool.acquire().await?;
    let filter = store::packages::Filter {
        seen_by: caller.viewer(),
        ..Default::default()
    };
    let rows = store::Page {
        limit: RECENT,
        offset: 0,
    };
    let (packages, _) = store::packages::list(&mut conn, &filter, rows).await?;
    let recent = package_rows(&app, &mut conn, &packages, &caller).await?;
    let mut repositories = Vec::new();
    for product in store::products::list(&mut conn).await? {
        let channel = &product.default_channel;
        repositories.push(repository_box(&app, &mut conn, &product, channel, None).await?);
    }
    Ok(Page(FrontPage {
        shell: shell(&app, &caller, Nav::None),
        figures: figures(&mut conn, caller.viewer()).await?,
        recent,
        upcoming: upcoming(&app, &mut conn, &caller).await?,
        repositories,
    }))
}

async fn figures(conn: &mut PgConnection, viewer: Viewer) -> Result<Vec<Figure>> {
    let figures = store::packages::figures(conn, viewer).await?;
    let figure = |count: i64, one: &str, many: &str, href: Option<&str>| Figure {
        value: thousands(count.unsigned_abs()),
        label: if count == 1 {
            one.to_owned()
        } else {
            many.to_owned()
        },
        href: href.map(str::to_owned),
    };
    Ok(vec![
        figure(figures.packages, "package", "packages", Some("/packages")),
        figure(figures.kernels, "kernel", "kernels", Some("/kernels")),
        figure(figures.vendors, "vendor", "vendors", None),
        figure(figures.products, "product", "products", None),
    ])
}

async fn upcoming(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
) -> Result<Vec<UpcomingKernel>> {
    let filter = Filter {
        status: Some("preview".to_owned()),
        ..Default::default()
    };
    let mut kernels = shown::kernels(app, conn, caller, &filter).await?;
    kernels.sort_by_key(|k| (k.release_at.is_none(), k.release_at));
    let mut upcoming = Vec::new();
    for kernel in kernels {
        let effect = shown::rebuilds_on(conn, caller, &kernel).await?;
        upcoming.push(line(app, &kernel, effect));
    }
    Ok(upcoming)
}

fn line(app: &App, kernel: &Kernel, effect: Rebuilds) -> UpcomingKernel {
    let [packages, breaking, vendors] =
        [effect.packages, effect.to_rebuild, effect.vendors].map(i64::unsigned_abs);
    let verb = if breaking == 1 { "breaks" } else { "break" };
    UpcomingKernel {
        href: format!("/kernels/{}", kernel.id),
        release: kernel.release.clone(),
        product: kernel.product.clone(),
        flavor_arch: format!("{} · {}", kernel.flavor, kernel.arch),
        status: KernelStatus::Preview,
        release_date: release_day(app, kernel),
        impact: match kernel.judged_at {
            None => "Being judged".to_owned(),
            Some(_) => format!(
                "{breaking} of {} {verb}",
                counted(packages, "package", "packages")
            ),
        },
        breaking,
        vendors: match vendors {
            0 => String::new(),
            n => counted(n, "vendor", "vendors"),
        },
    }
}
