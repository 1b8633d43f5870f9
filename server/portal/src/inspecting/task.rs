//! What is to be done with an upload, what came of it, and the work between.

use crate::{records, refusals};
use inspect::{Decision, Finding, Inspection, Policy};
use keyring::Certificate;
use kmp::{Limits, SignatureReport, SignatureVerdict};
use serde::{Deserialize, Serialize};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use store::packages::Inspected;

const READ_AHEAD: usize = 1 << 20;

/// What a package is held to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub limits: Limits,
    /// What is demanded of it, for each product that it may turn out to be for.
    pub policies: Vec<Policy>,
    /// Public keys of the vendor who sent it, armored.
    pub own_keys: Vec<String>,
    /// Public keys of all other vendors, armored.
    pub other_keys: Vec<String>,
    /// Seconds since 1970.
    pub now: u64,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was read to its end.
    Read(Box<Reading>),
    /// It is no whole package, or beyond a limit.
    Refused(Finding),
    /// The file could not be read, which says nothing about its content.
    Trouble(String),
}

/// What reading a package gave.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reading {
    pub facts: Inspected,
    /// One for each policy of the task, in their order.
    pub inspections: Vec<Inspection>,
    /// Fingerprint of another vendor's key that signed it.
    pub signed_by_other: Option<String>,
    /// Why registered keys could not be used; for the operator.
    pub key_trouble: Vec<String>,
}

impl Reading {
    /// Some policy accepts it.
    pub fn is_acceptable(&self) -> bool {
        let mut inspections = self.inspections.iter();
        inspections.any(|inspection| inspection.decision == Decision::Accept)
    }
}

impl Task {
    /// Reads the package, judges its signatures and runs all checks.
    pub fn perform(&self, mut file: impl Read + Seek) -> Answer {
        let input = BufReader::with_capacity(READ_AHEAD, &mut file);
        let signers = self.known_signers();
        let read = if signers.is_empty() {
            kmp::read(input, &self.limits)
        } else {
            kmp::read_sealed(input, &self.limits)
        };
        let package = match read {
            Ok(package) => package,
            Err(error @ kmp::Error::Input { .. }) => return Answer::Trouble(error.to_string()),
            Err(error) => return Answer::Refused(refusals::unreadable(&error)),
        };
        let mut key_trouble = Vec::new();
        let mut judge = |keys: &[String]| {
            file.seek(SeekFrom::Start(package.header_start))?;
            let mut signed = BufReader::with_capacity(READ_AHEAD, &mut file);
            let keys = certificates(keys, &mut key_trouble);
            let policy = keyring::Policy::default();
            keyring::judge_stream(&package, &keys, &policy, self.now, &mut signed)
                .map_err(io::Error::other)
        };
        let judged = judge(&self.own_keys).and_then(|own| match good(&own) {
            Some(_) => Ok((own, None)),
            None => judge(&self.other_keys).map(|others| (own, good(&others))),
        });
        let (mut signatures, signed_by_other) = match judged {
            Ok(judged) => judged,
            Err(error) => return Answer::Trouble(error.to_string()),
        };
        signatures.modules = keyring::judge_modules(&package, &signers);
        let inspections = self
            .policies
            .iter()
            .map(|policy| inspect::inspect(&package, &signatures, policy))
            .collect();
        Answer::Read(Box::new(Reading {
            inspections,
            signed_by_other,
            key_trouble,
            facts: records::facts(package, &signatures),
        }))
    }

    /// The certificates in the vendor's kit, by which its modules may be signed.
    fn known_signers(&self) -> Vec<&kmod::Certificate> {
        let mut all: Vec<_> = self
            .policies
            .iter()
            .flat_map(Policy::known_signers)
            .collect();
        all.sort();
        all.dedup();
        all
    }
}

/// Fingerprint of the first key that made a good signature.
fn good(report: &SignatureReport) -> Option<String> {
    report.signatures.iter().find_map(|s| match &s.verdict {
        SignatureVerdict::Good { certificate, .. } => Some(certificate.clone()),
        _ => None,
    })
}

/// A key could be read when it was registered; rules may have become stricter since.
fn certificates(armored: &[String], trouble: &mut Vec<String>) -> Vec<Certificate> {
    let read = |key: &String| match Certificate::parse_all(key.as_bytes()) {
        Ok(certificates) => certificates,
        Err(error) => {
            trouble.push(error.to_string());
            Vec::new()
        }
    };
    armored.iter().flat_map(read).collect()
}
