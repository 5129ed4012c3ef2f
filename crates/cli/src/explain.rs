//! What `query --explain` says: how a query was understood and carried out.

use std::time::{Duration, Instant};

use anyhow::Result;
use clip_search::json::{JsonExplanation, JsonTimes, term_text};
use clip_search::{Breakdown, Explanation, FoundWord, Hit, LibrarySearcher, Query, Understood};

use crate::args::ExplainArg;
use crate::escape::escaped_text;
use crate::nothing_found::conditions;
use crate::output::{count, grouped, json_notice, notice};

/// Measures one part of the work after the other.
pub(crate) struct Clock(Instant);

impl Clock {
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// The time since the last call.
    pub fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.duration_since(std::mem::replace(&mut self.0, now))
    }
}

/// How long the parts of the work took that the search itself does not know of.
pub(crate) struct Times {
    pub opening: Duration,
    pub understanding: Duration,
    /// With loading the model.
    pub searching: Duration,
}

/// What there is to be told of a search.
pub(crate) struct Told<'a> {
    /// The text; there may be only an example.
    pub understood: Option<&'a Understood>,
    pub query: &'a Query,
    pub explanation: &'a Explanation,
    /// The first result.
    pub best: Option<Hit>,
    pub times: Times,
}

impl Told<'_> {
    /// Says it on stderr. `hits` is the number of results.
    pub fn tell(&self, form: ExplainArg, searcher: &LibrarySearcher, hits: usize) -> Result<()> {
        let conditions = match self.understood {
            Some(understood) => conditions(understood, searcher)?,
            None => Vec::new(),
        };
        let breakdown = match &self.best {
            Some(best) if best.score.is_some() => searcher.breakdown(self.query, best.item)?,
            _ => None,
        };
        let Times { opening, understanding, searching } = self.times;
        let times = JsonTimes::new(self.explanation, opening, understanding, searching);
        match form {
            ExplainArg::Text => self.tell_people(&conditions, breakdown.as_ref(), &times, hits),
            ExplainArg::Json => {
                let understood = self.understood.map(|understood| &understood.resolved);
                let best = self.best.as_ref().zip(breakdown.as_ref());
                json_notice(&JsonExplanation::new(understood, &conditions, self.explanation, best, times))?;
            }
        }
        Ok(())
    }

    fn tell_people(&self, conditions: &[(String, u64)], breakdown: Option<&Breakdown>, times: &JsonTimes, hits: usize) {
        let explanation = self.explanation;
        let milliseconds = |time: f64| format!("{time:.1} ms");
        if let Some(understood) = self.understood {
            notice(format_args!("understood as: {}", understood.resolved));
        }
        if explanation.passing.len() > 1 {
            notice(format_args!("which comes to {} alternatives", explanation.passing.len()));
        }
        for (text, photos) in conditions {
            notice(format_args!("`{}` is met by {}", escaped_text(text), count(*photos, "photo")));
        }
        notice(format_args!("opening the index: {}", milliseconds(times.opening)));
        notice(format_args!("understanding the query: {}", milliseconds(times.understanding)));
        notice(format_args!("loading the model: {}", milliseconds(times.loading)));
        notice(format_args!("encoding the query: {}", milliseconds(times.encoding)));
        for passing in explanation.passing.iter().flatten() {
            let filtering = milliseconds(times.conditions);
            notice(format_args!("conditions met by {}, {filtering}", count(*passing, "photo")));
        }
        notice(format_args!("looking for words: {}", milliseconds(times.words)));
        for plan in &explanation.plans {
            notice(format_args!("search method: {} ({})", plan.method, plan.reason));
            let in_graph = plan.in_graph.map(|nodes| format!(" ({} in the graph)", grouped(nodes))).unwrap_or_default();
            let searching = milliseconds(times.searching);
            notice(format_args!("searching {}{in_graph}: {searching}", count(plan.items, "photo")));
        }
        for FoundWord { word, items, .. } in &explanation.words {
            let photos = count(*items, "photo");
            notice(format_args!(
                "`{}` occurs in names, keywords or texts of {photos}, which raises their scores",
                escaped_text(word)
            ));
        }
        if explanation.is_corrected {
            notice("scores are corrected: photos that are near to every text count for less");
        }
        let hits = count(hits as u64, "result");
        notice(format_args!("reading the records of {hits}: {}", milliseconds(times.records)));
        if let Some(breakdown) = breakdown {
            tell_score(breakdown);
        }
        if let Some(relevance) = self.best.as_ref().and_then(|best| best.relevance) {
            notice(format_args!("relevance of the best result: {relevance:.3}"));
        }
    }
}

/// What the score of the first result is made of.
fn tell_score(breakdown: &Breakdown) {
    let Breakdown { score, correction, words, adjusted, .. } = breakdown;
    // Little that is added up is not rounded.
    const SHOWN: f32 = 5e-4;
    let corrected = match *correction {
        taken if taken >= SHOWN => format!(" - {taken:.3} for being near to every text"),
        taken if taken <= -SHOWN => format!(" + {:.3} for being far from every text", -taken),
        _ => String::new(),
    };
    let words = if *words >= SHOWN { format!(" + {words:.3} for its words") } else { String::new() };
    notice(format_args!("score of the best result: similarity {score:.3}{corrected}{words} = {adjusted:.3}"));
    // One alone is all of it.
    let parts = if breakdown.terms.len() > 1 { breakdown.terms.as_slice() } else { &[] };
    for part in parts {
        let relevance = part.relevance.map(|relevance| format!(", relevance {relevance:.3}")).unwrap_or_default();
        let (text, weight) = (term_text(&part.term), part.weight);
        notice(format_args!(
            "  for `{}` alone, which weighs {weight}: similarity {:.3}{relevance}",
            escaped_text(&text),
            part.score
        ));
    }
}
