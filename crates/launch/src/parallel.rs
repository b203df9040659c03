//! The same outside call for many hosts, some at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

/// Does `work` for each item on at most `at_once` threads and passes on each result as it comes, on the caller's
/// thread. The order is that of the results.
///
/// # Panics
/// Where `work` does.
pub fn for_each_parallel<T: Sync, R: Send>(
    items: &[T],
    at_once: usize,
    work: impl Fn(&T) -> R + Sync,
    mut on_result: impl FnMut(&T, R),
) {
    let next = AtomicUsize::new(0);
    let (results, received) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, items.len().max(1)) {
            let (results, next, work) = (results.clone(), &next, &work);
            scope.spawn(move || {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The receiver lives until every sender is gone.
                    let _ = results.send((item, work(item)));
                }
            });
        }
        drop(results);
        for (item, result) in received {
            on_result(item, result);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once() {
        let check = |count: u32, at_once| {
            let items: Vec<u32> = (0..count).collect();
            let mut seen = Vec::new();
            for_each_parallel(
                &items,
                at_once,
                |item| item * 2,
                |item, twice| {
                    assert_eq!(twice, item * 2);
                    seen.push(*item);
                },
            );
            seen.sort_unstable();
            assert_eq!(seen, items);
        };
        check(0, 4);
        check(1, 4);
        check(100, 7);
        check(5, 0);
    }
}
