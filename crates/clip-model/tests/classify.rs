//! What a checkpoint says about how cosines become probabilities.

mod support;

use clip_model::ModelError;
use clip_model::classify::{Labels, Link, Templates, ZeroShot};
use support::{copy, edit, fixture, load_folder, tensors, write};

#[test]
fn a_model_without_a_bias_shares_one_probability_out() {
    let model = load_folder(&fixture("tiny-open-clip")).unwrap();
    assert_eq!(model.logit_bias(), None);
    assert_eq!(Link::of(&model), Link::Softmax { scale: model.logit_scale() });
}

#[test]
fn a_model_with_a_bias_judges_each_label_by_itself() {
    let folder = copy("tiny-open-clip");
    let weights = folder.path().join("open_clip_model.safetensors");
    let mut stored = tensors(&weights);
    stored.push(("logit_bias".to_owned(), vec![], vec![-1.25]));
    write(&weights, &stored);
    // The checkpoint's own value counts, not where training started.
    edit(&folder.path().join("open_clip_config.json"), "\"embed_dim\"", "\"init_logit_bias\": -10, \"embed_dim\"");
    let model = load_folder(folder.path()).unwrap();
    assert_eq!(model.logit_bias(), Some(-1.25));
    let link = Link::of(&model);
    assert_eq!(link, Link::Sigmoid { scale: model.logit_scale(), bias: -1.25 });

    let labels = Labels::from_list("a cat, a dog").unwrap();
    let classifier = ZeroShot::from_prompts(&model, labels.names(), &Templates::none(), |_| ()).unwrap();
    let photo = model.embed_texts(&["a cat"]).unwrap();
    let found = classifier.probabilities(photo.row(0)).unwrap();
    // Its own vector: the cosine is one.
    let expected = 1.0 / (1.0 + (-(model.logit_scale() - 1.25)).exp());
    assert!((found[0] - expected).abs() < 1e-5, "{found:?} {expected}");
}

#[test]
fn a_bias_of_another_shape_is_refused() {
    let folder = copy("tiny-open-clip");
    let weights = folder.path().join("open_clip_model.safetensors");
    let mut stored = tensors(&weights);
    stored.push(("logit_bias".to_owned(), vec![2], vec![0.0, 0.0]));
    write(&weights, &stored);
    match load_folder(folder.path()) {
        Err(ModelError::MisshapenTensor { name, .. }) => assert_eq!(name, "logit_bias"),
        other => panic!("expected a misshapen tensor, got {:?}", other.err()),
    }
}

#[test]
fn prompts_are_averaged_label_by_label() {
    let model = load_folder(&fixture("tiny-open-clip")).unwrap();
    let templates = Templates::parse("a {}\nthe {}\n").unwrap();
    // More labels than are embedded at a time.
    let names: Vec<String> = (0..700).map(|number| format!("thing {number}")).collect();
    let mut told = Vec::new();
    let classifier = ZeroShot::from_prompts(&model, &names, &templates, |done| told.push(done)).unwrap();
    assert_eq!((classifier.count(), told), (700, vec![1024, 1400]));
    for place in [0, 511, 512, 699] {
        let prompts: Vec<String> = templates.prompts(&names[place]).collect();
        let two = model.embed_texts(&prompts).unwrap();
        let sum: Vec<f32> = two.row(0).iter().zip(two.row(1)).map(|(a, b)| a + b).collect();
        let length = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
        let found = &classifier.vectors()[place * model.dimension()..][..model.dimension()];
        for (found, sum) in found.iter().zip(&sum) {
            assert!((found - sum / length).abs() < 1e-5, "{found} {}", sum / length);
        }
    }
}
