//! Labels through an encoder: the batches, the averages and the failures.

use std::sync::Mutex;

use clip_classify::{ClassifyError, Link, Templates, ZeroShot};
use clip_encoder::{BoxedError, Encoder};
use clip_progress::{Silent, Steps};
use image::RgbImage;

/// A text's vector follows from its bytes.
struct Letters {
    dimension: usize,
    /// How many vectors it leaves out.
    missing: usize,
}

impl Letters {
    fn unit(&self, text: &str) -> Vec<f32> {
        let mut vector = vec![0.01; self.dimension];
        for (place, byte) in text.bytes().enumerate() {
            vector[(place * 7 + usize::from(byte)) % self.dimension] += 1.0;
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.into_iter().map(|value| value / length).collect()
    }
}

impl Encoder for Letters {
    type Pixels = ();

    fn name(&self) -> &str {
        "letters"
    }

    fn fingerprint(&self) -> &str {
        "letters-1"
    }

    fn dimension(&self) -> usize {
        self.dimension
    }

    fn preprocess(&self, _: &RgbImage) -> Result<(), BoxedError> {
        Ok(())
    }

    fn embed_pixels(&self, _: &[()]) -> Result<Vec<f32>, BoxedError> {
        Err("letters have no pixels".into())
    }

    fn embed_texts(&self, texts: &[&str]) -> Result<Vec<f32>, BoxedError> {
        if texts.iter().any(|text| text.contains("unspeakable")) {
            return Err("it cannot be said".into());
        }
        Ok(texts.iter().skip(self.missing).flat_map(|text| self.unit(text)).collect())
    }
}

const LINK: Link = Link::Softmax { scale: 10.0 };

#[test]
fn prompts_are_averaged_label_by_label() {
    let model = Letters { dimension: 24, missing: 0 };
    let templates = Templates::parse("a {}\nthe {}\n").unwrap();
    // More labels than are embedded at a time.
    let names: Vec<String> = (0..700).map(|number| format!("thing {number}")).collect();
    let told = Mutex::new(Vec::new());
    let progress = |steps: Steps| told.lock().unwrap().push((steps.done, steps.total));
    let classifier = ZeroShot::from_prompts(&model, LINK, &names, &templates, &progress).unwrap();
    assert_eq!((classifier.count(), told.into_inner().unwrap()), (700, vec![(1024, 1400), (1400, 1400)]));
    assert_eq!((classifier.dimension(), classifier.link()), (24, LINK));
    for place in [0, 511, 512, 699] {
        let prompts: Vec<String> = templates.prompts(&names[place]).collect();
        let sum: Vec<f32> = model.unit(&prompts[0]).iter().zip(model.unit(&prompts[1])).map(|(a, b)| a + b).collect();
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        for (found, sum) in classifier.vectors()[place * 24..][..24].iter().zip(&sum) {
            assert!((found - sum / length).abs() < 1e-5, "{found} {}", sum / length);
        }
    }
}

#[test]
fn a_bias_judges_each_label_by_itself() {
    let model = Letters { dimension: 24, missing: 0 };
    let link = Link::new(3.0, Some(-1.25));
    assert_eq!(link, Link::Sigmoid { scale: 3.0, bias: -1.25 });
    assert_eq!(Link::new(3.0, None), Link::Softmax { scale: 3.0 });
    let classifier = ZeroShot::from_prompts(&model, link, &["a cat", "a dog"], &Templates::none(), &Silent).unwrap();
    // Its own vector: the cosine is one.
    let found = classifier.probabilities(&model.unit("a cat")).unwrap();
    let expected = 1.0 / (1.0 + (-(3.0f32 - 1.25)).exp());
    assert!((found[0] - expected).abs() < 1e-5, "{found:?} {expected}");
}

#[test]
fn what_the_encoder_fails_at_is_an_error() {
    let embed = |model: &Letters, labels: &[&str]| {
        ZeroShot::from_prompts(model, LINK, labels, &Templates::none(), &Silent).unwrap_err()
    };
    let whole = Letters { dimension: 4, missing: 0 };
    let error = embed(&whole, &["cat", "unspeakable"]);
    assert!(matches!(&error, ClassifyError::Encoder(_)), "{error}");
    assert_eq!(error.to_string(), "the labels could not be embedded: it cannot be said");
    assert!(matches!(embed(&whole, &[]), ClassifyError::Length { found: 0, .. }));
    // An encoder that breaks its promise must not shift vectors to other labels.
    let error = embed(&Letters { dimension: 4, missing: 1 }, &["cat", "dog"]);
    assert_eq!(error.to_string(), "the prompts have 4 values, expected 2 vectors of 4 each");
    assert!(matches!(embed(&Letters { dimension: 0, missing: 9 }, &["cat"]), ClassifyError::Length { .. }));
}
