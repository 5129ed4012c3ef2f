//! A training recipe: which data, which starting weights, which stages. Plain data, read from TOML.

mod fields;

use std::path::{Path, PathBuf};

use clip_model::Precision;
use serde::{Deserialize, Serialize};

use crate::error::TrainError;

/// A recipe for fine-tuning on one's own captions, with comments that explain its settings.
pub const TEMPLATE: &str = include_str!("../assets/recipe.toml");

/// CLIP's upper bound on the inverse temperature.
const MAX_SCALE: f64 = 100.0;

/// Largest recipe that is read.
const MAX_RECIPE_BYTES: u64 = 1 << 20;

/// Everything that determines a training run besides the data itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Name of the model that comes out.
    pub name: String,
    /// Seed of every random choice.
    #[serde(default)]
    pub seed: u64,
    /// `ClipConfig` as JSON. Paths here are relative to the recipe's file. Without one, and without a tokenizer, the
    /// model is that of the checkpoint named as the start.
    pub config: Option<PathBuf>,
    /// The tokenizer's file (its kind is in the config).
    pub tokenizer: Option<PathBuf>,
    /// With a config, starting weights by our tensor names (safetensors); what the file lacks starts at random. Without
    /// one, a model: `pocket`, a checkpoint in any layout that is read (a folder, or a model file that describes itself),
    /// or else the name of a published model. What it means depends on which of these there are, so it stays as written.
    pub start: Option<PathBuf>,
    /// The folder that the paths of the data sets are relative to, itself relative to the recipe's file.
    #[serde(default = "here")]
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
    /// For captions: share of the draws that take a word or two of the photo's captions in place of a whole one.
    #[serde(default, skip_serializing_if = "is_off")]
    pub phrases: f64,
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

fn here() -> PathBuf {
    PathBuf::from(".")
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

/// What is wrong with a text that is no recipe, in one line.
fn told(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim().replace("unknown variant", "unknown value").replace('\n', ", ");
    let before = error.span().and_then(|span| text.get(..span.start));
    match before {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}

impl Recipe {
    /// Reads and checks a recipe; its paths come back resolved against the file's folder.
    ///
    /// # Errors
    /// [`TrainError::Io`] and [`TrainError::Recipe`].
    pub fn read(path: &Path) -> Result<Self, TrainError> {
        Ok(Self::read_as_written(path)?.resolved(path))
    }

    /// As [`read`](Self::read), with its paths as they are in the file.
    pub(crate) fn read_as_written(path: &Path) -> Result<Self, TrainError> {
        let text = clip_files::regular::read_to_string(path, MAX_RECIPE_BYTES).map_err(TrainError::reading(path))?;
        Self::parse_as_written(&text, path)
    }

    /// As [`read`](Self::read), for text that stands in the file at `path`.
    ///
    /// # Errors
    /// [`TrainError::Recipe`], with everything that is wrong at once.
    pub fn parse(text: &str, path: &Path) -> Result<Self, TrainError> {
        Ok(Self::parse_as_written(text, path)?.resolved(path))
    }

    fn parse_as_written(text: &str, path: &Path) -> Result<Self, TrainError> {
        let fail = |problems: Vec<String>| {
            let reason = match problems.as_slice() {
                [problem] => problem.clone(),
                _ => format!("it has {} problems\n{}", problems.len(), problems.join("\n")),
            };
            TrainError::Recipe { path: path.to_owned(), reason }
        };
        let table: toml::Table = text.parse().map_err(|error| fail(vec![told(text, &error)]))?;
        let fields::Problems { fields: mut problems, types } = fields::problems(&table);
        match toml::from_str::<Self>(text) {
            Ok(recipe) => {
                problems.extend(recipe.out_of_range());
                if problems.is_empty() { Ok(recipe) } else { Err(fail(problems)) }
            }
            Err(error) => {
                // serde tells the first problem only, in the words of Rust.
                problems.extend(types);
                if problems.is_empty() {
                    problems.push(told(text, &error));
                }
                Err(fail(problems))
            }
        }
    }

    /// With its paths resolved against the folder of the file at `path`.
    pub(crate) fn resolved(mut self, path: &Path) -> Self {
        let folder = path.parent().unwrap_or(Path::new(""));
        self.data = folder.join(&self.data);
        let start = self.start.as_mut().filter(|_| self.config.is_some());
        for file in [self.config.as_mut(), self.tokenizer.as_mut(), start].into_iter().flatten() {
            *file = folder.join(&*file);
        }
        if let Some(classifier) = &mut self.classifier {
            classifier.weights = folder.join(&classifier.weights);
            classifier.names = folder.join(&classifier.names);
        }
        for (csv, images) in self
            .photos
            .iter_mut()
            .map(|set| (&mut set.csv, &mut set.images))
            .chain([(&mut self.dev.csv, &mut self.dev.images)])
        {
            *csv = self.data.join(&*csv);
            *images = self.data.join(&*images);
        }
        self
    }

    /// Everything that would panic, train nothing or take for ever, far from the recipe's line.
    fn out_of_range(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |place: &str, value: &dyn std::fmt::Display, ok: bool, expected: &str| {
            if !ok {
                problems.push(format!("{place} is {value}, expected {expected}"));
            }
        };
        let views = &self.views;
        check("views.count", &views.count, (1..=64).contains(&views.count), "1 to 64");
        let share = |value: f64| value > 0.0 && value <= 1.0;
        check("views.min_area", &views.min_area, share(views.min_area), "above 0, at most 1");
        check("views.max_aspect", &views.max_aspect, (1.0..=100.0).contains(&views.max_aspect), "1 to 100");
        check("views.flip", &views.flip, (0.0..=1.0).contains(&views.flip), "0 to 1");
        for (number, set) in self.photos.iter().enumerate() {
            check(&format!("photos[{number}].share"), &set.share, share(set.share), "above 0, at most 1");
            let phrases = (0.0..=1.0).contains(&set.phrases);
            check(&format!("photos[{number}].phrases"), &set.phrases, phrases, "0 to 1");
        }
        for stage in &self.stages {
            let up_to = |value: f64, most: f64| (0.0..=most).contains(&value);
            let mut check = |field: &str, value: &dyn std::fmt::Display, ok: bool, expected: &str| {
                check(&format!("stages.{}.{field}", stage.name.escape_debug()), value, ok, expected);
            };
            check("batch", &stage.batch, (2..=65_536).contains(&stage.batch), "2 to 65536");
            check("captions", &stage.captions, (1..=16).contains(&stage.captions), "1 to 16");
            check("class_names", &stage.class_names, stage.class_names >= 1, "at least 1");
            check("epochs", &stage.epochs, (1..=1_000_000).contains(&stage.epochs), "1 to 1000000");
            check("warm_up", &stage.warm_up, up_to(stage.warm_up, 1e6), "0 or more");
            check("weight_decay", &stage.weight_decay, up_to(stage.weight_decay, 10.0), "0 to 10");
            check("average", &stage.average, up_to(stage.average, 1e6), "0 or more");
            if let Some(scale) = &stage.scale {
                check("scale", scale, *scale > 0.0 && *scale <= MAX_SCALE, "above 0, at most 100");
            }
            let losses = &stage.losses;
            for (name, weight) in [
                ("contrastive", losses.contrastive),
                ("classes", losses.classes),
                ("prototypes", losses.prototypes),
                ("sigmoid", losses.sigmoid),
            ] {
                check(&format!("losses.{name}"), &weight, up_to(weight, 1e3), "0 to 1000");
            }
            for (number, group) in stage.train.iter().enumerate() {
                check(&format!("train[{number}].rate"), &group.rate, up_to(group.rate, 10.0), "0 to 10");
            }
        }
        problems.extend(self.contradictions());
        problems
    }

    fn contradictions(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut fail = |reason: String| problems.push(reason);
        match (&self.config, &self.tokenizer, &self.start) {
            (Some(_), Some(_), _) | (None, None, Some(_)) => {}
            (None, None, None) => fail("it has neither a config and a tokenizer nor a start".into()),
            _ => fail("config and tokenizer must be given together, and not with a start, which has both".into()),
        }
        if self.photos.is_empty() {
            fail("expected at least one [[photos]] set".into());
        }
        let label = |templates: &[String]| templates.iter().find(|template| !template.contains("{}")).cloned();
        for (number, set) in self.photos.iter().enumerate() {
            if let Some(template) = label(&set.templates) {
                fail(format!("photos[{number}].templates has {template:?}, expected `{{}}` where the label goes"));
            }
        }
        if let Some(classifier) = &self.classifier {
            if classifier.templates.is_empty() {
                fail("classifier.templates is empty, expected at least one".into());
            }
            if let Some(template) = label(&classifier.templates) {
                fail(format!("classifier.templates has {template:?}, expected `{{}}` where the name goes"));
            }
        }
        if self.stages.is_empty() {
            fail("expected at least one [[stages]] entry".into());
        }
        for (index, stage) in self.stages.iter().enumerate() {
            if stage.name.is_empty() || !stage.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                fail(format!("the stage name {:?} is invalid; expected letters, digits and hyphens", stage.name));
            }
            if self.stages[..index].iter().any(|other| other.name == stage.name) {
                fail(format!("two stages are named {:?}", stage.name));
            }
            let losses = &stage.losses;
            if (losses.classes > 0.0 || losses.prototypes > 0.0) && self.classifier.is_none() {
                fail(format!("stage {:?} has a loss that needs a [classifier], but the recipe names none", stage.name));
            }
            if [losses.contrastive, losses.classes, losses.prototypes, losses.sigmoid].iter().all(is_off) {
                fail(format!("all losses of stage {:?} are 0, so it would learn nothing", stage.name));
            }
            if stage.train.iter().all(|group| group.rate == 0.0) {
                fail(format!("stage {:?} trains no tensors at a rate above 0", stage.name));
            }
            problems_of(&stage.train, &mut fail);
        }
        problems
    }
}

fn problems_of(groups: &[Group], fail: &mut impl FnMut(String)) {
    groups.iter().filter_map(|group| group.pattern().err()).for_each(fail);
}

impl Group {
    /// The group's expression, anchored at the start of a name.
    pub fn pattern(&self) -> Result<regex::Regex, String> {
        regex::Regex::new(&format!("^(?:{})", self.tensors))
            // The library's other lines draw the place.
            .map_err(|error| {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                format!("{:?} is not a regular expression: {reason}", self.tensors)
            })
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
            ("count = 3", "count = 0", "views.count is 0"),
            ("max_aspect = 1.4", "max_aspect = inf", "views.max_aspect"),
            ("max_aspect = 1.4", "max_aspect = nan", "views.max_aspect"),
            ("min_area = 0.5", "min_area = 0.0", "views.min_area"),
            ("min_area = 0.5", "min_area = nan", "views.min_area"),
            ("flip = 0.5", "flip = 2", "views.flip"),
            ("share = 0.15", "share = inf", "photos[2].share"),
            ("phrases = 0.2", "phrases = 1.5", "photos[0].phrases is 1.5, expected 0 to 1"),
            ("epochs = 12", "epochs = 0", "stages.heads.epochs is 0"),
            ("epochs = 12", "epochs = 9000000", "stages.heads.epochs"),
            ("batch = 512", "batch = 0", "stages.heads.batch is 0"),
            ("batch = 512", "batch = 1", "stages.heads.batch is 1, expected 2 to 65536"),
            ("captions = 2", "captions = 0", "stages.heads.captions"),
            ("class_names = 100", "class_names = 0", "stages.tails.class_names"),
            ("warm_up = 1", "warm_up = nan", "stages.heads.warm_up is NaN"),
            ("weight_decay = 0.1", "weight_decay = -1", "stages.heads.weight_decay is -1"),
            ("average = 1.5", "average = inf", "stages.heads.average"),
            ("scale = 20", "scale = 0", "stages.heads.scale"),
            ("scale = 20", "scale = -5", "stages.heads.scale"),
            ("scale = 20", "scale = nan", "stages.heads.scale"),
            ("scale = 20", "scale = 1000", "stages.heads.scale"),
            ("contrastive = 1.0", "contrastive = -1", "stages.heads.losses.contrastive"),
            ("classes = 0.5", "classes = nan", "stages.heads.losses.classes"),
            ("{ contrastive = 1.0, classes = 0.5, prototypes = 0.3 }", "{ contrastive = 0 }", "learn nothing"),
            ("rate = 1e-3", "rate = nan", "stages.heads.train[0].rate is NaN"),
            ("rate = 1e-3", "rate = -1", "stages.heads.train[0].rate is -1, expected 0 to 10"),
            ("rate = 1e-3", "rate = inf", "stages.heads.train[0].rate"),
            ("rate = 1e-3", "rate = 100", "stages.heads.train[0].rate"),
            ("'logit_scale'", "'('", "regular expression"),
            ("\"a picture of a {}\"", "\"a picture\"", "photos[2].templates has \"a picture\""),
            ("templates = [\"{}\", \"a {}\"", "templates = [] #", "classifier.templates"),
        ] {
            assert!(POCKET.contains(right), "{right}");
            let error = parse(&POCKET.replacen(right, wrong, 1)).unwrap_err().to_string();
            assert!(error.contains(named), "{wrong}: {error}");
        }
        let error = parse(&POCKET.replace("rate = 1e-3", "rate = 0")).unwrap_err().to_string();
        assert!(error.ends_with("is invalid: stage \"heads\" trains no tensors at a rate above 0"), "{error}");
        let rate = POCKET.replace("rate = ", "rate = -");
        let error = parse(&rate).unwrap_err().to_string();
        assert!(
            error.contains("stages.heads.train[0].rate") && error.contains("stages.finish.train[6].rate"),
            "{error}"
        );
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let error =
            parse("stages = [{ nmae = 'a', epochs = 'two', batch = 1 }]\n[views]\ncount = 3\n[dev]\ncsv = 'd'\n");
        let error = error.unwrap_err().to_string();
        for problem in [
            "problems",
            "missing field `name`\n",
            "missing field `photos`",
            "missing field `images` in [dev]",
            "unknown field `nmae` in [[stages]] entry 1; did you mean `name`?",
            "missing field `train` in [[stages]] entry 1",
            "missing field `min_area` in [views]",
            "`epochs` in [[stages]] entry 1 is of type string, expected a whole number",
        ] {
            assert!(error.contains(problem), "{problem}: {error}");
        }
        // What serde calls wrong is in no words of Rust.
        let error = parse("seed = 'one'").unwrap_err().to_string();
        assert!(error.contains("`seed` is of type string") && error.contains("missing field `name`"), "{error}");
        let error = parse(&POCKET.replace("int8", "f8")).unwrap_err().to_string();
        assert!(
            error.contains(": line ") && error.contains("unknown value `f8`") && error.lines().count() == 1,
            "{error}"
        );
        let error = parse("name = \"a\"\nseed = ").unwrap_err().to_string();
        assert!(error.contains(": line 2: ") && error.lines().count() == 1, "{error}");
        let error = parse(&POCKET.replacen("tensors = '", "tensors = '(", 1)).unwrap_err().to_string();
        assert!(error.contains("is not a regular expression: unclosed group"), "{error}");
        // One problem needs no list.
        let error = parse(&POCKET.replace("name = \"pocket\"", "")).unwrap_err().to_string();
        assert!(error.ends_with("is invalid: missing field `name`"), "{error}");
        // Values are not looked at before the shape is right, but all of them are.
        let error = parse(&POCKET.replace("epochs", "epochs = 0 #").replace("batch", "batch = 0 #")).unwrap_err();
        assert!(error.to_string().contains("6 problems"), "{error}");
    }

    #[test]
    fn the_template_is_a_recipe() {
        let recipe = parse(TEMPLATE).unwrap();
        assert_eq!(recipe.start.as_deref(), Some(Path::new("pocket")), "a name stays one");
        // The defaults that it shows are the defaults.
        let shown: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.starts_with('[') || setting.contains(" = ") => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let json = |recipe: &Recipe| serde_json::to_value(recipe).unwrap();
        // `data` and `seed` stand before the tables, as they must.
        assert_eq!(json(&parse(&shown).unwrap()), json(&recipe));
    }
}
