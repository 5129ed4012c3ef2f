//! Checkpoints that are incomplete, contradictory or something else altogether: each gets an error that says so.

mod support;

use clip_model::weights::safetensors::{Contents, encode};
use clip_model::{LoadOptions, Model, ModelError, ModelSource, Pixels, Remedy, Towers};

use support::{copy, edit, load, load_folder, tensors, write};

const OURS: &str = "tiny-open-clip";
const WEIGHTS: &str = "open_clip_model.safetensors";

#[test]
fn a_missing_tensor_is_named() {
    let folder = copy(OURS);
    let path = folder.path().join(WEIGHTS);
    let mut weights = tensors(&path);
    weights.retain(|(name, ..)| name != "visual.ln_pre.weight");
    write(&path, &weights);
    match load_folder(folder.path()) {
        Err(ModelError::MissingTensor { name, expected, origin }) => {
            assert_eq!((name.as_str(), expected), ("visual.ln_pre.weight", vec![24]));
            assert!(origin.ends_with(WEIGHTS));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unexpected_tensor_is_named() {
    let folder = copy(OURS);
    let path = folder.path().join(WEIGHTS);
    let mut weights = tensors(&path);
    weights.push(("visual.attn_pool.query".into(), vec![2], vec![0.0, 1.0]));
    write(&path, &weights);
    match load_folder(folder.path()) {
        Err(ModelError::UnexpectedTensors { names, .. }) => assert_eq!(names, ["visual.attn_pool.query"]),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_misshapen_tensor_is_named() {
    let folder = copy(OURS);
    edit(&folder.path().join("open_clip_config.json"), "\"context_length\": 12", "\"context_length\": 13");
    match load_folder(folder.path()) {
        Err(ModelError::MisshapenTensor { name, expected, found, .. }) => {
            assert_eq!(name, "positional_embedding");
            assert_eq!((expected, found), (vec![13, 16], vec![12, 16]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_layer_too_few_and_one_too_many() {
    for (layers, unexpected) in [("1", true), ("3", false)] {
        let folder = copy("tiny-huggingface");
        edit(
            &folder.path().join("config.json"),
            "\"num_hidden_layers\": 2",
            &format!("\"num_hidden_layers\": {layers}"),
        );
        match load_folder(folder.path()) {
            Err(ModelError::UnexpectedTensors { names, .. }) if unexpected => {
                assert!(names.iter().all(|name| name.contains(".layers.1.")), "{names:?}");
            }
            Err(ModelError::MissingTensor { name, .. }) if !unexpected => {
                assert!(name.contains(".layers.2."), "{name}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn configurations_that_are_not_understood_are_refused() {
    let cases = [
        (OURS, "open_clip_config.json", "\"patch_size\": 8", "\"patch_size\": 7", "multiple"),
        (OURS, "open_clip_config.json", "\"layers\": 2", "\"layers\": 1000000000", "layers is 1000000000"),
        (OURS, "open_clip_config.json", "\"quick_gelu\": true", "\"multimodal_cfg\": {}", "multimodal_cfg"),
        (OURS, "open_clip_config.json", "\"heads\": 2", "\"heads\": 2, \"embed_cls\": true", "embed_cls"),
        (OURS, "open_clip_config.json", "squash", "longest", "resize_mode` is \"longest\""),
        (OURS, "open_clip_config.json", "\"embed_dim\": 16,", "", "`embed_dim` is missing"),
        (OURS, "open_clip_config.json", "\"squash\"", "7", "resize_mode` is 7, expected"),
        (OURS, "open_clip_config.json", "\"bicubic\"", "[\"bilinear\"]", "interpolation` is [\"bilinear\"], expected"),
        (OURS, "open_clip_config.json", "\"bicubic\"", "\"bicubic\", \"mode\": \"BGR\"", "mode` is \"BGR\", expected"),
        (OURS, "open_clip_config.json", "\"bicubic\"", "\"bicubic\", \"size\": \"24\"", "size` is \"24\", expected"),
        (
            OURS,
            "open_clip_config.json",
            "\"heads\": 2",
            "\"heads\": 2, \"tokenizer_kwargs\": \"x\"",
            "tokenizer_kwargs` is",
        ),
        (
            OURS,
            "open_clip_config.json",
            "\"heads\": 2",
            "\"heads\": 2, \"tokenizer_kwargs\": {\"clean\": \"canonicalize\"}",
            "expected \"lower\"",
        ),
        (
            OURS,
            "open_clip_config.json",
            "\"heads\": 2",
            "\"heads\": 2, \"tokenizer_mode\": \"clips\"",
            "tokenizer_mode",
        ),
        (
            OURS,
            "open_clip_config.json",
            "\"head_width\": 12",
            "\"head_width\": 0",
            "`head_width` is 0, expected 1 to 24",
        ),
        (OURS, "open_clip_config.json", "\"image_size\": 24", "\"image_size\": [24, 48]", "`image_size` is [24,48]"),
        (
            OURS,
            "open_clip_config.json",
            "\"head_width\": 12",
            "\"head_width\": 1000000000000000000",
            "`head_width` is 1000000000000000000",
        ),
        (OURS, "open_clip_config.json", "{", "[", "column"),
        ("tiny-huggingface", "config.json", "\"quick_gelu\"", "\"relu\"", "relu"),
        ("tiny-huggingface", "config.json", "\"model_type\": \"clip\"", "\"model_type\": \"siglip2\"", "siglip2"),
        ("tiny-huggingface", "config.json", "\"hidden_size\": 24", "\"hidden_size\": -24", "vision_config"),
        (
            "tiny-huggingface",
            "config.json",
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": \"2\"",
            "_config.num_hidden_layers` is \"2\", expected a whole number",
        ),
        (
            "tiny-huggingface",
            "preprocessor_config.json",
            "\"resample\": 3",
            "\"resample\": \"bicubic\"",
            "`resample` is \"bic",
        ),
        ("tiny-huggingface", "preprocessor_config.json", "\"resample\": 3", "\"resample\": -1", "`resample` is -1"),
        ("tiny-huggingface", "preprocessor_config.json", "0.00392156862745098", "\"2\"", "`rescale_factor` is \"2\""),
        ("tiny-huggingface", "preprocessor_config.json", "{", "[", "preprocessor_config.json"),
        ("tiny-huggingface", "preprocessor_config.json", "\"shortest_edge\": 24", "\"shortest_edge\": 32", "`size`"),
        ("tiny-huggingface", "preprocessor_config.json", "\"resample\": 3", "\"resample\": 1", "`resample` is 1"),
    ];
    for (fixture, file, from, to, word) in cases {
        let folder = copy(fixture);
        edit(&folder.path().join(file), from, to);
        match load_folder(folder.path()) {
            Err(error @ ModelError::Config { .. }) => assert!(error.to_string().contains(word), "{word}: {error}"),
            other => panic!("{word}: {other:?}"),
        }
    }
}

/// A SigLIP checkpoint with its tokenizer.
fn siglip() -> tempfile::TempDir {
    let folder = copy("tiny-siglip-huggingface");
    for file in ["tokenizer.json", "tokenizer_config.json"] {
        let path = support::fixture("tokenizer-siglip/siglip").join(file);
        std::fs::copy(path, folder.path().join(file)).unwrap();
    }
    folder
}

#[test]
fn siglip_configurations_that_are_not_understood_are_refused() {
    load_folder(siglip().path()).unwrap();
    let cases = [
        ("config.json", "gelu_pytorch_tanh", "relu", "relu"),
        ("config.json", "\"model_type\": \"siglip\"", "\"model_type\": \"siglip2\"", "siglip2"),
        ("config.json", "\"vision_use_head\": true", "\"vision_use_head\": false", "vision_use_head"),
        ("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1000000000", "layers is 1000000000"),
        ("config.json", "\"vocab_size\": 600", "\"vocab_size\": 1", "padding id is 1"),
        ("config.json", "\"num_attention_heads\": 2", "\"num_attention_heads\": 5", "5 heads"),
        ("config.json", "\"num_channels\": 3", "\"num_channels\": 1", "channels"),
        ("preprocessor_config.json", "\"height\": 32", "\"height\": 30", "square"),
    ];
    for (file, from, to, word) in cases {
        let folder = siglip();
        edit(&folder.path().join(file), from, to);
        match load_folder(folder.path()) {
            Err(error @ ModelError::Config { .. }) => assert!(error.to_string().contains(word), "{word}: {error}"),
            other => panic!("{word}: {other:?}"),
        }
    }
}

#[test]
fn siglip_without_a_fitting_tokenizer_is_refused() {
    let refused = |change: &dyn Fn(&std::path::Path), word: &str| {
        let folder = siglip();
        change(folder.path());
        match load_folder(folder.path()) {
            Err(error @ ModelError::Tokenizer { .. }) => assert!(error.to_string().contains(word), "{word}: {error}"),
            other => panic!("{word}: {other:?}"),
        }
    };
    let json = |folder: &std::path::Path| folder.join("tokenizer.json");
    refused(&|folder| std::fs::remove_file(json(folder)).unwrap(), "tokenizer.json");
    refused(&|folder| edit(&folder.join("tokenizer_config.json"), "</s>", "<filler>"), "<filler>");
    refused(&|folder| edit(&json(folder), "\"Unigram\"", "\"WordLevel\""), "WordLevel");
    let cut = |folder: &std::path::Path| {
        let bytes = std::fs::read(json(folder)).unwrap();
        std::fs::write(json(folder), &bytes[..bytes.len() / 2]).unwrap();
    };
    refused(&cut, "cut off");
}

#[test]
fn a_missing_tensor_of_siglip_is_named() {
    let folder = siglip();
    let path = folder.path().join("model.safetensors");
    for (missing, shape) in [
        ("vision_model.head.probe", vec![1, 1, 24]),
        ("vision_model.head.attention.in_proj_weight", vec![72, 24]),
        ("text_model.head.bias", vec![24]),
        ("logit_bias", vec![1]),
    ] {
        let all = tensors(&path);
        let mut weights = all.clone();
        weights.retain(|(name, ..)| name != missing);
        assert_eq!(weights.len() + 1, all.len());
        write(&path, &weights);
        match load_folder(folder.path()) {
            Err(ModelError::MissingTensor { name, expected, .. }) => {
                assert_eq!((name.as_str(), expected), (missing, shape));
            }
            other => panic!("{missing}: {other:?}"),
        }
        write(&path, &all);
    }
}

#[test]
fn cut_off_weights_are_damaged() {
    let folder = copy(OURS);
    let path = folder.path().join(WEIGHTS);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(load_folder(folder.path()), Err(ModelError::DamagedWeights { .. })));
}

#[test]
fn pickles_are_never_read() {
    let folder = copy(OURS);
    std::fs::rename(folder.path().join(WEIGHTS), folder.path().join("open_clip_pytorch_model.bin")).unwrap();
    let error = load_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("open_clip_pytorch_model.bin") && error.contains("convert"), "{error}");
    let path = folder.path().join(WEIGHTS);
    std::fs::write(&path, b"\x80\x02}q\x00(X\x06\x00\x00\x00weightq\x01").unwrap();
    let error = load_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("pickle"), "{error}");
}

#[test]
fn folders_without_a_checkpoint_say_what_is_expected() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_path_buf(), folder.path().join("nowhere")] {
        let error = load_folder(&path).unwrap_err();
        assert!(matches!(error, ModelError::UnknownLayout { .. }));
        assert!(error.to_string().contains("open_clip_config.json"), "{error}");
    }
    let missing = ModelSource::File(folder.path().join("model.safetensors"));
    assert!(matches!(load(&missing), Err(ModelError::Io { .. })));
    let is_folder = ModelSource::File(folder.path().to_path_buf());
    assert!(matches!(load(&is_folder), Err(ModelError::NotSafetensors { .. })));
}

#[test]
fn foreign_and_newer_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let tensors = [("a".to_owned(), vec![1], vec![1.0])];
    let write = |metadata| {
        std::fs::write(&path, encode(&Contents { metadata, tensors: &tensors, ..Contents::default() }).unwrap())
            .unwrap();
        load(&ModelSource::File(path.clone())).unwrap_err()
    };
    assert!(write(vec![]).to_string().contains("another program"));
    let newer = r#"{"format_version":2,"config":{"towers":3}}"#;
    match write(vec![("clip-search", newer.into())]) {
        ModelError::NewerFormat { found: 2, supported: 1, .. } => {}
        other => panic!("{other:?}"),
    }
    let garbled = r#"{"format_version":1,"config":{}}"#;
    assert!(matches!(write(vec![("clip-search", garbled.into())]), ModelError::Config { .. }));
}

#[test]
fn a_missing_tokenizer_is_an_error() {
    let folder = copy(OURS);
    std::fs::remove_file(folder.path().join("merges.txt")).unwrap();
    let error = load_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json") && error.contains("574"), "{error}");
}

#[test]
fn shards_are_joined_and_checked() {
    let folder = copy("tiny-huggingface");
    let whole = load_folder(folder.path()).unwrap();
    let weights = folder.path().join("model.safetensors");
    let all = tensors(&weights);
    std::fs::remove_file(&weights).unwrap();
    let (first, second) = all.split_at(30);
    write(&folder.path().join("one.safetensors"), &first.to_vec());
    write(&folder.path().join("two.safetensors"), &second.to_vec());
    let index = |skip: Option<&str>, two: &str| {
        let map: serde_json::Map<String, serde_json::Value> = first
            .iter()
            .map(|(name, ..)| (name.clone(), "one.safetensors".into()))
            .chain(second.iter().map(|(name, ..)| (name.clone(), two.into())))
            .filter(|(name, _)| Some(name.as_str()) != skip)
            .collect();
        let json = serde_json::json!({ "weight_map": map }).to_string();
        std::fs::write(folder.path().join("model.safetensors.index.json"), json).unwrap();
        load_folder(folder.path())
    };
    let sharded = index(None, "two.safetensors").unwrap();
    let text = ["a dog"];
    assert_eq!(sharded.embed_texts(&text).unwrap(), whole.embed_texts(&text).unwrap());
    match index(Some("logit_scale"), "two.safetensors") {
        Err(ModelError::UnexpectedTensors { names, .. }) => assert_eq!(names, ["logit_scale"]),
        other => panic!("{other:?}"),
    }
    match index(None, "../two.safetensors") {
        Err(ModelError::Config { reason, .. }) => assert!(reason.contains("../two"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(index(None, "three.safetensors"), Err(ModelError::Io { .. })));
}

#[test]
fn a_lone_tower_reads_nothing_of_the_other() {
    for (towers, keep) in [(Towers::TextOnly, false), (Towers::ImageOnly, true)] {
        let folder = copy(OURS);
        let path = folder.path().join(WEIGHTS);
        let mut weights = tensors(&path);
        weights.retain(|(name, ..)| name == "logit_scale" || name.starts_with("visual.") == keep);
        write(&path, &weights);
        let source = ModelSource::Folder(folder.path().to_path_buf());
        assert!(matches!(load(&source), Err(ModelError::MissingTensor { .. })));
        let model = Model::load(&source, &LoadOptions::new().towers(towers)).unwrap();
        let text = model.embed_texts(&["a dog"]);
        let image = model.embed_images(&[image::RgbImage::from_pixel(9, 7, image::Rgb([200, 10, 90]))]);
        let (works, fails) = if keep { (image, text) } else { (text, image) };
        assert_eq!(works.unwrap().len(), 1);
        assert!(matches!(fails, Err(ModelError::TowerNotLoaded { .. })));
    }
}

#[test]
fn pixels_of_another_size_are_refused() {
    let model = load_folder(&support::fixture(OURS)).unwrap();
    for (size, values) in [(32, 3 * 32 * 32), (24, 5)] {
        let pixels = Pixels { data: vec![0.0; values], size };
        assert!(matches!(model.embed_pixels(&[pixels]), Err(ModelError::Input(_))));
    }
}

#[test]
fn weights_that_overflow_do_not_reach_an_index() {
    let folder = copy(OURS);
    let path = folder.path().join(WEIGHTS);
    let mut weights = tensors(&path);
    for (name, _, data) in &mut weights {
        if name == "text_projection" {
            data.fill(f32::MAX);
        }
    }
    write(&path, &weights);
    let model = load_folder(folder.path()).unwrap();
    let error = model.embed_texts(&["a dog"]).unwrap_err();
    assert!(matches!(error, ModelError::NotFinite { index: 0, device: "CPU", .. }));
    assert_eq!(error.remedy(), Some(Remedy::FetchAgain), "it was computed on the CPU already");
}

#[test]
fn fingerprints_follow_all_that_matters() {
    let fingerprint = |change: &dyn Fn(&std::path::Path)| {
        let folder = copy(OURS);
        change(folder.path());
        load_folder(folder.path()).unwrap().fingerprint().to_string()
    };
    let original = fingerprint(&|_| {});
    assert!(original.starts_with("checkpoint-") && original.len() == "checkpoint-".len() + 16, "{original}");
    assert_eq!(fingerprint(&|_| {}), original);
    let weights = |folder: &std::path::Path| {
        let path = folder.join(WEIGHTS);
        let mut weights = tensors(&path);
        weights[0].2[0] += 0.5;
        write(&path, &weights);
    };
    let preprocess = |folder: &std::path::Path| edit(&folder.join("open_clip_config.json"), "squash", "shortest");
    let tokenizer = |folder: &std::path::Path| edit(&folder.join("merges.txt"), "o u\no n\n", "o n\no u\n");
    let changes: [&dyn Fn(&std::path::Path); 3] = [&weights, &preprocess, &tokenizer];
    for change in changes {
        assert_ne!(fingerprint(change), original);
    }
}

/// A copy of a checkpoint in a folder of this path below a temporary one.
fn placed(checkpoint: &str, path: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join(path);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::rename(copy(checkpoint).keep(), &place).unwrap();
    (root, place)
}

#[test]
fn a_renamed_folder_holds_the_same_model() {
    for checkpoint in [OURS, "tiny-huggingface"] {
        let load = |path: &str| {
            let (_root, place) = placed(checkpoint, path);
            load_folder(&place).unwrap()
        };
        let (first, second) = (load("first"), load("snapshots/second"));
        assert_eq!((first.name(), second.name()), ("first", "second"));
        assert_eq!(first.fingerprint(), second.fingerprint(), "{checkpoint}");
    }
    let file = |name: &str| {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(name);
        std::fs::copy(support::fixture("tiny-pocket/model.safetensors"), &path).unwrap();
        load(&ModelSource::File(path)).unwrap().fingerprint().to_string()
    };
    assert_eq!(file("a.safetensors"), file("b.safetensors"));
}

/// What earlier versions made of the same files: they took the folder's name for a part of the model. Indexes hold such
/// fingerprints, and for repositories in a cache they stay.
#[test]
fn earlier_fingerprints_are_recognised() {
    for (checkpoint, earlier) in [(OURS, "tiny-0d60c8b405ec1d0e"), ("tiny-huggingface", "tiny-31c0e225d55c44fb")] {
        let (_root, cached) = placed(checkpoint, "models--someone--tiny/snapshots/0123");
        assert_eq!(load_folder(&cached).unwrap().fingerprint().as_str(), earlier);
        let (_root, renamed) = placed(checkpoint, "another name");
        let mut model = load_folder(&renamed).unwrap();
        let own = model.fingerprint().clone();
        for other in ["", "tiny", "tiny-0123456789abcdef", &format!("x{earlier}"), &format!("{earlier}-f16")] {
            assert!(!model.recognise(other).unwrap(), "{other}");
        }
        assert_eq!(*model.fingerprint(), own);
        assert!(model.recognise(own.as_str()).unwrap());
        assert!(model.recognise(earlier).unwrap());
        assert_eq!(model.fingerprint().as_str(), earlier);
    }
}

#[test]
fn names_from_files_do_not_steer_a_terminal() {
    let bad = "x\u{1b}[2J\u{202e}\n";
    let folder = copy(OURS);
    let path = folder.path().join(WEIGHTS);
    let mut weights = tensors(&path);
    weights.push((bad.to_owned(), vec![1], vec![0.0]));
    write(&path, &weights);
    let unexpected = load_folder(folder.path()).unwrap_err().to_string();
    let folder = copy(OURS);
    let config = folder.path().join("open_clip_config.json");
    edit(&config, "\"embed_dim\"", "\"\\u001b[2J\\u202e\": 1, \"embed_dim\"");
    let option = load_folder(folder.path()).unwrap_err().to_string();
    for error in [unexpected, option] {
        assert!(error.contains("\\u{1b}[2J\\u{202e}"), "{error:?}");
        assert!(!error.contains(|c: char| c.is_control() || c == '\u{202e}'), "{error:?}");
    }
}

/// What a `tokenizer.json` can do to the process: each was an abort, a panic or gigabytes.
#[test]
fn hostile_tokenizers_are_errors_or_harmless() {
    use serde_json::{Value, json};
    let load = |change: &dyn Fn(&mut Value)| {
        let folder = siglip();
        let path = folder.path().join("tokenizer.json");
        let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut tokenizer);
        std::fs::write(&path, serde_json::to_vec(&tokenizer).unwrap()).unwrap();
        load_folder(folder.path())
    };
    let refused = |change: &dyn Fn(&mut Value), word: &str| match load(change) {
        Err(error @ ModelError::Tokenizer { .. }) => assert!(error.to_string().contains(word), "{word}: {error}"),
        other => panic!("{word}: {other:?}"),
    };
    // Seven replacements, each by a hundred of what the next replaces.
    let grow = |content: usize| {
        let replace = json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "a".repeat(content) });
        json!({ "type": "Sequence", "normalizers": vec![replace; 7] })
    };
    refused(&|json| json["normalizer"] = grow(100), "100 bytes");
    let model = load(&|json| json["normalizer"] = grow(16)).unwrap();
    assert!(model.embed_texts(&[&"a".repeat(100_000)]).is_ok());
    refused(&|json| json["normalizer"]["normalizers"][0]["precompiled_charsmap"] = json!("AAAA////"), "character map");
    refused(&|json| json["normalizer"] = json!({ "type": "Reverse" }), "Reverse");
    refused(&|json| json["pre_tokenizer"] = json!({ "type": "FixedLength", "length": 0 }), "FixedLength");
    refused(&|json| json["post_processor"]["special_tokens"] = json!({}), "</s>");
    refused(&|json| json["model"]["unk_id"] = json!(1_000_000), "unk_id");
    refused(&|json| json["added_tokens"][1]["content"] = json!("x".repeat(100_000)), "100000 bytes");
}

/// A picture that each preprocessing makes something else of.
fn picture() -> image::RgbImage {
    image::RgbImage::from_fn(61, 40, |x, y| image::Rgb([(x * 4) as u8, (y * 6) as u8, ((x * y) % 251) as u8]))
}

fn embedded(folder: &std::path::Path) -> Vec<f32> {
    load_folder(folder).unwrap().embed_images(&[picture()]).unwrap().into_vec()
}

/// transformers 5 writes the image processor into the processor's file, and no other.
#[test]
fn the_image_processor_is_read_wherever_it_is() {
    let folder = copy("tiny-huggingface");
    let (old, new) = (folder.path().join("preprocessor_config.json"), folder.path().join("processor_config.json"));
    edit(&old, "\"resample\": 3", "\"resample\": 2");
    let expected = embedded(folder.path());
    let processor = std::fs::read_to_string(&old).unwrap();
    // Older ones have a processor's file without it.
    std::fs::write(&new, r#"{"processor_class": "CLIPProcessor"}"#).unwrap();
    assert_eq!(embedded(folder.path()), expected);
    std::fs::write(&new, format!(r#"{{"image_processor": {processor}, "processor_class": "CLIPProcessor"}}"#)).unwrap();
    // Where both say something, the newer file counts.
    edit(&old, "\"resample\": 2", "\"resample\": 3");
    assert_eq!(embedded(folder.path()), expected);
    std::fs::remove_file(&old).unwrap();
    assert_eq!(embedded(folder.path()), expected);
    std::fs::remove_file(&new).unwrap();
    assert_ne!(embedded(folder.path()), expected, "the picture shows which of them was read");
}

#[cfg(unix)]
#[test]
fn files_that_are_there_and_cannot_be_read_are_errors() {
    for file in ["preprocessor_config.json", "processor_config.json", "config.json", "merges.txt", "tokenizer.json"] {
        let folder = copy("tiny-huggingface");
        let path = folder.path().join(file);
        let refused = |what: &str| {
            let error = load_folder(folder.path()).expect_err(&format!("{file}: {what}")).to_string();
            assert!(error.contains(file) && !error.contains("os error"), "{what}: {error}");
            error
        };
        let _ = std::fs::remove_file(&path);
        // What a cache leaves of a file whose contents were deleted.
        std::os::unix::fs::symlink("../../blobs/0123", &path).unwrap();
        assert!(refused("a broken link").contains("../../blobs/0123"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(refused("a folder").contains("found a folder"));
        if file.ends_with(".json") {
            std::fs::remove_dir(&path).unwrap();
            for json in ["null", "[]", "[{}]", ""] {
                std::fs::write(&path, json).unwrap();
                refused(json);
            }
        }
    }
}

#[test]
fn settings_of_a_tokenizer_are_never_passed_over() {
    for (wrong, word) in [("{", "cut off"), ("[]", "it is []"), (r#"{"pad_token": 1}"#, "`pad_token` is 1")] {
        let folder = siglip();
        std::fs::write(folder.path().join("tokenizer_config.json"), wrong).unwrap();
        let error = load_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("tokenizer_config.json") && error.contains(word), "{error}");
    }
}

/// Each line that is missing gives other tokens all other ids.
#[test]
fn merges_that_were_cut_off_are_refused() {
    let folder = copy(OURS);
    let path = folder.path().join("merges.txt");
    let merges = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = merges.lines().collect();
    for kept in [0, 1, lines.len() / 2, lines.len() - 1] {
        std::fs::write(&path, lines[..kept].join("\n")).unwrap();
        match load_folder(folder.path()) {
            Err(ModelError::Tokenizer { origin, reason }) => {
                assert!(origin.ends_with("merges.txt") && reason.contains("574"), "{reason}");
            }
            other => panic!("{kept} lines: {other:?}"),
        }
    }
    std::fs::write(&path, lines.join("\n")).unwrap();
    load_folder(folder.path()).unwrap();
}

#[test]
fn ids_that_the_tower_does_not_know_are_errors() {
    let folder = siglip();
    let path = folder.path().join("tokenizer.json");
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    // One more than the tower has rows for, as a text may spell it; what others do is as before.
    let vocabulary = tokenizer["model"]["vocab"].as_array_mut().unwrap();
    while vocabulary.len() <= 600 {
        let token = format!("\u{2581}beyond{}", vocabulary.len());
        vocabulary.push(serde_json::json!([token, 0.0]));
    }
    std::fs::write(&path, serde_json::to_vec(&tokenizer).unwrap()).unwrap();
    let model = load_folder(folder.path()).unwrap();
    assert!(model.embed_texts(&["a dog"]).is_ok());
    let error = model.embed_texts(&["beyond600"]).unwrap_err().to_string();
    assert!(error.contains("the id 600") && error.contains("tower's 600"), "{error}");
}

#[test]
fn tensors_that_are_described_wrongly_are_named() {
    let folder = copy("tiny-huggingface");
    let path = folder.path().join("model.safetensors");
    for (entry, word) in [
        (r#"{"dtype":"X","shape":[1],"data_offsets":[0,4]}"#, "the dtype of tensor `a` is \"X\""),
        (r#"{"dtype":"F32","shape":"1","data_offsets":[0,4]}"#, "the shape of tensor `a` is \"1\""),
        (r#"{"dtype":"F32","shape":[1],"data_offsets":[0]}"#, "the data_offsets of tensor `a` is [0]"),
        (r#"[1]"#, "tensor `a` is [1], expected an object"),
    ] {
        let header = format!(r#"{{"a":{entry}}}"#);
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend([0; 4]);
        std::fs::write(&path, bytes).unwrap();
        let error = load_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
