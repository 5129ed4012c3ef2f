//! What a request asks for.

use std::cmp::{Ordering, Reverse};
use std::str::FromStr;

use clip_search::image::{RgbImage, imageops};
use clip_search::{Order, Record};
use serde::Deserialize;

use crate::problem::Problem;

/// A search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// A query; empty for all photos.
    pub(crate) text: String,
    /// Nothing in the text is a condition.
    pub(crate) literal: bool,
    /// Scores are not corrected.
    pub(crate) raw: bool,
    /// Near duplicates are one result.
    pub(crate) collapse: bool,
    /// Results that show much the same as an earlier one come later.
    pub(crate) diverse: bool,
    pub(crate) sort: Sort,
    pub(crate) min_relevance: Option<f32>,
    pub(crate) example: Option<Example>,
}

/// In which order results come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    /// The best first; without a description, the newest.
    #[default]
    Relevance,
    /// The newest first; with a description, those of the best that match.
    Date,
    /// The oldest first.
    Oldest,
    /// By path.
    Path,
    /// The largest file first.
    Size,
}

impl Sort {
    /// The same for a query.
    pub(crate) fn order(self) -> Order {
        match self {
            Sort::Relevance => Order::Best,
            Sort::Date => Order::Newest,
            Sort::Oldest => Order::Oldest,
            Sort::Path => Order::Path,
            Sort::Size => Order::Largest,
        }
    }

    /// Compares two results; where they are equal, what was indexed first comes first.
    pub(crate) fn compare(self, a: &Record, b: &Record) -> Ordering {
        let (date_a, date_b) = (a.asset.taken_at, b.asset.taken_at);
        // Those without a date come last.
        let dated = date_a.is_none().cmp(&date_b.is_none());
        let order = match self {
            Sort::Relevance => Ordering::Equal,
            Sort::Date => dated.then(date_b.cmp(&date_a)),
            Sort::Oldest => dated.then(date_a.cmp(&date_b)),
            Sort::Path => a.asset.path.cmp(&b.asset.path),
            Sort::Size => Reverse(a.asset.stamp.size).cmp(&Reverse(b.asset.stamp.size)),
        };
        order.then(a.id.cmp(&b.id))
    }
}

/// A picture that results should resemble.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Example {
    /// A photo of the index, or a part of it.
    Photo { id: u64, crop: Option<Crop> },
    /// A picture that was sent, or a part of it.
    Sent { picture: String, crop: Option<Crop> },
}

/// Millionths of the whole.
const WHOLE: f64 = 1e6;

/// A part of a picture: left, top, width and height as shares of the whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Crop([u32; 4]);

impl FromStr for Crop {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Crop, Problem> {
        let wrong = || Problem::bad("expected a part as left,top,width,height in shares of the image, 0 to 1");
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        let numbers = numbers.map_err(|_| wrong())?;
        let &[left, top, width, height] = numbers.as_slice() else { return Err(wrong()) };
        let fits = |start: f64, length: f64| start >= 0.0 && length > 0.0 && start + length <= 1.0 + 1e-6;
        if !fits(left, width) || !fits(top, height) {
            return Err(wrong());
        }
        Ok(Crop([left, top, width, height].map(|share| (share * WHOLE).round() as u32)))
    }
}

impl Crop {
    /// This part of a picture; at least a pixel of it.
    pub(crate) fn of(self, image: &RgbImage) -> RgbImage {
        let [left, top, width, height] = self.0.map(|share| f64::from(share) / WHOLE);
        let along = |start: f64, length: f64, side: u32| {
            let from = ((start * f64::from(side)) as u32).min(side.saturating_sub(1));
            let length = ((length * f64::from(side)).round() as u32).clamp(1, (side - from).max(1));
            (from, length)
        };
        let (x, width) = along(left, width, image.width());
        let (y, height) = along(top, height, image.height());
        imageops::crop_imm(image, x, y, width, height).to_image()
    }

    /// How much of the shorter side is left, at most 1.
    pub(crate) fn share(self) -> f64 {
        let [_, _, width, height] = self.0.map(|share| f64::from(share) / WHOLE);
        width.min(height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_inside_the_picture() {
        let image = RgbImage::from_fn(10, 20, |x, y| clip_search::image::Rgb([x as u8, y as u8, 0]));
        let part = "0.5,0.25,0.3,0.5".parse::<Crop>().unwrap().of(&image);
        assert_eq!((part.dimensions(), part.get_pixel(0, 0).0), ((3, 10), [5, 5, 0]));
        let whole = "0,0,1,1".parse::<Crop>().unwrap();
        assert_eq!((whole.of(&image), whole.share()), (image.clone(), 1.0));
        let corner = "0.999999,0.999999,0.000001,0.000001".parse::<Crop>().unwrap().of(&image);
        assert_eq!((corner.dimensions(), corner.get_pixel(0, 0).0), ((1, 1), [9, 19, 0]));
        for wrong in
            ["", "0,0,1", "0,0,1,1,1", "0,0,0,1", "0.5,0,0.6,1", "-0.1,0,1,1", "NaN,0,1,1", "0,0,inf,1", "a,b,c,d"]
        {
            assert!(wrong.parse::<Crop>().is_err(), "{wrong}");
        }
    }
}
