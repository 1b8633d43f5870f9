//! How a confined process can end without an answer.

use std::io;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// It could not be started, or not be listened to. That says nothing about its request.
    #[error("the process could not be started: {0}")]
    NotStarted(#[source] io::Error),
    /// Somebody else ended it: an operator, a service manager, or the kernel for want of memory.
    #[error("the process was ended from outside, by signal {signal}")]
    Interrupted { signal: i32 },
    /// It asked for more memory than it may have.
    #[error("it took more than {limit} bytes of memory")]
    Memory { limit: u64 },
    /// It computed for too long.
    #[error("it took more than {} seconds of a processor", .limit.as_secs())]
    Cpu { limit: Duration },
    /// It did not come to an end.
    #[error("it took more than {} seconds", .limit.as_secs())]
    Wall { limit: Duration },
    /// Its answer does not end.
    #[error("its answer has more than {limit} bytes")]
    Answer { limit: usize },
    /// By a fault of its own; `said` is the end of what it wrote to standard error.
    #[error("the process broke down ({how}): {said}")]
    Crashed { how: String, said: String },
}
