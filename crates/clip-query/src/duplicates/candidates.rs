//! What is known of each photo while duplicates are looked for: little enough to have it of all of them in memory.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_image::PictureHash;
use clip_index::{IndexError, IndexReader, Kind};
use clip_progress::Progress;
use roaring::RoaringTreemap;

use super::keeper::Merits;
use super::progress::{DuplicateProgress, DuplicateStep};
use crate::likeness::Looks;

/// How often progress is told.
const EVERY: u64 = 4096;

/// A photo that may be a duplicate.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub id: u64,
    pub kind: Kind,
    pub path: PathBuf,
    /// Of its content.
    pub hash: [u8; 16],
    /// Whether the hash of the picture is known, if only to be none.
    pub has_looks: bool,
    pub looks: Looks,
    pub merits: Merits,
}

/// Reads the assets of an index, in the order of preference; `None` if cancelled.
pub(super) fn read(
    reader: &IndexReader,
    among: Option<&RoaringTreemap>,
    progress: &dyn Progress<DuplicateProgress>,
    cancel: &AtomicBool,
) -> Result<Option<Vec<Candidate>>, IndexError> {
    let total = among.map_or(reader.len() as u64, RoaringTreemap::len);
    let mut cameras: HashSet<Arc<str>> = HashSet::new();
    let mut all = Vec::new();
    let ids = reader.ids().filter(|id| among.is_none_or(|among| among.contains(*id)));
    for (done, id) in (0..).zip(ids) {
        if done % EVERY == 0 {
            if cancel.load(Ordering::Relaxed) {
                return Ok(None);
            }
            progress.event(DuplicateProgress { step: DuplicateStep::Reading, done, total });
        }
        let Some(record) = reader.records(&[id])?.pop().filter(|record| record.id == id) else { continue };
        let merits = Merits::of(&record.asset);
        let mut looks = Looks::of(&record.asset);
        // Thousands of photos share a camera.
        looks.camera = looks.camera.map(|camera| match cameras.get(&camera) {
            Some(known) => Arc::clone(known),
            None => {
                cameras.insert(Arc::clone(&camera));
                camera
            }
        });
        let has_looks = PictureHash::is_known(&record.asset.picture_hash);
        let asset = record.asset;
        all.push(Candidate { id, kind: asset.kind, path: asset.path, hash: asset.hash, has_looks, looks, merits });
    }
    all.sort_by(|a, b| a.merits.cmp(&b.merits).then_with(|| a.path.cmp(&b.path)).then(a.id.cmp(&b.id)));
    Ok(Some(all))
}
