//! The limits of one inspection, and how an operator sets them: `[limits]` in the TOML file,
//! `--limit-NAME`, `KMP_PORTAL_LIMIT_NAME`. The defaults are those of the readers, which
//! `kmp-portal inspect` uses as well.

use bytesize::ByteSize;
use confine::Bounds;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::time::Duration;

/// What an inspection may meet and use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Of the package and its modules.
    pub package: kmp::Limits,
    /// Of what a kernel exports.
    pub symvers: kabi::symvers::Limits,
    /// Bytes of memory for the process that reads it, beside those of the program itself.
    pub memory: u64,
    /// Time of a processor that it may take.
    pub time: Duration,
}

/// Room for the largest module allowed, packed and unpacked, for all facts, and for a decompressor.
const MEMORY: u64 = 1 << 30;
/// Unpacking and hashing the largest payload allowed takes half of it.
const TIME: Duration = Duration::from_secs(120);
/// How many times the processor's time may pass by the clock: others want the processor, too.
const PATIENCE: u32 = 4;
/// And this on top, so that a busy machine is not taken for a greedy package when the time is short.
const GRACE: Duration = Duration::from_secs(30);

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            package: kmp::Limits::default(),
            symvers: kabi::symvers::Limits::default(),
            memory: MEMORY,
            time: TIME,
        }
    }
}

impl Limits {
    /// What the process may use.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let package = &self.package;
        // What the modules say, and the header three times: for each of the repository's lists.
        let answer = package.module_facts + 4 * u64::from(package.header_bytes);
        Bounds {
            memory: self.memory,
            cpu: self.time,
            wall: self.time * PATIENCE + GRACE,
            answer: usize::try_from(answer).unwrap_or(usize::MAX),
        }
    }
}

/// A time with its unit: `90s`, `2min`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span(pub Duration);

impl std::str::FromStr for Span {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Span, Self::Err> {
        humantime::parse_duration(text).map(Span)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The settings: field, flag, environment variable, type, what stands for its value in the help, and
/// the help.
macro_rules! settings {
    ($($field:ident, $flag:literal, $env:literal, $kind:ty, $value_name:literal, $help:literal;)*) => {
        /// What an operator may set; see [`Limits`] for what is left out.
        #[derive(clap::Args, Deserialize, Clone, Debug, Default)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        #[command(next_help_heading = "Limits of inspection")]
        pub struct LimitSettings {
            $(
                #[doc = $help]
                #[arg(
                    long = concat!("limit-", $flag),
                    global = true,
                    hide_short_help = true,
                    env = concat!("KMP_PORTAL_LIMIT_", $env),
                    value_name = $value_name,
                )]
                pub $field: Option<$kind>,
            )*
        }

        impl LimitSettings {
            /// Fills what is left out from elsewhere.
            #[must_use]
            pub fn or(self, other: LimitSettings) -> LimitSettings {
                LimitSettings { $($field: self.$field.or(other.$field),)* }
            }
        }
    };
}

settings! {
    header_entries, "header-entries", "HEADER_ENTRIES", u32, "N",
        "Index entries of one RPM header [default: 65535]";
    header_bytes, "header-bytes", "HEADER_BYTES", ByteSize, "SIZE",
        "Data of one RPM header [default: 16MiB]";
    dependencies, "dependencies", "DEPENDENCIES", usize, "N",
        "Dependencies of all kinds together [default: 262144]";
    changelog_entries, "changelog-entries", "CHANGELOG_ENTRIES", usize, "N",
        "Entries of the change log [default: 65536]";
    files, "files", "FILES", usize, "N",
        "Files, and folders they are in [default: 131072]";
    path_length, "path-length", "PATH_LENGTH", usize, "N",
        "Bytes of one path [default: 4096]";
    path_depth, "path-depth", "PATH_DEPTH", usize, "N",
        "Folders within folders in one path [default: 128]";
    payload_bytes, "payload-bytes", "PAYLOAD_BYTES", ByteSize, "SIZE",
        "The payload, unpacked [default: 4GiB]";
    payload_ratio, "payload-ratio", "PAYLOAD_RATIO", u64, "N",
        "Unpacked bytes of the payload for each packed byte, beyond the first 16 MiB [default: 250]";
    decoder_memory, "decoder-memory", "DECODER_MEMORY", ByteSize, "SIZE",
        "Memory that a decompressor may ask for [default: 128MiB]";
    modules, "modules", "MODULES", usize, "N",
        "Modules in one package [default: 16384]";
    module_facts, "module-facts", "MODULE_FACTS", ByteSize, "SIZE",
        "What all modules of a package say together [default: 64MiB]";
    module_bytes, "module-bytes", "MODULE_BYTES", ByteSize, "SIZE",
        "One module, unpacked [default: 256MiB]";
    module_ratio, "module-ratio", "MODULE_RATIO", usize, "N",
        "Unpacked bytes of a module for each packed byte, beyond the first MiB [default: 200]";
    module_symbols, "module-symbols", "MODULE_SYMBOLS", usize, "N",
        "Imports and exports of one module [default: 200000]";
    module_name_bytes, "module-name-bytes", "MODULE_NAME_BYTES", ByteSize, "SIZE",
        "Symbol names of one module [default: 64MiB]";
    modinfo_entries, "modinfo-entries", "MODINFO_ENTRIES", usize, "N",
        "Entries of one module's .modinfo [default: 65536]";
    modinfo_bytes, "modinfo-bytes", "MODINFO_BYTES", ByteSize, "SIZE",
        "One module's .modinfo [default: 16MiB]";
    certificates, "certificates", "CERTIFICATES", usize, "N",
        "Certificates in one package [default: 64]";
    certificate_bytes, "certificate-bytes", "CERTIFICATE_BYTES", ByteSize, "SIZE",
        "One certificate [default: 64KiB]";
    symvers_bytes, "symvers-bytes", "SYMVERS_BYTES", ByteSize, "SIZE",
        "One Module.symvers, unpacked [default: 64MiB]";
    symvers_lines, "symvers-lines", "SYMVERS_LINES", usize, "N",
        "Lines of one Module.symvers [default: 1000000]";
    memory, "memory", "MEMORY", ByteSize, "SIZE",
        "Memory for reading one package, beside the program's own [default: 1GiB]";
    time, "time", "TIME", Span, "TIME",
        "Processor time for reading one package; by the clock four times as much and 30s [default: 2min]";
}

impl LimitSettings {
    /// Fills in the defaults. `file_size` is the largest package accepted, in bytes.
    #[must_use]
    pub fn resolve(&self, file_size: u64) -> Limits {
        let usual = Limits::default();
        Limits {
            package: self.of_packages(file_size, &usual.package),
            symvers: kabi::symvers::Limits {
                unpacked: count(self.symvers_bytes, usual.symvers.unpacked),
                lines: self.symvers_lines.unwrap_or(usual.symvers.lines),
            },
            memory: self.memory.map_or(usual.memory, |size| size.as_u64()),
            time: self.time.map_or(usual.time, |Span(time)| time),
        }
    }

    fn of_packages(&self, file_size: u64, usual: &kmp::Limits) -> kmp::Limits {
        let bytes = |size: Option<ByteSize>, usual: u64| size.map_or(usual, |size| size.as_u64());
        kmp::Limits {
            file_size,
            header_entries: self.header_entries.unwrap_or(usual.header_entries),
            header_bytes: bytes(self.header_bytes, usual.header_bytes.into())
                .try_into()
                .unwrap_or(u32::MAX),
            dependencies: self.dependencies.unwrap_or(usual.dependencies),
            changelog_entries: self.changelog_entries.unwrap_or(usual.changelog_entries),
            files: self.files.unwrap_or(usual.files),
            path_length: self.path_length.unwrap_or(usual.path_length),
            path_depth: self.path_depth.unwrap_or(usual.path_depth),
            payload: bytes(self.payload_bytes, usual.payload),
            ratio: self.payload_ratio.unwrap_or(usual.ratio),
            decoder_memory: bytes(self.decoder_memory, usual.decoder_memory),
            modules: self.modules.unwrap_or(usual.modules),
            module_facts: bytes(self.module_facts, usual.module_facts),
            certificates: self.certificates.unwrap_or(usual.certificates),
            certificate_bytes: count(self.certificate_bytes, usual.certificate_bytes),
            module: self.of_modules(&usual.module),
        }
    }

    fn of_modules(&self, usual: &kmod::Limits) -> kmod::Limits {
        kmod::Limits {
            unpacked: count(self.module_bytes, usual.unpacked),
            ratio: self.module_ratio.unwrap_or(usual.ratio),
            symbols: self.module_symbols.unwrap_or(usual.symbols),
            modinfo_entries: self.modinfo_entries.unwrap_or(usual.modinfo_entries),
            modinfo_bytes: count(self.modinfo_bytes, usual.modinfo_bytes),
            name_bytes: count(self.module_name_bytes, usual.name_bytes),
            decoder_memory: self
                .decoder_memory
                .map_or(usual.decoder_memory, |size| size.as_u64()),
        }
    }
}

fn count(size: Option<ByteSize>, usual: usize) -> usize {
    match size {
        Some(size) => usize::try_from(size.as_u64()).unwrap_or(usize::MAX),
        None => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, Command};

    /// As the help of the command line gives them.
    fn defaults() -> Vec<(String, String)> {
        let command = LimitSettings::augment_args(Command::new("portal"));
        let told = command.get_arguments().map(|argument| {
            let name = argument.get_long().unwrap().trim_start_matches("limit-");
            let help = argument.get_help().unwrap().to_string();
            let value = help.split_once("[default: ").unwrap().1;
            (name.to_owned(), value.trim_end_matches(']').to_owned())
        });
        told.collect()
    }

    #[test]
    fn the_defaults_are_those_that_the_help_tells() {
        let toml: String = defaults()
            .iter()
            .map(|(name, value)| match value.parse::<u64>() {
                Ok(number) => format!("{name} = {number}\n"),
                Err(_) => format!("{name} = \"{value}\"\n"),
            })
            .collect();
        let settings: LimitSettings = toml::from_str(&toml).unwrap();
        let usual = Limits::default();
        assert_eq!(settings.resolve(usual.package.file_size), usual);
        assert_eq!(settings.modules, Some(16_384));
    }

    #[test]
    fn every_limit_is_in_the_tables_for_people() {
        let readme = include_str!("../../../README.md");
        let example = include_str!("../../../deploy/kmp-portal.toml");
        for (name, value) in defaults() {
            let row = format!("| `{name}` | {value} |");
            assert!(readme.contains(&row), "README.md lacks: {row}");
            let numeric = value.parse::<u64>().is_ok();
            let quote = if numeric { "" } else { "\"" };
            let line = format!("#{name} = {quote}{value}{quote}");
            assert!(
                example.contains(&line),
                "deploy/kmp-portal.toml lacks: {line}"
            );
        }
    }

    #[test]
    fn sizes_and_times_have_units() {
        let settings: LimitSettings =
            toml::from_str("memory = \"64MiB\"\ntime = \"90s\"\nheader-bytes = 1000\n").unwrap();
        let limits = settings.resolve(7);
        assert_eq!(limits.memory, 64 << 20);
        assert_eq!(limits.time, Duration::from_secs(90));
        assert_eq!(limits.package.header_bytes, 1000);
        assert_eq!(limits.package.file_size, 7);
        for bad in ["time = \"soon\"", "memory = \"much\"", "patience = 1"] {
            assert!(toml::from_str::<LimitSettings>(bad).is_err(), "{bad}");
        }
    }
}
