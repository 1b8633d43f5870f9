//! The program `probe`, which `cargo xtask test`, `fuzz` and `bench` run: optimised, and where the
//! inputs are damaged, with limits of its own.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use probe::endure::{self, Kind};
use probe::{smoke, speed};

const USAGE: &str = "usage:
  probe endure package|module FROM TO RECORD   reads the damaged inputs FROM to TO (exclusive)
  probe input package|module NUMBER FILE       writes one of them to a file
  probe seeds FOLDER                           writes the corpora of the fuzz targets
  probe read-modules FOLDER                    reads all modules, says how fast
  probe read-package FILE TIMES [CERTIFICATE]  reads a package, says how fast
  probe hash BYTES                             one SHA-256 over so many, says how fast";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["endure", kind, from, to, record] => {
            endure::confine()?;
            let cases = from.parse()?..to.parse()?;
            let tally = endure::endure(parse_kind(kind)?, cases, Path::new(record))?;
            println!("{} readable, {} refused", tally.readable, tally.refused);
        }
        ["input", kind, case, file] => {
            fs::write(file, endure::input(parse_kind(kind)?, case.parse()?))?
        }
        ["seeds", folder] => smoke::write_seeds(Path::new(folder))?,
        ["read-modules", folder] => println!("{}", speed::modules(Path::new(folder))?),
        ["hash", bytes] => println!("{}", speed::hash(bytes.parse()?)),
        #[cfg(feature = "signatures")]
        ["read-package", file, times, ref rest @ ..] => {
            let certificate = rest.first().map(Path::new);
            println!(
                "{}",
                speed::package(Path::new(file), certificate, times.parse()?)?
            );
        }
        _ => bail!(USAGE),
    }
    Ok(())
}

fn parse_kind(word: &str) -> Result<Kind> {
    Kind::parse(word).with_context(|| format!("`{word}` is neither package nor module"))
}
