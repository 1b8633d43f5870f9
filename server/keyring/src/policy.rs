//! Which algorithms are good enough.
//!
//! The base is the library's standard policy, which drops algorithms at published dates. rpm 4 itself
//! accepts everything, so a vendor's key that works for customers may be refused here; the two
//! exceptions below are for such keys, to be granted with open eyes.

use openpgp::policy::{AsymmetricAlgorithm, HashAlgoSecurity, StandardPolicy};
use openpgp::types::HashAlgorithm;
use sequoia_openpgp as openpgp;
use serde::{Deserialize, Serialize};

use crate::when;

/// Exceptions to the strict rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Keys whose own self-signatures use SHA-1, as those made before about 2014 do. Forging one takes
    /// a second preimage, not only a collision, which nobody can make for SHA-1.
    pub accept_sha1_self_signatures: bool,
    /// SHA-1 anywhere, and RSA and DSA keys of 1024 bits: keys of the SLE 9 to 11 era. A rich attacker
    /// can forge these.
    pub accept_legacy: bool,
}

impl Default for Policy {
    /// Strict, but for SHA-1 self-signatures.
    fn default() -> Policy {
        Policy {
            accept_sha1_self_signatures: true,
            accept_legacy: false,
        }
    }
}

impl Policy {
    /// No exceptions.
    #[must_use]
    pub fn strict() -> Policy {
        Policy {
            accept_sha1_self_signatures: false,
            accept_legacy: false,
        }
    }

    /// The library's policy as of the time `now`, with our exceptions.
    pub(crate) fn at(self, now: u64) -> StandardPolicy<'static> {
        let mut policy = StandardPolicy::at(when::moment(now));
        if self.accept_sha1_self_signatures || self.accept_legacy {
            let second_preimage = HashAlgoSecurity::SecondPreImageResistance;
            policy.accept_hash_property(HashAlgorithm::SHA1, second_preimage);
        }
        if self.accept_legacy {
            policy.accept_hash(HashAlgorithm::SHA1);
            policy.accept_asymmetric_algo(AsymmetricAlgorithm::RSA1024);
            policy.accept_asymmetric_algo(AsymmetricAlgorithm::DSA1024);
        }
        policy
    }
}

/// Accepts whatever the library can compute: to describe keys, never to trust them.
pub(crate) fn anything() -> StandardPolicy<'static> {
    // The standard policy drops algorithms at dates; in 1970 none was dropped yet.
    let mut policy = StandardPolicy::at(std::time::UNIX_EPOCH);
    policy.accept_hash(HashAlgorithm::SHA1);
    policy.accept_hash(HashAlgorithm::MD5);
    policy
}
