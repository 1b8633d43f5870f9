//! Looks what a mirror has.

use super::JobError;
use crate::app::App;
use crate::mirroring;

pub async fn run(app: &App, mirror_id: i64) -> Result<(), JobError> {
    Ok(mirroring::probe(app, mirror_id).await?)
}
