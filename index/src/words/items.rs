//! From the documents of the word index to the items that they are about.

use roaring::{RoaringBitmap, RoaringTreemap};
use tantivy::{Searcher, SegmentReader};

use super::document::column;

/// No asset has more items; what damage makes of a number must not ask for memory.
const MOST_ITEMS: u64 = 1 << 20;
/// Ids of which at least one in so many is used are gathered as bits.
const SPARSEST: u64 = 64;

/// The ids of the items of each document, read once: looking up each in its column takes ten times as long.
#[derive(Debug)]
pub(crate) struct Items {
    segments: Vec<SegmentItems>,
    /// The least and the greatest id.
    span: Option<(u64, u64)>,
    count: u64,
}

#[derive(Debug)]
struct SegmentItems {
    first: Vec<u64>,
    /// `None` if every asset has one item.
    last: Option<Vec<u64>>,
}

impl Items {
    pub(crate) fn of(searcher: &Searcher) -> tantivy::Result<Items> {
        let segments = searcher.segment_readers().iter().map(SegmentItems::of).collect::<tantivy::Result<Vec<_>>>()?;
        let least = segments.iter().flat_map(|segment| &segment.first).min().copied();
        let greatest =
            segments.iter().flat_map(|segment| segment.last.as_ref().unwrap_or(&segment.first)).max().copied();
        let count = segments.iter().map(|segment| segment.first.len() as u64).sum();
        Ok(Items { segments, span: least.zip(greatest), count })
    }

    /// The items of all documents that were not removed.
    pub(crate) fn of_all(&self, searcher: &Searcher) -> RoaringTreemap {
        let segments = searcher.segment_readers().iter().enumerate();
        self.of_docs(segments.flat_map(|(at, segment)| segment.doc_ids_alive().map(move |doc| (at, doc))))
    }

    /// The items of documents, given by segment.
    pub(crate) fn of_docs(&self, docs: impl Iterator<Item = (usize, u32)>) -> RoaringTreemap {
        let ranges = docs.filter_map(|(segment, doc)| self.segments.get(segment)?.of_doc(doc as usize));
        match self.span {
            Some((least, greatest)) if self.is_dense(least, greatest) => dense(ranges, least, greatest),
            _ => {
                let mut items = RoaringTreemap::new();
                ranges.for_each(|(first, last)| {
                    items.insert_range(first..=last);
                });
                items
            }
        }
    }

    fn is_dense(&self, least: u64, greatest: u64) -> bool {
        least >> 32 == greatest >> 32 && greatest - least <= self.count.saturating_mul(SPARSEST)
    }
}

/// The items of a few documents, given by segment, without reading the ids of the others.
pub(crate) fn of_few(searcher: &Searcher, docs: impl Iterator<Item = (usize, u32)>) -> tantivy::Result<RoaringTreemap> {
    let columns = |segment: &SegmentReader| {
        let fields = segment.fast_fields();
        Ok((fields.u64(column::ID)?, fields.u64(column::LAST)?))
    };
    let columns = searcher.segment_readers().iter().map(columns).collect::<tantivy::Result<Vec<_>>>()?;
    let mut items = RoaringTreemap::new();
    for (segment, doc) in docs {
        let Some((ids, lasts)) = columns.get(segment) else { continue };
        let Some(first) = ids.first(doc) else { continue };
        items.insert_range(first..=end(first, lasts.first(doc)));
    }
    Ok(items)
}

/// The last item of an asset.
fn end(first: u64, last: Option<u64>) -> u64 {
    last.unwrap_or(first).clamp(first, first.saturating_add(MOST_ITEMS))
}

/// Gathers ids as bits.
fn dense(ranges: impl Iterator<Item = (u64, u64)>, least: u64, greatest: u64) -> RoaringTreemap {
    // As the set divides them.
    let base = least & !0xffff;
    let mut bits = vec![0u8; ((greatest - base) / 8 + 1) as usize];
    for (first, last) in ranges {
        for id in first..=last.min(greatest) {
            let at = id - base;
            bits[(at / 8) as usize] |= 1 << (at % 8);
        }
    }
    let bitmap = RoaringBitmap::from_lsb0_bytes(base as u32, &bits);
    RoaringTreemap::from_bitmaps([((base >> 32) as u32, bitmap)])
}

impl SegmentItems {
    fn of(segment: &SegmentReader) -> tantivy::Result<SegmentItems> {
        let column = |name: &str| -> tantivy::Result<Vec<u64>> {
            let column = segment.fast_fields().u64(name)?;
            Ok((0..segment.max_doc()).map(|doc| column.first(doc).unwrap_or_default()).collect())
        };
        let (first, last) = (column(column::ID)?, column(column::LAST)?);
        Ok(SegmentItems { last: (first != last).then_some(last), first })
    }

    fn of_doc(&self, doc: usize) -> Option<(u64, u64)> {
        let first = *self.first.get(doc)?;
        Some((first, end(first, self.last.as_ref().and_then(|last| last.get(doc)).copied())))
    }
}
