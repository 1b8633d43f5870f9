//! Work on hostile bytes in a process that can do nothing but compute.
//!
//! The parent has a [`Room`]: it starts its own program again, hands it a request, and waits for a
//! bounded answer in bounded time. The child reads the request, opens what it needs, and then calls
//! [`restrict`] before it looks at the first hostile byte. What the bytes say is no business of this
//! crate: request and answer are bytes, too.
//!
//! Limits of the process hold on every system. Landlock (no files, no network) and seccomp (few system
//! calls) hold where the kernel offers them; [`Protections`] tells, and [`still_possible`] tries.

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
mod calls;
mod deeds;
mod ended;
mod files;
mod restrict;
mod room;

pub use deeds::{Deed, still_possible};
pub use ended::Ended;
pub use restrict::{Bounds, Hold, Protections, die_with_parent, restrict};
pub use room::Room;
