//! When two photos are the same picture, and when they are shots of one moment: for results that are [collapsed](crate::Query::collapse) and for [`duplicates`](crate::duplicates()).
//!
//! Two measures have to agree. Hashes of pictures say whether the same is in the same places. Embeddings say whether it is the same
//! that is shown; since how similar two photos are by chance differs by model and library, their similarity is measured by how
//! far it lies between that of two photos of the library drawn by lot and that of identical ones. `docs/duplicates.md` says how
//! the limits were chosen.

use std::sync::Arc;

use clip_image::PictureHash;
use clip_index::{Asset, Mean};

/// Hashes of copies that were scaled, compressed, brightened or laid down in another way are so much alike. Nothing less is asked of
/// two photos of the same size, which shots of a series are.
const SAME_SIZE: f32 = 0.95;
/// The same, where camera and second are the same too: few shots of a series look so much alike.
const SAME_SECOND: f32 = 0.98;
/// Copies that were cropped a little have another size, and hashes that are so much alike.
pub(crate) const OTHER_SIZE: f32 = 0.7;
/// The same, if one was also turned or mirrored: embeddings say less about those.
const TURNED: f32 = 0.9;
/// Where hashes are so much alike, little is asked of the embeddings.
pub(crate) const CERTAIN: f32 = 0.95;
/// How much cropping may change the ratio of width to height.
const SHAPE: f32 = 1.13;
/// How far the embeddings of the same picture must be alike, where the hashes leave doubts. Those of cropped copies are.
const SHOWS_THE_SAME: f32 = 0.9;
/// The same where they leave none. To models, small copies and those without colour are rather other pictures.
const SHOWS_MUCH_THE_SAME: f32 = 0.2;
/// The same for one that stands on its head or lies on its side, in which models often see something else: it is no less like
/// the other than two drawn by lot.
const SHOWS_ANYTHING: f32 = 0.0;
/// Without hashes, photos whose embeddings are so far alike are the same picture.
const WITHOUT_HASH: f32 = 0.9;
/// Photos whose embeddings are so far alike, and that were taken by the same camera within seconds, are shots of one moment.
pub(crate) const SAME_MOMENT: f32 = 0.75;
/// How many seconds.
const SECONDS: u64 = 10;
/// Times that differ by more, or by a multiple of a quarter of an hour, may be those of one shot in two zones.
const ONE_DAY: u64 = 86_400;
const QUARTER: u64 = 900;

/// What is compared of two photos besides their embeddings.
#[derive(Debug, Clone)]
pub(crate) struct Looks {
    pub hash: Option<PictureHash>,
    pub width: u32,
    pub height: u32,
    pub taken_at: Option<i64>,
    pub camera: Option<Arc<str>>,
}

impl Looks {
    pub fn of(asset: &Asset) -> Looks {
        Looks {
            hash: PictureHash::from_bytes(&asset.picture_hash),
            width: asset.width,
            height: asset.height,
            taken_at: asset.taken_at,
            camera: asset.camera.as_deref().map(Arc::from),
        }
    }

    /// How much alike the hashes are, if they are so much alike that this can be the same picture. `far` is how far the embeddings are
    /// alike; it is asked for only if that matters.
    pub fn same_picture(&self, other: &Looks, far: impl FnOnce() -> Option<f32>) -> Option<f32> {
        if self.is_another_shot(other) {
            return None;
        }
        let (Some(hash), Some(other_hash)) = (&self.hash, &other.hash) else {
            return far().filter(|far| reaches(*far, WITHOUT_HASH)).map(|far| far.min(1.0));
        };
        let (similarity, turn) = hash.best_similarity(other_hash);
        let (width, height) = if turn.is_on_its_side() { (self.height, self.width) } else { (self.width, self.height) };
        let is_same_second = self.taken_at.is_some() && self.taken_at == other.taken_at && self.camera == other.camera;
        let least = match ((width, height) == (other.width, other.height), turn.is_none()) {
            (true, _) if is_same_second => SAME_SECOND,
            (true, _) => SAME_SIZE,
            (false, true) => OTHER_SIZE,
            (false, false) => TURNED,
        };
        let shape = ratio(width, height) / ratio(other.width, other.height);
        if similarity < least || shape.max(1.0 / shape) > SHAPE {
            return None;
        }
        let least = match turn {
            turn if !turn.is_upright() => SHOWS_ANYTHING,
            turn if similarity >= CERTAIN || !turn.is_none() => SHOWS_MUCH_THE_SAME,
            _ => SHOWS_THE_SAME,
        };
        far().filter(|far| reaches(*far, least)).map(|_| similarity)
    }

    /// Whether two photos that look alike were taken by the same camera within seconds.
    pub fn same_moment(&self, other: &Looks) -> bool {
        let times = self.taken_at.zip(other.taken_at);
        self.has_time_of_day() && self.camera == other.camera && times.is_some_and(|(a, b)| a.abs_diff(b) <= SECONDS)
    }

    /// Whether the time is more than a day, which is all that the names of some files tell.
    pub fn has_time_of_day(&self) -> bool {
        self.taken_at.is_some_and(|taken_at| self.camera.is_some() || taken_at.unsigned_abs() % ONE_DAY != 0)
    }

    /// Whether the times say that these are two shots, however much alike they look.
    pub fn is_another_shot(&self, other: &Looks) -> bool {
        let (Some(a), Some(b)) = (self.taken_at, other.taken_at) else { return false };
        let apart = a.abs_diff(b);
        self.has_time_of_day() && other.has_time_of_day() && apart <= ONE_DAY && apart % QUARTER != 0
    }
}

/// Whether embeddings are far enough alike. NaN, where all photos of a library are the same, is far enough.
pub(crate) fn reaches(far: f32, least: f32) -> bool {
    far.is_nan() || far >= least
}

fn ratio(width: u32, height: u32) -> f32 {
    width.max(1) as f32 / height.max(1) as f32
}

/// How far two embeddings of a library are alike: 0 for two drawn by lot, 1 for the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    by_lot: f32,
}

impl Scale {
    /// `mean` is that of the library.
    pub fn of(mean: Option<&Mean>) -> Scale {
        // The mean of the dot products of all pairs.
        Scale { by_lot: mean.map_or(0.0, |mean| mean.embedding.iter().map(|x| x * x).sum()) }
    }

    pub fn far(self, score: f32) -> f32 {
        (score - self.by_lot) / (1.0 - self.by_lot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(taken_at: Option<i64>, camera: Option<&str>) -> Looks {
        Looks::of(&Asset { taken_at, camera: camera.map(str::to_owned), width: 4, height: 3, ..Asset::default() })
    }

    #[test]
    fn a_moment_is_seconds_of_one_camera() {
        let shot = at(Some(1000), Some("a"));
        assert!(shot.same_moment(&at(Some(1010), Some("a"))) && shot.same_moment(&at(Some(990), Some("a"))));
        assert!(!shot.same_moment(&at(Some(1011), Some("a"))) && !shot.same_moment(&at(Some(1000), Some("b"))));
        assert!(!shot.same_moment(&at(None, Some("a"))) && !shot.same_moment(&at(Some(1000), None)));
        assert!(!at(None, None).same_moment(&at(None, None)));
        // The name of a file gave the day.
        assert!(!at(Some(86_400), None).same_moment(&at(Some(86_400), None)));
        assert!(at(Some(86_401), None).same_moment(&at(Some(86_402), None)));
    }

    #[test]
    fn times_that_differ_are_those_of_two_shots_unless_it_is_the_zone() {
        let shot = at(Some(100_000), Some("a"));
        for (seconds, is_another) in
            [(0, false), (1, true), (7, true), (899, true), (900, false), (3600, false), (90_001, false)]
        {
            for other in [at(Some(100_000 + seconds), Some("a")), at(Some(100_000 - seconds), None)] {
                assert_eq!(shot.is_another_shot(&other), is_another, "{seconds}");
                assert_eq!(other.is_another_shot(&shot), is_another, "{seconds}");
            }
        }
        assert!(!shot.is_another_shot(&at(None, None)));
    }

    #[test]
    fn without_hashes_only_embeddings_count() {
        let (a, b) = (at(None, None), at(None, None));
        assert_eq!(a.same_picture(&b, || Some(0.89)), None);
        assert_eq!(a.same_picture(&b, || Some(0.91)), Some(0.91));
        assert_eq!(a.same_picture(&b, || None), None);
        assert!(a.same_picture(&b, || Some(f32::NAN)).is_some());
    }
}
