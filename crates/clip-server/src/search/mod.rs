//! Searches: from what a request asks for to a ranking, which its pages are taken from.

mod cache;
pub(crate) mod catalogue;
pub(crate) mod parts;
pub(crate) mod ranking;
mod request;
mod understanding;

use std::sync::Arc;

use clip_search::{Alternative, Filter, Library, LibrarySearcher, Query, Ranked, Term, image::RgbImage};

use self::cache::Cache;
use self::catalogue::Catalogue;
use self::ranking::{List, Ranking};
pub(crate) use self::request::{Crop, Example, Request, Sort};
pub(crate) use self::understanding::Understanding;
use crate::pool::{Pool, Priority, Undone};
use crate::problem::Problem;
use crate::settings::{Bounds, Settings};

/// What a description is answered with has an end, because nobody looks further.
const MOST_RANKED: usize = 10_000;
/// Near duplicates are looked for one result after the other.
const MOST_COLLAPSED: usize = 1_000;
/// Where results that answer a description are to come in another order, it is these: the best.
const MOST_SORTED: usize = 1_000;
/// Where nothing matches well, so many of the nearest.
const FEW: usize = 60;
/// The depths to which is searched: the first page takes less time than the hundredth, and then they are at hand.
const DEPTHS: [usize; 4] = [60, 400, 2_000, MOST_RANKED];
/// Bytes of rankings that are remembered.
const REMEMBERED: usize = 48 << 20;

/// What a ranking depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    /// The query, with saved searches in their places.
    text: String,
    is_literal: bool,
    is_raw: bool,
    collapse: bool,
    diverse: bool,
    sort: Sort,
    /// Its bits.
    min_relevance: Option<u32>,
    example: Option<Example>,
    depth: usize,
    generation: u64,
}

/// Searches, remembers what was found, and decides how many searches there are at a time.
pub(crate) struct Searches {
    library: Arc<Library>,
    pool: Pool,
    rankings: Cache<Key, Ranking>,
    /// By generation.
    catalogues: Cache<u64, Catalogue>,
}

impl From<Undone> for Problem {
    fn from(undone: Undone) -> Problem {
        match undone {
            Undone::Full => Problem::busy(),
            Undone::Panicked => Problem::internal("the work on a request came to an unexpected end"),
        }
    }
}

/// What answers a query.
enum Plan {
    /// A search.
    Search(Query),
    /// A list of all that meet the conditions.
    List(Vec<Filter>),
}

impl Searches {
    /// Starts a thread for each processor.
    ///
    /// # Errors
    /// The system's, if it has no threads to give.
    pub(crate) fn new(library: Arc<Library>, bounds: &Bounds) -> std::io::Result<Searches> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let pool = Pool::new("search", threads, bounds.waiting_searches, Priority::Usual)?;
        Ok(Searches { library, pool, rankings: Cache::new(REMEMBERED), catalogues: Cache::new(usize::MAX) })
    }

    /// The index as it is open.
    ///
    /// # Errors
    /// [`Problem`] if there is none.
    pub(crate) fn searcher(&self) -> Result<Arc<LibrarySearcher>, Problem> {
        let searcher = self.library.searcher()?;
        let generation = searcher.reader().generation();
        self.rankings.enter(generation);
        self.catalogues.enter(generation);
        Ok(searcher)
    }

    /// Does work that takes processor time, when its turn comes.
    ///
    /// # Errors
    /// [`Problem`] if too many are waiting.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.pool.run(work).await?
    }

    /// When and where all photos of the index were taken.
    ///
    /// # Errors
    /// [`Problem`] if the index cannot be read.
    pub(crate) async fn catalogue(&self, searcher: &Arc<LibrarySearcher>) -> Result<Arc<Catalogue>, Problem> {
        let generation = searcher.reader().generation();
        if let Some(catalogue) = self.catalogues.get(&generation) {
            return Ok(catalogue);
        }
        let searcher = Arc::clone(searcher);
        let read = || self.compute(move || Ok(Catalogue::of(searcher.reader())?));
        self.catalogues.get_or_find(&generation, read, |_| 0).await
    }

    /// Reads a query.
    ///
    /// # Errors
    /// [`Problem`] if it cannot be read, or asks for what is not answered.
    pub(crate) fn understand(&self, request: &Request, settings: &Settings) -> Result<Understanding, Problem> {
        Understanding::of(&self.library, request, settings)
    }

    /// What answers a request, at least as far as `upto` results if there are as many. `pixels` gives the picture of an example
    /// that has pixels.
    ///
    /// # Errors
    /// [`Problem`] if it cannot be answered.
    pub(crate) async fn ranking<P: Future<Output = Result<RgbImage, Problem>>>(
        &self,
        request: &Request,
        understanding: &Understanding,
        upto: usize,
        pixels: impl FnOnce() -> P,
    ) -> Result<Arc<Ranking>, Problem> {
        let searcher = self.searcher()?;
        let key = |depth: usize| Key {
            text: understanding.resolved.clone(),
            is_literal: request.literal,
            is_raw: request.raw,
            collapse: request.collapse,
            diverse: request.diverse,
            sort: request.sort,
            min_relevance: request.min_relevance.map(f32::to_bits),
            example: request.example.clone(),
            depth,
            generation: searcher.reader().generation(),
        };
        let lists = request.example.is_none() && understanding.is_conditions_only();
        let depths: &[usize] = if lists && !request.collapse {
            &[usize::MAX]
        } else if !lists && request.sort != Sort::Relevance {
            &[MOST_SORTED]
        } else if request.collapse {
            &[DEPTHS[0], MOST_COLLAPSED]
        } else {
            &DEPTHS
        };
        let wanted = depths.iter().position(|depth| *depth >= upto).unwrap_or(depths.len() - 1);
        // What was found deeper does as well.
        if let Some(known) = depths[wanted..].iter().find_map(|depth| self.rankings.get(&key(*depth))) {
            return Ok(known);
        }
        let depth = depths[wanted];
        let is_deepest = wanted + 1 == depths.len();
        let find = || async {
            let plan = if lists && !request.collapse {
                let all = |alternative: &Alternative| alternative.filter.clone();
                Plan::List(understanding.alternatives.iter().map(all).collect())
            } else {
                let mut alternatives = understanding.alternatives.clone();
                if lists {
                    // A query without anything at all is none.
                    let no_condition = Filter::All(Vec::new());
                    let all = alternatives.iter_mut().filter(|alternative| alternative.filter == no_condition);
                    all.for_each(|alternative| alternative.filter = Filter::Not(Box::new(Filter::Any(Vec::new()))));
                }
                let mut query = Query::any(alternatives);
                match &request.example {
                    Some(Example::Photo { id, crop: None }) => query = query.and(Term::Like(*id), 1.0),
                    Some(_) => query = query.and(Term::Pixels(pixels().await?), 1.0),
                    None => {}
                }
                Plan::Search(settled(query, request, lists, depth))
            };
            let catalogue = match &plan {
                Plan::List(_) => Some(self.catalogue(&searcher).await?),
                Plan::Search(_) => None,
            };
            let (library, searcher) = (Arc::clone(&self.library), Arc::clone(&searcher));
            let (sort, sort_after) =
                (request.sort, (!lists && request.sort != Sort::Relevance).then_some(request.sort));
            self.compute(move || match (plan, catalogue) {
                (Plan::List(filters), Some(catalogue)) => listed(searcher, catalogue, &filters, sort),
                (Plan::Search(query), _) => ranked(&library, searcher, &query, depth, is_deepest, sort_after),
                (Plan::List(_), None) => Err(Problem::internal("there is no catalogue")),
            })
            .await
        };
        self.rankings.get_or_find(&key(depth), find, Ranking::weight).await
    }
}

/// The query with what the request says besides.
fn settled(mut query: Query, request: &Request, lists: bool, depth: usize) -> Query {
    query = query.limit(depth);
    // What answers a description is put into another order when it is known what matches.
    if lists {
        query = query.order(request.sort.order());
    }
    if request.raw {
        query = query.raw();
    }
    if request.collapse {
        query = query.collapse();
    }
    // In another order it makes no difference.
    if request.diverse && request.sort == Sort::Relevance {
        query = query.diverse();
    }
    if let Some(relevance) = request.min_relevance {
        query = query.min_relevance(relevance);
    }
    query
}

fn ranked(
    library: &Library,
    searcher: Arc<LibrarySearcher>,
    query: &Query,
    depth: usize,
    is_deepest: bool,
    sort: Option<Sort>,
) -> Result<Ranking, Problem> {
    let (mut hits, _) = library.search_with(&searcher, query)?;
    let is_all = is_deepest || hits.len() < depth;
    let matches = hits.iter().any(|hit| hit.is_match);
    if let Some(sort) = sort {
        if matches {
            hits.retain(|hit| hit.is_match);
        } else {
            hits.truncate(FEW);
        }
        hits.sort_by(|a, b| sort.compare(&a.record, &b.record));
    }
    Ok(Ranking { searcher, list: List::Ranked(hits.iter().map(Ranked::from).collect()), is_all, matches })
}

/// All that meet one of the conditions.
fn listed(
    searcher: Arc<LibrarySearcher>,
    catalogue: Arc<Catalogue>,
    filters: &[Filter],
    sort: Sort,
) -> Result<Ranking, Problem> {
    let is_everything = |filter: &Filter| *filter == Filter::All(Vec::new());
    let passing = if filters.iter().any(is_everything) {
        None
    } else {
        let mut passing = clip_search::RoaringTreemap::new();
        for filter in filters {
            passing |= searcher.reader().matching(filter)?;
        }
        Some(passing)
    };
    let mut entries = catalogue.distinct(passing.as_ref());
    catalogue.sort(&mut entries, sort, searcher.reader())?;
    Ok(Ranking { searcher, list: List::Listed { catalogue, entries, passing }, is_all: true, matches: true })
}
