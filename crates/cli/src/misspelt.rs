//! What was meant by a command or an option that does not exist: another program's word for it, or its name in other
//! letters.

use std::io::Write;
use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{OutputError, failure};

/// Words for commands in other programs, and what to run here instead.
const MEANT: &[(&[&str], &str)] = &[
    (&["find", "look", "lookup", "grep", "ask", "similar", "get", "q"], "query"),
    (&["add", "scan", "rescan", "crawl", "update", "sync", "refresh", "reindex", "build", "create", "init"], "index"),
    (&["duplicates", "duplicate", "dups", "dup", "dedup", "dedupe"], "dupes"),
    (&["rebuild", "reset"], "index --rebuild"),
    (&["rm", "delete", "del", "forget", "drop", "exclude", "unindex"], "remove"),
    (&["info", "stat", "stats", "show", "list", "ls", "count"], "status"),
    (&["check", "fsck", "validate", "test", "doctor"], "verify"),
    (&["fix", "recover"], "repair"),
    (&["vacuum", "optimize", "optimise", "shrink", "gc", "clean", "cleanup", "prune"], "compact"),
    (&["tag", "label", "categorize", "categorise", "predict"], "classify"),
    (&["benchmark", "speed", "perf", "time"], "bench"),
    (&["evaluate", "recall", "measure"], "eval"),
    (&["encode", "embedding", "embeddings", "vector", "vectors"], "embed"),
    (&["dump", "backup"], "export"),
    (&["load", "restore"], "import"),
    (&["fit", "finetune", "fine-tune", "learn"], "train"),
    (&["models"], "model list"),
    (&["searches", "saved"], "search list"),
    (&["save", "bookmark"], "search save"),
    (&["download", "pull", "fetch", "install"], "model pull"),
    (&["settings", "preferences", "configure", "configuration", "options"], "config show"),
    (&["completion", "complete", "autocomplete"], "completions"),
    (&["version"], "--version"),
];

/// The same for the commands of `model`.
const MEANT_OF_MODELS: &[(&[&str], &str)] = &[
    (&["ls", "all", "search", "find"], "list"),
    (&["show", "status", "describe"], "info"),
    (&["download", "fetch", "get", "install", "add", "update"], "pull"),
    (&["check", "test", "validate"], "verify"),
];

/// The same for the commands of `search`.
const MEANT_OF_SEARCHES: &[(&[&str], &str)] = &[
    (&["add", "create", "new", "store", "keep", "set", "update"], "save"),
    (&["ls", "all", "show"], "list"),
    (&["rm", "delete", "del", "forget", "drop"], "remove"),
];

/// The same for the commands of `config`.
const MEANT_OF_SETTINGS: &[(&[&str], &str)] =
    &[(&["list", "ls", "get", "print", "dump", "status"], "show"), (&["file", "where", "edit", "location"], "path")];

/// The command that shows settings.
const CONFIG: &str = "config";

/// The command that keeps searches. Other programs search by one of this name.
const SEARCH: &str = "search";

/// Prints what clap has to say, which may be the help that was asked for, and ends the process. Errors quote arguments,
/// which are escaped, and name the command that was meant.
pub(crate) fn refuse(error: &clap::Error) -> ! {
    if error.use_stderr() {
        let arguments: Vec<String> = std::env::args_os().map(|argument| escaped(Path::new(&argument))).collect();
        if let Err(mut error) = args::parse(&arguments) {
            advise(&mut error, &arguments);
            error.exit();
        }
        error.exit();
    }
    // Help or a version, which is what was asked for: it counts whether it arrived.
    let printed = error.print().and_then(|()| std::io::stdout().flush()).map_err(OutputError::from);
    let exit = match printed {
        Ok(()) => Exit::Done,
        Err(error) if error.is_broken_pipe() => Exit::Done,
        Err(error) => {
            failure(&error.into());
            Exit::Failed
        }
    };
    std::process::exit(exit.status().into())
}

/// Replaces clap's advice, which knows spelling alone, where there is better.
fn advise(error: &mut clap::Error, arguments: &[String]) {
    let (wrong, similar) = match error.kind() {
        ErrorKind::InvalidSubcommand => (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand),
        ErrorKind::UnknownArgument => (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        _ => return,
    };
    let Some(ContextValue::String(word)) = error.get(wrong).cloned() else { return };
    let Some(place) = arguments.iter().position(|argument| *argument == word || is_option(argument, &word)) else {
        return;
    };
    let parent = parent(&arguments[..place]);
    let known = match error.kind() {
        ErrorKind::InvalidSubcommand => meant(&word, parent),
        _ => None,
    };
    // Whoever names something to look for where saved searches are looked after wants to search.
    let is_of_searches = |argument: &String| is_command(&argument.to_lowercase(), Some(SEARCH));
    let wants_to_search = match (parent, error.kind()) {
        (Some(SEARCH), ErrorKind::InvalidSubcommand) => known.is_none() && !is_of_searches(&word),
        (Some(SEARCH), _) => !arguments[..place].iter().any(is_of_searches),
        (None, ErrorKind::InvalidSubcommand) => {
            let is_search = known.as_deref() == Some(SEARCH) || word.to_lowercase() == SEARCH;
            is_search && !arguments.get(place + 1).is_some_and(is_of_searches)
        }
        _ => false,
    };
    let tip = match (wants_to_search, known) {
        (true, _) => Some("clip-search query".to_owned()),
        (_, Some(known)) => Some(match parent {
            Some(parent) => format!("clip-search {parent} {known}"),
            None => format!("clip-search {known}"),
        }),
        _ => None,
    };
    if let Some(tip) = tip {
        error.remove(similar);
        let tip = StyledStr::from(format!("did you mean '{tip}'?"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
        return;
    }
    // Clap's advice for the word in small letters.
    let small = word.to_lowercase();
    if small == word {
        return;
    }
    let mut corrected = arguments.to_vec();
    corrected[place] = arguments[place].replacen(&word, &small, 1);
    match args::parse(&corrected) {
        Err(other) if other.get(wrong) == Some(&ContextValue::String(small.clone())) => {
            if let Some(advice) = other.get(similar) {
                error.insert(similar, advice.clone());
            }
        }
        // Whatever else is wrong, it is known.
        _ => drop(error.insert(similar, ContextValue::String(small))),
    }
}

/// The command with commands of its own that arguments begin with, the first of which is the program's name.
fn parent(arguments: &[String]) -> Option<&'static str> {
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            // Its value may have any name.
            "--index" => drop(rest.next()),
            option if option.starts_with('-') => {}
            command => return ["model", SEARCH, CONFIG].into_iter().find(|parent| *parent == command),
        }
    }
    None
}

/// Whether an argument is this option, with or without a value.
fn is_option(argument: &str, option: &str) -> bool {
    argument.split_once('=').is_some_and(|(name, _)| name == option)
}

/// The command that another word stands for, in capitals or small letters; else the command, or the one for another word, that
/// is a slip of the finger away.
fn meant(word: &str, parent: Option<&str>) -> Option<String> {
    let word = word.to_lowercase();
    if exists(&word, parent) {
        return None;
    }
    let table = match parent {
        Some(SEARCH) => MEANT_OF_SEARCHES,
        Some(CONFIG) => MEANT_OF_SETTINGS,
        Some(_) => MEANT_OF_MODELS,
        None => MEANT,
    };
    let stands_for = |is_it: &dyn Fn(&str) -> bool| {
        let found = table.iter().filter(|(words, _)| words.iter().any(|known| is_it(known)));
        found.map(|(_, command)| *command).find(|command| exists(command, parent))
    };
    let root = args::command();
    let commands = commands_of(&root, parent)?;
    let similar = || commands.get_subcommands().map(clap::Command::get_name).find(|name| is_slip(&word, name));
    stands_for(&|known| known == word)
        .or_else(similar)
        .or_else(|| stands_for(&|known| is_slip(&word, known)))
        .map(str::to_owned)
}

/// Whether two words differ in a letter, one more or one less, or in two neighbours that changed places.
fn is_slip(a: &str, b: &str) -> bool {
    // In shorter words every other would be a slip away.
    a.chars().count().min(b.chars().count()) >= 4 && strsim::osa_distance(a, b) == 1
}

/// Whether there is such a command, or option of the program.
fn exists(command: &str, parent: Option<&str>) -> bool {
    let name = command.split(' ').next().unwrap_or_default();
    name.starts_with('-') || is_command(name, parent)
}

fn is_command(name: &str, parent: Option<&str>) -> bool {
    commands_of(&args::command(), parent).is_some_and(|commands| commands.find_subcommand(name).is_some())
}

/// The command whose commands are meant: the program, or one of its own that has some.
fn commands_of<'c>(root: &'c clap::Command, parent: Option<&str>) -> Option<&'c clap::Command> {
    match parent {
        Some(parent) => root.find_subcommand(parent),
        None => Some(root),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &[&str]) -> String {
        let arguments: Vec<String> =
            ["clip-search"].iter().chain(line).map(|argument| (*argument).to_owned()).collect();
        let mut error = args::parse(&arguments).unwrap_err();
        advise(&mut error, &arguments);
        error.to_string()
    }

    #[test]
    fn other_words_for_commands() {
        for (line, command) in [
            (&["search", "a cat"][..], "'clip-search query'"),
            (&["search", "cat"], "'clip-search query'"),
            (&["search", "-n", "3", "a cat"], "'clip-search query'"),
            (&["search", "--image", "cat.jpg"], "'clip-search query'"),
            (&["Search", "a cat"], "'clip-search query'"),
            (&["searches"], "'clip-search search list'"),
            (&["saerch", "list"], "'clip-search search'"),
            (&["search", "ls"], "'clip-search search list'"),
            (&["search", "LIST"], "'list'"),
            (&["search", "add", "pets", "a cat"], "'clip-search search save'"),
            (&["search", "delete", "pets"], "'clip-search search remove'"),
            (&["find"], "'clip-search query'"),
            (&["update"], "'clip-search index'"),
            (&["rebuild"], "'clip-search index --rebuild'"),
            (&["--index", "search", "search", "a cat"], "'clip-search query'"),
            (&["stats"], "'clip-search status'"),
            (&["download", "siglip-b-16"], "'clip-search model pull'"),
            (&["model", "download", "siglip-b-16"], "'clip-search model pull'"),
            (&["model", "LS"], "'clip-search model list'"),
            (&["config", "list"], "'clip-search config show'"),
            (&["settings"], "'clip-search config show'"),
        ] {
            let text = refused(line);
            assert!(text.contains(command), "{line:?}: {text}");
            assert_eq!(text.matches("tip:").count(), 1, "{line:?}: {text}");
        }
    }

    #[test]
    fn capitals_do_not_hide_a_name() {
        for (line, name) in [
            (&["QUERY", "a cat"][..], "'query'"),
            (&["INDX"], "'clip-search index'"),
            (&["serch", "a cat"], "'clip-search query'"),
            (&["Serach", "a cat"], "'clip-search query'"),
            (&["stauts"], "'clip-search status'"),
            (&["model", "lists"], "'clip-search model list'"),
            (&["Model", "list"], "'model'"),
            (&["model", "PULL", "x"], "'pull'"),
            (&["query", "a", "--LIMIT", "3"], "'--limit'"),
            (&["query", "search", "--JSON"], "'--json'"),
            (&["query", "a", "--LIMIT=3"], "'--limit'"),
            (&["bench", "--THREAD", "3"], "'--threads'"),
        ] {
            let text = refused(line);
            assert!(text.contains("tip:") && text.contains(name), "{line:?}: {text}");
        }
    }

    #[test]
    fn slips_of_the_finger() {
        for (a, b) in [
            ("serch", "search"),
            ("searchh", "search"),
            ("saerch", "search"),
            ("seerch", "search"),
            ("earch", "search"),
        ] {
            assert!(is_slip(a, b) && is_slip(b, a), "{a} {b}");
        }
        for (a, b) in [("search", "search"), ("serch", "bench"), ("add", "adds"), ("", "list"), ("list", "lots")] {
            assert!(!is_slip(a, b) && !is_slip(b, a), "{a} {b}");
        }
    }

    #[test]
    fn what_nobody_meant_gets_no_advice() {
        assert!(!refused(&["xyzzy"]).contains("tip:"));
        assert!(!refused(&["XYZZY"]).contains("tip:"));
    }

    #[test]
    fn every_word_stands_for_one_command_and_is_none() {
        for (table, parent) in [
            (MEANT, None),
            (MEANT_OF_MODELS, Some("model")),
            (MEANT_OF_SEARCHES, Some(SEARCH)),
            (MEANT_OF_SETTINGS, Some(CONFIG)),
        ] {
            let words: Vec<&str> = table.iter().flat_map(|(words, _)| words.iter().copied()).collect();
            for (place, word) in words.iter().enumerate() {
                assert!(!words[..place].contains(word), "{word} is there twice");
                assert!(!exists(word, parent), "{word} is a command");
            }
        }
    }
}
