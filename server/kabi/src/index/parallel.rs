//! Work on very many packages, on all processors.

use std::thread;

/// Less than this is not worth a thread, which starts in some ten microseconds.
const LEAST: usize = 512;

/// Maps every element; the results are in the order of the elements.
pub(super) fn map<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = all.len().div_ceil(threads).max(LEAST);
    let work_on = |part: &[T]| -> Vec<R> { part.iter().map(&work).collect() };
    let mut parts = all.chunks(part);
    let Some(first) = parts.next() else {
        return Vec::new();
    };
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(|| work_on(part))).collect();
        let mut results = work_on(first);
        for other in others {
            let result = other.join();
            results.extend(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept() {
        for length in [0, 1, LEAST, LEAST + 1, 5 * LEAST + 3] {
            let all: Vec<usize> = (0..length).collect();
            let expected: Vec<usize> = (0..length).map(|n| n * 2).collect();
            assert_eq!(map(&all, |n| n * 2), expected, "{length}");
        }
    }
}
