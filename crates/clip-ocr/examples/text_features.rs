//! Prints nothing for people: what the test for text measures of pictures whose paths come on standard input, for
//! `benches/compare/may_hold_text.py`, which fits its weights.
//!
//! For each picture the number of sizes, and for each of these how many windows there are across and down, as 32-bit numbers, and the
//! windows' features, as 32-bit IEEE 754; all little-endian.
#![allow(dead_code, missing_docs, reason = "parts of the crate that are not public")]

#[path = "../src/looks/mod.rs"]
mod looks;
#[path = "../src/sizing.rs"]
mod sizing;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for path in std::io::stdin().lines() {
        // As the pipeline of indexing has it for a model of 224 pixels.
        let picture = clip_image::decode_for(path?.as_ref(), &clip_image::Limits::default(), Some(224))?;
        looks::write_features(&picture.image, &mut out)?;
    }
    Ok(())
}
