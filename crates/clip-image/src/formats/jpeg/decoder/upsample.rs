//! Chroma at the picture's resolution, as libjpeg's "fancy upsampling" interpolates it: the nearer sample counts three
//! quarters, the farther one a quarter, in either direction.

use super::header::Component;

/// Rows of MCUs whose samples are kept: the one that is decoded, the one above it, which becomes RGB, and the one above
/// that, of which the last row of samples is still needed.
const KEPT: usize = 3;

/// A component's samples, or the last rows of them that were decoded.
pub(super) struct Plane {
    /// Rows `stride` apart.
    pub(super) samples: Vec<u8>,
    /// How many rows there is room for; a further one takes the place of the one that many above it.
    pub(super) kept: usize,
    pub(super) stride: usize,
    /// What of it belongs to the picture; the rest fills up blocks.
    pub(super) width: usize,
    pub(super) height: usize,
}

impl Plane {
    /// Room for as many rows of MCUs as becoming pixels takes. `size` is what of the component belongs to the picture.
    pub(super) fn new(component: &Component, mcus_across: usize, mcus_down: usize, size: (usize, usize)) -> Self {
        let stride = mcus_across * component.across * 8;
        let kept = KEPT.min(mcus_down) * component.down * 8;
        Self { samples: vec![0; stride * kept], kept, stride, width: size.0, height: size.1 }
    }

    /// Where the samples of a block go, and the distance of their rows. Its place in the row of MCUs is counted in blocks.
    #[inline(always)]
    pub(super) fn block_mut(
        &mut self,
        row: usize,
        component: &Component,
        (x, y): (usize, usize),
    ) -> (&mut [u8], usize) {
        let top = row % KEPT * component.down + y;
        (&mut self.samples[top * 8 * self.stride + x * 8..], self.stride)
    }

    /// A row, or the nearest one.
    fn row(&self, y: usize) -> &[u8] {
        &self.samples[y.min(self.height - 1) % self.kept * self.stride..][..self.width]
    }
}

/// How a plane becomes as fine as the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upsampling {
    /// It is.
    None,
    /// Twice as wide.
    Across,
    /// Twice as high.
    Down,
    /// Both.
    Both,
    /// So many times as wide and high, by repetition: libjpeg interpolates only doubled sizes, and no rows of two.
    Repeat(usize, usize),
    /// The nearest sample, where a sample is wider or higher than a pixel by a fraction, as two pairs of numbers: samples
    /// and the pixels that they cover. libjpeg refuses such files.
    Nearest((usize, usize), (usize, usize)),
}

impl Upsampling {
    /// For a plane of this width. Across and down, so many pixels of the picture are covered by so many samples.
    pub(super) fn new(width: usize, across: (usize, usize), down: (usize, usize)) -> Self {
        if !across.0.is_multiple_of(across.1) || !down.0.is_multiple_of(down.1) {
            return Self::Nearest((across.1, across.0), (down.1, down.0));
        }
        match (across.0 / across.1, down.0 / down.1) {
            (1, 1) => Self::None,
            (2, 1) if width > 2 => Self::Across,
            (2, 2) if width > 2 => Self::Both,
            (1, 2) => Self::Down,
            (across, down) => Self::Repeat(across, down),
        }
    }

    /// Row `y` of the picture, of which `out` takes as much as it has room for; `out` may be up to one sample longer or
    /// shorter than what the plane gives. `sums` is scratch.
    pub(super) fn row(self, plane: &Plane, y: usize, sums: &mut Vec<u16>, out: &mut [u8]) {
        // In the vertical direction: the row that holds this one, and the next one on the other side.
        let near = plane.row(y / 2);
        let far = || plane.row(if y % 2 == 1 { y / 2 + 1 } else { (y / 2).saturating_sub(1) });
        match self {
            Self::None => out.copy_from_slice(&plane.row(y)[..out.len()]),
            Self::Repeat(across, down) => {
                for (out, sample) in out.chunks_mut(across).zip(plane.row(y / down)) {
                    out.fill(*sample);
                }
            }
            Self::Nearest(across, down) => {
                let row = plane.row(y * down.0 / down.1);
                for (x, out) in out.iter_mut().enumerate() {
                    *out = row[(x * across.0 / across.1).min(row.len() - 1)];
                }
            }
            Self::Down => {
                let bias = if y % 2 == 1 { 2 } else { 1 };
                for ((out, near), far) in out.iter_mut().zip(near).zip(far()) {
                    *out = ((3 * u16::from(*near) + u16::from(*far) + bias) >> 2) as u8;
                }
            }
            Self::Across => {
                sums.clear();
                sums.extend(plane.row(y).iter().map(|sample| u16::from(*sample)));
                interpolate::<2, 1, 2>(sums, out);
            }
            Self::Both => {
                sums.clear();
                sums.extend(near.iter().zip(far()).map(|(near, far)| 3 * u16::from(*near) + u16::from(*far)));
                interpolate::<4, 8, 7>(sums, out);
            }
        }
    }
}

/// Twice as many samples, each 3/4 of the nearer and 1/4 of the farther one, divided by 2^`SHIFT`. What rounds the left
/// and the right one of a pair differs, so that no direction is preferred. The first and the last are their neighbours'
/// own.
fn interpolate<const SHIFT: u32, const LEFT: u16, const RIGHT: u16>(values: &[u16], out: &mut [u8]) {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return };
    let (pairs, rest) = out.as_chunks_mut::<2>();
    let count = values.len();
    // The middle of the row, without a special case at either end.
    for (pair, around) in pairs.iter_mut().skip(1).zip(values.windows(3)) {
        let [before, value, after] = [around[0], 3 * around[1], around[2]];
        *pair = [((value + before + LEFT) >> SHIFT) as u8, ((value + after + RIGHT) >> SHIFT) as u8];
    }
    if let Some(pair) = pairs.first_mut() {
        *pair = [((4 * first + LEFT) >> SHIFT) as u8, ((3 * first + values[1] + RIGHT) >> SHIFT) as u8];
    }
    let left = ((3 * last + values[count - 2] + LEFT) >> SHIFT) as u8;
    match pairs.get_mut(count - 1) {
        Some(pair) => *pair = [left, ((4 * last + RIGHT) >> SHIFT) as u8],
        None => {
            if let Some(out) = rest.first_mut() {
                *out = left;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane(rows: &[&[u8]]) -> Plane {
        let (width, height) = (rows[0].len(), rows.len());
        Plane { samples: rows.concat(), kept: height, stride: width, width, height }
    }

    fn upsampled(plane: &Plane, across: usize, down: usize, y: usize, length: usize) -> Vec<u8> {
        let mut out = vec![0; length];
        Upsampling::new(plane.width, (across, 1), (down, 1)).row(plane, y, &mut Vec::new(), &mut out);
        out
    }

    #[test]
    fn across() {
        let plane = plane(&[&[10, 20, 40]]);
        // (3 * 10 + 20 + 2) / 4 and so on.
        assert_eq!(upsampled(&plane, 2, 1, 0, 6), [10, 13, 17, 25, 35, 40]);
        assert_eq!(upsampled(&plane, 2, 1, 0, 5), [10, 13, 17, 25, 35]);
    }

    #[test]
    fn down_and_both() {
        let down = plane(&[&[10, 20, 40], &[30, 0, 255]]);
        assert_eq!(upsampled(&down, 1, 2, 0, 3), [10, 20, 40]);
        assert_eq!(upsampled(&down, 1, 2, 1, 3), [15, 15, 94]);
        assert_eq!(upsampled(&down, 1, 2, 2, 3), [25, 5, 201]);
        assert_eq!(upsampled(&down, 2, 2, 3, 6), [30, 22, 8, 64, 191, 255]);
    }

    #[test]
    fn fractions_take_the_nearest() {
        let plane = plane(&[&[10, 20], &[30, 40]]);
        let mut out = [0; 3];
        Upsampling::new(2, (3, 2), (3, 2)).row(&plane, 2, &mut Vec::new(), &mut out);
        assert_eq!(out, [30, 30, 40]);
    }

    #[test]
    fn rows_of_two_are_repeated() {
        let plane = plane(&[&[10, 20]]);
        assert_eq!(upsampled(&plane, 2, 2, 1, 3), [10, 10, 20]);
        assert_eq!(upsampled(&plane, 4, 1, 0, 7), [10, 10, 10, 10, 20, 20, 20]);
    }
}
