//! Cyan, magenta, yellow and black to sRGB, by the profile of a press or without one.

use std::fmt;
use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, ParsingOptions, TransformExecutor, TransformOptions};

use crate::panics::catch;

/// The most bytes of a profile for inks. It is a table of four dimensions, so these are larger than others: those of presses
/// have half a MiB to three.
pub(crate) const LARGEST_PROFILE: usize = 4 << 20;

/// What a profile takes, and the tables made from it: its numbers as 32 bits, and 17 steps in each of four dimensions.
pub(crate) const MEMORY: u64 = 6 * LARGEST_PROFILE as u64 + (4 << 20);

/// The profile of a press.
#[derive(Clone)]
pub(crate) struct Inks {
    transform: Arc<dyn TransformExecutor<u8> + Send + Sync>,
}

impl Inks {
    /// Reads a profile; none if it is not for four inks, or is broken.
    pub(crate) fn of(profile: &[u8]) -> Option<Self> {
        if profile.len() > LARGEST_PROFILE || profile.get(16..20) != Some(b"CMYK") {
            return None;
        }
        let limits = ParsingOptions {
            max_profile_size: LARGEST_PROFILE,
            max_allowed_clut_size: LARGEST_PROFILE,
            ..ParsingOptions::default()
        };
        let transform = || {
            let profile = ColorProfile::new_from_slice_with_options(profile, limits).ok()?;
            if profile.color_space != DataColorSpace::Cmyk {
                return None;
            }
            // Four samples of any kind.
            let (layout, options) = (Layout::Rgba, TransformOptions::default());
            let transform =
                profile.create_transform_8bit(layout, &ColorProfile::new_srgb(), Layout::Rgb, options).ok()?;
            // More ink has to be darker, or the tables are nonsense.
            let mut shown = [0; 6];
            transform.transform(&[0, 0, 0, 0, 255, 255, 255, 255], &mut shown).ok()?;
            let [paper, full] = [0, 3].map(|at| shown[at..at + 3].iter().map(|sample| u32::from(*sample)).sum::<u32>());
            (paper > full).then_some(Self { transform })
        };
        catch(transform).ok().flatten()
    }

    /// Converts pixels, of which each has four samples: 0 for no ink, 255 for all of it. There have to be three samples to
    /// write for each four.
    pub(crate) fn to_rgb(&self, inks: &[u8], rgb: &mut [u8]) {
        // Lengths alone can be wrong.
        let _ = self.transform.transform(inks, rgb);
    }
}

impl fmt::Debug for Inks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inks").finish_non_exhaustive()
    }
}

/// What inks look like where nothing is known of them: each takes its part of the light, and black all of it.
#[inline(always)]
pub(crate) fn rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let light = 255 - u32::from(k);
    [c, m, y].map(|ink| (((255 - u32::from(ink)) * light + 127) / 255) as u8)
}
