//! Files from one press of the shutter are one result: a photo, its raw file and its edited copies, the shots of a burst, the
//! picture and the video of a Live Photo.
//!
//! [`KinKeys`] tell which files come into question. Whether they belong together is found out here: never by their names alone.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clip_image::looks_like_raw;
use clip_index::{Asset, IndexError, IndexReader, KinKeys, Kind, Mean, Record, ShotName, Variant};
use roaring::RoaringTreemap;

use crate::absent::is_absent;
use crate::distinct::Group;
use crate::embed::unit;

/// Clocks of one camera write the time of a photo and of its raw file a little apart.
const SAME_PRESS: u64 = 2;
/// Bursts that are known by their names last no longer, in seconds.
const BURST: u64 = 60;
/// Edited copies are so far alike, on a scale on which 0 is two photos of the library drawn by lot and 1 the same one. Crops and other
/// colours make them less alike than copies are.
const SAME_SHOT: f32 = 0.75;
/// More files with a key in common are not looked at.
const MOST: usize = 1000;
/// A file is compared with so many of the shots before it that have its name, and with so many files of each.
const MOST_SHOTS: usize = 16;
const MOST_COMPARED: usize = 4;

/// What a file is to the one that is shown with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Role {
    /// What the camera wrote, where an edited photo is shown.
    Original,
    /// The raw file.
    Raw,
    /// An edited version.
    Edited,
    /// The same photo once more, in another file format or size.
    Copy,
    /// The video of a Live Photo.
    Live,
    /// Another shot of the burst, or a file of it.
    Burst,
}

impl Role {
    /// A word for it: "raw".
    pub const fn name(self) -> &'static str {
        match self {
            Role::Original => "original",
            Role::Raw => "raw",
            Role::Edited => "edited",
            Role::Copy => "copy",
            Role::Live => "live",
            Role::Burst => "burst",
        }
    }
}

/// A file that belongs to a result.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Member {
    /// What it is to the result.
    pub role: Role,
    /// Where it is.
    pub path: PathBuf,
    /// What the index knows of it, if it is an asset of its own.
    pub record: Option<Record>,
}

/// The items of each result that several files make, as a query without a description would show them: the one that is shown
/// comes first. Identical files in other folders are not among them. For programs that list a whole index.
///
/// # Errors
/// [`IndexError::Corrupt`] if a record cannot be read.
pub fn together(index: &IndexReader) -> Result<Vec<Vec<u64>>, IndexError> {
    Pairs::new(index, None, &OnceLock::new(), false).all()
}

/// An item and the record of its asset.
type Item = (u64, Record);

/// Finds the files that belong together, and remembers them.
pub(crate) struct Pairs<'a> {
    reader: &'a IndexReader,
    /// The items that may be found.
    passing: Option<RoaringTreemap>,
    /// That of the library, found out when pictures are first compared.
    mean: &'a OnceLock<Option<Mean>>,
    only_present: bool,
    /// Items that have a key in common with another, once they were asked for.
    candidates: Option<RoaringTreemap>,
    /// The word index cannot tell.
    is_off: bool,
    /// By their key: files of the same name, those of one shot together.
    shots: HashMap<u64, Vec<Vec<Item>>>,
    /// By their key: files with the same identifier.
    others: HashMap<u64, Vec<Item>>,
}

impl<'a> Pairs<'a> {
    /// `mean` is that of the library, if it was found out already.
    pub fn new(
        reader: &'a IndexReader,
        passing: Option<RoaringTreemap>,
        mean: &'a OnceLock<Option<Mean>>,
        only_present: bool,
    ) -> Pairs<'a> {
        Pairs {
            reader,
            passing,
            mean,
            only_present,
            candidates: None,
            is_off: false,
            shots: HashMap::new(),
            others: HashMap::new(),
        }
    }

    /// How many results these items come to, apart from identical files.
    pub fn count(&mut self, items: &RoaringTreemap) -> Result<u64, IndexError> {
        let Some(candidates) = self.candidates() else { return Ok(items.len()) };
        let candidates = candidates & items;
        let mut seen = RoaringTreemap::new();
        let mut count = items.len() - candidates.len();
        for item in candidates {
            if seen.insert(item) {
                count += 1;
                if let Some(record) = self.reader.records(&[item])?.pop() {
                    let kin = self.all_kin_of(vec![(item, record)], &mut HashSet::new())?;
                    seen.extend(kin.iter().flat_map(|(_, record)| record.items()));
                }
            }
        }
        Ok(count)
    }

    /// The items of each result that several files make, the one that is shown first, apart from identical files.
    fn all(&mut self) -> Result<Vec<Vec<u64>>, IndexError> {
        let Some(candidates) = self.candidates().cloned() else { return Ok(Vec::new()) };
        let mut seen = RoaringTreemap::new();
        let mut all = Vec::new();
        for item in candidates {
            if !seen.insert(item) {
                continue;
            }
            let Some(record) = self.reader.records(&[item])?.pop() else { continue };
            seen.extend(record.items());
            let kin = self.all_kin_of(vec![(item, record.clone())], &mut HashSet::new())?;
            seen.extend(kin.iter().flat_map(|(_, record)| record.items()));
            if kin.is_empty() {
                continue;
            }
            // As a query finds it that only sets conditions.
            let score = f32::NEG_INFINITY;
            let mut group = Group { score, members: vec![(item, record)], kin, alike: Vec::new() };
            show_best(&mut group);
            all.push(group.members.iter().chain(&group.kin).map(|(item, _)| *item).collect());
        }
        Ok(all)
    }

    /// Groups of files that belong together, until there are `limit`, and how many groups before the last were left out because
    /// none of their files is there.
    pub fn joined(&mut self, groups: Vec<Group>, limit: usize) -> Result<(Vec<Group>, u64), IndexError> {
        /// Where so many results are wanted, all candidates are looked up at once.
        const MANY: usize = 1000;
        if limit >= MANY && groups.len() >= MANY {
            self.candidates();
        }
        let (mut kept, mut missing) = (Vec::new(), 0);
        let mut places: Option<HashMap<u64, usize>> = None;
        let mut taken = RoaringTreemap::new();
        let mut groups: Vec<Option<Group>> = groups.into_iter().map(Some).collect();
        for at in 0..groups.len() {
            if kept.len() == limit {
                break;
            }
            let Some(mut group) = groups[at].take() else { continue };
            self.retain_present(&mut group.members);
            if group.members.is_empty() {
                missing += 1;
                continue;
            }
            if group.members.iter().any(|(item, _)| taken.contains(*item)) {
                continue;
            }
            taken.extend(group.members.iter().map(|(item, _)| *item));
            let mut seen = HashSet::new();
            let mut kin = self.all_kin_of(group.members.clone(), &mut seen)?;
            kin.retain(|(item, _)| !taken.contains(*item));
            if !kin.is_empty() {
                // Copies of what belongs to it go with that. What belongs to them does not: whether they were found depends on how
                // much was searched for.
                let places = places.get_or_insert_with(|| places_of(&groups));
                let mut copies = Vec::new();
                for (item, _) in &kin {
                    if let Some(group) = places.get(item).and_then(|at| groups[*at].take()) {
                        copies.extend(group.members.into_iter().filter(|(_, record)| seen.insert(record.id)));
                    }
                }
                self.retain_present(&mut copies);
                kin.extend(copies);
                taken.extend(kin.iter().flat_map(|(_, record)| record.items()));
                group.kin = kin;
                show_best(&mut group);
            }
            kept.push(group);
        }
        Ok((kept, missing))
    }

    fn retain_present(&self, members: &mut Vec<Item>) {
        if self.only_present {
            members.retain(|(_, record)| !is_absent(&record.asset.path));
        }
    }

    /// All files that belong to any of these, or to one that does, but for those that were seen before, by their ids.
    fn all_kin_of(&mut self, files: Vec<Item>, seen: &mut HashSet<u64>) -> Result<Vec<Item>, IndexError> {
        seen.extend(files.iter().map(|(_, record)| record.id));
        let mut found: Vec<Item> = Vec::new();
        let mut left = files;
        while let Some((item, record)) = left.pop() {
            for kin in self.kin_of(item, &record)? {
                if found.len() < MOST && seen.insert(kin.1.id) {
                    found.push(kin.clone());
                    left.push(kin);
                }
            }
        }
        found.sort_by_key(|(item, _)| *item);
        Ok(found)
    }

    /// The files that belong to one, and perhaps the file itself.
    fn kin_of(&mut self, item: u64, record: &Record) -> Result<Vec<Item>, IndexError> {
        if self.is_off || self.candidates.as_ref().is_some_and(|candidates| !candidates.contains(item)) {
            return Ok(Vec::new());
        }
        let KinKeys { shot, burst, named_burst, live_photo } = KinKeys::of(&record.asset);
        let mut kin = Vec::new();
        if let Some(key) = shot {
            if !self.shots.contains_key(&key) {
                let files = self.with_key(key)?;
                let shots = self.shots_of(files);
                self.shots.insert(key, shots);
            }
            let shots = self.shots.get(&key).into_iter().flatten();
            let own = shots.filter(|shot| shot.iter().any(|(_, other)| other.id == record.id));
            kin.extend(own.flatten().cloned());
        }
        for key in [burst, live_photo].into_iter().flatten() {
            kin.extend_from_slice(self.remembered(key)?);
        }
        if let Some(key) = named_burst {
            let shots = self.remembered(key)?.iter();
            kin.extend(shots.filter(|(_, other)| is_same_burst(&record.asset, &other.asset)).cloned());
        }
        Ok(kin)
    }

    fn remembered(&mut self, key: u64) -> Result<&[Item], IndexError> {
        if !self.others.contains_key(&key) {
            let files = self.with_key(key)?;
            self.others.insert(key, files);
        }
        Ok(self.others.get(&key).map_or(&[], Vec::as_slice))
    }

    /// The files that have a key, each once, in ascending order of ids.
    fn with_key(&mut self, key: u64) -> Result<Vec<Item>, IndexError> {
        let mut items = match self.reader.items_with_kin_key(key) {
            Ok(items) => items,
            Err(error) => {
                self.give_up(&error);
                return Ok(Vec::new());
            }
        };
        if let Some(passing) = &self.passing {
            items &= passing;
        }
        let mut files: Vec<Item> = Vec::new();
        for item in items.iter().take(MOST) {
            let Some(record) = self.reader.records(&[item])?.pop() else { continue };
            if files.last().is_none_or(|(_, last)| last.id != record.id) {
                files.push((item, record));
            }
        }
        self.retain_present(&mut files);
        Ok(files)
    }

    fn candidates(&mut self) -> Option<&RoaringTreemap> {
        if self.candidates.is_none() && !self.is_off {
            match self.reader.items_with_kin() {
                Ok(candidates) => self.candidates = Some(candidates),
                Err(error) => self.give_up(&error),
            }
        }
        self.candidates.as_ref()
    }

    /// An index of an earlier version does not know what belongs together until it is next updated.
    fn give_up(&mut self, error: &IndexError) {
        log::info!("files that belong together are results of their own: {error}");
        self.is_off = true;
    }

    /// Puts files of one name together that are of one shot. The camera's own photo comes first, then its raw file.
    fn shots_of(&self, mut files: Vec<Item>) -> Vec<Vec<Item>> {
        files.sort_by_key(|(item, record)| (place_in_shot(&record.asset), *item));
        let mut shots: Vec<Vec<Item>> = Vec::new();
        for file in files {
            let is_own =
                |shot: &Vec<Item>| shot.iter().take(MOST_COMPARED).any(|other| self.is_same_shot(other, &file));
            match shots.iter().take(MOST_SHOTS).position(is_own) {
                Some(place) => shots[place].push(file),
                None => shots.push(vec![file]),
            }
        }
        shots
    }

    /// Whether two files of one folder whose names are like each other come from one press of the shutter.
    fn is_same_shot(&self, (a, a_record): &Item, (b, b_record): &Item) -> bool {
        let (a_asset, b_asset) = (&a_record.asset, &b_record.asset);
        if let (Some(a), Some(b)) = (&a_asset.related.live_photo, &b_asset.related.live_photo) {
            return a == b;
        }
        let are_photos = [a_asset, b_asset].iter().all(|asset| asset.kind == Kind::Photo);
        if !are_photos || !is_within(a_asset, b_asset, SAME_PRESS) {
            return false;
        }
        let variants = [a_asset, b_asset].map(|asset| variant_of(&asset.path));
        let is_raw = [a_asset, b_asset].map(|asset| looks_like_raw(&asset.path));
        // The pictures of a raw file and of the JPEG beside it may be developed in very different ways.
        variants == [Variant::Original; 2] && is_raw.contains(&true) || self.are_alike(*a, *b)
    }

    fn are_alike(&self, a: u64, b: u64) -> bool {
        // It was rounded when it was stored.
        let embedding = self.reader.embedding(a).and_then(|stored| unit(&stored, self.reader.dimension()).ok());
        let score = embedding.and_then(|embedding| self.reader.similarity(&embedding, b));
        // The mean of the dot products of all pairs.
        let mean = self.mean.get_or_init(|| self.reader.mean()).as_ref();
        let by_lot: f32 = mean.map_or(0.0, |mean| mean.embedding.iter().map(|x| x * x).sum());
        let far = score.map(|score| (score - by_lot) / (1.0 - by_lot));
        // NaN, where all photos of a library are the same, is far enough.
        far.is_some_and(|far| far.is_nan() || far >= SAME_SHOT)
    }
}

/// Where each item is among the groups that are left.
fn places_of(groups: &[Option<Group>]) -> HashMap<u64, usize> {
    let left = groups.iter().enumerate().filter_map(|(at, group)| Some((at, group.as_ref()?)));
    left.flat_map(|(at, group)| group.members.iter().map(move |(item, _)| (*item, at))).collect()
}

/// Whether two files were made by the same camera, as far as that is known, and within seconds.
fn is_within(a: &Asset, b: &Asset, seconds: u64) -> bool {
    let cameras = a.camera.as_ref().zip(b.camera.as_ref());
    let is_same_camera = cameras.is_none_or(|(a, b)| a.to_lowercase() == b.to_lowercase());
    // By the clock of the camera: only one of them may tell of its zone.
    let times = a.taken_at_place().zip(b.taken_at_place());
    is_same_camera && times.is_some_and(|(a, b)| a.abs_diff(b) <= seconds)
}

fn is_same_burst(a: &Asset, b: &Asset) -> bool {
    is_within(a, b, BURST)
}

fn variant_of(path: &Path) -> Variant {
    ShotName::of(path).map_or(Variant::Original, |name| name.variant)
}

/// What can be looked at comes before raw files, and what the camera wrote before what was made of it.
fn place_in_shot(asset: &Asset) -> (Variant, bool) {
    (variant_of(&asset.path), looks_like_raw(&asset.path))
}

/// Lets the file stand for the group that can be looked at, as the camera wrote it, of the shot that was found. Where nothing was
/// described, it is that of the shot which stands for its burst.
fn show_best(group: &mut Group) {
    let is_listed = group.score == f32::NEG_INFINITY;
    let shown = &group.members[0].1.asset;
    let rank = |asset: &Asset| {
        let is_cover = is_listed && is_cover(asset);
        (asset.kind != Kind::Photo, looks_like_raw(&asset.path), !is_cover, variant_of(&asset.path))
    };
    let may_be_shown = |asset: &Asset| is_of_same_shot(shown, asset) || is_listed && is_cover(asset);
    let others = group.kin.iter().enumerate().filter(|(_, (_, record))| may_be_shown(&record.asset));
    let best = others.min_by_key(|(_, (item, record))| (rank(&record.asset), *item));
    let Some((at, (_, record))) = best else { return };
    if rank(&record.asset) >= rank(shown) {
        return;
    }
    let content = record.asset.content();
    let best = group.kin.swap_remove(at);
    group.kin.append(&mut group.members);
    group.members.push(best);
    // Its copies stay with it.
    if content.is_some() {
        let is_copy = |(_, record): &Item| record.asset.content() == content;
        let (copies, kin) = std::mem::take(&mut group.kin).into_iter().partition(is_copy);
        group.kin = kin;
        group.members.extend::<Vec<Item>>(copies);
    }
}

fn is_cover(asset: &Asset) -> bool {
    asset.related.is_burst_primary || ShotName::of(&asset.path).is_some_and(|name| name.is_cover)
}

/// Of files that belong together: whether they are of one shot, and not only of one burst.
fn is_of_same_shot(a: &Asset, b: &Asset) -> bool {
    let is_same_live_photo = a.related.live_photo.is_some() && a.related.live_photo == b.related.live_photo;
    let names = ShotName::of(&a.path).zip(ShotName::of(&b.path));
    is_same_live_photo || names.is_some_and(|(a, b)| a.shot == b.shot) && is_within(a, b, SAME_PRESS)
}

/// What belongs to a file that is shown: the other files of the group, and those beside them that are no assets.
pub(crate) fn members_of(shown: &Asset, kin: Vec<Item>) -> Vec<Member> {
    let beside = |asset: &Asset| -> Vec<PathBuf> {
        asset.companions.iter().map(|name| asset.path.with_file_name(name)).collect()
    };
    let mut members: Vec<Member> = Vec::new();
    let companions: Vec<PathBuf> =
        beside(shown).into_iter().chain(kin.iter().flat_map(|(_, record)| beside(&record.asset))).collect();
    for (_, record) in kin {
        let path = record.asset.path.clone();
        members.push(Member { role: role_of(&record.asset, shown), path, record: Some(record) });
    }
    for path in companions {
        if members.iter().all(|member| member.path != path) {
            members.push(Member { role: Role::Live, path, record: None });
        }
    }
    members.sort_by(|a, b| (a.role, &a.path).cmp(&(b.role, &b.path)));
    members
}

fn role_of(asset: &Asset, shown: &Asset) -> Role {
    if asset.kind == Kind::Video {
        Role::Live
    } else if !is_of_same_shot(asset, shown) {
        Role::Burst
    } else if looks_like_raw(&asset.path) {
        Role::Raw
    } else {
        match (variant_of(&asset.path), variant_of(&shown.path)) {
            (Variant::Edited, _) => Role::Edited,
            (Variant::Original, Variant::Edited | Variant::Copy) => Role::Original,
            _ => Role::Copy,
        }
    }
}
