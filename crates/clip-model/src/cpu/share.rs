//! How photos are shared by the threads of rayon's pool.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

/// Rows that go through the layers together, at most, unless one photo has more: enough that a pass over the weights is
/// worth it, few enough that what a layer computes stays small.
pub const ROWS: usize = 400;

/// Calls `run` with groups of photos, each of `rows` tokens, and a number of threads to use; joins the results in the
/// photos' order.
///
/// With enough photos, each thread takes some of its own. With few, all threads share the products of each group.
pub fn share<'a>(photos: &[&'a [f32]], rows: usize, run: impl Fn(&[&'a [f32]], usize) -> Vec<f32> + Sync) -> Vec<f32> {
    let threads = rayon::current_num_threads();
    let at_once = (ROWS / rows.max(1)).max(1);
    let each = photos.len().div_ceil(threads).max(1);
    // Photos alone would leave a fifth of the threads' time unused.
    if threads == 1 || photos.len() * 5 < each * threads * 4 {
        return photos.chunks(at_once).flat_map(|group| run(group, threads)).collect();
    }
    let groups = groups(photos, threads, at_once);
    let next = AtomicUsize::new(0);
    let take = |_| {
        std::iter::from_fn(|| {
            let at = next.fetch_add(1, Ordering::Relaxed);
            Some((at, run(groups.get(at)?, 1)))
        })
    };
    let mut parts: Vec<(usize, Vec<f32>)> = (0..threads).into_par_iter().with_max_len(1).flat_map_iter(take).collect();
    parts.sort_unstable_by_key(|(at, _)| *at);
    parts.into_iter().flat_map(|(_, part)| part).collect()
}

/// Cuts photos into groups that threads take one after the other: large ones first, since they cost the least, and smaller
/// and smaller ones, so that all threads end at about the same time, whatever else the machine is doing (guided
/// self-scheduling, Polychronopoulos and Kuck 1987).
fn groups<T>(mut photos: &[T], threads: usize, at_once: usize) -> Vec<&[T]> {
    let mut groups = Vec::new();
    while !photos.is_empty() {
        let (group, rest) = photos.split_at((photos.len() / (2 * threads)).clamp(1, at_once));
        groups.push(group);
        photos = rest;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_photo_is_run_once_and_in_order() {
        let data: Vec<Vec<f32>> = (0..23).map(|index| vec![index as f32]).collect();
        for threads in [1, 2, 8] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for count in [0, 1, 2, 7, 8, 9, 23] {
                for rows in [1, 50, 1000] {
                    let photos: Vec<&[f32]> = data[..count].iter().map(Vec::as_slice).collect();
                    let run = |group: &[&[f32]], given: usize| {
                        assert!(group.len() == 1 || group.len() * rows <= ROWS);
                        assert!(given == 1 || given == threads);
                        group.concat()
                    };
                    assert_eq!(pool.install(|| share(&photos, rows, run)), photos.concat());
                }
            }
        }
    }

    #[test]
    fn groups_become_smaller() {
        let sizes = |count: usize, threads, at_once| -> Vec<usize> {
            groups(&vec![0; count], threads, at_once).iter().map(|group| group.len()).collect()
        };
        assert_eq!(sizes(32, 2, 8), [8, 6, 4, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(sizes(3, 2, 1), [1, 1, 1]);
        assert_eq!(sizes(12, 1, 4), [4, 4, 2, 1, 1]);
    }
}
