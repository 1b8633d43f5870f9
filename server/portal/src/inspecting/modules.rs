//! Reads the modules of a package, or one that came alone, and nothing else.

use kmod::Module;
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// First bytes of every RPM.
const RPM_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
const READ_AHEAD: usize = 1 << 20;

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modules {
    /// At least one.
    Read(Vec<Module>),
    /// It is neither a package with modules nor a module, or beyond a limit: why, in words.
    Refused(String),
    /// The file could not be read, which says nothing about its content.
    Trouble(String),
}

impl Modules {
    /// Reads an RPM or a module, plain or packed, told apart by the first bytes.
    pub fn read(mut file: impl Read + Seek, name: &str, limits: &kmp::Limits) -> Modules {
        match begins_like_rpm(&mut file) {
            Ok(true) => of_package(file, limits),
            Ok(false) => of_module(file, name, &limits.module),
            Err(error) => Modules::Trouble(error.to_string()),
        }
    }
}

fn begins_like_rpm(file: &mut (impl Read + Seek)) -> io::Result<bool> {
    let mut first = Vec::new();
    file.by_ref()
        .take(RPM_MAGIC.len() as u64)
        .read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(first == RPM_MAGIC)
}

fn of_package(file: impl Read, limits: &kmp::Limits) -> Modules {
    let package = match kmp::read(BufReader::with_capacity(READ_AHEAD, file), limits) {
        Ok(package) => package,
        Err(error @ kmp::Error::Input { .. }) => return Modules::Trouble(error.to_string()),
        Err(error) => return Modules::Refused(format!("The package cannot be read: {error}.")),
    };
    let mut modules = Vec::with_capacity(package.modules.len());
    for packed in package.modules {
        match packed.module {
            Ok(module) => modules.push(module),
            Err(why) => {
                return Modules::Refused(format!("{} cannot be read: {why}.", packed.path));
            }
        }
    }
    if modules.is_empty() {
        return Modules::Refused(
            "The package holds no kernel modules: they belong below /lib/modules/<release>/ or \
             /usr/lib/modules/<release>/."
                .to_owned(),
        );
    }
    Modules::Read(modules)
}

fn of_module(file: impl Read, name: &str, limits: &kmod::Limits) -> Modules {
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a larger file is seen to be too large.
    let most = (limits.unpacked as u64).saturating_add(1);
    if let Err(error) = file.take(most).read_to_end(&mut bytes) {
        return Modules::Trouble(error.to_string());
    }
    match Module::read(&bytes, name, limits) {
        Ok(module) => Modules::Read(vec![module]),
        Err(error) => Modules::Refused(format!(
            "This is neither an RPM nor a kernel module: {error}."
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn read(bytes: Vec<u8>) -> Modules {
        Modules::read(Cursor::new(bytes), "acme.ko", &kmp::Limits::default())
    }

    #[test]
    fn modules_are_read_and_other_files_refused() {
        let module = testkit::ModuleBuilder::new("acme")
            .imports("printk", 1)
            .build();
        let Modules::Read(modules) = read(module) else {
            panic!("a module is read");
        };
        assert_eq!(modules[0].imports.len(), 2, "printk and module_layout");
        for (bytes, expected) in [
            (b"hello".to_vec(), "neither an RPM nor a kernel module"),
            (RPM_MAGIC.to_vec(), "The package cannot be read"),
        ] {
            let Modules::Refused(why) = read(bytes) else {
                panic!("it is refused");
            };
            assert!(why.contains(expected), "{why}");
        }
    }
}
