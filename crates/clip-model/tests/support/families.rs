//! A small checkpoint of each family, and texts for it.

use clip_model::config::TextTowerConfig;
use clip_model::{Checkpoint, ModelSource};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::mobileclip;
use crate::support::{copy, fixture};

/// A checkpoint of each family, with the folders that have to live as long.
pub fn checkpoints() -> Vec<(&'static str, Option<tempfile::TempDir>, Checkpoint)> {
    let open = |source| Checkpoint::open(&source).unwrap();
    let mut all = Vec::new();
    for name in ["tiny-open-clip", "tiny-resnet"] {
        all.push((name, None, open(ModelSource::Folder(fixture(name)))));
    }
    all.push(("tiny-pocket", None, open(ModelSource::File(fixture("tiny-pocket/model.safetensors")))));
    for (name, family) in [("tiny-siglip-huggingface", "siglip"), ("tiny-siglip2-huggingface", "siglip2")] {
        let folder = copy(name);
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(fixture("tokenizer-siglip").join(family).join(file), folder.path().join(file)).unwrap();
        }
        let checkpoint = open(ModelSource::Folder(folder.path().to_path_buf()));
        all.push((name, Some(folder), checkpoint));
    }
    for name in ["fast-vit", "conv-stem", "repmixer-text"] {
        let folder = mobileclip::copy(name);
        let checkpoint = Checkpoint::open_as(folder.path(), mobileclip::config(name)).unwrap();
        all.push((name, Some(folder), checkpoint));
    }
    all
}

/// Ids of texts of several lengths up to the context, the highest id last: it ends a text of the causal towers.
pub fn texts(config: &TextTowerConfig) -> Vec<Vec<u32>> {
    let (context, end) = (config.context_length(), config.vocab_size() as u32 - 1);
    let mut rng = StdRng::seed_from_u64(5);
    let lengths = [2, 3, context / 2, context - 1, context];
    let text = |length| (1..length).map(|_| rng.random_range(1..end)).chain([end]).collect();
    lengths.into_iter().map(text).collect()
}
