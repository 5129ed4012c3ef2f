//! The parts of a picture that may hold text, one below the other on white: what lies between them would only mislead tesseract, which
//! divides all of a picture into ink and paper at one level of grey.

use fast_image_resize::FilterType;

use crate::looks::Region;
use crate::sizing::{Grey, fitted};

/// So many parts at most; the others are the least like text.
const MOST: usize = 16;
/// White around each part, in pixels.
const GAP: u32 = 30;
/// The longer side of a part: small ones grow to it, at most so many times.
const LEAST_SIDE: u32 = 1_200;
const GROWTH: f64 = 3.0;
/// The height from which on a part does not grow any more: its letters are large.
const HIGH: u32 = 240;
/// Where fewer levels are between the darkest and the lightest, they are not spread further.
const LEAST_CONTRAST: u8 = 20;

/// `most` is the longer side of a part at most.
pub(crate) fn montage(picture: &Grey, regions: &[Region], most: u32) -> Grey {
    let parts: Vec<Grey> = regions.iter().take(MOST).map(|region| part(picture, region, most)).collect();
    let width = parts.iter().map(|part| part.width).max().unwrap_or(0) + 2 * GAP;
    let height = parts.iter().map(|part| part.height + GAP).sum::<u32>() + GAP;
    let mut levels = vec![u8::MAX; width as usize * height as usize];
    let mut top = GAP as usize;
    for part in parts {
        let rows = levels.chunks_exact_mut(width as usize).skip(top);
        for (row, levels) in rows.zip(part.levels.chunks_exact(part.width as usize)) {
            row[GAP as usize..][..levels.len()].copy_from_slice(levels);
        }
        top += (part.height + GAP) as usize;
    }
    Grey { width, height, levels }
}

fn part(picture: &Grey, region: &Region, most: u32) -> Grey {
    let mut part = cut(picture, region);
    let growth = GROWTH.min(f64::from(HIGH) / f64::from(part.height.max(1))).max(1.0);
    let size = fitted((part.width, part.height), LEAST_SIDE, most, growth);
    part = part.resized(size, FilterType::CatmullRom);
    spread(&mut part);
    part
}

fn cut(picture: &Grey, region: &Region) -> Grey {
    let range = |from: f32, to: f32, pixels: u32| {
        let from = ((from * pixels as f32) as u32).min(pixels.saturating_sub(1));
        let to = ((to * pixels as f32).ceil() as u32).clamp(from + 1, pixels.max(1));
        from as usize..to as usize
    };
    let (columns, rows) =
        (range(region.left, region.right, picture.width), range(region.top, region.bottom, picture.height));
    let levels = picture.levels.chunks_exact(picture.width.max(1) as usize);
    let levels = levels.skip(rows.start).take(rows.len()).flat_map(|row| &row[columns.clone()]).copied().collect();
    Grey { width: columns.len() as u32, height: rows.len() as u32, levels }
}

/// Spreads levels from black to white, and makes the ground light: that is what most of the middle is.
fn spread(part: &mut Grey) {
    let (width, height) = (part.width as usize, part.height as usize);
    let mut all = [0u32; 256];
    part.levels.iter().for_each(|&level| all[usize::from(level)] += 1);
    let mut middle = [0u32; 256];
    let rows = part.levels.chunks_exact(width.max(1)).skip(height / 4).take((height / 2).max(1));
    for level in rows.flat_map(|row| &row[width / 6..width - width / 6]) {
        middle[usize::from(*level)] += 1;
    }
    let (dark, light, ground) = (quantile(&all, 0.02), quantile(&all, 0.98), quantile(&middle, 0.5));
    let contrast = light.saturating_sub(dark).max(LEAST_CONTRAST);
    let is_dark = u16::from(ground) * 2 < u16::from(dark) + u16::from(light);
    let spread = |level: u8| {
        let level = u32::from(level.saturating_sub(dark)) * 255 / u32::from(contrast);
        let level = level.min(255) as u8;
        if is_dark { 255 - level } else { level }
    };
    part.levels.iter_mut().for_each(|level| *level = spread(*level));
}

/// The level below which this share lies.
fn quantile(counts: &[u32; 256], share: f64) -> u8 {
    let total: u64 = counts.iter().map(|&count| u64::from(count)).sum();
    let wanted = (total as f64 * share) as u64;
    let mut seen = 0;
    let level = counts.iter().position(|&count| {
        seen += u64::from(count);
        seen > wanted
    });
    level.unwrap_or(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_spread_on_white_and_their_ground_is_light() {
        // Grey with a darker sign on which there is light ink.
        let mut picture = Grey { width: 200, height: 100, levels: vec![120; 20_000] };
        for y in 25..75 {
            for x in 50..150 {
                picture.levels[y * 200 + x] = if x % 10 < 2 { 200 } else { 60 };
            }
        }
        let region = Region { left: 0.25, top: 0.25, right: 0.75, bottom: 0.75 };
        let whole = montage(&picture, &[region, region], 2_600);
        assert_eq!((whole.width, whole.height), (300 + 60, 2 * 150 + 90));
        let dark = whole.levels.iter().filter(|&&level| level < 40).count() as f64 / (2.0 * 300.0 * 150.0);
        assert!((0.1..0.25).contains(&dark), "{dark}");
        for Region { left, top, right, bottom } in [
            Region { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 },
            Region { left: 1.0, top: 1.0, right: 1.0, bottom: 1.0 },
        ] {
            let whole = montage(&picture, &[Region { left, top, right, bottom }], 100);
            assert!(whole.width <= 160 && whole.levels.len() == (whole.width * whole.height) as usize);
        }
        assert_eq!(montage(&picture, &[], 100).levels.len(), 60 * 30);
    }
}
