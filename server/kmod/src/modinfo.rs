//! `.modinfo`: what the author and kbuild wrote about the module.
//!
//! ```text
//! section = *( [ entry ] NUL )        entry = key "=" value
//! ```
//! Keys repeat; the loader takes the first. Values are kept verbatim, blanks at the end included.
//! Source: `get_next_modinfo()` in `kernel/module/main.c`.

use crate::{Error, Limits, elf::ElfFile, oddities::Oddities};

/// Every entry in file order.
pub(crate) fn read(
    elf: &ElfFile<'_>,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Vec<(String, String)>, Error> {
    let Some(section) = elf.find_data(".modinfo")? else {
        oddities.add("modinfo-missing", || {
            "there is no .modinfo section: no licence, no vermagic; modpost has not run".to_owned()
        });
        return Ok(Vec::new());
    };
    if section.len() > limits.modinfo_bytes {
        return Err(Error::TooLarge {
            what: "bytes of .modinfo",
            limit: limits.modinfo_bytes as u64,
            name: Some("modinfo-bytes"),
        });
    }
    let entries = || {
        section
            .split(|byte| *byte == 0)
            .filter(|entry| !entry.is_empty())
    };
    if entries().count() > limits.modinfo_entries {
        return Err(Error::TooLarge {
            what: "entries of .modinfo",
            limit: limits.modinfo_entries as u64,
            name: Some("modinfo-entries"),
        });
    }
    Ok(entries()
        .map(|entry| pair(&oddities.text(entry), oddities))
        .collect())
}

fn pair(entry: &str, oddities: &mut Oddities) -> (String, String) {
    match entry.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => {
            oddities.add("modinfo-malformed", || {
                format!(".modinfo holds `{entry}`, which is not key=value")
            });
            (entry.to_owned(), String::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Limits;
    use crate::testing::{acme, codes, read, read_bytes};

    #[test]
    fn entries_are_kept_in_order_and_verbatim() {
        let module = read(
            &acme()
                .alias("pci:v00001B36d*")
                .modinfo("parm", "a:b=c ")
                .license("Dual BSD/GPL")
                .license("GPL"),
        );
        let entry = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let expected = [
            entry("alias", "pci:v00001B36d*"),
            entry("parm", "a:b=c "),
            entry("license", "Dual BSD/GPL"),
            entry("license", "GPL"),
            entry("depends", ""),
            entry("retpoline", "Y"),
            entry("name", "acme_net"),
            entry(
                "vermagic",
                "6.1.0-56-amd64 SMP preempt mod_unload modversions ",
            ),
        ];
        assert_eq!(module.modinfo, expected);
    }

    #[test]
    fn an_entry_without_value_is_odd() {
        let mut bytes = acme().modinfo("note", "x").build();
        let at = bytes
            .windows(7)
            .position(|text| text == b"note=x\0")
            .unwrap();
        bytes[at + 4] = b'_';
        let module = read_bytes(&bytes);
        assert_eq!(module.modinfo[0], ("note_x".to_owned(), String::new()));
        assert_eq!(codes(&module), ["modinfo-malformed"]);
    }

    #[test]
    fn more_than_allowed_is_refused() {
        let bytes = acme().modinfo("parm", "a:b").build();
        let few = Limits {
            modinfo_entries: 3,
            ..Limits::default()
        };
        let short = Limits {
            modinfo_bytes: 40,
            ..Limits::default()
        };
        for (limits, what) in [(few, "entries of .modinfo"), (short, "bytes of .modinfo")] {
            let error = crate::Module::read(&bytes, "a.ko", &limits).unwrap_err();
            assert!(error.to_string().starts_with(what), "{error}");
        }
    }

    #[test]
    fn a_file_without_it_is_odd() {
        let mut bytes = acme().build();
        let at = bytes
            .windows(9)
            .position(|text| text == b".modinfo\0")
            .unwrap();
        bytes[at + 1] = b'_';
        let module = read_bytes(&bytes);
        assert_eq!(codes(&module), ["modinfo-missing"]);
        assert_eq!(module.vermagic, None);
        assert!(!module.is_gpl_compatible());
        assert_eq!(module.name, "acme_net", "from struct module");
    }
}
