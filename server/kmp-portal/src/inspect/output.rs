//! What every format can do: tell of a file, and end.

use super::subject::Report;
use super::{json, junit, sarif, text};
use ::inspect::Policy;
use std::io::{self, Write};

/// How to tell what was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// One JSON object per file, one per line
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    #[value(help = "JUnit XML, for continuous integration")]
    Junit,
}

/// What the exit code says; the worst of all files wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    Clean,
    Rejected,
    Trouble,
}

/// Writes reports in one format.
pub trait Writer {
    /// Tells of one file, or remembers it for the end.
    fn file(&mut self, out: &mut dyn Write, report: &Report) -> io::Result<()>;

    /// There are no more files.
    fn end(&mut self, out: &mut dyn Write) -> io::Result<()>;
}

impl Format {
    /// The writer of this format, for packages under this policy.
    pub fn writer(self, policy: &Policy) -> Box<dyn Writer> {
        match self {
            Format::Text => Box::new(text::Text::for_stdout()),
            Format::Json => Box::new(json::Lines),
            Format::Sarif => Box::new(sarif::Log::default()),
            Format::Junit => Box::new(junit::Suites::new(policy)),
        }
    }
}
