//! Settings that hold for every run: from variables and from a file of the user's.
//!
//! An option of the command line comes first, then a variable, then the file, then the default. [`Config`] has the two in the
//! middle, [`fill`] puts them where options were left out, and so the commands know nothing of where a value comes from.

mod file;
mod fill;
mod key;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

pub(crate) use fill::fill;
pub(crate) use key::Key;

/// The variable that names the file.
const FILE_VARIABLE: &str = "CLIP_SEARCH_CONFIG";

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A variable of this name.
    Variable(String),
    /// A line of the file, from 1.
    Line(usize),
}

/// A setting as it was written; a list has several texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub texts: Vec<String>,
    /// Of a variable, as the system has it: a path may be no text.
    raw: Option<OsString>,
    pub source: Source,
}

/// The settings of variables and of the file.
#[derive(Debug, Default)]
pub(crate) struct Config {
    settings: BTreeMap<Key, Setting>,
    file: Option<PathBuf>,
}

impl Config {
    /// Reads variables and the file.
    ///
    /// # Errors
    /// A file that was named and is not there, or that cannot be read; a setting that does not exist; a value that is wrong.
    pub fn load() -> Result<Self> {
        let file = match file_path() {
            Some(file) if file.exists() || is_file_named() => Some(file),
            _ => None,
        };
        Self::of(&|name| std::env::var_os(name), file.as_deref())
    }

    fn of(variable: &dyn Fn(&str) -> Option<OsString>, path: Option<&Path>) -> Result<Self> {
        let mut settings = match path {
            Some(path) => file::read(path)?,
            None => BTreeMap::new(),
        };
        for key in Key::ALL {
            let Some(name) = key.variable() else { continue };
            // A variable that is set to nothing counts as unset.
            let Some(raw) = variable(&name).filter(|value| !value.is_empty()) else { continue };
            let text = raw.to_string_lossy().into_owned();
            if let Err(expected) = key.check(&text) {
                bail!("the variable {name} is wrong: {expected}, found `{text}`");
            }
            settings.insert(key, Setting { texts: vec![text], raw: Some(raw), source: Source::Variable(name) });
        }
        Ok(Self { settings, file: path.map(Path::to_owned) })
    }

    pub fn get(&self, key: Key) -> Option<&Setting> {
        self.settings.get(&key)
    }

    /// The value of a setting that has one.
    fn value<T>(&self, key: Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        // It was checked when it was read.
        parse(self.get(key)?.texts.first()?).ok()
    }

    /// A setting that is a path. The file's are relative to its folder, and may begin with the home folder's tilde.
    fn path(&self, key: Key) -> Option<PathBuf> {
        let setting = self.get(key)?;
        let path = match &setting.raw {
            Some(raw) => PathBuf::from(raw),
            None => PathBuf::from(setting.texts.first()?),
        };
        match (&setting.source, self.file.as_deref().and_then(Path::parent)) {
            (Source::Line(_), Some(folder)) => Some(folder.join(with_home(path))),
            _ => Some(path),
        }
    }

    /// The model: a name, or a path if it looks like one.
    fn model(&self) -> Option<PathBuf> {
        let text = self.get(Key::Model)?.texts.first()?;
        let is_path = text.starts_with(['~', '.']) || Path::new(text).is_absolute();
        if is_path { self.path(Key::Model) } else { Some(text.into()) }
    }

    /// The file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// Shells leave the tilde alone in files.
fn with_home(path: PathBuf) -> PathBuf {
    match (path.strip_prefix("~"), directories::BaseDirs::new()) {
        (Ok(rest), Some(folders)) => folders.home_dir().join(rest),
        _ => path,
    }
}

fn is_file_named() -> bool {
    std::env::var_os(FILE_VARIABLE).is_some_and(|path| !path.is_empty())
}

/// Where the file is, or would be; `None` if the user's folder for settings is not known.
pub(crate) fn file_path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty()) {
        return Some(std::path::absolute(&path).unwrap_or_else(|_| path.into()));
    }
    directories::ProjectDirs::from("", "", "clip-search").map(|folders| folders.config_dir().join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str, variables: &[(&str, &str)]) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Config::of(&find, Some(&path))
    }

    fn refused(text: &str) -> String {
        config(text, &[]).unwrap_err().to_string()
    }

    #[test]
    fn a_variable_comes_before_the_file() {
        let config =
            config("limit = 20\nfusion = \"off\"\n", &[("CLIP_SEARCH_LIMIT", "30"), ("CLIP_SEARCH_FUSION", "")]);
        let config = config.unwrap();
        let limit = config.get(Key::Limit).unwrap();
        assert_eq!(
            (limit.texts.as_slice(), &limit.source),
            (&["30".to_owned()][..], &Source::Variable("CLIP_SEARCH_LIMIT".into()))
        );
        assert_eq!(config.get(Key::Fusion).unwrap().source, Source::Line(2));
        assert_eq!(config.get(Key::Model), None);
    }

    #[test]
    fn every_setting_is_read() {
        let text = "index = \"i\"\nmodel = \"siglip-b-16\"\nprecision = \"INT8\"\ndevice = \"cpu\"\nthreads = 4\n\
                    limit = 1_000\nmin-relevance = 0.25\nfusion = \"ranks\"\npreview = 3\nexclude = [\"*.png\", \"raw\"]\n\
                    offline = true\n";
        let config = config(text, &[]).unwrap();
        for key in Key::ALL {
            assert!(config.get(key).is_some(), "{}", key.name());
        }
        assert_eq!(config.get(Key::Limit).unwrap().texts, ["1000"]);
        assert_eq!(config.get(Key::Exclude).unwrap().texts, ["*.png", "raw"]);
        let folder = config.file().unwrap().parent().unwrap();
        assert_eq!((config.path(Key::Index), config.model()), (Some(folder.join("i")), Some("siglip-b-16".into())));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, words) in [
            ("limt = 3", &["config.toml, line 1: unknown setting `limt`; did you mean `limit`?"][..]),
            ("\n\nmin_relevance = 1", &["line 3: unknown setting `min_relevance`; did you mean `min-relevance`?"]),
            ("colour = 1", &["line 1: unknown setting `colour`; the settings are `index`, `model`,", "`offline`"]),
            ("limit = 0", &["line 1: `limit` is wrong: expected a whole number from 1 to 1000000000, found `0`"]),
            ("limit = [1]", &["line 1: `limit` is wrong: expected one value, found a list"]),
            ("exclude = 3", &["line 1: `exclude` is wrong: expected a list of texts, such as [\"*.png\"]"]),
            ("exclude = [3]", &["line 1: `exclude` is wrong: expected a list of texts"]),
            ("device = \"tpu\"", &["line 1: `device` is wrong: expected auto, cpu or gpu, found `tpu`"]),
            ("offline = \"maybe\"", &["line 1: `offline` is wrong: expected true or false, found `maybe`"]),
            ("[query]\nlimit = 3", &["line 1: unknown setting `query`"]),
            ("limit = 3\nlimit = 4", &["line 2, column 1: this is not valid TOML: duplicate key"]),
            ("limit = ", &["config.toml, line 1, column ", ": expected a value for `limit`, found nothing"]),
            ("index = \"\"", &["line 1: `index` is wrong: expected a folder, found nothing"]),
        ] {
            let error = refused(text);
            for words in words {
                assert!(error.contains(words), "{text:?}: {error}");
            }
            assert!(!error.contains('\n'), "{error}");
        }
        let error = config("", &[("CLIP_SEARCH_DEVICE", "tpu")]).unwrap_err().to_string();
        assert_eq!(error, "the variable CLIP_SEARCH_DEVICE is wrong: expected auto, cpu or gpu, found `tpu`");
    }

    #[test]
    fn a_file_that_is_missing_or_no_text_is_an_error() {
        let none = |_: &str| None;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.toml");
        assert!(Config::of(&none, Some(&path)).unwrap_err().to_string().contains("none.toml"));
        std::fs::write(&path, b"\xff\xfe").unwrap();
        assert!(Config::of(&none, Some(&path)).is_err());
    }
}
