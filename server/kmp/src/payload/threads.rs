//! A large payload, on several threads.
//!
//! ```text
//! read, unpack (the caller) ──► walk: hash each file, read modules
//!        └──► hash the packed payload
//! ```
//! A few buffers go round between them, so memory does not grow with the payload, and with enough
//! processors unpacking alone sets the pace.

use std::io::Read;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, Scope, ScopedJoinHandle};

use super::unpack::Unpacker;
use super::walk::{Contents, Walk};
use super::{CHUNK, Chunks};
use crate::Error;
use crate::source::Hashes;

/// How many chunks may wait between two threads.
const QUEUE: usize = 32;

/// An unpacked chunk, and how many of its bytes count.
type Chunk = (Vec<u8>, usize);

/// Walks the payload. Where threads cannot be had (a sandbox may forbid them) it is only slower.
pub(super) fn walk<R: Read>(unpacker: &mut Unpacker<R>, walk: Walk<'_>) -> Result<Contents, Error> {
    thread::scope(|scope| {
        let Some(stages) = Stages::start(scope, walk) else {
            return walk.run(unpacker);
        };
        let hashing = hash_elsewhere(scope, unpacker);
        let unpacked = stages.feed(unpacker);
        if let Some(hashing) = hashing {
            unpacker.source().pause_hashing();
            unpacker.source().hash_here(join(hashing));
        }
        let walked = stages.finish();
        // When unpacking fails the walk only sees an early end.
        unpacked.and(walked)
    })
}

/// The thread behind the unpacking.
struct Stages<'scope> {
    full: SyncSender<Chunk>,
    used: Receiver<Vec<u8>>,
    walking: ScopedJoinHandle<'scope, Result<Contents, Error>>,
}

impl<'scope> Stages<'scope> {
    /// None when a thread cannot be had; nothing has been unpacked then.
    fn start<'env: 'scope>(
        scope: &'scope Scope<'scope, 'env>,
        walk: Walk<'env>,
    ) -> Option<Stages<'scope>> {
        let (full, received) = mpsc::sync_channel(QUEUE);
        let (used_sender, used) = mpsc::sync_channel(QUEUE + 2);
        let mut received = ReceivedChunks {
            full: received,
            used: used_sender,
        };
        let walking = spawn(scope, "payload-walk", move || walk.run(&mut received))?;
        Some(Stages {
            full,
            used,
            walking,
        })
    }

    /// Unpacks until the end, or until the walk has given up.
    fn feed<R: Read>(&self, unpacker: &mut Unpacker<R>) -> Result<(), Error> {
        loop {
            let mut chunk = self.used.try_recv().unwrap_or_else(|_| vec![0; CHUNK]);
            let count = unpacker.unpack(&mut chunk)?;
            if count == 0 || self.full.send((chunk, count)).is_err() {
                return Ok(());
            }
        }
    }

    /// Says that no more is coming, and waits for what came of it.
    fn finish(self) -> Result<Contents, Error> {
        drop(self.full);
        join(self.walking)
    }
}

/// Has the digests over the packed payload kept by another thread, if one can be had.
fn hash_elsewhere<'scope, R: Read>(
    scope: &'scope Scope<'scope, '_>,
    unpacker: &mut Unpacker<R>,
) -> Option<ScopedJoinHandle<'scope, Hashes>> {
    let (hashes_sender, hashes) = mpsc::sync_channel::<Hashes>(1);
    let (sender, bytes) = mpsc::sync_channel::<Vec<u8>>(QUEUE);
    let keep = move || {
        let mut hashes = hashes.recv().unwrap_or_default();
        bytes.iter().for_each(|piece| hashes.update(&piece));
        hashes
    };
    let thread = spawn(scope, "package-hash", keep)?;
    let hashes = unpacker.source().hash_elsewhere(sender);
    hashes_sender.send(hashes).ok()?;
    Some(thread)
}

fn spawn<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Option<ScopedJoinHandle<'scope, T>> {
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn_scoped(scope, work).ok()
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    let joined = thread.join();
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Chunks that another thread has unpacked.
struct ReceivedChunks {
    full: Receiver<Chunk>,
    used: SyncSender<Vec<u8>>,
}

impl Chunks for ReceivedChunks {
    fn next(&mut self, chunk: &mut Vec<u8>) -> Result<usize, Error> {
        // A closed channel is the end: the other side knows why.
        let Ok((fresh, count)) = self.full.recv() else {
            return Ok(0);
        };
        let used = std::mem::replace(chunk, fresh);
        // Nobody left to take it back is no harm.
        let _ = self.used.try_send(used);
        Ok(count)
    }
}
