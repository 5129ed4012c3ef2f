//! The files beside a tokenizer that say how it is used.

use std::path::Path;

use serde_json::{Map, Value};

use super::files;
use crate::ModelError;
use crate::json::Fields;

/// The padding token that a folder's `tokenizer_config.json` names, or else its `special_tokens_map.json`.
///
/// # Errors
/// Whatever is wrong with a file that is there.
pub(super) fn pad_token(folder: &Path) -> Result<Option<String>, ModelError> {
    for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        let path = folder.join(name);
        let Some(settings) = files::optional_object(&path)? else { continue };
        let token = read_pad_token(&settings)
            .map_err(|reason| ModelError::Config { origin: path.display().to_string(), reason })?;
        if token.is_some() {
            return Ok(token);
        }
    }
    Ok(None)
}

/// The padding token that one of these files names: as text, or as an object with further options of it.
pub(super) fn read_pad_token(settings: &Map<String, Value>) -> Result<Option<String>, String> {
    let fields = Fields::new("", settings);
    let Some(token) = fields.value("pad_token") else { return Ok(None) };
    let text = token.as_str().or_else(|| token.get("content")?.as_str());
    text.map(|text| Some(text.to_owned())).ok_or_else(|| fields.wrong("pad_token", "a token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_that_names_a_token_counts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, json: &str| std::fs::write(folder.path().join(name), json).unwrap();
        assert_eq!(pad_token(folder.path()).unwrap(), None);
        write("special_tokens_map.json", r#"{"pad_token": {"content": "<pad>"}}"#);
        for none in ["{}", r#"{"pad_token": null}"#] {
            write("tokenizer_config.json", none);
            assert_eq!(pad_token(folder.path()).unwrap().as_deref(), Some("<pad>"));
        }
        write("tokenizer_config.json", r#"{"pad_token": "</s>"}"#);
        assert_eq!(pad_token(folder.path()).unwrap().as_deref(), Some("</s>"));
        for wrong in [r#"{"pad_token": 7}"#, r#"{"pad_token": ["<pad>"]}"#, r#"{"pad_token": {}}"#, "[]", "{", ""] {
            write("tokenizer_config.json", wrong);
            let error = pad_token(folder.path()).unwrap_err().to_string();
            assert!(error.contains("tokenizer_config.json"), "{error}");
        }
    }
}
