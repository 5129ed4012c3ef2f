//! What libraries say is for whatever program uses them: their sources name no option of the command line and no command of
//! it, neither in messages nor in documentation. What to do about an error is data, which `crates/cli` puts into words.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The sources of all crates but the command line's.
fn sources() -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let libraries = crates.filter(|path| !path.ends_with("cli")).chain([root().join("index")]);
    let mut folders: Vec<PathBuf> = libraries.map(|path| path.join("src")).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The names of the commands: those of their modules.
fn commands() -> Vec<String> {
    let modules = fs::read_dir(root().join("crates/cli/src/commands")).unwrap();
    let names = modules.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().replace('_', "-"));
    names.filter(|name| name != "mod").collect()
}

/// Options of programs that libraries run.
const OF_OTHERS: [&str; 2] = ["--list-langs", "--psm"];

/// Whether a line names an option, as `--json`, or a command, as `clip-search index`. How to run a test is for programmers.
fn speaks_of_the_command_line(line: &str, commands: &[String]) -> bool {
    let is_option = |(at, _): (usize, &str)| {
        let before: Option<char> = line[..at].chars().next_back();
        line[at + 2..].starts_with(|c: char| c.is_ascii_lowercase())
            && before.is_none_or(|before| before != '-' && !before.is_alphanumeric())
    };
    let is_command = |(_, rest): (usize, &str)| {
        let word = rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next();
        commands.iter().any(|command| word == Some(command.as_str()))
    };
    let after = |start: &'static str| line.match_indices(start).map(move |(at, _)| (at, &line[at + start.len()..]));
    !line.contains("cargo test") && after("--").any(is_option) || after("clip-search ").any(is_command)
}

#[test]
fn libraries_name_no_option_and_no_command() {
    let commands = commands();
    let mut found = Vec::new();
    let files = sources();
    for file in &files {
        for (number, line) in (1..).zip(fs::read_to_string(file).unwrap().lines()) {
            let line = OF_OTHERS.iter().fold(line.to_owned(), |line, option| line.replace(option, ""));
            if speaks_of_the_command_line(&line, &commands) {
                found.push(format!("{}:{number}: {}", file.strip_prefix(root()).unwrap().display(), line.trim()));
            }
        }
    }
    assert!(files.len() > 200, "only {} files", files.len());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn options_and_commands_are_recognised() {
    let commands = commands();
    assert!(["index", "query", "decode-worker"].iter().all(|name| commands.iter().any(|command| command == name)));
    let speaks = |line| speaks_of_the_command_line(line, &commands);
    for line in [
        r#"#[error("{path} is in use; try --wait")]"#,
        "/// Run `clip-search index FOLDER` first.",
        "(see `--max-pixels`)",
        "--json",
        "clip-search repair",
    ] {
        assert!(speaks(line), "{line}");
    }
    for line in [
        "# clip-search searches 1",
        "clip-search manifest",
        "a -- b",
        "|---|",
        "x--y",
        "cargo test -- --ignored",
        "clip-search",
        "é--",
    ] {
        assert!(!speaks(line), "{line}");
    }
}
