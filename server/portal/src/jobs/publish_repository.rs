//! Brings a repository up to date. What goes wrong is noted for the status page until it goes well.

use super::JobError;
use crate::app::App;
use crate::publishing::Publisher;
use std::sync::Arc;

/// # Errors
/// Whatever it is, it lies in this machine and not in the job: it is tried until it goes well.
pub async fn run(app: &Arc<App>, repository_id: i64) -> Result<(), JobError> {
    let publisher = Publisher::of(app);
    let outcome = publisher
        .publish(&app.served, repository_id, app.now())
        .await;
    let Err(error) = outcome else {
        app.hardware.mark_stale();
        return Ok(());
    };
    let noted = async {
        let mut conn = app.pool.acquire().await?;
        let fault = format!("{error:#}");
        store::repositories::set_fault(&mut conn, repository_id, &fault, app.now()).await
    };
    if let Err(error) = noted.await {
        tracing::warn!(%error, "cannot note why a repository was not published");
    }
    Err(JobError::Later(error))
}
