//! The part of the folders that a list of changed paths is about.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use clip_index::{Catalogue, IndexError, IndexReader, Record};

use crate::found::{FoundFile, Known};
use crate::ignore_file::IGNORE_FILE;
use crate::links::Links;
use crate::placeholder::stands_for;

/// What has changed in the folders of an index, for [`Indexer::run_changes`](crate::Indexer::run_changes).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files and folders that are new, gone or different, by absolute paths as the index has them: canonical but for links that
    /// are followed. Of what was moved, the old path and the new one; if one of them is missing, as when only it is in a folder
    /// that is watched, it is made out by the content. Of a new folder, its path is enough.
    pub paths: Vec<PathBuf>,
    /// Files that are still being written. They are left as the index has them, even in folders that are walked.
    pub unsettled: Vec<PathBuf>,
}

/// What is to be looked at.
#[derive(Debug, Default)]
pub(crate) struct Region {
    /// What has changed and is no folder now.
    named: BTreeSet<PathBuf>,
    /// Folders with everything in them, and roots that are files.
    pub walked: BTreeSet<PathBuf>,
    /// Folders that hold what has changed: their files are listed, for sidecars belong to photos beside them, and for what is
    /// beside a missing photo tells whether its drive is mounted.
    pub listed: BTreeSet<PathBuf>,
    pub unsettled: HashSet<PathBuf>,
}

impl Region {
    /// The region of changes in folders with these `roots`, where the last walk of everything found these `links`; `None` if
    /// everything has to be walked.
    pub fn of(changes: &Changes, roots: &[PathBuf], links: &Links) -> Option<Region> {
        let mut region = Region { unsettled: changes.unsettled.iter().cloned().collect(), ..Region::default() };
        for path in &changes.paths {
            if !region.add(path, roots, links) {
                return None;
            }
        }
        region.simplify();
        let parts = || region.walked.iter().chain(&region.listed).filter(|part| links.are_above(part));
        // Behind a link, only what is reached in no other way is walked.
        let is_entangled = |part: &PathBuf| {
            region.walked.contains(part) && links.folders() > 1
                || part.canonicalize().is_ok_and(|part| roots.iter().any(|root| part.starts_with(root)))
        };
        (!parts().any(is_entangled)).then_some(region)
    }

    /// Adds a path that has changed; false if everything has to be walked for it.
    fn add(&mut self, path: &Path, roots: &[PathBuf], links: &Links) -> bool {
        if path.components().any(|component| component == Component::ParentDir) {
            // It would lead out of the folders.
            return true;
        }
        let folder = path.parent();
        let beside = roots.iter().filter(|root| root.parent() == folder && root.is_file());
        let inside = roots.iter().filter(|root| root.starts_with(path));
        self.walked.extend(beside.chain(inside).cloned());
        if links.have_lost(path) {
            return false;
        }
        let Some((folder, _)) = folder.zip(roots.iter().find(|root| path.starts_with(root) && *root != path)) else {
            return true;
        };
        self.listed.insert(folder.to_path_buf());
        if path.file_name().is_some_and(|name| name == IGNORE_FILE) {
            self.walked.insert(folder.to_path_buf());
            return !links.concern(folder);
        }
        if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            self.walked.insert(path.to_path_buf());
        } else {
            self.named.extend(stands_for(path));
            self.named.insert(path.to_path_buf());
        }
        true
    }

    /// Leaves out what is in folders that are walked whole.
    fn simplify(&mut self) {
        let mut outer: Option<PathBuf> = None;
        self.walked.retain(|path| {
            let is_inside = outer.as_ref().is_some_and(|outer| path.starts_with(outer));
            if !is_inside {
                outer = Some(path.clone());
            }
            !is_inside
        });
        let walked = &self.walked;
        let is_walked = |path: &Path| path.ancestors().any(|path| walked.contains(path));
        self.named.retain(|path| !is_walked(path));
        self.listed.retain(|path| !is_walked(path));
    }

    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.walked.is_empty()
    }

    /// Whether what is or was at this path is to be as a run of everything would leave it.
    pub fn covers(&self, path: &Path) -> bool {
        !self.unsettled.contains(path)
            && path.ancestors().any(|path| self.named.contains(path) || self.walked.contains(path))
    }

    /// What the index has in the region, and beside it in the same folders.
    pub fn records(&self, catalogue: &Catalogue, index: &IndexReader) -> Result<Vec<Record>, IndexError> {
        let mut records = Vec::new();
        // A photo that is named is one of its folder's.
        for folder in &self.listed {
            records.extend(catalogue.in_folder(index, folder)?);
        }
        // What is a file now may have been a folder.
        for path in self.walked.iter().chain(&self.named) {
            records.extend(catalogue.below(index, path)?);
        }
        for root in self.walked.iter().filter(|path| !path.is_dir()) {
            records.extend(known_at(catalogue, index, root)?);
        }
        records.sort_unstable_by_key(|record| record.id);
        records.dedup_by_key(|record| record.id);
        Ok(records)
    }

    /// Leaves out what has changed beside the region, be it in the index or in the folders: it is not known whether it is
    /// complete.
    pub fn leave_out_others(&self, known: &mut Vec<Known>, found: &mut Vec<FoundFile>) {
        let stamps: HashMap<&Path, _> = known.iter().map(|known| (known.path.as_path(), known.stamp)).collect();
        let is_same =
            |file: &FoundFile| stamps.get(file.path.as_path()).is_some_and(|stamp| stamp.same_content(&file.stamp));
        found.retain(|file| self.covers(&file.path) || !self.unsettled.contains(&file.path) && is_same(file));
        let found: HashSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
        known.retain(|known| self.covers(&known.path) || found.contains(known.path.as_path()));
    }
}

/// What the index has under this very path.
fn known_at(catalogue: &Catalogue, index: &IndexReader, path: &Path) -> Result<Vec<Record>, IndexError> {
    let Some(folder) = path.parent() else { return Ok(Vec::new()) };
    let mut records = catalogue.in_folder(index, folder)?;
    records.retain(|record| record.asset.path == path);
    Ok(records)
}

/// How many photos the index has under this path and below it.
pub(crate) fn photos_at(catalogue: &Catalogue, index: &IndexReader, path: &Path) -> Result<usize, IndexError> {
    Ok(known_at(catalogue, index, path)?.len() + catalogue.below(index, path)?.len())
}
