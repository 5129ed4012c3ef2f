//! `clip-search`: the command line.
//!
//! Arguments become settings, settings go to one command. Only this binary prints, reads the environment and exits.

mod args;
mod commands;
mod config;
mod decoder;
#[cfg(test)]
mod docs;
mod download;
mod escape;
mod exit;
mod explain;
mod first_run;
mod hit_line;
mod hub_settings;
mod interactive;
mod interrupt;
mod language_hint;
mod logger;
mod machine;
mod misspelt;
mod nothing_found;
mod ocr;
mod output;
mod panics;
mod passed_over;
mod photo;
mod previews;
mod progress;
mod query_text;
mod remedy;
mod results_folder;
mod settings;
mod suggestion;
mod terminal;
mod usage;
mod videos;

use std::process::ExitCode;

use crate::exit::Exit;
use crate::output::{OutputError, Verbosity};

fn main() -> ExitCode {
    panics::install();
    logger::install();
    panics::told(run).into()
}

fn run() -> Exit {
    let cli = args::parse(std::env::args_os()).unwrap_or_else(|error| misspelt::refuse(&error));
    let verbosity = Verbosity::of(cli.quiet, cli.verbose);
    output::set_verbosity(verbosity);
    logger::set_verbosity(verbosity);
    commands::run(cli).unwrap_or_else(|error| match error.downcast_ref::<OutputError>() {
        // `clip-search query ... | head -1` has what it wanted.
        Some(output) if output.is_broken_pipe() => Exit::Done,
        _ => {
            output::failure(&error);
            Exit::Failed
        }
    })
}
