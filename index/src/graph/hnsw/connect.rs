//! Makes every node of the lowest layer reachable from every other one.
//!
//! Insertion leaves some nodes without a link that leads to them: those that linked to them have since found neighbours
//! that are better. Among near-duplicates these can be many. Here, nodes that the entry does not lead to get a link
//! from one that it leads to, and nodes that do not lead back to the entry get one to the node that they were reached
//! from.

use std::sync::atomic::{AtomicU32, Ordering};

use super::layers::{Layer, Layers, NONE};
use super::scores::CodeRows;
use super::search::arrive;
use super::walk::{Scorer, Scratches, walk};

/// Candidates among which a reached node with room for a link is sought.
const CANDIDATES: usize = 64;

struct Tree<'a> {
    layer: Layer<'a, AtomicU32>,
    /// Where each node was reached from; `NONE` if it was not reached, the entry its own.
    parents: Vec<u32>,
    /// All nodes that were reached, in the order in which they were.
    reached: Vec<u32>,
    /// How many of these were gone on from.
    done: usize,
}

impl Tree<'_> {
    /// Goes on to all nodes that can be reached from those that were.
    fn grow(&mut self) {
        while let Some(&node) = self.reached.get(self.done) {
            self.done += 1;
            for link in self.layer.neighbours(node) {
                self.reach(link, node);
            }
        }
    }

    fn reach(&mut self, node: u32, from: u32) {
        if self.parents[node as usize] == NONE {
            self.parents[node as usize] = from;
            self.reached.push(node);
        }
    }

    fn is_reached(&self, node: u32) -> bool {
        self.parents[node as usize] != NONE
    }

    /// Sets a link in a slot that is free, or whose link no other node depends on; `false` if there is none. With
    /// `reserve`, the last slot is left free if it is.
    fn link(&self, from: u32, to: u32, reserve: bool) -> bool {
        let slots = self.layer.slots(from);
        let usable = slots.len() - usize::from(reserve);
        let load = |slot: &AtomicU32| slot.load(Ordering::Relaxed);
        let free = slots[..usable].iter().find(|slot| load(slot) == NONE);
        // The last ones first: they are the least similar.
        let spare = || {
            slots[..usable].iter().rev().find(|slot| {
                let link = load(slot);
                self.parents.get(link as usize).is_none_or(|&parent| parent != from)
            })
        };
        match free.or_else(spare) {
            None => false,
            Some(slot) => {
                slot.store(to, Ordering::Relaxed);
                true
            }
        }
    }
}

/// Connects the lowest layer.
pub fn connect<R: CodeRows>(rows: &R, layers: &Layers<'_, AtomicU32>, scratches: &Scratches) {
    let Some(&layer) = layers.layers.first() else { return };
    if layer.len() == 0 {
        return;
    }
    let mut tree = Tree { layer, parents: vec![NONE; layer.len()], reached: Vec::new(), done: 0 };
    tree.reach(layers.entry, layers.entry);
    tree.grow();
    // For when there is no room nearby. A node never gets room that it did not have, so this only moves on.
    let mut with_room = 0;
    for node in 0..layer.len() as u32 {
        if tree.is_reached(node) {
            continue;
        }
        let near = near(rows, layers, node, scratches);
        let nearest = near.into_iter().find(|&from| tree.is_reached(from) && tree.link(from, node, true));
        let from = nearest.or_else(|| {
            while let Some(&from) = tree.reached.get(with_room) {
                if tree.link(from, node, true) {
                    return Some(from);
                }
                with_room += 1;
            }
            // Never: the links that are needed are fewer than the nodes that have them.
            None
        });
        if let Some(from) = from {
            tree.reach(node, from);
            tree.grow();
        }
    }
    lead_back(&tree, layers.entry);
}

/// The nodes most similar to one, best first.
fn near<R: CodeRows>(rows: &R, layers: &Layers<'_, AtomicU32>, node: u32, scratches: &Scratches) -> Vec<u32> {
    scratches.with(|scratch| {
        let (codes, scale) = rows.codes(node);
        scratch.query.set_codes(codes, scale);
        let (query, mut parts) = scratch.split();
        let scorer = Scorer { rows, query };
        let Some((lowest, start)) = arrive(layers, scorer, 0) else { return Vec::new() };
        walk(lowest, scorer, &[start], CANDIDATES, &mut parts).iter().map(|found| found.position).collect()
    })
}

/// Gives every node that does not lead to the entry a link to the one that it was reached from.
fn lead_back(tree: &Tree<'_>, entry: u32) {
    let layer = tree.layer;
    let mut leads = vec![false; layer.len()];
    leads[entry as usize] = true;
    loop {
        // Few rounds are enough: most nodes are near the entry in both directions. Backwards and forwards in turn, so
        // that chains along the numbers do not take a round for each node.
        let mut changed = false;
        let mut visit = |node: u32| {
            if !leads[node as usize] && layer.neighbours(node).any(|link| leads[link as usize]) {
                leads[node as usize] = true;
                changed = true;
            }
        };
        (0..layer.len() as u32).for_each(&mut visit);
        (0..layer.len() as u32).rev().for_each(&mut visit);
        if !changed {
            break;
        }
    }
    for node in 0..layer.len() as u32 {
        // What it was reached from leads to the entry, or gets a link in its turn: parents never go in a circle.
        if !leads[node as usize] && tree.is_reached(node) {
            tree.link(node, tree.parents[node as usize], false);
        }
    }
}
