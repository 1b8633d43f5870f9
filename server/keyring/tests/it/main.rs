//! Our keys and verdicts against the real tools: gpg 2.2, rpmsign and rpmkeys.

mod certificates;
mod packages;
mod signing;
mod tools;
mod versions;
