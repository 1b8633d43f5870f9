//! A symbol whose version changed once.

use super::*;

pub fn symbols() -> SymbolsPage {
    SymbolsPage {
        shell: shell(Nav::Symbols),
        query: "dev_".into(),
        rows: vec![FoundSymbol {
            href: "/symbols/_dev_err".into(),
            symbol: "_dev_err".into(),
            packages: "214".into(),
            modules: "1,509".into(),
        }],
        is_cut: true,
    }
}

pub fn symbol() -> SymbolPage {
    let block = |place: u64, letter: &str| TimeBlock {
        class: format!("version-{place}"),
        letter: letter.into(),
        x: place * TimeBlock::WIDTH,
        width: TimeBlock::WIDTH,
    };
    let run = |letter: &str, crcs: &str, last: Option<&str>| SymbolRun {
        class: "version-0".into(),
        letter: letter.into(),
        first: "6.4.0-150600.21-default".into(),
        first_href: "/kernels/6".into(),
        last: last.map(Into::into),
        last_href: "/kernels/7".into(),
        kernels: "1 kernel".into(),
        crcs: crcs.into(),
        facts: "for every module, by vmlinux".into(),
    };
    SymbolPage {
        shell: shell(Nav::Symbols),
        name: "_dev_err".into(),
        used: "Used by 1,509 modules in 214 published packages".into(),
        lines: vec![SymbolLine {
            title: "sle15-sp6 · default · x86_64".into(),
            text: "Over 3 kernels, its version changed once.".into(),
            width: 3 * TimeBlock::WIDTH,
            blocks: vec![block(0, "A"), block(1, "B"), block(2, "–")],
            runs: vec![
                run("A", "0x92997ed8", None),
                run("B", "0x1f0c2b6d", Some("6.4.0-150600.23.7-default")),
                run("–", "", None),
            ],
        }],
        uses: vec![SymbolUse {
            href: "/packages/0193".into(),
            name: "acme-nic-kmp-default".into(),
            version: "2.14_k6.4.0_150600.21-1.x86_64".into(),
            vendor: "Acme Networks".into(),
            module: "/lib/modules/6.4.0-150600.21-default/updates/acme_nic.ko".into(),
            crc: "0x92997ed8".into(),
        }],
        paging: Paging::new("/symbols/_dev_err", &[], 1, 100, 1_509),
    }
}
