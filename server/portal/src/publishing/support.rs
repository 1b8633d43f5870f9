//! What the metadata says of support for packages: the product's words, by vendor.

use repomd::Rendered;
use sha2::{Digest as _, Sha256};
use store::repositories::Member;

/// Bytes of a record beside its licence: tag, version and level, about.
const RECORD: usize = 220;

/// What is said in a repository's susedata.
#[derive(Clone, Debug, Default)]
pub struct Susedata(Option<store::support::Support>);

impl Susedata {
    /// What the product says; nothing where it wants no susedata.
    #[must_use]
    pub fn new(said: Option<store::support::Support>) -> Self {
        Self(said)
    }

    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// What is said of a package.
    #[must_use]
    pub fn of(&self, member: &Member) -> Option<repomd::Support> {
        let (level, eula) = self.0.as_ref()?.of(&member.vendor);
        Some(repomd::Support {
            keywords: vec![level.keyword().to_owned()],
            eula: eula.to_owned(),
        })
    }

    /// The package's records with what is said of it.
    #[must_use]
    pub fn add(&self, rendered: Rendered, member: &Member) -> Rendered {
        match self.of(member) {
            Some(support) => rendered.with_support(&support),
            None => rendered,
        }
    }

    /// Length of its record, about: it says where groups end.
    #[must_use]
    pub fn bytes(&self, member: &Member) -> u64 {
        let said = self.0.as_ref().map(|said| said.of(&member.vendor));
        said.map_or(0, |(_, eula)| (RECORD + eula.len()) as u64)
    }

    /// Stands for what is said of these packages, in their order; `None`: nothing.
    #[must_use]
    pub fn digest(&self, members: &[Member]) -> Option<Vec<u8>> {
        let said = self.0.as_ref()?;
        let mut hash = Sha256::new();
        for member in members {
            let (level, eula) = said.of(&member.vendor);
            hash.update(member.package_id.as_bytes());
            hash.update(level.keyword());
            hash.update((eula.len() as u64).to_le_bytes());
            hash.update(eula);
        }
        Some(hash.finalize().to_vec())
    }
}
