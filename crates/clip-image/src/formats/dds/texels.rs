//! How pixels are stored: in compressed blocks, as bits of a number, or as samples side by side.

use std::ops::ControlFlow;

/// The layout of pixels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Layout {
    Blocks(Blocks),
    Masks(Masks),
    /// That many samples a pixel: luminance; red and green; with blue; with alpha.
    Samples(Samples, usize),
}

/// Blocks of 4 x 4 pixels, as Direct3D names them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Blocks {
    Bc1,
    Bc2,
    Bc3,
    Bc4 { is_signed: bool },
    Bc5 { is_signed: bool },
    Bc6h { is_signed: bool },
    Bc7,
}

/// Samples of more than 8 bits, little-endian.
#[derive(Debug, Clone, Copy)]
pub(super) enum Samples {
    /// Unsigned, 16 bits.
    Whole,
    /// Floating point, 16 bits.
    Half,
    /// Floating point, 32 bits.
    Single,
}

/// Which bits of a pixel are which sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Masks {
    bytes: usize,
    colours: [Mask; 3],
    alpha: Option<Mask>,
}

#[derive(Debug, Clone, Copy)]
struct Mask {
    shift: u32,
    most: u64,
}

impl Mask {
    fn new(mask: u32) -> Self {
        let shift = mask.trailing_zeros() % 32;
        Self { shift, most: u64::from(mask >> shift) }
    }

    fn sample(self, pixel: u32) -> u8 {
        let sample = u64::from(pixel >> self.shift) & self.most;
        // No bits, no light. The quotient is at most 255.
        (sample * 255 + self.most / 2).checked_div(self.most).unwrap_or(0) as u8
    }
}

impl Masks {
    pub(super) fn new(bytes: usize, colours: [u32; 3], alpha: u32) -> Self {
        Self { bytes, colours: colours.map(Mask::new), alpha: (alpha != 0).then(|| Mask::new(alpha)) }
    }

    fn rgba(&self, stored: &[u8]) -> [u8; 4] {
        let pixel = stored.iter().rev().fold(0, |pixel, byte| pixel << 8 | u32::from(*byte));
        let [r, g, b] = self.colours.map(|mask| mask.sample(pixel));
        [r, g, b, self.alpha.map_or(255, |mask| mask.sample(pixel))]
    }
}

impl Layout {
    /// Whether the samples are linear light of any range.
    pub(super) fn is_light(self) -> bool {
        matches!(self, Self::Blocks(Blocks::Bc6h { .. }) | Self::Samples(Samples::Half | Samples::Single, _))
    }

    /// Bytes of a block, or of a pixel.
    fn unit(self) -> usize {
        match self {
            Self::Blocks(Blocks::Bc1 | Blocks::Bc4 { .. }) => 8,
            Self::Blocks(_) => 16,
            Self::Masks(masks) => masks.bytes,
            Self::Samples(Samples::Whole | Samples::Half, count) => 2 * count,
            Self::Samples(Samples::Single, count) => 4 * count,
        }
    }
}

/// The stored pixels of a picture.
pub(super) struct Texels<'a> {
    layout: Layout,
    width: usize,
    height: usize,
    data: &'a [u8],
}

const SIDE: usize = 4;

impl<'a> Texels<'a> {
    /// `None` if there are fewer bytes than the picture takes.
    pub(super) fn new(layout: Layout, size: (u32, u32), data: &'a [u8]) -> Option<Self> {
        let (width, height) = (usize::try_from(size.0).ok()?, usize::try_from(size.1).ok()?);
        let units = match layout {
            Layout::Blocks(_) => width.div_ceil(SIDE).checked_mul(height.div_ceil(SIDE)),
            _ => width.checked_mul(height),
        };
        let data = data.get(..units?.checked_mul(layout.unit())?)?;
        Some(Self { layout, width, height, data })
    }

    /// Visits pixels with samples of 8 bits, until told to stop: the index of each, and red, green, blue and alpha.
    pub(super) fn bytes(&self, mut visit: impl FnMut(usize, [u8; 4]) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.layout {
            Layout::Blocks(blocks) => self.blocks(|block| blocks.bytes(block), visit),
            Layout::Masks(masks) => {
                let mut pixels = self.data.chunks_exact(masks.bytes).enumerate();
                pixels.try_for_each(|(at, stored)| visit(at, masks.rgba(stored)))
            }
            Layout::Samples(_, count) => {
                let mut pixels = self.data.chunks_exact(self.layout.unit()).enumerate();
                pixels.try_for_each(|(at, stored)| {
                    let samples = stored.as_chunks::<2>().0.iter().map(|bytes| {
                        let sample = u32::from(u16::from_le_bytes(*bytes));
                        ((sample * 255 + 32_767) / 65_535) as u8
                    });
                    visit(at, spread(samples, count, 255))
                })
            }
        }
    }

    /// Visits pixels whose samples are light.
    pub(super) fn light(&self, mut visit: impl FnMut(usize, [f32; 4])) {
        match self.layout {
            Layout::Blocks(Blocks::Bc6h { is_signed }) => {
                let _ = self.blocks(
                    |block| light_of_block(block, is_signed),
                    |at, pixel| {
                        visit(at, pixel);
                        ControlFlow::Continue(())
                    },
                );
            }
            Layout::Samples(samples, count) => {
                for (at, stored) in self.data.chunks_exact(self.layout.unit()).enumerate() {
                    let pixel = match samples {
                        Samples::Single => {
                            spread(stored.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)), count, 1.0)
                        }
                        _ => {
                            let halves = stored.as_chunks().0.iter();
                            spread(halves.map(|bytes| from_half(u16::from_le_bytes(*bytes))), count, 1.0)
                        }
                    };
                    visit(at, pixel);
                }
            }
            _ => (),
        }
    }

    /// Visits the pixels of blocks that are in the picture.
    fn blocks<T: Copy>(
        &self,
        decode: impl Fn(&[u8]) -> [T; SIDE * SIDE],
        mut visit: impl FnMut(usize, T) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let across = self.width.div_ceil(SIDE);
        for (number, block) in self.data.chunks_exact(self.layout.unit()).enumerate() {
            let (left, top) = (number % across * SIDE, number / across * SIDE);
            let pixels = decode(block);
            for (y, row) in (top..self.height).zip(pixels.chunks_exact(SIDE)) {
                for (x, pixel) in (left..self.width).zip(row) {
                    visit(y * self.width + x, *pixel)?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Red, green, blue and alpha of a pixel with fewer samples. One alone is luminance.
fn spread<T: Copy + Default>(mut samples: impl Iterator<Item = T>, count: usize, opaque: T) -> [T; 4] {
    let mut next = || samples.next();
    let (red, green, blue, alpha) = (next(), next(), next(), next());
    let red = red.unwrap_or_default();
    let green = if count == 1 { red } else { green.unwrap_or_default() };
    let blue = if count == 1 { red } else { blue.unwrap_or_default() };
    [red, green, blue, alpha.unwrap_or(opaque)]
}

impl Blocks {
    fn bytes(self, block: &[u8]) -> [[u8; 4]; SIDE * SIDE] {
        let mut pixels = [[0; 4]; SIDE * SIDE];
        let rgba = pixels.as_flattened_mut();
        match self {
            Self::Bc1 => bcdec_rs::bc1(block, rgba, 4 * SIDE),
            Self::Bc2 => bcdec_rs::bc2(block, rgba, 4 * SIDE),
            Self::Bc3 => bcdec_rs::bc3(block, rgba, 4 * SIDE),
            Self::Bc7 => bcdec_rs::bc7(block, rgba, 4 * SIDE),
            Self::Bc4 { is_signed } => {
                let mut samples = [0.0; SIDE * SIDE];
                bcdec_rs::bc4_float(block, &mut samples, SIDE, is_signed);
                return samples.map(|sample| {
                    let sample = eight_bits(sample, is_signed);
                    [sample, sample, sample, 255]
                });
            }
            Self::Bc5 { is_signed } => {
                let mut samples = [[0.0; 2]; SIDE * SIDE];
                bcdec_rs::bc5_float(block, samples.as_flattened_mut(), 2 * SIDE, is_signed);
                return samples.map(|[red, green]| [eight_bits(red, is_signed), eight_bits(green, is_signed), 0, 255]);
            }
            // These are light.
            Self::Bc6h { .. } => (),
        }
        pixels
    }
}

/// From 0 to 1, or from -1 to 1.
fn eight_bits(sample: f32, is_signed: bool) -> u8 {
    let sample = if is_signed { sample * 0.5 + 0.5 } else { sample };
    (sample * 255.0).round() as u8
}

fn light_of_block(block: &[u8], is_signed: bool) -> [[f32; 4]; SIDE * SIDE] {
    let mut samples = [[0_u16; 3]; SIDE * SIDE];
    bcdec_rs::bc6h_half(block, samples.as_flattened_mut(), 3 * SIDE, is_signed);
    samples.map(|[r, g, b]| [from_half(r), from_half(g), from_half(b), 1.0])
}

/// A floating-point number of 16 bits (IEEE 754).
fn from_half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves() {
        for (bits, expected) in
            [(0, 0.0), (0x3c00, 1.0), (0xc000, -2.0), (0x3555, 0.333_251_95), (1, 5.960_464_5e-8), (0x7bff, 65_504.0)]
        {
            assert_eq!(from_half(bits), expected);
        }
        assert_eq!(from_half(0x7c00), f32::INFINITY);
        assert!(from_half(0x7e00).is_nan());
    }

    #[test]
    fn masks_of_any_width() {
        let masks = Masks::new(4, [u32::MAX, 1, 0], 0x8000_0001);
        assert_eq!(masks.rgba(&[255; 4]), [255, 255, 0, 255]);
        assert_eq!(masks.rgba(&[0; 4]), [0; 4]);
        assert_eq!(Masks::new(1, [0xe0, 0x1c, 3], 0).rgba(&[0x92]), [146, 146, 170, 255]);
    }

    /// Whatever the bits are, the library gives pixels.
    #[test]
    fn every_kind_of_block() {
        let all = [
            Blocks::Bc1,
            Blocks::Bc2,
            Blocks::Bc3,
            Blocks::Bc4 { is_signed: false },
            Blocks::Bc4 { is_signed: true },
            Blocks::Bc5 { is_signed: false },
            Blocks::Bc5 { is_signed: true },
            Blocks::Bc7,
        ];
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let block: [u8; 16] = std::array::from_fn(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            });
            for kind in all {
                kind.bytes(&block[..Layout::Blocks(kind).unit()]);
            }
            light_of_block(&block, false);
            light_of_block(&block, true);
        }
    }
}
