//! The manifest, `manifest.json`: which files make up the committed generation. Replacing it is what commits.

use std::ops::Deref;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checked_json;
use crate::drives::{Drive, Drives};
use crate::error::IndexError;
use crate::model::{Exclude, ModelId, ModelOrigin, StoredPath};
use crate::segment::RowFormat;
use crate::words::blocks::BlockSums;

pub(crate) const KIND: &str = "clip-search manifest";
/// Version of the format of the index as a whole.
pub(crate) const VERSION: u32 = 2;
/// No id, file number or generation is greater, so that counting on from one that was read never overflows.
pub(crate) const GREATEST: u64 = 1 << 62;
/// A manifest of more bytes is none of ours. It grows with the number of folders and files, not with that of photos.
pub(crate) const MOST_BYTES: u64 = 256 << 20;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the format that the file says it has. What is written has [`VERSION`].
    #[serde(skip)]
    pub(crate) version: u32,
    pub(crate) generation: u64,
    /// Seconds since 1970.
    pub(crate) committed_at: i64,
    pub(crate) model: ModelEntry,
    #[serde(default)]
    pub(crate) origin: Option<ModelOrigin>,
    /// The next item's id. Never falls, so that ids are never used twice.
    pub(crate) next_id: u64,
    /// The number of the next file. Never falls either: a name stands for one content.
    pub(crate) next_file: u64,
    pub(crate) roots: Vec<StoredPath>,
    /// How many files the run that made this commit still had to read; 0 if it came to its end.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) remaining: u64,
    /// The folders and files in which these are; anywhere in the roots if none are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remaining_in: Vec<StoredPath>,
    /// How the rows of new vector files are stored.
    #[serde(default)]
    pub(crate) rows: RowFormat,
    /// In ascending order of ids; their ranges do not overlap.
    pub(crate) segments: Vec<SegmentEntry>,
    /// The oldest first: newer records of an asset replace older ones.
    pub(crate) records: Vec<RecordsEntry>,
    pub(crate) deleted: Option<DeletedEntry>,
    pub(crate) graph: Option<GraphEntry>,
    /// The `meta.json` of tantivy's index in `words/`.
    pub(crate) words: Option<String>,
    /// The checksums of the blocks of the files in `words/`, by their names. Files without are checked as a whole.
    #[serde(default, skip_serializing_if = "BlockSums::is_empty")]
    pub(crate) word_sums: BlockSums,
    /// What is left out of the roots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) excluded: Vec<Exclude>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bad_files: Option<BadFilesEntry>,
    /// The hubness of the rows of vector files. Where that of one is missing, scores are not corrected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) hubness: Vec<HubnessEntry>,
    /// How well the model tells which words go with which pictures, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alignment: Option<f32>,
    /// The languages of the text that is read in pictures, as `eng+deu`; nothing is read if it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text_languages: Option<String>,
    /// What was told of faults that the folders of the user have, so that it is told once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) told: Vec<String>,
    /// The file systems that the roots are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) drives: Option<Drives>,
    /// What later versions add. A writer keeps it.
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

/// What later versions add to an object. It is kept as long as the object is.
pub(crate) type Unknown = serde_json::Map<String, Value>;

/// The model, as the manifest has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelEntry {
    #[serde(flatten)]
    pub(crate) id: ModelId,
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

impl Deref for ModelEntry {
    type Target = ModelId;

    fn deref(&self) -> &ModelId {
        &self.id
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentEntry {
    pub(crate) file: u64,
    pub(crate) rows: u64,
    /// CRC-32 of the file's header, which holds the checksums of the rest.
    pub(crate) header_crc32: u32,
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RecordsEntry {
    pub(crate) file: u64,
    pub(crate) header_crc32: u32,
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeletedEntry {
    pub(crate) file: u64,
    /// CRC-32 of the whole file.
    pub(crate) crc32: u32,
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct GraphEntry {
    pub(crate) file: u64,
    /// CRC-32 of the graph's header, which holds the checksums of the rest.
    pub(crate) header_crc32: u32,
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HubnessEntry {
    /// The vector file.
    pub(crate) segment: u64,
    pub(crate) file: u64,
    /// CRC-32 of the file's header, which holds the checksums of the rest.
    pub(crate) header_crc32: u32,
    /// The name of the bank of texts that it was measured with.
    pub(crate) bank: String,
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BadFilesEntry {
    pub(crate) file: u64,
    /// CRC-32 of the list's header, which holds the checksums of the rest.
    pub(crate) header_crc32: u32,
    /// How many files the list has.
    pub(crate) files: u64,
    #[serde(flatten)]
    pub(crate) unknown: Unknown,
}

impl Manifest {
    /// Of an index without photos in which nothing was committed yet.
    pub(crate) fn empty(model: &ModelId, next_id: u64, next_file: u64) -> Manifest {
        Manifest {
            version: VERSION,
            generation: 0,
            committed_at: now(),
            model: ModelEntry { id: model.clone(), unknown: Unknown::new() },
            origin: None,
            next_id,
            next_file,
            roots: Vec::new(),
            remaining: 0,
            remaining_in: Vec::new(),
            rows: RowFormat::default(),
            segments: Vec::new(),
            records: Vec::new(),
            deleted: None,
            graph: None,
            words: None,
            word_sums: BlockSums::new(),
            excluded: Vec::new(),
            bad_files: None,
            hubness: Vec::new(),
            alignment: None,
            text_languages: None,
            told: Vec::new(),
            drives: None,
            unknown: Unknown::new(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        // Plain structs of numbers and strings: nothing in them can fail to become JSON.
        checked_json::encode(KIND, VERSION, self).expect("a manifest is always valid JSON")
    }

    pub(crate) fn decode(bytes: &[u8], path: &Path) -> Result<Manifest, IndexError> {
        let (document, version) = checked_json::document(KIND, VERSION, bytes, path)?;
        let checked = || {
            let manifest = if version > VERSION { read_newer(document) } else { serde_json::from_slice(document) };
            let manifest = manifest.map_err(|error| checked_json::invalid(path, &error))?;
            Manifest { version, ..manifest }.checked(path)
        };
        // It is not for this version to call damaged what it does not understand.
        checked().map_err(|error| if version > VERSION { newer(version, path) } else { error })
    }

    fn checked(self, path: &Path) -> Result<Manifest, IndexError> {
        if self.model.dimension == 0 {
            return Err(IndexError::corrupt(path, "the dimension is 0"));
        }
        if self.generation.max(self.next_id).max(self.next_file) > GREATEST {
            return Err(IndexError::corrupt(path, "a generation, id or file number is out of range"));
        }
        Ok(self)
    }

    /// Refuses to be written over by this version of the program, if a newer one has written it.
    pub(crate) fn refuse_newer(&self, path: &Path) -> Result<(), IndexError> {
        if self.version <= VERSION {
            return Ok(());
        }
        Err(newer(self.version, path))
    }

    /// The file systems that the roots are on; none if what it says of them is about another generation.
    pub(crate) fn drives(&self) -> &[Drive] {
        self.drives.as_ref().filter(|drives| drives.generation == self.generation).map_or(&[], |drives| &drives.drives)
    }

    /// The file of hubness of a vector file's rows, if it names one.
    pub(crate) fn hubness_of(&self, segment: u64) -> Option<&HubnessEntry> {
        self.hubness.iter().find(|entry| entry.segment == segment)
    }

    /// The numbers of all files that it names.
    pub(crate) fn files(&self) -> impl Iterator<Item = u64> + '_ {
        let segments = self.segments.iter().map(|entry| entry.file);
        let records = self.records.iter().map(|entry| entry.file);
        let others = self.deleted.iter().map(|entry| entry.file).chain(self.graph.iter().map(|entry| entry.file));
        let hubness = self.hubness.iter().map(|entry| entry.file);
        segments.chain(records).chain(others).chain(self.bad_files.iter().map(|entry| entry.file)).chain(hubness)
    }
}

fn newer(found: u32, path: &Path) -> IndexError {
    IndexError::NewerFormat { path: path.to_path_buf(), found, supported: VERSION }
}

/// Reads a manifest of a newer version that says that this one can read it. Where members that a reader can do without have
/// values that this version does not know, they are passed over: nothing is lost by that, since it does not write.
fn read_newer(document: &[u8]) -> serde_json::Result<Manifest> {
    fn knows<T: DeserializeOwned>(value: &Value) -> bool {
        T::deserialize(value).is_ok()
    }
    let mut document: Value = serde_json::from_slice(document)?;
    if let Some(members) = document.as_object_mut() {
        if members.get("origin").is_some_and(|origin| !knows::<Option<ModelOrigin>>(origin)) {
            members.remove("origin");
        }
        if members.get("rows").is_some_and(|rows| !knows::<RowFormat>(rows)) {
            members.remove("rows");
        }
        if let Some(excluded) = members.get_mut("excluded").and_then(Value::as_array_mut) {
            excluded.retain(knows::<Exclude>);
        }
    }
    serde_json::from_value(document)
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// None, or two of which one has all that there is.
    fn drives_of(generation: u64) -> Vec<Drive> {
        let usb = Drive {
            folder: StoredPath::Text("/media/usb".into()),
            inode: 2,
            made_ns: Some(-7),
            changed_ns: Some(i64::MAX),
            numbers: vec![5, u64::MAX],
            roots: vec![StoredPath::Bytes(vec![b'/', 0xff])],
        };
        let (numbers, roots) = (Vec::new(), Vec::new());
        let other = Drive { made_ns: None, changed_ns: None, numbers, roots, ..usb.clone() };
        if generation.is_multiple_of(2) { vec![usb, other] } else { Vec::new() }
    }

    #[test]
    fn what_is_said_of_drives_counts_for_its_generation() {
        let model = ModelId { name: "m".into(), fingerprint: "f".into(), dimension: 1 };
        let mut manifest = Manifest { generation: 4, ..Manifest::empty(&model, 1, 1) };
        assert!(manifest.drives().is_empty());
        manifest.drives = Drives::of(4, &drives_of(4));
        assert_eq!(manifest.drives(), drives_of(4));
        // A program that does not know it keeps it.
        manifest.generation = 5;
        assert!(Manifest::decode(&manifest.encode(), Path::new("f")).unwrap().drives().is_empty());
    }

    fn later(place: &str) -> Unknown {
        Unknown::from_iter([("later".to_owned(), serde_json::json!([place, 1, null, {"a": "b"}]))])
    }

    /// As a program of a later version writes it, that lets this one read.
    fn of_version_3(document: &Value) -> Vec<u8> {
        let body = document.to_string();
        let line = format!("{{\"kind\":\"{KIND}\",\"version\":3,\"readable_by\":2");
        let crc = crc32fast::hash(format!("{line}{body}").as_bytes());
        format!("{line},\"crc32\":\"{crc:08x}\"}}\n{body}").into_bytes()
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over_or_refused_but_no_damage() {
        let mut manifest = Manifest::empty(&ModelId { name: "a".into(), fingerprint: "b".into(), dimension: 3 }, 5, 6);
        manifest.excluded = vec![Exclude::DeeperThan(3), Exclude::OtherFileSystems];
        manifest.rows = RowFormat::F32;
        let mut document = serde_json::to_value(&manifest).unwrap();
        document["origin"] = serde_json::json!({"planet": {"name": "Mars"}});
        document["rows"] = "f8".into();
        document["excluded"].as_array_mut().unwrap().insert(1, serde_json::json!({"larger_than": 7}));
        let read = |document: &Value| Manifest::decode(&of_version_3(document), Path::new("manifest.json"));
        let found = read(&document).unwrap();
        let expected = Manifest { version: 3, rows: RowFormat::default(), ..manifest };
        assert_eq!(found, expected);
        assert!(found.refuse_newer(Path::new("manifest.json")).is_err());
        for (member, value) in [("roots", serde_json::json!({})), ("next_id", u64::MAX.into()), ("segments", 5.into())]
        {
            let mut other = document.clone();
            other[member] = value;
            let error = read(&other).unwrap_err();
            assert!(matches!(error, IndexError::NewerFormat { found: 3, supported: 2, .. }), "{member}: {error}");
        }
    }

    fn manifests() -> impl Strategy<Value = Manifest> {
        let number = || 0..=GREATEST;
        (
            (number(), any::<i64>(), any::<(String, String)>(), number(), number()),
            1usize..5000,
            prop::collection::vec(".*", 0..3),
            prop::collection::vec(any::<(u64, u64, u32)>(), 0..5),
            any::<Option<(u64, u32)>>(),
            any::<Option<(u64, u32)>>(),
            any::<(Option<String>, Option<(u64, u32)>)>(),
        )
            .prop_map(|(plain, dimension, roots, segments, deleted, graph, (words, bad))| {
                let (generation, committed_at, (name, fingerprint), next_id, next_file) = plain;
                let origins = [
                    None,
                    Some(ModelOrigin::BuiltIn),
                    Some(ModelOrigin::Repository {
                        repository: name.clone(),
                        commit: fingerprint.clone(),
                        name: words.clone(),
                    }),
                    Some(ModelOrigin::Path { path: StoredPath::Bytes(vec![0xff]) }),
                ];
                Manifest {
                    version: VERSION,
                    generation,
                    committed_at,
                    origin: origins[dimension % origins.len()].clone(),
                    model: ModelEntry { id: ModelId { name, fingerprint, dimension }, unknown: later("model") },
                    next_id,
                    next_file,
                    remaining: generation % 3,
                    remaining_in: roots.first().cloned().map(StoredPath::Text).into_iter().collect(),
                    alignment: (generation % 2 == 0).then_some(3.25),
                    text_languages: (generation % 3 == 0).then(|| "eng+deu".into()),
                    told: (0..generation % 3).map(|number| format!("{number}, line 3: wrong")).collect(),
                    drives: Drives::of(generation, &drives_of(generation)),
                    rows: if dimension % 2 == 0 { RowFormat::F16 } else { RowFormat::F32 },
                    roots: roots
                        .into_iter()
                        .map(StoredPath::Text)
                        .chain([StoredPath::Bytes(vec![0xff, b'/'])])
                        .collect(),
                    records: segments
                        .iter()
                        .map(|&(file, _, header_crc32)| RecordsEntry { file, header_crc32, unknown: later("records") })
                        .collect(),
                    segments: segments
                        .into_iter()
                        .map(|(file, rows, header_crc32)| SegmentEntry {
                            file,
                            rows,
                            header_crc32,
                            unknown: later("segments"),
                        })
                        .collect(),
                    deleted: deleted.map(|(file, crc32)| DeletedEntry { file, crc32, unknown: later("deleted") }),
                    graph: graph.map(|(file, header_crc32)| GraphEntry { file, header_crc32, unknown: later("graph") }),
                    word_sums: words.iter().map(|name| (name.clone(), "0123abcd".to_owned())).collect(),
                    words,
                    excluded: vec![
                        Exclude::Pattern("*.png".into()),
                        Exclude::Path(StoredPath::Text("/photos/raw".into())),
                        Exclude::Path(StoredPath::Bytes(vec![b'/', 0xff])),
                        Exclude::Except(Box::new(Exclude::Pattern("keep.png".into()))),
                        Exclude::DeeperThan(3),
                        Exclude::OtherFileSystems,
                    ],
                    bad_files: bad.map(|(file, header_crc32)| BadFilesEntry {
                        file,
                        header_crc32,
                        files: file / 2,
                        unknown: later("bad"),
                    }),
                    hubness: deleted
                        .map(|(file, header_crc32)| HubnessEntry {
                            segment: 7,
                            file,
                            header_crc32,
                            bank: "b-1".into(),
                            unknown: later("hubness"),
                        })
                        .into_iter()
                        .collect(),
                    unknown: later("all"),
                }
            })
    }

    proptest! {
        #[test]
        fn round_trip_with_what_later_versions_add(manifest in manifests()) {
            prop_assert_eq!(Manifest::decode(&manifest.encode(), Path::new("f")).unwrap(), manifest);
        }

        #[test]
        fn damage_is_noticed(manifest in manifests(), at: prop::sample::Index, bit in 0u8..8, cut: prop::sample::Index) {
            let bytes = manifest.encode();
            let mut flipped = bytes.clone();
            flipped[at.index(bytes.len())] ^= 1 << bit;
            let found = Manifest::decode(&flipped, Path::new("f"));
            prop_assert!(matches!(found, Err(IndexError::Corrupt { .. })), "{found:?}");
            prop_assert!(Manifest::decode(&bytes[..cut.index(bytes.len())], Path::new("f")).is_err());
        }
    }
}
