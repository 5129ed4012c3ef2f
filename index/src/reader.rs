//! Reading an index.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use clip_files::medium;
use clip_kernels::{Isa, similarity};
use roaring::RoaringTreemap;

use crate::asset::{Kind, Record};
use crate::bad_files::{self, BadFile};
use crate::cast;
use crate::commit_point::{CommitPoint, at_commit};
use crate::drives::Drive;
use crate::error::IndexError;
use crate::exact;
use crate::files;
use crate::filter::{Filter, TextField, fold};
use crate::graph::{self, Graph, GraphFile};
use crate::hubness::{Bank, Hubness};
use crate::layout::Layout;
use crate::lost;
use crate::model::{Exclude, ModelId, ModelOrigin, StoredPath};
use crate::plan::{self, Method, Plan, Reason, SearchOptions, Sizes, Strategy};
use crate::scan;
use crate::segment::Segment;
use crate::snapshot::{OpenSegment, Place, Snapshot};
use crate::sought::Sought;
use crate::staging;
use crate::status::{Counts, GraphStatus, Neighbour, RebuildStatus, Status};
use crate::words::{ReadDirectory, Words};

/// A view of the index as it was committed when the reader was opened: vectors and records of one commit, whatever
/// writers and rebuilds do meanwhile. It takes no lock and writes nothing.
///
/// Opening maps the files and reads a few small ones, which takes as long for a million photos as for a thousand.
#[derive(Debug)]
pub struct IndexReader {
    snapshot: Snapshot,
    /// `None` in an index of version 1, which has no word index.
    words_files: Option<ReadDirectory>,
    words: OnceLock<Words>,
    /// Open from the beginning, so that a writer that replaces it does not take it away.
    graph_file: Option<Result<Arc<GraphFile>, String>>,
    graph: OnceLock<Result<Graph, String>>,
    slow_medium: OnceLock<bool>,
    in_memory: Mutex<Option<(Instant, bool)>>,
}

/// The mean of many items.
#[derive(Debug, Clone, PartialEq)]
pub struct Mean {
    /// Of their embeddings; no unit vector.
    pub embedding: Vec<f32>,
    /// Of their hubness, if that of all items is known.
    pub hubness: Option<Hubness>,
}

/// What texts of a bank score: those of captions and of phrases, with many items.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BankScores {
    /// Of captions.
    pub captions: Vec<f32>,
    /// Of phrases.
    pub phrases: Vec<f32>,
}

/// What a search found, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The best items, best first.
    pub neighbours: Vec<Neighbour>,
    /// How they were found.
    pub plan: Plan,
    /// Scores are dot products less a share of the hubness.
    pub is_corrected: bool,
}

/// Up to so many records are read to look at the names of their files.
const FEW_RECORDS: u64 = 1024;
/// Items that stand for all.
const SAMPLE: u64 = 1024;
/// Items, and texts of either kind, whose scores show in which range those of a model lie.
const BANK_SAMPLE: u64 = 128;
/// Where this share of an index is in memory, what is not is soon there.
const MOSTLY: f32 = 0.9;
/// Looking takes as long as a quick search: what was seen holds for a while.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl IndexReader {
    /// Opens the index in `dir`.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] if there is none, [`IndexError::NewerFormat`] or [`IndexError::Corrupt`] if it cannot be
    /// read, [`IndexError::NotAnIndex`] if the directory has the manifest of something else.
    pub fn open(dir: impl AsRef<Path>) -> Result<IndexReader, IndexError> {
        let layout = Layout::new(dir.as_ref());
        let Opened { snapshot, words_files, graph_file } = open_commit(Segment::open_to_search, &layout)?;
        Ok(IndexReader {
            snapshot,
            words_files,
            words: OnceLock::new(),
            graph_file: graph_file.map(|file| file.map(Arc::new).map_err(reason_of)),
            graph: OnceLock::new(),
            slow_medium: OnceLock::new(),
            in_memory: Mutex::new(None),
        })
    }

    /// False if another commit was made after the one that this reader shows, be it by a writer or by a rebuild. Reads one
    /// small file.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] if the index is gone, [`IndexError::Io`] or [`IndexError::Corrupt`] if its commit point
    /// cannot be read.
    pub fn is_current(&self) -> Result<bool, IndexError> {
        Ok(CommitPoint::read(self.snapshot.layout())?.generation() == self.generation())
    }

    /// The directory of the index, as it was given.
    pub fn dir(&self) -> &Path {
        self.snapshot.layout().root()
    }

    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The model that made the embeddings.
    pub fn model(&self) -> &ModelId {
        &self.snapshot.manifest().model
    }

    /// Where the model came from, if that was noted.
    pub fn origin(&self) -> Option<&ModelOrigin> {
        self.snapshot.manifest().origin.as_ref()
    }

    /// Length of every embedding.
    pub fn dimension(&self) -> usize {
        self.snapshot.dimension()
    }

    /// Number of items: that of the photos, in an index of photos.
    pub fn len(&self) -> usize {
        self.snapshot.live() as usize
    }

    /// True if there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Counts commits; greater in a later view of the same index.
    pub fn generation(&self) -> u64 {
        self.snapshot.manifest().generation
    }

    /// The folders that the index was made of.
    pub fn roots(&self) -> Vec<PathBuf> {
        self.snapshot.manifest().roots.iter().map(StoredPath::path).collect()
    }

    /// The file systems that these folders are on, as far as an update has noted them.
    pub fn drives(&self) -> &[Drive] {
        self.snapshot.manifest().drives()
    }

    /// What is left out of these folders.
    pub fn excluded(&self) -> &[Exclude] {
        &self.snapshot.manifest().excluded
    }

    /// How many files in these folders could not be indexed when they were last tried.
    pub fn bad_file_count(&self) -> u64 {
        self.snapshot.manifest().bad_files.as_ref().map_or(0, |entry| entry.files)
    }

    /// The files in these folders that could not be indexed, in the order of their paths.
    ///
    /// # Errors
    /// [`IndexError::Io`] or [`IndexError::Corrupt`] if the list cannot be read: it is damaged, or it was replaced since this
    /// reader was opened. The next writer does without a damaged one.
    pub fn bad_files(&self) -> Result<Vec<BadFile>, IndexError> {
        let Some(entry) = &self.snapshot.manifest().bad_files else { return Ok(Vec::new()) };
        Ok(bad_files::read(&self.snapshot.layout().bad_files(entry.file), entry)?.into_values().collect())
    }

    /// How many files of these folders an interrupted run left to be read.
    pub fn remaining(&self) -> u64 {
        self.snapshot.manifest().remaining
    }

    /// The languages of the text that updates are to read in pictures, as `eng+deu`; `None` if they are to read none.
    pub fn text_languages(&self) -> Option<&str> {
        self.snapshot.manifest().text_languages.as_deref()
    }

    /// What earlier updates have told of faults that folders have, as they put it: see
    /// [`IndexWriter::set_told`](crate::IndexWriter::set_told).
    pub fn told(&self) -> &[String] {
        &self.snapshot.manifest().told
    }

    /// How well the model tells which words go with which pictures, if that was measured.
    pub fn alignment(&self) -> Option<f32> {
        self.snapshot.manifest().alignment
    }

    /// The ids of all items, ascending.
    pub fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.snapshot.live_from(0).map(|(id, _)| id)
    }

    /// Is there an item with this id?
    pub fn contains(&self, id: u64) -> bool {
        self.snapshot.locate_live(id).is_some()
    }

    /// The embedding of an item, as it is stored; `None` if there is no such item. Rows in half precision differ from
    /// what was added by the rounding.
    pub fn embedding(&self, id: u64) -> Option<Vec<f32>> {
        self.snapshot.locate_live(id).map(|place| self.snapshot.row(place).to_vec())
    }

    /// How many photos, videos and frames there are.
    ///
    /// # Errors
    /// Those of [`IndexReader::matching`].
    pub fn counts(&self) -> Result<Counts, IndexError> {
        let items = self.matching(&Filter::Kind(Kind::Video))?;
        // The first of a video's items has the id of its record.
        let videos = items.iter().filter(|&item| self.snapshot.records().find(item).is_some()).count() as u64;
        let frames = items.len();
        Ok(Counts { photos: self.snapshot.live().saturating_sub(frames), videos, frames })
    }

    /// Sizes and counts. The bytes on disk include those of a rebuild under way. Where it cannot be read which items are frames, all
    /// count as photos.
    ///
    /// # Errors
    /// [`IndexError::Io`] if the directory cannot be listed.
    pub fn status(&self) -> Result<Status, IndexError> {
        let manifest = self.snapshot.manifest();
        let layout = self.snapshot.layout();
        let Counts { photos, videos, frames } = self.counts().unwrap_or_else(|error| {
            log::warn!("counting all items as photos: {error}");
            Counts { photos: self.snapshot.live(), videos: 0, frames: 0 }
        });
        Ok(Status {
            photos,
            videos,
            frames,
            segments: self.snapshot.segments().len(),
            bytes: directory_bytes(layout.root())?,
            generation: manifest.generation,
            committed_at: manifest.committed_at,
            deleted: self.snapshot.deleted().len(),
            format_version: manifest.version,
            graph: self.graph_status(),
            remaining: self.remaining(),
            rebuild: staging::status(layout, manifest).map(|status| {
                // Without a list of its own that can be read, its items are all that is known.
                let counts = IndexReader::open(layout.rebuild().root()).and_then(|staged| staged.counts());
                match counts {
                    Ok(Counts { photos, videos, .. }) => RebuildStatus { photos, videos, ..status },
                    Err(_) => status,
                }
            }),
        })
    }

    /// True if the index has a graph; whether it can be used shows when it is.
    pub fn has_graph(&self) -> bool {
        self.snapshot.manifest().graph.is_some()
    }

    /// The `k` photos whose embeddings have the greatest dot product with `query`, best first, equal ones in ascending
    /// order of ids; only those in `filter`, if one is given. All rows are looked at, on all processors if they are many.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the query cannot be compared; [`IndexError::Corrupt`] if most of
    /// what was found has a damaged id.
    pub fn search_exact(
        &self,
        query: &[f32],
        k: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.snapshot.check_query(query)?;
        self.with_known_ids(exact::search(&self.snapshot, Sought::plain(query), k, filter))
    }

    /// As [`IndexReader::search_exact`], but candidates are found by a scan over eight-bit codes of all rows, which are a
    /// half or a quarter of the bytes. Scores are exact; in rare cases a photo among the last of the `k` is missed.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the query cannot be compared; [`IndexError::Corrupt`] if most of
    /// what was found has a damaged id.
    pub fn search_scan(
        &self,
        query: &[f32],
        k: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.snapshot.check_query(query)?;
        self.with_known_ids(scan::search(&self.snapshot, Sought::plain(query), k, filter))
    }

    /// The `k` items whose embeddings have the greatest dot product with `query`, best first, equal ones in ascending order of
    /// ids, in the way that is expected to take the least time, or that `options` ask for. Scores are always those of the
    /// embeddings as they are stored, less what [`SearchOptions::correction`] takes from them; which items are found is exact with
    /// [`Strategy::Exact`], and nearly so otherwise.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the query cannot be compared; [`IndexError::NoGraph`] or
    /// [`IndexError::Graph`] if the graph was asked for and cannot be used; [`IndexError::Corrupt`] if most of what was found
    /// has a damaged id.
    pub fn search(&self, query: &[f32], options: &SearchOptions<'_>) -> Result<Found, IndexError> {
        self.snapshot.check_query(query)?;
        let SearchOptions { k, filter, correction, .. } = *options;
        let sought = Sought::corrected(&self.snapshot, query, correction);
        let mut plan = self.plan(options);
        let neighbours = match plan.method {
            Method::Exact => exact::search(&self.snapshot, sought, k, filter),
            Method::Scan => scan::search(&self.snapshot, sought, k, filter),
            Method::Graph { effort } => match self.walk(sought, k, effort, filter) {
                // The graph is only a cache: who did not insist on it gets the same answer a little later.
                Err(error @ (IndexError::Graph { .. } | IndexError::NoGraph { .. }))
                    if options.strategy == Strategy::Auto =>
                {
                    log::warn!("{error}");
                    (plan.method, plan.reason) = (Method::Scan, Reason::UnusableGraph);
                    scan::search(&self.snapshot, sought, k, filter)
                }
                result => result?,
            },
        };
        let neighbours = self.with_known_ids(neighbours)?;
        Ok(Found { neighbours, plan, is_corrected: sought.is_corrected() })
    }

    /// Rows carry the ids of items; where these are damaged, the items cannot be found by them. A few that are not are left
    /// to whoever asks for their records, who passes over them. If they are many, the answer would be nearly empty, as if
    /// there were nothing to find.
    fn with_known_ids(&self, found: Vec<Neighbour>) -> Result<Vec<Neighbour>, IndexError> {
        let unknown = found.iter().filter(|neighbour| !self.contains(neighbour.id)).count();
        if unknown == 0 {
            return Ok(found);
        }
        let reason = format!("of {} items that were found, {unknown} have ids that are out of order", found.len());
        let error = IndexError::corrupt(&self.snapshot.layout().vectors(), reason);
        if 2 * unknown >= found.len() {
            return Err(error);
        }
        log::warn!("{error}");
        Ok(found)
    }

    /// The dot product of a vector with an item's embedding as it is stored: its cosine to a unit vector. `None` if there is no
    /// such item, or the vector has another length.
    pub fn similarity(&self, vector: &[f32], item: u64) -> Option<f32> {
        let place = self.snapshot.locate_live(item)?;
        (vector.len() == self.dimension()).then(|| self.snapshot.row(place).dot(Isa::best(), vector))
    }

    /// The mean of a sample of at most 1,024 items, evenly spread; `None` if there are none.
    pub fn mean(&self) -> Option<Mean> {
        let (mut sum, mut hubness) = (vec![0.0; self.dimension()], Hubness::default());
        let (mut count, mut numbers) = (0u32, vec![0.0; self.dimension()]);
        let mut is_known = self.snapshot.knows_hubness();
        for place in self.sample() {
            self.snapshot.row(place).to_f32(&mut numbers);
            sum.iter_mut().zip(&numbers).for_each(|(sum, number)| *sum += number);
            let known = self.snapshot.hubness(place.segment as usize).and_then(|file| file.of(place.row as usize));
            is_known &= known.is_some();
            let Hubness { captions, phrases } = known.unwrap_or_default();
            hubness.captions += captions;
            hubness.phrases += phrases;
            count += 1;
        }
        let share = 1.0 / count as f32;
        sum.iter_mut().for_each(|number| *number *= share);
        let hubness = Hubness { captions: hubness.captions * share, phrases: hubness.phrases * share };
        (count > 0).then_some(Mean { embedding: sum, hubness: is_known.then_some(hubness) })
    }

    /// The scores of a sample of at most 1,024 items, evenly spread: dot products with a vector, less what `correction` takes from
    /// them; see [`SearchOptions::correction`]. They show what is a high score for this vector.
    ///
    /// # Errors
    /// [`IndexError::Dimension`] or [`IndexError::NotUnit`] if the vector cannot be compared.
    pub fn sample_scores(&self, vector: &[f32], correction: Hubness) -> Result<Vec<f32>, IndexError> {
        self.snapshot.check_query(vector)?;
        let sought = Sought::corrected(&self.snapshot, vector, correction);
        let isa = Isa::best();
        let score = |place: Place| self.snapshot.row(place).dot(isa, vector) - sought.penalty(&self.snapshot, place);
        Ok(self.sample().map(score).collect())
    }

    /// What texts of a bank score in this index: those of some of its captions and phrases with some of the items, which are evenly
    /// spread. They show in which range a model's scores lie. `captions` and `phrases` are what is taken from the scores of either;
    /// see [`SearchOptions::correction`]. `None` if the bank is of another dimension, or there are no items.
    pub fn bank_scores(&self, bank: &Bank, captions: Hubness, phrases: Hubness) -> Option<BankScores> {
        if bank.dimension() != self.dimension() {
            return None;
        }
        let step = usize::try_from(self.snapshot.rows().min(SAMPLE) / BANK_SAMPLE).unwrap_or(0).max(1);
        let mut scores = BankScores::default();
        for place in self.sample().step_by(step) {
            let hubness = self.snapshot.hubness(place.segment as usize)?.of(place.row as usize)?;
            let (of_captions, of_phrases) = bank.some_scores(&self.snapshot.row(place).to_vec(), BANK_SAMPLE as usize);
            scores.captions.extend(of_captions.iter().map(|score| score - hubness.penalty(captions)));
            scores.phrases.extend(of_phrases.iter().map(|score| score - hubness.penalty(phrases)));
        }
        (!scores.captions.is_empty()).then_some(scores)
    }

    /// At most 1,024 live items, evenly spread.
    fn sample(&self) -> impl Iterator<Item = Place> + '_ {
        let step = self.snapshot.rows().div_ceil(SAMPLE).max(1);
        let mut before = 0;
        self.snapshot.segments().iter().enumerate().flat_map(move |(at, segment)| {
            let rows = segment.len() as u64;
            // The first row of this file that belongs to the sample.
            let first = (step - before % step) % step;
            before += rows;
            let places = (first..rows).step_by(usize::try_from(step).unwrap_or(usize::MAX));
            let places = places.map(move |row| Place { segment: at as u32, row: row as u32 });
            places.filter(move |place| self.snapshot.is_live_at(at, place.row as usize))
        })
    }

    /// How near an item is to texts of all kinds: see [`Bank`](crate::Bank). `None` if there is no such item, or that was not
    /// measured for all items with one bank.
    pub fn hubness(&self, item: u64) -> Option<Hubness> {
        let place = self.snapshot.locate_live(item)?;
        let file = self.snapshot.hubness(place.segment as usize).filter(|_| self.snapshot.knows_hubness())?;
        file.of(place.row as usize)
    }

    /// The name of the bank of texts that hubness was measured with; `None` if it was not measured for all items with one
    /// bank, so that scores cannot be corrected.
    pub fn bank(&self) -> Option<&str> {
        self.snapshot.bank()
    }

    /// How a search would be carried out.
    pub fn plan(&self, options: &SearchOptions<'_>) -> Plan {
        let sizes = Sizes {
            items: self.snapshot.live(),
            code_bytes: similarity::code_len(self.dimension()),
            passing: options.filter.map(RoaringTreemap::len),
            in_graph: self.in_graph(),
            slow_at_random: false,
        };
        let plan = plan::plan(options, sizes);
        // Looking at the disk takes a while, and is of interest only to a walk that would read here and there.
        if options.strategy == Strategy::Auto && matches!(plan.method, Method::Graph { .. }) && self.is_slow_at_random()
        {
            return plan::plan(options, Sizes { slow_at_random: true, ..sizes });
        }
        plan
    }

    /// Live items that a walk through the graph can find.
    fn in_graph(&self) -> Option<u64> {
        self.graph_status().map(|status| status.nodes - status.removed)
    }

    fn graph_status(&self) -> Option<GraphStatus> {
        let file = self.graph_file.as_ref()?.as_ref().ok()?;
        Some(graph::status(&self.snapshot, file))
    }

    /// The index lies where reads out of order are slow, and is not in memory.
    fn is_slow_at_random(&self) -> bool {
        *self.slow_medium.get_or_init(|| medium::is_slow_at_random(self.dir())) && !self.is_in_memory()
    }

    fn is_in_memory(&self) -> bool {
        let mut known = self.in_memory.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some((when, is_in_memory)) if when.elapsed() < LOOK_AGAIN => is_in_memory,
            _ => known.insert((Instant::now(), self.look_in_memory())).1,
        }
    }

    fn look_in_memory(&self) -> bool {
        let codes = self.snapshot.segments().iter().filter_map(|segment| segment.codes_block(0..segment.len()));
        let largest = codes.max_by_key(|codes| codes.len()).map(cast::to_bytes);
        largest.and_then(medium::share_in_memory).is_some_and(|share| share > MOSTLY)
    }

    /// As [`IndexReader::search_exact`], but found by a walk through the graph with `ef` candidates (at least `k`; ten
    /// times as many find nearly all). Scores are exact, and photos newer than the graph are scanned besides. Where a walk
    /// comes to its end before it has found `ef`, since fewer than that pass or the graph is damaged, all are scanned.
    ///
    /// The first call opens the graph.
    ///
    /// # Errors
    /// [`IndexError::NoGraph`] or [`IndexError::Graph`] if there is none that can be used: exact search always can.
    pub fn search_graph(
        &self,
        query: &[f32],
        k: usize,
        ef: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        self.snapshot.check_query(query)?;
        self.walk(Sought::plain(query), k, ef, filter)
    }

    fn walk(
        &self,
        sought: Sought<'_>,
        k: usize,
        ef: usize,
        filter: Option<&RoaringTreemap>,
    ) -> Result<Vec<Neighbour>, IndexError> {
        let graph = self.graph()?;
        if k == 0 {
            return Ok(Vec::new());
        }
        Ok(graph.search(&self.snapshot, sought, k, ef, filter))
    }

    /// The records of the assets that items belong to, in the order of `items`, as they were when the reader was opened. Ids
    /// that name no item are left out. An asset's own id is that of its first item.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn records(&self, items: &[u64]) -> Result<Vec<Record>, IndexError> {
        items.iter().filter_map(|&item| self.snapshot.record(item).transpose()).collect()
    }

    /// The records of all assets, in ascending order of ids.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn all_records(&self) -> Result<Vec<Record>, IndexError> {
        self.snapshot.all_records()
    }

    /// The asset at exactly this path. Looks at all records.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn find_path(&self, path: impl AsRef<Path>) -> Result<Option<u64>, IndexError> {
        let records = self.all_records()?;
        Ok(records.iter().find(|record| record.asset.path == path.as_ref()).map(|record| record.id))
    }

    /// The ids of the items of all assets that meet a condition.
    ///
    /// Where the word index is of an earlier version, or damaged, all records are read; the next writer makes it again.
    ///
    /// # Errors
    /// [`IndexError::Corrupt`] if a record cannot be read.
    pub fn matching(&self, filter: &Filter) -> Result<RoaringTreemap, IndexError> {
        match self.words() {
            Ok(words) => match words.matching(filter) {
                Ok(found) => return Ok(found),
                Err(error) => log::warn!("reading all records: {error}"),
            },
            Err(error) => log::info!("reading all records: {error}"),
        }
        let records = self.all_records()?;
        Ok(records.iter().filter(|record| filter.meets(&record.asset)).flat_map(Record::items).collect())
    }

    /// Assets that have at least one of the words in their path, title, description, keywords, camera or lens, best first with
    /// their BM25 scores; equal scores in ascending order of ids. Letters and digits make up words, upper and lower case are the
    /// same.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the word index cannot be used. The next writer makes it again.
    pub fn search_words(&self, words: &str, limit: usize) -> Result<Vec<(u64, f32)>, IndexError> {
        self.words()?.search(words, limit)
    }

    /// The items of all assets that have every word of a text in their path, title, description, keywords, camera or lens. Words
    /// are whole; case and accents do not count, and signs are blanks.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the word index cannot be used. The next writer makes it again.
    pub fn items_with_words(&self, text: &str) -> Result<RoaringTreemap, IndexError> {
        self.words()?.with_all(text)
    }

    /// The items of all assets whose file has this name, with or without its extension. Case and accents do not count, and signs
    /// are blanks.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the word index cannot be used, [`IndexError::Corrupt`] if a record cannot be read.
    pub fn items_named(&self, name: &str) -> Result<RoaringTreemap, IndexError> {
        let mut found = self.items_with_words(name)?;
        if found.len() > FEW_RECORDS {
            found &= self.matching(&Filter::Text { field: TextField::Name, text: name.to_owned() })?;
        }
        let folded = fold::folded(name);
        let is_named = |name: Option<&OsStr>| name.is_some_and(|name| fold::folded(&name.to_string_lossy()) == folded);
        let mut named = RoaringTreemap::new();
        for item in found {
            if let Some(record) = self.snapshot.record(item)? {
                let path = &record.asset.path;
                if is_named(path.file_name()) || is_named(path.file_stem()) {
                    named.insert(item);
                }
            }
        }
        Ok(named)
    }

    /// The items of all assets that have this [key](crate::KinKeys): of none, if only one asset has it.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the word index cannot be used. The next writer makes it again.
    pub fn items_with_kin_key(&self, key: u64) -> Result<RoaringTreemap, IndexError> {
        self.words()?.with_kin_key(key)
    }

    /// The items of all assets that share a [key](crate::KinKeys) with another, and perhaps of some whose counterparts were
    /// removed.
    ///
    /// # Errors
    /// [`IndexError::Metadata`] if the word index cannot be used. The next writer makes it again.
    pub fn items_with_kin(&self) -> Result<RoaringTreemap, IndexError> {
        self.words()?.with_kin()
    }

    fn words(&self) -> Result<&Words, IndexError> {
        if let Some(index) = self.words.get() {
            return Ok(index);
        }
        let Some(files) = &self.words_files else {
            let reason = "it is made when the index is next updated".to_owned();
            return Err(IndexError::Metadata { dir: self.snapshot.layout().words(), reason });
        };
        let opened = Words::open_lazily(files)?;
        Ok(self.words.get_or_init(|| opened))
    }

    fn graph(&self) -> Result<&Graph, IndexError> {
        let layout = self.snapshot.layout();
        let Some(file) = &self.graph_file else {
            return Err(IndexError::NoGraph { dir: layout.root().to_path_buf() });
        };
        let opened = self.graph.get_or_init(|| {
            let file = file.as_ref().map_err(String::clone)?;
            Graph::of_file(&self.snapshot, file.clone()).map_err(reason_of)
        });
        opened.as_ref().map_err(|reason| IndexError::Graph { dir: layout.graphs(), reason: reason.clone() })
    }
}

/// What belongs to a commit.
pub(crate) struct Opened {
    pub(crate) snapshot: Snapshot,
    /// The files of its word index, if it has one.
    pub(crate) words_files: Option<ReadDirectory>,
    /// Its graph, if it has one.
    graph_file: Option<Result<GraphFile, IndexError>>,
}

/// Opens what belongs to the newest commit, each vector file by `open`. An index that has lost its manifest is damaged, and
/// a directory with somebody else's is none.
pub(crate) fn open_commit(open: OpenSegment, layout: &Layout) -> Result<Opened, IndexError> {
    match open_newest(open, layout) {
        Err(error @ IndexError::NotFound { .. }) => {
            let explained = lost::explained(layout, error);
            // A rebuild that makes the first index puts its files there before the manifest.
            if CommitPoint::read(layout).is_ok() { open_newest(open, layout) } else { Err(explained) }
        }
        Err(error) => Err(lost::explained(layout, error)),
        opened => opened,
    }
}

fn open_newest(open: OpenSegment, layout: &Layout) -> Result<Opened, IndexError> {
    at_commit(layout, |point| {
        let snapshot = Snapshot::open_by(open, layout, point)?;
        let graph_file = snapshot.manifest().graph.as_ref().map(|entry| graph::open_file(layout, entry));
        let words_files = ReadDirectory::of(layout, snapshot.manifest())?;
        // An index can do without any of these, but not because a writer was faster.
        let is_complete = snapshot.has_named_hubness()
            && words_files.as_ref().is_none_or(ReadDirectory::is_complete)
            && graph_file.as_ref().is_none_or(Result::is_ok);
        if !is_complete && CommitPoint::read(layout)? != *point {
            return Err(IndexError::corrupt(&layout.manifest(), "it was replaced while its files were being opened"));
        }
        Ok(Opened { snapshot, words_files, graph_file })
    })
}

fn reason_of(error: IndexError) -> String {
    match error {
        IndexError::Graph { reason, .. } => reason,
        other => other.to_string(),
    }
}

fn directory_bytes(dir: &Path) -> Result<u64, IndexError> {
    let mut bytes = 0;
    for path in files::list(dir)? {
        // A writer may be removing files.
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => bytes += directory_bytes(&path)?,
            Ok(metadata) => bytes += metadata.len(),
            Err(_) => {}
        }
    }
    Ok(bytes)
}
