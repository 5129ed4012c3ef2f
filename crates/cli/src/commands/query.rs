//! `query`: the photos that fit a description or look like an example, best first.

use std::io::{self, IsTerminal};
use std::path::Path;

use anyhow::{Context, Result, bail};
use clip_search::json::JsonHit;
use clip_search::{Alternative, Filter, Fusion, Hit, Library, Limits, Order, Query, Strategy, Term};

use crate::args::{Crop, ExplainArg, FusionArg, GroupArg, PreviewArg, QueryArgs, SortArg, as_typed};
use crate::decoder::decoder;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::explain::{Clock, Times, Told};
use crate::hit_line::{self, day};
use crate::interactive;
use crate::language_hint;
use crate::nothing_found;
use crate::output::{Results, count, describe, grouped, is_verbose, notice};
use crate::previews::Previews;
use crate::query_text::{understand, understand_telling, words};
use crate::results_folder;
use crate::settings::{library, query_cache};
use crate::terminal::Look;

/// How many copies of a result are named, and how many files that belong to it. With --json all are.
const NAMED_DUPLICATES: usize = 10;

/// The most results, unless the user says how many.
const USUAL_LIMIT: u64 = 10;

pub(crate) fn run(index: &Path, args: &QueryArgs) -> Result<Exit> {
    // First of all: a missing index is known at once.
    let mut clock = Clock::start();
    let library = library(index, &args.model)?.text_cache(query_cache(!args.no_cache)).open()?;
    if args.interactive {
        return search_while_typing(library, args);
    }
    let opening = clock.lap();
    let understood =
        if args.text.is_empty() { None } else { Some(understand(index, &words(&args.text)?, args.literal)?) };
    let query = match &understood {
        Some(understood) => understood.query(),
        None => Query::any(vec![Alternative { terms: Vec::new(), filter: Filter::All(Vec::new()) }]),
    };
    let mut query = query.decoder(decoder());
    if let Some(image) = &args.image {
        query = query.and(example(image, args.crop)?, 1.0);
    }
    let searcher = library.searcher()?;
    let reader = searcher.reader();
    if reader.is_empty() {
        notice(format_args!("the index in {} is empty; add photos with `clip-search index DIR`", escaped(index)));
        return Ok(Exit::Partly);
    }
    if args.no_pairs {
        query = query.without_pairs();
    }
    if args.count {
        return count_only(searcher.count(&query)?);
    }
    query = settled(query, args);
    let understanding = clock.lap();
    let (mut hits, explanation) = library.search_explained(&query)?;
    let times = Times { opening, understanding, searching: clock.lap() };

    let is_for_scripts = args.json || args.null || args.paths_only;
    let best = hits.iter().min_by_key(|hit| hit.rank).cloned();
    if !is_for_scripts && !hits.is_empty() && !hits.iter().any(|hit| hit.is_match) && args.offset == 0 {
        notice("nothing matches well; the nearest are:");
    } else if !is_for_scripts && !args.all && io::stdout().is_terminal() {
        // A person wants to know where the matches end; a script counts on what it asked for.
        hits.retain(|hit| hit.is_match);
    }
    print_hits(&hits, args)?;
    if !is_for_scripts && hits.is_empty() && args.offset == 0 {
        let reason = nothing_found::reason(understood.as_ref(), &explanation, args.min_relevance, &searcher)?;
        reason.into_iter().for_each(notice);
    }
    let not_exported = match args.export.as_deref() {
        Some([how, folder]) => results_folder::fill(how, folder, &hits)?,
        _ => 0,
    };
    let missing = explanation.missing;
    if missing > 0 {
        notice(format_args!(
            "left out {} whose {} not there; connect the drive, or bring the index up to date with `clip-search index`",
            count(missing, "result"),
            if missing == 1 { "file is" } else { "files are" }
        ));
    }
    let remaining = reader.remaining();
    if remaining > 0 {
        notice(format_args!(
            "searched the {} indexed so far; {} still to be indexed: run `clip-search index`",
            count(reader.len() as u64, "photo"),
            if remaining == 1 { "1 file is".to_owned() } else { format!("{} files are", grouped(remaining)) }
        ));
    }
    for text in query.texts() {
        if let Some(hint) = language_hint::of(text, &reader.model().name) {
            notice(hint);
            break;
        }
    }
    if let Some(form) = args.explain.or(is_verbose().then_some(ExplainArg::Text)) {
        let told = Told { understood: understood.as_ref(), query: &query, explanation: &explanation, best, times };
        told.tell(form, &searcher, hits.len())?;
    }
    Ok(if hits.is_empty() || not_exported > 0 { Exit::Partly } else { Exit::Done })
}

/// Results that are found while one types, at most, unless the user says how many.
const USUAL_LIMIT_OF_TYPING: u64 = 100;

fn search_while_typing(library: Library, args: &QueryArgs) -> Result<Exit> {
    interactive::check_terminal()?;
    let text = if args.text.is_empty() { String::new() } else { words(&args.text)? };
    let text = as_typed(&text);
    let has_pictures = args.preview != Some(PreviewArg::Never);
    let args = QueryArgs { limit: args.limit.or(Some(USUAL_LIMIT_OF_TYPING)), ..args.clone() };
    interactive::run(text, has_pictures, move |text| {
        found_while_typing(&library, text, &args).map_err(|error| describe(&error))
    })?;
    Ok(Exit::Done)
}

/// The results for a text, and what is to be said of the way in which it was understood.
fn found_while_typing(library: &Library, text: &str, args: &QueryArgs) -> Result<(Vec<Hit>, Vec<String>)> {
    if text.trim().is_empty() {
        // There will be a text soon.
        library.searcher()?.encoder().encoder().text()?;
        return Ok((Vec::new(), Vec::new()));
    }
    let mut notes = Vec::new();
    let understood = understand_telling(library.index(), text, args.literal, &mut |note| notes.push(note))?;
    let query = settled(Query::any(understood.alternatives), args);
    let (hits, explanation) = library.search_explained(&query)?;
    if explanation.missing > 0 {
        notes.push(format!("left out {} whose files are not there", count(explanation.missing, "result")));
    }
    Ok((hits, notes))
}

/// The query with what the options say.
fn settled(query: Query, args: &QueryArgs) -> Query {
    let strategy = match (args.exact, args.graph) {
        (true, _) => Strategy::Exact,
        (_, true) => Strategy::Graph,
        _ => Strategy::Auto,
    };
    let order = match args.sort {
        SortArg::Relevance => Order::Best,
        SortArg::Date => Order::Newest,
        SortArg::Oldest => Order::Oldest,
        SortArg::Path => Order::Path,
        SortArg::Size => Order::Largest,
    };
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let limit = if args.all { usize::MAX } else { number(args.limit.unwrap_or(USUAL_LIMIT)) };
    let fusion = match args.fusion.unwrap_or(FusionArg::Scores) {
        FusionArg::Scores => Fusion::Scores,
        FusionArg::Ranks => Fusion::Ranks,
        FusionArg::Off => Fusion::Off,
    };
    let mut query = query.strategy(strategy).fusion(fusion).order(order).limit(limit).offset(number(args.offset));
    if args.raw {
        query = query.raw();
    }
    if args.collapse {
        query = query.collapse();
    }
    if args.diverse {
        query = query.diverse();
    }
    if let Some(relevance) = args.min_relevance {
        query = query.min_relevance(relevance);
    }
    // As JSON, those whose files are missing are marked.
    if !args.json {
        query = query.only_present();
    }
    query
}

/// The example photo, or a part of it.
fn example(image: &Path, crop: Option<Crop>) -> Result<Term> {
    let Some(Crop([left, top, width, height])) = crop else { return Ok(Term::Image(image.to_owned())) };
    let photo = decoder()
        .decode_for(image, &Limits::default(), None)
        .with_context(|| format!("cannot use {} as an example", escaped(image)))?;
    let (across, down) = photo.image.dimensions();
    let (left, top) = (left.of(across), top.of(down));
    let (width, height) = (width.of(across), height.of(down));
    let fits =
        |start: u32, length: u32, side: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= side);
    if !fits(left, width, across) || !fits(top, height, down) {
        bail!(
            "the part {left},{top},{width},{height} is not inside {}, which has {across} x {down} pixels; give left, top, \
             width and height",
            escaped(image)
        );
    }
    Ok(Term::Pixels(clip_search::image::imageops::crop_imm(&photo.image, left, top, width, height).to_image()))
}

fn count_only(photos: u64) -> Result<Exit> {
    let mut results = Results::new();
    results.line(format_args!("{photos}"))?;
    results.finish()?;
    Ok(if photos == 0 { Exit::Partly } else { Exit::Done })
}

fn print_hits(hits: &[Hit], args: &QueryArgs) -> Result<()> {
    let is_for_scripts = args.json || args.null || args.paths_only;
    let look = if is_for_scripts { Look::PLAIN } else { Look::of_stdout() };
    let groups = match args.group {
        Some(by) => groups(hits, by),
        None => vec![(String::new(), hits.iter().collect())],
    };
    let in_order = groups.iter().flat_map(|(_, hits)| hits.iter().copied());
    let mut previews = Previews::of(in_order, args.preview.unwrap_or(PreviewArg::Auto), &look);
    let mut results = Results::new();
    for (at, (heading, hits)) in groups.iter().enumerate() {
        if args.group.is_some() {
            if at > 0 {
                results.line(format_args!(""))?;
            }
            results.line(format_args!("{heading}"))?;
        }
        for hit in hits {
            print_hit(hit, args, &look, &mut results)?;
            if let Some(picture) = previews.next() {
                results.drawing(&picture)?;
            }
        }
    }
    Ok(results.finish()?)
}

fn print_hit(hit: &Hit, args: &QueryArgs, look: &Look, results: &mut Results) -> Result<()> {
    if args.json {
        results.json(&JsonHit::from(hit))?;
    } else if args.null {
        results.path(&hit.path, 0)?;
    } else if args.paths_only {
        results.path(&hit.path, b'\n')?;
    } else {
        results.parts(&hit_line::parts(hit, look), look)?;
        name_duplicates(hit, results)?;
    }
    Ok(())
}

/// Results under headings, in the order in which the first of each comes.
fn groups(hits: &[Hit], by: GroupArg) -> Vec<(String, Vec<&Hit>)> {
    let heading = |hit: &Hit| match by {
        GroupArg::Folder => hit.path.parent().map(|folder| escaped(folder).to_string()).unwrap_or_default(),
        GroupArg::Day => day(hit).unwrap_or_else(|| "no date".to_owned()),
        GroupArg::Month => day(hit).map_or_else(|| "no date".to_owned(), |day| day[..day.len() - 3].to_owned()),
    };
    let mut groups: Vec<(String, Vec<&Hit>)> = Vec::new();
    for hit in hits {
        let heading = heading(hit);
        match groups.iter_mut().find(|(known, _)| *known == heading) {
            Some((_, group)) => group.push(hit),
            None => groups.push((heading, vec![hit])),
        }
    }
    groups
}

/// Names the files that belong to a result and those with the same content below it, and says how many are nearly the same.
fn name_duplicates(hit: &Hit, results: &mut Results) -> Result<()> {
    for member in hit.members.iter().take(NAMED_DUPLICATES) {
        results.line(format_args!("       {} {}", member.role.name(), escaped(&member.path)))?;
    }
    let more = hit.members.len().saturating_sub(NAMED_DUPLICATES);
    if more > 0 {
        results.line(format_args!("       and {} more that belong to it", grouped(more as u64)))?;
    }
    for duplicate in hit.duplicates.iter().take(NAMED_DUPLICATES) {
        results.line(format_args!("       also {}", escaped(&duplicate.asset.path)))?;
    }
    let more = hit.duplicates.len().saturating_sub(NAMED_DUPLICATES);
    if more > 0 {
        results.line(format_args!("       and {} more with the same content", grouped(more as u64)))?;
    }
    if !hit.alike.is_empty() {
        results.line(format_args!("       and {} more like it", grouped(hit.alike.len() as u64)))?;
    }
    Ok(())
}
