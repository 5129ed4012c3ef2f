//! MobileCLIP's towers against timm, open_clip and ml-mobileclip, on small checkpoints with random weights that
//! `tests/golden/mobileclip.py` made together with the answers of those libraries.

#[path = "support/mobileclip.rs"]
mod fixtures;
mod support;

use burn::tensor::Device;
use clip_model::checkpoint::native;
use clip_model::config::{ImageTowerConfig, TextTowerConfig};
use clip_model::weights::TensorSource;
use clip_model::weights::safetensors::{Contents, SafetensorsFile, encode};
use clip_model::{Checkpoint, ClipConfig, Model, ModelError, ModelSource, Pixels, Precision};

use fixtures::{SIDE, config, copy};
use support::{Tensors, fixture, load, relative_error, tensors, write};

/// Of the reference's own spread.
const BOUND: f64 = 0.001;
const BOUND_F16: f64 = 0.02;

/// The fixtures, with what the reference calls them.
const FOLDERS: [(&str, &str); 5] = [
    ("fast-vit", "fast-vit"),
    ("fast-vit-folded", "fast-vit"),
    ("conv-stem", "conv-stem"),
    ("repmixer-text", "repmixer-text"),
    ("repmixer-text-folded", "repmixer-text"),
];

struct Reference {
    file: SafetensorsFile,
    texts: Vec<String>,
}

impl Reference {
    fn read() -> Self {
        let file = SafetensorsFile::open(&fixture("mobileclip/expected.safetensors")).unwrap();
        let texts = serde_json::from_str(file.metadata("texts").unwrap()).unwrap();
        Self { file, texts }
    }

    fn get(&self, name: &str) -> Vec<f32> {
        self.file.read(name).unwrap().data
    }

    /// The sample photos as the references saw them.
    fn pixels(&self) -> Vec<Pixels> {
        let planes: Vec<f32> =
            self.file.bytes("pixels").unwrap().iter().map(|value| f32::from(*value) / 255.0).collect();
        planes.chunks_exact(3 * SIDE * SIDE).map(|photo| Pixels { data: photo.to_vec(), size: SIDE }).collect()
    }

    /// The errors of photos and texts.
    fn errors(&self, model: &Model, name: &str) -> (f64, f64) {
        let images = model.embed_pixels(&self.pixels()).unwrap();
        let texts = model.embed_texts(&self.texts).unwrap();
        let error =
            |found: &[f32], kind: &str| relative_error(found, &self.get(&format!("{name}.{kind}")), model.dimension());
        (error(images.as_slice(), "images"), error(texts.as_slice(), "texts"))
    }
}

fn open(folder: &str) -> (tempfile::TempDir, Checkpoint) {
    let copy = copy(folder);
    let checkpoint = Checkpoint::open_as(copy.path(), config(folder)).unwrap();
    (copy, checkpoint)
}

/// The fixture with all of its weights in half precision.
fn halved(folder: &str) -> (tempfile::TempDir, Checkpoint) {
    let copy = copy(folder);
    let path = copy.path().join(if folder.starts_with("repmixer") { "model.safetensors" } else { OPEN_CLIP });
    let tensors = tensors(&path);
    let contents = Contents { tensors: &tensors, precision: Precision::F16, ..Contents::default() };
    std::fs::write(&path, encode(&contents).unwrap()).unwrap();
    let checkpoint = Checkpoint::open_as(copy.path(), config(folder)).unwrap();
    (copy, checkpoint)
}

/// The checkpoint with another configuration, by way of a native file.
fn stored(checkpoint: &Checkpoint, config: &ClipConfig, precision: Precision) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let merges = std::fs::read(fixture("mobileclip/merges.txt")).unwrap();
    let clip = checkpoint.clip(&Device::flex()).unwrap();
    native::write(&path, config, &merges, &clip, precision).unwrap();
    load(&ModelSource::File(path)).unwrap()
}

#[test]
fn trained_and_folded_forms_agree_with_the_references() {
    let reference = Reference::read();
    for (folder, name) in FOLDERS {
        let (_copy, checkpoint) = open(folder);
        let model = stored(&checkpoint, checkpoint.config(), Precision::F32);
        let (images, texts) = reference.errors(&model, name);
        assert!(images <= BOUND && texts <= BOUND, "{folder}: {images} {texts}");
        assert!((model.logit_scale() - 2.5f32.exp()).abs() < 1e-4);
        // Stored in half precision by others, branch by branch, and by ourselves, folded.
        for half in [
            stored(&halved(folder).1, checkpoint.config(), Precision::F32),
            stored(&checkpoint, checkpoint.config(), Precision::F16),
        ] {
            let (images, texts) = reference.errors(&half, name);
            assert!(images <= BOUND_F16 && texts <= BOUND_F16, "{folder} in f16: {images} {texts}");
            assert!(images > BOUND / 10.0 && texts > BOUND / 10.0, "{folder} in f16: {images} {texts}");
        }
        // The other towers' answers are as far away as answers can be.
        let other = if name == "conv-stem" { "fast-vit" } else { "conv-stem" };
        let (images, texts) = reference.errors(&model, other);
        assert!(images > 0.5 && texts > 0.5, "{folder}: {images} {texts}");
    }
}

#[test]
fn hidden_states_are_the_references() {
    let reference = Reference::read();
    for (folder, name) in FOLDERS {
        let (_copy, checkpoint) = open(folder);
        let model = stored(&checkpoint, checkpoint.config(), Precision::F32);
        let shape = reference.file.shape(&format!("{name}.hidden")).unwrap();
        let (context, width) = (shape[1], shape[2]);
        let all = reference.get(&format!("{name}.hidden"));
        for (text, expected) in reference.texts.iter().zip(all.chunks_exact(context * width)) {
            let states = model.text_hidden_states(text).unwrap();
            assert!(states.tokens() >= 2);
            let error = relative_error(states.as_slice(), &expected[..states.tokens() * width], width);
            assert!(error <= BOUND, "{folder} {text:?}: {error}");
        }
    }
}

#[test]
fn token_ids_are_the_references() {
    let reference = Reference::read();
    let (_copy, checkpoint) = open("fast-vit");
    let tokenizer = checkpoint.tokenizer().unwrap();
    for (text, expected) in reference.texts.iter().zip(reference.get("ids").chunks_exact(tokenizer.context_length())) {
        let mut ids = tokenizer.encode(text).unwrap().ids;
        ids.resize(tokenizer.context_length(), 0);
        let ids: Vec<f32> = ids.iter().map(|&id| id as f32).collect();
        assert_eq!(ids, expected, "{text:?}");
    }
}

/// What the bounds would let pass: nothing of this.
#[test]
fn what_is_easily_confused_is_seen() {
    let reference = Reference::read();
    let (_copy, checkpoint) = open("fast-vit");
    // Padding that is not what the tower was trained with.
    let mut config = checkpoint.config().clone();
    let TextTowerConfig::Mobile(text) = &mut config.text else { panic!() };
    (text.pad_id, config.tokenizer.pad_id) = (573, 573);
    let (images, texts) = reference.errors(&stored(&checkpoint, &config, Precision::F32), "fast-vit");
    assert!(images <= BOUND && texts > 20.0 * BOUND, "{images} {texts}");

    // The other library's epsilon.
    let (_copy, checkpoint) = open("conv-stem");
    let mut config = checkpoint.config().clone();
    let ImageTowerConfig::ConvStemVit(tower) = &mut config.image else { panic!() };
    tower.layer_norm_eps = 0.05;
    let (images, texts) = reference.errors(&stored(&checkpoint, &config, Precision::F32), "conv-stem");
    assert!(images > 5.0 * BOUND && texts <= BOUND, "{images} {texts}");
}

/// Each part of a block that is folded changes the answer.
#[test]
fn every_folded_part_counts() {
    let reference = Reference::read();
    let folder = "repmixer-text";
    let copy = copy(folder);
    let path = copy.path().join("model.safetensors");
    let original = tensors(&path);
    for (part, image) in [
        ("image_encoder.model.patch_embed.0.rbr_scale.bn.running_mean", true),
        ("image_encoder.model.patch_embed.2.rbr_skip.running_var", true),
        ("image_encoder.model.network.2.1.token_mixer.norm.rbr_skip.weight", true),
        ("image_encoder.model.network.2.0.token_mixer.layer_scale", true),
        ("image_encoder.model.network.1.proj.0.small_conv.conv.weight", true),
        ("image_encoder.model.network.5.proj.0.se.fc2.bias", true),
        ("image_encoder.model.network.6.pe.bias", true),
        ("image_encoder.model.network.7.0.norm.running_mean", true),
        ("image_encoder.model.network.7.0.layer_scale_1", true),
        ("image_encoder.model.network.7.0.convffn.conv.bn.bias", true),
        ("image_encoder.model.conv_exp.rbr_scale.conv.weight", true),
        ("text_encoder.transformer.0.token_mixer.mixer.rbr_skip.bias", false),
        ("text_encoder.transformer.3.layer_scale", false),
        ("text_encoder.transformer.3.convffn.conv.bn.running_var", false),
    ] {
        let mut weights = original.clone();
        let (_, _, data) = weights.iter_mut().find(|(name, ..)| name == part).unwrap_or_else(|| panic!("no {part}"));
        data.iter_mut().for_each(|v| *v = *v * 4.0 + 1.0);
        write(&path, &weights);
        let checkpoint = Checkpoint::open_as(copy.path(), config(folder)).unwrap();
        let model = stored(&checkpoint, checkpoint.config(), Precision::F32);
        let (images, texts) = reference.errors(&model, folder);
        let (changed, same) = if image { (images, texts) } else { (texts, images) };
        assert!(changed > 3.0 * BOUND && same <= BOUND, "{part}: {images} {texts}");
    }
}

fn damaged(folder: &str, weights: &str, change: impl FnOnce(&mut Tensors)) -> ModelError {
    let copy = copy(folder);
    let path = copy.path().join(weights);
    let mut tensors = tensors(&path);
    change(&mut tensors);
    write(&path, &tensors);
    let checkpoint = Checkpoint::open_as(copy.path(), config(folder)).unwrap();
    checkpoint.clip(&Device::flex()).unwrap_err()
}

const OPEN_CLIP: &str = "open_clip_model.safetensors";

#[test]
fn missing_parts_are_named_as_the_file_names_them() {
    let trunk = "visual.trunk.stages.1";
    for (folder, name) in [
        ("fast-vit", format!("{trunk}.blocks.1.token_mixer.mixer.conv_scale.bn.running_var")),
        ("fast-vit", format!("{trunk}.blocks.1.token_mixer.norm.identity.weight")),
        ("fast-vit", format!("{trunk}.blocks.0.layer_scale.gamma")),
        ("fast-vit", format!("{trunk}.downsample.proj.0.small_conv.conv.weight")),
        ("fast-vit", format!("{trunk}.downsample.proj.0.large_conv.conv.weight")),
        ("fast-vit", "visual.trunk.stages.3.blocks.0.norm.bias".into()),
        ("fast-vit", "visual.trunk.head.fc.bias".into()),
        ("fast-vit-folded", format!("{trunk}.blocks.1.token_mixer.reparam_conv.weight")),
        ("fast-vit-folded", format!("{trunk}.blocks.1.token_mixer.reparam_conv.bias")),
        ("conv-stem", "visual.trunk.cls_token".into()),
        ("conv-stem", "visual.trunk.patch_embed.backbone.1.bn.running_mean".into()),
    ] {
        let error = damaged(folder, OPEN_CLIP, |weights| weights.retain(|(stored, ..)| *stored != name));
        match error {
            ModelError::MissingTensor { name: found, origin, .. } => {
                assert_eq!(found, name, "{folder}");
                assert!(origin.ends_with(OPEN_CLIP));
            }
            other => panic!("{folder} {name}: {other:?}"),
        }
    }
}

#[test]
fn unexpected_and_misshapen_parts_are_named() {
    // A second kernel beside the first; a branch that a re-parameterised block no longer has.
    for (folder, name) in [
        ("fast-vit", "visual.trunk.stem.0.conv_kxk.1.conv.weight"),
        ("fast-vit-folded", "visual.trunk.stem.0.conv_scale.conv.weight"),
        ("conv-stem", "visual.trunk.norm_pre.weight"),
    ] {
        match damaged(folder, OPEN_CLIP, |weights| weights.push((name.into(), vec![1], vec![0.0]))) {
            ModelError::UnexpectedTensors { names, .. } => assert_eq!(names, [name]),
            other => panic!("{other:?}"),
        }
    }
    for (name, expected, found) in [
        ("visual.trunk.stem.1.conv_kxk.0.conv.weight", vec![8, 1, 3, 3], vec![1]),
        ("visual.trunk.stem.1.conv_scale.conv.weight", vec![8, 1, 3, 3], vec![1]),
        ("visual.trunk.stem.1.conv_scale.bn.weight", vec![8], vec![1]),
        ("visual.trunk.stages.0.blocks.0.layer_scale.gamma", vec![8], vec![1]),
    ] {
        let error = damaged("fast-vit", OPEN_CLIP, |weights| {
            let tensor = weights.iter_mut().find(|(stored, ..)| stored == name).unwrap();
            (tensor.1, tensor.2) = (vec![1], vec![0.0]);
        });
        match error {
            ModelError::MisshapenTensor { name: named, expected: wanted, found: seen, .. } => {
                assert_eq!((named.as_str(), wanted, seen), (name, expected, found));
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_lone_tower_reads_nothing_of_the_other() {
    for (folder, weights, image) in
        [("fast-vit", OPEN_CLIP, "visual."), ("repmixer-text", "model.safetensors", "image_encoder.")]
    {
        for keep_image in [true, false] {
            let copy = copy(folder);
            let path = copy.path().join(weights);
            let mut tensors = tensors(&path);
            tensors.retain(|(name, ..)| name == "logit_scale" || name.starts_with(image) == keep_image);
            write(&path, &tensors);
            let checkpoint = Checkpoint::open_as(copy.path(), config(folder));
            let Ok(checkpoint) = checkpoint else { panic!("{folder}: {checkpoint:?}", checkpoint = checkpoint.err()) };
            let (images, texts) = (checkpoint.image_tower(&Device::flex()), checkpoint.text_tower(&Device::flex()));
            assert_eq!((images.is_ok(), texts.is_ok()), (keep_image, !keep_image), "{folder}");
        }
    }
}

/// Published names lead to published sizes, which these files do not have.
#[test]
fn a_configuration_that_belongs_to_another_checkpoint_is_refused() {
    let copy = copy("repmixer-text");
    let json = r#"{"embed_dim": 16, "image_cfg": {"image_size": 64, "model_name": "mci0"}, "text_cfg": {
        "context_length": 12, "vocab_size": 574, "dim": 16, "ffn_multiplier_per_layer": 4.0, "n_heads_per_layer": 2,
        "n_transformer_layers": 2, "norm_layer": "layer_norm_fp32", "causal_masking": false, "model_name": "mct"}}"#;
    let open = |json: &str| {
        std::fs::write(copy.path().join("config.json"), json).unwrap();
        Checkpoint::open(&ModelSource::Folder(copy.path().to_path_buf()))
    };
    let checkpoint = open(json).unwrap();
    // The text tower's sizes are in the file, and right.
    checkpoint.text_tower(&Device::flex()).unwrap();
    match checkpoint.image_tower(&Device::flex()) {
        Err(ModelError::MisshapenTensor { expected, found, .. }) => {
            assert_eq!((expected, found), (vec![64, 3, 3, 3], vec![8, 3, 3, 3]));
        }
        other => panic!("{other:?}"),
    }
    for (from, to, word) in [
        ("\"mci0\"", "\"mci9\"", "mci9"),
        ("\"mct\"", "\"mctx\"", "mctx"),
        ("layer_norm_fp32", "batch_norm", "batch_norm"),
        ("\"causal_masking\": false", "\"causal_masking\": true", "causal_masking"),
        ("\"dim\": 16", "\"dim\": 16, \"no_pos_embedding\": true", "no_pos_embedding"),
        ("\"n_transformer_layers\": 2", "\"n_transformer_layers\": 1000000000", "layers is 1000000000"),
        ("\"context_length\": 12,", "", "context_length"),
    ] {
        assert!(json.contains(from));
        match open(&json.replace(from, to)) {
            Err(error @ ModelError::Config { .. }) => assert!(error.to_string().contains(word), "{word}: {error}"),
            Err(other) => panic!("{word}: {other:?}"),
            Ok(_) => panic!("{word}: accepted"),
        }
    }
}

#[test]
fn the_fixtures_are_what_they_are_said_to_be() {
    let names = |folder: &str, weights: &str| {
        SafetensorsFile::open(&fixture(&format!("mobileclip/{folder}/{weights}"))).unwrap().names()
    };
    let is_folded = |names: &[String]| names.iter().any(|name| name.contains("reparam_conv"));
    assert!(!is_folded(&names("fast-vit", OPEN_CLIP)) && is_folded(&names("fast-vit-folded", OPEN_CLIP)));
    assert!(!is_folded(&names("repmixer-text", "model.safetensors")));
    assert!(is_folded(&names("repmixer-text-folded", "model.safetensors")));
    assert_eq!(Reference::read().pixels().len(), 10);
}
