//! Devices that were looked for in vain, counted in memory and written down now and then. Of who
//! looked nothing is kept: a count is of a model, a product and a day.

use super::device::Device;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use store::{PgPool, Time};

/// Counts in memory at most between two times of writing down.
const MOST: usize = 10_000;
/// Counts are kept so many days.
pub const DAYS: i64 = 90;

/// What was counted since it was last written down, by product, architecture and device.
#[derive(Default)]
pub struct Tally(Mutex<HashMap<(i64, String), HashMap<Device, i64>>>);

impl Tally {
    /// Counts one look-up of each of these devices.
    pub fn add(&self, product_id: i64, arch: &str, devices: impl IntoIterator<Item = Device>) {
        let mut devices = devices.into_iter().peekable();
        if devices.peek().is_none() {
            return;
        }
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = counts.values().map(HashMap::len).sum();
        let mut room = MOST.saturating_sub(total);
        let counts = counts.entry((product_id, arch.to_owned())).or_default();
        for device in devices {
            if let Some(times) = counts.get_mut(&device) {
                *times += 1;
            } else if room > 0 {
                room -= 1;
                counts.insert(device, 1);
            }
        }
    }

    /// Writes everything down, and forgets what is old.
    ///
    /// # Errors
    /// The database fails; what was counted is lost then.
    pub async fn save(&self, pool: &PgPool, now: Time) -> sqlx::Result<()> {
        let counts = {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *counts)
        };
        if counts.is_empty() {
            return Ok(());
        }
        let today = now.date();
        let mut tx = pool.begin().await?;
        for ((product_id, arch), devices) in counts {
            // In one order, so that two processes do not wait for each other in a circle.
            let mut devices: Vec<(String, i64)> = devices
                .into_iter()
                .map(|(device, times)| (device.to_string(), times))
                .collect();
            devices.sort_unstable();
            store::lookup::add_demand(&mut tx, product_id, &arch, today, &devices).await?;
        }
        let before = today.saturating_sub(time::Duration::days(DAYS));
        store::lookup::forget_demand(&mut tx, before).await?;
        tx.commit().await
    }
}
