//! Which contents the index holds, so that the same bytes are never encoded twice.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::plan::{Known, Plan};

/// What to do about a file, now that its content is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The photo that the index has under this very path; only the stamp changed.
    Touched { id: u64 },
    /// A photo whose file is gone from where the index knows it.
    Moved { id: u64 },
    /// The same bytes as a photo that was in the index before the run, and that still lies where it lay.
    CopyOf { id: u64 },
    /// The same bytes as another file of this run, which was told to encode them; the number is its place in the work.
    SameAs { first: usize },
    /// Nobody has these bytes yet: encode them.
    Encode,
}

/// The contents of the index and of the run so far. Shared by the decoding threads: each asks after hashing a file and
/// before decoding it.
#[derive(Debug)]
pub(crate) struct Contents {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// One photo for every content that was in the index before the run.
    indexed: HashMap<[u8; 16], u64>,
    /// Photos whose files are gone and that no file has laid claim to yet.
    gone: HashMap<[u8; 16], Vec<u64>>,
    /// Contents met first in this run, and who encodes them.
    encoding: HashMap<[u8; 16], usize>,
}

impl Contents {
    pub fn new(known: &[Known], plan: &Plan) -> Contents {
        let mut gone: HashMap<_, Vec<u64>> = HashMap::new();
        for (id, hash) in plan.gone.iter().rev() {
            gone.entry(*hash).or_default().push(*id);
        }
        let indexed = known.iter().map(|k| (k.hash, k.id)).collect();
        Contents { state: Mutex::new(State { indexed, gone, encoding: HashMap::new() }) }
    }

    /// Decides about the file at place `work`, whose content is `hash`, and whose path stands in the index for `known`.
    pub fn claim(&self, work: usize, hash: [u8; 16], known: Option<(u64, [u8; 16])>) -> Verdict {
        if let Some((id, old)) = known
            && old == hash
        {
            return Verdict::Touched { id };
        }
        let mut state = self.lock();
        if let Some(id) = state.gone.get_mut(&hash).and_then(Vec::pop) {
            return Verdict::Moved { id };
        }
        if let Some(id) = state.indexed.get(&hash) {
            return Verdict::CopyOf { id: *id };
        }
        match state.encoding.entry(hash) {
            Entry::Occupied(first) => Verdict::SameAs { first: *first.get() },
            Entry::Vacant(place) => {
                place.insert(work);
                Verdict::Encode
            }
        }
    }

    /// The photos whose files are gone and whose content turned up nowhere else, in ascending order.
    pub fn gone(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.lock().gone.values().flatten().copied().collect();
        ids.sort_unstable();
        ids
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can leave it half done, so a panic elsewhere in the thread is no concern.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clip_index::Stamp;

    const A: [u8; 16] = [1; 16];
    const B: [u8; 16] = [2; 16];
    const C: [u8; 16] = [3; 16];

    fn known(id: u64, hash: [u8; 16]) -> Known {
        Known { id, path: format!("/{id}").into(), hash, stamp: Stamp { size: 1, mtime_ns: 1, ..Stamp::default() } }
    }

    fn gone(ids: &[(u64, [u8; 16])]) -> Plan {
        Plan { gone: ids.to_vec(), ..Plan::default() }
    }

    #[test]
    fn a_gone_photo_moves_once_and_is_copied_from_then_on() {
        let contents = Contents::new(&[known(7, A)], &gone(&[(7, A)]));
        assert_eq!(contents.claim(0, A, None), Verdict::Moved { id: 7 });
        assert_eq!(contents.claim(1, A, None), Verdict::CopyOf { id: 7 });
        assert!(contents.gone().is_empty());
    }

    #[test]
    fn two_equal_photos_that_both_moved_are_two_moves() {
        let contents = Contents::new(&[known(7, A), known(8, A)], &gone(&[(7, A), (8, A)]));
        assert_eq!(contents.claim(0, A, None), Verdict::Moved { id: 7 });
        assert_eq!(contents.claim(1, A, None), Verdict::Moved { id: 8 });
    }

    #[test]
    fn the_same_content_at_the_same_path_was_only_touched() {
        let contents = Contents::new(&[known(7, A), known(8, A)], &gone(&[(8, A)]));
        assert_eq!(contents.claim(0, A, Some((7, A))), Verdict::Touched { id: 7 });
        assert_eq!(contents.gone(), [8]);
    }

    #[test]
    fn two_photos_that_swapped_names_are_copies_of_one_another() {
        let contents = Contents::new(&[known(1, A), known(2, B)], &Plan::default());
        assert_eq!(contents.claim(0, B, Some((1, A))), Verdict::CopyOf { id: 2 });
        assert_eq!(contents.claim(1, A, Some((2, B))), Verdict::CopyOf { id: 1 });
    }

    #[test]
    fn new_content_is_encoded_once() {
        let contents = Contents::new(&[known(1, A)], &Plan::default());
        assert_eq!(contents.claim(4, C, None), Verdict::Encode);
        assert_eq!(contents.claim(9, C, Some((1, A))), Verdict::SameAs { first: 4 });
        assert_eq!(contents.claim(5, B, None), Verdict::Encode);
    }

    #[test]
    fn what_nobody_claims_is_gone() {
        let contents = Contents::new(&[known(3, A), known(1, B), known(2, C)], &gone(&[(3, A), (1, B)]));
        assert_eq!(contents.gone(), [1, 3]);
    }
}
