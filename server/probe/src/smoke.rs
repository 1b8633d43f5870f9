//! A short run of every fuzz target: the corpus as it is, then damaged. Always the same inputs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::damage::damaged;
use crate::targets::{TARGETS, Target};

/// Gives each target its corpus, from the folder with its name below `corpora`, and then `times` damaged inputs.
///
/// # Errors
/// A corpus is missing.
pub fn run(corpora: &Path, times: u64) -> Result<()> {
    for target in TARGETS {
        let corpus = corpus(target, corpora)?;
        for bytes in &corpus {
            (target.run)(bytes);
        }
        for case in 0..times {
            (target.run)(&damaged(&corpus, case));
        }
    }
    Ok(())
}

/// Writes the corpora anew.
///
/// # Errors
/// Files cannot be written.
pub fn write_seeds(corpora: &Path) -> Result<()> {
    for target in TARGETS {
        let folder = corpora.join(target.name);
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        for seed in (target.seeds)() {
            fs::write(folder.join(seed.name), seed.bytes)?;
        }
    }
    Ok(())
}

fn corpus(target: &Target, corpora: &Path) -> Result<Vec<Vec<u8>>> {
    let folder = corpora.join(target.name);
    let listed = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<_> = listed
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    ensure!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| Ok(fs::read(file)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Damaged inputs for each target.
    const TIMES: u64 = 2000;

    fn fuzz() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
    }

    #[test]
    fn every_target_endures_its_corpus_and_damage_to_it() {
        run(&fuzz().join("corpus"), TIMES).unwrap();
    }

    #[test]
    fn every_target_has_a_program_and_a_corpus_and_no_more_are_there() {
        let names = |folder: &str| {
            let entries = fs::read_dir(fuzz().join(folder)).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .map(|name| name.trim_end_matches(".rs").to_owned())
                .collect();
            names.sort();
            names
        };
        let mut targets: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        targets.sort_unstable();
        assert_eq!(names("corpus"), targets);
        assert_eq!(names("fuzz_targets"), targets);
    }

    #[test]
    fn seeds_are_good_inputs() {
        let folder = tempfile::tempdir().unwrap();
        write_seeds(folder.path()).unwrap();
        run(folder.path(), 0).unwrap();
    }
}
