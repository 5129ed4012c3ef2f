//! What tells one run from another, so that a saved state goes on only in the run that it is of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::recipe::{Export, Recipe};

/// Differences that are listed.
const MAX_DIFFERENCES: usize = 10;

/// A run, as its saved states know it.
#[derive(Debug, Clone)]
pub struct Run {
    /// Hash of everything that the run depends on besides the photos' pixels.
    pub key: String,
    /// The same as earlier versions made it: of the recipe's paths as they are seen from the current folder.
    pub earlier_key: String,
    /// What the hash is of.
    pub record: Record,
}

/// What a run depends on, kept to say what changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The recipe with its paths as written, and without how the result is stored: a finished run may be written again in
    /// another way.
    recipe: Value,
    /// Hashes of the configuration, the tokenizer's file and the starting weights.
    config: String,
    tokenizer: String,
    start: String,
}

impl Run {
    /// The run of a recipe, as written and as `earlier` versions resolved it, with the configuration, the tokenizer's file
    /// and what tells the starting weights from others.
    pub fn new(written: &Recipe, earlier: &Recipe, config: &[u8], tokenizer: &[u8], start: Option<&[u8]>) -> Self {
        let start = start.unwrap_or_default();
        let trained = |recipe: &Recipe| Recipe { export: Export::default(), ..recipe.clone() };
        Self {
            key: key(&trained(written), config, tokenizer, start),
            earlier_key: key(&trained(earlier), config, tokenizer, start),
            record: Record {
                recipe: serde_json::to_value(trained(written)).unwrap_or_default(),
                config: hash(config),
                tokenizer: hash(tokenizer),
                start: hash(start),
            },
        }
    }

    /// Whether a state with this key is of this run.
    pub fn is(&self, key: &str) -> bool {
        key == self.key || key == self.earlier_key
    }

    /// What has changed since `then`, a line each.
    pub fn changes_since(&self, then: &Record) -> Vec<String> {
        let (mut before, mut now) = (BTreeMap::new(), BTreeMap::new());
        leaves(&then.recipe, String::new(), &mut before);
        leaves(&self.record.recipe, String::new(), &mut now);
        let mut changes = Vec::new();
        for place in before.keys().chain(now.keys().filter(|place| !before.contains_key(*place))) {
            match (before.get(place), now.get(place)) {
                (Some(before), Some(now)) if before == now => {}
                (Some(before), Some(now)) => changes.push(format!("{place} was {before}, is now {now}")),
                (Some(before), None) => changes.push(format!("{place} was {before}, is not set now")),
                (None, now) => {
                    changes.push(format!("{place} was not set, is now {}", now.cloned().unwrap_or_default()));
                }
            }
        }
        for (what, before, now) in [
            ("the configuration", &then.config, &self.record.config),
            ("the tokenizer", &then.tokenizer, &self.record.tokenizer),
            ("the starting model", &then.start, &self.record.start),
        ] {
            if before != now {
                changes.push(format!("{what} is another"));
            }
        }
        if changes.len() > MAX_DIFFERENCES {
            let more = changes.len() - MAX_DIFFERENCES;
            changes.truncate(MAX_DIFFERENCES);
            changes.push(format!("and {more} more"));
        }
        changes
    }
}

fn key(recipe: &Recipe, config: &[u8], tokenizer: &[u8], start: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    let json = serde_json::to_vec(recipe).unwrap_or_default();
    for part in [json.as_slice(), config, tokenizer] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.update(start);
    hasher.finalize().to_hex()[..16].to_owned()
}

fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

/// The values of a recipe that have no others inside, by their places: `stages.heads.train[0].rate`.
fn leaves(json: &Value, place: String, out: &mut BTreeMap<String, String>) {
    match json {
        Value::Object(map) => {
            for (key, value) in map {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                leaves(value, place, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (number, value) in list.iter().enumerate() {
                // Stages are known by their names.
                let place = match value.get("name").and_then(Value::as_str) {
                    Some(name) => format!("{place}.{name}"),
                    None => format!("{place}[{number}]"),
                };
                leaves(value, place, out);
            }
        }
        // What is not set.
        Value::Null => {}
        value => {
            out.insert(place, value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const RECIPE: &str = include_str!("../../../recipes/pocket/pocket.toml");

    fn run(text: &str, folder: &str, config: &[u8]) -> Run {
        let recipe = Recipe::parse(text, &Path::new(folder).join("a.toml")).unwrap();
        let written = Recipe::parse(text, Path::new("a.toml")).unwrap();
        Run::new(&written, &recipe, config, b"tokenizer", None)
    }

    #[test]
    fn what_changed_is_said() {
        let before = run(RECIPE, "x", b"config");
        assert!(run(RECIPE, "y", b"config").is(&before.key), "a run may move with its folder");
        assert!(run(RECIPE, "x", b"config").is(&before.earlier_key), "states of earlier versions go on");
        let stored = RECIPE.replace("\"int8\"", "\"f16\"");
        assert!(run(&stored, "x", b"config").is(&before.key), "how it is stored is no part of it");
        let changed = RECIPE
            .replacen("batch = 512", "batch = 64", 1)
            .replacen("patience = 5", "", 1)
            .replacen("rate = 1e-3", "rate = 2e-3", 1)
            .replace("share = 0.15", "");
        let now = run(&changed, "x", b"another");
        assert!(!now.is(&before.key));
        assert_eq!(
            now.changes_since(&before.record),
            [
                "photos[2].share was 0.15, is now 1.0",
                "stages.heads.batch was 512, is now 64",
                "stages.heads.patience was 5, is not set now",
                "stages.heads.train[0].rate was 0.001, is now 0.002",
                "the configuration is another",
            ]
        );
        let many = run(&RECIPE.replace("rate = ", "rate = 1e-9 #\n}, { tensors = '.', rate = "), "x", b"config");
        let changes = many.changes_since(&before.record);
        assert_eq!(changes.len(), MAX_DIFFERENCES + 1);
        assert!(changes[MAX_DIFFERENCES].ends_with("more"));
    }
}
