//! End-to-end tests: the built program on real input, looked at by the real clients. `cargo xtask
//! test` installs what they need, builds what they work on, and runs them.

mod harness;

mod administration;
mod channels;
mod check;
mod compose;
mod crash;
mod demo;
mod embargo;
mod faults;
mod gate;
mod hardware;
mod hostile;
mod http_rules;
mod install;
mod isolation;
mod kernel_sources;
mod lookup;
mod matrix;
mod notify;
mod oracle;
mod pages;
mod race;
mod refusals;
mod registration;
mod sources;
mod supplements;
mod support;
mod tamper;
mod views;
mod waivers;
