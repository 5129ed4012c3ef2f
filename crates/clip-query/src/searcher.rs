//! An open index and a model, ready to answer.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clip_encoder::Encoder;
use clip_index::{Bank, Filter, IndexError, IndexReader, Kind, Mean, Neighbour, Plan, Record};
use roaring::RoaringTreemap;

use crate::absent::is_absent;
use crate::alignment;
use crate::alike::Alikes;
use crate::bank;
use crate::distinct::{self, Group};
use crate::diverse;
use crate::embed::{Embedded, embed};
use crate::error::QueryError;
use crate::fusion::Fused;
use crate::hit::{Breakdown, Explanation, Hit, TermBreakdown};
use crate::likeness::Scale;
use crate::ordering;
use crate::pairs::{Pairs, members_of};
use crate::part::{Part, Scores};
use crate::query::{Alternative, Fusion, Order, Query, Term};
use crate::refinement::{self, Captioned, Refinement, TooFew, Trial};
use crate::relevance::{Calibration, Evidence, Units};
use crate::words::WordHits;

struct Clock(Instant);

impl Clock {
    /// The time since the last call.
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}

/// How many times as many items are searched for where too many of those found are copies of one another.
const MORE: usize = 4;

/// Where the files of this many results are missing, others are no longer looked for in their place: a whole drive may be
/// away.
const MOST_MISSING: u64 = 250;

/// How many results there are up to the last one that is wanted.
fn up_to(query: &Query) -> usize {
    if query.limit == 0 { 0 } else { query.limit.saturating_add(query.offset) }
}

/// How many results have to be found for those: more, where they are chosen for not being alike.
fn to_find(query: &Query) -> usize {
    let wanted = up_to(query);
    if query.diverse && wanted > 0 { wanted.max(diverse::REORDERED) } else { wanted }
}

/// How many items are searched for at first: one more than are wanted, which shows that no copy of the last one follows.
fn first_k(query: &Query) -> usize {
    if query.limit == 0 { 0 } else { to_find(query).saturating_add(1) }
}

/// What a search for all alternatives found.
struct Found {
    /// The best first, each once.
    neighbours: Vec<Neighbour>,
    /// There is nothing else.
    is_all: bool,
    plans: Vec<Plan>,
    is_corrected: bool,
}

/// What was found so far, and what finding it took.
#[derive(Default)]
struct Records {
    /// By item, so that none is read twice.
    known: HashMap<u64, Record>,
    time: Duration,
}

impl Records {
    /// Adds to each item the record of its file.
    fn of(&mut self, reader: &IndexReader, found: &[Neighbour]) -> Result<Vec<(Neighbour, Record)>, IndexError> {
        let started = Instant::now();
        let mut pairs = Vec::with_capacity(found.len());
        for &neighbour in found {
            let record = match self.known.get(&neighbour.id) {
                Some(record) => record.clone(),
                None => {
                    let Some(record) = reader.records(&[neighbour.id])?.pop() else { continue };
                    self.known.insert(neighbour.id, record.clone());
                    record
                }
            };
            pairs.push((neighbour, record));
        }
        self.time += started.elapsed();
        Ok(pairs)
    }
}

/// Answers queries over one index as it was when the searcher was opened. Searching takes `&self`: a server shares one
/// searcher among its threads, and opens another when the index has changed.
#[derive(Debug)]
pub struct Searcher<E> {
    reader: IndexReader,
    encoder: E,
    /// Set by the caller.
    calibrated: Option<Calibration>,
    refinement: Option<Refinement>,
    /// Found out when it is first asked for.
    calibration: OnceLock<Option<Calibration>>,
    /// Of a sample of the library.
    mean: OnceLock<Option<Mean>>,
}

impl<E: Encoder> Searcher<E> {
    /// Opens the index in the folder `index`, to be searched with the model that made it.
    ///
    /// # Errors
    /// [`IndexError::NotFound`] if there is no index, [`IndexError::Fingerprint`] if another model made it: both within
    /// [`QueryError::Index`], and both messages say what to do.
    pub fn open(index: impl AsRef<Path>, encoder: E) -> Result<Searcher<E>, QueryError> {
        Searcher::over(IndexReader::open(index)?, encoder)
    }

    /// Searches an index that is open already, with the model that made it.
    ///
    /// # Errors
    /// [`IndexError::Fingerprint`], within [`QueryError::Index`], if another model made the index.
    pub fn over(reader: IndexReader, encoder: E) -> Result<Searcher<E>, QueryError> {
        let made_with = reader.model();
        if made_with.fingerprint != encoder.fingerprint() {
            return Err(QueryError::Index(IndexError::Fingerprint {
                dir: reader.dir().to_path_buf(),
                indexed_name: made_with.name.clone(),
                indexed_fingerprint: made_with.fingerprint.clone(),
                wanted_name: encoder.name().to_owned(),
                wanted_fingerprint: encoder.fingerprint().to_owned(),
            }));
        }
        let (calibration, mean) = (OnceLock::new(), OnceLock::new());
        Ok(Searcher { reader, encoder, calibrated: None, refinement: None, calibration, mean })
    }

    /// Sets how the scores of the model are to be read, so that results have a [relevance](Hit::relevance). Otherwise this is told
    /// from what the index knows of the model: whether it was [found](crate::alignment) to know words and pictures at all, and
    /// what the texts of its [bank](crate::bank) score, if the bank is kept beside the index.
    pub fn calibrated(mut self, calibration: Calibration) -> Searcher<E> {
        self.calibrated = Some(calibration);
        self.calibration = OnceLock::new();
        self
    }

    /// Sets what captions say of the relevance of results in this library. It must be for the model of the index, and for how its
    /// scores are [read](Searcher::calibrated) otherwise.
    pub fn refined(mut self, refinement: Option<Refinement>) -> Searcher<E> {
        self.refinement = refinement;
        self.calibration = OnceLock::new();
        self
    }

    fn calibration(&self) -> Option<Calibration> {
        let found_out = || {
            if let Some(refinement) = self.refinement
                && let Some(base) = self.base()
            {
                return Some(base.refined(refinement));
            }
            let is_calibrated = self.calibrated.is_some();
            if !is_calibrated && !self.reader.alignment().is_none_or(alignment::is_enough) {
                return Some(Calibration::of_nothing());
            }
            if is_calibrated || self.reader.alignment().is_some() { self.base() } else { None }
        };
        *self.calibration.get_or_init(found_out)
    }

    /// How scores are read as long as nothing is known of how well the model knows words and pictures.
    fn base(&self) -> Option<Calibration> {
        if self.calibrated.is_some() {
            return self.calibrated;
        }
        let name = bank::name(&self.reader.model().fingerprint);
        if self.reader.bank() != Some(&name) {
            return None;
        }
        let bank = Bank::stored(self.reader.dir(), &name, self.reader.dimension())?;
        let scores = self.reader.bank_scores(&bank, bank::shares_at(0.0), bank::shares_at(1.0))?;
        Some(Calibration::in_units(Units::of(&scores)?))
    }

    /// Tries how captions that somebody wrote would [refine](crate::refinement) the relevance of results. `bank` is that of the
    /// model. `None` if results have no relevance: there are too few photos in the index for another model than the built-in
    /// one, or they were not measured yet. Changes nothing.
    ///
    /// # Errors
    /// [`TooFew`] if that is what the captions or photos are.
    ///
    /// # Panics
    /// If there is not a row of the index's dimension for each photo and each caption.
    pub fn try_refinement(&self, captioned: &Captioned<'_>, bank: &Bank) -> Result<Option<Trial>, TooFew> {
        let (Some(base), Some(before)) = (self.base(), self.calibration()) else { return Ok(None) };
        if self.reader.bank() != Some(bank.name()) {
            return Ok(None);
        }
        refinement::attempt(captioned, bank, &self.reader, Scale::of(self.mean()), &base, &before).map(Some)
    }

    /// The photos that answer the query best, best first. Identical files are one of them, and [`Hit::duplicates`] names
    /// the others. An index without photos, or a filter that none passes, gives an empty list.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, QueryError> {
        self.search_explained(query).map(|(hits, _)| hits)
    }

    /// As [`search`](Searcher::search), and how it was done.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn search_explained(&self, query: &Query) -> Result<(Vec<Hit>, Explanation), QueryError> {
        let mut clock = Clock(Instant::now());
        // Encoded first, so that a query that makes no sense says so over an empty index too.
        let embedded = self.embed(query)?;
        let embedding = clock.lap();
        let (parts, matching_words) = self.parts(query, embedded)?;
        let filtering = clock.lap().saturating_sub(matching_words);
        let mut records = Records::default();
        let Answer { groups, missing, plans, is_corrected } = if parts.iter().all(|part| part.embedded.is_none()) {
            self.listed(query, &parts)?
        } else {
            self.distinct(query, &parts, &mut records)?
        };
        let searching = clock.lap().saturating_sub(records.time);
        let passing = parts.iter().map(|part| part.passing.as_ref().map(RoaringTreemap::len)).collect();
        let hits = self.hits(query, &parts, groups)?;
        let records = records.time + clock.lap();
        let words = parts.iter().filter_map(|part| part.fused.as_ref()).flat_map(Fused::words).cloned().collect();
        let explanation = Explanation {
            plans,
            is_corrected,
            words,
            passing,
            embedding,
            filtering,
            matching_words,
            searching,
            records,
            missing,
        };
        Ok((hits, explanation))
    }

    /// How the score of an item is put together, for who wants to know why it is where it is. `None` if no alternative of the query
    /// that describes something lets it pass. Encodes each term of the query by itself.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn breakdown(&self, query: &Query, item: u64) -> Result<Option<Breakdown>, QueryError> {
        let (parts, _) = self.parts(query, self.embed(query)?)?;
        let Some((alternative, scores)) = self.best_part(query, &parts, item) else { return Ok(None) };
        let Scores { score, adjusted, part, embedded } = scores;
        let words = part.fused.as_ref().map_or(0.0, |fused| fused.bonus(item));
        let mut terms = Vec::new();
        for (term, weight) in &query.alternatives[alternative].terms {
            let alone = embed(&[(term.clone(), 1.0)], query, &self.reader, &self.encoder)?;
            let alone = Part { embedded: Some(alone), passing: part.passing.clone(), fused: None };
            let Some(scores) = alone.scores(query, &self.reader, item) else { continue };
            let relevance = self.judged(query, scores, item, 0).map(|judged| judged.relevance);
            terms.push(TermBreakdown { term: term.clone(), weight: *weight, score: scores.score, relevance });
        }
        let (correction, phrase_weight) = (score + words - adjusted, embedded.phrase_weight.filter(|_| !query.is_raw));
        Ok(Some(Breakdown { alternative, score, correction, words, adjusted, phrase_weight, terms }))
    }

    /// How many photos meet the conditions of a query, whatever they show. Files that belong together are one, and so are the moments
    /// of a video; identical files count one by one.
    ///
    /// # Errors
    /// Those of reading the index.
    pub fn count(&self, query: &Query) -> Result<u64, QueryError> {
        let mut all = RoaringTreemap::new();
        for alternative in &query.alternatives {
            match query.conditions(alternative) {
                None => {
                    all = self.reader.ids().collect();
                    break;
                }
                Some(filter) => all |= self.reader.matching(&filter)?,
            }
        }
        self.retain_first_moments(&mut all)?;
        if !query.pairs {
            return Ok(all.len());
        }
        Ok(Pairs::new(&self.reader, Some(all.clone()), &self.mean, false).count(&all)?)
    }

    /// Leaves one item of each video.
    fn retain_first_moments(&self, items: &mut RoaringTreemap) -> Result<(), IndexError> {
        let mut left = self.reader.matching(&Filter::Kind(Kind::Video))? & &*items;
        while let Some(item) = left.min() {
            // An item without a record is damage, which is told of elsewhere.
            let moments = self.reader.records(&[item])?.pop().map_or(item..item + 1, |record| record.items());
            left.remove_range(item..moments.end.max(item + 1));
            items.remove_range(item + 1..moments.end.max(item + 1));
        }
        Ok(())
    }

    /// The unit vectors that stand for the alternatives of a query; `None` for one that only sets conditions.
    fn embed(&self, query: &Query) -> Result<Vec<Option<Embedded>>, QueryError> {
        if query.alternatives.is_empty() {
            return Err(QueryError::NoTerms);
        }
        let embed = |alternative: &Alternative| {
            if alternative.terms.is_empty() && query.conditions(alternative).is_some() {
                return Ok(None);
            }
            embed(&alternative.terms, query, &self.reader, &self.encoder).map(Some)
        };
        query.alternatives.iter().map(embed).collect()
    }

    /// The alternatives of a query, and how long it took to look for their words.
    fn parts(&self, query: &Query, embedded: Vec<Option<Embedded>>) -> Result<(Vec<Part>, Duration), QueryError> {
        let mut matching_words = Duration::ZERO;
        let part = |(alternative, embedded): (&Alternative, Option<Embedded>)| {
            let passing = query.conditions(alternative).map(|filter| self.reader.matching(&filter)).transpose()?;
            let mut clock = Clock(Instant::now());
            let fused =
                embedded.as_ref().and_then(|embedded| self.fused(query, alternative, embedded, passing.as_ref()));
            matching_words += clock.lap();
            Ok(Part { embedded, passing, fused })
        };
        let parts = query.alternatives.iter().zip(embedded).map(part).collect::<Result<_, QueryError>>()?;
        Ok((parts, matching_words))
    }

    /// The photos that have words of an alternative. Where words cannot be looked for, as in a damaged index, similarity has to
    /// do.
    fn fused(
        &self,
        query: &Query,
        alternative: &Alternative,
        embedded: &Embedded,
        passing: Option<&RoaringTreemap>,
    ) -> Option<Fused> {
        if query.is_raw || query.fusion == Fusion::Off {
            return None;
        }
        let found = WordHits::of(&alternative.terms, passing, &self.reader);
        let found = found.and_then(|hits| hits.map(|hits| Fused::new(hits, embedded, &self.reader)).transpose());
        found.unwrap_or_else(|error| {
            log::warn!("names and keywords are not searched until the next update of the index mends this: {error}");
            None
        })
    }

    /// The index that is searched.
    pub fn reader(&self) -> &IndexReader {
        &self.reader
    }

    /// The model that encodes queries.
    pub fn encoder(&self) -> &E {
        &self.encoder
    }

    /// The best items of all alternatives. What only meets conditions comes last.
    fn find(&self, query: &Query, parts: &[Part], k: usize) -> Result<Found, QueryError> {
        let mut found = Found { neighbours: Vec::new(), is_all: true, plans: Vec::new(), is_corrected: false };
        for part in parts {
            let Some(one) = part.search(query, &self.reader, k)? else {
                let items = part.listed(k);
                found.is_all &= items.len() < k;
                found.neighbours.extend(items);
                continue;
            };
            found.is_all &= one.neighbours.len() < k;
            found.is_corrected |= one.is_corrected;
            found.plans.push(one.plan);
            found.neighbours.extend(one.neighbours);
        }
        if parts.len() > 1 {
            ordering::best_first(&mut found.neighbours);
            let mut seen = HashSet::new();
            found.neighbours.retain(|neighbour| seen.insert(neighbour.id));
        }
        Ok(found)
    }

    /// Searches for more and more items, until there are as many different contents as are wanted and no copy of them is
    /// missing, or nothing else is left.
    fn distinct(&self, query: &Query, parts: &[Part], records: &mut Records) -> Result<Answer, QueryError> {
        let wanted = to_find(query);
        let mut k = first_k(query);
        let mut pairs = self.pairs(query, parts);
        let mut alikes = self.alikes(query, parts);
        loop {
            let Found { mut neighbours, is_all, plans, is_corrected } = self.find(query, parts, k)?;
            let last = neighbours.last().map(|neighbour| neighbour.score);
            if let Some(least) = query.min_score {
                neighbours.retain(|neighbour| {
                    self.scores(query, parts, neighbour.id).is_some_and(|scores| scores.score >= least)
                });
            }
            let mut groups = distinct::groups(records.of(&self.reader, &neighbours)?);
            let missing;
            (groups, missing) = shown(query, groups, pairs.as_mut(), alikes.as_mut())?;
            let is_enough = last.is_none_or(|last| distinct::suffice(&groups, wanted, last));
            // Nothing that comes later is more similar, unless it is corrected by less than what was found.
            let is_plain = !is_corrected && parts.iter().all(|part| part.fused.is_none());
            let is_too_far = is_plain && query.min_score.zip(last).is_some_and(|(least, last)| last < least);
            if is_all || is_enough || is_too_far || missing >= MOST_MISSING {
                groups.truncate(wanted);
                return Ok(Answer { groups, missing, plans, is_corrected });
            }
            k = k.saturating_mul(MORE);
        }
    }

    /// All photos that meet the conditions, in the order of the query.
    fn listed(&self, query: &Query, parts: &[Part]) -> Result<Answer, QueryError> {
        let mut all = RoaringTreemap::new();
        for part in parts {
            match &part.passing {
                Some(passing) => all |= passing,
                None => all.extend(self.reader.ids()),
            }
        }
        let items: Vec<u64> = all.iter().collect();
        let records = self.reader.records(&items)?;
        let pairs = items.iter().zip(records).map(|(&id, record)| (Neighbour { id, score: f32::NEG_INFINITY }, record));
        let mut groups = distinct::groups(pairs);
        let order = if query.order == Order::Best { Order::Newest } else { query.order };
        groups.sort_by(|a, b| ordering::of(order, &a.members[0].1, &b.members[0].1));
        let missing;
        let (mut pairs, mut alikes) = (self.pairs(query, parts), self.alikes(query, parts));
        (groups, missing) = shown(query, groups, pairs.as_mut(), alikes.as_mut())?;
        groups.truncate(to_find(query));
        Ok(Answer { groups, missing, plans: Vec::new(), is_corrected: false })
    }

    /// What finds near duplicates among the items that pass, if they are to be one result.
    fn alikes(&self, query: &Query, parts: &[Part]) -> Option<Alikes<'_>> {
        if !query.collapse {
            return None;
        }
        Some(Alikes::new(&self.reader, passing_of(parts), self.mean(), query.only_present))
    }

    /// What finds the files that belong together among the items that pass, unless they are to be results of their own.
    fn pairs(&self, query: &Query, parts: &[Part]) -> Option<Pairs<'_>> {
        query.pairs.then(|| Pairs::new(&self.reader, passing_of(parts), &self.mean, query.only_present))
    }

    fn mean(&self) -> Option<&Mean> {
        self.mean.get_or_init(|| self.reader.mean()).as_ref()
    }

    /// What is known of a result; `None` if its scores cannot be calibrated.
    fn evidence(&self, scores: Scores<'_>, phrase_weight: f32, place: usize) -> Option<Evidence> {
        let Scores { adjusted, part, embedded, .. } = scores;
        let mean = self.mean()?;
        let dot: f32 = mean.embedding.iter().zip(&embedded.vector).map(|(a, b)| a * b).sum();
        Some(Evidence {
            adjusted,
            mean_adjusted: dot - embedded.penalty(mean.hubness?),
            phrase_weight,
            photos: part.passing.as_ref().map_or(self.reader.len() as u64, RoaringTreemap::len),
            place,
        })
    }

    /// How likely the item in a place of the results, from 0, is what was meant; `None` if that cannot be told.
    fn judged(&self, query: &Query, scores: Scores<'_>, item: u64, place: usize) -> Option<Judged> {
        let phrase_weight = scores.embedded.phrase_weight.filter(|_| !query.is_raw)?;
        let calibration = self.calibration()?;
        let relevance = if scores.part.names(item) {
            // Who asks for a file by its name means that file.
            1.0
        } else if calibration.knows_nothing() {
            0.0
        } else {
            calibration.relevance(&self.evidence(scores, phrase_weight, place + 1)?)
        };
        Some(Judged { calibration, relevance, phrase_weight })
    }

    /// The scores of an item for the alternative that it answers best.
    fn scores<'p>(&self, query: &Query, parts: &'p [Part], item: u64) -> Option<Scores<'p>> {
        self.best_part(query, parts, item).map(|(_, scores)| scores)
    }

    /// The same, and which alternative that is.
    fn best_part<'p>(&self, query: &Query, parts: &'p [Part], item: u64) -> Option<(usize, Scores<'p>)> {
        let of = |(at, part): (usize, &'p Part)| Some((at, part.scores(query, &self.reader, item)?));
        parts.iter().enumerate().filter_map(of).max_by(|(_, a), (_, b)| a.adjusted.total_cmp(&b.adjusted))
    }

    /// A result for each group: the photo that the query names, if it is among them, else the one that was indexed first of those
    /// whose files are there, or of all if none is.
    fn hits(&self, query: &Query, parts: &[Part], groups: Vec<Group>) -> Result<Vec<Hit>, QueryError> {
        let is_named = |id: u64| query.terms().any(|(term, _)| *term == Term::Like(id));
        let first = |group: &Group| {
            let place =
                |is_first: &dyn Fn(&Record) -> bool| group.members.iter().position(|(_, record)| is_first(record));
            let is_there = |record: &Record| !is_absent(&record.asset.path);
            // Nothing stands for a file that has no copies, so nobody has to look for it.
            let has_copies = group.members.len() > 1;
            place(&|record| is_named(record.id)).or_else(|| has_copies.then(|| place(&is_there))?).unwrap_or(0)
        };
        // The best is looked at even where it is on an earlier page.
        let best = groups.first().and_then(|group| {
            let (item, _) = group.members[first(group)];
            self.judged(query, self.scores(query, parts, item)?, item, 0)
        });
        let hit = |(place, mut group): (usize, Group)| {
            let (item, record) = group.members.swap_remove(first(&group));
            let members = members_of(&record.asset, group.kin);
            let alike = group.alike;
            let mut duplicates: Vec<Record> = group.members.into_iter().map(|(_, record)| record).collect();
            duplicates.sort_by_key(|record| record.id);
            let scores = self.scores(query, parts, item);
            let judged = scores.and_then(|scores| self.judged(query, scores, item, place));
            let is_match = best.zip(judged).is_none_or(|(best, judged)| judged.is_match_beside(best.relevance));
            Hit {
                rank: place + 1,
                score: scores.map(|scores| scores.score),
                adjusted: scores.map(|_| group.score),
                relevance: judged.map(|judged| judged.relevance),
                is_match,
                id: record.id,
                item,
                position: record.position(item).unwrap_or_default(),
                path: record.asset.path.clone(),
                record,
                duplicates,
                members,
                alike,
            }
        };
        // Which page a result is on depends on all before it, if they are put in another order.
        let skipped = if query.diverse { 0 } else { query.offset };
        let mut hits: Vec<Hit> = groups.into_iter().enumerate().skip(skipped).map(hit).collect();
        if query.diverse {
            hits = self.diverse(query, parts, hits)?;
            hits = hits.into_iter().skip(query.offset).take(query.limit).collect();
        }
        if let Some(least) = query.min_relevance {
            hits.retain(|hit| hit.relevance.is_none_or(|relevance| relevance >= least));
        }
        if query.order != Order::Best {
            hits.sort_by(|a, b| ordering::of(query.order, &a.record, &b.record));
        }
        Ok(hits)
    }

    /// Puts the best results in such an order that those which are like an earlier one come later.
    fn diverse(&self, query: &Query, parts: &[Part], mut hits: Vec<Hit>) -> Result<Vec<Hit>, QueryError> {
        let later = hits.split_off(hits.len().min(diverse::REORDERED));
        let deviations = parts.iter().map(|part| part.deviation(query, &self.reader)).collect::<Result<Vec<_>, _>>()?;
        let candidate = |hit: &Hit| {
            let scores = self.best_part(query, parts, hit.item);
            let score = scores.and_then(|(part, scores)| Some(scores.adjusted / deviations[part]?));
            diverse::Candidate {
                // What meets conditions alone comes last as it is.
                score: score.unwrap_or(f32::NEG_INFINITY),
                embedding: self.reader.embedding(hit.item),
                is_wanted: hit.is_match && query.min_relevance.zip(hit.relevance).is_none_or(|(least, it)| it >= least),
            }
        };
        let candidates: Vec<_> = hits.iter().map(candidate).collect();
        let order = diverse::order(&candidates, Scale::of(self.mean()));
        let mut hits: Vec<Option<Hit>> = hits.into_iter().map(Some).collect();
        let hits = order.into_iter().filter_map(|place| hits[place].take());
        Ok(hits.chain(later).collect())
    }
}

/// How likely a result is what was meant.
#[derive(Clone, Copy)]
struct Judged {
    calibration: Calibration,
    relevance: f32,
    phrase_weight: f32,
}

impl Judged {
    /// Whether it is a match, where the best result has this relevance.
    fn is_match_beside(self, best: f32) -> bool {
        self.calibration.is_match(self.relevance, best, self.phrase_weight)
    }
}

/// The items that pass; `None` if all do.
fn passing_of(parts: &[Part]) -> Option<RoaringTreemap> {
    let mut passing = Some(RoaringTreemap::new());
    for part in parts {
        passing = passing.zip(part.passing.as_ref()).map(|(all, of_part)| all | of_part);
    }
    passing
}

/// The groups that may be shown, and how many before the last that is wanted have no file.
fn shown(
    query: &Query,
    mut groups: Vec<Group>,
    pairs: Option<&mut Pairs<'_>>,
    alikes: Option<&mut Alikes<'_>>,
) -> Result<(Vec<Group>, u64), IndexError> {
    let mut missing = 0;
    let most = if alikes.is_some() { usize::MAX } else { to_find(query) };
    if let Some(pairs) = pairs {
        (groups, missing) = pairs.joined(groups, most)?;
    } else if query.only_present {
        (groups, missing) = distinct::present(groups, most, is_absent);
    }
    if let Some(alikes) = alikes {
        groups = alikes.collapsed(groups, to_find(query))?;
        // What belongs to a result is named there.
        let kin: RoaringTreemap = groups.iter().flat_map(|group| &group.kin).map(|(_, record)| record.id).collect();
        groups.iter_mut().for_each(|group| group.alike.retain(|record| !kin.contains(record.id)));
    }
    Ok((groups, missing))
}

/// What answers a query.
struct Answer {
    groups: Vec<Group>,
    missing: u64,
    plans: Vec<Plan>,
    is_corrected: bool,
}
