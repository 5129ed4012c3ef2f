//! Every parser of text from outside, run on any bytes: for `cargo fuzz`, and as a seeded loop in the tests.
//!
//! Each function panics if a parser does, or if what it lets through breaks what the rest of the crate relies on.

use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::dataset::{says_side, table};
use crate::error::TrainError;
use crate::recipe::{Recipe, Views};
use crate::views::View;

/// A recipe, as TOML.
pub fn recipe(bytes: &[u8]) {
    let path = Path::new("folder/recipe.toml");
    let recipe = match Recipe::parse(&String::from_utf8_lossy(bytes), path) {
        Ok(recipe) => recipe,
        Err(error) => return assert_plain(&error),
    };
    assert!(!recipe.stages.is_empty() && !recipe.photos.is_empty());
    for stage in &recipe.stages {
        assert!(stage.batch >= 2 && stage.epochs >= 1 && (1..=16).contains(&stage.captions));
        for group in &stage.train {
            assert!(group.pattern().is_ok() && group.rate.is_finite());
        }
    }
    draw_views(&recipe.views);
    // What tells runs apart is the recipe as JSON.
    let json = serde_json::to_string(&recipe).expect("a recipe is plain data");
    let again: Recipe = serde_json::from_str(&json).expect("it was written by us");
    assert_eq!(serde_json::to_string(&again).expect("a recipe is plain data"), json);
}

/// A data set, as CSV.
pub fn data_set(bytes: &[u8]) {
    match table(bytes, Path::new("data.csv"), &["caption", "label"]) {
        Ok(pairs) => pairs.pairs.iter().for_each(|(_, text)| _ = says_side(text)),
        Err(error) => assert_plain(&error),
    }
}

/// Drawing a view panics if the ranges in the recipe are not ranges.
fn draw_views(views: &Views) {
    use rand::Rng;
    let mut rng = StdRng::seed_from_u64(1);
    let photo = image::RgbImage::new(5, 3);
    for view in 0..views.count as u32 {
        let pixels = View::draw(views, rng.random(), rng.random_range(0..9), view).apply(&photo);
        assert!(pixels.width() >= 1 && pixels.height() >= 1);
    }
}

fn assert_plain(error: &TrainError) {
    let text = error.to_string();
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!text.contains(|c: char| turns(c) || (c.is_control() && c != '\n')), "{text:?}");
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use rand::seq::IndexedRandom;

    use super::*;

    const RECIPES: [&str; 2] = [
        include_str!("../../../recipes/pocket/pocket.toml"),
        "name = 'a'\nseed = 1\nstart = 'b'\ndata = '.'\n[dev]\ncsv = 'd'\nimages = '.'\n[[photos]]\ncsv = 'p'\nimages = '.'\n\
         share = 0.5\n[views]\ncount = 2\nmin_area = 0.5\nmax_aspect = 1.5\nflip = 0.5\n[[stages]]\nname = 's'\n\
         train = [{ tensors = 'image', rate = 1e-3 }]\nepochs = 3\nbatch = 8\nscale = 14\n",
    ];
    const TABLES: [&str; 2] = ["image,caption\na.jpg,\"one, two\"\nb.jpg,left\n", "\u{feff}label,image\ndog,c.jpg\n"];
    const TELLING: [&str; 14] = [
        "inf",
        "-inf",
        "nan",
        "-1",
        "0",
        "1e308",
        "18446744073709551615",
        "\u{1b}[2J",
        "\u{202e}",
        "\"",
        "(",
        "\n",
        ",",
        "[[stages]]\n",
    ];

    /// A seed with a few bytes changed, removed, repeated or replaced by something telling.
    fn mutated(rng: &mut StdRng, seeds: &[&str]) -> Vec<u8> {
        let mut bytes = seeds.choose(rng).unwrap().as_bytes().to_vec();
        for _ in 0..rng.random_range(1..4) {
            let from = rng.random_range(0..=bytes.len());
            let to = rng.random_range(from..=bytes.len().min(from + 40));
            match rng.random_range(0..6) {
                0 => bytes.truncate(to),
                1 => drop(bytes.drain(from..to)),
                2 => bytes.extend_from_within(from..to),
                3 => bytes.iter_mut().skip(from).take(1).for_each(|byte| *byte ^= 1 << rng.random_range(0..8)),
                // Numbers are where most ranges are.
                4 => {
                    if let Some(at) = bytes.iter().skip(from).position(u8::is_ascii_digit).map(|at| from + at) {
                        let end = bytes
                            .iter()
                            .skip(at)
                            .position(|b| !b"0123456789.e-".contains(b))
                            .map_or(bytes.len(), |n| at + n);
                        bytes.splice(at..end, TELLING.choose(rng).unwrap().bytes());
                    }
                }
                _ => drop(bytes.splice(from..from, TELLING.choose(rng).unwrap().bytes())),
            }
        }
        bytes
    }

    #[test]
    fn any_bytes_are_parsed_or_refused() {
        for seed in RECIPES {
            assert!(Recipe::parse(seed, Path::new("recipe.toml")).is_ok(), "the seeds are good");
            recipe(seed.as_bytes());
        }
        TABLES.iter().for_each(|seed| data_set(seed.as_bytes()));
        let mut rng = StdRng::seed_from_u64(12);
        for _ in 0..300 {
            recipe(&mutated(&mut rng, &RECIPES));
            data_set(&mutated(&mut rng, &TABLES));
            let noise: Vec<u8> = (0..rng.random_range(0..60)).map(|_| rng.random()).collect();
            recipe(&noise);
            data_set(&noise);
        }
    }
}
