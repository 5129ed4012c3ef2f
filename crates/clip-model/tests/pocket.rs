//! The model that is part of the program.

use clip_model::{DeviceChoice, LoadOptions, Model, ModelSource};

fn pocket() -> Model {
    Model::load(&ModelSource::Default, &LoadOptions::new().device(DeviceChoice::Cpu)).unwrap()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn it_loads_and_is_small() {
    let model = pocket();
    assert_eq!(model.name(), "pocket");
    assert!(model.fingerprint().as_str().starts_with("pocket-"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/pocket.safetensors");
    assert!(std::fs::metadata(file).unwrap().len() <= 32 << 20);
}

#[test]
fn it_knows_what_words_mean() {
    let texts = ["a dog runs on the beach", "a puppy is running along the shore", "skyscrapers at night"];
    let embeddings = pocket().embed_texts(&texts).unwrap();
    let near = dot(embeddings.row(0), embeddings.row(1));
    let far = dot(embeddings.row(0), embeddings.row(2));
    assert!(near > far + 0.2, "{near} {far}");
}

#[test]
fn colours_and_shapes_are_seen() {
    let model = pocket();
    let plain = |rgb| image::RgbImage::from_pixel(320, 200, image::Rgb(rgb));
    let images = model.embed_images(&[plain([40, 120, 220]), plain([30, 140, 40])]).unwrap();
    let texts = model.embed_texts(&["a clear blue sky", "green grass"]).unwrap();
    // Which of the two photos fits a text better: the difference is free of what all photos have in common.
    let preference = |text: usize| dot(images.row(0), texts.row(text)) - dot(images.row(1), texts.row(text));
    assert!(preference(0) > preference(1), "{} {}", preference(0), preference(1));
}
