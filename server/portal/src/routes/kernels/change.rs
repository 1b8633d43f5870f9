//! The form on a kernel's page by which a distributor says when it is released, and for whom it is
//! until then.

use super::carry_out;
use crate::app::App;
use crate::audience;
use crate::auth::{Caller, Role};
use crate::embargo::Change;
use crate::error::{Error, Result};
use crate::extract::Segments;
use crate::pages::{ChangeKernelForm, Choice, KernelStatus};
use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::Redirect;
use serde::Deserialize;
use std::sync::Arc;
use store::PgConnection;
use store::kernels::Kernel;
use uuid::Uuid;

/// What the form sends.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Sent {
    csrf: String,
    status: String,
    /// `2026-12-23`, a moment, or empty for none.
    release_date: String,
    /// Separated by commas.
    vendors: String,
}

/// `POST /kernels/{id}/change`
pub async fn submit_change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<Uuid>,
    form: Result<Form<Sent>, FormRejection>,
) -> Result<Redirect> {
    caller.require_distributor()?;
    let Form(sent) = form.map_err(|e| Error::bad_request(e.body_text()))?;
    caller.check_csrf(&sent.csrf)?;
    carry_out(&app, &caller, id, &sent.change()).await?;
    Ok(Redirect::to(&format!("/kernels/{id}#change")))
}

impl Sent {
    fn change(&self) -> Change {
        let words = self.vendors.split(',').map(str::trim);
        let date = self.release_date.trim();
        Change {
            status: (!self.status.is_empty()).then(|| self.status.clone()),
            release_date: Some((!date.is_empty()).then(|| date.to_owned())),
            vendors: Some(words.filter(|w| !w.is_empty()).map(str::to_owned).collect()),
            ..Change::default()
        }
    }
}

/// The form as the kernel stands, for a distributor.
pub async fn form_of(
    conn: &mut PgConnection,
    caller: &Caller,
    kernel: &Kernel,
) -> Result<Option<ChangeKernelForm>> {
    if caller.role != Role::Distributor {
        return Ok(None);
    }
    let audience = store::audience::of_kernel(conn, kernel.id).await?;
    // What was released once never becomes a preview again.
    let offered = KernelStatus::ALL
        .iter()
        .filter(|s| kernel.is_embargoed() || **s != KernelStatus::Preview);
    let statuses = offered.map(|s| (s.code(), s.label()));
    Ok(Some(ChangeKernelForm {
        action: format!("/kernels/{}/change", kernel.id),
        statuses: Choice::list(statuses, &kernel.status),
        release_date: kernel
            .release_date
            .map(|d| d.to_string())
            .unwrap_or_default(),
        vendors: audience::words(&audience).join(", "),
        is_embargoed: kernel.is_embargoed(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_says_all_of_it() {
        let sent = Sent {
            status: "preview".to_owned(),
            release_date: " ".to_owned(),
            vendors: "acme, ,beta,".to_owned(),
            ..Sent::default()
        };
        let expected = Change {
            status: Some("preview".to_owned()),
            release_date: Some(None),
            vendors: Some(vec!["acme".to_owned(), "beta".to_owned()]),
            ..Change::default()
        };
        assert_eq!(sent.change(), expected);
    }
}
