//! A training recipe: which data, which starting weights, which stages. Plain data, read from TOML.

use std::path::{Path, PathBuf};

use clip_model::Precision;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// Largest recipe that is read.
const MAX_RECIPE_BYTES: u64 = 1 << 20;

/// Everything that determines a training run besides the data itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model that comes out.
    pub name: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// `ClipConfig` as JSON. Paths here are relative to the recipe's file. Without one, and without a tokenizer, the
    /// model is that of the checkpoint named as the start.
    pub config: Option<PathBuf>,
    /// The tokenizer's file (its kind is in the config).
    pub tokenizer: Option<PathBuf>,
    /// With a config, starting weights by our tensor names (safetensors); what the file lacks starts at random. Without
    /// one, a checkpoint in any layout that is read: a folder, or a model file that describes itself.
    pub start: Option<PathBuf>,
    /// The folder that the paths of the data sets are relative to, itself relative to the recipe's file.
    pub data: PathBuf,
    /// Photos with captions or labels to train on.
    pub photos: Vec<PhotoSet>,
    /// Captioned photos to measure recall on; never trained on.
    pub dev: DevSet,
    /// How many differently augmented views of a photo are cached when the start of its tower is frozen.
    #[serde(default)]
    pub views: Views,
    /// A frozen classifier on the image tower's starting features, and the names of its classes.
    pub classifier: Option<Classifier>,
    /// The stages in order; each starts from the averaged weights of the one before.
    pub stages: Vec<Stage>,
    /// How the weights are stored in the end.
    #[serde(default)]
    pub export: Export,
}

/// A set of photos to train on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotoSet {
    /// CSV with the columns `image,caption` (several rows per image) or `image,label`.
    pub csv: PathBuf,
    /// Folder of the images.
    pub images: PathBuf,
    /// Share of the photos that an epoch uses, drawn anew each time.
    #[serde(default = "one")]
    pub share: f64,
    /// Images whose path starts with one of these are left out.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Labels that are left out, so that answers for unseen things can be measured.
    #[serde(default)]
    pub leave_out_labels: Vec<String>,
    /// For labels: sentences with `{}` for the label; one is drawn for each use.
    #[serde(default)]
    pub templates: Vec<String>,
}

/// Captioned photos for measuring.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevSet {
    /// CSV with the columns `image,caption`.
    pub csv: PathBuf,
    /// Folder of the images.
    pub images: PathBuf,
}

/// Augmentation. The first view is the photo as it is at query time; the others are random resized crops.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Views per photo.
    pub count: usize,
    /// Smallest share of the photo's area that a crop keeps.
    pub min_area: f64,
    /// Largest ratio between the crop's aspect and the photo's.
    pub max_aspect: f64,
    /// Probability that a view is mirrored. A mirrored view never meets a caption that says "left" or "right".
    pub flip: f64,
}

impl Default for Views {
    fn default() -> Self {
        Self { count: 1, min_area: 0.5, max_aspect: 4.0 / 3.0, flip: 0.5 }
    }
}

/// See [`Recipe::classifier`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classifier {
    /// Tensors `backbones.N.weight` `[classes, features]` and `backbones.N.bias`, one pair per backbone.
    pub weights: PathBuf,
    /// The name of each class, one per line; commas separate synonyms.
    pub names: PathBuf,
    /// Sentences with `{}` for the name; one is drawn for each use.
    pub templates: Vec<String>,
}

/// A stage of training.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Name, for progress and checkpoints.
    pub name: String,
    /// What is trained and how fast; everything else is frozen. If several groups match a tensor, the last one counts.
    pub train: Vec<Group>,
    /// Maximum number of epochs.
    pub epochs: usize,
    /// Stop when dev recall (the mean of recall@1, @5 and @10, texts to images) has not risen for this many epochs.
    pub patience: Option<usize>,
    /// Pairs per batch.
    pub batch: usize,
    /// Captions drawn for each photo of a batch; each gives a batch of pairs of its own.
    #[serde(default = "one_usize")]
    pub captions: usize,
    /// Epochs of linear warm-up; the rest of the schedule is half a cosine down to nothing.
    #[serde(default)]
    pub warm_up: f64,
    /// AdamW's decoupled weight decay.
    #[serde(default)]
    pub weight_decay: f64,
    /// Time constant, in epochs, of the moving average of weights that is measured and kept; 0 keeps the last weights.
    #[serde(default)]
    pub average: f64,
    /// Weights of the losses.
    #[serde(default)]
    pub losses: Losses,
    /// Of the classifier's classes, how many a batch embeds the names of with gradients; the others' names are taken as
    /// they were when they were last drawn.
    #[serde(default = "all")]
    pub class_names: usize,
    /// Initial inverse temperature, if this stage sets it; the model learns its logarithm.
    pub scale: Option<f64>,
}

/// Tensors that learn at one rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Regular expression on tensor names, matched from the start.
    pub tensors: String,
    /// Peak learning rate.
    pub rate: f64,
}

/// Weights of the losses in the sum.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Losses {
    /// Symmetric InfoNCE over the pairs of a batch (Radford et al. 2021).
    pub contrastive: f64,
    /// Cross entropy between the classifier's soft labels and the photo's similarity to the classes' names.
    pub classes: f64,
    /// InfoNCE between made-up features, the classifier's row of a class added to a photo's, and that class's name.
    /// Only while the backbones are frozen.
    pub prototypes: f64,
    /// SigLIP's pairwise sigmoid loss over the pairs of a batch (Zhai et al. 2023); needs a model with a `logit_bias`.
    // Left out where it is off, so that runs from before there was one can go on.
    #[serde(skip_serializing_if = "is_off")]
    pub sigmoid: f64,
}

impl Default for Losses {
    fn default() -> Self {
        Self { contrastive: 1.0, classes: 0.0, prototypes: 0.0, sigmoid: 0.0 }
    }
}

fn is_off(weight: &f64) -> bool {
    *weight == 0.0
}

/// How the trained weights are written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// What the weights are stored as.
    #[serde(default = "half")]
    pub weights: Precision,
    /// Side of the photos that the finished model takes, if it is not that of training: random crops show things
    /// larger than they are in whole photos, and a somewhat larger photo makes up for it (Touvron et al. 2019, "Fixing
    /// the train-test resolution discrepancy"). Only for convolutional towers, which take photos of any size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
}

impl Default for Export {
    fn default() -> Self {
        Self { weights: half(), image_size: None }
    }
}

fn half() -> Precision {
    Precision::F16
}

fn one() -> f64 {
    1.0
}

fn all() -> usize {
    usize::MAX
}

fn one_usize() -> usize {
    1
}

impl Recipe {
    /// Reads and checks a recipe; its paths come back resolved against the file's folder.
    ///
    /// # Errors
    /// [`TrainError::Io`] and [`TrainError::Recipe`].
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        let text = clip_files::regular::read_to_string(path, MAX_RECIPE_BYTES).map_err(TrainError::reading(path))?;
        Self::parse(&text, path)
    }

    /// As [`read`](Self::read), for text that stands in the file at `path`.
    ///
    /// # Errors
    /// [`TrainError::Recipe`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, TrainError> {
        let fail = |reason| TrainError::Recipe { path: path.to_owned(), reason };
        let mut recipe: Self = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
        recipe.check().map_err(fail)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        recipe.data = folder.join(&recipe.data);
        for file in [&mut recipe.config, &mut recipe.tokenizer, &mut recipe.start].into_iter().flatten() {
            *file = folder.join(&*file);
        }
        if let Some(classifier) = &mut recipe.classifier {
            classifier.weights = folder.join(&classifier.weights);
            classifier.names = folder.join(&classifier.names);
        }
        for (csv, images) in recipe
            .photos
            .iter_mut()
            .map(|set| (&mut set.csv, &mut set.images))
            .chain([(&mut recipe.dev.csv, &mut recipe.dev.images)])
        {
            *csv = recipe.data.join(&*csv);
            *images = recipe.data.join(&*images);
        }
        Ok(recipe)
    }

    fn check(&self) -> Result<(), String> {
        let within = |what: &str, ok: bool| if ok { Ok(()) } else { Err(format!("{what} is out of range")) };
        within("views.count (expected 1 to 64)", (1..=64).contains(&self.views.count))?;
        within(
            "views.min_area (expected above 0, at most 1)",
            self.views.min_area > 0.0 && self.views.min_area <= 1.0,
        )?;
        within("views.max_aspect (expected 1 to 100)", (1.0..=100.0).contains(&self.views.max_aspect))?;
        within("views.flip (expected 0 to 1)", (0.0..=1.0).contains(&self.views.flip))?;
        match (&self.config, &self.tokenizer, &self.start) {
            (Some(_), Some(_), _) | (None, None, Some(_)) => {}
            (None, None, None) => return Err("it has neither a config and a tokenizer nor a start".into()),
            _ => return Err("config and tokenizer must be given together, and not with a start, which has both".into()),
        }
        if self.photos.is_empty() {
            return Err("expected at least one [[photos]] set".into());
        }
        for set in &self.photos {
            within("photos.share (expected above 0, at most 1)", set.share > 0.0 && set.share <= 1.0)?;
        }
        if let Some(classifier) = &self.classifier {
            within("classifier.templates (expected at least one)", !classifier.templates.is_empty())?;
        }
        if self.stages.is_empty() {
            return Err("expected at least one [[stages]] entry".into());
        }
        for (index, stage) in self.stages.iter().enumerate() {
            if stage.name.is_empty() || !stage.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                return Err(format!(
                    "the stage name {:?} is invalid; expected letters, digits and hyphens",
                    stage.name
                ));
            }
            if self.stages[..index].iter().any(|other| other.name == stage.name) {
                return Err(format!("two stages are named {:?}", stage.name));
            }
            within("stages.batch (expected at least 2)", stage.batch >= 2)?;
            within("stages.captions (expected 1 to 16)", (1..=16).contains(&stage.captions))?;
            within("stages.class_names (expected at least 1)", stage.class_names >= 1)?;
            within("stages.epochs (expected at least 1)", stage.epochs >= 1)?;
            let not_negative = |value: f64| value.is_finite() && value >= 0.0;
            within("stages.warm_up (expected 0 or more)", not_negative(stage.warm_up))?;
            within("stages.weight_decay (expected 0 or more)", not_negative(stage.weight_decay))?;
            within("stages.average (expected 0 or more)", not_negative(stage.average))?;
            within(
                "stages.scale (expected above 0)",
                stage.scale.is_none_or(|scale| scale > 0.0 && scale.is_finite()),
            )?;
            let losses = &stage.losses;
            let weights = [losses.contrastive, losses.classes, losses.prototypes, losses.sigmoid];
            within("stages.losses (expected 0 or more each)", weights.into_iter().all(not_negative))?;
            if (stage.losses.classes > 0.0 || stage.losses.prototypes > 0.0) && self.classifier.is_none() {
                return Err(format!(
                    "stage {:?} has a loss that needs a [classifier], but the recipe names none",
                    stage.name
                ));
            }
            for group in &stage.train {
                group.pattern()?;
                within("stages.train.rate (expected 0 or more)", not_negative(group.rate))?;
            }
        }
        Ok(())
    }
}

impl Group {
    /// The group's expression, anchored at the start of a name.
    pub fn pattern(&self) -> Result<regex::Regex, String> {
        regex::Regex::new(&format!("^(?:{})", self.tensors))
            .map_err(|error| format!("{:?} is not a regular expression: {error}", self.tensors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POCKET: &str = include_str!("../../../recipes/pocket/pocket.toml");

    fn parse(text: &str) -> Result<Recipe, TrainError> {
        Recipe::parse(text, Path::new("recipes/a.toml"))
    }

    #[test]
    fn paths_are_relative_to_the_recipe() {
        let recipe = parse(POCKET).unwrap();
        assert!(recipe.config.unwrap().starts_with("recipes"));
        assert!(recipe.dev.csv.starts_with(&recipe.data) && recipe.photos[0].images.starts_with(&recipe.data));
    }

    /// Each of these would otherwise panic or train nothing, far from the recipe's line.
    #[test]
    fn numbers_out_of_range_are_refused() {
        for (right, wrong, named) in [
            ("max_aspect = 1.4", "max_aspect = inf", "views.max_aspect"),
            ("max_aspect = 1.4", "max_aspect = nan", "views.max_aspect"),
            ("min_area = 0.5", "min_area = 0.0", "views.min_area"),
            ("min_area = 0.5", "min_area = nan", "views.min_area"),
            ("flip = 0.5", "flip = 2", "views.flip"),
            ("share = 0.25", "share = inf", "photos.share"),
            ("warm_up = 1", "warm_up = nan", "stages.warm_up"),
            ("weight_decay = 0.1", "weight_decay = -1", "stages.weight_decay"),
            ("average = 1.5", "average = inf", "stages.average"),
            ("scale = 20", "scale = 0", "stages.scale"),
            ("scale = 20", "scale = inf", "stages.scale"),
            ("templates = [\"{}\", \"a {}\"", "templates = [] #", "classifier.templates"),
        ] {
            assert!(POCKET.contains(right), "{right}");
            let error = parse(&POCKET.replacen(right, wrong, 1)).unwrap_err().to_string();
            assert!(error.contains(named), "{wrong}: {error}");
        }
        let rate = POCKET.replace("rate = ", "rate = -");
        assert!(parse(&rate).unwrap_err().to_string().contains("stages.train.rate"));
    }
}
