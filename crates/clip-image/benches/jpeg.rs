//! Our JPEG decoder and zune-jpeg on the same photos, one thread.
//!
//! ```text
//! cargo bench -p clip-image --bench jpeg -- FOLDER [COUNT [SHORTER_SIDE]]
//! ```
//!
//! With a shorter side, ours decode what that needs, and zune-jpeg still everything.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use clip_image::{Limits, decode_bytes_for};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds a flag of its own.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let Some(folder) = arguments.next() else { return Err("expected arguments: FOLDER [COUNT [SHORTER_SIDE]]".into()) };
    let count = arguments.next().map_or(Ok(300), |count| count.parse())?;
    let shorter_side = arguments.next().map(|side| side.parse()).transpose()?;
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().take(count).map(std::fs::read).collect::<Result<_, _>>()?;

    let (mut ours, mut zunes, mut pixels) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        pixels = 0;
        for file in &files {
            let photo = decode_bytes_for(file, &Limits::default(), shorter_side)?;
            pixels += photo.metadata.width as usize * photo.metadata.height as usize;
            black_box(photo);
        }
        ours = ours.min(start.elapsed());

        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let start = Instant::now();
        for file in &files {
            black_box(JpegDecoder::new_with_options(ZCursor::new(file), options).decode())?;
        }
        zunes = zunes.min(start.elapsed());
    }
    let rate = |time: Duration| pixels as f64 / time.as_secs_f64() / 1e6;
    println!("{} photos, best of {ROUNDS} rounds; megapixels are those of the files", files.len());
    println!("ours      {:8.1} ms, {:6.1} megapixels/s", ours.as_secs_f64() * 1e3, rate(ours));
    println!("zune-jpeg {:8.1} ms, {:6.1} megapixels/s", zunes.as_secs_f64() * 1e3, rate(zunes));
    println!("ratio     {:8.2}", ours.as_secs_f64() / zunes.as_secs_f64());
    Ok(())
}
