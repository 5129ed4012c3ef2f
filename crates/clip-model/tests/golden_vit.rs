//! The ViT and the causal text tower against open_clip and transformers, on small checkpoints with random weights that
//! `tests/golden/clip_vit.py` made together with the answers of both libraries.

mod support;

use burn::tensor::Device;
use clip_model::checkpoint::native;
use clip_model::config::{Activation, ImageTowerConfig, TextTowerConfig};
use clip_model::weights::TensorSource;
use clip_model::weights::safetensors::SafetensorsFile;
use clip_model::{Checkpoint, ClipConfig, Model, ModelSource, Pixels, Precision};

use support::{copy, edit, fixture, load, load_folder, relative_error};

/// Of the reference's own spread.
const BOUND: f64 = 0.001;
const FOLDERS: [&str; 2] = ["tiny-open-clip", "tiny-huggingface"];

struct Reference {
    file: SafetensorsFile,
    texts: Vec<String>,
}

impl Reference {
    fn read() -> Self {
        let file = SafetensorsFile::open(&fixture("tiny-expected.safetensors")).unwrap();
        let texts = serde_json::from_str(file.metadata("texts").unwrap()).unwrap();
        Self { file, texts }
    }

    fn get(&self, name: &str) -> Vec<f32> {
        self.file.read(name).unwrap().data
    }

    fn pixels(&self) -> Vec<Pixels> {
        let size = self.file.shape("pixels").unwrap()[3];
        let data = self.get("pixels");
        data.chunks_exact(3 * size * size).map(|photo| Pixels { data: photo.to_vec(), size }).collect()
    }

    /// The errors of photos and texts against the reference for an activation.
    fn errors(&self, model: &Model, activation: &str) -> (f64, f64) {
        let images = model.embed_pixels(&self.pixels()).unwrap();
        let texts = model.embed_texts(&self.texts).unwrap();
        let error = |found: &[f32], name: &str| {
            relative_error(found, &self.get(&format!("{activation}.{name}")), model.dimension())
        };
        (error(images.as_slice(), "images"), error(texts.as_slice(), "texts"))
    }
}

#[test]
fn both_layouts_agree_with_the_references() {
    let reference = Reference::read();
    for folder in FOLDERS {
        let model = load_folder(&fixture(folder)).unwrap();
        let (images, texts) = reference.errors(&model, "quick_gelu");
        assert!(images <= BOUND && texts <= BOUND, "{folder}: {images} {texts}");
        assert!((model.logit_scale() - 2.5f32.exp()).abs() < 1e-4);
    }
}

/// A native file with the weights of the fixture and another activation.
fn with_activation(activation: Activation, folder: &tempfile::TempDir) -> Model {
    let checkpoint = Checkpoint::open(&ModelSource::Folder(fixture(FOLDERS[0]))).unwrap();
    let mut config: ClipConfig = checkpoint.config().clone();
    match (&mut config.image, &mut config.text) {
        (ImageTowerConfig::Vit(image), TextTowerConfig::Causal(text)) => {
            (image.activation, text.activation) = (activation, activation);
        }
        other => panic!("{other:?}"),
    }
    let merges = std::fs::read(fixture(FOLDERS[0]).join("merges.txt")).unwrap();
    let path = folder.path().join("model.safetensors");
    let clip = checkpoint.clip(&Device::flex()).unwrap();
    native::write(&path, &config, &merges, &clip, Precision::F32).unwrap();
    load(&ModelSource::File(path)).unwrap()
}

/// Configurations of 2022, all of OpenAI's and most of LAION's among them, name an end token of 2 and mean the highest id.
#[test]
fn the_end_token_of_old_configurations_is_the_highest() {
    let reference = Reference::read();
    let folder = copy("tiny-huggingface");
    edit(&folder.path().join("config.json"), "\"eos_token_id\": 573", "\"eos_token_id\": 2");
    let (images, texts) = reference.errors(&load_folder(folder.path()).unwrap(), "quick_gelu");
    assert!(images <= BOUND && texts <= BOUND, "{images} {texts}");
    // The control: any other id is taken at its word.
    edit(&folder.path().join("config.json"), "\"eos_token_id\": 2", "\"eos_token_id\": 572");
    let (_, texts) = reference.errors(&load_folder(folder.path()).unwrap(), "quick_gelu");
    assert!(texts > 5.0 * BOUND, "{texts}");
}

/// open_clip's `act_kwargs`, as its SigLIP 2 towers have them.
#[test]
fn an_approximated_activation_is_taken_from_the_configuration() {
    let folder = copy(FOLDERS[0]);
    let config = folder.path().join("open_clip_config.json");
    let approximate = "\"heads\": 2, \"act_kwargs\": {\"approximate\": \"tanh\"}";
    edit(&config, "\"heads\": 2", approximate);
    let error = load_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("act_kwargs") && error.contains("quick_gelu"), "{error}");
    edit(&config, "\"quick_gelu\": true", "\"quick_gelu\": false");
    match &load_folder(folder.path()).unwrap().config().text {
        TextTowerConfig::Causal(text) => assert_eq!(text.activation, Activation::GeluTanh),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_activation_is_seen() {
    let reference = Reference::read();
    let folder = tempfile::tempdir().unwrap();
    let model = with_activation(Activation::Gelu, &folder);
    let (images, texts) = reference.errors(&model, "gelu");
    assert!(images <= BOUND && texts <= BOUND, "{images} {texts}");
    // The control: the wrong activation is far outside of what the other tests allow.
    let (images, texts) = reference.errors(&model, "quick_gelu");
    assert!(images > 5.0 * BOUND && texts > 5.0 * BOUND, "{images} {texts}");
}

#[test]
fn token_ids_are_the_references() {
    let reference = Reference::read();
    let model = load_folder(&fixture(FOLDERS[0])).unwrap();
    let context = model.tokenizer().context_length();
    for (text, expected) in reference.texts.iter().zip(reference.get("ids").chunks_exact(context)) {
        let mut ids = model.tokenizer().encode(text).unwrap().ids;
        ids.resize(context, 0);
        let ids: Vec<f32> = ids.iter().map(|&id| id as f32).collect();
        assert_eq!(ids, expected, "{text:?}");
    }
}

#[test]
fn hidden_states_are_the_references() {
    let reference = Reference::read();
    for folder in FOLDERS {
        let model = load_folder(&fixture(folder)).unwrap();
        let shape = reference.file.shape("quick_gelu.hidden").unwrap();
        let (context, width) = (shape[1], shape[2]);
        let all = reference.get("quick_gelu.hidden");
        for (text, expected) in reference.texts.iter().zip(all.chunks_exact(context * width)) {
            let states = model.text_hidden_states(text).unwrap();
            assert_eq!(states.width(), width);
            assert!(states.tokens() >= 2);
            let error = relative_error(states.as_slice(), &expected[..states.tokens() * width], width);
            assert!(error <= BOUND, "{folder} {text:?}: {error}");
        }
    }
}

#[test]
fn company_and_order_do_not_matter() {
    let reference = Reference::read();
    let model = load_folder(&fixture(FOLDERS[0])).unwrap();
    // More than one batch, lengths mixed.
    let texts: Vec<&String> = reference.texts.iter().cycle().take(100).collect();
    let together = model.embed_texts(&texts).unwrap();
    assert_eq!(together.len(), 100);
    for (index, text) in texts.iter().enumerate().skip(60).take(12) {
        let alone = model.embed_texts(&[text]).unwrap();
        for (a, b) in alone.row(0).iter().zip(together.row(index)) {
            assert!((a - b).abs() < 1e-5, "{text:?}: {a} {b}");
        }
    }
    let none: [&str; 0] = [];
    assert!(model.embed_texts(&none).unwrap().is_empty());
    assert!(model.embed_pixels(&[]).unwrap().is_empty());
}

#[test]
fn storage_costs_what_it_must() {
    let reference = Reference::read();
    let checkpoint = Checkpoint::open(&ModelSource::Folder(fixture(FOLDERS[1]))).unwrap();
    let clip = checkpoint.clip(&Device::flex()).unwrap();
    let merges = std::fs::read(fixture(FOLDERS[1]).join("merges.txt")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut fingerprints = Vec::new();
    // Rounding to half precision is coarser than the bound; eight bits in matrices of 16 columns cost most.
    for (precision, bound) in [(Precision::F32, BOUND), (Precision::F16, 0.01), (Precision::Int8, 0.1)] {
        native::write(&path, checkpoint.config(), &merges, &clip, precision).unwrap();
        let model = load(&ModelSource::File(path.clone())).unwrap();
        let (images, texts) = reference.errors(&model, "quick_gelu");
        assert!(images <= bound && texts <= bound, "{precision:?}: {images} {texts}");
        fingerprints.push(model.fingerprint().to_string());
    }
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 3);
}
