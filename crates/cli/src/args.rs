//! The command line as clap sees it: names, help texts and shapes. What the values mean is settled in
//! [`settings`](crate::settings).

use std::ffi::OsString;
#[cfg(feature = "serve")]
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgGroup, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use clip_search::{Depth, ExportFormat};

use crate::ocr::{self, Ocr};

/// Find photos by describing them: local, offline semantic photo search.
#[derive(Debug, Parser)]
#[command(
    name = "clip-search",
    version,
    after_help = "Exit status: 0 success; 1 nothing found, or photos were skipped that were not skipped before; 2 error; \
                  130 interrupted, with all finished work saved."
)]
pub(crate) struct Cli {
    /// Index folder [env: CLIP_SEARCH_INDEX] [default: in the user's data folder]
    // Not by clap's `env`, which takes a variable that is set to nothing for an empty argument. Accepted everywhere, and
    // shown where it means something: see `command`.
    #[arg(long, value_name = "DIR", global = true, hide = true)]
    pub index: Option<PathBuf>,

    /// Never access the network: use only what was downloaded before
    #[arg(long, global = true, hide = true)]
    pub offline: bool,

    /// Print only results, warnings and errors
    #[arg(short, long, global = true, display_order = 900, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more about what is done
    #[arg(short, long, global = true, display_order = 901)]
    pub verbose: bool,

    /// None: the user may not know yet what there is.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands that work on an index, and so show `--index` in their help.
const OF_AN_INDEX: [&str; 14] = [
    "index", "watch", "query", "dupes", "serve", "mcp", "eval", "remove", "status", "verify", "repair", "compact",
    "export", "import",
];

/// The commands of `search`, which work on an index too.
const OF_SEARCHES: [&str; 3] = ["save", "list", "remove"];

/// The commands of `model` that use the network, and so show `--offline`.
const OF_THE_NETWORK: [&str; 2] = ["pull", "verify"];

/// The commands that use a model and no index, which therefore cannot be the default.
const WITHOUT_INDEX: [&str; 4] = ["embed", "classify", "eval", "bench"];

/// The whole command line. The options that every command accepts are shown by those for which they mean something.
pub(crate) fn command() -> clap::Command {
    let root = Cli::command();
    let shown = |name: &str, place: usize| {
        let option = root.get_arguments().find(|option| option.get_id() == name);
        option.map(|option| option.clone().global(false).hide(false).display_order(place))
    };
    let (index, offline) = (shown("index", 0), shown("offline", 0));
    let root = root.mut_subcommands(|command| match command.get_name() {
        // Its index is not the one that a model comes from, unless it is asked about.
        "eval" => without_index(command).args(&index),
        name if OF_AN_INDEX.contains(&name) => command.args(&index),
        name if WITHOUT_INDEX.contains(&name) => without_index(command),
        "search" => command.mut_subcommands(|command| match command.get_name() {
            name if OF_SEARCHES.contains(&name) => command.args(&index),
            _ => command,
        }),
        "model" => command.mut_subcommands(|command| match command.get_name() {
            name if OF_THE_NETWORK.contains(&name) => command.args(&offline),
            _ => command,
        }),
        _ => command,
    });
    with_negative_numbers(root)
}

/// Takes `-1` after an option for its value, so that it is refused in the words of that option and not as an unknown option.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes_value = |option: &clap::Arg| !option.is_positional() && option.get_action().takes_values();
    command
        .mut_args(|option| if takes_value(&option) { option.allow_negative_numbers(true) } else { option })
        .mut_subcommands(with_negative_numbers)
}

/// Leaves the index out of what the help says about defaults.
fn without_index(command: clap::Command) -> clap::Command {
    let shorten = |argument: clap::Arg| {
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        argument.help(help.replace("the index's model, else ", "").replace("the index's precision, else ", ""))
    };
    command.mut_arg("model", shorten).mut_arg("precision", shorten)
}

/// Reads a command line, whose first argument is the program's name.
///
/// # Errors
/// What clap has to say, which may be the help that was asked for.
pub(crate) fn parse(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let mut arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    if arguments.iter().any(|argument| argument == "query" || argument == "search" || argument == "dupes") {
        arguments.iter_mut().for_each(keep_leading_minus);
    }
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// A query that begins with a minus, such as `-has:gps` or `-people beach`, is no bundle of options: no option of one letter
/// takes a value with a blank or a colon. It gets the minus of mathematics, which queries know too.
fn keep_leading_minus(argument: &mut OsString) {
    let Some(text) = argument.to_str() else { return };
    if let Some(rest) = text.strip_prefix('-')
        && rest.starts_with(|c: char| c.is_alphabetic() || matches!(c, '"' | '('))
        && rest.contains([' ', ':'])
    {
        *argument = format!("{MINUS}{rest}").into();
    }
}

/// The minus of mathematics.
const MINUS: char = '\u{2212}';

/// A query as it was typed, before its minus was kept from being an option.
pub(crate) fn as_typed(argument: &str) -> String {
    argument.strip_prefix(MINUS).map_or_else(|| argument.to_owned(), |rest| format!("-{rest}"))
}

/// One variant per command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Index the photos in folders, or bring the index up to date
    Index(IndexArgs),
    /// Keep the index up to date while photos are added, changed, moved and removed, until Ctrl-C
    Watch(WatchArgs),
    /// Find photos by a description or by an example
    Query(QueryArgs),
    /// Find identical files, copies of the same picture and bursts; nothing is deleted
    Dupes(DupesArgs),
    /// Save searches under names, for queries such as `@holidays -people`
    #[command(subcommand, after_help = "To find photos, use `clip-search query`.")]
    Search(SearchCommand),
    /// Show a page to search on, and answer other programs over HTTP
    #[cfg(feature = "serve")]
    Serve(ServeArgs),
    /// Let an assistant search and look at photos (Model Context Protocol, on standard input and output)
    #[cfg(feature = "mcp")]
    Mcp(McpArgs),
    /// Print the embeddings of texts or images
    Embed(EmbedArgs),
    /// Classify photos by label names or by example photos
    Classify(ClassifyArgs),
    /// Measure how well a model matches captions and images
    Eval(EvalArgs),
    /// Measure how fast a model is on this machine
    Bench(BenchArgs),
    /// Show the contents and size of the index
    Status(StatusArgs),
    /// Verify every checksum in the index
    Verify(VerifyArgs),
    /// Drop what is damaged in the index, and keep the rest
    Repair,
    /// Remove photos from the index and keep them out; the files are not touched
    Remove(RemoveArgs),
    /// Make the index as small as possible
    Compact,
    /// Write embeddings and photo details to files for other programs
    Export(ExportArgs),
    /// Add embeddings that were made elsewhere
    Import(ImportArgs),
    /// Train a model from a recipe
    Train(TrainArgs),
    /// List, download and check published models
    #[command(subcommand)]
    Model(ModelCommand),
    /// Show the settings that hold, and where each comes from
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a script by which a shell completes commands and options
    Completions(CompletionsArgs),
    /// Write the manual pages into a folder (used for packages)
    #[command(hide = true)]
    Man(ManArgs),
    /// Decode photos for another process of this program (used internally)
    #[command(hide = true)]
    DecodeWorker,
}

/// What to do with saved searches.
#[derive(Debug, Subcommand)]
pub(crate) enum SearchCommand {
    /// Save a search under a name; `clip-search query @NAME` runs it
    Save(SearchSaveArgs),
    /// List the saved searches
    List(SearchListArgs),
    /// Remove a saved search
    Remove(SearchRemoveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SearchSaveArgs {
    /// Name: letters, digits, `-` and `_`. A search that has the name already is replaced
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The query, as `query` takes it; several words need no quotes, signs do. `-` reads it from standard input
    #[arg(value_name = "QUERY", required = true)]
    pub text: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SearchListArgs {
    /// Print a JSON object per search
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchRemoveArgs {
    /// Name of the search
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting, its value, and where that comes from: an option, a variable, the settings file or the default
    Show(ConfigShowArgs),
    /// Print where the settings file is, or would be
    Path,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigShowArgs {
    /// Print a JSON object per setting
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder to write the pages to
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// What to do with published models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models in the catalogue
    List(ModelListArgs),
    /// Show details of a model
    Info(PublishedModelArgs),
    /// Download a model into the Hugging Face cache, resuming an earlier download
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
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// Model to use: `pocket` (built in), a name from `model list`, a Hugging Face repository (ORG/NAME), a checkpoint
    /// folder or a .safetensors file [default: the index's model, else pocket]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<PathBuf>,

    /// Numeric precision of the image tower; f16 halves its memory, int8 quarters it and is much faster, with slightly
    /// different embeddings [default: the index's precision, else int8 for pocket and f32 for other models]
    #[arg(long, value_enum, ignore_case = true, value_name = "PRECISION")]
    pub precision: Option<PrecisionArg>,

    /// The model of the settings, where there is no index that has one.
    #[arg(skip)]
    pub usual_model: Option<PathBuf>,

    /// Its precision.
    #[arg(skip)]
    pub usual_precision: Option<PrecisionArg>,

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
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// Device to compute on; `auto` uses a GPU if one is available [default: auto]
    #[arg(long, value_enum, ignore_case = true, value_name = "DEVICE")]
    pub device: Option<DeviceArg>,
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
    /// Number of threads for decoding and encoding [default: one per core]
    #[arg(long, value_name = "N", value_parser = threads)]
    pub threads: Option<NonZeroUsize>,

    /// Batch size; larger batches need more memory [default: 32, or 128 on a GPU]
    #[arg(long, value_name = "N", value_parser = count::<NonZeroUsize>(MAX_BATCH))]
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
    /// Folders to index, or single photos [default: what was indexed before]
    #[arg(value_name = "DIR|FILE")]
    pub folders: Vec<PathBuf>,

    /// Re-embed every photo into a new index, and replace the old one when it is complete; implied by --model if the
    /// index was made with another model
    #[arg(long)]
    pub rebuild: bool,

    /// Also remove photos whose folder is missing, empty or unreadable, for example on a drive that is gone for good
    #[arg(long)]
    pub forget_unreachable: bool,

    /// Leave out what matches, in this run and all later ones: a name (`raw`, `*.png`), the end of a path (`raw/*.png`), a
    /// path in the indexed folder (`/raw/*.png`) or a whole path; `status` lists them
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<PathBuf>,

    /// Undo an --exclude or a removal; or make an exception: index what matches despite an --exclude, in this run and all
    /// later ones
    #[arg(long, value_name = "PATTERN")]
    pub include: Vec<PathBuf>,

    /// Index only N levels of folders, in this run and all later ones: 1 for the photos in the folder itself, `none` for all
    #[arg(long, value_name = "N", value_parser = depth)]
    pub max_depth: Option<Depth>,

    /// Stay on the file system of the indexed folder, in this run and all later ones; `=no` undoes that
    #[arg(long, value_enum, ignore_case = true, value_name = "yes|no", num_args = 0..=1, require_equals = true,
        default_missing_value = "yes", hide_possible_values = true)]
    pub one_file_system: Option<YesNo>,

    /// Also read text in photos with the program tesseract, in this run and all later ones, once everything can be searched;
    /// `=deu+eng` names its languages [default: eng], `=none` undoes that
    #[arg(long, value_name = "LANGUAGES", value_parser = ocr::parse, num_args = 0..=1, require_equals = true,
        default_missing_value = "eng")]
    pub ocr: Option<Ocr>,

    /// Also index photos that are only in the cloud, which downloads them
    #[arg(long, alias = "download-placeholders")]
    pub download_photos: bool,

    /// Leave videos alone in this run; otherwise they are indexed if there is an ffmpeg on the path
    #[arg(long)]
    pub no_video: bool,

    /// Try again files that could not be read before, even if nothing has changed
    #[arg(long)]
    pub retry: bool,

    /// Save after every N photos; an interruption loses at most the photos since the last save
    #[arg(long, value_name = "N", default_value = "1000", value_parser = count::<u64>(MAX_COUNT))]
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
pub(crate) struct WatchArgs {
    /// Folders to index and watch besides those that are indexed already
    #[arg(value_name = "DIR|FILE")]
    pub folders: Vec<PathBuf>,

    /// List all folders again every N minutes, for changes that the system does not report; 0 for never [default: 30, or 5
    /// if a folder is on a network drive or cannot be watched]
    #[arg(long, value_name = "MINUTES", value_parser = from_zero)]
    pub rescan: Option<u64>,

    /// Also index photos that are only in the cloud, which downloads them
    #[arg(long)]
    pub download_photos: bool,

    /// Leave videos alone; otherwise they are indexed if there is an ffmpeg on the path
    #[arg(long)]
    pub no_video: bool,

    #[command(flatten)]
    pub work: WorkArgs,

    /// Print a JSON object for each batch of changes, one a line
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Clone, Args)]
#[command(group(ArgGroup::new("what").required(true).multiple(true).args(["text", "image", "interactive"])))]
pub(crate) struct QueryArgs {
    /// Description of the photos to find, and conditions such as `camera:nikon`, `year:2019` or `-people`; several words
    /// need no quotes, signs do. `-` reads it from standard input
    #[arg(value_name = "TEXT")]
    pub text: Vec<String>,

    /// Find photos similar to this one
    #[arg(long, value_name = "FILE")]
    pub image: Option<PathBuf>,

    /// Search while you type, on a terminal: open results, copy their paths, and look for more or less like one
    #[arg(short, long, conflicts_with_all = ["image", "json", "null", "paths_only", "count", "group", "export", "explain"])]
    pub interactive: bool,

    /// Look only at this part of the image: left, top, width and height in pixels, or in percent (`25%,0,50%,100%`)
    #[arg(long, value_name = "X,Y,W,H", requires = "image", value_parser = crop)]
    pub crop: Option<Crop>,

    /// Take the text as a description as it is: nothing in it is a condition
    #[arg(long)]
    pub literal: bool,

    /// Maximum number of results; identical files count as one [default: 10]
    #[arg(short = 'n', long, value_name = "N", value_parser = limit)]
    pub limit: Option<u64>,

    /// Leave out the first N results
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true, value_parser = from_zero)]
    pub offset: u64,

    /// Print all results, matches or not
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,

    /// Print only how many photos meet the conditions
    #[arg(long, conflicts_with_all = ["json", "null", "paths_only", "group", "export"])]
    pub count: bool,

    /// Order of the results. Which ones they are is decided before: the best, if there is a description
    #[arg(long, value_name = "ORDER", default_value = "relevance")]
    pub sort: SortArg,

    /// Print results under headings
    #[arg(long, value_name = "BY", conflicts_with_all = ["json", "null", "paths_only"])]
    pub group: Option<GroupArg>,

    /// Make raw files, edited copies and the shots of a burst results of their own
    #[arg(long)]
    pub no_pairs: bool,

    /// Make near duplicates and shots of the same moment one result
    #[arg(long)]
    pub collapse: bool,

    /// Put results later that show much the same as an earlier one: the best hundred come in another order
    #[arg(long)]
    pub diverse: bool,

    /// Put symbolic links to the results, or copies of them, into a folder
    #[arg(long, num_args = 2, value_names = ["links|copies", "DIR"])]
    pub export: Option<Vec<PathBuf>>,

    /// Leave out results whose relevance, from 0 to 1, is lower than this
    #[arg(long, value_name = "R", value_parser = share)]
    pub min_relevance: Option<f32>,

    /// How words that are in names, folders, keywords, titles and cameras count besides what photos show [default: scores]
    #[arg(long, value_enum, ignore_case = true, value_name = "HOW")]
    pub fusion: Option<FusionArg>,

    /// Rank by plain similarity: do not correct the scores of photos that are near to every text, and do not count words in
    /// names and keywords
    #[arg(long)]
    pub raw: bool,

    /// Print one JSON object per photo
    #[arg(long, conflicts_with_all = ["null", "paths_only"])]
    pub json: bool,

    /// Print only paths, as raw bytes, each followed by a NUL byte (for `xargs -0`)
    #[arg(short = '0', long)]
    pub null: bool,

    /// Print only paths, as raw bytes, one per line
    #[arg(long)]
    pub paths_only: bool,

    /// Show pictures of the first N results on a terminal, if need be made of characters. `auto` shows them where the
    /// terminal is known to show real pictures [default: auto]
    #[arg(long, value_name = "auto|never|N", value_parser = preview)]
    pub preview: Option<PreviewArg>,

    /// Compare the query with every photo's embedding as it is stored: slower, and never misses one
    #[arg(long, conflicts_with = "graph")]
    pub exact: bool,

    /// Use the search graph, even for a small index
    #[arg(long)]
    pub graph: bool,

    /// Say on standard error how the query was understood and carried out, what the score of the first result is made of, and how
    /// long each part took; `--explain=json` says it as one JSON object
    #[arg(long, value_enum, ignore_case = true, value_name = "AS", num_args = 0..=1, require_equals = true,
        default_missing_value = "text", hide_possible_values = true)]
    pub explain: Option<ExplainArg>,

    /// Do not read or write the cache of recent text embeddings
    #[arg(long)]
    pub no_cache: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

/// Values of `--explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainArg {
    /// Lines for people
    Text,
    /// One JSON object
    Json,
}

#[cfg(feature = "mcp")]
#[derive(Debug, Args)]
#[command(after_help = "Assistants start the command themselves; docs/mcp.md says how to tell them.")]
pub(crate) struct McpArgs {
    /// Do not tell where photos were taken
    #[arg(long)]
    pub no_places: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[cfg(feature = "serve")]
#[derive(Debug, Args)]
#[command(after_help = "docs/server.md describes the API, and who is let in.")]
pub(crate) struct ServeArgs {
    /// Address and port to listen at; port 0 takes a free one. Other addresses than those of this machine itself need a token
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080", value_parser = listen)]
    pub listen: SocketAddr,

    /// Let in only who knows the token in this file, of 16 characters or more
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Answer for this host name too, for instance that of a reverse proxy; may be given several times
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,

    /// Do not tell where photos were taken; their files, which have that inside, are not served either
    #[arg(long)]
    pub no_places: bool,

    /// Let nobody add folders
    #[arg(long)]
    pub read_only: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

/// In which order results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortArg {
    /// The best first; without a description, the newest
    Relevance,
    /// The newest first
    Date,
    /// The oldest first
    Oldest,
    /// By path
    Path,
    /// The largest file first
    Size,
}

/// How words and meaning are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FusionArg {
    /// The words that a photo has add to its score
    Scores,
    /// By reciprocal rank fusion
    Ranks,
    /// They do not count
    Off,
}

/// What results are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupArg {
    /// The day that they were taken
    Day,
    /// The month that they were taken
    Month,
    /// The folder that they are in
    Folder,
}

/// Which results get a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PreviewArg {
    /// The first few, where the terminal shows real pictures.
    Auto,
    Never,
    /// So many, on any terminal.
    First(usize),
}

/// Parses which results get a picture.
pub(crate) fn preview(text: &str) -> Result<PreviewArg, String> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(PreviewArg::Auto);
    }
    if text.eq_ignore_ascii_case("never") {
        return Ok(PreviewArg::Never);
    }
    let number = whole::<usize>(0..=MAX_COUNT)(text);
    number
        .map(|first| if first == 0 { PreviewArg::Never } else { PreviewArg::First(first) })
        .map_err(|expected| format!("{expected}, auto or never"))
}

/// A part of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Crop(pub [Length; 4]);

/// Pixels, or a share of a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Length {
    Pixels(u32),
    Share(f64),
}

impl Length {
    /// In pixels, of a side that has so many.
    pub fn of(self, side: u32) -> u32 {
        match self {
            Self::Pixels(pixels) => pixels,
            Self::Share(share) => (share * f64::from(side)).round() as u32,
        }
    }
}

/// Parses a number from 0 to 1.
pub(crate) fn share(text: &str) -> Result<f32, String> {
    let share = text.parse().ok().filter(|share: &f32| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "expected a number from 0 to 1".to_owned())
}

fn crop(text: &str) -> Result<Crop, String> {
    let length = |text: &str| match text.trim().strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(Length::Share(percent / 100.0))
        }
        None => text.trim().parse().ok().map(Length::Pixels),
    };
    let lengths: Option<Vec<Length>> = text.split(',').map(length).collect();
    let lengths = lengths.and_then(|lengths| lengths.try_into().ok());
    lengths
        .map(Crop)
        .ok_or_else(|| "expected four numbers, separated by commas: left, top, width and height".to_owned())
}

/// Parses an address of this machine with a port. Names are not looked up, but for `localhost`.
#[cfg(feature = "serve")]
fn listen(text: &str) -> Result<SocketAddr, String> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    let expected = "expected an IP address and a port, such as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080";
    numeric.parse().map_err(|_| expected.to_owned())
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

    /// Print the text tower's hidden state for every token instead of the embedding
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
    /// Photos to classify; of a folder, all photos in it and in its subfolders
    #[arg(value_name = "PHOTO|DIR", required = true)]
    pub photos: Vec<PathBuf>,

    /// Labels: a file with one label per line, or a comma-separated list
    #[arg(long, value_name = "FILE|A,B,C")]
    pub labels: Option<OsString>,

    /// A folder with a subfolder of example photos for each class; the subfolders' names are the labels
    #[arg(long, value_name = "DIR")]
    pub examples: Option<PathBuf>,

    /// Prompt templates for the labels: the 80 of the CLIP paper, 7 of those, or none
    #[arg(long, value_enum, ignore_case = true, value_name = "SET", default_value_t = TemplatesArg::Short)]
    pub templates: TemplatesArg,

    /// Maximum number of labels to print per photo [default: all]
    #[arg(long, value_name = "K", value_parser = count::<u64>(MAX_COUNT))]
    pub top: Option<u64>,

    /// Print one JSON object per photo
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
    /// CSV file with columns `image` and `caption`, one row per caption
    #[arg(long, value_name = "CSV", required_unless_present = "unrefine")]
    pub captions: Option<PathBuf>,

    /// Folder that paths in the `image` column are relative to
    #[arg(long, value_name = "DIR", required_unless_present = "unrefine")]
    pub images: Option<PathBuf>,

    /// Refine the relevance of results in the index by these captions, which should be of photos as are in it, if that makes it better;
    /// with the model of the index
    #[arg(long)]
    pub refine: bool,

    /// Take back what was refined
    #[arg(long, conflicts_with_all = ["refine", "captions", "images", "json"])]
    pub unrefine: bool,

    /// Print the results as one JSON object
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
pub(crate) struct DupesArgs {
    /// Conditions that photos must meet, such as `path:holiday` or `year:2019`; without any, all photos are compared
    #[arg(value_name = "CONDITIONS")]
    pub conditions: Vec<String>,

    /// Find only these duplicates; several are separated by commas
    #[arg(long, value_name = "LEVEL", value_delimiter = ',')]
    pub level: Vec<LevelArg>,

    /// Print a JSON object per group
    #[arg(long)]
    pub json: bool,
}

/// In what way photos are duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LevelArg {
    /// Files with the same bytes
    Bytes,
    /// The same picture: another size, format or quality, cropped a little, turned or mirrored
    Picture,
    /// Shots that a camera took within seconds of one another
    Burst,
}

#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Photos to remove, and folders with all photos in them; they need not exist any more
    #[arg(value_name = "DIR|FILE", required = true)]
    pub paths: Vec<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Folder to write `embeddings.npy`, `items.ndjson` and `model.json` to; existing files are not overwritten
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// Format of the embeddings and details: a NumPy array and JSON objects, one per line, or `items.parquet` with both
    #[arg(long, value_enum, ignore_case = true, value_name = "FORMAT", default_value_t = ExportFormatArg::Npy)]
    pub format: ExportFormatArg,
}

/// Values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormatArg {
    Npy,
    Parquet,
}

impl From<ExportFormatArg> for ExportFormat {
    fn from(format: ExportFormatArg) -> Self {
        match format {
            ExportFormatArg::Npy => ExportFormat::Npy,
            ExportFormatArg::Parquet => ExportFormat::Parquet,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Parquet file with the paths and embeddings of photos, folder of such files, or output folder of clip-retrieval or
    /// `export`; before arrays, a file of JSON objects, one per line, or a Parquet file, each line or row with the `path` of a
    /// photo; docs/exchange.md has the details
    #[arg(value_name = "FILE|DIR")]
    pub items: PathBuf,

    /// NumPy arrays whose rows are the embeddings of these photos, in the same order
    #[arg(value_name = "EMBEDDINGS.npy")]
    pub arrays: Vec<PathBuf>,

    /// Folder that relative paths begin in
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,

    /// Column of a Parquet file with the paths [default: `path`, `image_path` or a similar name]
    #[arg(long, value_name = "NAME")]
    pub path_column: Option<String>,

    /// Column of a Parquet file with the embeddings [default: the only one of lists of numbers, or a name such as `embedding`]
    #[arg(long, value_name = "NAME", conflicts_with = "arrays")]
    pub embedding_column: Option<String>,

    /// Replace photos that the index already has, instead of skipping them
    #[arg(long)]
    pub replace: bool,

    #[command(flatten)]
    pub model: ModelArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Training recipe: data, initial weights, towers and stages
    #[arg(value_name = "RECIPE.toml")]
    pub recipe: PathBuf,

    /// Output folder for checkpoints and the finished model; needed for training
    #[arg(long, value_name = "DIR", required_unless_present_any = ["init", "list_tensors"])]
    pub out: Option<PathBuf>,

    /// Resume from the last checkpoint in the --out folder
    #[arg(long)]
    pub resume: bool,

    /// Start over, and discard the checkpoint in the --out folder
    #[arg(long, conflicts_with = "resume")]
    pub restart: bool,

    /// Write a commented recipe to RECIPE.toml, to be edited
    #[arg(long, conflicts_with_all = ["out", "resume", "restart", "list_tensors"])]
    pub init: bool,

    /// Print the model's tensors and the rate at which each stage trains them, and train nothing
    #[arg(long, conflicts_with_all = ["out", "resume", "restart"])]
    pub list_tensors: bool,

    #[command(flatten)]
    pub device: DeviceArgs,
}

/// Values of options that last until they are set to `no`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum YesNo {
    Yes,
    No,
}

/// Parses how deep folders are entered.
fn depth(text: &str) -> Result<Depth, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(Depth::Any);
    }
    let levels = count::<NonZeroU32>(MAX_COUNT)(text);
    levels.map(Depth::UpTo).map_err(|expected| format!("{expected}, or none"))
}

/// The most threads: more than machines have cores, and few enough for any system to start.
const MAX_THREADS: u64 = 1024;
/// The most photos in a batch: what goes beyond takes gigabytes and gains nothing.
const MAX_BATCH: u64 = 1024;
/// The most of anything else that is counted.
const MAX_COUNT: u64 = 1_000_000_000;

/// Parses a number of threads.
pub(crate) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    count(MAX_THREADS)(text)
}

/// Parses a number of results.
pub(crate) fn limit(text: &str) -> Result<u64, String> {
    count(MAX_COUNT)(text)
}

/// Parses a number that may be 0.
fn from_zero(text: &str) -> Result<u64, String> {
    whole(0..=MAX_COUNT)(text)
}

/// Parses whole numbers from 1 to `max`.
fn count<N: FromStr>(max: u64) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static {
    whole(1..=max)
}

/// Parses whole numbers in a range: the one parser of all numbers on the command line.
fn whole<N: FromStr>(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static {
    move |text| {
        let in_range = text.parse().is_ok_and(|number: u64| range.contains(&number));
        let number = text.parse().ok().filter(|_| in_range);
        number.ok_or_else(|| format!("expected a whole number from {} to {}", range.start(), range.end()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_contradiction() {
        command().debug_assert();
    }

    #[test]
    fn numbers_out_of_range_are_refused_in_the_same_words() {
        for (line, max) in [
            (&["clip-search", "index", "--threads"][..], MAX_THREADS),
            (&["clip-search", "bench", "--threads"], MAX_THREADS),
            (&["clip-search", "index", "--batch"], MAX_BATCH),
            (&["clip-search", "bench", "--batch"], MAX_BATCH),
            (&["clip-search", "index", "--checkpoint"], MAX_COUNT),
            (&["clip-search", "query", "a", "-n"], MAX_COUNT),
            (&["clip-search", "classify", "x.jpg", "--labels", "a,b", "--top"], MAX_COUNT),
        ] {
            let parsed = |number: &str| parse([line, &[number]].concat());
            for number in ["1", &max.to_string()] {
                assert!(parsed(number).is_ok(), "{line:?} {number}");
            }
            let beyond = (max + 1).to_string();
            for number in ["0", "-1", &beyond, "18446744073709551616", "1e3", "", "many", "1.5"] {
                let error = parsed(number).unwrap_err().to_string();
                let expected = format!("expected a whole number from 1 to {max}");
                assert!(number.is_empty() || error.contains(&expected), "{line:?} {number:?}: {error}");
            }
        }
    }

    #[cfg(feature = "serve")]
    #[test]
    fn a_server_listens_at_an_address_with_a_port() {
        for (text, expected) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("localhost:0", "127.0.0.1:0"),
            ("[::1]:80", "[::1]:80"),
            ("0.0.0.0:8080", "0.0.0.0:8080"),
        ] {
            assert_eq!(listen(text).unwrap().to_string(), expected);
        }
        for text in ["", "8080", ":8080", "localhost", "localhost:", "1:2:3", "127.0.0.1", "::1:80", "example.org:80"] {
            assert!(listen(text).is_err_and(|error| error.starts_with("expected an IP address and a port")), "{text}");
        }
    }

    #[test]
    fn the_index_folder_may_stand_before_or_after_the_command() {
        for line in [["clip-search", "--index", "x", "status"], ["clip-search", "status", "--index", "x"]] {
            assert_eq!(parse(line).unwrap().index, Some(PathBuf::from("x")));
        }
    }

    #[test]
    fn options_are_shown_where_they_mean_something_and_accepted_everywhere() {
        let mut root = command();
        root.build();
        let mut commands = vec![root];
        while let Some(mut command) = commands.pop() {
            commands.extend(command.get_subcommands().filter(|command| command.get_name() != "help").cloned());
            let name = command.get_bin_name().unwrap_or_default().to_owned();
            let help = command.render_help().to_string();
            let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
            let has = |names: &[&str], before: &str| names.iter().any(|word| name == format!("{before}{word}"));
            let is_of_index = has(&OF_AN_INDEX, "clip-search ") || has(&OF_SEARCHES, "clip-search search ");
            assert_eq!(help.contains("--index "), is_of_index, "{name}: {help}");
            assert_eq!(help.contains("--offline"), has(&OF_THE_NETWORK, "clip-search model "), "{name}: {help}");
            let has_default = help.contains("the index's model");
            assert!(!has_default || help.contains("--index "), "{name}: {help}");
            assert!(help.contains("--quiet") && help.contains("--verbose"), "{name}: {help}");
        }
        let cli = parse(["clip-search", "bench", "--index", "x", "--offline", "-v"]).unwrap();
        assert_eq!((cli.index, cli.offline, cli.quiet, cli.verbose), (Some(PathBuf::from("x")), true, false, true));
        for line in [["clip-search", "--offline", "model", "list"], ["clip-search", "model", "list", "--offline"]] {
            assert!(parse(line).unwrap().offline);
        }
        for line in
            [["clip-search", "model", "pull", "x", "--offline"], ["clip-search", "--offline", "model", "pull", "x"]]
        {
            assert!(parse(line).unwrap().offline);
        }
        assert!(parse(["clip-search", "status", "-q", "-v"]).is_err());
    }

    #[test]
    fn values_with_capitals_are_the_same() {
        let cli = parse(["clip-search", "bench", "--device", "CPU", "--precision", "Int8"]).unwrap();
        let Some(Command::Bench(bench)) = cli.command else { panic!("another command") };
        assert_eq!(
            (bench.model.device.device, bench.model.precision),
            (Some(DeviceArg::Cpu), Some(PrecisionArg::Int8))
        );
    }

    #[test]
    fn limits_of_folders_are_set_and_taken_back() {
        let index = |arguments: &[&str]| {
            let cli = parse([&["clip-search", "index"], arguments].concat())?;
            let Some(Command::Index(index)) = cli.command else { panic!("another command") };
            Ok::<_, clap::Error>((index.max_depth, index.one_file_system, index.folders))
        };
        let levels = |levels| Some(Depth::UpTo(NonZeroU32::new(levels).unwrap()));
        assert_eq!(index(&["--max-depth", "2"]).unwrap().0, levels(2));
        assert_eq!(index(&["--max-depth", "none"]).unwrap().0, Some(Depth::Any));
        assert_eq!(index(&["--one-file-system=no"]).unwrap().1, Some(YesNo::No));
        // A folder after it is no value.
        assert_eq!(index(&["--one-file-system", "no"]).unwrap(), (None, Some(YesNo::Yes), vec!["no".into()]));
        assert_eq!(index(&[]).unwrap(), (None, None, Vec::new()));
        for depth in ["0", "-1", "all", ""] {
            assert!(index(&["--max-depth", depth]).is_err(), "{depth}");
        }
    }

    #[test]
    fn a_query_may_begin_with_a_minus() {
        let text = |argument: &str| {
            let cli = parse(["clip-search", "query", argument, "-n", "3", "--json"]).unwrap();
            let Some(Command::Query(query)) = cli.command else { panic!("another command") };
            assert!(query.json && query.limit == Some(3));
            query.text
        };
        assert_eq!(text("-has:gps"), ["\u{2212}has:gps"]);
        assert_eq!(text("-people beach"), ["\u{2212}people beach"]);
        assert_eq!(text("beach -people"), ["beach -people"]);
        let cli = parse(["clip-search", "search", "save", "empty", "-people beach", "-q"]).unwrap();
        let Some(Command::Search(SearchCommand::Save(save))) = cli.command else { panic!("another command") };
        assert_eq!(
            (cli.quiet, save.text.iter().map(|text| as_typed(text)).collect()),
            (true, vec!["-people beach".to_owned()])
        );
    }

    #[test]
    fn texts_and_images_take_several_values_and_exclude_each_other() {
        let cli = parse(["clip-search", "embed", "--text", "a", "b", "--text", "c", "--json"]).unwrap();
        let Some(Command::Embed(embed)) = cli.command else { panic!("another command") };
        assert_eq!(embed.text, ["a", "b", "c"]);
        for line in [
            &["clip-search", "embed", "--text", "a", "--image", "b"][..],
            &["clip-search", "embed", "--image", "b", "--hidden"],
            &["clip-search", "embed"],
            &["clip-search", "classify", "--labels", "a,b"],
            &["clip-search", "classify", "x.jpg"],
            &["clip-search", "classify", "--labels", "a,b", "--examples", "d", "x.jpg"],
            &["clip-search", "query"],
            &["clip-search", "query", "a", "--crop", "0,0,5,5"],
            &["clip-search", "query", "a", "--json", "-0"],
            &["clip-search", "query", "a", "--exact", "--graph"],
            &["clip-search", "query", "a", "-n", "0"],
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }
}
