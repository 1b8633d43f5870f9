//! The lead: 96 bytes that once described the package and today only mark the file as an RPM.
//!
//! ```text
//! lead = ed ab ee db, major, minor, type (2), architecture (2), name (66), system (2),
//!        signature type (2), reserved (16)
//! ```
//! Type 1 is a source package. Major is 3 in packages of rpm 3 and 4, and 4 in those of rpm 6.

use std::io::Read;

use crate::Error;
use crate::error::Part;
use crate::identity::Identity;
use crate::oddities::Oddities;
use crate::source::Source;

const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];
const SIZE: usize = 96;
const TYPE_AT: usize = 6;
const SIGNATURE_TYPE_AT: usize = 78;
const TYPE_SOURCE: u16 = 1;
/// The signature is a header structure; the only kind since 1996.
const SIGNATURE_HEADER: u16 = 5;

/// What the lead says that is worth comparing with the header.
pub(crate) struct Lead {
    major: u8,
    is_source: bool,
}

impl Lead {
    pub(crate) fn read<R: Read>(
        source: &mut Source<R>,
        oddities: &mut Oddities,
    ) -> Result<Lead, Error> {
        let lead = source.take_up_to(SIZE)?;
        let magic = lead.get(..MAGIC.len()).unwrap_or(&lead);
        if !MAGIC.starts_with(magic) || magic.is_empty() {
            return Err(Error::NotAnRpm {
                found: magic.to_vec(),
            });
        }
        if lead.len() < SIZE {
            let (part, at) = (Part::Lead, source.position());
            return Err(Error::Truncated {
                part,
                at,
                expected: None,
            });
        }
        let major = lead.get(MAGIC.len()).copied().unwrap_or(0);
        let signature_type = half_word(&lead, SIGNATURE_TYPE_AT);
        if !matches!(major, 3 | 4) || signature_type != SIGNATURE_HEADER {
            oddities.note("odd-lead", || {
                format!("the lead has format {major}, signature type {signature_type}")
            });
        }
        Ok(Lead {
            major,
            is_source: half_word(&lead, TYPE_AT) == TYPE_SOURCE,
        })
    }

    /// The header is what counts. Tools that only look at the lead will see something else.
    pub(crate) fn compare(&self, identity: &Identity, oddities: &mut Oddities) {
        if self.is_source != identity.is_source {
            let kind = |is_source| if is_source { "source" } else { "binary" };
            let (lead, header) = (kind(self.is_source), kind(identity.is_source));
            oddities.note("lead-differs", || {
                format!("a {lead} package by its lead, a {header} package by its header")
            });
        }
        if (self.major == 4) != (identity.rpm_format >= 6) {
            let (lead, header) = (self.major, identity.rpm_format);
            let what = || format!("format {lead} by its lead, {header} by its header");
            oddities.note("lead-differs", what);
        }
    }
}

fn half_word(lead: &[u8], at: usize) -> u16 {
    let bytes = lead.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
    u16::from_be_bytes(bytes.unwrap_or_default())
}
