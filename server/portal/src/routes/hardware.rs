//! Devices: which packages and kernels drive them, and how often they were looked for in vain. What
//! everybody is told is what everybody may know; the counts are for vendors and distributors.

use crate::app::App;
use crate::auth::{Caller, Role, missing_token};
use crate::error::{Error, Result};
use crate::extract::{Params, Segments};
use crate::hardware::catalogue::{Catalogue, Driver};
use crate::hardware::demand::DAYS;
use crate::hardware::device::Device;
use crate::pages::{
    DemandRow, DevicePage, DeviceRow, DriverRow, HardwarePage, InKernelRow, Nav, thousands,
};
use crate::routes::pages::Page;
use crate::views::{day, moment, shell};
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::lookup::Demand;
use uuid::Uuid;

/// Devices that a list shows.
const LISTED: usize = 200;
/// Kernels named for a build.
const KERNELS_LISTED: usize = 5;
/// Products of which the newest kernel is asked whether it drives a device.
const PRODUCTS_ASKED: usize = 8;
const DEMAND_LISTED: i64 = 50;
/// Counts that the API gives at once.
const DEMAND_MOST: i64 = 1_000;

/// Query of the list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct SearchParams {
    /// A modalias, numbers, or words of a name.
    q: String,
}

/// `GET /hardware`
pub async fn list_page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Page<HardwarePage>> {
    let catalogue = known(&app).await?;
    let query = params.q.trim();
    let mut devices = find(&app, &catalogue, query);
    let is_cut = devices.len() > LISTED;
    devices.truncate(LISTED);
    let rows = devices.into_iter().map(|device| DeviceRow {
        href: device.path(),
        id: id(device),
        name: app.hardware.names.of(device).unwrap_or_default(),
        packages: thousands(catalogue.devices.get(&device).copied().unwrap_or(0)),
    });
    let demand = match query.is_empty() {
        true => demand(&app, &caller, None).await?,
        false => None,
    };
    Ok(Page(HardwarePage {
        shell: shell(&app, &caller, Nav::Hardware),
        query: params.q.clone(),
        rows: rows.collect(),
        is_cut,
        demand: demand.map(|all| all.iter().filter_map(|it| demand_row(&app, it)).collect()),
    }))
}

/// `GET /hardware/{bus}/{vendor}/{device}`
pub async fn device_page(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((bus, vendor, number)): Segments<(String, String, String)>,
) -> Result<Page<DevicePage>> {
    let device = Device::of_words(&bus, &vendor, &number).ok_or_else(|| {
        Error::not_found(
            "Devices have addresses such as /hardware/pci/8086/1502: pci, usb, hid, hdaudio or \
             sdio, and the numbers of vendor and device, four hexadecimal digits each.",
        )
    })?;
    let catalogue = known(&app).await?;
    let demand = demand(&app, &caller, Some(device)).await?;
    Ok(Page(DevicePage {
        shell: shell(&app, &caller, Nav::Hardware),
        title: app.hardware.names.of(device).unwrap_or_else(|| id(device)),
        id: id(device),
        drivers: drivers(&catalogue, device),
        in_kernels: in_kernels(&app, &catalogue, device).await?,
        demand: demand.map(|all| all.iter().filter_map(|it| demand_row(&app, it)).collect()),
    }))
}

/// Query of the counts.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct DemandParams {
    /// `pci:8086:1502`.
    device: Option<String>,
}

/// `GET /api/v1/demand`: for vendors and distributors.
pub async fn demand_list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Params(params): Params<DemandParams>,
) -> Result<Json<Value>> {
    let device = params.device.as_deref().map(|text| {
        Device::parse(text).ok_or_else(|| {
            Error::bad_request(format!(
                "`{text}` is no device; they look like pci:8086:1502."
            ))
        })
    });
    let all = demand(&app, &caller, device.transpose()?).await?;
    let all = all.ok_or_else(missing_token)?;
    let rows = all.iter().map(|it| {
        json!({
            "device": it.device,
            "name": Device::parse(&it.device).and_then(|device| app.hardware.names.of(device)),
            "product": it.product,
            "arch": it.arch,
            "times": it.times,
            "last": it.last.to_string(),
        })
    });
    Ok(Json(
        json!({ "days": DAYS, "demand": rows.collect::<Vec<_>>() }),
    ))
}

async fn known(app: &App) -> Result<Arc<Catalogue>> {
    let none = || anyhow::anyhow!("the database has not been read for look-ups yet");
    Ok(app.hardware.current().await.ok_or_else(none)?)
}

/// `pci 8086:1502`.
fn id(device: Device) -> String {
    format!("{} {:04x}:{:04x}", device.bus, device.vendor, device.device)
}

/// Devices by modalias, by numbers, by words; all that packages name when nothing is asked.
fn find(app: &App, catalogue: &Catalogue, query: &str) -> Vec<Device> {
    if query.is_empty() {
        let all = catalogue.devices.keys().copied();
        return all.take(LISTED + 1).collect();
    }
    if let Some(device) = Device::of_alias(&modalias::normalise(query)) {
        return vec![device];
    }
    let numbers = query.replace(['-', '/'], ":");
    let (bus, numbers) = match numbers.split_once([' ', ':']) {
        Some((bus @ ("pci" | "usb" | "hid" | "hdaudio" | "sdio"), rest)) => (Some(bus), rest),
        _ => (None, numbers.as_str()),
    };
    if let Some((vendor, device)) = numbers.split_once(':') {
        let buses = bus.map_or(vec!["pci", "usb"], |bus| vec![bus]);
        let found = buses.into_iter();
        let found = found.filter_map(|bus| Device::of_words(bus, vendor, device));
        return found.collect();
    }
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    app.hardware.names.search(&words, LISTED + 1)
}

/// Builds that drive the device, the newest upload first.
fn drivers<'c>(catalogue: &'c Catalogue, device: Device) -> Vec<DriverRow> {
    let mut found: BTreeMap<Uuid, (&'c Driver, BTreeSet<&'c str>, BTreeSet<&'c str>)> =
        BTreeMap::new();
    let mut note = |driver: &'c Driver, pattern: Option<&'c str>, module: Option<&'c str>| {
        let (_, patterns, modules) = found
            .entry(driver.id)
            .or_insert_with(|| (driver, BTreeSet::new(), BTreeSet::new()));
        patterns.extend(pattern);
        modules.extend(module);
    };
    catalogue.each(&device.plain_alias(), |pattern, owner| {
        let module = owner
            .module
            .and_then(|at| owner.driver.modules.get(at as usize));
        note(
            &owner.driver,
            Some(pattern),
            module.map(|it| it.name.as_str()),
        );
    });
    // Patterns that ask for a subsystem or an interface as well.
    for driver in catalogue.drivers.values() {
        if driver.devices.contains(&device) {
            note(driver, None, None);
        }
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by_key(|(driver, ..)| std::cmp::Reverse((driver.created_at, driver.id)));
    found
        .into_iter()
        .map(|(driver, patterns, modules)| row(catalogue, driver, &patterns, &modules))
        .collect()
}

fn row(
    catalogue: &Catalogue,
    driver: &Driver,
    patterns: &BTreeSet<&str>,
    modules: &BTreeSet<&str>,
) -> DriverRow {
    let words = |set: &BTreeSet<&str>| set.iter().map(|&it| it.to_owned()).collect();
    let name_of = |id: i64| catalogue.lines.iter().find(|line| line.product.id == id);
    let places = catalogue.places.get(&driver.id).into_iter().flatten();
    let mut places: BTreeSet<String> = places
        .filter_map(|(id, channel)| Some(format!("{}, {channel}", name_of(*id)?.product.name)))
        .collect();
    let source = catalogue.source_of(driver);
    if let Some(line) = source.and_then(|it| name_of(it.product_id)) {
        places.insert(format!("{}, external repository", line.product.name));
    }
    let verdicts = catalogue
        .verdicts
        .get(&driver.id)
        .map_or(&[][..], AsRef::as_ref);
    let loads = |id: Uuid| {
        verdicts
            .iter()
            .any(|(kernel, it)| *kernel == id && it.loads())
    };
    let kernels = catalogue
        .kernels
        .iter()
        .filter(|it| !it.is_retired && loads(it.id));
    let mut kernels: Vec<String> = kernels.map(|it| it.release.clone()).collect();
    let more = kernels.len().saturating_sub(KERNELS_LISTED);
    kernels.truncate(KERNELS_LISTED);
    DriverRow {
        href: match driver.source_id {
            Some(source) => format!("/sources/{source}"),
            None => format!("/packages/{}", driver.id),
        },
        name: driver.name.clone(),
        version: driver.evr.clone(),
        vendor: driver.vendor_display_name.clone(),
        uploaded: driver.created_at.map(moment),
        modules: words(modules),
        patterns: words(patterns),
        places: places.into_iter().collect(),
        kernels,
        more_kernels: match more {
            0 => String::new(),
            more => format!("and {more} more"),
        },
    }
}

/// The newest kernel of each product that drives the device by itself.
async fn in_kernels(app: &App, catalogue: &Catalogue, device: Device) -> Result<Vec<InKernelRow>> {
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for kernel in catalogue.kernels.iter().filter(|it| !it.is_retired) {
        let is_next = seen.len() < PRODUCTS_ASKED && seen.insert((kernel.product_id, &kernel.arch));
        if !is_next {
            continue;
        }
        let Some(own) = app.hardware.own_drivers.of(&app.pool, kernel.id).await? else {
            continue;
        };
        let mut modules = BTreeSet::new();
        own.each(&device.plain_alias(), |_, module| {
            _ = modules.insert(module.to_string())
        });
        let line = catalogue
            .lines
            .iter()
            .find(|it| it.product.id == kernel.product_id);
        if let (Some(line), false) = (line, modules.is_empty()) {
            rows.push(InKernelRow {
                href: format!("/kernels/{}", kernel.id),
                release: kernel.release.clone(),
                product: format!("{}, {}", line.product.name, kernel.arch),
                modules: modules.into_iter().collect(),
            });
        }
    }
    Ok(rows)
}

/// Counts, of one device or the highest; `None`: not for this caller.
async fn demand(app: &App, caller: &Caller, device: Option<Device>) -> Result<Option<Vec<Demand>>> {
    if caller.role == Role::Anonymous {
        return Ok(None);
    }
    app.hardware.demand.save(&app.pool, app.now()).await?;
    let since = app.now().date().saturating_sub(time::Duration::days(DAYS));
    let mut conn = app.pool.acquire().await?;
    let most = match caller.route.contains("/api/") {
        true => DEMAND_MOST,
        false => DEMAND_LISTED,
    };
    Ok(Some(match device {
        Some(device) => store::lookup::demand_of(&mut conn, &device.to_string(), since).await?,
        None => store::lookup::demand(&mut conn, since, most).await?,
    }))
}

fn demand_row(app: &App, demand: &Demand) -> Option<DemandRow> {
    let device = Device::parse(&demand.device)?;
    Some(DemandRow {
        href: device.path(),
        id: id(device),
        name: app.hardware.names.of(device).unwrap_or_default(),
        product: demand.product.clone(),
        arch: demand.arch.clone(),
        times: thousands(demand.times.unsigned_abs()),
        last: day(demand.last),
    })
}
