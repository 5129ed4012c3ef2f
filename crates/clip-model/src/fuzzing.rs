//! The parsers of files from elsewhere on any bytes, for fuzzers and for a loop over damaged files that runs with the
//! tests.

use std::str::from_utf8;

use clip_kernels::Isa;
use serde_json::Value;

use crate::checkpoint::{self, Checkpoint};
use crate::fingerprint::Fingerprint;
use crate::precision::Precision;
use crate::tokenizer::Tokenizer;
use crate::tokenizer::config::{TokenizerConfig, TokenizerKind};
use crate::weights::TensorSource;
use crate::weights::safetensors::SafetensorsFile;
use crate::{ClipConfig, ModelError};
use clip_files::deceptive::is_deceptive;

const KINDS: [TokenizerKind; 6] = [
    TokenizerKind::ClipBpe,
    TokenizerKind::WordPiece,
    TokenizerKind::HuggingFace,
    TokenizerKind::Siglip,
    TokenizerKind::Siglip2,
    TokenizerKind::OpenClipSiglip,
];

/// Tokenizer files of all kinds, and texts: a byte for the kind, one for the context, two for the text's length, the text,
/// the file.
pub fn tokenizer(bytes: &[u8]) {
    let Some((config, text, tokenizer)) = parse_tokenizer(bytes) else { return };
    match tokenizer {
        Ok(tokenizer) => {
            let tokens = match tokenizer.encode(&text) {
                Ok(tokens) => tokens,
                Err(error) => return assert!(!error.to_string().contains(is_deceptive)),
            };
            assert!(!tokens.ids.is_empty());
            assert!(tokens.ids.len() <= config.context_length, "{} ids", tokens.ids.len());
            assert!(tokens.length <= tokens.ids.len());
            if config.kind.fills_context() {
                assert_eq!(tokens.ids.len(), config.context_length);
            }
            assert_eq!(tokenizer.encode(&text).expect("what was encoded once is again"), tokens);
        }
        Err(error) => assert!(!error.to_string().contains(is_deceptive)),
    }
}

fn parse_tokenizer(bytes: &[u8]) -> Option<(TokenizerConfig, String, Result<Tokenizer, ModelError>)> {
    let (&[kind, context_length, low, high], rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
    let (text, vocabulary) = rest.split_at(length);
    let config = TokenizerConfig {
        kind: KINDS[usize::from(kind) % KINDS.len()],
        context_length: usize::from(context_length),
        pad_id: 1,
    };
    let tokenizer = Tokenizer::new(&config, vocabulary, "input");
    Some((config, String::from_utf8_lossy(text).into_owned(), tokenizer))
}

/// Configurations of all layouts, and the files beside them: parts between bytes of zero.
pub fn config(bytes: &[u8]) {
    let Ok(text) = from_utf8(bytes) else { return };
    let mut parts = text.split('\0');
    let (json, second) = (parts.next().unwrap_or_default(), parts.next());
    if let Ok(config) = ClipConfig::from_json(json, "input") {
        assert!(config.validate().is_ok());
        let again = ClipConfig::from_json(&config.to_json(), "copy").expect("what was accepted once is again");
        assert_eq!(again, config);
    }
    for config in checkpoint::read_configs(json, second).into_iter().flatten() {
        match config.check("input") {
            Ok(()) => {
                assert!(config.image.image_size() > 0 && config.text.context_length() > 0);
                assert!(config.image.flops(config.embed_dim) > 0);
            }
            Err(error) => assert!(!error.to_string().contains(is_deceptive)),
        }
    }
    checkpoint::read_tokenizer_settings(json, second.unwrap_or_default());
    let _: Value = serde_json::from_str(json).unwrap_or_default();
}

/// Files with weights.
pub fn safetensors(bytes: &[u8]) {
    let file = match SafetensorsFile::from_bytes(bytes.to_vec(), "input") {
        Ok(file) => file,
        Err(error) => return assert!(!error.to_string().contains(is_deceptive)),
    };
    assert!(file.raw().len() >= file.names().len());
    for name in file.names() {
        let shape = file.shape(&name).expect("a tensor has a shape");
        match file.read(&name) {
            Ok(tensor) => {
                assert_eq!(tensor.shape, shape);
                assert_eq!(tensor.data.len(), shape.iter().product::<usize>());
            }
            Err(error) => assert!(!error.to_string().contains(is_deceptive)),
        }
        if let (Ok(matrix), [rows, columns]) = (file.matrix(&name), shape.as_slice())
            && *columns > 0
        {
            assert_eq!(matrix.rows().outputs(), *rows);
        }
    }
}

/// Native model files: configuration, tokenizer, the text tower's tensors.
pub fn native_model(bytes: &[u8]) {
    let Ok(file) = SafetensorsFile::from_bytes(bytes.to_vec(), "input") else { return };
    let checkpoint = match Checkpoint::of_native_file(file) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return assert!(!error.to_string().contains(is_deceptive)),
    };
    assert!(checkpoint.config().validate().is_ok());
    if let Ok(tokens) = checkpoint.tokenizer().and_then(|tokenizer| tokenizer.encode("two dogs")) {
        assert!(tokens.ids.len() <= checkpoint.config().tokenizer.context_length);
    }
    let _ = (checkpoint.logit_scale(), checkpoint.logit_bias());
    if let Ok(fingerprint) = Fingerprint::of(&checkpoint, Precision::Int8) {
        assert_eq!(Fingerprint::precision_of(fingerprint.as_str()), Precision::Int8);
    }
    if let Ok(Some(tower)) = checkpoint.cpu_text_tower(Isa::portable()) {
        assert_eq!(tower.forward(&[&[1, 2]]).len(), checkpoint.config().embed_dim);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, Instant};

    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    /// Runs a parser over seeds, damaged in a few places each, and over noise. Ends early on a slow machine.
    fn damage(parse: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize) {
        let mut rng = StdRng::seed_from_u64(12);
        let (started, longest) = (Instant::now(), Duration::from_secs(3));
        seeds.iter().for_each(|seed| parse(seed));
        for round in 0..rounds {
            if started.elapsed() > longest {
                break;
            }
            let mut bytes = seeds[round % seeds.len()].clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bytes.len().max(1)).min(bytes.len());
                // Most of what decides is in front.
                let at = if rng.random_bool(0.5) { at.min(rng.random_range(0..600)) } else { at };
                match rng.random_range(0..6) {
                    0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
                    1 if at < bytes.len() => bytes[at] = rng.random(),
                    2 => bytes.truncate(at),
                    3 => {
                        let other = &seeds[rng.random_range(0..seeds.len())];
                        let from = rng.random_range(0..other.len());
                        let part = &other[from..other.len().min(from + rng.random_range(1..64))];
                        bytes.splice(at..at, part.iter().copied());
                    }
                    4 => {
                        let to = bytes.len().min(at + rng.random_range(1..32));
                        bytes.drain(at..to);
                    }
                    _ => {
                        let digits = rng.random_range(0..u64::MAX) >> rng.random_range(0..64);
                        bytes.splice(at..at, digits.to_string().into_bytes());
                    }
                }
            }
            parse(&bytes);
        }
        for _ in 0..200 {
            let noise: Vec<u8> = (0..rng.random_range(0..200)).map(|_| rng.random()).collect();
            parse(&noise);
        }
    }

    fn fixture(name: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
    }

    fn tokenizer_seed(kind: u8, text: &str, vocabulary: &[u8]) -> Vec<u8> {
        let length = u16::try_from(text.len()).unwrap().to_le_bytes();
        [&[kind, 12, length[0], length[1]], text.as_bytes(), vocabulary].concat()
    }

    #[test]
    fn tokenizers_survive() {
        let text = "A dog's <b>ﬁne</b> day &amp; <end_of_text> [SEP] ﬂ\u{345} ΌΣΟΣ";
        let word_piece = br###"{"added_tokens": [], "model": {"type": "WordPiece", "vocab":
            {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5, "dog": 6, "##s": 7}}}"###;
        let word_level = br#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [{"id": 0,
            "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true}], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
            "post_processor": null, "decoder": null, "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "a": 1,
            "dog": 2}, "unk_token": "<unk>"}}"#;
        let unigram = br#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
            "normalizer": null, "pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always",
            "split": true}, "post_processor": null, "decoder": null, "model": {"type": "Unigram", "unk_id": 0,
            "vocab": [["<unk>", 0.0], ["_a", -1.0], ["dog", -2.5]], "byte_fallback": false}}"#;
        let seeds = [
            tokenizer_seed(0, text, &fixture("tiny-open-clip/merges.txt")),
            tokenizer_seed(1, text, &fixture("tokenizer/vocab.txt")),
            tokenizer_seed(1, text, word_piece),
            tokenizer_seed(2, text, word_level),
            tokenizer_seed(2, text, unigram),
            tokenizer_seed(3, text, unigram),
            tokenizer_seed(4, text, &fixture("tokenizer-siglip/siglip2/tokenizer.json")),
            tokenizer_seed(5, text, word_level),
            tokenizer_seed(3, text, &fixture("tokenizer-siglip/siglip/tokenizer.json")),
        ];
        for (number, seed) in seeds.iter().enumerate() {
            let (.., tokenizer) = parse_tokenizer(seed).unwrap();
            assert!(tokenizer.is_ok(), "seed {number}: {tokenizer:?}");
        }
        damage(tokenizer, &seeds, 4000);
    }

    /// The places of all values in `json`, as JSON pointers.
    fn places(json: &Value, at: String, places: &mut Vec<String>) {
        match json {
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                places_of(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }),
            Value::Array(list) => list.iter().enumerate().for_each(|(number, value)| {
                places_of(value, format!("{at}/{number}"), places);
            }),
            _ => {}
        }
    }

    fn places_of(json: &Value, at: String, places: &mut Vec<String>) {
        places.push(at.clone());
        self::places(json, at, places);
    }

    /// Changes a value somewhere in a file that stays JSON, which flipped bits seldom leave it.
    fn change(json: &mut Value, others: &[Value], rng: &mut StdRng) {
        let mut all = Vec::new();
        places(json, String::new(), &mut all);
        // A vocabulary is most of a file and the least of it.
        let beside: Vec<&String> =
            all.iter().filter(|at| !at.contains("/vocab/") && !at.contains("/merges/")).collect();
        let Some(at) =
            (if rng.random_bool(0.8) { beside.get(rng.random_range(0..beside.len().max(1))).copied() } else { None })
                .or_else(|| all.get(rng.random_range(0..all.len().max(1))))
        else {
            return;
        };
        let Some(value) = json.pointer_mut(at) else { return };
        *value = match rng.random_range(0..9) {
            0 => Value::Null,
            1 => (rng.random::<u64>() >> rng.random_range(0..64)).into(),
            2 => "é\u{fdfa}a ".repeat(rng.random_range(0..200)).into(),
            3 => vec![value.take(); rng.random_range(0..40)].into(),
            4 => serde_json::json!({ "type": "Sequence", "normalizers": vec![value.clone(); 9],
                "pretokenizers": vec![value.clone(); 9], "processors": vec![value.take(); 9] }),
            5 => serde_json::json!({ "Regex": "(a*)*|\\s+|" }),
            6 => serde_json::json!({ "type": "Replace", "pattern": { "String": "" }, "content": "aé aé aé aé" }),
            7 => rng.random_bool(0.5).into(),
            _ => {
                let other = &others[rng.random_range(0..others.len())];
                let mut all = vec![String::new()];
                places(other, String::new(), &mut all);
                other.pointer(&all[rng.random_range(0..all.len())]).cloned().unwrap_or_default()
            }
        };
    }

    #[test]
    fn tokenizers_of_other_shapes_survive() {
        let clip = serde_json::json!({
            "added_tokens": [{ "id": 3, "content": "<|end|>", "normalized": false, "special": true }],
            "normalizer": { "type": "Sequence", "normalizers": [{ "type": "NFC" },
                { "type": "Replace", "pattern": { "Regex": "\\s+" }, "content": " " }, { "type": "Lowercase" }] },
            "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
                { "type": "Split", "pattern": { "Regex": "[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+" },
                  "behavior": "Removed", "invert": true },
                { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true }] },
            "post_processor": { "type": "RobertaProcessing", "sep": ["<|end|>", 3], "cls": ["<|end|>", 3] },
            "model": { "type": "BPE", "unk_token": "a", "continuing_subword_prefix": "", "end_of_word_suffix": "</w>",
                "vocab": { "a": 0, "b</w>": 1, "ab</w>": 2, "<|end|>": 3 }, "merges": ["a b</w>"] }
        });
        let read = |bytes: &[u8]| -> Value { serde_json::from_slice(bytes).unwrap() };
        let seeds = [
            clip,
            read(&fixture("tokenizer-siglip/siglip/tokenizer.json")),
            read(&fixture("tokenizer-siglip/siglip2/tokenizer.json")),
        ];
        let (mut rng, started) = (StdRng::seed_from_u64(14), Instant::now());
        let text = "ab AB <|end|> a dog's  ﬁne ﷺ day </s>";
        for round in 0..20_000 {
            if started.elapsed() > Duration::from_secs(4) {
                break;
            }
            let mut json = seeds[round % seeds.len()].clone();
            for _ in 0..rng.random_range(0..4) {
                change(&mut json, &seeds, &mut rng);
            }
            let kind = if rng.random_bool(0.5) { 2 } else { rng.random_range(3..6) };
            tokenizer(&tokenizer_seed(kind, text, &serde_json::to_vec(&json).unwrap()));
        }
    }

    #[test]
    fn configurations_survive() {
        let mut seeds: Vec<Vec<u8>> = ["ViT-B-32", "RN50", "ViT-B-16-SigLIP", "MobileCLIP-S0", "MobileCLIP-B"]
            .into_iter()
            .map(|name| ClipConfig::preset(name).unwrap().to_json().into_bytes())
            .collect();
        for folder in ["tiny-open-clip", "tiny-resnet", "tiny-siglip2-open-clip"] {
            let settings = br#"{"pad_token": {"content": "<pad>"}}"#;
            seeds.push([&fixture(&format!("{folder}/open_clip_config.json"))[..], b"\0", settings].concat());
        }
        for folder in ["tiny-huggingface", "tiny-siglip-huggingface"] {
            let file = |name: &str| fixture(&format!("{folder}/{name}"));
            seeds.push([&file("config.json")[..], b"\0", &file("preprocessor_config.json")].concat());
        }
        for (trunk, size) in [("fastvit_mci0", 256), ("vit_base_mci_224", 224)] {
            let json = format!(
                r#"{{"model_cfg": {{"embed_dim": 512, "vision_cfg": {{"timm_model_name": "{trunk}", "timm_pool": "avg",
                "timm_proj": null, "image_size": {size}}}, "text_cfg": {{"context_length": 77, "vocab_size": 49408,
                "hf_tokenizer_name": "x", "width": 512, "heads": 8, "layers": 12, "no_causal_mask": true}}}}}}"#
            );
            seeds.push(json.into_bytes());
        }
        let apple = r#"{"embed_dim": 512, "image_cfg": {"image_size": 256, "model_name": "mci0"}, "text_cfg": {
            "context_length": 77, "vocab_size": 49408, "dim": 512, "ffn_multiplier_per_layer": 4.0,
            "n_heads_per_layer": 8, "n_transformer_layers": 4, "norm_layer": "layer_norm_fp32",
            "causal_masking": false, "model_name": "mct"}}"#;
        seeds.push(apple.as_bytes().to_vec());
        seeds.push(br#"{"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}"#.to_vec());
        damage(config, &seeds, 20_000);
    }

    #[test]
    fn files_with_weights_survive() {
        let header = r#"{"a":{"dtype":"I8","shape":[2,3],"data_offsets":[0,6]},"a.scale":{"dtype":"F32","shape":[2],"data_offsets":[6,14]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[14,18]},"c":{"dtype":"F16","shape":[1,1],"data_offsets":[18,20]}}"#;
        let mut small = (header.len() as u64).to_le_bytes().to_vec();
        small.extend(header.as_bytes());
        small.resize(small.len() + 20, 1);
        damage(safetensors, &[small, fixture("tiny-pocket/model.safetensors")], 3000);
    }

    #[test]
    fn native_models_survive() {
        damage(native_model, &[fixture("tiny-pocket/model.safetensors")], 600);
    }
}
