//! Which assets meet a condition, by the word index. What a condition means is said by [`Filter::meets`].

use std::ops::{Bound, RangeInclusive};
use std::sync::OnceLock;

use rayon::prelude::*;
use roaring::RoaringTreemap;
use tantivy::columnar::Column;
use tantivy::query::{EnableScoring, PhraseQuery, Query};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Searcher, SegmentReader, TERMINATED, Term};

use super::document::{self, Fields, GRAM, column};
use super::items::{self, Items};
use crate::filter::{self, Filter, NumberField, TextField, fold};

/// Up to so many documents, their ids are looked up one by one, if those of all have not been read yet.
const FEW: usize = 16_384;
/// Documents that one task looks at.
const AT_ONCE: usize = 1 << 17;

/// The ids of the items of all assets that meet a condition.
pub(crate) fn items(
    searcher: &Searcher,
    items: &OnceLock<Items>,
    fields: &Fields,
    filter: &Filter,
) -> tantivy::Result<RoaringTreemap> {
    items_of(searcher, items, |segment| Segment { searcher, segment, fields }.docs(filter))
}

/// Whether a segment has all these words, if not of one asset. Reads no postings.
pub(crate) fn are_there(searcher: &Searcher, words: &[Term]) -> tantivy::Result<bool> {
    for segment in searcher.segment_readers() {
        let mut has_all = true;
        for word in words {
            has_all = has_all && segment.inverted_index(word.field())?.get_term_info(word)?.is_some();
        }
        if has_all {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many assets have this word, with some that were removed.
pub(crate) fn count(searcher: &Searcher, word: &Term) -> tantivy::Result<u64> {
    let mut count = 0;
    for segment in searcher.segment_readers() {
        let found = segment.inverted_index(word.field())?.get_term_info(word)?;
        count += found.map_or(0, |found| u64::from(found.doc_freq));
    }
    Ok(count)
}

/// The numbers of a field that more than one asset has, perhaps one that was removed; ascending.
pub(crate) fn shared_terms(searcher: &Searcher, field: Field) -> tantivy::Result<Vec<Term>> {
    let (mut once, mut shared) = (Vec::new(), Vec::new());
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(field)?;
        let mut terms = index.terms().stream()?;
        while terms.advance() {
            let Ok(number) = terms.key().try_into() else { continue };
            let number = u64::from_be_bytes(number);
            let list = if terms.value().doc_freq > 1 { &mut shared } else { &mut once };
            list.push(number);
        }
    }
    once.extend_from_slice(&shared);
    once.sort_unstable();
    shared.extend(once.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]));
    shared.sort_unstable();
    shared.dedup();
    Ok(shared.into_iter().map(|number| Term::from_field_u64(field, number)).collect())
}

/// The ids of the items of all assets that have any of these words.
pub(crate) fn items_with_any(
    searcher: &Searcher,
    items: &OnceLock<Items>,
    words: &[Term],
) -> tantivy::Result<RoaringTreemap> {
    items_of(searcher, items, |segment| {
        let mut docs = Docs::none(segment.max_doc());
        for word in words {
            let index = segment.inverted_index(word.field())?;
            if let Some(postings) = index.read_postings(word, IndexRecordOption::Basic)? {
                docs.extend(postings);
            }
        }
        Ok(docs)
    })
}

/// The ids of the items of all assets that have all these words.
pub(crate) fn items_with(
    searcher: &Searcher,
    items: &OnceLock<Items>,
    words: &[Term],
) -> tantivy::Result<RoaringTreemap> {
    items_of(searcher, items, |segment| docs_with(segment, words))
}

fn items_of(
    searcher: &Searcher,
    items: &OnceLock<Items>,
    docs_of: impl Fn(&SegmentReader) -> tantivy::Result<Docs>,
) -> tantivy::Result<RoaringTreemap> {
    let mut found = Vec::with_capacity(searcher.segment_readers().len());
    let mut count = 0;
    for segment in searcher.segment_readers() {
        let mut docs = docs_of(segment)?;
        if let Some(alive) = segment.alive_bitset() {
            docs.retain(|doc| alive.is_alive(doc));
        }
        count += docs.len();
        found.push(docs);
    }
    let docs = || found.iter().enumerate().flat_map(|(segment, docs)| docs.iter().map(move |doc| (segment, doc)));
    match items.get() {
        Some(items) => Ok(items.of_docs(docs())),
        None if count <= FEW => items::of_few(searcher, docs()),
        None => {
            let all = Items::of(searcher)?;
            Ok(items.get_or_init(|| all).of_docs(docs()))
        }
    }
}

/// Documents of a segment that have all these words.
fn docs_with(segment: &SegmentReader, words: &[Term]) -> tantivy::Result<Docs> {
    let mut docs = Docs::none(segment.max_doc());
    let mut lists = Vec::with_capacity(words.len());
    for word in words {
        let index = segment.inverted_index(word.field())?;
        match index.read_postings(word, IndexRecordOption::Basic)? {
            Some(postings) => lists.push(postings),
            None => return Ok(docs),
        }
    }
    // The rarest word leaves the fewest to be looked up among the others.
    lists.sort_by_key(|postings| postings.doc_freq());
    let mut lists = lists.into_iter();
    if let Some(rarest) = lists.next() {
        docs.extend(rarest);
    }
    for mut postings in lists {
        docs.retain(|doc| postings.doc() <= doc && (postings.doc() == doc || postings.seek(doc) == doc));
    }
    Ok(docs)
}

/// Documents of a segment, a bit for each.
struct Docs {
    words: Vec<u64>,
    count: u32,
}

impl Docs {
    fn none(count: u32) -> Docs {
        Docs { words: vec![0; count.div_ceil(64) as usize], count }
    }

    fn all(count: u32) -> Docs {
        let mut docs = Docs { words: vec![u64::MAX; count.div_ceil(64) as usize], count };
        docs.trim();
        docs
    }

    /// Clears the bits beyond the last document.
    fn trim(&mut self) {
        let used = self.count % 64;
        if let Some(last) = self.words.last_mut()
            && used > 0
        {
            *last &= (1 << used) - 1;
        }
    }

    fn insert(&mut self, doc: u32) {
        if let Some(word) = self.words.get_mut(doc as usize / 64) {
            *word |= 1 << (doc % 64);
        }
    }

    fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Keeps documents; `keeps` is asked in ascending order.
    fn retain(&mut self, mut keeps: impl FnMut(u32) -> bool) {
        for (at, word) in self.words.iter_mut().enumerate() {
            let mut left = *word;
            while left != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                if !keeps(at as u32 * 64 + bit) {
                    *word &= !(1 << bit);
                }
            }
        }
    }

    fn extend(&mut self, mut docs: impl DocSet) {
        let mut doc = docs.doc();
        while doc != TERMINATED {
            self.insert(doc);
            doc = docs.advance();
        }
    }

    fn intersect(&mut self, other: &Docs) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word &= other);
    }

    fn unite(&mut self, other: &Docs) {
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    fn invert(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.trim();
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

struct Segment<'a> {
    searcher: &'a Searcher,
    segment: &'a SegmentReader,
    fields: &'a Fields,
}

impl Segment<'_> {
    fn none(&self) -> Docs {
        Docs::none(self.segment.max_doc())
    }

    fn docs(&self, filter: &Filter) -> tantivy::Result<Docs> {
        match filter {
            Filter::All(filters) => {
                let mut docs = Docs::all(self.segment.max_doc());
                for filter in filters {
                    docs.intersect(&self.docs(filter)?);
                }
                Ok(docs)
            }
            Filter::Any(filters) => {
                let mut docs = self.none();
                for filter in filters {
                    docs.unite(&self.docs(filter)?);
                }
                Ok(docs)
            }
            Filter::Not(filter) => {
                let mut docs = self.docs(filter)?;
                docs.invert();
                Ok(docs)
            }
            Filter::Text { field, text } => self.text(*field, text),
            Filter::Number { field, from, to } => {
                if document::FRACTIONS.contains(field) {
                    return self.fractions(*field, (*from, *to));
                }
                match filter::whole(*from, *to) {
                    None => Ok(self.none()),
                    Some((least, most)) => {
                        let column = self.segment.fast_fields().i64(document::column_of(*field))?;
                        // Tantivy finds the least value in ranges that lie below all values.
                        let range = least.max(column.min_value())..=most.min(column.max_value());
                        Ok(self.these(self.in_range(&column, range)))
                    }
                }
            }
            Filter::Month(month) => self.fact(&document::month_fact(*month)),
            Filter::Extension(extension) => self.fact(&document::extension_fact(extension)),
            Filter::Kind(kind) => self.fact(document::kind_fact(*kind)),
            Filter::Shape(shape) => self.fact(document::shape_fact(*shape)),
            Filter::Flash(fired) => self.fact(document::flash_fact(*fired)),
            Filter::Burst(id) => self.fact(&document::burst_fact(id)),
            Filter::Has(property) => self.fact(document::property_fact(*property)),
            Filter::Near { latitude, longitude, kilometres } => self.near((*latitude, *longitude), *kilometres),
            // Every path begins with nothing.
            Filter::Under(folder) if folder.components().next().is_none() => Ok(Docs::all(self.segment.max_doc())),
            Filter::Under(folder) => {
                self.term(&Term::from_field_u64(self.fields.folders, document::folder_hash(folder)))
            }
        }
    }

    fn these(&self, found: Vec<u32>) -> Docs {
        let mut docs = self.none();
        found.into_iter().for_each(|doc| docs.insert(doc));
        docs
    }

    fn fact(&self, fact: &str) -> tantivy::Result<Docs> {
        self.term(&Term::from_field_text(self.fields.facts, fact))
    }

    fn term(&self, term: &Term) -> tantivy::Result<Docs> {
        let mut docs = self.none();
        let index = self.segment.inverted_index(term.field())?;
        if let Some(postings) = index.read_postings(term, IndexRecordOption::Basic)? {
            docs.extend(postings);
        }
        Ok(docs)
    }

    fn fractions(&self, field: NumberField, (from, to): (Bound<f64>, Bound<f64>)) -> tantivy::Result<Docs> {
        let column = self.segment.fast_fields().f64(document::column_of(field))?;
        let (from, to) = (from.map(document::without_sign_of_zero), to.map(document::without_sign_of_zero));
        let least = match from {
            Bound::Unbounded => column.min_value(),
            Bound::Included(number) => number.max(column.min_value()),
            Bound::Excluded(number) => number.next_up().max(column.min_value()),
        };
        let most = match to {
            Bound::Unbounded => column.max_value(),
            Bound::Included(number) => number.min(column.max_value()),
            Bound::Excluded(number) => number.next_down().min(column.max_value()),
        };
        Ok(self.these(self.in_range(&column, least..=most)))
    }

    fn near(&self, place: (f64, f64), kilometres: f64) -> tantivy::Result<Docs> {
        let latitudes = self.segment.fast_fields().f64(column::LATITUDE)?;
        let longitudes = self.segment.fast_fields().f64(column::LONGITUDE)?;
        // A little more than there can be, for the rounding.
        let reach = filter::degrees_of(kilometres) * (1.0 + 1e-9) + 1e-9;
        let band: RangeInclusive<f64> =
            (place.0 - reach).max(latitudes.min_value())..=(place.0 + reach).min(latitudes.max_value());
        let is_near = |&doc: &u32| {
            let place_of = latitudes.first(doc).zip(longitudes.first(doc));
            place_of.is_some_and(|place_of| filter::distance(place, place_of) <= kilometres)
        };
        // Distances take sines and cosines.
        let found = self.in_range(&latitudes, band);
        Ok(self.these(found.into_par_iter().filter(is_near).collect()))
    }

    /// Documents whose number is in a range, which must lie within the column's.
    fn in_range<T>(&self, column: &Column<T>, range: RangeInclusive<T>) -> Vec<u32>
    where
        T: PartialOrd + Copy + std::fmt::Debug + Send + Sync + 'static,
    {
        if range.is_empty() {
            return Vec::new();
        }
        let count = self.segment.max_doc();
        let parts = (0..count).step_by(AT_ONCE).collect::<Vec<_>>().into_par_iter();
        let part = |start: u32| {
            let mut found = Vec::new();
            let end = start.saturating_add(AT_ONCE as u32).min(count);
            column.get_docids_for_value_range(range.clone(), start..end, &mut found);
            found
        };
        parts.map(part).collect::<Vec<_>>().concat()
    }

    fn text(&self, field: TextField, text: &str) -> tantivy::Result<Docs> {
        let Some(sought) = fold::sought(text) else { return Ok(self.none()) };
        match field {
            TextField::Name => self.part(self.fields.name, &sought),
            // A word is in the name of a folder, of which there are few, or in that of the file.
            TextField::Path if !sought.contains(' ') => {
                let mut docs = self.values(self.fields.folder, &sought)?;
                docs.unite(&self.part(self.fields.name, &sought)?);
                Ok(docs)
            }
            TextField::Path => self.part(self.fields.path, &sought),
            TextField::Title => self.part(self.fields.title, &sought),
            TextField::Text => self.part(self.fields.text, &sought),
            TextField::Camera => self.values(self.fields.camera, &sought),
            TextField::Lens => self.values(self.fields.lens, &sought),
            TextField::Tag => self.values(self.fields.tag, &sought),
            TextField::Person => self.values(self.fields.person, &sought),
            TextField::Label => self.values(self.fields.label, &sought),
            TextField::Place => self.values(self.fields.place, &sought),
            TextField::Any => {
                let mut docs = self.none();
                for field in TextField::ALL {
                    docs.unite(&self.text(field, text)?);
                }
                Ok(docs)
            }
        }
    }

    /// Documents with a value that has this in it. There are few different values, so all are looked at.
    fn values(&self, field: Field, sought: &str) -> tantivy::Result<Docs> {
        let mut docs = self.none();
        let index = self.segment.inverted_index(field)?;
        let mut values = index.terms().stream()?;
        while values.advance() {
            if str::from_utf8(values.key()).is_ok_and(|value| value.contains(sought)) {
                docs.extend(index.read_postings_from_terminfo(values.value(), IndexRecordOption::Basic)?);
            }
        }
        Ok(docs)
    }

    /// Documents in whose text this occurs: parts of three characters, one after the other.
    fn part(&self, field: Field, sought: &str) -> tantivy::Result<Docs> {
        debug_assert!(sought.chars().count() >= GRAM, "a folded text");
        let mut terms: Vec<Term> = document::grams_of(sought).map(|gram| Term::from_field_text(field, &gram)).collect();
        if terms.len() == 1 {
            return self.term(&terms.remove(0));
        }
        let weight = PhraseQuery::new(terms).weight(EnableScoring::disabled_from_searcher(self.searcher))?;
        let mut docs = self.none();
        docs.extend(weight.scorer(self.segment, 1.0)?);
        Ok(docs)
    }
}
