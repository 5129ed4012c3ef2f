//! What to look for, as plain data.

use clip_index::{Filter, Strategy};
use std::path::PathBuf;

use clip_image::{Decoder, Limits};
use image::RgbImage;

/// One thing to look for.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// Words that describe a photo.
    Text(String),
    /// A photo that the results should resemble. It need not be in the index; if it is, it comes first.
    Image(PathBuf),
    /// The same, as the bytes of an image file: what a browser uploads.
    Bytes(Vec<u8>),
    /// The same, decoded and upright.
    Pixels(RgbImage),
    /// The photo of the index with this id, by the embedding that the index holds. It comes first among the results.
    Like(u64),
    /// An embedding by the model of the index, of any length but zero.
    Embedding(Vec<f32>),
}

/// One way to answer a query: what a photo should show, and the conditions that it must meet.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    /// What to look for, with weights. None at all: every photo that meets the conditions is a result, and none is better than
    /// another.
    pub terms: Vec<(Term, f32)>,
    /// The conditions.
    pub filter: Filter,
}

impl Alternative {
    /// Looks for one term, with weight 1.
    pub fn of(term: Term) -> Alternative {
        Alternative { terms: vec![(term, 1.0)], filter: Filter::All(Vec::new()) }
    }
}

/// In which order results come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Order {
    /// The best first. Where a query only sets conditions, the newest first.
    #[default]
    Best,
    /// The newest first; those without a date last.
    Newest,
    /// The oldest first; those without a date last.
    Oldest,
    /// By path.
    Path,
    /// The largest file first.
    Largest,
}

/// How words in names, keywords and texts count besides what a photo shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fusion {
    /// The words that a photo has add to its score, by how much of the description they are.
    #[default]
    Scores,
    /// Reciprocal rank fusion with k = 60.
    Ranks,
    /// They do not count.
    Off,
}

/// A request: alternatives, each with weighted terms and conditions, and which results are wanted.
///
/// ```
/// use clip_query::{Query, Strategy};
///
/// let query = Query::text("a harbour at night").and_text("people", -0.4).limit(50).under("/photos/2019");
/// assert_eq!(query.terms().count(), 2);
/// # let _ = query.strategy(Strategy::Exact);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a query does nothing until a searcher answers it"]
pub struct Query {
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
    pub(crate) order: Order,
    pub(crate) is_raw: bool,
    pub(crate) fusion: Fusion,
    pub(crate) strategy: Strategy,
    pub(crate) effort: Option<usize>,
    pub(crate) min_score: Option<f32>,
    pub(crate) min_relevance: Option<f32>,
    pub(crate) filter: Filter,
    pub(crate) under: Vec<PathBuf>,
    pub(crate) only_present: bool,
    pub(crate) collapse: bool,
    pub(crate) diverse: bool,
    pub(crate) pairs: bool,
    pub(crate) image_limits: Limits,
    pub(crate) decoder: Decoder,
}

impl Query {
    /// Looks for what the words describe.
    pub fn text(text: impl Into<String>) -> Query {
        Query::new(Term::Text(text.into()))
    }

    /// Looks for photos that resemble the one in the file.
    pub fn image(path: impl Into<PathBuf>) -> Query {
        Query::new(Term::Image(path.into()))
    }

    /// Looks for photos that resemble the one in the bytes of an image file.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Query {
        Query::new(Term::Bytes(bytes.into()))
    }

    /// Looks for photos that resemble a photo of the index.
    pub fn like(id: u64) -> Query {
        Query::new(Term::Like(id))
    }

    /// Looks for photos near an embedding.
    pub fn embedding(embedding: impl Into<Vec<f32>>) -> Query {
        Query::new(Term::Embedding(embedding.into()))
    }

    /// Looks for one term, with weight 1; 20 results from anywhere.
    pub fn new(term: Term) -> Query {
        Query::any(vec![Alternative::of(term)])
    }

    /// Looks for whatever answers one of the alternatives; 20 results from anywhere.
    pub fn any(alternatives: Vec<Alternative>) -> Query {
        Query {
            alternatives,
            limit: 20,
            offset: 0,
            order: Order::Best,
            is_raw: false,
            fusion: Fusion::default(),
            strategy: Strategy::Auto,
            effort: None,
            min_score: None,
            min_relevance: None,
            filter: Filter::All(Vec::new()),
            under: Vec::new(),
            only_present: false,
            collapse: false,
            diverse: false,
            pairs: true,
            image_limits: Limits::default(),
            decoder: Decoder::default(),
        }
    }

    /// Adds a term to each alternative. The weights count against one another; a negative one steers away from the term.
    pub fn and(mut self, term: Term, weight: f32) -> Query {
        for alternative in &mut self.alternatives {
            alternative.terms.push((term.clone(), weight));
        }
        self
    }

    /// Adds words; see [`and`](Query::and).
    pub fn and_text(self, text: impl Into<String>, weight: f32) -> Query {
        self.and(Term::Text(text.into()), weight)
    }

    /// Adds an example photo; see [`and`](Query::and).
    pub fn and_image(self, path: impl Into<PathBuf>, weight: f32) -> Query {
        self.and(Term::Image(path.into()), weight)
    }

    /// Sets how many results are wanted at most. Identical files are one result.
    pub fn limit(mut self, limit: usize) -> Query {
        self.limit = limit;
        self
    }

    /// Leaves out so many of the best results: those of earlier pages.
    pub fn offset(mut self, offset: usize) -> Query {
        self.offset = offset;
        self
    }

    /// Sets in which order results come. Which ones they are is decided before: with a description, the best.
    pub fn order(mut self, order: Order) -> Query {
        self.order = order;
        self
    }

    /// Ranks by plain similarity, whatever is written about photos. Otherwise photos that are near to every text count for less
    /// where a query is in words, if the index knows how near they are: see [`bank`](crate::bank).
    pub fn raw(mut self) -> Query {
        self.is_raw = true;
        self
    }

    /// Sets how words in names, keywords and texts of photos count besides what they show.
    pub fn fusion(mut self, fusion: Fusion) -> Query {
        self.fusion = fusion;
        self
    }

    /// Takes only photos that meet a condition, besides those of the alternatives.
    pub fn filter(mut self, filter: Filter) -> Query {
        self.filter = match self.filter {
            Filter::All(mut all) => {
                all.push(filter);
                Filter::All(all)
            }
            other => Filter::All(vec![other, filter]),
        };
        self
    }

    /// Sets how to search.
    pub fn strategy(mut self, strategy: Strategy) -> Query {
        self.strategy = strategy;
        self
    }

    /// Sets how many candidates a graph search keeps (`ef`): more find more of the true best and take longer. Ignored
    /// by exact search.
    pub fn effort(mut self, candidates: usize) -> Query {
        self.effort = Some(candidates);
        self
    }

    /// Leaves out results below a score.
    pub fn min_score(mut self, score: f32) -> Query {
        self.min_score = Some(score);
        self
    }

    /// Leaves out results whose [relevance](crate::Hit::relevance) is known and below this.
    pub fn min_relevance(mut self, relevance: f32) -> Query {
        self.min_relevance = Some(relevance);
        self
    }

    /// Takes only photos inside this folder; of several folders, inside any of them. Compared by path components, as the
    /// index stores paths: absolute, links in the roots resolved.
    pub fn under(mut self, folder: impl Into<PathBuf>) -> Query {
        self.under.push(folder.into());
        self
    }

    /// Leaves out photos whose files are not there at present, and looks for others instead:
    /// [`Explanation::missing`](crate::Explanation::missing) counts them. Of identical files, those that are there stand for
    /// the others.
    pub fn only_present(mut self) -> Query {
        self.only_present = true;
        self
    }

    /// Makes near duplicates and shots of the same moment one result, which [names](crate::Hit::alike) the others.
    pub fn collapse(mut self) -> Query {
        self.collapse = true;
        self
    }

    /// Puts the best hundred results in such an order that those which show much the same as an earlier one come later; those that
    /// are no [match](crate::Hit::is_match), or not [relevant enough](Query::min_relevance), stay behind those that are. Which page a
    /// result is on is decided after that. [`Hit::rank`](crate::Hit::rank) remains the place by score. A query that only sets
    /// conditions has no best results, and is answered as it would be otherwise.
    pub fn diverse(mut self) -> Query {
        self.diverse = true;
        self
    }

    /// Makes raw files, edited copies and the shots of a burst results of their own. Otherwise files from one press of the shutter
    /// are one result, which [names](crate::Hit::members) the others.
    pub fn without_pairs(mut self) -> Query {
        self.pairs = false;
        self
    }

    /// Sets which example photos are refused as too large.
    pub fn image_limits(mut self, limits: Limits) -> Query {
        self.image_limits = limits;
        self
    }

    /// Sets how example photos are decoded: in this process, unless this is called.
    pub fn decoder(mut self, decoder: Decoder) -> Query {
        self.decoder = decoder;
        self
    }

    /// The terms of all alternatives and their weights.
    pub fn terms(&self) -> impl Iterator<Item = &(Term, f32)> {
        self.alternatives.iter().flat_map(|alternative| &alternative.terms)
    }

    /// The texts among the terms, in their order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.terms().filter_map(|(term, _)| match term {
            Term::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// All conditions of an alternative; `None` if every photo meets them.
    pub(crate) fn conditions(&self, alternative: &Alternative) -> Option<Filter> {
        let mut all = vec![self.filter.clone(), alternative.filter.clone()];
        if !self.under.is_empty() {
            all.push(Filter::Any(self.under.iter().cloned().map(Filter::Under).collect()));
        }
        all.retain(|filter| *filter != Filter::All(Vec::new()));
        match all.len() {
            0 => None,
            1 => all.pop(),
            _ => Some(Filter::All(all)),
        }
    }

    /// Whether a model needs its text tower for this query.
    pub fn needs_text_tower(&self) -> bool {
        self.terms().any(|(term, _)| matches!(term, Term::Text(_)))
    }

    /// Whether a model needs its image tower for this query.
    pub fn needs_image_tower(&self) -> bool {
        self.terms().any(|(term, _)| matches!(term, Term::Image(_) | Term::Bytes(_) | Term::Pixels(_)))
    }
}
