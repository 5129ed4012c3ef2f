//! Simple drawings, and the texts that describe them.

use image::{Rgb, RgbImage};

type Colour = [u8; 3];

const SIDE: u32 = 224;
const WHITE: Colour = [255, 255, 255];
const BLACK: Colour = [0, 0, 0];
const RED: Colour = [220, 20, 30];
const GREEN: Colour = [40, 150, 50];
const BLUE: Colour = [30, 60, 210];
const YELLOW: Colour = [250, 215, 30];
const SKY: Colour = [110, 170, 240];

/// What describes the drawings, a line for each.
const TEXTS: &str = include_str!("texts.txt");

const DRAWINGS: [fn() -> RgbImage; COUNT] = [
    || plain(RED),
    || plain(BLUE),
    || plain(GREEN),
    || plain(YELLOW),
    || plain(BLACK),
    || plain(WHITE),
    stripes,
    chessboard,
    rainbow,
    night,
    sunset,
    mountains,
    meadow,
    smiley,
    house,
    tree,
];

/// How many drawings there are.
pub(super) const COUNT: usize = 16;

/// The texts that describe the drawings.
pub(super) fn texts() -> Vec<&'static str> {
    TEXTS.lines().collect()
}

/// The drawings, in the order of their texts.
pub(super) fn drawings() -> impl Iterator<Item = RgbImage> {
    DRAWINGS.iter().map(|draw| draw())
}

fn draw(colour: impl Fn(f32, f32) -> Colour) -> RgbImage {
    let side = SIDE as f32;
    RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb(colour((x as f32 + 0.5) / side, (y as f32 + 0.5) / side)))
}

fn mix(from: Colour, to: Colour, share: f32) -> Colour {
    let share = share.clamp(0.0, 1.0);
    std::array::from_fn(|at| (f32::from(from[at]) * (1.0 - share) + f32::from(to[at]) * share).round() as u8)
}

fn is_within(x: f32, y: f32, centre: (f32, f32), radius: f32) -> bool {
    (x - centre.0).hypot(y - centre.1) <= radius
}

fn plain(colour: Colour) -> RgbImage {
    draw(|_, _| colour)
}

fn stripes() -> RgbImage {
    draw(|x, _| if ((x * 12.0) as u32).is_multiple_of(2) { BLACK } else { WHITE })
}

fn chessboard() -> RgbImage {
    draw(|x, y| if ((x * 8.0) as u32 + (y * 8.0) as u32) % 2 == 1 { BLACK } else { WHITE })
}

fn rainbow() -> RgbImage {
    const BANDS: [Colour; 6] = [RED, [250, 130, 20], YELLOW, GREEN, BLUE, [120, 40, 170]];
    draw(|x, y| {
        let band = (0.9 - (x - 0.5).hypot(y - 1.0)) / 0.08;
        if band < 0.0 { SKY } else { BANDS.get(band as usize).copied().unwrap_or(SKY) }
    })
}

fn night() -> RgbImage {
    // Spread evenly, and yet without a pattern: Martin Roberts' sequence R2.
    let stars: Vec<(f32, f32, f32)> = (0..60)
        .map(|star| {
            let star = star as f32;
            ((star * 0.754_878).fract(), (star * 0.569_840).fract(), 0.003 + 0.006 * (star * 0.37).fract())
        })
        .collect();
    draw(|x, y| {
        let is_star = stars.iter().any(|&(across, down, radius)| is_within(x, y, (across, down), radius));
        if is_star { WHITE } else { mix([5, 5, 30], [20, 25, 70], y) }
    })
}

fn sunset() -> RgbImage {
    draw(|x, y| {
        if y > 0.62 {
            let glitter = (x - 0.5).abs() < 0.1 && ((y * 60.0) as u32).is_multiple_of(2);
            return if glitter { [255, 190, 90] } else { mix([150, 70, 60], [20, 25, 60], (y - 0.62) / 0.38) };
        }
        if is_within(x, y, (0.5, 0.58), 0.13) {
            return [255, 235, 150];
        }
        mix([70, 50, 120], [255, 130, 40], y / 0.62)
    })
}

fn mountains() -> RgbImage {
    draw(|x, y| {
        let peak = |centre: f32, top: f32, slope: f32| top + (x - centre).abs() * slope;
        let ridge = peak(0.3, 0.25, 1.3).min(peak(0.7, 0.35, 1.1)).min(peak(1.0, 0.45, 1.4));
        let jag = 0.03 * ((x * 40.0).sin() + (x * 17.0).cos());
        if y < ridge {
            mix([60, 120, 220], SKY, y)
        } else if y < ridge + 0.22 + jag {
            [245, 248, 255]
        } else {
            [90, 95, 110]
        }
    })
}

fn meadow() -> RgbImage {
    draw(|x, y| {
        if y > 0.55 + 0.03 * (x * 6.0).sin() {
            return mix([110, 190, 60], [40, 120, 30], (y - 0.5) * 2.0);
        }
        let cloud = [(0.25, 0.2, 0.07), (0.33, 0.18, 0.09), (0.42, 0.21, 0.06), (0.75, 0.3, 0.06), (0.82, 0.29, 0.07)];
        if cloud.iter().any(|&(across, down, radius)| is_within(x, y, (across, down), radius)) { WHITE } else { SKY }
    })
}

fn smiley() -> RgbImage {
    draw(|x, y| {
        let mouth = is_within(x, y, (0.5, 0.52), 0.25) && !is_within(x, y, (0.5, 0.48), 0.24) && y > 0.55;
        if is_within(x, y, (0.37, 0.4), 0.05) || is_within(x, y, (0.63, 0.4), 0.05) || mouth {
            BLACK
        } else if is_within(x, y, (0.5, 0.5), 0.4) {
            YELLOW
        } else {
            WHITE
        }
    })
}

fn house() -> RgbImage {
    draw(|x, y| {
        let between = |value: f32, from: f32, to: f32| value >= from && value < to;
        if between(y, 0.25, 0.48) && (x - 0.5).abs() < (y - 0.25) * 1.5 {
            RED
        } else if between(x, 0.24, 0.76) && between(y, 0.48, 0.82) {
            let window = between(y, 0.55, 0.66) && (between(x, 0.3, 0.4) || between(x, 0.6, 0.7));
            let door = between(x, 0.45, 0.56) && y >= 0.62;
            if door {
                [110, 60, 30]
            } else if window {
                SKY
            } else {
                [240, 225, 190]
            }
        } else if y >= 0.82 {
            GREEN
        } else {
            SKY
        }
    })
}

fn tree() -> RgbImage {
    draw(|x, y| {
        let crown = [(0.5, 0.3, 0.2), (0.37, 0.42, 0.16), (0.63, 0.42, 0.16), (0.5, 0.45, 0.17)];
        if crown.iter().any(|&(across, down, radius)| is_within(x, y, (across, down), radius)) {
            [35, 125, 40]
        } else if (x - 0.5).abs() < 0.045 && (0.5..0.85).contains(&y) {
            [105, 65, 35]
        } else {
            WHITE
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn drawings_and_texts_are_all_different() {
        assert_eq!(drawings().map(RgbImage::into_raw).collect::<HashSet<_>>().len(), COUNT);
        assert_eq!(texts().into_iter().collect::<HashSet<_>>().len(), COUNT);
    }
}
