//! A file of every kind, and what it should look like. Those in `fixtures/kinds` are made by `fixtures/make_kinds.py`.

mod colours;
mod others;
mod photos;
mod raw;

use std::path::Path;
use std::sync::LazyLock;

use clip_image::{Limits, decode_bytes};
use image::RgbImage;

/// A kind of file in plain words, with one file or several.
pub struct Kind {
    pub name: &'static str,
    pub files: Vec<Vec<u8>>,
    pub expected: Expected,
}

pub enum Expected {
    /// It is read, and at least this much like the picture.
    Read { picture: RgbImage, least: f64 },
    /// It is refused, whatever the reason.
    Refused,
}

/// A table of the page: its name there, and its rows.
pub struct Table {
    pub name: &'static str,
    pub kinds: Vec<Kind>,
}

/// All tables in the order of the page.
pub fn tables() -> Vec<Table> {
    [photos::tables(), others::tables(), raw::tables(), colours::tables()].into_iter().flatten().collect()
}

/// Less than this is another picture.
pub const LEAST: f64 = 0.98;

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A file that was made for the page.
fn kind(name: &str) -> Vec<u8> {
    fixture(&format!("kinds/{name}"))
}

fn picture(file: &[u8]) -> RgbImage {
    decode_bytes(file, &Limits::default()).unwrap().image
}

/// What the files of `kinds` show.
static PHOTO: LazyLock<RgbImage> = LazyLock::new(|| picture(&kind("photo.png")));
static GREY: LazyLock<RgbImage> = LazyLock::new(|| picture(&kind("grey.png")));
static MONO: LazyLock<RgbImage> = LazyLock::new(|| picture(&kind("mono.png")));
/// With a corner that is transparent, over white; and where that is all or nothing.
static CLEAR: LazyLock<RgbImage> = LazyLock::new(|| picture(&kind("clear.png")));
static KEYED: LazyLock<RgbImage> = LazyLock::new(|| picture(&kind("keyed.png")));
/// With 64 colours, and with 16.
static PALETTE: LazyLock<RgbImage> = LazyLock::new(|| picture(&kind("palette.png")));
static FEW: LazyLock<RgbImage> = LazyLock::new(|| picture(&kind("few.png")));
/// What the other fixtures show.
static LARGE: LazyLock<RgbImage> = LazyLock::new(|| picture(&fixture("photo.png")));

fn grey_of(image: &RgbImage) -> RgbImage {
    let grey = image::DynamicImage::ImageRgb8(image.clone()).into_luma8();
    image::DynamicImage::ImageLuma8(grey).into_rgb8()
}

fn black_and_white(image: &RgbImage) -> RgbImage {
    let mut image = grey_of(image);
    image.iter_mut().for_each(|sample| *sample = if *sample > 128 { 255 } else { 0 });
    image
}

fn read(name: &'static str, picture: &RgbImage, files: impl IntoIterator<Item = Vec<u8>>) -> Kind {
    let files = files.into_iter().collect();
    Kind { name, files, expected: Expected::Read { picture: picture.clone(), least: LEAST } }
}

fn refused(name: &'static str, file: Vec<u8>) -> Kind {
    Kind { name, files: vec![file], expected: Expected::Refused }
}

fn changed(mut file: Vec<u8>, at: usize, to: &[u8]) -> Vec<u8> {
    file[at..at + to.len()].copy_from_slice(to);
    file
}

fn find(file: &[u8], bytes: &[u8]) -> usize {
    file.windows(bytes.len()).position(|window| window == bytes).unwrap()
}

/// Half of it.
fn cut(mut file: Vec<u8>) -> Vec<u8> {
    file.truncate(file.len() / 2);
    file
}
