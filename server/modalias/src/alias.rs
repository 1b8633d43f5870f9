//! Aliases as people type and tools print them, brought to the form the kernel gives.

/// Bytes that a device's alias can have at most: sysfs shows a page.
pub const ALIAS_MAX: usize = 4096;

/// A field of an alias: its letters and its number of hexadecimal digits.
type Field = (&'static str, usize);

/// Buses whose aliases are fields of fixed width with upper-case digits (`file2alias` and the
/// buses' `uevent` functions in the kernel).
const BUSES: &[(&str, &[Field])] = &[
    (
        "pci",
        &[
            ("v", 8),
            ("d", 8),
            ("sv", 8),
            ("sd", 8),
            ("bc", 2),
            ("sc", 2),
            ("i", 2),
        ],
    ),
    (
        "usb",
        &[
            ("v", 4),
            ("p", 4),
            ("d", 4),
            ("dc", 2),
            ("dsc", 2),
            ("dp", 2),
            ("ic", 2),
            ("isc", 2),
            ("ip", 2),
            ("in", 2),
        ],
    ),
    ("hid", &[("b", 4), ("g", 4), ("v", 8), ("p", 8)]),
    ("hdaudio", &[("v", 8), ("r", 8), ("a", 2)]),
    ("virtio", &[("d", 8), ("v", 8)]),
    ("sdio", &[("c", 2), ("v", 4), ("d", 4)]),
    ("ssb", &[("v", 4), ("id", 4), ("rev", 2)]),
    ("bcma", &[("m", 4), ("id", 4), ("rev", 2), ("cl", 2)]),
];

/// The alias without surrounding white space and, on buses whose aliases have digits of one known
/// case and width, with digits of that case. Anything else stays as it is: most buses tell upper
/// from lower case.
pub fn normalise(alias: &str) -> String {
    let alias = alias.trim();
    upper_case_digits(alias).unwrap_or_else(|| alias.to_owned())
}

/// `None` when the alias is not of one of the [`BUSES`] or not of its form. Older kernels leave out
/// the last fields.
fn upper_case_digits(alias: &str) -> Option<String> {
    let (bus, mut rest) = alias.split_once(':')?;
    let (_, fields) = BUSES.iter().find(|(name, _)| *name == bus)?;
    let mut out = format!("{bus}:");
    for (letters, width) in *fields {
        if rest.is_empty() {
            break;
        }
        let digits = rest.strip_prefix(letters)?;
        let digits = digits.get(..*width)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        out.push_str(letters);
        out.push_str(&digits.to_ascii_uppercase());
        rest = &rest[letters.len() + width..];
    }
    rest.is_empty().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brings_digits_to_the_kernels_case() {
        let cases = [
            (
                " pci:v00008086d00001e3asv00001028sd0000059abc07sc80i0a\n",
                "pci:v00008086d00001E3Asv00001028sd0000059Abc07sc80i0A",
            ),
            (
                "usb:v046dpc52bd1211dc00dsc00dp00ic03isc01ip01in0f",
                "usb:v046DpC52Bd1211dc00dsc00dp00ic03isc01ip01in0F",
            ),
            // Without `in`, as kernels before 3.6.
            (
                "usb:v046dpc52bd1211dc00dsc00dp00ic03isc01ip01",
                "usb:v046DpC52Bd1211dc00dsc00dp00ic03isc01ip01",
            ),
            (
                "hid:b0003g0001v0000046dp0000c52b",
                "hid:b0003g0001v0000046Dp0000C52B",
            ),
            // Not of the form, or of a bus that tells cases apart: left alone.
            ("pci:v8086d1e3a", "pci:v8086d1e3a"),
            ("pci:v0000808éd00001e3a", "pci:v0000808éd00001e3a"),
            ("i2c:adt7411", "i2c:adt7411"),
            (
                "vmbus:1df6c444444400449d52802e27ede19f",
                "vmbus:1df6c444444400449d52802e27ede19f",
            ),
            ("", ""),
            ("pci:", "pci:"),
        ];
        for (alias, expected) in cases {
            assert_eq!(normalise(alias), expected);
            assert_eq!(normalise(expected), expected, "twice");
        }
    }
}
