//! Recall against numpy; `tests/golden/retrieval.py` made the fixture.

use clip_classify::retrieval;
use serde::Deserialize;

#[derive(Deserialize)]
struct GoldenRecall {
    dimension: usize,
    images: Vec<f32>,
    captions: Vec<f32>,
    image_of_caption: Vec<usize>,
    text_to_image: serde_json::Value,
    image_to_text: serde_json::Value,
}

#[test]
fn recall_equals_that_of_numpy() {
    let golden = include_bytes!("fixtures/retrieval/golden.json");
    let golden: GoldenRecall = serde_json::from_slice(golden).unwrap();
    let found =
        retrieval::evaluate(&golden.images, &golden.captions, golden.dimension, &golden.image_of_caption).unwrap();
    for (found, golden) in [(found.text_to_image, golden.text_to_image), (found.image_to_text, golden.image_to_text)] {
        for (name, found) in
            [("r1", found.r1), ("r5", found.r5), ("r10", found.r10), ("median_rank", found.median_rank)]
        {
            let expected = golden[name].as_f64().unwrap();
            assert!((found - expected).abs() < 1e-9, "{name}: {found}, expected {expected}");
        }
    }
}
