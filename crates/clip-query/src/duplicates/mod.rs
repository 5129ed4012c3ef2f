//! Duplicates in a library, at three levels that are never mixed:
//!
//! - [`Level::Bytes`]: files with the same bytes.
//! - [`Level::Picture`]: the same picture in other bytes: another size, format or quality, cropped a little, turned or mirrored.
//! - [`Level::Burst`]: shots that the same camera took within seconds of one another, and that look alike.
//!
//! A group has a photo that is to be kept, and every other photo of it is a duplicate of that one: groups do not grow from one
//! likeness to the next. Identical files count once at the levels above, where the one to be kept of them stands for all; the
//! same holds for the same picture at the level of bursts. So two photos are together in one group at most.
//!
//! Which groups there are depends on what is in the index and on the disk, and on nothing else. Nothing is written.

mod candidates;
mod keeper;
mod missing;
mod pictures;
mod progress;
mod stars;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use clip_image::{Decoder, Limits};
use clip_index::{IndexReader, Kind, Record, UNKNOWN_CONTENT};
use clip_progress::Progress;
use roaring::RoaringTreemap;

use crate::absent::is_absent;
use crate::error::QueryError;
use crate::likeness::{SAME_MOMENT, Scale, reaches};
use candidates::Candidate;
pub use keeper::Reason;
pub use progress::{DuplicateProgress, DuplicateStep};
use stars::Pairs;

/// In what way photos are duplicates, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Their files have the same bytes.
    Bytes,
    /// They are the same picture.
    Picture,
    /// They are shots of one moment.
    Burst,
}

impl Level {
    /// All of them, the strongest first.
    pub const ALL: [Level; 3] = [Level::Bytes, Level::Picture, Level::Burst];

    /// `"bytes"`, `"picture"` or `"burst"`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Bytes => "bytes",
            Level::Picture => "picture",
            Level::Burst => "burst",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Photos that are duplicates of one another.
#[derive(Debug, Clone, PartialEq)]
pub struct DuplicateGroup {
    /// In what way.
    pub level: Level,
    /// The one to be kept comes first, then the others, the next best first. At least two.
    pub photos: Vec<Record>,
    /// Why the first is to be kept rather than the second.
    pub reason: Reason,
}

/// Which duplicates are looked for, and how.
#[derive(Debug, Clone)]
pub struct DuplicateOptions {
    /// The levels that are wanted.
    pub levels: Vec<Level>,
    /// The items that are compared, all if `None`: those of [`IndexReader::matching`] for a condition.
    pub among: Option<RoaringTreemap>,
    /// Decodes photos whose hash is not in the index.
    pub decoder: Decoder,
    /// Which of them are refused as too large.
    pub limits: Limits,
}

impl Default for DuplicateOptions {
    fn default() -> Self {
        Self { levels: Level::ALL.to_vec(), among: None, decoder: Decoder::default(), limits: Limits::default() }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Duplicates {
    /// By level, then by the path of the photo to be kept.
    pub groups: Vec<DuplicateGroup>,
    /// How many photos were compared.
    pub photos: u64,
    /// How many photos could not be compared as pictures, since the index has no hash of them and their files could not be read.
    pub unread: u64,
}

/// Finds duplicates in an index; `None` if cancelled. Takes no model.
///
/// # Errors
/// Those of reading the index.
pub fn duplicates(
    reader: &IndexReader,
    options: &DuplicateOptions,
    progress: &dyn Progress<DuplicateProgress>,
    cancel: &AtomicBool,
) -> Result<Option<Duplicates>, QueryError> {
    let Some(mut all) = candidates::read(reader, options.among.as_ref(), progress, cancel)? else { return Ok(None) };
    let mut found = Duplicates { photos: all.len() as u64, ..Duplicates::default() };
    let mut groups: Vec<(Level, Vec<Candidate>)> = Vec::new();
    let is_wanted = |level: Level| options.levels.contains(&level);

    let identical = identical(&mut all);
    groups.extend(identical.into_iter().map(|group| (Level::Bytes, group)));
    all.retain(|candidate| candidate.kind == Kind::Photo);

    let scale = Scale::of(reader.mean().as_ref());
    if is_wanted(Level::Picture) || is_wanted(Level::Burst) {
        let Some(unread) = missing::compute(reader, &mut all, scale, options, progress, cancel)? else {
            return Ok(None);
        };
        found.unread = unread;
        let Some(mut pairs) = pictures::pairs(reader, &all, scale, progress, cancel) else { return Ok(None) };
        pairs.leave_out_crowds();
        let pictures = stars::group(&mut all, pairs, |a, b| !a.looks.is_another_shot(&b.looks));
        groups.extend(pictures.into_iter().map(|group| (Level::Picture, group)));
    }
    if is_wanted(Level::Burst) {
        let pairs = moments(reader, &all, scale);
        let bursts = stars::group(&mut all, pairs, |_, _| true);
        groups.extend(bursts.into_iter().map(|group| (Level::Burst, group)));
    }
    if cancel.load(Ordering::Relaxed) {
        return Ok(None);
    }
    groups.retain(|(level, _)| is_wanted(*level));
    groups.sort_by(|(a, first), (b, second)| (a, &first[0].path).cmp(&(b, &second[0].path)));
    for (level, group) in groups {
        let (best, next) = (&group[0], &group[1]);
        let reason = keeper::reason(&best.merits, (best.looks.width, best.looks.height), &next.merits);
        let ids: Vec<u64> = group.iter().map(|candidate| candidate.id).collect();
        found.groups.push(DuplicateGroup { level, photos: reader.records(&ids)?, reason });
    }
    Ok(Some(found))
}

/// Groups of files with the same bytes. Of each, only the best stays in `all`, which is in the order of preference.
fn identical(all: &mut Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut counts: HashMap<[u8; 16], u32> = HashMap::new();
    for candidate in all.iter() {
        *counts.entry(candidate.hash).or_default() += 1;
    }
    let has_copies = |candidate: &Candidate| candidate.hash != UNKNOWN_CONTENT && counts[&candidate.hash] > 1;
    // What is not there can be neither kept nor removed.
    all.retain(|candidate| !(has_copies(candidate) && is_absent(&candidate.path)));
    let mut places: HashMap<[u8; 16], usize> = HashMap::new();
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    all.retain(|candidate| {
        if !has_copies(candidate) {
            return true;
        }
        let place = *places.entry(candidate.hash).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(candidate.clone());
        groups[place].len() == 1
    });
    groups.retain(|group| group.len() > 1);
    groups
}

/// Shots of one moment.
fn moments(reader: &IndexReader, all: &[Candidate], scale: Scale) -> Pairs {
    /// No camera takes more within seconds. A clock that stands still may.
    const MOST: usize = 500;
    let mut pairs = Pairs::new(all.len());
    let mut by_time: Vec<usize> = (0..all.len()).filter(|&at| all[at].looks.has_time_of_day()).collect();
    by_time.sort_by_key(|&at| (&all[at].looks.camera, all[at].looks.taken_at, at));
    for (place, &first) in by_time.iter().enumerate() {
        let near = by_time[place + 1..].iter().take(MOST);
        let near = near.take_while(|&&next| all[first].looks.same_moment(&all[next].looks));
        let mut embedding = None;
        for &next in near {
            let embedding: &Vec<f32> =
                embedding.get_or_insert_with(|| reader.embedding(all[first].id).unwrap_or_default());
            let Some(score) = reader.similarity(embedding, all[next].id) else { continue };
            if reaches(scale.far(score), SAME_MOMENT) {
                pairs.add(first, next, score);
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests;
