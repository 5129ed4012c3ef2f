//! Components to RGB, in libjpeg's fixed-point arithmetic.

use super::header::Component;

/// What the components of a file stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Grey,
    YCbCr,
    Rgb,
    /// Four inks, stored inverted as Adobe's programs do: 255 is no ink.
    Cmyk,
    /// The same with the first three as YCbCr.
    Ycck,
    /// So many components whose meaning somebody else knows. They stay what they are.
    Stored(usize),
}

impl Colour {
    /// As libjpeg decides (`default_decompress_parms`). `None` for two components, or more than four.
    pub(super) fn of(components: &[Component], is_jfif: bool, adobe_transform: Option<u8>) -> Option<Self> {
        match (components.len(), adobe_transform) {
            (1, _) => Some(Self::Grey),
            (3, _) if is_jfif => Some(Self::YCbCr),
            (3, Some(0)) => Some(Self::Rgb),
            (3, None) if components.iter().map(|component| component.id).eq(*b"RGB") => Some(Self::Rgb),
            (3, _) => Some(Self::YCbCr),
            (4, Some(2)) => Some(Self::Ycck),
            (4, _) => Some(Self::Cmyk),
            _ => None,
        }
    }

    pub(super) fn is_grey_or_ycbcr(self) -> bool {
        matches!(self, Self::Grey | Self::YCbCr)
    }

    /// Samples of a pixel that rows are written with.
    pub(super) fn samples(self) -> usize {
        if let Self::Stored(count) = self { count } else { 3 }
    }

    pub(super) fn is_inks(self) -> bool {
        matches!(self, Self::Cmyk | Self::Ycck)
    }

    /// Writes a row of inks as a profile takes them: 0 for no ink.
    pub(super) fn write_inks(self, components: &[Vec<u8>; 4], out: &mut [u8]) {
        let [first, second, third, fourth] = components;
        let out = out.as_chunks_mut::<4>().0;
        let samples = first.iter().zip(second).zip(third).zip(fourth);
        for (out, (((first, second), third), black)) in out.iter_mut().zip(samples) {
            let mut three = [[*first, *second, *third]];
            if self == Self::Ycck {
                let [[luma, blue, red]] = three;
                from_ycbcr(&[luma], &[blue], &[red], &mut three);
            } else {
                three = three.map(|light| light.map(|light| 255 - light));
            }
            let [[cyan, magenta, yellow]] = three;
            *out = [cyan, magenta, yellow, 255 - black];
        }
    }

    /// Writes a row of as many components as there are, pixel by pixel.
    pub(super) fn write(self, components: &[Vec<u8>; 4], out: &mut [u8]) {
        let [first, second, third, fourth] = components;
        if let Self::Stored(count) = self {
            for (i, component) in components.iter().take(count).enumerate() {
                out.iter_mut().skip(i).step_by(count).zip(component).for_each(|(out, sample)| *out = *sample);
            }
            return;
        }
        let out = out.as_chunks_mut::<3>().0;
        match self {
            Self::Grey | Self::Stored(_) => {
                for (out, luma) in out.iter_mut().zip(first) {
                    *out = [*luma; 3];
                }
            }
            Self::YCbCr => from_ycbcr(first, second, third, out),
            Self::Rgb | Self::Cmyk => {
                for (((out, red), green), blue) in out.iter_mut().zip(first).zip(second).zip(third) {
                    *out = [*red, *green, *blue];
                }
            }
            Self::Ycck => {
                from_ycbcr(first, second, third, out);
                // What YCbCr gives is ink, of which the rest is light.
                out.iter_mut().for_each(|pixel| *pixel = pixel.map(|ink| 255 - ink));
            }
        }
        if self.is_inks() {
            for (pixel, black) in out.iter_mut().zip(fourth) {
                *pixel = pixel.map(|light| ((u32::from(light) * u32::from(*black) + 127) / 255) as u8);
            }
        }
    }
}

/// 16 bits behind the point, as in libjpeg.
const ONE: f64 = 65536.0;
const HALF: i32 = 1 << 15;

const fn fixed(factor: f64) -> i32 {
    (factor * ONE + 0.5) as i32
}

fn from_ycbcr(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [[u8; 3]]) {
    for (((out, luma), blue), red) in out.iter_mut().zip(luma).zip(blue).zip(red) {
        let (luma, blue, red) = (i32::from(*luma), i32::from(*blue) - 128, i32::from(*red) - 128);
        let clamped = |sample: i32| sample.clamp(0, 255) as u8;
        *out = [
            clamped(luma + ((fixed(1.402) * red + HALF) >> 16)),
            clamped(luma + ((-fixed(0.34414) * blue - fixed(0.71414) * red + HALF) >> 16)),
            clamped(luma + ((fixed(1.772) * blue + HALF) >> 16)),
        ];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(colour: Colour, components: [u8; 4]) -> [u8; 3] {
        let mut out = [0; 3];
        colour.write(&components.map(|sample| vec![sample]), &mut out);
        out
    }

    #[test]
    fn ends_of_the_scale() {
        let convert = |luma, blue, red| convert(Colour::YCbCr, [luma, blue, red, 0]);
        assert_eq!(convert(0, 128, 128), [0; 3]);
        assert_eq!(convert(255, 128, 128), [255; 3]);
        assert_eq!(convert(76, 85, 255), [254, 0, 0]);
        assert_eq!(convert(128, 255, 0), [0, 176, 255]);
    }

    #[test]
    fn stored_samples_stand_side_by_side() {
        let mut out = [0; 6];
        Colour::Stored(2).write(&[vec![1, 2, 3], vec![4, 5, 6], vec![], vec![]], &mut out);
        assert_eq!(out, [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    fn inks_as_profiles_take_them() {
        let convert = |colour: Colour, components: [u8; 4]| {
            let mut out = [0; 4];
            colour.write_inks(&components.map(|sample| vec![sample]), &mut out);
            out
        };
        assert_eq!(convert(Colour::Cmyk, [255, 200, 0, 155]), [0, 55, 255, 100]);
        assert_eq!(convert(Colour::Ycck, [255, 128, 128, 255]), [255, 255, 255, 0]);
        assert_eq!(convert(Colour::Ycck, [76, 85, 255, 155]), [254, 0, 0, 100]);
    }

    #[test]
    fn inks_leave_light() {
        assert_eq!(convert(Colour::Cmyk, [255; 4]), [255; 3]);
        assert_eq!(convert(Colour::Cmyk, [255, 0, 255, 255]), [255, 0, 255]);
        assert_eq!(convert(Colour::Cmyk, [255, 255, 100, 0]), [0; 3]);
        // YCbCr of no ink.
        assert_eq!(convert(Colour::Ycck, [0, 128, 128, 255]), [255; 3]);
        assert_eq!(convert(Colour::Ycck, [255, 128, 128, 255]), [0; 3]);
    }
}
