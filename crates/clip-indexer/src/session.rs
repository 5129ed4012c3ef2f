//! What runs leave behind for the next, so that it need not look at everything again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clip_index::Catalogue;

use crate::links::Links;
use crate::region::{Changes, Region};
use crate::walk::Walk;

/// What a program that keeps an index up to date remembers between runs: which links lead where, which folders there are,
/// and where the index has which photos.
///
/// It is about one index and may be used for nothing else. Pass it to [`Indexer::session`](crate::Indexer::session) of a run
/// of everything first; [`Indexer::run_changes`](crate::Indexer::run_changes) then takes as long as the changes, not as the
/// library.
#[derive(Debug, Default)]
pub struct Session {
    /// Everything was walked, and no run was broken off since.
    is_ready: bool,
    roots: Vec<PathBuf>,
    follow_links: bool,
    links: Links,
    folders: BTreeSet<PathBuf>,
    pub(crate) catalogue: Catalogue,
}

impl Session {
    /// The folders that the last runs went into, in order: those in which a change matters.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(PathBuf::as_path)
    }

    /// The folders and single files that the index is made of.
    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    pub(crate) fn links(&self) -> &Links {
        &self.links
    }

    /// The region of changes in an index with these roots; `None` if everything has to be walked. Until
    /// [`Session::end`], the next run would have to do that too.
    pub(crate) fn begin(&mut self, changes: Option<&Changes>, roots: &[PathBuf], follow_links: bool) -> Option<Region> {
        let is_ready = std::mem::take(&mut self.is_ready) && self.roots == roots && self.follow_links == follow_links;
        changes.filter(|_| is_ready).and_then(|changes| Region::of(changes, roots, &self.links))
    }

    /// Notes that nothing was done.
    pub(crate) fn leave(&mut self) {
        self.is_ready = true;
    }

    /// Takes over what a run has found, which came to its end, and which left the index with these roots.
    pub(crate) fn end(&mut self, walk: Found, region: Option<&Region>, scope: &[PathBuf], roots: &[PathBuf]) {
        match region {
            Some(region) => {
                self.folders.retain(|folder| !region.covers(folder));
                self.folders.extend(walk.folders);
                self.is_ready = self.roots == roots;
            }
            None => {
                self.folders = walk.folders.into_iter().collect();
                self.links = walk.links;
                self.is_ready = roots.iter().all(|root| scope.iter().any(|scope| root.starts_with(scope)));
            }
        }
        self.roots = roots.to_vec();
    }

    /// Notes how links are treated.
    pub(crate) fn set_follow_links(&mut self, follow_links: bool) {
        self.follow_links = follow_links;
    }
}

/// What a session takes over from a walk.
#[derive(Debug, Default)]
pub(crate) struct Found {
    folders: Vec<PathBuf>,
    links: Links,
}

impl Found {
    /// Takes it out of the walk.
    pub fn of(walk: &mut Walk) -> Found {
        Found { folders: std::mem::take(&mut walk.folders), links: std::mem::take(&mut walk.links) }
    }
}
