//! OpenPGP: judges the signatures of packages by a vendor's certificates, and signs our metadata.
//!
//! Pure but for key generation, which asks the system for randomness.
