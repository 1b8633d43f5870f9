//! Looking at an uploaded package: all that is done with its bytes after they were received.
//!
//! A [`Task`] goes in, an [`Answer`] comes out. Both are plain data, and between them is neither a
//! database nor a clock, so that the work can be done by a process that may nothing but compute.

mod task;

pub use task::{Answer, Reading, Task};
