//! What to do about every file: the index as it is against the folders as they are.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::report::Unreachable;
use crate::walk::{Blind, FoundFile};
use clip_index::Stamp;

/// A photo as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub id: u64,
    pub path: PathBuf,
    pub hash: [u8; 16],
    pub stamp: Stamp,
}

/// A file that has to be read, because the index does not know it or its stamp changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Work {
    pub file: FoundFile,
    /// Id and content of the photo that the index has under this path.
    pub known: Option<(u64, [u8; 16])>,
}

/// The outcome of the comparison.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Files that are as the index knows them.
    pub unchanged: u64,
    /// Files to read, in the order in which they were found.
    pub work: Vec<Work>,
    /// Ids and contents of photos whose files are gone: moved, if their content turns up elsewhere, or else removed.
    pub gone: Vec<(u64, [u8; 16])>,
    /// Places whose photos are kept though they were not found.
    pub unreachable: Vec<Unreachable>,
}

/// Compares what the index knows with what was found.
///
/// Only photos inside `scope` can be gone: the run did not look anywhere else. What lies in a blind spot is kept, unless
/// `forget_unreachable`.
pub(crate) fn plan(
    known: &[Known],
    found: Vec<FoundFile>,
    scope: &[PathBuf],
    blind: &[Blind],
    forget_unreachable: bool,
) -> Plan {
    let mut by_path: HashMap<&Path, &Known> = known.iter().map(|k| (k.path.as_path(), k)).collect();
    let mut plan = Plan::default();
    for file in found {
        match by_path.remove(file.path.as_path()) {
            Some(known) if known.stamp.same_content(&file.stamp) => plan.unchanged += 1,
            known => plan.work.push(Work { known: known.map(|k| (k.id, k.hash)), file }),
        }
    }

    let mut kept = vec![0; blind.len()];
    for known in known.iter().filter(|k| by_path.contains_key(k.path.as_path())) {
        if !scope.iter().any(|root| known.path.starts_with(root)) {
            continue;
        }
        match blind.iter().position(|spot| known.path.starts_with(&spot.path)) {
            Some(spot) if !forget_unreachable => kept[spot] += 1,
            _ => plan.gone.push((known.id, known.hash)),
        }
    }
    plan.unreachable = blind
        .iter()
        .zip(kept)
        .filter(|(spot, kept)| *kept > 0 || spot.root)
        .map(|(spot, photos_kept)| Unreachable { path: spot.path.clone(), reason: spot.reason.clone(), photos_kept })
        .collect();
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(mtime_ns: i128) -> Stamp {
        Stamp { size: 10, mtime_ns, ..Stamp::default() }
    }

    fn known(id: u64, path: &str) -> Known {
        Known { id, path: path.into(), hash: [id as u8; 16], stamp: stamp(1) }
    }

    fn found(path: &str, mtime_ns: i128) -> FoundFile {
        FoundFile { path: path.into(), stamp: stamp(mtime_ns) }
    }

    fn scope() -> Vec<PathBuf> {
        vec!["/photos".into()]
    }

    #[test]
    fn same_stamp_is_unchanged_another_is_read_again_and_the_rest_is_new_or_gone() {
        let index = [known(1, "/photos/same"), known(2, "/photos/touched"), known(3, "/photos/gone")];
        let files = vec![found("/photos/new", 1), found("/photos/same", 1), found("/photos/touched", 2)];
        let plan = plan(&index, files, &scope(), &[], false);
        assert_eq!(plan.unchanged, 1);
        assert_eq!(
            plan.work,
            [
                Work { file: found("/photos/new", 1), known: None },
                Work { file: found("/photos/touched", 2), known: Some((2, [2; 16])) },
            ]
        );
        assert_eq!(plan.gone, [(3, [3; 16])]);
        assert!(plan.unreachable.is_empty());
    }

    #[test]
    fn an_older_time_counts_as_a_change_too() {
        let plan = plan(&[known(1, "/photos/a")], vec![found("/photos/a", 0)], &scope(), &[], false);
        assert_eq!((plan.unchanged, plan.work.len()), (0, 1));
    }

    #[test]
    fn what_lies_outside_the_roots_of_the_run_stays() {
        let index = [known(1, "/elsewhere/a"), known(2, "/photos-2/a")];
        let plan = plan(&index, vec![], &scope(), &[], false);
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn what_cannot_be_reached_stays_unless_it_shall_be_forgotten() {
        let index = [known(1, "/photos/usb/a"), known(2, "/photos/usb/b"), known(3, "/photos/c")];
        let blind = |path: &str, root| Blind { path: path.into(), reason: "is away".into(), root };
        let spots = [blind("/photos/usb", false), blind("/photos/other", false), blind("/drive", true)];
        let kept = plan(&index, vec![], &scope(), &spots, false);
        assert_eq!(kept.gone, [(3, [3; 16])]);
        let places: Vec<_> = kept.unreachable.iter().map(|u| (u.path.to_str().unwrap(), u.photos_kept)).collect();
        assert_eq!(places, [("/photos/usb", 2), ("/drive", 0)], "a spot without photos is worth a word only as a root");

        let forgotten = plan(&index, vec![], &scope(), &spots, true);
        assert_eq!(forgotten.gone.len(), 3);
    }
}
