//! OpenAI's residual networks against open_clip, on a small checkpoint with random weights and running statistics that
//! `tests/golden/modified_resnet.py` made together with open_clip's answers.

mod support;

use clip_model::weights::TensorSource;
use clip_model::weights::safetensors::{Contents, SafetensorsFile, encode};
use clip_model::{Model, ModelError, Pixels, Precision};

use support::{copy, edit, fixture, load_folder, relative_error, tensors, write};

/// Of the reference's own spread.
const BOUND: f64 = 0.001;
const FOLDER: &str = "tiny-resnet";
const WEIGHTS: &str = "open_clip_model.safetensors";

/// The errors of photos and texts.
fn errors(model: &Model) -> (f64, f64) {
    let file = SafetensorsFile::open(&fixture("tiny-resnet-expected.safetensors")).unwrap();
    let texts: Vec<String> = serde_json::from_str(file.metadata("texts").unwrap()).unwrap();
    let size = file.shape("pixels").unwrap()[3];
    let pixels = file.read("pixels").unwrap().data;
    let photos: Vec<Pixels> =
        pixels.chunks_exact(3 * size * size).map(|photo| Pixels { data: photo.to_vec(), size }).collect();
    let error = |found: &[f32], name: &str| relative_error(found, &file.read(name).unwrap().data, model.dimension());
    (
        error(model.embed_pixels(&photos).unwrap().as_slice(), "images"),
        error(model.embed_texts(&texts).unwrap().as_slice(), "texts"),
    )
}

/// The fixture after a change to its weights.
fn changed(change: impl Fn(&mut support::Tensors)) -> Result<Model, ModelError> {
    let folder = copy(FOLDER);
    let path = folder.path().join(WEIGHTS);
    // The counts of batches are integers, which are never read.
    let file = SafetensorsFile::open(&path).unwrap();
    assert!(file.names().iter().any(|name| name.ends_with("num_batches_tracked")));
    let mut weights = tensors(&path);
    change(&mut weights);
    write(&path, &weights);
    load_folder(folder.path())
}

#[test]
fn it_agrees_with_open_clip() {
    let (images, texts) = errors(&load_folder(&fixture(FOLDER)).unwrap());
    assert!(images <= BOUND && texts <= BOUND, "{images} {texts}");
}

/// The controls: each is a way to get the tower wrong that a cosine to the reference may not show.
#[test]
fn statistics_norms_and_heads_are_seen() {
    for kind in ["running_mean", "running_var", "bn3.bias", "downsample.1.weight", "attnpool.positional_embedding"] {
        let model = changed(|weights| {
            for (name, _, data) in weights {
                if name.starts_with("visual.") && name.ends_with(kind) {
                    data.fill(if kind == "running_var" || kind.ends_with("weight") { 1.0 } else { 0.0 });
                }
            }
        });
        let (images, texts) = errors(&model.unwrap());
        assert!(images > 20.0 * BOUND && texts <= BOUND, "{kind}: {images} {texts}");
    }
    let folder = copy(FOLDER);
    edit(&folder.path().join("open_clip_config.json"), "\"head_width\": 32", "\"head_width\": 16");
    let (images, _) = errors(&load_folder(folder.path()).unwrap());
    assert!(images > 20.0 * BOUND, "{images}");
}

#[test]
fn half_precision_is_read() {
    let folder = copy(FOLDER);
    let path = folder.path().join(WEIGHTS);
    let all = tensors(&path);
    let half = encode(&Contents { tensors: &all, precision: Precision::F16, ..Contents::default() }).unwrap();
    std::fs::write(&path, half).unwrap();
    let (images, texts) = errors(&load_folder(folder.path()).unwrap());
    assert!(images <= 0.02 && texts <= 0.02, "{images} {texts}");
    assert!(images > 1e-5, "{images}");
}

#[test]
fn running_statistics_are_loaded_strictly() {
    let statistic = "visual.layer2.0.bn2.running_var";
    match changed(|weights| weights.retain(|(name, ..)| name != statistic)) {
        Err(ModelError::MissingTensor { name, expected, .. }) => {
            assert_eq!((name.as_str(), expected), (statistic, vec![8]));
        }
        other => panic!("{other:?}"),
    }
    let cut = |weights: &mut support::Tensors| {
        let (_, shape, data) = weights.iter_mut().find(|(name, ..)| name == statistic).unwrap();
        (*shape, *data) = (vec![7], data[..7].to_vec());
    };
    match changed(cut) {
        Err(ModelError::MisshapenTensor { name, expected, found, .. }) => {
            assert_eq!((name.as_str(), expected, found), (statistic, vec![8], vec![7]));
        }
        other => panic!("{other:?}"),
    }
    let extra = ("visual.layer2.0.bn4.running_var".to_owned(), vec![1], vec![0.0]);
    match changed(|weights| weights.push(extra.clone())) {
        Err(ModelError::UnexpectedTensors { names, .. }) => assert_eq!(names, [extra.0.as_str()]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn configurations_that_are_not_understood_are_refused() {
    let cases = [
        ("\"image_size\": 64", "\"image_size\": 65", "multiple of 32"),
        ("\"head_width\": 32", "\"head_width\": 40", "heads do not divide"),
        ("\"width\": 4", "\"width\": 1000000000", "width is 1000000000"),
        ("        1,\n        2,", "        1,\n        1000000000,", "blocks is 1000000000"),
        ("        1,\n        2,", "        2,", "four stages"),
        ("\"patch_size\": null", "\"patch_size\": 16", "patch_size"),
    ];
    for (from, to, word) in cases {
        let folder = copy(FOLDER);
        edit(&folder.path().join("open_clip_config.json"), from, to);
        match load_folder(folder.path()) {
            Err(error @ ModelError::Config { .. }) => assert!(error.to_string().contains(word), "{word}: {error}"),
            other => panic!("{word}: {other:?}"),
        }
    }
}
