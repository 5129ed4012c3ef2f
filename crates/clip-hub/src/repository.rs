//! Names on a hub: repositories, the files in them, commits. Each becomes a part of a path or a URL, so what is allowed
//! here decides what a server can make us write.

use std::fmt;

use crate::HubError;

/// The longest name that the hub allows.
const MAX_NAME: usize = 96;

/// A model repository on a hub, `ORG/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository(String);

impl Repository {
    /// Parses `ORG/NAME` by the hub's own rules.
    ///
    /// # Errors
    /// [`HubError::Repository`] for anything else.
    pub fn parse(name: &str) -> Result<Self, HubError> {
        let wrong = |reason| HubError::Repository { name: name.to_owned(), reason };
        let (organisation, model) = name.split_once('/').ok_or_else(|| wrong("it has no `/`"))?;
        if name.len() > MAX_NAME {
            return Err(wrong("it is longer than 96 characters"));
        }
        for part in [organisation, model] {
            if part.is_empty() {
                return Err(wrong("a part is empty"));
            }
            if !part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
                return Err(wrong("only ASCII letters, digits, `-`, `_`, `.` and one `/` are allowed"));
            }
            if part.starts_with(['-', '.']) || part.ends_with(['-', '.']) {
                return Err(wrong("no part may begin or end with `-` or `.`"));
            }
            if part.contains("--") || part.contains("..") {
                return Err(wrong("no part may contain `--` or `..`"));
            }
        }
        Ok(Self(name.to_owned()))
    }

    /// The repository that a folder of the cache holds, if it is one of a model.
    pub fn of_folder(name: &str) -> Option<Self> {
        let (organisation, model) = name.strip_prefix("models--")?.split_once("--")?;
        Self::parse(&format!("{organisation}/{model}")).ok()
    }

    /// The name without the organisation.
    pub fn model(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, model)| model)
    }

    /// `ORG/NAME`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of the cache that holds it: `models--ORG--NAME`.
    pub fn folder_name(&self) -> String {
        format!("models--{}", self.0.replace('/', "--"))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a file's name in a repository may become a path below a snapshot: plain components, separated by `/`.
pub(crate) fn is_file_name(name: &str) -> bool {
    name.len() <= 512
        && name.split('/').all(|part| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && !part.contains(|c: char| c.is_control() || "\\:*?\"<>|".contains(c))
        })
}

/// Whether this is the full hash of a commit.
pub(crate) fn is_commit(text: &str) -> bool {
    (40..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a branch or tag may become a path below `refs`.
pub(crate) fn is_revision(text: &str) -> bool {
    is_file_name(text) && !text.starts_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_by_the_rules_of_the_hub() {
        let repository = Repository::parse("laion/CLIP-ViT-B-32-laion2B-s34B-b79K").unwrap();
        assert_eq!(repository.folder_name(), "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K");
        assert_eq!(repository.model(), "CLIP-ViT-B-32-laion2B-s34B-b79K");
        assert_eq!(Repository::of_folder(&repository.folder_name()), Some(repository));
        assert_eq!(Repository::of_folder("datasets--a--b"), None);
        assert_eq!(Repository::of_folder("models--gpt2"), None);
        Repository::parse("timm/vit_base_patch32_clip_224.openai").unwrap();
        for name in ["", "pocket", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a/b--c", "a b/c", "a\\b/c", "a/.b", "é/b"]
        {
            assert!(Repository::parse(name).is_err(), "{name}");
        }
        assert!(Repository::parse(&format!("a/{}", "b".repeat(95))).is_err());
    }

    #[test]
    fn file_names_never_lead_out_of_a_snapshot() {
        for name in ["config.json", "onnx/model.onnx", ".gitattributes", "a b.json"] {
            assert!(is_file_name(name), "{name}");
        }
        for name in ["", "/etc/passwd", "../x", "a/../b", "a//b", "a/.", "C:\\x", "a\\b", "a\nb", "nul:stream"] {
            assert!(!is_file_name(name), "{name}");
        }
        assert!(is_commit(&"a1".repeat(20)) && !is_commit("main") && !is_commit(&"../".repeat(15)));
    }

    proptest! {
        #[test]
        fn names_of_the_hub_make_a_folder_and_back(name in "[A-Za-z0-9_]{1,20}/[A-Za-z0-9_]([-.]?[A-Za-z0-9_]){0,20}") {
            let repository = Repository::parse(&name).unwrap();
            prop_assert_eq!(repository.as_str(), &name);
            prop_assert_eq!(Repository::of_folder(&repository.folder_name()), Some(repository));
        }
    }
}
