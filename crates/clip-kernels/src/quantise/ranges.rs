//! What the codes of a tile's rows are computed with.

use crate::f32_tile::MOST_ROWS;
use crate::int8_tile::CHUNK;

/// Numbers that are turned at a time, and places for a tile's rows.
pub const LANES: usize = CHUNK;
const _: () = assert!(MOST_ROWS <= LANES);

/// What the numbers of a tile's rows lie between.
#[derive(Clone, Copy, Default)]
pub struct Ends {
    /// At most zero.
    pub least: [f32; LANES],
    /// At least zero.
    pub most: [f32; LANES],
    /// NaN where a number was not finite, zero elsewhere.
    pub poison: [f32; LANES],
}

/// What the codes of a tile's rows are computed with: that of `x` is the lowest byte of
/// `clamp(x * inverse, low, high) + shift`. The product and the sum are rounded each, so that every processor rounds alike.
#[derive(Debug, Clone, Copy)]
pub struct Ranges {
    pub inverse: [f32; LANES],
    pub low: [f32; LANES],
    pub high: [f32; LANES],
    pub shift: [f32; LANES],
    /// As in [`Map`](crate::int8_tile::Map).
    pub scale: [f32; LANES],
    /// As in [`Map`](crate::int8_tile::Map).
    pub zero: [i32; LANES],
}

impl Ranges {
    /// The same for all rows: from zero to `most`.
    pub fn up_to(most: f32) -> Self {
        Self::of(&Ends { most: [most; LANES], ..Ends::default() })
    }

    #[inline(always)]
    pub fn of(ends: &Ends) -> Self {
        /// Adding this rounds to an integer, which then stands in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        const MOST: f32 = 255.0;
        let nothing = [0.0; LANES];
        let mut ranges =
            Self { inverse: nothing, low: nothing, high: nothing, shift: nothing, scale: nothing, zero: [0; LANES] };
        for row in 0..LANES {
            let size = ends.most[row] - ends.least[row];
            let scale = size * (1.0 / MOST);
            // Denormal ranges have no reciprocal; such numbers are as good as zero.
            let inverse = if scale > f32::MIN_POSITIVE { MOST / size } else { 0.0 };
            // Rounded as codes are.
            let zero = (-ends.least[row] * inverse + ROUND) - ROUND;
            ranges.inverse[row] = inverse;
            ranges.low[row] = -zero;
            ranges.high[row] = MOST - zero;
            ranges.shift[row] = ROUND + zero;
            ranges.scale[row] = scale + ends.poison[row];
            ranges.zero[row] = zero as i32;
        }
        ranges
    }
}
