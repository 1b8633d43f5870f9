//! Devices, found and described.

use super::*;

fn looked_for() -> DemandRow {
    DemandRow {
        href: "/hardware/pci/8086/15f3".into(),
        id: "pci 8086:15f3".into(),
        name: "Intel Corporation Ethernet Controller I225-V".into(),
        product: "sle15-sp6".into(),
        arch: "x86_64".into(),
        times: "1,204".into(),
        last: moment("2026-11-23", "23 Nov 2026"),
    }
}

pub fn hardware() -> HardwarePage {
    HardwarePage {
        shell: shell(Nav::Hardware),
        query: String::new(),
        rows: vec![
            DeviceRow {
                href: "/hardware/pci/ace1/1001".into(),
                id: "pci ace1:1001".into(),
                name: String::new(),
                packages: "3".into(),
            },
            DeviceRow {
                href: "/hardware/usb/1234/5678".into(),
                id: "usb 1234:5678".into(),
                name: "Brain Actuated Technologies Flash Drive".into(),
                packages: "1".into(),
            },
        ],
        is_cut: true,
        demand: Some(vec![looked_for()]),
    }
}

pub fn device() -> DevicePage {
    DevicePage {
        shell: shell(Nav::Hardware),
        title: "Acme Gigabit network card".into(),
        id: "pci ace1:1001".into(),
        drivers: vec![DriverRow {
            href: "/packages/1".into(),
            name: "acme-net-kmp-default".into(),
            version: "2.1_k6.4.0_150600.21-1".into(),
            vendor: "Acme Devices".into(),
            uploaded: Some(moment("2026-11-23T19:52:39Z", "23 Nov 2026, 19:52 UTC")),
            modules: vec!["acme_net".into()],
            patterns: vec!["pci:v0000ACE1d00001001sv*sd*bc*sc*i*".into()],
            places: vec!["sle15-sp6, stable".into()],
            kernels: vec!["6.4.0-150600.21-default".into()],
            more_kernels: "and 3 more".into(),
        }],
        in_kernels: vec![InKernelRow {
            href: "/kernels/1".into(),
            release: "6.4.0-150600.23-default".into(),
            product: "sle15-sp6, x86_64".into(),
            modules: vec!["acme_net_generic".into()],
        }],
        demand: Some(Vec::new()),
    }
}
