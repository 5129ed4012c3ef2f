//! What a checkpoint says about how cosines become probabilities.

mod support;

use clip_model::ModelError;
use support::{copy, edit, fixture, load_folder, tensors, write};

#[test]
fn a_model_without_a_bias_has_none() {
    let model = load_folder(&fixture("tiny-open-clip")).unwrap();
    assert_eq!(model.logit_bias(), None);
}

#[test]
fn the_checkpoints_own_bias_counts_not_where_training_started() {
    let folder = copy("tiny-open-clip");
    let weights = folder.path().join("open_clip_model.safetensors");
    let mut stored = tensors(&weights);
    stored.push(("logit_bias".to_owned(), vec![], vec![-1.25]));
    write(&weights, &stored);
    edit(&folder.path().join("open_clip_config.json"), "\"embed_dim\"", "\"init_logit_bias\": -10, \"embed_dim\"");
    assert_eq!(load_folder(folder.path()).unwrap().logit_bias(), Some(-1.25));
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
