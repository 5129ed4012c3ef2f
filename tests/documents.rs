//! The documents lead somewhere: every relative link and anchor, where the project is browsed and in the book that mdBook makes
//! of `docs` (book.toml).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The documents for people, by their paths from the root.
fn documents() -> Vec<PathBuf> {
    let mut documents: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "crates/python/README.md",
        "samples/LICENSES.md",
        "tests/browser/README.md",
    ]
    .map(PathBuf::from)
    .into();
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    documents.extend(
        pages.map(|name| Path::new("docs").join(name)).filter(|path| path.extension().is_some_and(|end| end == "md")),
    );
    documents.sort();
    documents
}

/// The lines of a document, numbered from 1, without blocks of code.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence = None;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let start: String = line.trim_start().chars().take_while(|&c| c == '`' || c == '~').collect();
        match &fence {
            None if start.len() >= 3 => fence = Some(start),
            None => return true,
            Some(fence_) if start.starts_with(fence_.as_str()) => fence = None,
            Some(_) => {}
        }
        false
    })
}

/// A line whose code is left out.
fn without_code(line: &str) -> String {
    let mut rest = line;
    let mut text = String::new();
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let after = &rest[start + ticks..];
        let Some(end) = after.find(&rest[start..start + ticks]) else { break };
        text.push_str(&rest[..start]);
        rest = &after[end + ticks..];
    }
    text + rest
}

/// Where a document's links and pictures lead, with the numbers of their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for (opening, closing) in [("](", ')'), ("src=\"", '"'), ("href=\"", '"')] {
            for (at, _) in line.match_indices(opening) {
                let target = line[at + opening.len()..].split([closing, ' ']).next().unwrap();
                links.push((number, target.to_owned()));
            }
        }
        if let Some((_, target)) = line.strip_prefix('[').and_then(|line| line.split_once("]: ")) {
            links.push((number, target.to_owned()));
        }
    }
    links
}

/// The anchors of a document's headings, as forges and mdBook derive them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        (heading.len() < line.len()).then(|| heading.strip_prefix(' ')).flatten()
    });
    let anchors = headings.map(|heading| {
        // Of a link, the text.
        let mut text = String::new();
        let mut rest = heading;
        while let Some((before, after)) = rest.split_once("](") {
            text.push_str(before);
            rest = after.split_once(')').map_or("", |(_, rest)| rest);
        }
        text.push_str(rest);
        let slug: String = text
            .trim()
            .to_lowercase()
            .chars()
            .filter(|&c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let before = seen.entry(slug.clone()).or_default();
        *before += 1;
        if *before == 1 { slug } else { format!("{slug}-{}", *before - 1) }
    });
    anchors.collect()
}

/// What a path means, without looking at the disk; none if it leads out of the project.
fn resolve(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::CurDir => {}
            Component::ParentDir if resolved.pop() => {}
            _ => return None,
        }
    }
    Some(resolved)
}

/// What is wrong with a link of a document; none if it leads somewhere or out of the project.
fn fault(document: &Path, text: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let Some(file) = (if path.is_empty() { Some(document.into()) } else { resolve(&document.with_file_name(path)) })
    else {
        return Some("leads out of the project".into());
    };
    if document.starts_with("docs") && !file.starts_with("docs") {
        return Some("leads out of docs, and the book is made of nothing else".into());
    }
    if !root().join(&file).exists() {
        return Some("leads to a file that does not exist".into());
    }
    let anchor = anchor?;
    let there = if path.is_empty() { text.to_owned() } else { fs::read_to_string(root().join(&file)).ok()? };
    (!anchors(&there).contains(anchor)).then(|| "leads to a heading that does not exist".into())
}

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    let mut faults = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(root().join(&document)).unwrap();
        for (number, target) in links(&text) {
            count += 1;
            if let Some(fault) = fault(&document, &text, &target) {
                faults.push(format!("{}:{number}: {target} {fault}", document.display()));
            }
        }
    }
    assert!(count > 50, "{count} links");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_book_has_every_page_once() {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let mut listed: Vec<_> = links(&summary).into_iter().map(|(_, target)| target).collect();
    listed.sort();
    let pages = documents().into_iter().filter_map(|path| path.strip_prefix("docs").map(Path::to_owned).ok());
    let pages: Vec<_> =
        pages.map(|page| page.to_str().unwrap().to_owned()).filter(|page| page != "SUMMARY.md").collect();
    assert_eq!(listed, pages);
}

#[test]
fn links_and_anchors_are_found() {
    let text = "# A `--flag` and [a link](x.md#y), twice\n\
                [one](a.md) ![two](b.png \"title\") `[code](c.md)` [`d`](d.md#d) <img src=\"e.png\">\n\
                ```sh\n# no heading\n[code](f.md)\n```\n\
                ## A --flag and a link, twice\n\
                [ref]: g.md\n";
    let targets: Vec<_> = links(text).into_iter().map(|(number, target)| format!("{number} {target}")).collect();
    assert_eq!(targets, ["1 x.md#y", "2 a.md", "2 b.png", "2 d.md#d", "2 e.png", "8 g.md"]);
    let slug = "a---flag-and-a-link-twice";
    assert_eq!(anchors(text), BTreeSet::from([slug.to_owned(), format!("{slug}-1")]));

    let fault = |document, target| fault(Path::new(document), text, target).unwrap_or_default();
    assert_eq!(fault("docs/cli.md", "#a---flag-and-a-link-twice-1"), "");
    assert!(fault("docs/cli.md", "#flag").contains("heading"));
    assert!(fault("docs/cli.md", "nothing.md").contains("file"));
    assert!(fault("docs/cli.md", "../README.md").contains("out of docs"));
    assert!(fault("README.md", "../elsewhere.md").contains("out of the project"));
    assert_eq!(fault("README.md", "docs/models.md#precision"), "");
    assert!(fault("README.md", "docs/models.md#nothing").contains("heading"));
    assert_eq!(fault("README.md", "https://example.org/nothing"), "");
}
