//! `--progress`: how far the reading is, by bytes of all files.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

const TEMPLATE: &str = "{bar:32} {bytes}/{total_bytes} {eta:>4} {msg}";

/// A bar on standard error, or nothing at all.
pub struct Progress(ProgressBar);

impl Progress {
    /// Shown when wanted, and only where standard error is a terminal.
    pub fn new(wanted: bool, files: &[PathBuf]) -> Progress {
        if !wanted {
            return Progress(ProgressBar::hidden());
        }
        let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |m| m.len());
        let total = files.iter().map(size).fold(0, u64::saturating_add);
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(TEMPLATE).expect("the template is a constant");
        Progress(bar.with_style(style))
    }

    /// Counts what is read of the file.
    pub fn watch<'a>(&self, path: &Path, file: &'a File) -> impl Read + use<'a> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        self.0.set_message(crate::formats::clean(&name));
        self.0.wrap_read(file)
    }

    /// Takes the bar away while something is printed on the same terminal.
    pub fn hide_while<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
