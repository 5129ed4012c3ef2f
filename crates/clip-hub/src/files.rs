//! Which files of a repository make up a checkpoint, and whether a folder holds them all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use clip_files::system_error;

use crate::HubError;
use crate::cache::{A_FILE, fault};
use crate::escape::{Escaped, shortened};
use crate::repository::{Repository, is_file_name};

/// Files that a checkpoint may have besides the configuration and the weights: tokenizers and preprocessing, in the
/// forms that this program and others read. Most repositories have some of them.
pub(crate) const AUXILIARY: [&str; 10] = [
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "spiece.model",
];

/// The largest index of shards that is read, in bytes.
const MAX_INDEX_BYTES: u64 = 16 << 20;
/// How many characters of a name a message repeats.
const SHOWN: usize = 200;

/// How a checkpoint's files are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `open_clip_config.json` and `open_clip_model.safetensors`.
    OpenClip,
    /// `config.json` and `model.safetensors`, or shards of it and their index.
    HuggingFace,
}

impl Layout {
    fn config(self) -> &'static str {
        match self {
            Self::OpenClip => "open_clip_config.json",
            Self::HuggingFace => "config.json",
        }
    }

    fn weights(self) -> &'static str {
        match self {
            Self::OpenClip => "open_clip_model.safetensors",
            Self::HuggingFace => "model.safetensors",
        }
    }
}

/// The index of weights in several files.
pub(crate) const SHARD_INDEX: &str = "model.safetensors.index.json";

/// Chooses, from the names of all files in a repository, those that make up a checkpoint. Of weights in several files that is
/// their index, which names the others.
///
/// Repositories often hold both layouts; then open_clip's is chosen, since it says more about preprocessing.
///
/// # Errors
/// [`HubError::PickleOnly`] and [`HubError::NoCheckpoint`].
pub(crate) fn choose(repository: &Repository, names: &BTreeSet<String>) -> Result<Vec<String>, HubError> {
    let has = |name: &str| names.contains(name);
    let chosen = [Layout::OpenClip, Layout::HuggingFace].into_iter().find_map(|layout| {
        if !has(layout.config()) {
            return None;
        }
        let mut files = vec![layout.config().to_owned()];
        if has(layout.weights()) {
            files.push(layout.weights().to_owned());
        } else if layout == Layout::HuggingFace && has(SHARD_INDEX) {
            // It names the shards.
            files.push(SHARD_INDEX.to_owned());
        } else {
            return None;
        }
        Some(files)
    });
    let Some(mut files) = chosen else {
        return Err(match names.iter().find(|name| is_pickle(name)) {
            Some(found) => HubError::PickleOnly { repository: repository.to_string(), found: found.clone() },
            None => HubError::NoCheckpoint {
                repository: repository.to_string(),
                missing: if has(Layout::OpenClip.config()) || has(Layout::HuggingFace.config()) {
                    "it has a configuration and no safetensors weights".to_owned()
                } else {
                    "it has no configuration".to_owned()
                },
            },
        });
    };
    files.extend(AUXILIARY.iter().filter(|name| has(name)).map(|name| (*name).to_owned()));
    Ok(files)
}

fn is_pickle(name: &str) -> bool {
    [".bin", ".pt", ".pth", ".ckpt", ".pkl"].iter().any(|end| name.ends_with(end))
}

/// What a folder lacks to be a checkpoint, or `None` if it is complete. `files` are those that must be there; without
/// them, either layout will do. What a link stands for whose blob is gone was there once, and is missing in any case.
///
/// # Errors
/// [`HubError::Io`] and [`HubError::InTheWay`] if nobody can tell.
pub(crate) fn missing(folder: &Path, files: Option<&[String]>) -> Result<Option<String>, HubError> {
    let required = match files {
        Some(files) => files.to_vec(),
        None => {
            let layout = if has(folder, Layout::OpenClip.config())? && has(folder, Layout::OpenClip.weights())? {
                Layout::OpenClip
            } else if has(folder, Layout::HuggingFace.config())? {
                Layout::HuggingFace
            } else if has(folder, Layout::OpenClip.config())? {
                return Ok(Some(absent(folder, Layout::OpenClip.weights())));
            } else {
                let config = [Layout::OpenClip, Layout::HuggingFace].map(Layout::config).join("` or `");
                return Ok(Some(format!("`{config}` is missing")));
            };
            let mut required = vec![layout.config().to_owned()];
            if layout == Layout::OpenClip || has(folder, layout.weights())? || !has(folder, SHARD_INDEX)? {
                required.push(layout.weights().to_owned());
            } else {
                match shards(&folder.join(SHARD_INDEX)) {
                    Ok(shards) => required.extend(shards),
                    // Another download brings another.
                    Err(error @ HubError::ShardIndex { .. }) => return Ok(Some(error.to_string())),
                    Err(error) => return Err(error),
                }
            }
            required
        }
    };
    for name in &required {
        if !has(folder, name)? {
            return Ok(Some(absent(folder, name)));
        }
    }
    for name in AUXILIARY {
        if folder.join(name).is_symlink() && !has(folder, name)? {
            return Ok(Some(absent(folder, name)));
        }
    }
    Ok(None)
}

/// Whether a file is in a folder. Links are followed: one whose blob was removed counts as missing.
fn has(folder: &Path, name: &str) -> Result<bool, HubError> {
    if !is_file_name(name) {
        return Ok(false);
    }
    let path = folder.join(name);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Err(error) if system_error::says_missing(&error) => Ok(false),
        other => {
            let source = other.err().unwrap_or_else(|| std::io::ErrorKind::IsADirectory.into());
            Err(fault("read", &path, A_FILE, source))
        }
    }
}

/// Says that a file is missing, and whether a link to it is left.
pub(crate) fn absent(folder: &Path, name: &str) -> String {
    let is_link = is_file_name(name) && folder.join(name).is_symlink();
    let link = if is_link { ": the file that its link points to is gone" } else { "" };
    format!("`{}` is missing{link}", Escaped(name))
}

/// The files that an index of shards names.
///
/// # Errors
/// [`HubError::Io`], and [`HubError::ShardIndex`] for an index that is no such thing.
pub(crate) fn shards(index: &Path) -> Result<BTreeSet<String>, HubError> {
    let io = |source| HubError::Io { action: "read", path: index.to_owned(), source };
    let mut bytes = Vec::new();
    clip_files::regular::open(index).map_err(io)?.take(MAX_INDEX_BYTES + 1).read_to_end(&mut bytes).map_err(io)?;
    parse_shards(&bytes).map_err(|reason| HubError::ShardIndex { path: index.to_owned(), reason })
}

/// The files that an index of shards names, from its text. Each is a plain name in the index's own folder.
///
/// # Errors
/// What was expected and found.
pub(crate) fn parse_shards(bytes: &[u8]) -> Result<BTreeSet<String>, String> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    if bytes.len() as u64 > MAX_INDEX_BYTES {
        return Err(format!("it is larger than {MAX_INDEX_BYTES} bytes"));
    }
    let parsed: Index = serde_json::from_slice(bytes).map_err(|error| shortened(&error.to_string(), SHOWN))?;
    let names: BTreeSet<String> = parsed.weight_map.into_values().collect();
    if names.is_empty() {
        return Err("it lists no files".to_owned());
    }
    match names.iter().find(|name| !is_file_name(name) || name.contains('/')) {
        Some(name) => {
            Err(format!("expected the name of a file in the same folder, found `{}`", shortened(name, SHOWN)))
        }
        None => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn chosen(names: &[&str]) -> Result<Vec<String>, HubError> {
        choose(&Repository::parse("a/b").unwrap(), &names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn the_files_of_each_layout_and_no_others() {
        let open_clip = ["open_clip_config.json", "open_clip_model.safetensors"];
        let both = [&open_clip[..], &["config.json", "model.safetensors", "README.md", "tokenizer.json"]].concat();
        assert_eq!(chosen(&both).unwrap(), [&open_clip[..], &["tokenizer.json"]].concat());
        let pickled_open_clip =
            ["open_clip_config.json", "open_clip_pytorch_model.bin", "config.json", "model.safetensors", "merges.txt"];
        assert_eq!(chosen(&pickled_open_clip).unwrap(), ["config.json", "model.safetensors", "merges.txt"]);
        let sharded = [
            "config.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model-x-of-y.safetensors",
            "onnx/model.onnx",
        ];
        assert_eq!(
            chosen(&sharded).unwrap(),
            ["config.json", "model.safetensors.index.json"],
            "the index names the shards"
        );
    }

    #[test]
    fn pickles_and_other_things_are_refused() {
        let error = chosen(&["config.json", "pytorch_model.bin"]).unwrap_err();
        assert!(matches!(&error, HubError::PickleOnly { found, .. } if found == "pytorch_model.bin"), "{error}");
        assert!(matches!(chosen(&["config.json"]), Err(HubError::NoCheckpoint { .. })));
        assert!(matches!(chosen(&["README.md", "model.safetensors"]), Err(HubError::NoCheckpoint { .. })));
    }

    #[test]
    fn a_folder_tells_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let lacks = || missing(folder.path(), None).unwrap().unwrap_or_default();
        assert!(lacks().contains("config.json"));
        put("config.json", "{}");
        assert!(lacks().contains("`model.safetensors`"));
        put(SHARD_INDEX, r#"{"weight_map":{"a":"model-00001-of-00001.safetensors"}}"#);
        assert!(lacks().contains("model-00001-of-00001.safetensors"));
        put("model-00001-of-00001.safetensors", "");
        assert_eq!(missing(folder.path(), None).unwrap(), None);
        put(SHARD_INDEX, r#"{"weight_map":{"a":"../secret"}}"#);
        assert!(lacks().contains("../secret"));
        let files = ["config.json".to_owned(), "tokenizer.json".to_owned()];
        assert_eq!(missing(folder.path(), Some(&files)).unwrap().unwrap(), "`tokenizer.json` is missing");
        fs::create_dir(folder.path().join("tokenizer.json")).unwrap();
        let error = missing(folder.path(), Some(&files)).unwrap_err().to_string();
        assert!(
            error.starts_with("expected a file at ") && error.ends_with("tokenizer.json, found a folder"),
            "{error}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_stood_for_is_missing_though_it_is_not_required() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["config.json", "model.safetensors"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let lacks = || missing(folder.path(), None).unwrap();
        assert_eq!(lacks(), None);
        std::os::unix::fs::symlink("../../blobs/none", folder.path().join("merges.txt")).unwrap();
        assert_eq!(lacks().unwrap(), "`merges.txt` is missing: the file that its link points to is gone");
    }
}
