//! `completions`: a script by which a shell completes commands and options.

use anyhow::Result;
use clap::Command;
use clap_complete::{Shell, generate};

use crate::args::{self, CompletionsArgs};
use crate::exit::Exit;
use crate::output::Results;

pub(crate) fn run(args: &CompletionsArgs) -> Result<Exit> {
    let mut script = Vec::new();
    generate(args.shell, &mut visible(&args::command()), "clip-search", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Bash {
        // clap_complete 4.6 takes the hyphen in the program's name for the begin of a command at one of two places, and its
        // script then knows nothing of what comes after a command.
        script = script.replace("clip__subcmd__search", "clip__search");
    }
    let mut results = Results::new();
    results.bytes(script.as_bytes())?;
    results.finish()?;
    Ok(Exit::Done)
}

/// The program without the commands that nobody types: not all shells' scripts leave them out.
fn visible(root: &Command) -> Command {
    Command::new("clip-search")
        .version(env!("CARGO_PKG_VERSION"))
        .args(root.get_arguments())
        .subcommands(root.get_subcommands().filter(|command| !command.is_hide_set()))
}
