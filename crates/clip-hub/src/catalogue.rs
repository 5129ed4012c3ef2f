//! Well-known checkpoints and what is published about them; the data is in `catalogue.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::HubError;

static DATA: &str = include_str!("../catalogue.toml");

/// Longer names, in characters, are not compared: they are no typing errors, and comparing them takes time.
const LONGEST_MISTYPED: usize = 100;

/// All known checkpoints, in the order of the data file: by family, small ones first.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    entries: Vec<Entry>,
}

/// One checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The name that users give.
    pub name: String,
    /// What its makers call it.
    pub title: String,
    /// Where it is published, `ORG/NAME`; none for the model that is part of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The files without which it does not work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Size of the download in bytes, give or take a few megabytes: the weights as they are stored. The hub knows the
    /// exact number.
    pub bytes: u64,
    /// Numbers in an embedding.
    pub dimension: usize,
    /// Width and height of what the image tower sees, in pixels.
    pub image_size: usize,
    /// Parameters of both towers, in millions.
    pub million_parameters: f64,
    /// Floating-point operations for one photo, in billions (10^9); a multiplication and an addition
    /// count as two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_gflops: Option<f64>,
    /// The languages that its texts may be in, as ISO 639-1 codes; `mul` for a hundred or more.
    pub languages: Vec<String>,
    /// Licence of the weights: its SPDX identifier, where it has one.
    pub licence: String,
    /// Whether that licence allows research only.
    #[serde(default)]
    pub research_only: bool,
    /// Published top-1 accuracy on ImageNet, zero-shot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imagenet: Option<Figure>,
    /// Published recall.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retrieval: Vec<Retrieval>,
}

impl Entry {
    /// Whether it is part of the program.
    pub fn is_built_in(&self) -> bool {
        self.repository.is_none()
    }

    /// Whether it understands a language.
    pub fn speaks(&self, language: &str) -> bool {
        self.languages.iter().any(|known| known == language || known == "mul")
    }

    /// Recall on a set, if it is published.
    pub fn retrieval_on(&self, set: &str) -> Option<&Retrieval> {
        self.retrieval.iter().find(|figures| figures.set == set)
    }
}

/// A published figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// In percent.
    pub percent: f64,
    /// Who published it.
    pub source: String,
}

/// Published recall@1, in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrieval {
    /// The set of photos and captions that it was measured on.
    pub set: String,
    /// Captions for which their photo came first.
    pub text_to_image: f64,
    /// Photos for which one of their captions came first.
    pub image_to_text: f64,
    /// Who published it.
    pub source: String,
}

impl Catalogue {
    /// The catalogue that is part of the program.
    ///
    /// # Errors
    /// [`HubError::Catalogue`] if the embedded data is wrong, which a test rules out.
    pub fn built_in() -> Result<Self, HubError> {
        Self::parse(DATA)
    }

    fn parse(text: &str) -> Result<Self, HubError> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            /// Short names of the sources that figures refer to.
            sources: BTreeMap<String, String>,
            model: Vec<Entry>,
        }
        let wrong = |reason: String| HubError::Catalogue { reason };
        let file: File = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let mut entries = file.model;
        for entry in &mut entries {
            let figures = entry.imagenet.iter_mut().map(|figure| &mut figure.source);
            for source in figures.chain(entry.retrieval.iter_mut().map(|figures| &mut figures.source)) {
                *source = file
                    .sources
                    .get(source)
                    .ok_or_else(|| wrong(format!("{} refers to the unknown source `{source}`", entry.name)))?
                    .clone();
            }
        }
        Ok(Self { entries })
    }

    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Finds an entry by its name; upper and lower case are the same.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// Finds an entry by its repository; upper and lower case are the same.
    pub fn find_repository(&self, repository: &str) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.repository.as_deref().is_some_and(|r| r.eq_ignore_ascii_case(repository)))
    }

    /// Finds an entry by the name of its repository without the organisation, exactly as it is written.
    pub fn find_model(&self, model: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| {
            entry
                .repository
                .as_deref()
                .and_then(|repository| repository.split_once('/'))
                .is_some_and(|(_, name)| name == model)
        })
    }

    /// Finds the entry whose name is closest to a mistyped one, if one is close; upper and lower case are the same.
    pub fn nearest(&self, name: &str) -> Option<&Entry> {
        let name = name.to_lowercase();
        let length = name.chars().count();
        if length > LONGEST_MISTYPED {
            return None;
        }
        self.entries
            .iter()
            .map(|entry| (strsim::levenshtein(&name, &entry.name.to_lowercase()), entry))
            .min_by_key(|(edits, _)| *edits)
            .filter(|(edits, _)| *edits <= length / 3)
            .map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::Checkpoint;

    #[test]
    fn the_data_is_sound() {
        let catalogue = Catalogue::built_in().unwrap();
        let entries = catalogue.entries();
        assert!(entries.iter().filter(|entry| !entry.is_built_in()).count() >= 20);
        let names: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names.len(), entries.len(), "names are unique");
        for entry in entries {
            let name = &entry.name;
            // A name must not look like a repository or a path.
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name}");
            assert!(!entry.languages.is_empty() && !entry.licence.is_empty(), "{name}");
            assert!((100..4096).contains(&entry.dimension) && (64..1024).contains(&entry.image_size), "{name}");
            // The weights are stored in 32 bits, except for the built-in model's.
            let expected = entry.million_parameters * 4e6;
            let ratio = entry.bytes as f64 / expected;
            assert!(entry.is_built_in() || (0.99..1.1).contains(&ratio), "{name}: {ratio}");
            let checkpoint = Checkpoint::of_entry(entry).unwrap();
            assert_eq!(checkpoint.is_none(), entry.is_built_in());
            if let Some(checkpoint) = checkpoint {
                let files = checkpoint.files.unwrap();
                assert!(files.iter().any(|file| file.ends_with("config.json")), "{name}");
                assert!(files.iter().any(|file| file.ends_with("model.safetensors")), "{name}");
            }
            let figures = entry.imagenet.iter().map(|figure| (figure.percent, &figure.source));
            let recalls = entry.retrieval.iter().flat_map(|figures| {
                [(figures.text_to_image, &figures.source), (figures.image_to_text, &figures.source)]
            });
            for (percent, source) in figures.chain(recalls) {
                assert!((10.0..100.0).contains(&percent), "{name}: {percent}");
                assert!(source.contains("://") || source.contains("docs/"), "{name}: {source}");
            }
        }
        let pocket = catalogue.find("Pocket").unwrap();
        assert!(pocket.is_built_in() && pocket.speaks("en") && !pocket.speaks("de"));
        assert!(entries.iter().any(|entry| entry.speaks("de")));
        // As open_clip's table has it.
        assert_eq!(catalogue.find("clip-vit-b-32").unwrap().imagenet.as_ref().unwrap().percent, 63.3);
    }

    #[test]
    fn mistakes_in_the_data_are_errors() {
        assert!(matches!(Catalogue::parse("[sources]\n[[model]]\nname = 3"), Err(HubError::Catalogue { .. })));
        let unknown = "model = []\ncomment = 'x'\n[sources]\n";
        assert!(matches!(Catalogue::parse(unknown), Err(HubError::Catalogue { .. })));
    }

    #[test]
    fn the_nearest_name() {
        let catalogue = Catalogue::built_in().unwrap();
        assert_eq!(catalogue.nearest("clip-vit-b32").unwrap().name, "clip-vit-b-32");
        assert_eq!(catalogue.nearest("Poket").unwrap().name, "pocket");
        assert!(catalogue.nearest("no-such-model-at-all").is_none());
        assert_eq!(strsim::levenshtein("kitten", "sitting"), 3);
    }
}
