//! The list of every message that the program can print, for a reader who looks at nothing else.
//!
//! `messages.txt` begins with what the snapshots show, each line once. What no snapshot shows follows as it stands in the
//! sources, with its placeholders. A new message has to be added to the list, and so is read there once more.
//!
//! To bring the list up to date: `INSTA_UPDATE=always cargo test --release -p clip-search-cli messages`, after the snapshots
//! were; then read the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

const HEAD: &str = "\
# Every message that the program can print

Made by tests/cli/messages.rs. First what the snapshots show; then, by crate, what no snapshot shows, as the sources have it.
Read a change as a user would who sees that one line: what happened, and what is to be done?
";

/// Texts in the sources that are data, not messages.
const DATA: &[&str] =
    &["crates/cli/src/docs.rs", "crates/cli/src/misspelt.rs", "crates/clip-image/src/exif_data/mod.rs"];

/// Crates that say nothing: what they hold are numbers.
const SILENT: &[&str] = &["clip-kernels", "clip-memory"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines of stdout and stderr in all snapshots, with every number as `N`. Rows of results and of help texts are left out.
fn shown() -> BTreeSet<String> {
    let number = Regex::new(r"(?P<before>^|[\s('])\d+([.,]\d+)*\b").unwrap();
    // A table has a row for each model.
    let row = Regex::new(r"^\S+ +(none|[\d.]+ [MG]B) ").unwrap();
    let result = Regex::new(r"^(\[SCORE\]|\[PERCENT\]|\[EMBEDDING\]|\[SAMPLES\]/\S+$|\[DIR\]/\S+$|\{|\s)").unwrap();
    let mut lines = BTreeSet::new();
    for entry in fs::read_dir(root().join("tests/cli/snapshots")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "snap") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut is_output = false;
        for line in text.lines() {
            match line {
                "stdout:" | "stderr:" => is_output = true,
                "" | "---" => {}
                // What follows a command is what it printed, up to the next.
                _ if line.starts_with("$ ") || line.starts_with("== ") || line.starts_with("status: ") => {
                    is_output = false
                }
                _ if row.is_match(line) => {}
                _ if is_output && !result.is_match(line) => {
                    lines.insert(number.replace_all(line, "${before}N").into_owned());
                }
                _ => {}
            }
        }
    }
    lines
}

/// The string literals of a source file, outside its comments, attributes for the compiler, unit tests and data.
fn literals(source: &str) -> Vec<String> {
    let tests = Regex::new(r"#\[cfg\([^\]]*\btest\b[^\]]*\)\]\nmod tests").unwrap();
    let source = tests.split(source).next().unwrap();
    let data = Regex::new(r"(?s)\nconst QUERIES\b.*?\n\];").unwrap();
    let source = &*data.replace_all(source, "");
    // What may hold a quote, by its beginning.
    let token = Regex::new(
        r#"(?xs)
        ^(?: //[^\n]*                                      # a comment
        | b?'(?: \\[^u] [^']* | \\u\{[^}]*\} | [^\\'] )'     # a character; a lifetime has no quote at its end
        | b?r(?<hashes>\#*)"                              # a raw string, which ends at a quote with as many hashes
        | (?<prefix>[bc]?)"(?<text>(?: [^"\\] | \\. )*)" ) # a string
        "#,
    )
    .unwrap();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(next) = source[at..].chars().next() {
        let is_within_word = source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let Some(token) = token.captures(&source[at..]).filter(|_| !is_within_word || !matches!(next, 'b' | 'c' | 'r'))
        else {
            at += next.len_utf8();
            continue;
        };
        let end = at + token[0].len();
        // Why a lint is off is for programmers.
        let before = source[..at].trim_end();
        let is_for_programmers = ["reason =", "must_use =", ".expect("].iter().any(|end| before.ends_with(end));
        at = match (token.name("hashes"), token.name("text")) {
            (Some(hashes), _) => {
                let close = format!("\"{}", hashes.as_str());
                source[end..].find(&close).map_or(source.len(), |length| end + length + close.len())
            }
            (None, Some(text)) => {
                if token["prefix"].is_empty() && !is_for_programmers {
                    found.push(text.as_str().to_owned());
                }
                end
            }
            (None, None) => end,
        };
    }
    let continued = Regex::new(r"\\\n\s*").unwrap();
    let whole = found.iter().map(|text| continued.replace_all(text, "").replace("\\\"", "\""));
    // Each line is read by itself.
    whole.flat_map(|text| text.split("\\n").map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn literals_are_told_from_what_looks_like_them() {
    let source = r####"
        // "a comment"
        let (a, b, c, d) = ('"', '\'', b'"', '\u{22}');
        fn f<'a>(text: &'a str) -> &'a str { "said \"so\"" }
        let bytes = b"no \" text"; let raw = r"no text\"; let more = r#"no "text""#; let none = br##"no "# text"##;
        #[expect(unused, reason = "for programmers")]
        let parts = ("first\nsecond", "one \
            two", '/', "end");
    "####;
    assert_eq!(literals(source), ["said \"so\"", "first", "second", "one two", "end"]);
}

/// Whether a text is a sentence or a part of one, and no name, pattern or table.
fn is_message(text: &str) -> bool {
    let words = text.split(' ').filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1).count();
    let is_code = |text: &str| ["(?", "|---", ":>", ":<"].iter().any(|part| text.contains(part));
    words >= 3 && !is_code(text) && !text.starts_with('<')
}

/// The source files of a folder, without those for tests alone.
fn source_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let for_tests = Regex::new(r"#\[cfg\([^\]]*\btest\b[^\]]*\)\]\n(?:pub\(crate\) )?mod (\w+);").unwrap();
    let paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut left_out = vec!["tests".to_owned(), "fuzzing".to_owned()];
    for path in paths.iter().filter(|path| path.is_file()) {
        let source = fs::read_to_string(path).unwrap_or_default();
        left_out.extend(for_tests.captures_iter(&source).map(|found| found[1].to_owned()));
    }
    for path in paths {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        if left_out.iter().any(|left_out| left_out == name) {
            continue;
        }
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Messages in the sources, by crate, that match no line of the snapshots.
fn not_shown(shown: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let all = shown.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
    let placeholder = Regex::new(r"\\\{[^{}]*\\\}").unwrap();
    let number = Regex::new(r"(?P<before>^|[\s('])\d+(,\d{3})*\b").unwrap();
    let mut crates = vec![root().join("index")];
    crates.extend(fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path()));
    let mut messages = BTreeMap::new();
    for package in crates {
        let name = package.file_name().unwrap().to_str().unwrap().to_owned();
        if SILENT.contains(&name.as_str()) {
            continue;
        }
        let mut files = Vec::new();
        source_files(&package.join("src"), &mut files);
        let mut found = BTreeSet::new();
        for file in files {
            if DATA.iter().any(|data| file.ends_with(data)) {
                continue;
            }
            for text in literals(&fs::read_to_string(&file).unwrap()) {
                let pattern = placeholder.replace_all(&regex::escape(&text), ".*").into_owned();
                // Numbers are `N` in the lines of the snapshots.
                let pattern = number.replace_all(&pattern, "${before}N").into_owned();
                if is_message(&text) && !Regex::new(&pattern).unwrap().is_match(&all) {
                    found.insert(text);
                }
            }
        }
        if !found.is_empty() {
            messages.insert(if name == "index" { "clip-index".to_owned() } else { name }, found);
        }
    }
    messages
}

fn list() -> String {
    let shown = shown();
    let mut text = HEAD.to_owned();
    text.push_str("\n## In the snapshots\n\n");
    for line in &shown {
        let _ = writeln!(text, "{line}");
    }
    for (package, messages) in not_shown(&shown) {
        let _ = write!(text, "\n## In {package}, and in no snapshot\n\n");
        for message in messages {
            let _ = writeln!(text, "{message}");
        }
    }
    text
}

#[test]
fn the_list_of_messages_is_complete() {
    let path = root().join("tests/cli/messages.txt");
    let expected = list();
    let found = fs::read_to_string(&path).unwrap_or_default();
    if found != expected && std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::write(&path, expected).unwrap();
        return;
    }
    let (found, expected): (BTreeSet<_>, BTreeSet<_>) = (found.lines().collect(), expected.lines().collect());
    let lacking: Vec<_> = expected.difference(&found).collect();
    let obsolete: Vec<_> = found.difference(&expected).collect();
    assert!(
        lacking.is_empty() && obsolete.is_empty(),
        "tests/cli/messages.txt is out of date: see tests/cli/messages.rs\nlacking: {lacking:#?}\nobsolete: {obsolete:#?}"
    );
}

/// Turns of phrase that readers stumbled over.
#[test]
fn messages_are_in_plain_words() {
    let quaint = Regex::new(
        r"(?i)\banew\b|\bso many\b|\bapart by\b|\bone a line\b|\bis no [a-z]+ (file|folder|photo)\b|\bunforeseen\b|\bleads nowhere\b|\bholds no\b|\bbelongs to another\b|\bcalls for\b|\bknown are\b|\bpicture\b|\b1 (photos|threads|files|results|tensors)\b",
    )
    .unwrap();
    let text = list();
    let found: Vec<&str> = text.lines().filter(|line| quaint.is_match(line)).collect();
    assert!(found.is_empty(), "{found:#?}");
}
