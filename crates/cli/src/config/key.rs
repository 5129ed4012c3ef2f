//! The settings by name, and what their values may be.

use clap::ValueEnum;

use crate::args::{DeviceArg, FusionArg, PrecisionArg, limit, preview, share, threads};

/// A setting. It has the name of the option that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Index,
    Model,
    Precision,
    Device,
    Threads,
    Limit,
    MinRelevance,
    Fusion,
    Preview,
    Exclude,
    Offline,
}

impl Key {
    /// In the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Index,
        Self::Model,
        Self::Precision,
        Self::Device,
        Self::Threads,
        Self::Limit,
        Self::MinRelevance,
        Self::Fusion,
        Self::Preview,
        Self::Exclude,
        Self::Offline,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Model => "model",
            Self::Precision => "precision",
            Self::Device => "device",
            Self::Threads => "threads",
            Self::Limit => "limit",
            Self::MinRelevance => "min-relevance",
            Self::Fusion => "fusion",
            Self::Preview => "preview",
            Self::Exclude => "exclude",
            Self::Offline => "offline",
        }
    }

    /// The variable that has the setting. A list has none: no character separates patterns that could not be in one.
    pub fn variable(self) -> Option<String> {
        (!self.is_list()).then(|| format!("CLIP_SEARCH_{}", self.name().to_uppercase().replace('-', "_")))
    }

    pub fn is_list(self) -> bool {
        self == Self::Exclude
    }

    /// What holds where nothing else is said.
    pub fn default(self) -> &'static str {
        match self {
            Self::Index => "in the user's data folder",
            Self::Model => "pocket",
            Self::Precision => "int8 for pocket, f32 for other models",
            Self::Device | Self::Preview => "auto",
            Self::Threads => "one per core",
            Self::Limit => "10",
            Self::MinRelevance | Self::Exclude => "none",
            Self::Fusion => "scores",
            Self::Offline => "false",
        }
    }

    /// Whether a text is a value of the setting; else, what was expected.
    pub fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Index => something(text, "a folder"),
            Self::Model => something(text, "a model"),
            Self::Exclude => something(text, "a pattern"),
            Self::Precision => choice::<PrecisionArg>(text).map(drop),
            Self::Device => choice::<DeviceArg>(text).map(drop),
            Self::Fusion => choice::<FusionArg>(text).map(drop),
            Self::Threads => threads(text).map(drop),
            Self::Limit => limit(text).map(drop),
            Self::MinRelevance => share(text).map(drop),
            Self::Preview => preview(text).map(drop),
            Self::Offline => truth(text).map(drop),
        }
    }

    /// The setting of a name, or the one that was probably meant.
    pub fn of(name: &str) -> Result<Self, Option<Self>> {
        if let Some(key) = Self::ALL.into_iter().find(|key| key.name() == name) {
            return Ok(key);
        }
        let name = name.to_lowercase().replace('_', "-");
        let similarity = |key: &Self| strsim::jaro_winkler(key.name(), &name);
        let nearest = Self::ALL.into_iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        Err(nearest.filter(|key| similarity(key) > 0.8))
    }
}

fn something(text: &str, what: &str) -> Result<(), String> {
    if text.is_empty() { Err(format!("expected {what}")) } else { Ok(()) }
}

/// One of the values of an option.
pub(super) fn choice<T: ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text, true).map_err(|_| {
        let names: Vec<String> = T::value_variants()
            .iter()
            .filter_map(ValueEnum::to_possible_value)
            .map(|value| value.get_name().to_owned())
            .collect();
        match names.split_last() {
            Some((last, names)) if !names.is_empty() => format!("expected {} or {last}", names.join(", ")),
            _ => "expected another value".to_owned(),
        }
    })
}

pub(super) fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}
