//! How threads share a piece of work.

use std::ops::Range;

use rayon::prelude::*;

/// Calls `work` with ranges that make up `0..count`, none of them twice, on up to this many threads of rayon's pool.
pub fn share(threads: usize, count: usize, work: impl Fn(Range<usize>) + Sync) {
    let share = count.div_ceil(threads.clamp(1, count.max(1))).max(1);
    if share >= count {
        work(0..count);
    } else {
        (0..count.div_ceil(share))
            .into_par_iter()
            .for_each(|thread| work(thread * share..((thread + 1) * share).min(count)));
    }
}

#[cfg(test)]
mod tests {
    use super::share;
    use std::sync::Mutex;

    #[test]
    fn all_is_done_once() {
        for threads in [0, 1, 2, 3, 7, usize::MAX] {
            for count in [0, 1, 2, 5, 12, 13] {
                let done = Mutex::new(Vec::new());
                share(threads, count, |range| done.lock().unwrap().push(range));
                let mut done = done.into_inner().unwrap();
                assert!(done.len() <= threads.max(1), "{threads} threads, {count}: {done:?}");
                done.sort_by_key(|range| range.start);
                assert!(done.into_iter().flatten().eq(0..count), "{threads} threads, {count}");
            }
        }
    }
}
