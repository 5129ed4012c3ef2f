//! Where the trained part of each tower begins. What lies before the cut is frozen in every stage, so its
//! activations are computed once and cached.

use clip_model::config::{ImageTowerConfig, TextTowerConfig};

/// How far each tower stays frozen up to the end of a stage.
#[derive(Debug, Clone)]
pub struct Cuts {
    /// Image tower.
    pub image: ImageCut,
    /// Text tower.
    pub text: TextCut,
}

/// Where the image tower's trained part begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageCut {
    /// At the pixels: nothing at the start is frozen, so photos are read and augmented anew each epoch.
    Pixels,
    /// For each backbone of an inverted residual tower.
    Backbones(Vec<BackboneCut>),
}

/// Where one backbone's trained part begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackboneCut {
    /// At this block; at the number of blocks if only the last convolution is trained.
    Block(usize),
    /// Behind the pool: the whole backbone is frozen.
    Pooled,
}

/// Where the text tower's trained part begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextCut {
    /// At the token ids.
    Ids,
    /// At this layer of a bidirectional encoder.
    Layer(usize),
    /// Behind the mean over the tokens: all layers are frozen.
    Pooled,
}

impl ImageCut {
    /// The latest cut that all tensors named in `trained` lie behind.
    pub fn of<'a>(config: &ImageTowerConfig, trained: impl Iterator<Item = &'a str>) -> Self {
        let ImageTowerConfig::InvertedResidual(tower) = config else {
            return Self::Pixels;
        };
        let mut cuts = vec![BackboneCut::Pooled; tower.backbones.len()];
        for name in trained {
            let Some(rest) = name.strip_prefix("image.backbones.") else { continue };
            let mut parts = rest.split('.');
            let Some(backbone) = parts.next().and_then(|part| part.parse::<usize>().ok()) else { continue };
            let block = match (parts.next(), parts.next().and_then(|part| part.parse::<usize>().ok())) {
                (Some("stem"), _) => return Self::Pixels,
                (Some("blocks"), Some(0)) => return Self::Pixels,
                (Some("blocks"), Some(block)) => block,
                _ => tower.backbones[backbone].blocks(),
            };
            cuts[backbone] = cuts[backbone].earlier(BackboneCut::Block(block));
        }
        Self::Backbones(cuts)
    }

    /// The earlier of two cuts, backbone by backbone.
    pub fn earlier(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Backbones(a), Self::Backbones(b)) => {
                Self::Backbones(a.iter().zip(b).map(|(a, b)| a.earlier(*b)).collect())
            }
            _ => Self::Pixels,
        }
    }
}

impl BackboneCut {
    /// The earlier of two cuts.
    pub fn earlier(self, other: Self) -> Self {
        match (self, other) {
            (Self::Pooled, other) | (other, Self::Pooled) => other,
            (Self::Block(a), Self::Block(b)) => Self::Block(a.min(b)),
        }
    }
}

impl TextCut {
    /// The latest cut that all tensors named in `trained` lie behind.
    pub fn of<'a>(config: &TextTowerConfig, trained: impl Iterator<Item = &'a str>) -> Self {
        if !matches!(config, TextTowerConfig::Bert(_)) {
            return Self::Ids;
        }
        let mut cut = Self::Pooled;
        for name in trained {
            let Some(rest) = name.strip_prefix("text.") else { continue };
            if ["word.", "position.", "norm."].iter().any(|prefix| rest.starts_with(prefix)) {
                return Self::Ids;
            }
            let layer = rest.strip_prefix("layers.").and_then(|rest| rest.split('.').next()?.parse().ok());
            if let Some(layer) = layer {
                cut = cut.earlier(Self::Layer(layer));
            }
        }
        cut
    }

    /// The earlier of two cuts.
    pub fn earlier(self, other: Self) -> Self {
        match (self, other) {
            (Self::Ids, _) | (_, Self::Ids) => Self::Ids,
            (Self::Pooled, other) | (other, Self::Pooled) => other,
            (Self::Layer(a), Self::Layer(b)) => Self::Layer(a.min(b)),
        }
    }
}
