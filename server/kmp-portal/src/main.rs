//! kmp-portal
fn main() {}
