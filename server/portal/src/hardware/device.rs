//! Which device an alias is of: bus, vendor and device, as far as the bus numbers them.
//!
//! ```text
//! pci:v00008086d00001502sv…      usb:v046DpC52Bd…         hid:b0003g0001v0000046Dp0000C52B
//! hdaudio:v10EC0269r…            sdio:c00v02D0d4330
//! ```
//! Source: the kernel's scripts/mod/file2alias.c.

use std::fmt;

/// Buses whose devices have numbers, each with what stands before vendor and device.
const BUSES: [(&str, &str, &str); 5] = [
    ("pci", "v0000", "d0000"),
    ("usb", "v", "p"),
    ("hid", "v0000", "p0000"),
    ("hdaudio", "v", ""),
    ("sdio", "v", "d"),
];
/// Digits of a number.
const DIGITS: usize = 4;

/// A model of device, not a single one: no subsystem, revision or serial number is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Device {
    /// `pci`, `usb` …
    pub bus: &'static str,
    pub vendor: u16,
    pub device: u16,
}

impl Device {
    /// The device of an alias, if it has one of the known forms. A pattern is of a device when both
    /// numbers stand in it.
    #[must_use]
    pub fn of_alias(alias: &str) -> Option<Self> {
        let (bus, rest) = alias.split_once(':')?;
        let (bus, vendor_mark, device_mark) = BUSES.into_iter().find(|(name, ..)| *name == bus)?;
        // `hid` and `sdio` begin with other fields.
        let start = match bus {
            "hid" | "sdio" => rest.find('v')?,
            _ => 0,
        };
        let rest = rest.get(start..)?.strip_prefix(vendor_mark)?;
        let (vendor, rest) = number(rest)?;
        let (device, _) = number(rest.strip_prefix(device_mark)?)?;
        Some(Self {
            bus,
            vendor,
            device,
        })
    }

    /// The device of an address' parts: `pci`, `8086`, `1502`.
    #[must_use]
    pub fn of_words(bus: &str, vendor: &str, device: &str) -> Option<Self> {
        let (bus, ..) = BUSES.into_iter().find(|(name, ..)| *name == bus)?;
        let whole = |text: &str| {
            let (number, rest) = number(text)?;
            rest.is_empty().then_some(number)
        };
        Some(Self {
            bus,
            vendor: whole(&vendor.to_ascii_uppercase())?,
            device: whole(&device.to_ascii_uppercase())?,
        })
    }

    /// What [`fmt::Display`] writes, read back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(':');
        let device = Self::of_words(words.next()?, words.next()?, words.next()?)?;
        words.next().is_none().then_some(device)
    }

    /// Its page.
    #[must_use]
    pub fn path(&self) -> String {
        format!(
            "/hardware/{}/{:04x}/{:04x}",
            self.bus, self.vendor, self.device
        )
    }

    /// An alias of it that says nothing else: patterns that ask for more do not match.
    #[must_use]
    pub fn plain_alias(&self) -> String {
        let Self { vendor, device, .. } = self;
        match self.bus {
            "pci" => {
                format!("pci:v0000{vendor:04X}d0000{device:04X}sv00000000sd00000000bc00sc00i00")
            }
            "usb" => {
                format!("usb:v{vendor:04X}p{device:04X}d0000dc00dsc00dp00ic00isc00ip00in00")
            }
            "hid" => format!("hid:b0003g0001v0000{vendor:04X}p0000{device:04X}"),
            "hdaudio" => format!("hdaudio:v{vendor:04X}{device:04X}r00000000a01"),
            _ => format!("sdio:c00v{vendor:04X}d{device:04X}"),
        }
    }
}

/// `pci:8086:1502`.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:04x}:{:04x}", self.bus, self.vendor, self.device)
    }
}

/// Four upper-case hexadecimal digits, and what follows them.
fn number(text: &str) -> Option<(u16, &str)> {
    let digits = text.get(..DIGITS)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte);
    if !digits.bytes().all(is_digit) {
        return None;
    }
    Some((u16::from_str_radix(digits, 16).ok()?, &text[DIGITS..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_aliases() {
        for (alias, expected) in [
            (
                "pci:v00008086d00001502sv00001028sd00000493bc02sc00i00",
                Some("pci:8086:1502"),
            ),
            (
                "pci:v00008086d00001502sv*sd*bc*sc*i*",
                Some("pci:8086:1502"),
            ),
            (
                "usb:v046DpC52Bd1211dc00dsc00dp00ic03isc01ip01in00",
                Some("usb:046d:c52b"),
            ),
            ("hid:b0003g0001v0000046Dp0000C52B", Some("hid:046d:c52b")),
            ("hdaudio:v10EC0269r00100004a01", Some("hdaudio:10ec:0269")),
            ("sdio:c00v02D0d4330", Some("sdio:02d0:4330")),
            ("pci:v00008086d0000150[123]sv*", None),
            ("pci:v00008086d*sv*sd*bc*sc*i*", None),
            ("pci:v10008086d00001502sv*", None),
            ("pci:v0000808éd00001502", None),
            ("acpi:PNP0103:", None),
            ("pci:", None),
            ("", None),
        ] {
            let device = Device::of_alias(alias);
            assert_eq!(
                device.map(|it| it.to_string()).as_deref(),
                expected,
                "{alias}"
            );
            if let Some(device) = device {
                assert_eq!(Device::of_alias(&device.plain_alias()), Some(device));
                assert_eq!(Device::parse(&device.to_string()), Some(device));
            }
        }
    }

    #[test]
    fn an_address_names_a_device_or_none() {
        assert!(Device::of_words("pci", "8086", "15f3").is_some());
        for (bus, vendor, device) in [
            ("isa", "8086", "15f3"),
            ("pci", "808", "15f3"),
            ("pci", "8086", "15f3a"),
            ("pci", "8086", "15g3"),
        ] {
            assert_eq!(Device::of_words(bus, vendor, device), None);
        }
    }
}
