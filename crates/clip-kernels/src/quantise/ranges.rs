//! The ranges of a tile's rows, and the parameters of quantisation that follow from them.

use crate::f32_tile::MAX_ROWS;
use crate::int8_tile::CHUNK;

/// Numbers that are quantised at a time, and room for a tile's rows.
pub const LANES: usize = CHUNK;
const _: () = assert!(MAX_ROWS <= LANES);

/// The smallest and the largest number of each of a tile's rows.
#[derive(Clone, Copy, Default)]
pub struct MinMax {
    /// At most zero.
    pub min: [f32; LANES],
    /// At least zero.
    pub max: [f32; LANES],
    /// NaN where a number was not finite, zero elsewhere.
    pub non_finite: [f32; LANES],
}

/// How the codes of a tile's rows are computed: that of `x` is the lowest byte of
/// `clamp(x * inverse, low, high) + shift`. The product and the sum are rounded each, so that every processor rounds alike.
#[derive(Debug, Clone, Copy)]
pub struct Ranges {
    pub inverse: [f32; LANES],
    pub low: [f32; LANES],
    pub high: [f32; LANES],
    pub shift: [f32; LANES],
    /// As in [`RowQuantisation`](crate::int8_tile::RowQuantisation).
    pub scale: [f32; LANES],
    /// As in [`RowQuantisation`](crate::int8_tile::RowQuantisation).
    pub zero_point: [i32; LANES],
}

impl Ranges {
    /// From zero to `max` for all rows.
    pub fn up_to(max: f32) -> Self {
        Self::of(&MinMax { max: [max; LANES], ..MinMax::default() })
    }

    #[inline(always)]
    pub fn of(extremes: &MinMax) -> Self {
        /// Adding this rounds to an integer, which then stands in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        const MOST: f32 = 255.0;
        let nothing = [0.0; LANES];
        let mut ranges = Self {
            inverse: nothing,
            low: nothing,
            high: nothing,
            shift: nothing,
            scale: nothing,
            zero_point: [0; LANES],
        };
        for row in 0..LANES {
            let size = extremes.max[row] - extremes.min[row];
            let scale = size * (1.0 / MOST);
            // Denormal ranges have no reciprocal; such numbers are as good as zero.
            let inverse = if scale > f32::MIN_POSITIVE { MOST / size } else { 0.0 };
            // Rounded as codes are.
            let zero = (-extremes.min[row] * inverse + ROUND) - ROUND;
            ranges.inverse[row] = inverse;
            ranges.low[row] = -zero;
            ranges.high[row] = MOST - zero;
            ranges.shift[row] = ROUND + zero;
            ranges.scale[row] = scale + extremes.non_finite[row];
            ranges.zero_point[row] = zero as i32;
        }
        ranges
    }
}
