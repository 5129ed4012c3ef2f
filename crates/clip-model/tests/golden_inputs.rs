//! Tokenizers and preprocessing against the libraries they follow; `tests/golden/{tokenizer,preprocess,
//! retrieval}.py` made the fixtures.
#![allow(clippy::print_stdout, reason = "figures of tests that are run by hand")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clip_model::config::{Interpolation, PreprocessConfig, ResizeMode, TokenizerConfig, TokenizerKind};
use clip_model::preprocess::Preprocessor;
use clip_model::tokenizer::{CLIP_VOCABULARY, MAX_TEXT_BYTES, Padding, Tokenizer};
use proptest::prelude::*;
use serde::Deserialize;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn tokenizer(kind: TokenizerKind, context_length: usize, vocabulary: &[u8]) -> Tokenizer {
    Tokenizer::new(&TokenizerConfig { kind, context_length, pad_id: 0 }, vocabulary, "test").unwrap()
}

#[derive(Deserialize)]
struct GoldenText {
    text: String,
    clip: Vec<u32>,
    wordpiece: Vec<u32>,
}

/// Compares all texts of a folder that `tokenizer.py` wrote; returns how many there were.
fn compare_texts(folder: &Path) -> usize {
    let clip = tokenizer(TokenizerKind::ClipBpe, 77, CLIP_VOCABULARY);
    let wordpiece = tokenizer(TokenizerKind::WordPiece, 64, &std::fs::read(folder.join("vocab.txt")).unwrap());
    let golden = std::fs::read_to_string(folder.join("golden.jsonl")).unwrap();
    let golden = golden.lines().map(|line| serde_json::from_str::<GoldenText>(line).unwrap());
    let (mut total, mut unequal) = (0, Vec::new());
    for golden in golden {
        let found = (clip.encode(&golden.text).unwrap().ids, wordpiece.encode(&golden.text).unwrap().ids);
        total += 1;
        if found != (golden.clip, golden.wordpiece) {
            unequal.push(golden.text);
        }
    }
    let shown = &unequal[..unequal.len().min(20)];
    assert!(unequal.is_empty(), "{} of {total} texts differ, among them {shown:?}", unequal.len());
    total
}

#[test]
fn ids_equal_those_of_the_originals() {
    assert_eq!(compare_texts(&fixture("tokenizer")), 314);
}

/// `CLIP_MODEL_TOKENIZER_GOLDEN=DIR cargo test -- --ignored`, where `tokenizer.py VOCAB DIR TEXTS...` made DIR.
#[test]
#[ignore = "needs a folder of captions and their ids"]
fn ids_of_many_captions_equal_those_of_the_originals() {
    let folder = std::env::var_os("CLIP_MODEL_TOKENIZER_GOLDEN").expect("CLIP_MODEL_TOKENIZER_GOLDEN names a folder");
    assert!(compare_texts(Path::new(&folder)) > 1000);
}

/// The own encoders against the `tokenizers` crate, from the same file.
#[test]
fn a_tokenizer_json_gives_the_same_ids_either_way() {
    let vocabulary = std::fs::read_to_string(fixture("tokenizer/vocab.txt")).unwrap();
    let vocab: serde_json::Map<_, _> =
        vocabulary.lines().zip(0..).map(|(token, id)| (token.to_owned(), serde_json::json!(id))).collect();
    let special = |token: &str| {
        serde_json::json!({
            "id": vocab[token], "content": token, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true
        })
    };
    let specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"].map(special);
    let json = serde_json::json!({
        "version": "1.0",
        "added_tokens": specials,
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
            "lowercase": true
        },
        "pre_tokenizer": { "type": "BertPreTokenizer" },
        "post_processor": { "type": "BertProcessing", "sep": ["[SEP]", vocab["[SEP]"]], "cls": ["[CLS]", vocab["[CLS]"]] },
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab
        }
    });
    let json = serde_json::to_vec(&json).unwrap();
    let (crates, own) =
        (tokenizer(TokenizerKind::HuggingFace, 64, &json), tokenizer(TokenizerKind::WordPiece, 64, &json));
    let lines = tokenizer(TokenizerKind::WordPiece, 64, vocabulary.as_bytes());
    for line in std::fs::read_to_string(fixture("tokenizer/golden.jsonl")).unwrap().lines() {
        let golden: GoldenText = serde_json::from_str(line).unwrap();
        for tokenizer in [&crates, &own, &lines] {
            assert_eq!(
                tokenizer.encode(&golden.text).unwrap().ids,
                golden.wordpiece,
                "{:?} {tokenizer:?}",
                golden.text
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_fits_the_context(text in "\\PC{0,90}|(\\p{L}|\\s|&#?[a-z0-9]{1,9};?|[<'!])*|.{0,60}", length in 2usize..90) {
        let words = std::fs::read(fixture("tokenizer/vocab.txt")).unwrap();
        thread_local!(static CLIP: Tokenizer = Tokenizer::clip().unwrap());
        let wordpiece = tokenizer(TokenizerKind::WordPiece, length, &words);
        let ids = wordpiece.encode(&text).unwrap();
        prop_assert!(ids.ids.len() <= length && ids.length == ids.ids.len());
        prop_assert_eq!((ids.ids[0], ids.ids[ids.length - 1]), (7, 8));
        CLIP.with(|clip| {
            let ids = clip.encode(&text).unwrap();
            prop_assert!(ids.ids.len() <= 77 && ids.ids.iter().all(|&id| id <= 49407));
            prop_assert_eq!((ids.ids[0], ids.ids[ids.length - 1]), (49406, 49407));
            // A batch says the same, padded.
            let batch = clip.encode_batch(&[text.as_str(), "a dog"], Padding::Context).unwrap();
            prop_assert_eq!(&batch.ids[..ids.ids.len()], &ids.ids[..]);
            prop_assert!(batch.ids[ids.ids.len()..77].iter().all(|&id| id == 0));
            prop_assert_eq!(&batch.ids[77..81], &[49406, 320, 1929, 49407]);
            Ok(())
        })?;
    }

    #[test]
    fn any_vocabulary_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,9}") {
        for kind in [TokenizerKind::ClipBpe, TokenizerKind::WordPiece, TokenizerKind::HuggingFace] {
            let config = TokenizerConfig { kind, context_length: 9, pad_id: 0 };
            let broken = [&b"{\"model\":"[..], &bytes].concat();
            let packed = [&CLIP_VOCABULARY[..400], &bytes].concat();
            for bytes in [&bytes, &broken, &packed] {
                if let Ok(tokenizer) = Tokenizer::new(&config, bytes, "random bytes") {
                    prop_assert!(tokenizer.encode(&text).is_ok_and(|tokens| tokens.ids.len() <= 9));
                }
            }
        }
    }
}

#[test]
fn what_lies_behind_the_limit_is_not_looked_at() {
    let clip = Tokenizer::clip().unwrap();
    let text = "é".repeat(MAX_TEXT_BYTES);
    assert_eq!(clip.encode(&text).unwrap(), clip.encode(&text[..MAX_TEXT_BYTES]).unwrap());
}

/// Eight-bit steps by which a result may differ from Pillow's.
const STEPS: u8 = 2;

/// How many values of a folder that `preprocess.py` wrote differ by so many eight-bit steps.
fn compare_pixels(folder: &Path, size: usize) -> BTreeMap<u8, usize> {
    let sums = std::fs::read(folder.join("normalised.json")).unwrap();
    let sums: BTreeMap<String, [f64; 3]> = serde_json::from_slice(&sums).unwrap();
    let open = |name: &str| image::open(folder.join(format!("{name}.png"))).unwrap().to_rgb8();
    let mut differences = BTreeMap::new();
    for (name, expected_sums) in &sums {
        let photo = open(name);
        for (resize, interpolation, mode) in [
            (ResizeMode::ShortestEdge, Interpolation::Bicubic, "shortest-bicubic"),
            (ResizeMode::Squash, Interpolation::Bicubic, "squash-bicubic"),
            (ResizeMode::ShortestEdge, Interpolation::Bilinear, "shortest-bilinear"),
            (ResizeMode::Squash, Interpolation::Bilinear, "squash-bilinear"),
        ] {
            let config = PreprocessConfig { resize, interpolation, ..PreprocessConfig::openai(size) };
            let found = Preprocessor::new(&config).resize(&photo);
            let expected = open(&format!("{name}-{mode}"));
            assert_eq!(found.dimensions(), expected.dimensions());
            for (found, expected) in found.iter().zip(expected.iter()) {
                *differences.entry(found.abs_diff(*expected)).or_default() += 1;
            }
        }
        let pixels = Preprocessor::new(&PreprocessConfig::openai(size)).apply(&photo);
        let values = size * size;
        for (plane, expected) in pixels.data.chunks_exact(values).zip(expected_sums) {
            let found: f64 = plane.iter().map(|&value| f64::from(value)).sum();
            // One step in every tenth pixel.
            let most = values as f64 / 10.0 / 255.0 / 0.26;
            assert!((found - expected).abs() <= most, "{name}: {found}, expected {expected}");
        }
    }
    assert!(sums.len() >= 8);
    differences
}

#[test]
fn pixels_equal_those_of_pillow_and_torchvision() {
    let differences = compare_pixels(&fixture("preprocess"), 24);
    let total: usize = differences.values().sum();
    assert!(differences.keys().all(|steps| *steps <= STEPS), "{differences:?}");
    assert!((total - differences[&0]) * 100 <= total, "{differences:?}");
}

/// `CLIP_MODEL_PIXELS_GOLDEN=DIR cargo test -- --ignored`, where `preprocess.py DIR PHOTOS 50` made DIR.
#[test]
#[ignore = "needs a folder of photos and their pixels"]
fn pixels_of_many_photos_equal_those_of_pillow_and_torchvision() {
    let folder = std::env::var_os("CLIP_MODEL_PIXELS_GOLDEN").expect("CLIP_MODEL_PIXELS_GOLDEN names a folder");
    let differences = compare_pixels(Path::new(&folder), 224);
    let total: usize = differences.values().sum();
    let within_one: usize = differences.range(..=1).map(|(_, count)| count).sum();
    assert!(within_one as f64 >= 0.999 * total as f64, "{differences:?}");
    println!("values by their difference in steps of 1/255: {differences:?}");
}
