//! Which of the candidates are kept.
//!
//! A candidate that looks like the frame kept last is not. One that looks altogether different is a new scene. In between, pictures
//! change slowly, as in a pan: one is kept every now and then, and once they come to rest, as at the end of a fade. If there
//! are too many in the end, those go first that add the least: little difference, or a short time.

use std::time::Duration;

use image::RgbImage;

use crate::frame::Frame;
use crate::thumbnail::Thumbnail;

/// Differences below this are noise.
const SAME: f32 = 3.0;
/// Differences above this are another scene, or as good as one.
const OTHER: f32 = 16.0;

/// Frames that were kept so far.
#[derive(Debug)]
pub(crate) struct Choice {
    most: usize,
    floor: u64,
    kept: Vec<Kept>,
    /// The candidate before.
    before: Option<Thumbnail>,
    /// It was different from the one before it.
    was_moving: bool,
}

#[derive(Debug)]
struct Kept {
    frame: Frame,
    thumbnail: Thumbnail,
    /// The difference from the frame kept before it.
    news: f32,
}

impl Choice {
    /// Keeps at most `most` frames, at least one.
    pub fn new(most: usize, floor: Duration) -> Choice {
        let floor = u64::try_from(floor.as_millis()).unwrap_or(u64::MAX);
        Choice { most: most.max(1), floor, kept: Vec::new(), before: None, was_moving: false }
    }

    /// Looks at the next candidate, at a time in milliseconds.
    pub fn take(&mut self, at: u64, picture: RgbImage) {
        let thumbnail = Thumbnail::of(&picture);
        let is_moving = self.before.as_ref().is_some_and(|before| before.difference(&thumbnail) >= SAME);
        let has_come_to_rest = self.was_moving && !is_moving;
        (self.before, self.was_moving) = (Some(thumbnail.clone()), is_moving);
        let news = match self.kept.last() {
            None => f32::INFINITY,
            Some(last) => {
                let news = last.thumbnail.difference(&thumbnail);
                let is_time = at.saturating_sub(last.frame.at) >= self.floor;
                if news < SAME || news < OTHER && !is_time && !has_come_to_rest {
                    return;
                }
                news
            }
        };
        self.kept.push(Kept { frame: Frame { at, picture }, thumbnail, news });
        if self.kept.len() > self.most {
            self.drop_least();
        }
    }

    /// The frames, in the order of their times.
    pub fn into_frames(self) -> Vec<Frame> {
        self.kept.into_iter().map(|kept| kept.frame).collect()
    }

    /// Drops the frame that adds the least. The first is kept.
    fn drop_least(&mut self) {
        let worth = |at: usize| {
            let [before, kept] = [self.kept.get(at - 1)?, self.kept.get(at)?];
            // The last one stands for what comes, of which nothing is known yet.
            let until = self.kept.get(at + 1).map_or(kept.frame.at, |after| after.frame.at);
            let time = until.max(kept.frame.at).saturating_sub(before.frame.at);
            Some(kept.news * time as f32)
        };
        let worths = (1..self.kept.len()).filter_map(|at| Some((at, worth(at)?)));
        let Some((least, _)) = worths.min_by(|a, b| a.1.total_cmp(&b.1)) else { return };
        self.kept.remove(least);
        if let Some([before, after]) = self.kept.get(least - 1..=least)
            && let news = before.thumbnail.difference(&after.thumbnail)
            && let Some(after) = self.kept.get_mut(least)
        {
            after.news = news;
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// The times of the frames that are kept of candidates of one grey each, half a second apart.
    fn kept(most: usize, greys: impl IntoIterator<Item = u8>) -> Vec<u64> {
        let mut choice = Choice::new(most, Duration::from_secs(5));
        for (number, grey) in greys.into_iter().enumerate() {
            choice.take(number as u64 * 500, RgbImage::from_pixel(16, 9, Rgb([grey; 3])));
        }
        choice.into_frames().into_iter().map(|frame| frame.at).collect()
    }

    #[test]
    fn a_still_part_is_one_frame_and_a_cut_another() {
        assert_eq!(kept(100, [50; 100]), [0]);
        // With noise.
        assert_eq!(kept(100, (0..100).map(|at| 50 + at % 3)), [0]);
        assert_eq!(kept(100, [[50; 10], [200; 10], [50; 10]].concat()), [0, 5000, 10_000]);
        assert_eq!(kept(100, []), [0; 0]);
    }

    #[test]
    fn a_slow_change_has_a_frame_every_now_and_then_and_one_where_it_ends() {
        // A level each half second: 40 levels in 20 seconds.
        let slow: Vec<u8> = (0..40).map(|at| 50 + at).chain([90; 40]).collect();
        assert_eq!(kept(100, slow), [0, 5000, 10_000, 15_000, 20_000]);
        // A fade of a second and a half.
        let fade = [&[50; 10][..], &[62, 74, 86], &[90; 10]].concat();
        let times = kept(100, fade);
        assert!(times.contains(&6_500) || times.contains(&7_000), "{times:?}");
    }

    #[test]
    fn of_too_many_those_stay_that_add_the_most() {
        // Small changes all the time, and one large one for a while.
        let greys = (0..200_u32).map(|at| if (100..120).contains(&at) { 250 } else { (at % 2 * 20) as u8 });
        let times = kept(5, greys);
        assert_eq!(times.len(), 5);
        assert!(times.contains(&0) && times.contains(&50_000), "{times:?}");
        assert!(times.is_sorted());
        assert_eq!(kept(1, [0, 100, 200]), [0]);
    }

    #[test]
    fn frames_of_a_long_film_are_spread_over_it() {
        let times = kept(20, (0..2000_u32).map(|at| (at / 2 * 97 % 256) as u8));
        assert_eq!(times.len(), 20);
        let last = times.last().copied().unwrap_or(0);
        let most = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        assert!(last > 800_000 && most < 200_000, "{times:?}");
    }
}
