//! The JSON of results, as the program prints it: for servers and scripts that are to agree with it.
//!
//! Every type borrows what it shows and is made by `From`. Members are only ever added.

mod answer;
mod explanation;
mod photo;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clip_index::{Exclude, IndexReader, Kind, ModelOrigin, Record, Status, VerifyReport};
use clip_indexer::{PassedOver, PassedOverKind, Removed, Report, Skipped, StageTimes, TextReport};
use clip_query::{DuplicateGroup, Hit, Member};
use serde::Serialize;

pub use answer::{JsonAnswer, JsonDay, JsonPart, JsonPlaces, JsonSpot, JsonTimeline, JsonUnderstood};
pub use explanation::{
    JsonAlternative, JsonBreakdown, JsonCondition, JsonExplanation, JsonPlan, JsonTerm, JsonTimes, JsonWord, term_text,
};
pub use photo::JsonPhoto;

/// A path: as text, and byte for byte besides where text cannot hold it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonPath<'a> {
    /// With a replacement character for what is not UTF-8.
    pub path: Cow<'a, str>,
    /// The bytes in base64, if they are not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
}

impl<'a> From<&'a Path> for JsonPath<'a> {
    fn from(path: &'a Path) -> Self {
        Self { path: path.to_string_lossy(), path_bytes: base64_unless_text(path) }
    }
}

/// The bytes of a path in base64 if they are not UTF-8.
pub fn base64_unless_text(path: &Path) -> Option<String> {
    path.to_str().is_none().then(|| BASE64_STANDARD.encode(clip_files::path_bytes::lossy(path)))
}

/// A saved search.
#[derive(Debug, Serialize)]
pub struct JsonSearch<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its text.
    pub query: &'a str,
}

impl<'a> From<(&'a str, &'a str)> for JsonSearch<'a> {
    fn from((name, query): (&'a str, &'a str)) -> Self {
        Self { name, query }
    }
}

/// A result of a query.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonHit<'a> {
    /// 1 for the best.
    pub rank: usize,
    /// Cosine similarity, -1 to 1; null if the query only sets conditions.
    pub score: Option<f32>,
    /// What results are ranked by: the similarity, less what counts against photos that are near to every text, and with what
    /// words in names and keywords add.
    pub adjusted: Option<f32>,
    /// The estimate that the photo shows what was asked for, 0 to 1; null where none is to be had.
    pub relevance: Option<f32>,
    /// False if this is only one of the nearest, and no good match.
    #[serde(rename = "match")]
    pub is_match: bool,
    /// Where the photo is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// Its id in the index.
    pub id: u64,
    /// The id of the item that was found, if the asset has several: moments of a video, pages of a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<u64>,
    /// Where that item is: milliseconds from the beginning, or pages from the first, which is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// `"video"` or `"document"`; left out for a photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The moment of a video that was found, in seconds from its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<f64>,
    /// How long a video is, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// When it was taken, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<i64>,
    /// Make and model of the camera.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<&'a str>,
    /// Lens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens: Option<&'a str>,
    /// Latitude and longitude in degrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gps: Option<(f64, f64)>,
    /// Sensitivity (ISO speed).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iso: Option<u32>,
    /// Focal length of the lens, in millimetres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub focal_length: Option<f32>,
    /// Exposure time, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure_time: Option<f32>,
    /// The f-number of the aperture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aperture: Option<f32>,
    /// The identifier that the shots of a burst share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<&'a str>,
    /// True if it is a Live Photo or a motion photo; left out otherwise.
    #[serde(skip_serializing_if = "is_false")]
    pub motion: bool,
    /// True if there is no file at the path at present; left out if there is one.
    #[serde(skip_serializing_if = "is_false")]
    pub missing: bool,
    /// The other files with the same bytes, which are no results of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<JsonDuplicate<'a>>,
    /// The files that belong to it: raw files, edited versions, the other shots of its burst, the video of a Live Photo.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<JsonMember<'a>>,
    /// Near duplicates and other shots of the same moment, if they were to be one result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alike: Vec<JsonDuplicate<'a>>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A file that belongs to a result.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonMember<'a> {
    /// What it is to the result: "raw", "edited", "original", "copy", "burst" or "live".
    pub role: &'static str,
    /// Where it is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// Its id in the index; absent for the video of a Live Photo, which is not indexed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

impl<'a> From<&'a Member> for JsonMember<'a> {
    fn from(member: &'a Member) -> Self {
        Self {
            role: member.role.name(),
            path: JsonPath::from(member.path.as_path()),
            id: member.record.as_ref().map(|record| record.id),
        }
    }
}

/// A file that goes with a result.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonDuplicate<'a> {
    /// Where it is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// Its id in the index.
    pub id: u64,
}

impl<'a> From<&'a Record> for JsonDuplicate<'a> {
    fn from(record: &'a Record) -> Self {
        Self { path: JsonPath::from(record.asset.path.as_path()), id: record.id }
    }
}

impl<'a> From<&'a Hit> for JsonHit<'a> {
    /// Looks whether the file is there; see [`Hit::is_missing`].
    fn from(hit: &'a Hit) -> Self {
        let has_several = hit.record.positions.len() > 1;
        Self {
            rank: hit.rank,
            score: hit.score,
            adjusted: hit.adjusted,
            relevance: hit.relevance,
            is_match: hit.is_match,
            item: has_several.then_some(hit.item),
            position: has_several.then_some(hit.position),
            kind: kind_beside_photo(hit.record.asset.kind),
            time: (hit.record.asset.kind == Kind::Video).then_some(seconds(hit.position)),
            duration: hit.record.asset.duration.map(seconds),
            path: JsonPath::from(hit.path.as_path()),
            id: hit.id,
            width: hit.record.asset.width,
            height: hit.record.asset.height,
            taken_at: hit.record.asset.taken_at,
            camera: hit.record.asset.camera.as_deref(),
            lens: hit.record.asset.lens.as_deref(),
            gps: hit.record.asset.gps,
            iso: hit.record.asset.iso,
            focal_length: hit.record.asset.focal_length,
            exposure_time: hit.record.asset.exposure.time,
            aperture: hit.record.asset.exposure.aperture,
            burst: hit.record.asset.related.burst.as_deref(),
            motion: hit.record.asset.moves(),
            missing: hit.is_missing(),
            duplicates: hit.duplicates.iter().map(JsonDuplicate::from).collect(),
            members: hit.members.iter().map(JsonMember::from).collect(),
            alike: hit.alike.iter().map(JsonDuplicate::from).collect(),
        }
    }
}

/// Milliseconds in seconds.
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// What a file is, if it is no photo.
fn kind_beside_photo(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Video => Some("video"),
        Kind::Document => Some("document"),
        _ => None,
    }
}

/// Photos that are duplicates of one another.
#[derive(Debug, Serialize)]
pub struct JsonDuplicates<'a> {
    /// `"bytes"`, `"picture"` or `"burst"`.
    pub level: &'static str,
    /// The path of the photo that is to be kept, as text.
    pub keep: Cow<'a, str>,
    /// Why, in a few words.
    pub reason: String,
    /// All of them, the one to be kept first.
    pub photos: Vec<JsonDuplicatePhoto<'a>>,
}

/// One of several duplicates.
#[derive(Debug, Serialize)]
pub struct JsonDuplicatePhoto<'a> {
    /// Where it is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// Its id in the index.
    pub id: u64,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// Size of the file.
    pub bytes: u64,
    /// When it was taken, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<i64>,
}

impl<'a> From<&'a Record> for JsonDuplicatePhoto<'a> {
    fn from(record: &'a Record) -> Self {
        let asset = &record.asset;
        Self {
            path: JsonPath::from(asset.path.as_path()),
            id: record.id,
            width: asset.width,
            height: asset.height,
            bytes: asset.stamp.size,
            taken_at: asset.taken_at,
        }
    }
}

impl<'a> From<&'a DuplicateGroup> for JsonDuplicates<'a> {
    fn from(group: &'a DuplicateGroup) -> Self {
        Self {
            level: group.level.name(),
            keep: group.photos.first().map(|keep| keep.asset.path.to_string_lossy()).unwrap_or_default(),
            reason: group.reason.to_string(),
            photos: group.photos.iter().map(JsonDuplicatePhoto::from).collect(),
        }
    }
}

/// What an update did.
#[derive(Debug, Serialize)]
pub struct JsonReport<'a> {
    /// New or changed photos and videos.
    pub indexed: u64,
    /// How many of `indexed` are videos; absent if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub videos: Option<u64>,
    /// How many frames of these videos can be found; absent if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
    /// Photos that the index knew as they are.
    pub unchanged: u64,
    /// Photos that lie elsewhere now.
    pub moved: u64,
    /// Photos that left the index.
    pub removed: u64,
    /// Files that could not be indexed, without those that an earlier run told of and that are as they were.
    pub skipped: Vec<JsonPlace<'a>>,
    /// How many files could not be indexed in an earlier run either, and are as they were then.
    pub skipped_before: u64,
    /// These files, if they are to be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped_before_files: Option<Vec<JsonPlace<'a>>>,
    /// Photos that were not read because they are only in the cloud; absent if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_cloud: Option<u64>,
    /// Folders that were to be indexed and are excluded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<JsonPath<'a>>,
    /// Folders that were to be indexed and are left out by a file among the photos.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<JsonIgnored<'a>>,
    /// What is ignored in such files, and was not told before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore_faults: Vec<JsonIgnoreFault<'a>>,
    /// Places that could not be looked into, or that may be on a drive that is not mounted.
    pub unreachable: Vec<JsonPlace<'a>>,
    /// Such places whose photos were removed, as it was asked for.
    pub forgotten: Vec<JsonForgotten<'a>>,
    /// Folders that are not indexed any more, because they do not exist and all of their photos have moved.
    pub moved_roots: Vec<JsonPath<'a>>,
    /// What was passed over because of its name.
    pub passed_over: Vec<JsonPassedOver<'a>>,
    /// How many of `indexed` took over the embedding of a photo with the same bytes.
    pub copied: u64,
    /// How many of `unchanged` had their details read again, of which an earlier version understood less or beside which files changed; absent
    /// if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details_read: Option<u64>,
    /// Why videos were passed over though there is an ffmpeg; absent if they were not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_fault: Option<String>,
    /// What reading text in photos has come to; absent if none was to be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<JsonText>,
    /// Whether the run was interrupted.
    pub cancelled: bool,
    /// Files that were still to be read at the end; null if the run was interrupted before all folders were listed.
    pub remaining: Option<u64>,
    /// From its start to its end.
    pub seconds: f64,
    /// Where the time went.
    pub stage_seconds: JsonStages,
}

/// What reading text in photos has come to.
#[derive(Debug, Serialize)]
pub struct JsonText {
    /// Photos that were looked at after all could be searched.
    pub looked_at: u64,
    /// Those of them that have words.
    pub with_words: u64,
    /// Those that could not be read.
    pub failed: u64,
    /// Those that are still to be looked at.
    pub remaining: u64,
    /// Why no more was read; left out if all was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

impl From<&TextReport> for JsonText {
    fn from(report: &TextReport) -> Self {
        Self {
            looked_at: report.looked_at,
            with_words: report.with_words,
            failed: report.failed,
            remaining: report.remaining,
            fault: report.fault.as_ref().map(ToString::to_string),
        }
    }
}

/// A folder, and the file among the photos that leaves it out.
#[derive(Debug, Serialize)]
pub struct JsonIgnored<'a> {
    /// The folder.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// The file.
    pub by: JsonPath<'a>,
}

/// Something that is ignored in a file that leaves photos out.
#[derive(Debug, Serialize)]
pub struct JsonIgnoreFault<'a> {
    /// The file.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// The line, from 1; null if it is about the file.
    pub line: Option<u64>,
    /// A phrase.
    pub reason: &'a str,
}

/// A file or folder, and why it is named.
#[derive(Debug, Serialize)]
pub struct JsonPlace<'a> {
    /// Where it is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// A phrase that goes after the path.
    pub reason: String,
    /// How many photos the index keeps there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub photos_kept: Option<u64>,
}

/// A place whose photos were removed though it could not be reached.
#[derive(Debug, Serialize)]
pub struct JsonForgotten<'a> {
    /// Where it is.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// How many photos were removed.
    pub photos_removed: u64,
}

/// Files of one kind that were passed over.
#[derive(Debug, Serialize)]
pub struct JsonPassedOver<'a> {
    /// `"picture"`, `"video"`, `"other"`, `"hidden"` or `"system_folder"`.
    pub kind: &'static str,
    /// Their extension in lower case; null where they have none that is worth telling apart.
    pub extension: Option<&'a str>,
    /// How many there are.
    pub files: u64,
}

impl<'a> From<&'a PassedOver> for JsonPassedOver<'a> {
    fn from(passed: &'a PassedOver) -> Self {
        let kind = match passed.kind {
            PassedOverKind::Picture => "picture",
            PassedOverKind::Video => "video",
            PassedOverKind::Hidden => "hidden",
            PassedOverKind::SystemFolder => "system_folder",
            PassedOverKind::Excluded => "excluded",
            PassedOverKind::ExcludedFolder => "excluded_folder",
            _ => "other",
        };
        Self { kind, extension: passed.extension.as_deref(), files: passed.files }
    }
}

/// Seconds of each stage of an update; see [`StageTimes`].
#[derive(Debug, Clone, Copy, Serialize)]
#[allow(missing_docs)]
pub struct JsonStages {
    pub walk: f64,
    pub read: f64,
    pub hash: f64,
    pub decode: f64,
    pub preprocess: f64,
    pub encode: f64,
    pub wait: f64,
    pub write: f64,
    pub graph: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<f64>,
}

impl From<StageTimes> for JsonStages {
    fn from(times: StageTimes) -> Self {
        Self {
            walk: times.walk.as_secs_f64(),
            read: times.read.as_secs_f64(),
            hash: times.hash.as_secs_f64(),
            decode: times.decode.as_secs_f64(),
            preprocess: times.preprocess.as_secs_f64(),
            encode: times.encode.as_secs_f64(),
            wait: times.wait.as_secs_f64(),
            write: times.write.as_secs_f64(),
            graph: times.graph.as_secs_f64(),
            text: Some(times.text.as_secs_f64()).filter(|seconds| *seconds > 0.0),
        }
    }
}

impl<'a> From<&'a Skipped> for JsonPlace<'a> {
    fn from(skipped: &'a Skipped) -> Self {
        let path = JsonPath::from(skipped.path.as_path());
        Self { path, reason: skipped.reason.to_string(), photos_kept: None }
    }
}

impl<'a> JsonReport<'a> {
    /// The same, with a list of what could not be indexed before.
    pub fn with_skipped_before(report: &'a Report) -> Self {
        let files = report.skipped_before.iter().map(JsonPlace::from).collect();
        Self { skipped_before_files: Some(files), ..Self::from(report) }
    }
}

impl<'a> From<&'a Report> for JsonReport<'a> {
    fn from(report: &'a Report) -> Self {
        let unreachable = report.unreachable.iter().map(|place| JsonPlace {
            path: JsonPath::from(place.path.as_path()),
            reason: place.reason.clone(),
            photos_kept: Some(place.photos_kept),
        });
        let forgotten = report.forgotten.iter().map(|place| JsonForgotten {
            path: JsonPath::from(place.path.as_path()),
            photos_removed: place.photos_removed,
        });
        let ignored = report.ignored.iter().map(|ignored| JsonIgnored {
            path: JsonPath::from(ignored.path.as_path()),
            by: JsonPath::from(ignored.by.as_path()),
        });
        let faults = report.ignore_faults.iter().map(|fault| JsonIgnoreFault {
            path: JsonPath::from(fault.path.as_path()),
            line: fault.line,
            reason: &fault.reason,
        });
        Self {
            indexed: report.indexed,
            videos: Some(report.videos).filter(|videos| *videos > 0),
            frames: Some(report.frames).filter(|frames| *frames > 0),
            unchanged: report.unchanged,
            moved: report.moved,
            removed: report.removed,
            skipped: report.skipped.iter().map(JsonPlace::from).collect(),
            skipped_before: report.skipped_before.len() as u64,
            skipped_before_files: None,
            in_cloud: Some(report.in_cloud).filter(|photos| *photos > 0),
            excluded: report.excluded.iter().map(|folder| JsonPath::from(folder.as_path())).collect(),
            ignored: ignored.collect(),
            ignore_faults: faults.collect(),
            unreachable: unreachable.collect(),
            forgotten: forgotten.collect(),
            moved_roots: report.moved_roots.iter().map(|root| JsonPath::from(root.as_path())).collect(),
            passed_over: report.passed_over.iter().map(JsonPassedOver::from).collect(),
            copied: report.copied,
            details_read: Some(report.details_read).filter(|photos| *photos > 0),
            video_fault: report.video_fault.as_ref().map(ToString::to_string),
            text: report.text.as_ref().map(JsonText::from),
            cancelled: report.cancelled,
            remaining: report.remaining,
            seconds: report.elapsed.as_secs_f64(),
            stage_seconds: report.stages.into(),
        }
    }
}

/// What an index holds.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonStatus<'a> {
    /// Photos that can be found.
    pub photos: u64,
    /// Videos that can be found.
    pub videos: u64,
    /// Frames of these videos.
    pub frames: u64,
    /// Name of the model that made the embeddings.
    pub model: &'a str,
    /// Its fingerprint.
    pub fingerprint: &'a str,
    /// The file or folder that the model came from. Left out for the built-in one and published ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_path: Option<String>,
    /// Length of every embedding.
    pub dimension: usize,
    /// The folders that are indexed.
    pub roots: Vec<String>,
    /// A root's bytes in base64 where it is not UTF-8, else null; in the order of `roots`. Left out if all are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roots_bytes: Option<Vec<Option<String>>>,
    /// What is left out of them.
    pub excluded: Vec<JsonExclude<'a>>,
    /// Files in them that could not be indexed.
    pub bad_files: u64,
    /// Size on disk.
    pub bytes: u64,
    /// Folder of the index.
    pub index: String,
    /// Time of the last commit, in seconds since 1970.
    pub committed_at: i64,
    /// Counts commits.
    pub generation: u64,
    /// Vector files.
    pub segments: usize,
    /// Rows of removed photos that still take up space.
    pub deleted: u64,
    /// Version of the format on disk.
    pub format_version: u32,
    /// The search graph, if one was built.
    pub graph: Option<JsonGraph>,
    /// Files that an interrupted update has yet to read; 0 if there is none.
    pub remaining: u64,
    /// The index that is to take this one's place, if a rebuild is under way or was interrupted.
    pub rebuild: Option<JsonRebuild<'a>>,
}

/// How far a rebuild has come.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonRebuild<'a> {
    /// Name of the new index's model.
    pub model: &'a str,
    /// Its fingerprint.
    pub fingerprint: &'a str,
    /// Photos that the new index has so far.
    pub photos: u64,
    /// Videos that it has so far.
    pub videos: u64,
    /// Files that it has yet to read.
    pub remaining: u64,
}

/// Something that is left out of the folders, or an exception.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(untagged)]
pub enum JsonExclude<'a> {
    /// A file, or a folder with all that is in it.
    Path(JsonPath<'static>),
    /// A pattern.
    Pattern {
        /// As it was given.
        pattern: &'a str,
    },
    /// What is indexed whatever comes before it in the list.
    Except {
        /// A path or a pattern.
        #[cfg_attr(feature = "openapi", schema(no_recursion))]
        except: Box<JsonExclude<'a>>,
    },
    /// What lies deeper than so many levels of folders.
    Deeper {
        /// The levels.
        deeper_than: u32,
    },
    /// What is on another file system than its folder under `roots`.
    OtherFileSystems {
        /// Always true.
        other_file_systems: bool,
    },
}

impl<'a> From<&'a Exclude> for JsonExclude<'a> {
    fn from(exclude: &'a Exclude) -> Self {
        match exclude {
            Exclude::Path(path) => {
                let path = path.path();
                let path_bytes = base64_unless_text(&path);
                Self::Path(JsonPath { path: path.to_string_lossy().into_owned().into(), path_bytes })
            }
            Exclude::Pattern(pattern) => Self::Pattern { pattern },
            Exclude::Except(named) => Self::Except { except: Box::new(Self::from(named.as_ref())) },
            Exclude::DeeperThan(levels) => Self::Deeper { deeper_than: *levels },
            Exclude::OtherFileSystems => Self::OtherFileSystems { other_file_systems: true },
        }
    }
}

/// What was taken out of an index.
#[derive(Debug, Serialize)]
pub struct JsonRemoved<'a> {
    /// How many photos.
    pub removed: u64,
    /// Folders that are not indexed any more.
    pub folders: Vec<JsonPath<'a>>,
    /// Files and folders that are excluded from now on.
    pub excluded: Vec<JsonPath<'a>>,
    /// Paths at which the index had nothing.
    pub unknown: Vec<JsonPath<'a>>,
}

impl<'a> From<&'a Removed> for JsonRemoved<'a> {
    fn from(removed: &'a Removed) -> Self {
        let paths = |paths: &'a [PathBuf]| paths.iter().map(|path| JsonPath::from(path.as_path())).collect();
        Self {
            removed: removed.photos,
            folders: paths(&removed.folders),
            excluded: paths(&removed.excluded),
            unknown: paths(&removed.unknown),
        }
    }
}

/// The state of a search graph.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JsonGraph {
    /// Photos in the graph.
    pub nodes: u64,
    /// How many of them were removed since.
    pub removed: u64,
    /// Photos that the graph lacks.
    pub missing: u64,
}

impl<'a> JsonStatus<'a> {
    /// The status of the index that is open in `reader`.
    pub fn new(reader: &'a IndexReader, status: &'a Status) -> Self {
        let (model, roots) = (reader.model(), reader.roots());
        let bytes: Vec<_> = roots.iter().map(|root| base64_unless_text(root)).collect();
        Self {
            photos: status.photos,
            videos: status.videos,
            frames: status.frames,
            model: &model.name,
            fingerprint: &model.fingerprint,
            model_path: match reader.origin() {
                Some(ModelOrigin::Path { path }) => Some(path.path().to_string_lossy().into_owned()),
                _ => None,
            },
            dimension: model.dimension,
            roots: roots.iter().map(|root| root.to_string_lossy().into_owned()).collect(),
            roots_bytes: bytes.iter().any(Option::is_some).then_some(bytes),
            excluded: reader.excluded().iter().map(JsonExclude::from).collect(),
            bad_files: reader.bad_file_count(),
            bytes: status.bytes,
            index: reader.dir().to_string_lossy().into_owned(),
            committed_at: status.committed_at,
            generation: status.generation,
            segments: status.segments,
            deleted: status.deleted,
            format_version: status.format_version,
            graph: status.graph.as_ref().map(|graph| JsonGraph {
                nodes: graph.nodes,
                removed: graph.removed,
                missing: graph.missing,
            }),
            remaining: status.remaining,
            rebuild: status.rebuild.as_ref().map(|rebuild| JsonRebuild {
                model: &rebuild.model.name,
                fingerprint: &rebuild.model.fingerprint,
                photos: rebuild.photos,
                videos: rebuild.videos,
                remaining: rebuild.remaining,
            }),
        }
    }
}

/// What a check of an index found.
#[derive(Debug, Serialize)]
pub struct JsonVerifyReport<'a> {
    /// Whether nothing is wrong.
    pub ok: bool,
    /// All that is wrong.
    pub problems: Vec<JsonProblem<'a>>,
    /// Photos in the index, pages of documents among them.
    pub photos: u64,
    /// Videos, which are not among the photos.
    pub videos: u64,
    /// Frames of these videos.
    pub frames: u64,
    /// The generation that was checked; null if it could not be opened.
    pub generation: Option<u64>,
}

/// Something that is wrong with an index.
#[derive(Debug, Serialize)]
pub struct JsonProblem<'a> {
    /// The file or folder.
    #[serde(flatten)]
    pub path: JsonPath<'a>,
    /// What is wrong.
    pub message: &'a str,
}

impl<'a> From<&'a VerifyReport> for JsonVerifyReport<'a> {
    fn from(report: &'a VerifyReport) -> Self {
        let problems = report
            .problems
            .iter()
            .map(|problem| JsonProblem { path: JsonPath::from(problem.path.as_path()), message: &problem.message });
        Self {
            ok: report.is_clean(),
            problems: problems.collect(),
            photos: report.counts.photos,
            videos: report.counts.videos,
            frames: report.counts.frames,
            generation: report.generation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn names_that_are_not_text_keep_their_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"x\xff.jpg"));
        let json = serde_json::to_string(&JsonPath::from(path)).unwrap();
        assert_eq!(json, "{\"path\":\"x\u{fffd}.jpg\",\"path_bytes\":\"eP8uanBn\"}");
        assert_eq!(serde_json::to_string(&JsonPath::from(Path::new("x"))).unwrap(), "{\"path\":\"x\"}");
    }
}
