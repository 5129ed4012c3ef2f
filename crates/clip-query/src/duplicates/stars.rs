//! From pairs to groups in which every photo is a duplicate of the one that is kept.

use std::collections::HashSet;

use super::candidates::Candidate;
use crate::absent::is_absent;
use crate::likeness::CERTAIN;

/// In more doubtful pairs than so many, a photo is in a crowd.
const CROWD: usize = 6;

/// For each photo, the better ones that it is a duplicate of.
pub(super) struct Pairs {
    better: Vec<Vec<(u32, f32)>>,
}

impl Pairs {
    /// More better photos than so many are not kept of one photo; the best are.
    pub const MOST: usize = 64;

    pub fn new(photos: usize) -> Pairs {
        Pairs { better: vec![Vec::new(); photos] }
    }

    /// Adds a pair by the places of its photos in the order of preference.
    pub fn add(&mut self, a: usize, b: usize, similarity: f32) {
        let (better, worse) = (a.min(b), a.max(b));
        let of_worse = &mut self.better[worse];
        let place = of_worse.partition_point(|&(known, _)| (known as usize) < better);
        if place < Self::MOST {
            of_worse.insert(place, (better as u32, similarity));
            of_worse.truncate(Self::MOST);
        }
    }

    /// Leaves out doubtful pairs where one of the photos is in doubtful pairs with many: a copy that was cropped is like the few
    /// that it was made of, pages of text are like one another by their layout. Photos that are certainly the same count once.
    pub fn leave_out_crowds(&mut self) {
        let mut same_as: Vec<u32> = Vec::with_capacity(self.better.len());
        for (at, better) in self.better.iter().enumerate() {
            let certain = better.iter().filter(|(_, similarity)| *similarity >= CERTAIN).map(|(better, _)| *better);
            let first = certain.into_iter().find(|&better| same_as[better as usize] == better);
            same_as.push(first.unwrap_or(at as u32));
        }
        let ends = |at: usize, better: u32| (same_as[at], same_as[better as usize]);
        let mut doubtful: Vec<(u32, u32)> = Vec::new();
        for (at, better) in self.better.iter().enumerate() {
            for (better, _) in better.iter().filter(|(_, similarity)| *similarity < CERTAIN) {
                let (a, b) = ends(at, *better);
                doubtful.extend((a != b).then_some((a.min(b), a.max(b))));
            }
        }
        doubtful.sort_unstable();
        doubtful.dedup();
        let mut counts = vec![0usize; self.better.len()];
        for (a, b) in doubtful {
            counts[a as usize] += 1;
            counts[b as usize] += 1;
        }
        for (at, better) in self.better.iter_mut().enumerate() {
            better.retain(|&(better, similarity)| {
                let (a, b) = ends(at, better);
                similarity >= CERTAIN || a == b || counts[a as usize].max(counts[b as usize]) <= CROWD
            });
        }
    }

    /// Takes all pairs of a photo with better ones, in their order.
    pub fn set(&mut self, worse: usize, better: Vec<(u32, f32)>) {
        self.better[worse] = better;
    }
}

/// Makes groups, the photo to be kept first, then the others in the order of preference. Of each group, only the first stays in `all`,
/// which is in that order. Two photos that may not be together are not: the one that is more like the first goes with it.
pub(super) fn group(
    all: &mut Vec<Candidate>,
    pairs: Pairs,
    may_be_together: impl Fn(&Candidate, &Candidate) -> bool,
) -> Vec<Vec<Candidate>> {
    let mut worse: Vec<Vec<(u32, f32)>> = vec![Vec::new(); all.len()];
    let mut is_paired = vec![false; all.len()];
    for (at, better) in pairs.better.into_iter().enumerate() {
        for (better, similarity) in better {
            worse[better as usize].push((at as u32, similarity));
            (is_paired[better as usize], is_paired[at]) = (true, true);
        }
    }
    // What is not there can be neither kept nor removed.
    let mut is_free: Vec<bool> = (0..all.len()).map(|at| !(is_paired[at] && is_absent(&all[at].path))).collect();
    let mut groups = Vec::new();
    let mut gone = HashSet::new();
    for (first, mut others) in worse.into_iter().enumerate() {
        if !is_free[first] || others.is_empty() {
            continue;
        }
        others.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut members: Vec<usize> = Vec::new();
        for other in others.into_iter().map(|(other, _)| other as usize) {
            let fits = is_free[other] && members.iter().all(|&member| may_be_together(&all[member], &all[other]));
            if fits {
                is_free[other] = false;
                members.push(other);
            }
        }
        if members.is_empty() {
            continue;
        }
        is_free[first] = false;
        members.sort_unstable();
        gone.extend(members.iter().copied());
        // How the group is seen at the next level: taken when one of its photos says so.
        let moment = std::iter::once(first).chain(members.iter().copied()).find(|&at| all[at].looks.has_time_of_day());
        let group = std::iter::once(first).chain(members).map(|at| all[at].clone()).collect();
        groups.push(group);
        if let Some(at) = moment {
            let (taken_at, camera) = (all[at].looks.taken_at, all[at].looks.camera.clone());
            (all[first].looks.taken_at, all[first].looks.camera) = (taken_at, camera);
        }
    }
    let mut at = 0;
    all.retain(|_| {
        at += 1;
        !gone.contains(&(at - 1))
    });
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pairs that are left of these.
    fn left(photos: usize, pairs: impl IntoIterator<Item = (usize, usize, f32)>) -> Vec<(usize, usize)> {
        let mut all = Pairs::new(photos);
        pairs.into_iter().for_each(|(a, b, similarity)| all.add(a, b, similarity));
        all.leave_out_crowds();
        let of = |(worse, better): (usize, Vec<(u32, f32)>)| {
            better.into_iter().map(move |(better, _)| (better as usize, worse))
        };
        all.better.into_iter().enumerate().flat_map(of).collect()
    }

    fn all_pairs(photos: usize, similarity: f32) -> impl Iterator<Item = (usize, usize, f32)> {
        (0..photos).flat_map(move |a| (0..a).map(move |b| (b, a, similarity)))
    }

    #[test]
    fn photos_that_are_doubtfully_like_many_are_like_none() {
        assert_eq!(left(8, all_pairs(8, 0.8)), []);
        assert_eq!(left(7, all_pairs(7, 0.8)).len(), 21);
        assert_eq!(left(8, all_pairs(8, 0.97)).len(), 28);
    }

    #[test]
    fn the_same_picture_counts_once() {
        // Nine copies, and one that was cropped.
        let copies = all_pairs(9, 0.99).chain((0..9).map(|copy| (copy, 9, 0.8)));
        assert_eq!(left(10, copies).len(), 45);
    }
}
