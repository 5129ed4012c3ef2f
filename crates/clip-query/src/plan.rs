//! Scan or graph: the choice, as a function of sizes alone.

use crate::query::Strategy;

/// Up to so many photos a scan is chosen. It finds the true best, and up to here the words take longer to encode than
/// the photos to scan: 20,000 rows of 512 numbers are 41 MB, some milliseconds of memory traffic on one core.
pub const EXACT_UP_TO: u64 = 20_000;

/// After so many scans the graph is loaded. Reading and checking it takes as long as that many scans of the same photos
/// (11 us a photo against 0.05 to 0.1), so who asks once never waits for it, and who goes on asking never loses more
/// than as much again: the break-even rule of the ski rental problem.
pub const SCANS_BEFORE_GRAPH: u32 = 100;

/// The fewest candidates that a graph search keeps.
const LEAST_EFFORT: usize = 200;
/// How many candidates a graph search keeps for every result that is wanted. Words lie far from all pictures, where
/// the neighbourhoods that a graph is made of say less: that takes more than the usual two or three.
const EFFORT_PER_RESULT: usize = 10;

/// How a query is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every photo that passes the filter is compared.
    Exact,
    /// The graph is searched, and what it lacks is scanned.
    Graph {
        /// How many candidates are kept (`ef`).
        effort: usize,
    },
}

/// What the choice depends on besides the query.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Photos in the index that pass the filter.
    pub candidates: u64,
    /// Photos in the index.
    pub photos: u64,
    /// Photos that a graph search would reach through the graph, if there is one.
    pub in_graph: Option<u64>,
    /// Scans of the whole index so far; at least [`SCANS_BEFORE_GRAPH`] once the graph is loaded.
    pub scans: u32,
}

/// Chooses the method for a query that wants `limit` results and perhaps an `effort` of its own.
///
/// [`Strategy::Graph`] is taken at its word even where no graph exists: carrying it out gives the error that says so.
pub(crate) fn choose(strategy: Strategy, sizes: Sizes, limit: usize, effort: Option<usize>) -> Method {
    let effort = effort.unwrap_or_else(|| LEAST_EFFORT.max(limit.saturating_mul(EFFORT_PER_RESULT)));
    let graph = Method::Graph { effort: effort.max(limit) };
    match strategy {
        Strategy::Exact => Method::Exact,
        Strategy::Graph => graph,
        Strategy::Auto => {
            // What the graph lacks is scanned anyway: once that is the larger part, the graph saves little.
            let useful = sizes.in_graph.is_some_and(|nodes| nodes > sizes.photos / 2);
            let pays = sizes.candidates > EXACT_UP_TO && sizes.scans >= SCANS_BEFORE_GRAPH;
            if useful && pays { graph } else { Method::Exact }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Sizes =
        Sizes { candidates: 100_000, photos: 100_000, in_graph: Some(100_000), scans: SCANS_BEFORE_GRAPH };

    fn auto(sizes: Sizes) -> Method {
        choose(Strategy::Auto, sizes, 20, None)
    }

    #[test]
    fn the_number_of_photos_that_pass_decides() {
        assert_eq!(auto(LARGE), Method::Graph { effort: LEAST_EFFORT });
        assert_eq!(auto(Sizes { candidates: EXACT_UP_TO + 1, ..LARGE }), Method::Graph { effort: LEAST_EFFORT });
        assert_eq!(auto(Sizes { candidates: EXACT_UP_TO, ..LARGE }), Method::Exact);
    }

    #[test]
    fn no_graph_or_one_that_knows_little_means_a_scan() {
        assert_eq!(auto(Sizes { in_graph: None, ..LARGE }), Method::Exact);
        assert_eq!(auto(Sizes { in_graph: Some(50_000), ..LARGE }), Method::Exact);
        assert_eq!(auto(Sizes { in_graph: Some(50_001), ..LARGE }), Method::Graph { effort: LEAST_EFFORT });
    }

    #[test]
    fn a_few_questions_are_not_worth_loading_the_graph() {
        assert_eq!(auto(Sizes { scans: 0, ..LARGE }), Method::Exact);
        assert_eq!(auto(Sizes { scans: SCANS_BEFORE_GRAPH - 1, ..LARGE }), Method::Exact);
    }

    #[test]
    fn a_strategy_that_is_asked_for_is_taken() {
        let tiny = Sizes { candidates: 3, photos: 3, in_graph: None, scans: 0 };
        assert_eq!(choose(Strategy::Graph, tiny, 20, None), Method::Graph { effort: LEAST_EFFORT });
        assert_eq!(choose(Strategy::Exact, LARGE, 20, Some(500)), Method::Exact);
    }

    #[test]
    fn effort_grows_with_the_results_wanted_and_is_never_less() {
        let effort = |limit, wanted| choose(Strategy::Graph, LARGE, limit, wanted);
        assert_eq!(effort(500, None), Method::Graph { effort: 5_000 });
        assert_eq!(effort(20, Some(40)), Method::Graph { effort: 40 });
        assert_eq!(effort(20, Some(5)), Method::Graph { effort: 20 });
    }
}
