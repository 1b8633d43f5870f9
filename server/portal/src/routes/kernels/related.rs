//! What stands beside a kernel's impact: the way to the matrix, the gate and other kernels, and who
//! said that it knows.

use crate::app::App;
use crate::auth::{Caller, Role};
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::pages::{AcknowledgeForm, AcknowledgedBy, Choice, KernelRelated, query_string};
use crate::shown;
use crate::views::{day, moment};
use axum::extract::State;
use axum::response::Redirect;
use serde::Deserialize;
use std::cmp::Reverse;
use std::sync::Arc;
use store::PgConnection;
use store::kernels::{Filter, Kernel};
use uuid::Uuid;

/// Kernels offered for a comparison; any two can be named in the address.
const OFFERED: usize = 100;

/// What the kernel's page shows of it; `breaks_own`: some package of the caller's vendor breaks.
pub async fn related(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
    breaks_own: bool,
) -> Result<KernelRelated> {
    let said = store::acknowledgements::of_kernel(conn, caller.viewer(), kernel.id).await?;
    let is_vendor = matches!(caller.role, Role::Vendor { .. });
    let form = (is_vendor && (breaks_own || !said.is_empty())).then(|| {
        let own = said.first();
        AcknowledgeForm {
            action: format!("/kernels/{}/acknowledge", kernel.id),
            said: own.map(|a| moment(a.at)),
            note: own.map(|a| a.note.clone()).unwrap_or_default(),
            planned: own
                .and_then(|a| a.planned_date)
                .map(|d| d.to_string())
                .unwrap_or_default(),
        }
    });
    let others = others(kernel, line(app, conn, caller, kernel).await?);
    let choices = others.iter().take(OFFERED);
    let choices = choices.map(|k| (k.id.to_string(), k.release.clone()));
    let first = others.first().map(|k| k.id.to_string()).unwrap_or_default();
    Ok(KernelRelated {
        matrix_href: matrix_href(kernel),
        gate_href: (caller.role == Role::Distributor)
            .then(|| format!("/kernels/{}/gate", kernel.id)),
        compare_action: format!("/kernels/{}/diff", kernel.id),
        compare: Choice::list(choices, &first),
        change: super::change::form_of(conn, caller, kernel).await?,
        form,
        acknowledged: match caller.role {
            Role::Distributor => said.into_iter().map(acknowledged).collect(),
            _ => Vec::new(),
        },
    })
}

fn matrix_href(kernel: &Kernel) -> String {
    let pairs = [
        ("product", kernel.product.as_str()),
        ("arch", &kernel.arch),
        ("flavor", &kernel.flavor),
        ("kernel", &kernel.release),
    ];
    format!("/matrix?{}", query_string(&pairs))
}

fn acknowledged(said: store::acknowledgements::Acknowledgement) -> AcknowledgedBy {
    AcknowledgedBy {
        vendor: said.vendor_display_name,
        account: said.account,
        at: moment(said.at),
        planned: said.planned_date.map(day),
        note: said.note,
    }
}

/// The kernels of the same product, architecture and flavor that the caller may see.
async fn line(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
) -> Result<Vec<Kernel>> {
    let filter = Filter {
        product_id: Some(kernel.product_id),
        arch: Some(kernel.arch.clone()),
        flavor: Some(kernel.flavor.clone()),
        ..Filter::default()
    };
    shown::kernels(app, conn, caller, &filter).await
}

/// The kernel registered before this one, of the same product, architecture and flavor.
pub async fn previous(
    app: &App,
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
) -> Result<Option<Kernel>> {
    let line = line(app, conn, caller, kernel).await?;
    let older = line.into_iter().filter(|k| place(k) < place(kernel));
    Ok(older.max_by_key(place))
}

fn place(kernel: &Kernel) -> (store::Time, Uuid) {
    (kernel.created_at, kernel.id)
}

/// Those to compare with, nearest first: older ones before newer ones.
fn others(kernel: &Kernel, line: Vec<Kernel>) -> Vec<Kernel> {
    let others = line.into_iter().filter(|k| k.id != kernel.id);
    let (mut older, mut newer): (Vec<_>, Vec<_>) = others.partition(|k| place(k) < place(kernel));
    older.sort_by_key(|k| Reverse(place(k)));
    newer.sort_by_key(place);
    older.append(&mut newer);
    older
}

/// Query of a comparison that was chosen.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Chosen {
    /// Left out, the kernel before.
    against: Option<Uuid>,
}

/// `GET /kernels/{id}/diff`: to the comparison with the kernel chosen.
pub async fn compare(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    Params(chosen): Params<Chosen>,
) -> Result<Redirect> {
    let mut conn = app.pool.acquire().await?;
    let kernel = shown::kernel(&app, &mut conn, &caller, id).await?;
    let old = match chosen.against {
        // One that is not for the caller is not there, and no address is made of it.
        Some(old) => shown::kernel(&app, &mut conn, &caller, old).await?.id,
        None => previous(&app, &mut conn, &caller, &kernel)
            .await?
            .map(|k| k.id)
            .ok_or_else(|| {
                Error::not_found(format!(
                    "{} is the first of its kernels; there is none before it to compare with.",
                    kernel.release
                ))
            })?,
    };
    Ok(Redirect::to(&format!("/kernels/{old}/diff/{id}")))
}
