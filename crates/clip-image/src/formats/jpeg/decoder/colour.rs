//! YCbCr to RGB in libjpeg's fixed-point arithmetic.

/// 16 bits behind the point, as in libjpeg.
const ONE: f64 = 65536.0;
const HALF: i32 = 1 << 15;

const fn fixed(factor: f64) -> i32 {
    (factor * ONE + 0.5) as i32
}

/// Converts a row. All have the same length.
pub(super) fn to_rgb(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [[u8; 3]]) {
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

    #[test]
    fn ends_of_the_scale() {
        let convert = |luma, blue, red| {
            let mut out = [[0; 3]];
            to_rgb(&[luma], &[blue], &[red], &mut out);
            out[0]
        };
        assert_eq!(convert(0, 128, 128), [0; 3]);
        assert_eq!(convert(255, 128, 128), [255; 3]);
        assert_eq!(convert(76, 85, 255), [254, 0, 0]);
        assert_eq!(convert(128, 255, 0), [0, 176, 255]);
    }
}
