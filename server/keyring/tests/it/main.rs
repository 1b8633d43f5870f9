//! Our keys and verdicts against the real tools: gpg 2.2, rpmsign, rpmkeys, openssl, sign-file.

mod certificates;
mod modules;
mod packages;
mod signing;
mod tools;
mod versions;
