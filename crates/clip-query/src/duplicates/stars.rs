//! From pairs to groups in which every photo is a duplicate of the one that is kept.

use std::collections::HashSet;

use super::candidates::Candidate;
use crate::hit::is_absent;

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
