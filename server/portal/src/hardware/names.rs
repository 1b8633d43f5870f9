//! What people call devices, from the lists that systems have anyway (packages `hwdata`, `pci.ids`,
//! `usb.ids`). Where there is no list, devices have no names.
//!
//! ```text
//! vendor  = 4 hex digits, two blanks, name
//! device  = tab, 4 hex digits, two blanks, name
//! ```
//! Lines with two tabs are subsystems and interfaces; at the first line that begins otherwise, other
//! lists begin (`C 02  Network controller`).

use super::device::Device;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where distributions put the lists.
pub const USUAL_FOLDERS: [&str; 2] = ["/usr/share/hwdata", "/usr/share/misc"];
/// Bytes of a list at most; real ones have less than two million.
const LIST_BYTES: u64 = 32 << 20;

/// Names by bus and numbers.
#[derive(Default)]
pub struct Names {
    pci: List,
    usb: List,
}

#[derive(Default)]
struct List {
    vendors: HashMap<u16, Box<str>>,
    devices: HashMap<(u16, u16), Box<str>>,
}

impl Names {
    /// Reads the lists of the first folder that has them.
    #[must_use]
    pub fn read(folders: &[PathBuf]) -> Self {
        let list = |file: &str| {
            let mut found = folders.iter().map(|folder| folder.join(file));
            found.find_map(|path| read(&path)).unwrap_or_default()
        };
        Self {
            pci: list("pci.ids"),
            usb: list("usb.ids"),
        }
    }

    /// Vendor and model in one, or the vendor alone when nobody named the model.
    #[must_use]
    pub fn of(&self, device: Device) -> Option<String> {
        let vendor = self.of_vendor(device)?;
        let model = self
            .list(device)?
            .devices
            .get(&(device.vendor, device.device));
        Some(match model {
            Some(model) => format!("{vendor} {model}"),
            None => vendor.to_owned(),
        })
    }

    /// The vendor's name.
    #[must_use]
    pub fn of_vendor(&self, device: Device) -> Option<&str> {
        Some(self.list(device)?.vendors.get(&device.vendor)?)
    }

    /// Devices whose names hold all these words, whatever their case; so many at most.
    #[must_use]
    pub fn search(&self, words: &[String], most: usize) -> Vec<Device> {
        let mut found = Vec::new();
        for (bus, list) in [("pci", &self.pci), ("usb", &self.usb)] {
            let fits = |vendor: u16, name: &str| {
                let vendor = list.vendors.get(&vendor).map_or("", |it| it);
                let whole = format!("{vendor} {name}").to_lowercase();
                words.iter().all(|word| whole.contains(word.as_str()))
            };
            let named = list.devices.iter();
            let some = named.filter(|((vendor, _), name)| fits(*vendor, name));
            found.extend(some.map(|(&(vendor, device), _)| Device {
                bus,
                vendor,
                device,
            }));
        }
        found.sort_unstable();
        found.truncate(most);
        found
    }

    fn list(&self, device: Device) -> Option<&List> {
        match device.bus {
            "pci" | "hdaudio" => Some(&self.pci),
            "usb" | "hid" => Some(&self.usb),
            _ => None,
        }
    }
}

fn read(path: &Path) -> Option<List> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LIST_BYTES).read_to_end(&mut bytes).ok()?;
    // usb.ids of some distributions has bytes that are no UTF-8.
    Some(parse(&String::from_utf8_lossy(&bytes)))
}

fn parse(text: &str) -> List {
    let mut list = List::default();
    let mut vendor = None;
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') || line.starts_with("\t\t") {
            continue;
        }
        let entry = |text: &str| {
            let (number, name) = text.split_once("  ")?;
            let number = u16::from_str_radix(number, 16).ok()?;
            (!name.trim().is_empty()).then(|| (number, Box::from(name.trim())))
        };
        match line.strip_prefix('\t') {
            Some(line) => {
                if let (Some(vendor), Some((device, name))) = (vendor, entry(line)) {
                    list.devices.insert((vendor, device), name);
                }
            }
            None => match entry(line).filter(|_| line.as_bytes()[0].is_ascii_hexdigit()) {
                Some((number, name)) => {
                    vendor = Some(number);
                    list.vendors.insert(number, name);
                }
                None => return list,
            },
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    const PCI: &str = "# comment\n\n8086  Intel Corporation\n\t1502  82579LM Gigabit\n\
                       \t\t1028 04a3  Some board\n\t1503  82579V\n10de  NVIDIA\nC 02  Network\n\t00  Ethernet\n";

    fn device(text: &str) -> Device {
        Device::parse(text).unwrap()
    }

    #[test]
    fn names_come_from_the_first_list_alone() {
        let names = Names {
            pci: parse(PCI),
            usb: List::default(),
        };
        for (which, expected) in [
            ("pci:8086:1502", Some("Intel Corporation 82579LM Gigabit")),
            ("pci:8086:ffff", Some("Intel Corporation")),
            ("hdaudio:10de:0001", Some("NVIDIA")),
            ("pci:0002:0000", None),
            ("usb:8086:1502", None),
        ] {
            assert_eq!(names.of(device(which)).as_deref(), expected, "{which}");
        }
        let words = ["intel".to_owned(), "82579v".to_owned()];
        assert_eq!(names.search(&words, 9), [device("pci:8086:1503")]);
        assert_eq!(names.search(&[], 1).len(), 1);
    }

    #[test]
    fn without_lists_nothing_has_a_name() {
        let names = Names::read(&["/no/such/folder".into()]);
        assert_eq!(names.of(device("pci:8086:1502")), None);
    }
}
