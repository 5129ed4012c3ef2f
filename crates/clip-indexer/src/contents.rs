//! Which contents the index holds, so that the same bytes are never encoded twice.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::found::FoundFile;
use crate::found::Known;
use crate::plan::{Gone, Kept};
use crate::presence::Departures;

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

/// Finds the photos of the index with a content.
pub(crate) type Others<'a> = dyn Fn(&[u8; 16]) -> Vec<Known> + Sync + 'a;

/// The contents of the index and of the run so far. Shared by the decoding threads: each asks after hashing a file and
/// before decoding it.
pub(crate) struct Contents<'a> {
    departures: Departures<'a>,
    /// Finds all photos of the index with a content, where not all are known.
    others: Option<&'a Others<'a>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Photos that are known, and contents that `others` was asked for.
    known: HashSet<u64>,
    asked: HashSet<[u8; 16]>,
    /// One photo for every content that was in the index before the run.
    indexed: HashMap<[u8; 16], u64>,
    /// Photos whose files are gone and that no file has laid claim to yet.
    gone: HashMap<[u8; 16], Vec<Gone>>,
    /// Photos that were not found but may be where they were, and that no file has laid claim to yet.
    kept: HashMap<[u8; 16], Vec<Kept>>,
    /// Those of `kept` that have moved after all.
    departed: Vec<Kept>,
    /// Contents met first in this run, and who encodes them.
    encoding: HashMap<[u8; 16], usize>,
}

impl<'a> Contents<'a> {
    /// Of an index with the photos `known`, of which `gone` and `kept` were not found.
    pub fn new(known: &[Known], gone: Vec<Gone>, kept: Vec<Kept>, departures: Departures<'a>) -> Contents<'a> {
        let indexed = known.iter().map(|k| (k.hash, k.id)).collect();
        // Taken from the end of each list, and the first one first.
        let mut gone_by_hash: HashMap<_, Vec<Gone>> = HashMap::new();
        for gone in gone.into_iter().rev() {
            gone_by_hash.entry(gone.hash).or_default().push(gone);
        }
        let mut kept_by_hash: HashMap<_, Vec<Kept>> = HashMap::new();
        for kept in kept.into_iter().rev() {
            kept_by_hash.entry(kept.hash).or_default().push(kept);
        }
        let state = State {
            known: HashSet::new(),
            asked: HashSet::new(),
            indexed,
            gone: gone_by_hash,
            kept: kept_by_hash,
            departed: Vec::new(),
            encoding: HashMap::new(),
        };
        Contents { departures, others: None, state: Mutex::new(state) }
    }

    /// The same, where the index has more photos than those that are `known`. Of these, `others` finds those with a content.
    /// They were not looked for, so one has moved only if its path does not exist any more.
    pub fn and_others(mut self, known: HashSet<u64>, others: &'a Others) -> Contents<'a> {
        self.others = Some(others);
        self.lock().known = known;
        self
    }

    /// Learns of the photos with a content that are not known yet.
    fn ask_for(&self, hash: [u8; 16]) {
        let Some(others) = self.others.filter(|_| !self.lock().asked.contains(&hash)) else { return };
        // Found without the lock: it may take a look at the disk.
        let found = others(&hash);
        let mut state = self.lock();
        if !state.asked.insert(hash) {
            return;
        }
        for Known { id, path, hash, stamp, .. } in found.into_iter().rev() {
            if !state.known.contains(&id) {
                state.indexed.entry(hash).or_insert(id);
                state.kept.entry(hash).or_default().push(Kept { id, path, hash, stamp, spot: None });
            }
        }
    }

    /// Decides about the file at place `work`, whose content is `hash`, and whose path stands in the index for `known`.
    pub fn claim(&self, work: usize, file: &FoundFile, hash: [u8; 16], known: Option<(u64, [u8; 16])>) -> Verdict {
        if let Some((id, old)) = known
            && old == hash
        {
            return Verdict::Touched { id };
        }
        self.ask_for(hash);
        if let Some(gone) = self.lock().gone.get_mut(&hash).and_then(Vec::pop) {
            return Verdict::Moved { id: gone.id };
        }
        if let Some(id) = self.claim_kept(file, hash) {
            return Verdict::Moved { id };
        }
        let mut state = self.lock();
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

    /// The photo that has become this file, of those that may be where they were.
    fn claim_kept(&self, file: &FoundFile, hash: [u8; 16]) -> Option<u64> {
        // The disk is asked without the lock: it may be a slow one.
        let candidates = self.lock().kept.get(&hash).cloned().unwrap_or_default();
        for candidate in candidates
            .iter()
            .rev()
            .filter(|candidate| self.departures.has_become(&candidate.path, &candidate.stamp, file))
        {
            let mut state = self.lock();
            let same_content = state.kept.get_mut(&hash)?;
            // Another thread may have been faster.
            if let Some(place) = same_content.iter().position(|kept| kept.id == candidate.id) {
                let kept = same_content.remove(place);
                state.departed.push(kept);
                return Some(candidate.id);
            }
        }
        None
    }

    /// The photos whose files are gone and whose content turned up nowhere else, in ascending order of ids.
    pub fn gone(&self) -> Vec<Gone> {
        let mut gone: Vec<Gone> = self.lock().gone.values().flatten().cloned().collect();
        gone.sort_unstable_by_key(|gone| gone.id);
        gone
    }

    /// The photos that were not found where they were, as the index had them, and that turned up elsewhere.
    pub fn departed(&self) -> Vec<Kept> {
        self.lock().departed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock can leave it half done, so a panic elsewhere in the thread is no concern.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use clip_index::Stamp;

    use super::*;
    use crate::file_system::{FileSystem, Folder};
    use crate::presence::Devices;

    const A: [u8; 16] = [1; 16];
    const B: [u8; 16] = [2; 16];
    const C: [u8; 16] = [3; 16];

    fn known(id: u64, hash: [u8; 16]) -> Known {
        let stamp = Stamp { size: 1, mtime_ns: 1, ..Stamp::default() };
        Known { id, path: format!("/{id}").into(), hash, stamp, ..Known::default() }
    }

    /// A drive is mounted at `/mounted`, and nothing is anywhere else.
    struct Drive;

    impl FileSystem for Drive {
        fn folder(&self, path: &Path) -> Folder {
            if path == Path::new("/mounted") { Folder::There { device: Some(1) } } else { Folder::Missing }
        }

        fn holds_nothing(&self, _: &Path) -> bool {
            false
        }

        fn is_missing(&self, path: &Path) -> bool {
            !path.ends_with("present")
        }
    }

    fn contents(known: &[Known], gone: &[(u64, [u8; 16])], kept: &[(u64, [u8; 16], &str)]) -> Contents<'static> {
        let gone = gone.iter().map(|&(id, hash)| Gone { id, hash, spot: None }).collect();
        let kept = kept.iter().map(|&(id, hash, path)| Kept {
            id,
            path: path.into(),
            hash,
            stamp: Stamp::default(),
            spot: None,
        });
        let roots: Vec<PathBuf> = ["/mounted/root", "/away/root"].map(PathBuf::from).into();
        let departures = Departures { devices: Devices::default(), system: &Drive, roots };
        Contents::new(known, gone, kept.collect(), departures)
    }

    fn claim(contents: &Contents<'_>, work: usize, hash: [u8; 16], known: Option<(u64, [u8; 16])>) -> Verdict {
        let file = FoundFile { path: "/new".into(), stamp: Stamp::default(), ..FoundFile::default() };
        contents.claim(work, &file, hash, known)
    }

    fn ids(gone: Vec<Gone>) -> Vec<u64> {
        gone.into_iter().map(|gone| gone.id).collect()
    }

    #[test]
    fn a_gone_photo_moves_once_and_is_copied_from_then_on() {
        let contents = contents(&[known(7, A)], &[(7, A)], &[]);
        assert_eq!(claim(&contents, 0, A, None), Verdict::Moved { id: 7 });
        assert_eq!(claim(&contents, 1, A, None), Verdict::CopyOf { id: 7 });
        assert!(contents.gone().is_empty());
    }

    #[test]
    fn two_equal_photos_that_both_moved_are_two_moves() {
        let contents = contents(&[known(7, A), known(8, A)], &[(7, A), (8, A)], &[]);
        assert_eq!(claim(&contents, 0, A, None), Verdict::Moved { id: 7 });
        assert_eq!(claim(&contents, 1, A, None), Verdict::Moved { id: 8 });
    }

    #[test]
    fn the_same_content_at_the_same_path_was_only_touched() {
        let contents = contents(&[known(7, A), known(8, A)], &[(8, A)], &[]);
        assert_eq!(claim(&contents, 0, A, Some((7, A))), Verdict::Touched { id: 7 });
        assert_eq!(ids(contents.gone()), [8]);
    }

    #[test]
    fn two_photos_that_swapped_names_are_copies_of_one_another() {
        let contents = contents(&[known(1, A), known(2, B)], &[], &[]);
        assert_eq!(claim(&contents, 0, B, Some((1, A))), Verdict::CopyOf { id: 2 });
        assert_eq!(claim(&contents, 1, A, Some((2, B))), Verdict::CopyOf { id: 1 });
    }

    #[test]
    fn new_content_is_encoded_once() {
        let contents = contents(&[known(1, A)], &[], &[]);
        assert_eq!(claim(&contents, 4, C, None), Verdict::Encode);
        assert_eq!(claim(&contents, 9, C, Some((1, A))), Verdict::SameAs { first: 4 });
        assert_eq!(claim(&contents, 5, B, None), Verdict::Encode);
    }

    #[test]
    fn what_nobody_claims_is_gone() {
        let contents = contents(&[known(3, A), known(1, B), known(2, C)], &[(3, A), (1, B)], &[]);
        assert_eq!(ids(contents.gone()), [1, 3]);
    }

    #[test]
    fn a_photo_elsewhere_moves_if_its_path_is_gone_and_its_drive_is_not_away() {
        let known = [known(1, A), known(2, B), known(3, C)];
        let kept = [(1, A, "/mounted/root/a"), (2, B, "/away/root/b"), (3, C, "/mounted/root/present")];
        let contents = contents(&known, &[], &kept);
        assert_eq!(claim(&contents, 0, B, None), Verdict::CopyOf { id: 2 }, "what its root was in is away too");
        assert_eq!(claim(&contents, 1, C, None), Verdict::CopyOf { id: 3 }, "it is still there");
        assert_eq!(claim(&contents, 2, A, None), Verdict::Moved { id: 1 });
        assert_eq!(claim(&contents, 3, A, None), Verdict::CopyOf { id: 1 }, "it moves once");
        assert_eq!(contents.departed().into_iter().map(|kept| kept.id).collect::<Vec<_>>(), [1]);
    }
}
