//! Reads the text in pictures whose paths come on standard input, one a line, and prints a JSON object for each. For measurements: see
//! `benches/compare/ocr.py`.
#![allow(clippy::print_stdout, reason = "an example")]

use std::error::Error;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use clip_image::Limits;
use clip_ocr::{Languages, ReadText, Tesseract, may_hold_text};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut languages, mut always) = ("eng".to_owned(), false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--languages" => languages = args.next().ok_or("expected languages")?,
            "--always" => always = true,
            other => return Err(format!("expected --languages or --always, found {other}").into()),
        }
    }
    let tesseract = Tesseract::new("tesseract".into(), Languages::parse(&languages)?)?;
    for path in std::io::stdin().lines() {
        let path = path?;
        // As the pipeline of indexing has it for a model of 224 pixels.
        let seen = clip_image::decode_for(Path::new(&path), &Limits::default(), Some(224))?.image;
        let started = Instant::now();
        let passes = may_hold_text(&seen);
        let test_ms = started.elapsed().as_secs_f64() * 1e3;
        let started = Instant::now();
        let words = if passes || always {
            let picture = clip_image::decode_for(Path::new(&path), &Limits::default(), Some(tesseract.shorter_side()))?;
            tesseract.read(&picture.image, &AtomicBool::new(false))?
        } else {
            Default::default()
        };
        let read_ms = started.elapsed().as_secs_f64() * 1e3;
        let words: Vec<_> =
            words.words().iter().map(|word| json!({ "text": word.text, "confidence": word.confidence })).collect();
        println!(
            "{}",
            json!({ "path": path, "passes": passes, "test_ms": test_ms, "read_ms": read_ms, "words": words })
        );
    }
    Ok(())
}
