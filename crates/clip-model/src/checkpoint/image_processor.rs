//! What transformers' checkpoints say of preprocessing.
//!
//! Names, defaults and the order of the files follow `image_processing_base.py`, `image_processing_utils.py`,
//! `image_processing_clip.py` and `image_processing_siglip.py`.

use std::path::Path;

use serde_json::{Map, Value};

use super::files;
use crate::ModelError;
use crate::json::{self, Fields};
use crate::preprocess::config::{Interpolation, PreprocessConfig, ResizeMode};

/// The file that says something of preprocessing, and what it says.
pub(super) type Found = (String, Map<String, Value>);

/// What the image processor of a folder says, and the file that says it. transformers 5 writes it into the
/// `processor_config.json`, where it counts before the file of its own that other versions write.
///
/// # Errors
/// Whatever is wrong with a file that is there.
pub(super) fn find(folder: &Path) -> Result<Option<Found>, ModelError> {
    let path = folder.join("processor_config.json");
    if let Some(processor) = files::optional_object(&path)? {
        let origin = path.display().to_string();
        let nested = nested(&processor).map_err(|reason| ModelError::Config { origin: origin.clone(), reason })?;
        if let Some(nested) = nested {
            return Ok(Some((origin, nested)));
        }
    }
    let path = folder.join("preprocessor_config.json");
    Ok(files::optional_object(&path)?.map(|map| (path.display().to_string(), map)))
}

/// The image processor in a `processor_config.json`. Older ones have none.
pub(super) fn nested(processor: &Map<String, Value>) -> Result<Option<Map<String, Value>>, String> {
    Ok(Fields::new("", processor).object("image_processor")?.cloned())
}

/// Reads an image processor; what it does not say is as in `defaults`, whose size is the image tower's.
///
/// # Errors
/// The entry that is not understood, what was expected and what was found.
pub(super) fn read(map: &Map<String, Value>, defaults: PreprocessConfig) -> Result<PreprocessConfig, String> {
    let fields = Fields::new("", map);
    let image_size = defaults.size;
    let defaults = of_type(&fields, defaults)?;
    for step in ["do_resize", "do_rescale", "do_normalize"] {
        if fields.flag(step)? == Some(false) {
            return Err(format!("`{step}` is false, which is not supported"));
        }
    }
    if let Some(factor) = fields.number("rescale_factor")?
        && (factor - 1.0 / 255.0).abs() > 1e-6
    {
        return Err(fields.wrong("rescale_factor", "1/255"));
    }
    let interpolation = match (fields.value("resample"), fields.whole("resample")) {
        (None, _) => defaults.interpolation,
        // Pillow's numbers.
        (_, Ok(Some(3))) => Interpolation::Bicubic,
        (_, Ok(Some(2))) => Interpolation::Bilinear,
        _ => return Err(fields.wrong("resample", "2 (bilinear) or 3 (bicubic)")),
    };
    let resized = match size(&fields, "size", fields.flag("default_to_square")?.unwrap_or(false))? {
        Some(size) => size,
        None => Size { mode: defaults.resize, side: image_size },
    };
    // Only CLIP's processors crop unless told to.
    let crop = fields.flag("do_center_crop")?.unwrap_or(defaults.resize == ResizeMode::ShortestEdge);
    if resized.mode == ResizeMode::ShortestEdge && !crop {
        return Err(format!(
            "{} without `do_center_crop` leaves images that are not square",
            fields
                .value("size")
                .map_or_else(|| "a shortest edge".into(), |size| format!("`size` {}", json::quoted(size)))
        ));
    }
    let matching = |key: &str, side: usize| {
        if side == image_size {
            return Ok(());
        }
        Err(fields.wrong(key, &format!("the image tower's {image_size} pixels")))
    };
    matching("size", resized.side)?;
    for (key, applies) in [("crop_size", crop), ("pad_size", fields.flag("do_pad")?.unwrap_or(false))] {
        if !applies {
            continue;
        }
        match size(&fields, key, true)? {
            None => {}
            Some(Size { mode: ResizeMode::Squash, side }) => matching(key, side)?,
            Some(_) => return Err(fields.wrong(key, "a height and a width")),
        }
    }
    Ok(PreprocessConfig {
        size: image_size,
        resize: resized.mode,
        interpolation,
        mean: fields.channels("image_mean")?.unwrap_or(defaults.mean),
        std: fields.channels("image_std")?.unwrap_or(defaults.std),
    })
}

/// The defaults of the processor's own kind, where it names one.
fn of_type(fields: &Fields<'_>, defaults: PreprocessConfig) -> Result<PreprocessConfig, String> {
    let (key, name) = match fields.text("image_processor_type")? {
        Some(name) => ("image_processor_type", name),
        None => match fields.text("feature_extractor_type")? {
            Some(name) => ("feature_extractor_type", name),
            None => return Ok(defaults),
        },
    };
    // With and without the `Fast` or `Pil` of its implementation.
    let is = |kind: &str| {
        let rest = name.strip_prefix(kind);
        rest.is_some_and(|rest| rest.starts_with("ImageProcessor") || rest.starts_with("FeatureExtractor"))
    };
    if is("CLIP") {
        Ok(PreprocessConfig::openai(defaults.size))
    } else if is("Siglip") {
        Ok(PreprocessConfig::siglip(defaults.size))
    } else {
        Err(fields.wrong(key, "CLIPImageProcessor or SiglipImageProcessor"))
    }
}

/// A size as images are made it.
struct Size {
    mode: ResizeMode,
    side: usize,
}

/// Reads a size: a number, which is both sides if `square` and else the shorter edge; height and width; or an object with
/// one or the other.
fn size(fields: &Fields<'_>, key: &str, square: bool) -> Result<Option<Size>, String> {
    const EXPECTED: &str = "a number of pixels, {\"shortest_edge\": …} or a square {\"height\": …, \"width\": …}";
    let Some(value) = fields.value(key) else { return Ok(None) };
    let side = |value: &Value| value.as_u64().and_then(|side| usize::try_from(side).ok());
    let squash = |height: &Value, width: &Value| {
        (height == width).then(|| side(height)).flatten().map(|side| Size { mode: ResizeMode::Squash, side })
    };
    let found = match value {
        Value::Array(sides) => match sides.as_slice() {
            [height, width] => squash(height, width),
            _ => None,
        },
        Value::Object(map) => {
            let mut entries: Vec<(&str, &Value)> =
                map.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.as_str(), value)).collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            match entries.as_slice() {
                [("shortest_edge", edge)] => side(edge).map(|side| Size { mode: ResizeMode::ShortestEdge, side }),
                [("height", height), ("width", width)] => squash(height, width),
                _ => None,
            }
        }
        number => {
            let mode = if square { ResizeMode::Squash } else { ResizeMode::ShortestEdge };
            side(number).map(|side| Size { mode, side })
        }
    };
    found.map(Some).ok_or_else(|| fields.wrong(key, EXPECTED))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_json(json: &Value, defaults: fn(usize) -> PreprocessConfig) -> Result<PreprocessConfig, String> {
        read(json.as_object().unwrap(), defaults(32))
    }

    #[test]
    fn all_that_transformers_takes_is_read() {
        let (clip, siglip) = (PreprocessConfig::openai, PreprocessConfig::siglip);
        let squashed = PreprocessConfig { resize: ResizeMode::Squash, ..clip(32) };
        let bilinear = PreprocessConfig { interpolation: Interpolation::Bilinear, ..clip(32) };
        let grey = PreprocessConfig { mean: [0.5; 3], ..clip(32) };
        type Defaults = fn(usize) -> PreprocessConfig;
        let cases: [(Value, Defaults, PreprocessConfig); 16] = [
            (json!({}), clip, clip(32)),
            (json!({}), siglip, siglip(32)),
            (json!({ "size": 32, "crop_size": 32, "resample": 2 }), clip, bilinear),
            (json!({ "size": { "shortest_edge": 32, "longest_edge": null }, "resample": null }), clip, clip(32)),
            (json!({ "size": { "height": 32, "width": 32 } }), clip, squashed.clone()),
            (json!({ "size": [32, 32], "crop_size": [32, 32] }), clip, squashed.clone()),
            (json!({ "size": 32, "default_to_square": true }), clip, squashed),
            (
                json!({ "size": { "height": 32, "width": 32 }, "do_center_crop": false, "crop_size": 7 }),
                siglip,
                siglip(32),
            ),
            (json!({ "do_center_crop": null, "crop_size": null, "do_pad": false, "pad_size": 7 }), siglip, siglip(32)),
            (json!({ "do_pad": true }), siglip, siglip(32)),
            (json!({ "image_mean": 0.5 }), clip, grey),
            (json!({ "image_processor_type": "CLIPImageProcessorFast" }), clip, clip(32)),
            (json!({ "feature_extractor_type": "CLIPFeatureExtractor" }), clip, clip(32)),
            // The processor's own defaults count, not the model's.
            (json!({ "image_processor_type": "SiglipImageProcessor" }), clip, siglip(32)),
            (json!({ "image_processor_type": "CLIPImageProcessorPil" }), siglip, clip(32)),
            (json!({ "rescale_factor": 0.00392156862745098, "do_rescale": true, "anything": [] }), clip, clip(32)),
        ];
        for (json, defaults, expected) in cases {
            assert_eq!(read_json(&json, defaults), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_is_of_another_type_is_never_taken_for_missing() {
        for (key, values) in [
            ("resample", json!(["bilinear", -1, [2], true, 2.5, 2.0, 0, 1, 1_000_000_000_000_000_000_u64])),
            ("rescale_factor", json!(["2", true, [0.1], 2, 1])),
            ("do_resize", json!([0, "false", false])),
            ("do_normalize", json!([1, false])),
            ("do_center_crop", json!([1, "true", false])),
            ("do_pad", json!([1])),
            ("default_to_square", json!([1])),
            (
                "size",
                json!(["32", 32.0, true, 31, [32], [32, 31], {}, { "longest_edge": 32 }, { "shortest_edge": "32" }]),
            ),
            (
                "size",
                json!([{ "shortest_edge": 32, "longest_edge": 64 }, { "height": 32 }, { "height": 32, "width": 31 }]),
            ),
            ("crop_size", json!(["32", true, 31, { "shortest_edge": 32 }, { "height": "32", "width": "32" }])),
            ("image_mean", json!(["0.5", [0.5], [0.5, 0.5, "0.5"], { "red": 1 }, true])),
            ("image_std", json!([[0.5, 0.5, 0.5, 0.5]])),
            ("image_processor_type", json!(["ViTImageProcessor", "Siglip2ImageProcessor", 7, ["CLIPImageProcessor"]])),
        ] {
            for value in values.as_array().unwrap() {
                let json = json!({ key: value });
                let error = read_json(&json, PreprocessConfig::openai).expect_err(&json.to_string());
                assert!(error.contains(key), "{json}: {error}");
                assert!(!error.contains("Number("), "{error}");
            }
        }
        // SigLIP's processors do not crop by themselves.
        assert!(read_json(&json!({ "size": 32 }), PreprocessConfig::siglip).unwrap_err().contains("square"));
    }

    #[test]
    fn the_nested_processor_counts_first() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, json: &str| std::fs::write(folder.path().join(name), json).unwrap();
        let resample = || find(folder.path()).map(|found| found.map(|(_, map)| map["resample"].clone()));
        assert_eq!(resample().unwrap(), None);
        write("preprocessor_config.json", r#"{"resample": 2}"#);
        assert_eq!(resample().unwrap(), Some(json!(2)));
        for none in [r#"{"processor_class": "CLIPProcessor"}"#, r#"{"image_processor": null}"#] {
            write("processor_config.json", none);
            assert_eq!(resample().unwrap(), Some(json!(2)));
        }
        write("processor_config.json", r#"{"image_processor": {"resample": 3}}"#);
        assert_eq!(resample().unwrap(), Some(json!(3)));
        for wrong in [r#"{"image_processor": 3}"#, "[]", "null", ""] {
            write("processor_config.json", wrong);
            let error = find(folder.path()).unwrap_err().to_string();
            assert!(error.contains("processor_config.json") && !error.contains("preprocessor"), "{error}");
        }
    }
}
