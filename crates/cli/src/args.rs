//! The command line as clap sees it: names, help texts and shapes. What the values mean is settled in
//! [`settings`](crate::settings).

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

/// Find photos by describing them: local, offline semantic photo search.
#[derive(Debug, Parser)]
#[command(
    name = "clip-search",
    version,
    about,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 done or found; 1 nothing found, or done but for some photos that were skipped; \
                  2 failed; 130 interrupted, with all that was done so far kept."
)]
pub(crate) struct Cli {
    /// Folder of the index [default: in the platform's data folder]
    #[arg(long, value_name = "DIR", global = true, env = "CLIP_SEARCH_INDEX", hide_env_values = true)]
    pub index: Option<PathBuf>,

    /// Never use the network; only `model pull` and `model verify` ever do
    #[arg(long, global = true)]
    pub offline: bool,

    #[command(subcommand)]
    pub command: Command,
}

/// One variant per command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Index the photos in folders, or bring the index up to date
    Index(IndexArgs),
    /// Find photos by a description or by an example
    Query(QueryArgs),
    /// Print the embeddings of texts or images
    Embed(EmbedArgs),
    /// Say which of some labels photos show, by the labels' names or by example photos
    Classify(ClassifyArgs),
    /// Measure how well a model matches captions and images
    Eval(EvalArgs),
    /// Measure how fast a model is on this machine
    Bench(BenchArgs),
    /// Show what the index holds
    Status(StatusArgs),
    /// Check every checksum of the index
    Verify(VerifyArgs),
    /// Train a model from a recipe
    Train(TrainArgs),
    /// List, download and check published models
    #[command(subcommand, disable_help_subcommand = true)]
    Model(ModelCommand),
}

/// What to do with published models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models that are known by name
    List(ModelListArgs),
    /// Show what is known of a model
    Info(PublishedModelArgs),
    /// Download a model into the Hugging Face cache, or go on with that
    Pull(PublishedModelArgs),
    /// Check the hash of every file of a downloaded model
    Verify(PublishedModelArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ModelListArgs {
    /// Print a JSON object per model
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PublishedModelArgs {
    /// A name from `model list`, or a repository on the hub (ORG/NAME)
    #[arg(value_name = "MODEL")]
    pub model: String,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Which model, and where it computes.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// `pocket` (built in), a name from `model list`, a repository on the hub (ORG/NAME), a checkpoint folder, or a
    /// model file (.safetensors) [default: the model of the index, else pocket]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<PathBuf>,

    /// Numbers that the image tower computes with; f16 takes half the memory, int8 a quarter and much less time, for
    /// slightly different embeddings [default: that of the index, else int8 for pocket and f32 for others]
    #[arg(long, value_enum, value_name = "PRECISION")]
    pub precision: Option<PrecisionArg>,

    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Values of `--precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionArg {
    F32,
    F16,
    Int8,
}

/// Where a model computes.
#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    /// Where to compute; `auto` takes a GPU if there is one
    #[arg(long, value_enum, value_name = "DEVICE", default_value_t = DeviceArg::Auto)]
    pub device: DeviceArg,
}

/// Values of `--device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceArg {
    Auto,
    Cpu,
    Gpu,
}

/// How much is done at a time.
#[derive(Debug, Args)]
pub(crate) struct WorkArgs {
    /// Threads that decode and encode [default: one for each core]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,

    /// How many photos the model takes at a time; more need more memory [default: 32, or 128 on a GPU]
    #[arg(long, value_name = "N")]
    pub batch: Option<NonZeroUsize>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(flatten)]
    pub work: WorkArgs,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    /// Folders to index; without any, the folders that the index knows are brought up to date
    #[arg(value_name = "DIR")]
    pub folders: Vec<PathBuf>,

    /// Embed every photo anew beside the old index, and replace it when done; --model does so by itself where the
    /// index was made with another model
    #[arg(long)]
    pub rebuild: bool,

    /// Also remove photos whose folder cannot be reached, as when a drive is gone for good
    #[arg(long)]
    pub forget_unreachable: bool,

    /// Save after so many photos, so that an interruption costs no more than those
    #[arg(long, value_name = "N", default_value = "1000", value_parser = parse_count)]
    pub checkpoint: u64,

    #[command(flatten)]
    pub work: WorkArgs,

    /// Print the summary as one JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["text", "image"])))]
pub(crate) struct QueryArgs {
    /// What the photos show, in words
    #[arg(value_name = "TEXT")]
    pub text: Vec<String>,

    /// Find photos that look like this one
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// How many photos to print at most
    #[arg(short = 'n', long, value_name = "N", default_value = "10", value_parser = parse_count)]
    pub limit: u64,

    /// Print a JSON object per photo
    #[arg(long, conflicts_with_all = ["null", "paths_only"])]
    pub json: bool,

    /// Print paths only, byte for byte, each ended by a zero byte (for `xargs -0`)
    #[arg(short = '0', long)]
    pub null: bool,

    /// Print paths only, byte for byte, one a line
    #[arg(long)]
    pub paths_only: bool,

    /// Compare with every photo, however large the index
    #[arg(long, conflicts_with = "graph")]
    pub exact: bool,

    /// Search the graph, however small the index
    #[arg(long)]
    pub graph: bool,

    /// Embed the words even if that was done lately; nothing is remembered
    #[arg(long)]
    pub no_cache: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("input").required(true).args(["text", "image"])))]
pub(crate) struct EmbedArgs {
    /// Texts to embed
    #[arg(long, value_name = "TEXT", num_args = 1..)]
    pub text: Vec<String>,

    /// Image files to embed
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub image: Vec<PathBuf>,

    /// Print the text tower's state for every token instead of the embedding
    #[arg(long, conflicts_with = "image")]
    pub hidden: bool,

    /// Print a JSON object per input
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("classes").required(true).args(["labels", "examples"])))]
pub(crate) struct ClassifyArgs {
    /// Photos to classify
    #[arg(value_name = "PHOTO", required = true)]
    pub photos: Vec<PathBuf>,

    /// The labels: a file with one a line, or the labels themselves, apart by commas
    #[arg(long, value_name = "FILE|A,B,C")]
    pub labels: Option<OsString>,

    /// A folder with a subfolder of example photos for each class; the subfolders' names are the labels
    #[arg(long, value_name = "DIR")]
    pub examples: Option<PathBuf>,

    /// What labels are embedded in: the 80 sentences of the CLIP paper, 7 of them, or nothing
    #[arg(long, value_enum, value_name = "SET", default_value_t = TemplatesArg::Short)]
    pub templates: TemplatesArg,

    /// How many labels to print for a photo at most [default: all]
    #[arg(long, value_name = "K", value_parser = parse_count)]
    pub top: Option<u64>,

    /// Print a JSON object per photo
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

/// Values of `--templates`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TemplatesArg {
    Imagenet,
    Short,
    None,
}

#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// CSV file with the columns `image` and `caption`, a line per caption
    #[arg(long, value_name = "CSV")]
    pub captions: PathBuf,

    /// Folder that the column `image` is relative to
    #[arg(long, value_name = "DIR")]
    pub images: PathBuf,

    /// Print the figures as one JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// The recipe: data, starting weights, towers and stages
    #[arg(value_name = "RECIPE.toml")]
    pub recipe: PathBuf,

    /// Folder for checkpoints and the finished model
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,

    /// Go on from the last checkpoint in the folder of --out
    #[arg(long)]
    pub resume: bool,

    #[command(flatten)]
    pub device: DeviceArgs,
}

fn parse_count(text: &str) -> Result<u64, &'static str> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a whole number from 1 on"),
        Ok(count) => Ok(count),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_finds_no_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_index_folder_may_stand_before_or_after_the_command() {
        for line in [["clip-search", "--index", "x", "status"], ["clip-search", "status", "--index", "x"]] {
            assert_eq!(Cli::parse_from(line).index, Some(PathBuf::from("x")));
        }
    }

    #[test]
    fn texts_and_images_take_several_values_and_exclude_each_other() {
        let cli = Cli::parse_from(["clip-search", "embed", "--text", "a", "b", "--text", "c", "--json"]);
        let Command::Embed(embed) = cli.command else { panic!("another command") };
        assert_eq!(embed.text, ["a", "b", "c"]);
        for line in [
            &["clip-search", "embed", "--text", "a", "--image", "b"][..],
            &["clip-search", "embed", "--image", "b", "--hidden"],
            &["clip-search", "embed"],
            &["clip-search", "classify", "--labels", "a,b"],
            &["clip-search", "classify", "x.jpg"],
            &["clip-search", "classify", "--labels", "a,b", "--examples", "d", "x.jpg"],
            &["clip-search", "query"],
            &["clip-search", "query", "a", "--image", "b"],
            &["clip-search", "query", "a", "--json", "-0"],
            &["clip-search", "query", "a", "--exact", "--graph"],
            &["clip-search", "query", "a", "-n", "0"],
        ] {
            assert!(Cli::try_parse_from(line).is_err(), "{line:?}");
        }
    }
}
