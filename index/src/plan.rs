//! How a search is carried out: the one place where that is decided.
//!
//! The choice is made from sizes, by estimates of what each way costs. They need not be exact: where two ways cost about
//! the same, either will do. The figures behind them are in `docs/benchmarks.md`.

use std::fmt;

use roaring::RoaringTreemap;

use crate::hubness::Hubness;

/// Nanoseconds for each byte of codes of a scan in the order of the file, by one thread.
const SCAN_BYTE: f64 = 0.031;
/// Nanoseconds for each row that a filter is followed to, besides its bytes: finding it, and the wait for memory.
const FOLLOW_ROW: f64 = 75.0;
/// Nanoseconds for each row of a scan of all rows with a filter, besides its bytes.
const SCAN_FILTER: f64 = 5.0;
/// Nanoseconds for each candidate that a walk through the graph keeps, its edges and the rows at their other ends: in a graph of
/// 100,000 nodes or fewer, and how that grows with more, which are less often in the processor's caches.
const WALK_CANDIDATE: f64 = 600.0;
const WALK_GROWTH: f64 = 0.22;
/// Nanoseconds for each page that is read out of order from a disk with heads, or over a network.
const SLOW_PAGE: f64 = 5e6;
/// Nanoseconds for each byte that is read in order from such a place.
const SLOW_BYTE: f64 = 10.0;
/// Pages that a walk reads for each candidate that it keeps.
const PAGES_PER_CANDIDATE: f64 = 12.0;

/// Rows that a walk looks at for each candidate that it keeps.
const ROWS_PER_CANDIDATE: f64 = 12.0;
/// Nanoseconds for copying a row from a file that is in memory.
const COPY_ROW: f64 = 1_200.0;
/// Nanoseconds for mapping a page with its neighbours, and for undoing that.
const MAP_PAGES: f64 = 5_000.0;
/// Bytes of a page and the neighbours that Linux maps with it.
const MAPPED_AT_ONCE: f64 = 65_536.0;

/// The fewest candidates that a walk through the graph keeps.
const LEAST_EFFORT: usize = 128;
/// How many candidates a walk keeps in a graph of 100,000 nodes, and how that grows with the nodes. Words lie far from all
/// pictures, where the neighbourhoods that a graph is made of say less. Captions find 0.999 of the ten best with 120 at
/// 100,000 and with 400 at 1,000,000; single words find 0.995 with 250, and with 650 to 900 from one graph to another.
const EFFORT_AT_100_000: f64 = 350.0;
const EFFORT_GROWTH: f64 = 0.5;
/// How many candidates a walk keeps for every result that is wanted.
const EFFORT_PER_RESULT: usize = 6;

/// Which way of searching is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// The one that is expected to take the least time.
    #[default]
    Auto,
    /// Compare with every row as it is stored.
    Exact,
    /// Compare with the codes of every row, and the best of these with their rows.
    Scan,
    /// Walk through the graph; an error where there is none.
    Graph,
}

/// What is searched for besides the vector.
#[derive(Debug, Clone, Copy)]
pub struct SearchOptions<'a> {
    /// Results that are wanted.
    pub k: usize,
    /// Which way of searching is wanted.
    pub strategy: Strategy,
    /// Candidates that a walk through the graph keeps (`ef`), at least `k`; `None` for as many as find nearly all.
    pub effort: Option<usize>,
    /// Only these items are wanted.
    pub filter: Option<&'a RoaringTreemap>,
    /// The shares of an item's hubness that are taken from its score, where the index knows it: see
    /// [`Bank`](crate::Bank). Zeros for plain dot products.
    pub correction: Hubness,
}

impl SearchOptions<'_> {
    /// The best `k` of all items.
    pub fn best(k: usize) -> SearchOptions<'static> {
        SearchOptions { k, strategy: Strategy::Auto, effort: None, filter: None, correction: Hubness::default() }
    }
}

/// A way of searching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Every row is compared as it is stored.
    Exact,
    /// The codes of every row are compared, and the best of these as they are stored.
    Scan,
    /// The graph is walked through, and what it lacks is scanned.
    Graph {
        /// Candidates that are kept (`ef`).
        effort: usize,
    },
}

/// Why a way of searching was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It was asked for.
    AskedFor,
    /// There is no graph.
    NoGraph,
    /// The graph cannot be used.
    UnusableGraph,
    /// It is expected to take the least time.
    Fastest,
    /// It is expected to take the least time, since reads out of order are slow where the index lies, and it is not in
    /// memory.
    SlowMedium,
}

/// How a search is carried out, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// The way.
    pub method: Method,
    /// Why it was chosen.
    pub reason: Reason,
    /// Items of the index.
    pub items: u64,
    /// Items that pass the filter; those that were removed may be among them.
    pub passing: u64,
    /// Items that a walk through the graph can find, if there is a graph.
    pub in_graph: Option<u64>,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::Exact => f.write_str("exact"),
            Method::Scan => f.write_str("scan"),
            Method::Graph { effort } => write!(f, "graph with {effort} candidates"),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::AskedFor => "as asked for",
            Reason::NoGraph => "there is no graph",
            Reason::UnusableGraph => "the graph cannot be used",
            Reason::Fastest => "expected to take the least time",
            Reason::SlowMedium => "the index is on a medium that is slow at random reads, and not in memory",
        })
    }
}

/// What the choice depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Items of the index.
    pub(crate) items: u64,
    /// Bytes of a row's codes.
    pub(crate) code_bytes: usize,
    /// Items that pass the filter, if there is one.
    pub(crate) passing: Option<u64>,
    /// Items that a walk through the graph can find, if there is a graph.
    pub(crate) in_graph: Option<u64>,
    /// The files are not in memory, and reads out of order are slow where they lie.
    pub(crate) slow_at_random: bool,
}

/// Chooses. [`Strategy::Graph`] is taken at its word even where no graph exists: carrying it out gives the error that says
/// so.
pub(crate) fn plan(options: &SearchOptions<'_>, sizes: Sizes) -> Plan {
    let usual = default_effort(sizes.in_graph.unwrap_or(sizes.items)).max(options.k.saturating_mul(EFFORT_PER_RESULT));
    let effort = options.effort.unwrap_or(usual);
    let graph = Method::Graph { effort: effort.max(options.k) };
    let (method, reason) = match (options.strategy, sizes.in_graph) {
        (Strategy::Exact, _) => (Method::Exact, Reason::AskedFor),
        (Strategy::Scan, _) => (Method::Scan, Reason::AskedFor),
        (Strategy::Graph, _) => (graph, Reason::AskedFor),
        (Strategy::Auto, None) => (Method::Scan, Reason::NoGraph),
        (Strategy::Auto, Some(in_graph)) => {
            let fastest =
                |slow| if walk(&sizes, in_graph, effort, slow) < scan(&sizes, slow) { graph } else { Method::Scan };
            let (fast_medium, here) = (fastest(false), fastest(sizes.slow_at_random));
            (here, if here == fast_medium { Reason::Fastest } else { Reason::SlowMedium })
        }
    };
    Plan { method, reason, items: sizes.items, passing: sizes.passing.unwrap_or(sizes.items), in_graph: sizes.in_graph }
}

/// Candidates that find nearly all of the ten best in a graph of this many nodes.
fn default_effort(nodes: u64) -> usize {
    let effort = EFFORT_AT_100_000 * (nodes as f64 / 1e5).powf(EFFORT_GROWTH);
    LEAST_EFFORT.max(effort as usize)
}

/// True if a walk through a graph whose rows have this many bytes of codes, the first of its reader, is done earlier if it
/// copies what it looks at than if it maps the pages.
pub(crate) fn copies_first(code_bytes: usize, effort: usize) -> bool {
    let rows = effort as f64 * ROWS_PER_CANDIDATE;
    rows * COPY_ROW < rows.min(code_bytes as f64 / MAPPED_AT_ONCE) * MAP_PAGES
}

/// True if following a filter id by id costs less than scanning all rows.
pub(crate) fn follows_filter(rows: u64, passing: u64, code_bytes: usize) -> bool {
    follow(passing, code_bytes) < scan_all(rows, code_bytes) + rows as f64 * SCAN_FILTER
}

fn follow(passing: u64, code_bytes: usize) -> f64 {
    passing as f64 * (FOLLOW_ROW + code_bytes as f64 * SCAN_BYTE)
}

fn scan_all(rows: u64, code_bytes: usize) -> f64 {
    rows as f64 * code_bytes as f64 * SCAN_BYTE
}

/// Nanoseconds that a scan is expected to take.
fn scan(sizes: &Sizes, slow: bool) -> f64 {
    let Sizes { items, code_bytes, passing, .. } = *sizes;
    let all = scan_all(items, code_bytes);
    let time = match passing {
        Some(passing) if follows_filter(items, passing, code_bytes) => follow(passing, code_bytes),
        Some(_) => all + items as f64 * SCAN_FILTER,
        None => all,
    };
    let bytes = items as f64 * code_bytes as f64;
    if slow { time + bytes * SLOW_BYTE } else { time }
}

/// Nanoseconds that a walk is expected to take, and the scan of what the graph lacks.
fn walk(sizes: &Sizes, in_graph: u64, effort: usize, slow: bool) -> f64 {
    let Sizes { items, code_bytes, passing, .. } = *sizes;
    // Where few pass, as many more have to be walked through until enough are found that do.
    let share = passing.map_or(1.0, |passing| (passing as f64 / items.max(1) as f64).clamp(1e-9, 1.0));
    let candidates = (effort as f64 / share).min(in_graph as f64);
    let candidate = WALK_CANDIDATE * (in_graph as f64 / 1e5).max(1.0).powf(WALK_GROWTH);
    let time = candidates * candidate + scan_all(items.saturating_sub(in_graph), code_bytes);
    if slow { time + candidates * PAGES_PER_CANDIDATE * SLOW_PAGE } else { time }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LARGE: Sizes =
        Sizes { items: 1_000_000, code_bytes: 384, passing: None, in_graph: Some(1_000_000), slow_at_random: false };

    fn auto(sizes: Sizes) -> (Method, Reason) {
        let plan = plan(&SearchOptions::best(10), sizes);
        (plan.method, plan.reason)
    }

    /// The graph of an index of this size.
    fn graph(items: u64) -> Method {
        Method::Graph { effort: default_effort(items) }
    }

    #[test]
    fn large_indexes_go_through_the_graph_and_small_ones_are_scanned() {
        assert_eq!(auto(LARGE), (graph(1_000_000), Reason::Fastest));
        assert_eq!(auto(Sizes { items: 100_000, in_graph: Some(100_000), ..LARGE }), (graph(100_000), Reason::Fastest));
        assert_eq!(auto(Sizes { items: 2_000, in_graph: Some(2_000), ..LARGE }), (Method::Scan, Reason::Fastest));
        assert_eq!(auto(Sizes { in_graph: None, ..LARGE }), (Method::Scan, Reason::NoGraph));
    }

    #[test]
    fn a_graph_that_knows_little_is_no_help() {
        assert_eq!(auto(Sizes { in_graph: Some(5_000), ..LARGE }).0, Method::Scan);
        assert_eq!(auto(Sizes { in_graph: Some(990_000), ..LARGE }).0, graph(990_000));
    }

    #[test]
    fn where_few_pass_they_are_scanned() {
        for (passing, method) in [
            (500_000, graph(1_000_000)),
            (10_000, Method::Scan),
            (1_000, Method::Scan),
            (100, Method::Scan),
            (0, Method::Scan),
        ] {
            assert_eq!(auto(Sizes { passing: Some(passing), ..LARGE }).0, method, "{passing}");
        }
        assert!(follows_filter(1_000_000, 10_000, 384) && !follows_filter(1_000_000, 500_000, 384));
    }

    #[test]
    fn a_filter_that_keeps_half_is_walked_with_from_a_few_thousand_items_on() {
        let half = |items: u64| Sizes { items, in_graph: Some(items), passing: Some(items / 2), ..LARGE };
        assert_eq!(auto(half(20_000)).0, graph(20_000));
        assert_eq!(auto(half(100_000)).0, graph(100_000));
        assert_eq!(auto(half(5_000)).0, Method::Scan);
        let tenth = Sizes { passing: Some(2_000), ..half(20_000) };
        assert_eq!(auto(tenth).0, Method::Scan);
    }

    #[test]
    fn a_disk_with_heads_is_read_in_order_until_it_is_in_memory() {
        let slow = Sizes { slow_at_random: true, ..LARGE };
        assert_eq!(auto(slow), (Method::Scan, Reason::SlowMedium));
        // There even a long scan would take longer.
        let huge = Sizes { items: 50_000_000, in_graph: Some(50_000_000), ..slow };
        let options = SearchOptions { effort: Some(100), ..SearchOptions::best(10) };
        assert_eq!(plan(&options, huge).method, Method::Graph { effort: 100 });
    }

    #[test]
    fn a_strategy_that_is_asked_for_is_taken() {
        let tiny = Sizes { items: 3, in_graph: None, ..LARGE };
        for (strategy, of) in [
            (Strategy::Graph, graph as fn(u64) -> Method),
            (Strategy::Exact, |_| Method::Exact),
            (Strategy::Scan, |_| Method::Scan),
        ] {
            for sizes in [tiny, LARGE] {
                let method = of(sizes.items);
                let plan = plan(&SearchOptions { strategy, ..SearchOptions::best(10) }, sizes);
                assert_eq!((plan.method, plan.reason), (method, Reason::AskedFor));
            }
        }
    }

    #[test]
    fn effort_grows_with_the_results_wanted_and_is_never_less() {
        let effort = |k, effort| {
            plan(&SearchOptions { strategy: Strategy::Graph, effort, ..SearchOptions::best(k) }, LARGE).method
        };
        assert_eq!(effort(500, None), Method::Graph { effort: 3_000 });
        assert_eq!(effort(10, None), Method::Graph { effort: default_effort(1_000_000) });
        assert!(default_effort(10) == LEAST_EFFORT && default_effort(100_000) == 350);
        assert_eq!(effort(20, Some(40)), Method::Graph { effort: 40 });
        assert_eq!(effort(20, Some(5)), Method::Graph { effort: 20 });
    }
}
