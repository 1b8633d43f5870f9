//! `/hardware` finds devices; `/hardware/{bus}/{vendor}/{device}` tells what drives one.

use super::{Moment, Shell};
use askama::Template;

#[derive(Clone, Debug, Template)]
#[template(path = "hardware.html")]
pub struct HardwarePage {
    pub shell: Shell,
    /// What was looked for; empty: nothing, all devices are listed that packages name.
    pub query: String,
    pub rows: Vec<DeviceRow>,
    /// There are more than these.
    pub is_cut: bool,
    /// Devices looked for in vain; `None`: not for this visitor.
    pub demand: Option<Vec<DemandRow>>,
}

/// A device in a list.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    pub href: String,
    /// `pci 8086:1502`.
    pub id: String,
    /// Empty: nobody named it.
    pub name: String,
    /// Published packages that name it.
    pub packages: String,
}

/// How often a device was looked for.
#[derive(Clone, Debug)]
pub struct DemandRow {
    pub href: String,
    pub id: String,
    pub name: String,
    pub product: String,
    pub arch: String,
    pub times: String,
    pub last: Moment,
}

#[derive(Clone, Debug, Template)]
#[template(path = "hardware_device.html")]
pub struct DevicePage {
    pub shell: Shell,
    /// Its name, or its numbers if nobody named it.
    pub title: String,
    /// `pci 8086:1502`.
    pub id: String,
    /// Newest build first.
    pub drivers: Vec<DriverRow>,
    pub in_kernels: Vec<InKernelRow>,
    /// `None`: not for this visitor.
    pub demand: Option<Vec<DemandRow>>,
}

/// A build that drives the device.
#[derive(Clone, Debug)]
pub struct DriverRow {
    pub href: String,
    pub name: String,
    pub version: String,
    pub vendor: String,
    /// `None`: it lies in a repository of somebody else's.
    pub uploaded: Option<Moment>,
    /// Modules, or nothing when only the package's dependencies name the device.
    pub modules: Vec<String>,
    pub patterns: Vec<String>,
    /// `sle-15, stable`.
    pub places: Vec<String>,
    /// Kernels on which it loads, newest first.
    pub kernels: Vec<String>,
    /// `and 3 more`; empty: these are all.
    pub more_kernels: String,
}

/// A kernel that drives the device itself.
#[derive(Clone, Debug)]
pub struct InKernelRow {
    pub href: String,
    pub release: String,
    pub product: String,
    pub modules: Vec<String>,
}
