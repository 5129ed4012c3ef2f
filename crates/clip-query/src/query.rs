//! What to look for, as plain data.

use clip_index::{Filter, Strategy};
use std::path::PathBuf;

use clip_image::Limits;
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

/// A request: weighted terms, and which results are wanted.
///
/// ```
/// use clip_query::{Query, Strategy};
///
/// let query = Query::text("a harbour at night").and_text("people", -0.4).limit(50).under("/photos/2019");
/// assert_eq!(query.terms().len(), 2);
/// # let _ = query.strategy(Strategy::Exact);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a query does nothing until a searcher answers it"]
pub struct Query {
    pub(crate) terms: Vec<(Term, f32)>,
    pub(crate) limit: usize,
    pub(crate) strategy: Strategy,
    pub(crate) effort: Option<usize>,
    pub(crate) min_score: Option<f32>,
    pub(crate) under: Vec<PathBuf>,
    pub(crate) only_present: bool,
    pub(crate) image_limits: Limits,
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
        Query {
            terms: vec![(term, 1.0)],
            limit: 20,
            strategy: Strategy::Auto,
            effort: None,
            min_score: None,
            under: Vec::new(),
            only_present: false,
            image_limits: Limits::default(),
        }
    }

    /// Adds a term. The weights count against one another; a negative one steers away from the term.
    pub fn and(mut self, term: Term, weight: f32) -> Query {
        self.terms.push((term, weight));
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

    /// Sets which example photos are refused as too large.
    pub fn image_limits(mut self, limits: Limits) -> Query {
        self.image_limits = limits;
        self
    }

    /// The terms and their weights, in the order in which they were added.
    pub fn terms(&self) -> &[(Term, f32)] {
        &self.terms
    }

    /// The texts among the terms, in their order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().filter_map(|(term, _)| match term {
            Term::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// Whether a model needs its text tower for this query.
    pub fn needs_text_tower(&self) -> bool {
        self.terms.iter().any(|(term, _)| matches!(term, Term::Text(_)))
    }

    /// Whether a model needs its image tower for this query.
    pub fn needs_image_tower(&self) -> bool {
        self.terms.iter().any(|(term, _)| matches!(term, Term::Image(_) | Term::Bytes(_) | Term::Pixels(_)))
    }
}
