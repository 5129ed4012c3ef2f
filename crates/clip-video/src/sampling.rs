//! Which frames are wanted, and what getting them may take.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::description::Description;

/// Of a long video, so many times as many key frames are looked at as frames may be kept.
const CANDIDATES: u32 = 4;

/// More candidates than this are not asked for, whatever the video says of its length.
pub(crate) const MOST_CANDIDATES: usize = 1 << 17;

/// Which frames of a video are wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// How far candidates lie apart: what lasts as long is not missed.
    pub step: Duration,
    /// While pictures change a little all the time, one is kept at least this often. Of what does not change, none is.
    pub floor: Duration,
    /// The most frames of a video. Besides, there are on average no more than one a second.
    pub most_frames: NonZeroUsize,
    /// Of videos that are longer, only key frames are looked at.
    pub whole_up_to: Duration,
}

impl Default for Sampling {
    /// Half a second, five seconds, 300 frames, five minutes.
    fn default() -> Sampling {
        Sampling {
            step: Duration::from_millis(500),
            floor: Duration::from_secs(5),
            most_frames: NonZeroUsize::new(300).unwrap_or(NonZeroUsize::MIN),
            whole_up_to: Duration::from_secs(300),
        }
    }
}

/// What reading a video may take.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// How long ffmpeg may tell nothing.
    pub silence: Duration,
    /// How long ffmpeg may take in all.
    pub longest: Duration,
    /// Bytes of data that ffmpeg may have in memory, where the system can limit that.
    pub memory: u64,
    /// How many threads ffmpeg decodes with.
    pub threads: NonZeroUsize,
}

impl Default for Limits {
    /// A minute, an hour, 3 GiB (a video of 8192x4320 pixels takes one), and two threads.
    fn default() -> Limits {
        Limits {
            silence: Duration::from_secs(60),
            longest: Duration::from_secs(3600),
            memory: 3 << 30,
            threads: NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN),
        }
    }
}

impl Limits {
    /// What the system holds the process to.
    pub(crate) fn of_process(&self) -> clip_process::Limits {
        let threads = u32::try_from(self.threads.get()).unwrap_or(u32::MAX);
        // Besides those that decode, there is one that scales.
        let processor_time = self.longest.saturating_mul(threads.saturating_add(1));
        clip_process::Limits { memory: self.memory, processor_time }
    }
}

/// What is asked for of one video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SamplingPlan {
    pub step: Duration,
    pub floor: Duration,
    pub most_frames: usize,
    pub key_frames_only: bool,
    /// The most candidates that can come of this.
    pub most_candidates: usize,
}

impl Sampling {
    /// What to ask for of this video.
    pub(crate) fn plan(&self, video: &Description) -> SamplingPlan {
        let step = self.step.max(Duration::from_millis(1));
        let most = self.most_frames.get();
        let Some(duration) = video.duration else {
            // A recording that was never finished does not know its length.
            let (floor, key_frames_only) = (self.floor, false);
            return SamplingPlan { step, floor, most_frames: most, key_frames_only, most_candidates: MOST_CANDIDATES };
        };
        let key_frames_only = duration > self.whole_up_to;
        let divided = |by: usize| duration / u32::try_from(by).unwrap_or(u32::MAX).max(1);
        let step =
            if key_frames_only { step.max(divided(most) / CANDIDATES) } else { step.max(divided(MOST_CANDIDATES)) };
        let one_a_second = usize::try_from(duration.as_secs()).unwrap_or(usize::MAX).saturating_add(2);
        // Lengths in headers are not exact.
        let steps = duration.as_nanos() / step.as_nanos().max(1);
        let most_candidates = usize::try_from(steps).unwrap_or(MOST_CANDIDATES).saturating_mul(2).saturating_add(64);
        SamplingPlan {
            step,
            floor: self.floor.max(divided(most)),
            most_frames: most.min(one_a_second),
            key_frames_only,
            most_candidates: most_candidates.min(2 * MOST_CANDIDATES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seconds: u64) -> SamplingPlan {
        let duration = Some(Duration::from_secs(seconds));
        Sampling::default().plan(&Description { duration, ..Description::default() })
    }

    #[test]
    fn short_videos_are_looked_at_whole_and_long_ones_by_key_frames() {
        let short = plan(10);
        assert_eq!((short.step, short.most_frames, short.key_frames_only), (Duration::from_millis(500), 12, false));
        let film = plan(7200);
        assert_eq!((film.step, film.most_frames, film.key_frames_only), (Duration::from_secs(6), 300, true));
        assert_eq!(film.floor, Duration::from_secs(24));
        assert!(film.most_candidates >= 1200 && film.most_candidates < 3000, "{film:?}");
    }

    #[test]
    fn no_length_that_a_header_claims_asks_for_too_much() {
        for seconds in [0, 1, u32::MAX.into(), u64::MAX / 4] {
            let plan = plan(seconds);
            assert!(plan.most_candidates <= 2 * MOST_CANDIDATES && plan.most_frames <= 300, "{plan:?}");
            assert!(plan.step > Duration::ZERO && plan.most_frames > 0, "{plan:?}");
        }
        let unknown = Sampling::default().plan(&Description::default());
        assert!(!unknown.key_frames_only && unknown.most_candidates == MOST_CANDIDATES);
    }
}
