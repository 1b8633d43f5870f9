//! What the caller chooses.

use std::path::PathBuf;

/// Where the cluster lives and how it works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder for everything; made when absent. The cluster itself is in `cluster` below it.
    pub data_dir: PathBuf,
    /// Whether data must survive a power cut.
    pub durability: Durability,
    /// Further server settings, name and value, as in `postgresql.conf`. They win over ours, but for
    /// those that keep the cluster private.
    pub extra: Vec<(String, String)>,
}

impl Settings {
    /// A durable cluster in `data_dir`, PostgreSQL's own defaults otherwise.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Settings {
        Settings {
            data_dir: data_dir.into(),
            durability: Durability::Full,
            extra: Vec::new(),
        }
    }
}

/// How much a committed transaction is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Durability {
    /// Survives kill -9 and power cuts; pages carry checksums.
    Full,
    /// For tests: survives kill -9, but a power cut may leave nothing of it. Several times faster.
    Throwaway,
}

impl Durability {
    /// Server settings that go with it.
    pub(crate) fn server_settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Durability::Full => &[],
            Durability::Throwaway => &[
                ("fsync", "off"),
                ("full_page_writes", "off"),
                ("max_connections", "200"),
            ],
        }
    }
}
