//! What tells one model from another.

use std::fmt;

use crate::checkpoint::Checkpoint;
use crate::{ClipConfig, ModelError, Precision};

/// Stands for the name of a checkpoint that has none of its own.
const UNNAMED: &str = "checkpoint";
/// Hexadecimal digits of the hash that are kept.
const HASH_DIGITS: usize = 16;

/// Identifies a model by what determines its embeddings: an index made with one is useless with another.
///
/// The model's name and the hash of its configuration (preprocessing included), tokenizer and weights. Equal weights
/// in different files, say at other precision, count as different models: their embeddings differ, too. So do equal
/// files whose image tower is computed in another precision; of that the fingerprint's end tells.
///
/// The name is the one that a native file holds, or that of the repository whose files a Hugging Face cache keeps. The name
/// of any other folder is no part of the model: there `checkpoint` stands for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The whole fingerprint, as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One that was computed before.
    pub(crate) fn stored(fingerprint: &str) -> Self {
        Self(fingerprint.to_owned())
    }

    /// The precision of the image tower that a fingerprint, as it was stored, tells of.
    pub fn precision_of(stored: &str) -> Precision {
        let told = |precision: &Precision| stored.ends_with(&suffix(*precision));
        // That of f32 is empty and ends everything.
        Precision::ALL.into_iter().rev().find(told).unwrap_or_default()
    }

    /// Hashes a checkpoint.
    ///
    /// Of a tensor larger than 64 KiB only blocks are hashed, evenly spread over it. Training moves all values of a
    /// tensor, so models that differ do so in these blocks as well; and a search for words need not read an image
    /// tower of a gigabyte first. It is no protection against someone who wants two models to look alike.
    ///
    /// # Errors
    /// Those of reading the checkpoint's files.
    pub fn of(checkpoint: &Checkpoint, precision: Precision) -> Result<Self, ModelError> {
        Self::with_config(checkpoint, &checkpoint.own_config(), precision)
    }

    /// Whether a fingerprint, as it was stored, is one that earlier versions gave this checkpoint: they took the name of
    /// the folder that it was in for a part of it.
    ///
    /// # Errors
    /// [`ModelError::Io`] if the checkpoint cannot be read.
    pub(crate) fn is_earlier(stored: &str, checkpoint: &Checkpoint, precision: Precision) -> Result<bool, ModelError> {
        let own = checkpoint.own_config();
        let hashed = stored.strip_suffix(&suffix(precision)).unwrap_or_default();
        let Some((name, hash)) = hashed.rsplit_once('-') else { return Ok(false) };
        // Only names of folders were taken for a part.
        if !own.name.is_empty() || name.is_empty() || hash.len() != HASH_DIGITS {
            return Ok(false);
        }
        let named = ClipConfig { name: name.to_owned(), ..own.into_owned() };
        Ok(Self::with_config(checkpoint, &named, precision)?.as_str() == stored)
    }

    fn with_config(checkpoint: &Checkpoint, config: &ClipConfig, precision: Precision) -> Result<Self, ModelError> {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = Vec::new();
        field(&mut bytes, config.to_json().as_bytes());
        field(&mut bytes, checkpoint.tokenizer_bytes()?.1);
        for file in checkpoint.files() {
            for (name, dtype, shape, tensor) in file.raw() {
                field(&mut bytes, name.as_bytes());
                field(&mut bytes, format!("{dtype} {shape:?}").as_bytes());
                for block in sample(tensor) {
                    bytes.extend((block.len() as u64).to_le_bytes());
                    let start = bytes.len();
                    bytes.resize(start + block.len(), 0);
                    file.copy(block, &mut bytes[start..])?;
                }
                // Much at a time: that is what the hash is quick with.
                hasher.update(&bytes);
                bytes.clear();
            }
        }
        hasher.update(&bytes);
        let hash = hasher.finalize().to_hex();
        let name = if config.name.is_empty() { UNNAMED } else { &config.name };
        Ok(Self(format!("{name}-{}{}", &hash[..HASH_DIGITS], suffix(precision))))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Appends a field with its length, which keeps it apart from its neighbours.
fn field(bytes: &mut Vec<u8>, field: &[u8]) {
    bytes.extend((field.len() as u64).to_le_bytes());
    bytes.extend(field);
}

/// What ends the fingerprint of a model in this precision.
fn suffix(precision: Precision) -> String {
    match precision {
        Precision::F32 => String::new(),
        other => format!("-{other}"),
    }
}

/// All bytes if they are few, else 16 blocks of 4 KiB, the first and the last among them.
fn sample(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BLOCK: usize = 4096;
    const BLOCKS: usize = 16;
    let (block, blocks) = if bytes.len() <= BLOCK * BLOCKS { (bytes.len(), 1) } else { (BLOCK, BLOCKS) };
    let room = bytes.len() - block;
    (0..blocks).map(move |i| {
        let start = (room as u128 * i as u128 / (blocks - 1).max(1) as u128) as usize;
        &bytes[start..start + block]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_tells_the_precision() {
        for precision in Precision::ALL {
            let stored = format!("a-model-int8-0123456789abcdef{}", suffix(precision));
            assert_eq!(Fingerprint::precision_of(&stored), precision);
        }
        assert_eq!(Fingerprint::precision_of(""), Precision::F32);
    }

    #[test]
    fn samples_reach_from_end_to_end() {
        assert_eq!(sample(&[]).collect::<Vec<_>>(), [&[] as &[u8]]);
        assert_eq!(sample(&[1, 2]).collect::<Vec<_>>(), [&[1, 2]]);
        let bytes: Vec<u8> = (0..1_000_000).map(|i| (i / 4096) as u8).collect();
        let blocks: Vec<&[u8]> = sample(&bytes).collect();
        assert_eq!(blocks.len(), 16);
        assert_eq!(blocks[0], &bytes[..4096]);
        assert_eq!(blocks[15], &bytes[bytes.len() - 4096..]);
    }
}
