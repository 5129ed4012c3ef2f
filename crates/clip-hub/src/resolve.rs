//! From the name that somebody gives to a published checkpoint, and from there to its folder on this disk.

use crate::catalogue::{Catalogue, Entry};
use crate::{Checkpoint, Hub, HubError, Located, Repository};

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// A model that is part of the program and needs no download.
    BuiltIn(Entry),
    /// A checkpoint on the hub.
    OnHub {
        /// Where it is published.
        checkpoint: Checkpoint,
        /// What the catalogue says about it; `None` for a repository that is not listed.
        entry: Option<Entry>,
    },
}

impl Named {
    /// The catalogue's entry, where there is one.
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::BuiltIn(entry) => Some(entry),
            Self::OnHub { entry, .. } => entry.as_ref(),
        }
    }
}

/// Where a named model was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved {
    /// It is part of the program.
    BuiltIn(Entry),
    /// It is in the cache, complete.
    Downloaded {
        /// What was asked for.
        checkpoint: Checkpoint,
        /// Its folder and commit.
        located: Located,
    },
}

impl Catalogue {
    /// Finds what a name stands for: a name of the catalogue, or a repository as `ORG/NAME`. Upper and lower case are
    /// the same. Touches neither disk nor network.
    ///
    /// # Errors
    /// [`HubError::UnknownModel`] for a name without `/` that the catalogue does not list, with the listed name that is
    /// closest to it; [`HubError::Repository`] for one with `/` that cannot be a repository.
    pub fn resolve(&self, name: &str) -> Result<Named, HubError> {
        if let Some(entry) = self.find(name).or_else(|| self.find_repository(name)) {
            return Self::named(entry);
        }
        if name.contains('/') {
            let checkpoint = Checkpoint::of_repository(Repository::parse(name)?);
            return Ok(Named::OnHub { checkpoint, entry: None });
        }
        let nearest = self.nearest(name).map(|entry| entry.name.clone());
        Err(HubError::UnknownModel { name: name.to_owned(), nearest })
    }

    fn named(entry: &Entry) -> Result<Named, HubError> {
        Ok(match Checkpoint::of_entry(entry)? {
            Some(checkpoint) => Named::OnHub { checkpoint, entry: Some(entry.clone()) },
            None => Named::BuiltIn(entry.clone()),
        })
    }
}

impl Hub {
    /// Finds a model by its name, on this disk only: what it takes to use a model without fetching anything.
    ///
    /// # Errors
    /// Those of [`Catalogue::resolve`], and [`HubError::NotCached`] for a checkpoint that was not downloaded.
    pub fn resolve(&self, catalogue: &Catalogue, name: &str) -> Result<Resolved, HubError> {
        self.found(catalogue.resolve(name)?)
    }

    /// Finds a model by the name that an index remembers: that of its repository without the organisation. The
    /// catalogue's repositories come first, then the only one of that name in the cache. `None` if no repository, or
    /// more than one that is not listed, has the name.
    ///
    /// # Errors
    /// [`HubError::NotCached`] for a listed checkpoint that was not downloaded, or one that is not complete.
    pub fn resolve_model(&self, catalogue: &Catalogue, model: &str) -> Result<Option<Resolved>, HubError> {
        if let Some(entry) = catalogue.find_model(model) {
            return self.found(Catalogue::named(entry)?).map(Some);
        }
        let cached = self.cache.repositories();
        let mut named = cached.into_iter().filter(|repository| repository.model() == model);
        match (named.next(), named.next()) {
            (Some(repository), None) => {
                self.found(Named::OnHub { checkpoint: Checkpoint::of_repository(repository), entry: None }).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn found(&self, named: Named) -> Result<Resolved, HubError> {
        match named {
            Named::BuiltIn(entry) => Ok(Resolved::BuiltIn(entry)),
            Named::OnHub { checkpoint, .. } => {
                let located = self.locate(&checkpoint)?;
                Ok(Resolved::Downloaded { checkpoint, located })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::HubSettings;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    /// Puts a checkpoint into a cache and returns its snapshot.
    fn put(cache: &Path, repository: &str, files: &[&str]) -> PathBuf {
        let folder = cache.join(Repository::parse(repository).unwrap().folder_name());
        let snapshot = folder.join("snapshots").join(COMMIT);
        fs::create_dir_all(&snapshot).unwrap();
        fs::create_dir_all(folder.join("refs")).unwrap();
        fs::write(folder.join("refs/main"), COMMIT).unwrap();
        for file in files {
            fs::write(snapshot.join(file), "").unwrap();
        }
        snapshot
    }

    const OPEN_CLIP: [&str; 2] = ["open_clip_config.json", "open_clip_model.safetensors"];

    #[test]
    fn names_of_the_catalogue_and_repositories() {
        let catalogue = Catalogue::built_in().unwrap();
        for name in ["pocket", "Pocket", "POCKET"] {
            assert!(matches!(catalogue.resolve(name).unwrap(), Named::BuiltIn(entry) if entry.name == "pocket"));
        }
        for name in [
            "clip-vit-b-32",
            "CLIP-ViT-B-32",
            "timm/vit_base_patch32_clip_224.openai",
            "TIMM/ViT_base_patch32_CLIP_224.openai",
        ] {
            let named = catalogue.resolve(name).unwrap();
            assert_eq!(named.entry().unwrap().name, "clip-vit-b-32", "{name}");
            let Named::OnHub { checkpoint, .. } = named else { panic!("{name}") };
            assert_eq!(checkpoint.repository.as_str(), "timm/vit_base_patch32_clip_224.openai");
        }
        let Named::OnHub { checkpoint, entry: None } = catalogue.resolve("me/Mine").unwrap() else { panic!() };
        assert_eq!(checkpoint, Checkpoint::of_repository(Repository::parse("me/Mine").unwrap()));
    }

    #[test]
    fn unknown_names_come_with_the_nearest() {
        let catalogue = Catalogue::built_in().unwrap();
        let nearest = |name: &str| match catalogue.resolve(name) {
            Err(HubError::UnknownModel { name: found, nearest }) if found == name => nearest,
            other => panic!("{name}: {other:?}"),
        };
        for name in ["clip-vit-b32", "CLIP-VIT-B32", "Clip-Vit-b_32", "clip_vit_b_32"] {
            assert_eq!(nearest(name).as_deref(), Some("clip-vit-b-32"), "{name}");
        }
        assert_eq!(nearest("POKET").as_deref(), Some("pocket"));
        for name in ["", " ", "no-such-model-at-all", &"clip-vit-b-32".repeat(100), "é"] {
            assert_eq!(nearest(name), None, "{name}");
        }
        for name in ["./pocket", "/abs/olute", "a/b/c", "../pocket"] {
            assert!(matches!(catalogue.resolve(name), Err(HubError::Repository { .. })), "{name}");
        }
    }

    #[test]
    fn a_downloaded_model_is_found_by_all_its_names() {
        let cache = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::built_in().unwrap();
        let hub = Hub::new(HubSettings::new(cache.path()));
        assert!(matches!(hub.resolve(&catalogue, "pocket").unwrap(), Resolved::BuiltIn(_)));
        let names = ["clip-vit-b-32", "Clip-ViT-B-32", "timm/vit_base_patch32_clip_224.openai"];
        for name in names {
            let error = hub.resolve(&catalogue, name).unwrap_err();
            assert!(matches!(&error, HubError::NotCached { name, .. } if name == "clip-vit-b-32"), "{error}");
        }
        let snapshot = put(cache.path(), names[2], &OPEN_CLIP);
        for name in names {
            match hub.resolve(&catalogue, name).unwrap() {
                Resolved::Downloaded { located, .. } => {
                    assert_eq!((located.folder, located.commit.as_str()), (snapshot.clone(), COMMIT), "{name}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_model_that_an_index_names() {
        let cache = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::built_in().unwrap();
        let hub = Hub::new(HubSettings::new(cache.path()));
        let folder = |model: &str| match hub.resolve_model(&catalogue, model).unwrap() {
            Some(Resolved::Downloaded { located, .. }) => Some(located.folder),
            Some(other) => panic!("{other:?}"),
            None => None,
        };
        assert_eq!(folder("mine"), None);
        let mine = put(cache.path(), "me/mine", &OPEN_CLIP);
        assert_eq!(folder("mine"), Some(mine));
        put(cache.path(), "you/mine", &OPEN_CLIP);
        assert_eq!(folder("mine"), None, "there are two");
        // One of the catalogue is not mistaken for another of the same name.
        put(cache.path(), "me/vit_base_patch32_clip_224.openai", &OPEN_CLIP);
        let error = hub.resolve_model(&catalogue, "vit_base_patch32_clip_224.openai").unwrap_err();
        assert!(matches!(&error, HubError::NotCached { name, .. } if name == "clip-vit-b-32"), "{error}");
        let published = put(cache.path(), "timm/vit_base_patch32_clip_224.openai", &OPEN_CLIP);
        assert_eq!(folder("vit_base_patch32_clip_224.openai"), Some(published));
        // A download that was interrupted.
        put(cache.path(), "me/half", &OPEN_CLIP[..1]);
        let error = hub.resolve_model(&catalogue, "half").unwrap_err();
        assert!(matches!(&error, HubError::NotCached { name, .. } if name == "me/half"), "{error}");
    }
}
