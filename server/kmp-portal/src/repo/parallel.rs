//! The same work on many things, on all cores, with a progress bar for who watches.

use indicatif::{ProgressBar, ProgressStyle};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Does `each` on every item and gives the results in the order of the items.
///
/// `what` names the work beside the bar, which is drawn on stderr when that is a terminal.
pub fn in_parallel<I: Sync, O: Send>(
    what: &'static str,
    items: &[I],
    each: impl Fn(&I) -> O + Sync,
) -> Vec<O> {
    let bar = ProgressBar::new(items.len() as u64)
        .with_style(style())
        .with_message(what);
    let next = AtomicUsize::new(0);
    // Each thread takes the next item when it is done with one: packages differ in size.
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else {
                return done;
            };
            done.push((index, each(item)));
            bar.inc(1);
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut done: Vec<(usize, O)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..cores.min(items.len()))
            .map(|_| scope.spawn(work))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| match thread.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    bar.finish_and_clear();
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg} [{wide_bar}] {pos}/{len} {eta}")
        .expect("the template is fixed and valid")
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::in_parallel;

    #[test]
    fn results_keep_the_order() {
        for count in [0, 1, 7, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(in_parallel("doubling", &items, |item| item * 2), doubled);
        }
    }
}
