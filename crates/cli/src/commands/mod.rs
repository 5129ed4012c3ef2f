//! The commands, a module each: settings in, results on stdout, exit status out.

mod bench;
mod classify;
mod compact;
mod completions;
mod config;
mod decode_worker;
mod dupes;
mod embed;
mod eval;
mod export;
mod import;
mod index;
mod man;
#[cfg(feature = "mcp")]
mod mcp;
mod model;
mod query;
mod remove;
mod repair;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod status;
mod train;
mod verify;
mod watch;
mod welcome;

use anyhow::Result;

use crate::args::{Cli, Command, ConfigCommand};
use crate::config::{Config, fill};
use crate::exit::Exit;
use crate::remedy;
use crate::settings::{check_thread_variables, hub, index_folder};

/// Runs the command that the arguments name, with the settings of the user.
pub(crate) fn run(mut cli: Cli) -> Result<Exit> {
    // These work whatever is in the settings; the first is called by this program itself.
    match &cli.command {
        Some(Command::DecodeWorker) => return decode_worker::run(),
        Some(Command::Completions(args)) => return completions::run(args),
        Some(Command::Man(args)) => return man::run(args),
        Some(Command::Config(ConfigCommand::Path)) => return config::path(),
        _ => {}
    }
    let settings = Config::load()?;
    check_thread_variables(&|name| std::env::var_os(name))?;
    if let Some(Command::Config(ConfigCommand::Show(args))) = &cli.command {
        return config::show(&settings, cli.index.as_deref(), cli.offline, args);
    }
    // An index of the settings is the one of every command.
    if let Some(index) = &cli.index {
        remedy::set_named_index(index);
    }
    fill(&mut cli, &settings);
    let index = || index_folder(cli.index.clone());
    let Some(command) = cli.command else { return welcome::run(&index()?) };
    match command {
        Command::Index(args) => index::run(&index()?, &args),
        Command::Watch(args) => watch::run(&index()?, &args),
        Command::Query(args) => query::run(&index()?, &args),
        Command::Dupes(args) => dupes::run(&index()?, &args),
        Command::Search(command) => search::run(&index()?, &command),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&index()?, &args),
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => mcp::run(&index()?, &args),
        Command::Embed(args) => embed::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Eval(args) => eval::run(index, &args),
        Command::Bench(args) => bench::run(&args),
        Command::Model(command) => model::run(&hub(cli.offline)?, &command),
        Command::Status(args) => status::run(&index()?, &args),
        Command::Verify(args) => verify::run(&index()?, &args),
        Command::Repair => repair::run(&index()?),
        Command::Remove(args) => remove::run(&index()?, &args),
        Command::Compact => compact::run(&index()?),
        Command::Export(args) => export::run(&index()?, &args),
        Command::Import(args) => import::run(&index()?, &args),
        Command::Train(args) => train::run(&args),
        // Done already, above.
        Command::Config(_) | Command::Completions(_) | Command::Man(_) | Command::DecodeWorker => Ok(Exit::Done),
    }
}
