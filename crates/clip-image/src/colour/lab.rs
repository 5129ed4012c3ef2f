//! L*a*b* to sRGB.

/// L* of 0 to 100, a* and b*, with white point D50 as in ICC profiles, to sRGB.
pub(crate) fn to_srgb([l, a, b]: [f32; 3]) -> [u8; 3] {
    const WHITE: [f32; 3] = [0.9642, 1.0, 0.8249];
    // With Bradford adaptation from D50 to D65.
    const TO_RGB: [[f32; 3]; 3] =
        [[3.133_856, -1.616_867, -0.490_615], [-0.978_768, 1.916_142, 0.033_454], [0.071_945, -0.228_991, 1.405_243]];

    let y = (l + 16.0) / 116.0;
    let xyz = [y + a / 500.0, y, y - b / 200.0];
    let xyz: [f32; 3] = std::array::from_fn(|i| {
        let t = xyz[i];
        WHITE[i] * if t > 6.0 / 29.0 { t * t * t } else { (t - 4.0 / 29.0) * 108.0 / 841.0 }
    });
    TO_RGB.map(|row| {
        let linear: f32 = row.iter().zip(xyz).map(|(factor, part)| factor * part).sum();
        let curved = if linear > 0.003_130_8 { 1.055 * linear.powf(1.0 / 2.4) - 0.055 } else { 12.92 * linear };
        (curved * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::to_srgb;

    #[test]
    fn colours_of_the_standard() {
        assert_eq!([to_srgb([100.0, 0.0, 0.0]), to_srgb([0.0, 0.0, 0.0])], [[255; 3], [0; 3]]);
        // Red of sRGB.
        let [r, g, b] = to_srgb([54.3, 80.8, 69.9]);
        assert!(r >= 254 && g < 6 && b < 6, "{r} {g} {b}");
    }
}
