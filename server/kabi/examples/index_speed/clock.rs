//! CPU time of this thread, which other programs on the machine disturb little.

use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;

fn milliseconds() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e3 + now.tv_nsec as f64 / 1e6
}

fn timed<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let before = milliseconds();
    let result = black_box(work());
    (milliseconds() - before, result)
}

/// Prints how long something takes that is done once.
pub fn once<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let (time, result) = timed(work);
    println!("{name} {time:.3}");
    result
}

/// Prints the best of several runs: what others do on the machine only ever adds.
pub fn best<T>(name: &str, runs: usize, mut work: impl FnMut() -> T) -> T {
    let (times, mut results): (Vec<f64>, Vec<T>) = (0..runs).map(|_| timed(&mut work)).unzip();
    println!(
        "{name} {:.3}",
        times.into_iter().fold(f64::INFINITY, f64::min)
    );
    results.pop().expect("at least one run")
}
