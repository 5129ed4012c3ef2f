//! Photos to the pixels that an image tower takes: resize, crop, scale, normalise.
//!
//! The result follows Pillow and torchvision, with which the published checkpoints were trained and are evaluated:
//! filters that widen when an image shrinks (antialiasing), torchvision's rounding of the resized and of the cropped
//! size, and eight-bit rounding between resizing and normalisation.

pub mod config;

use std::cell::RefCell;
use std::ops::Range;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::RgbImage;

use config::{Interpolation, PreprocessConfig, ResizeMode};

/// Bytes between the two passes of a resize above which the passes change places. An image with this many rows has few
/// columns, and the other way round.
const MAX_BETWEEN_PASSES: usize = 32 << 20;

/// The longest side of what is resampled as it is. Each pixel of it has up to 32 bytes of weights.
const LONGEST: f64 = (1 << 20) as f64;

/// What a longer side becomes first, at most: many times what any model takes.
const SHRUNK: f64 = (1 << 16) as f64;

thread_local! {
    /// Resizing needs scratch memory of the order of the photo; it is kept for the next photo of this thread.
    static RESIZER: RefCell<Resizer> = RefCell::new(Resizer::new());
}

/// A photo as an image tower takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// `[3, size, size]`: red, green and blue plane, row by row, normalised.
    pub data: Vec<f32>,
    /// Width and height.
    pub size: usize,
}

/// A rectangle of an image in pixels, which may begin and end inside a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Distance from the left edge.
    pub left: f64,
    /// Distance from the upper edge.
    pub top: f64,
    /// Extent to the right.
    pub width: f64,
    /// Extent downwards.
    pub height: f64,
}

impl Region {
    /// All of an image.
    pub fn whole(image: &RgbImage) -> Self {
        Self { left: 0.0, top: 0.0, width: f64::from(image.width()), height: f64::from(image.height()) }
    }
}

/// Prepares photos for one model. Thread-safe.
#[derive(Debug, Clone)]
pub struct Preprocessor {
    size: u32,
    resize: ResizeMode,
    interpolation: Interpolation,
    /// What each of the 256 values of a channel becomes.
    normalized: Box<[[f32; 256]; 3]>,
}

impl Preprocessor {
    /// `config` should have passed [`PreprocessConfig::validate`]; a size beyond its limits is cut to 65,535.
    pub fn new(config: &PreprocessConfig) -> Self {
        let normalized = std::array::from_fn(|channel| {
            std::array::from_fn(|value| (value as f32 / 255.0 - config.mean[channel]) / config.std[channel])
        });
        Self {
            size: config.size.min(usize::from(u16::MAX)) as u32,
            resize: config.resize,
            interpolation: config.interpolation,
            normalized: Box::new(normalized),
        }
    }

    /// Side of the square result in pixels.
    pub fn size(&self) -> usize {
        self.size as usize
    }

    /// Resizes, crops and normalises a photo of any size and shape. An image without pixels counts as black.
    pub fn apply(&self, image: &RgbImage) -> Pixels {
        self.normalize(&self.resize(image))
    }

    /// The first half of [`apply`](Self::apply): the square of `size` by `size` that the model gets to see.
    pub fn resize(&self, image: &RgbImage) -> RgbImage {
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        let side = f64::from(self.size);
        let (resized_width, resized_height) = match self.resize {
            ResizeMode::ShortestEdge => shortest_edge(image.width(), image.height(), self.size),
            ResizeMode::Squash => (side, side),
        };
        let axis = |length: f64, resized: f64| {
            // As `int(round((resized - size) / 2.0))`, where Python rounds halves to even.
            let margin = ((resized - side) / 2.0).round_ties_even();
            (margin * length / resized.max(1.0), side * length / resized.max(1.0))
        };
        let ((left, kept_width), (top, kept_height)) = (axis(width, resized_width), axis(height, resized_height));
        let region = Region { left, top, width: kept_width, height: kept_height };
        let order = Order::of((width, height), (resized_width, resized_height));
        resize_region(image, region, self.size, self.interpolation, order)
    }

    /// Like [`resize`](Self::resize), but squashes the given part of the photo (clipped to it) into the square,
    /// whatever the configuration says: what random crops in training need.
    pub fn resize_region(&self, image: &RgbImage, region: Region) -> RgbImage {
        let side = f64::from(self.size);
        let order = Order::of((region.width, region.height), (side, side));
        resize_region(image, region, self.size, self.interpolation, order)
    }

    /// The second half of [`apply`](Self::apply): eight-bit pixels to normalised planes. Pixels past the `size` by
    /// `size` square are left out, missing ones are black.
    pub fn normalize(&self, image: &RgbImage) -> Pixels {
        let size = self.size as usize;
        let mut data = Vec::with_capacity(3 * size * size);
        for (channel, table) in self.normalized.iter().enumerate() {
            for y in 0..self.size {
                let row = (y < image.height()).then(|| {
                    let width = image.width() as usize;
                    let start = y as usize * width * 3;
                    &image.as_raw()[start..start + width.min(size) * 3]
                });
                let row = row.unwrap_or_default();
                data.extend(row.chunks_exact(3).map(|pixel| table[usize::from(pixel[channel])]));
                data.resize((channel * size + y as usize + 1) * size, table[0]);
            }
        }
        Pixels { data, size }
    }
}

/// The size of a `width` by `height` image whose shorter edge became `size`: torchvision's `Resize(size)`.
fn shortest_edge(width: u32, height: u32, size: u32) -> (f64, f64) {
    let (short, long) = (width.min(height), width.max(height));
    // As `int(size * long / short)`: a true division of integers, cut off.
    let resized = (f64::from(size) * f64::from(long) / f64::from(short.max(1))).floor();
    if width <= height { (f64::from(size), resized) } else { (resized, f64::from(size)) }
}

/// Which axis is resampled first. Bicubic overshoots at edges and is clamped to eight bits between the two passes, so
/// that the order shows by up to 10 of 255.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    RowsFirst,
    ColumnsFirst,
}

impl Order {
    /// The order of Pillow 13: columns first where the image loses more than twice as many rows as columns. Before,
    /// rows always went first; the difference concerns tall images that are squashed or shrunk.
    fn of((width, height): (f64, f64), (resized_width, resized_height): (f64, f64)) -> Self {
        if height - resized_height > 2.0 * (width - resized_width).max(0.0) {
            Self::ColumnsFirst
        } else {
            Self::RowsFirst
        }
    }
}

/// Resamples `region` of `image` to `size` by `size`. Only the pixels that the result depends on are computed.
fn resize_region(image: &RgbImage, region: Region, size: u32, interpolation: Interpolation, order: Order) -> RgbImage {
    let mut result = RgbImage::new(size, size);
    let Some(region) = clip(region, image.width(), image.height()) else {
        return result;
    };
    if let Some((image, region)) = shrunk(image, region) {
        return resize_region(&image, region, size, interpolation, order);
    }
    let filter = match interpolation {
        Interpolation::Bicubic => FilterType::CatmullRom,
        Interpolation::Bilinear => FilterType::Bilinear,
    };
    let options = |region: Region| {
        ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(filter))
            .crop(region.left, region.top, region.width, region.height)
            .use_alpha(false)
    };
    let rows = rows_touched(region, image.height(), size, filter);
    // What lies between the passes has `size` pixels for every row, or for every column.
    let order = match order {
        Order::RowsFirst if between_passes(size, rows.len()) > MAX_BETWEEN_PASSES => Order::ColumnsFirst,
        Order::ColumnsFirst if between_passes(size, image.width() as usize) > MAX_BETWEEN_PASSES => Order::RowsFirst,
        order => order,
    };
    let done = RESIZER.with_borrow_mut(|resizer| {
        // Typed: `resize` would bring the code for all thirteen kinds of pixels with it, six megabytes.
        let source = TypedImageRef::<U8x3>::from_buffer(image.width(), image.height(), image.as_raw()).ok()?;
        let mut target = TypedImage::from_buffer(size, size, &mut result).ok()?;
        if order == Order::ColumnsFirst {
            // The library's own order.
            return resizer.resize_typed(&source, &mut target, &options(region)).ok();
        }
        let (first, count) = (rows.start, rows.end - rows.start);
        let mut squeezed = TypedImage::new(size, count);
        let wide = Region { top: f64::from(first), height: f64::from(count), ..region };
        resizer.resize_typed(&source, &mut squeezed, &options(wide)).ok()?;
        let tall = Region { left: 0.0, width: f64::from(size), top: region.top - f64::from(first), ..region };
        resizer.resize_typed(&squeezed, &mut target, &options(tall)).ok()
    });
    // The region lies inside the image and the buffers have the right lengths: nothing is left to fail.
    debug_assert!(done.is_some());
    result
}

/// An image with a region that is too long to be resampled as it is, with the means of cells in place of their pixels,
/// and the region in it. `None` for every photo: there the region is short.
fn shrunk(image: &RgbImage, region: Region) -> Option<(RgbImage, Region)> {
    let cell = |length: f64| if length > LONGEST { (length / SHRUNK).ceil() as u32 } else { 1 };
    let (across, down) = (cell(region.width), cell(region.height));
    if (across, down) == (1, 1) {
        return None;
    }
    let mut means = RgbImage::new(image.width().div_ceil(across), image.height().div_ceil(down));
    for (x, y, mean) in means.enumerate_pixels_mut() {
        // The last ones may be smaller.
        let columns = x * across..image.width().min((x + 1).saturating_mul(across));
        let rows = y * down..image.height().min((y + 1).saturating_mul(down));
        let count = columns.len() as u64 * rows.len() as u64;
        let mut sums = [0_u64; 3];
        for (y, x) in rows.flat_map(|y| columns.clone().map(move |x| (y, x))) {
            for (sum, sample) in sums.iter_mut().zip(image.get_pixel(x, y).0) {
                *sum += u64::from(sample);
            }
        }
        mean.0 = sums.map(|sum| ((sum + count / 2) / count.max(1)) as u8);
    }
    let (across, down) = (f64::from(across), f64::from(down));
    let region = Region {
        left: region.left / across,
        top: region.top / down,
        width: region.width / across,
        height: region.height / down,
    };
    Some((means, region))
}

/// Bytes between the two passes.
fn between_passes(size: u32, lines: usize) -> usize {
    (3 * size as usize).saturating_mul(lines)
}

/// The rows of an image of `height` rows that the pixels of a region resampled to `size` rows depend on.
fn rows_touched(region: Region, height: u32, size: u32, filter: FilterType) -> Range<u32> {
    let radius = if filter == FilterType::CatmullRom { 2.0 } else { 1.0 };
    let reach = radius * (region.height / f64::from(size)).max(1.0) + 1.0;
    let first = (region.top - reach).floor().max(0.0) as u32;
    let last = (region.top + region.height + reach).ceil() as u32;
    first..last.min(height)
}

/// The part of `region` inside a `width` by `height` image, or `None` if nothing is. Products of rounded quotients may
/// end a hair's breadth outside.
fn clip(region: Region, width: u32, height: u32) -> Option<Region> {
    let axis = |start: f64, extent: f64, length: u32| {
        let length = f64::from(length);
        let begin = start.max(0.0);
        let mut extent = (start + extent).min(length) - begin;
        while begin + extent > length {
            extent = extent.next_down();
        }
        // NaN fails these comparisons, too.
        (begin < length && extent > 0.0).then_some((begin, extent))
    };
    let (left, width) = axis(region.left, region.width, width)?;
    let (top, height) = axis(region.top, region.height, height)?;
    Some(Region { left, top, width, height })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn preprocessor(size: usize, resize: ResizeMode, interpolation: Interpolation) -> Preprocessor {
        Preprocessor::new(&PreprocessConfig {
            size,
            resize,
            interpolation,
            mean: [0.5, 0.4, 0.3],
            std: [0.5, 0.2, 0.1],
        })
    }

    /// A strip of a few million pixels, dark on the left and light on the right.
    #[test]
    fn a_strip_of_any_length_is_squashed() {
        for (width, height) in [(3_000_001, 1), (1, 3_000_001), (1_500_000, 3)] {
            let length = f64::from(u32::max(width, height));
            let image =
                RgbImage::from_fn(width, height, |x, y| image::Rgb([(f64::from(x.max(y)) / length * 255.0) as u8; 3]));
            let square = preprocessor(4, ResizeMode::Squash, Interpolation::Bicubic).resize(&image);
            let along = |i: u32| if width > height { square.get_pixel(i, 1) } else { square.get_pixel(1, i) }.0[0];
            for (i, expected) in [(1, 96), (2, 159)] {
                assert!(along(i).abs_diff(expected) <= 2, "{width} x {height}: {} instead of {expected}", along(i));
            }
            // The middle of it alone is a square of as many pixels as it is high.
            let middle = preprocessor(4, ResizeMode::ShortestEdge, Interpolation::Bicubic).resize(&image);
            assert!(middle.pixels().all(|pixel| pixel.0[0].abs_diff(127) <= 2));
        }
    }

    fn bicubic(size: usize) -> Preprocessor {
        preprocessor(size, ResizeMode::ShortestEdge, Interpolation::Bicubic)
    }

    #[test]
    fn planes_are_normalised() {
        let image = RgbImage::from_pixel(9, 5, image::Rgb([255, 0, 51]));
        let pixels = bicubic(4).apply(&image);
        assert_eq!((pixels.size, pixels.data.len()), (4, 48));
        for (plane, expected) in pixels.data.chunks_exact(16).zip([1.0, -2.0, -1.0]) {
            assert!(plane.iter().all(|value: &f32| (value - expected).abs() < 1e-6), "{plane:?}");
        }
    }

    #[test]
    fn the_longer_edge_is_cut_off_not_rounded() {
        assert_eq!(shortest_edge(30, 10, 5), (15.0, 5.0));
        assert_eq!(shortest_edge(500, 375, 224), (298.0, 224.0));
        assert_eq!(shortest_edge(375, 500, 224), (224.0, 298.0));
        assert_eq!(shortest_edge(0, 7, 224), (224.0, 1568.0));
    }

    #[test]
    fn the_centre_survives() {
        // No resizing, so the margin shows: halves are rounded to even, 0.5 to 0, 1.5 and 2.5 to 2.
        for (width, margin) in [(8, 0), (9, 0), (10, 1), (11, 2), (12, 2), (13, 2)] {
            let image = RgbImage::from_fn(width, 8, |x, y| image::Rgb([x as u8, y as u8, 0]));
            let out = bicubic(8).resize(&image);
            assert_eq!(out.get_pixel(0, 3).0, [margin, 3, 0], "width {width}");
        }
    }

    #[test]
    fn same_size_is_the_same_image() {
        let image = RgbImage::from_fn(6, 6, |x, y| image::Rgb([x as u8 * 40, y as u8 * 40, 7]));
        assert_eq!(bicubic(6).resize(&image), image);
    }

    #[test]
    fn extreme_shapes_take_little_memory() {
        for (width, height) in [(1, 1), (1, 10_000), (10_000, 1), (0, 0), (0, 7), (1, 12_000_000), (12_000_000, 1)] {
            let image = RgbImage::from_pixel(width, height, image::Rgb([200, 200, 200]));
            for resize in [ResizeMode::ShortestEdge, ResizeMode::Squash] {
                let out = preprocessor(224, resize, Interpolation::Bicubic).resize(&image);
                let expected = if width * height == 0 { 0 } else { 200 };
                assert!(out.iter().all(|&value| value == expected), "{width}x{height} {resize:?}");
            }
        }
    }

    #[test]
    fn both_orders_give_the_same_ramp() {
        // A staircase of 200 steps, which a triangle filter turns into a ramp; long enough for the orders to change.
        let ramp = |at: u32| (f64::from(at) + 0.5) * 60_000.0 / 256.0 / 300.0 - 0.5;
        let squash = preprocessor(256, ResizeMode::Squash, Interpolation::Bilinear);
        let tall = squash.resize(&RgbImage::from_fn(3, 60_000, |_, y| image::Rgb([(y / 300) as u8; 3])));
        let wide = squash.resize(&RgbImage::from_fn(60_000, 3, |x, _| image::Rgb([(x / 300) as u8; 3])));
        for at in 2..254 {
            for found in [tall.get_pixel(100, at)[0], wide.get_pixel(at, 100)[0]] {
                assert!((f64::from(found) - ramp(at)).abs() <= 1.0, "at {at}: {found}, expected {}", ramp(at));
            }
        }
    }

    proptest! {
        #[test]
        fn any_shape_gives_a_full_square(
            width in 0u32..90, height in 0u32..90, size in 1usize..40, squash: bool, linear: bool, value: u8,
        ) {
            let resize = if squash { ResizeMode::Squash } else { ResizeMode::ShortestEdge };
            let interpolation = if linear { Interpolation::Bilinear } else { Interpolation::Bicubic };
            let image = RgbImage::from_pixel(width, height, image::Rgb([value; 3]));
            let out = preprocessor(size, resize, interpolation).resize(&image);
            let expected = if width * height == 0 { 0 } else { value };
            prop_assert!(out.iter().all(|&found| found == expected));
            prop_assert_eq!(out.dimensions(), (size as u32, size as u32));
        }

        #[test]
        fn any_region_is_survived(
            left in prop::num::f64::ANY, top in -9.0..9.0f64, width in prop::num::f64::ANY, height in -9.0..9.0f64,
        ) {
            let image = RgbImage::from_pixel(7, 5, image::Rgb([9; 3]));
            let out = bicubic(4).resize_region(&image, Region { left, top, width, height });
            prop_assert!(out.iter().all(|&found| found == 0 || found == 9));
        }
    }
}
