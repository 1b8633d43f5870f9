//! What is asked of the look-up, checked and with defaults filled in.

use super::catalogue::{Catalogue, Line};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::collections::HashSet;

/// A machine has some hundred devices.
pub const MOST_MODALIASES: usize = 10_000;
/// The kernel's own limit is `PAGE_SIZE`, some 4,096 bytes.
pub const LONGEST_MODALIAS: usize = 8_192;
/// Bytes of a question, unpacked.
pub const QUESTION_BYTES: usize = 4 << 20;

/// What an installer asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub product: String,
    pub arch: String,
    /// `uname -r` of the kernel to be run; left out, any kernel of the product will do.
    pub kernel: Option<String>,
    /// Channel to install from; left out, the product's default.
    pub channel: Option<String>,
    /// Several channels instead, the best first.
    #[serde(default)]
    pub channels: Vec<String>,
    /// The machine refuses modules that are not signed by a key it knows.
    #[serde(default)]
    pub secure_boot: bool,
    #[serde(default)]
    pub policy: Policy,
    pub modaliases: Vec<String>,
}

/// What the one who asks does without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Only modules under licences that are compatible with the kernel's.
    pub free_only: bool,
    /// Only packages from channels that certify.
    pub certified_only: bool,
    /// Only packages that were inspected and published here, none from the repositories of others.
    pub portal_only: bool,
}

/// A question of which all parts make sense.
#[derive(Clone, Debug)]
pub struct Asked<'q> {
    pub line: &'q Line,
    pub arch: &'q str,
    pub kernel: Option<&'q str>,
    /// At least one.
    pub channels: Vec<&'q str>,
    pub secure_boot: bool,
    pub policy: Policy,
    pub modaliases: Vec<&'q str>,
}

impl Question {
    /// # Errors
    /// 413 or 400 when there are too many modaliases, or one that no device has.
    pub fn check(&self) -> Result<()> {
        let count = self.modaliases.len();
        if count > MOST_MODALIASES {
            return Err(Error::too_large(format!(
                "One question may name {MOST_MODALIASES} modaliases, this one names {count}. \
                 Split it."
            )));
        }
        let mut lengths = self.modaliases.iter().map(String::len);
        if let Some(at) = lengths.position(|length| length > LONGEST_MODALIAS) {
            return Err(Error::bad_request(format!(
                "`modaliases[{at}]` has more than {LONGEST_MODALIAS} bytes; no device has."
            )));
        }
        if self.channel.is_some() && !self.channels.is_empty() {
            return Err(Error::bad_request(
                "Give either `channel` or `channels`, not both.",
            ));
        }
        Ok(())
    }

    /// The question with each modalias once, in the order they came.
    #[must_use]
    pub fn without_repeated(mut self) -> Self {
        let mut seen = HashSet::with_capacity(self.modaliases.len());
        let is_new: Vec<bool> = self.modaliases.iter().map(|it| seen.insert(it)).collect();
        let mut is_new = is_new.into_iter();
        self.modaliases
            .retain(|_| is_new.next().unwrap_or_default());
        self
    }

    /// # Errors
    /// 404 for a product, architecture or channel that there is not, with those there are.
    pub fn settle<'q>(&'q self, catalogue: &'q Catalogue) -> Result<Asked<'q>> {
        let line = catalogue.line(&self.product).ok_or_else(|| {
            let names: Vec<&str> = catalogue.lines.iter().map(|it| &*it.product.name).collect();
            Error::not_found(format!(
                "There is no product `{}`; there are {}.",
                self.product,
                names.join(", ")
            ))
        })?;
        let product = &line.product;
        if !product.arches.contains(&self.arch) {
            return Err(Error::not_found(format!(
                "{} has no architecture `{}`; it has {}.",
                product.name,
                self.arch,
                product.arches.join(", ")
            )));
        }
        let mut channels: Vec<&str> = self.channels.iter().map(String::as_str).collect();
        channels.extend(self.channel.as_deref());
        if channels.is_empty() {
            channels.push(&product.default_channel);
        }
        if let Some(channel) = channels
            .iter()
            .find(|it| !product.channels.iter().any(|known| known == *it))
        {
            let misfit = crate::placing::no_channel(product, channel);
            return Err(Error::not_found(misfit.detail));
        }
        Ok(Asked {
            line,
            arch: &self.arch,
            kernel: self.kernel.as_deref(),
            channels,
            secure_boot: self.secure_boot,
            policy: self.policy,
            modaliases: self.modaliases.iter().map(String::as_str).collect(),
        })
    }
}
