//! The commands, a module each: settings in, results on stdout, exit status out.

mod bench;
mod classify;
mod compact;
mod decode_worker;
mod dupes;
mod embed;
mod eval;
mod export;
mod import;
mod index;
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

use anyhow::Result;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::settings::{hub, index_folder};

/// Runs the command that the arguments name.
pub(crate) fn run(cli: Cli) -> Result<Exit> {
    match cli.command {
        Command::Index(args) => index::run(&index_folder(cli.index)?, &args),
        Command::Watch(args) => watch::run(&index_folder(cli.index)?, &args),
        Command::Query(args) => query::run(&index_folder(cli.index)?, &args),
        Command::Dupes(args) => dupes::run(&index_folder(cli.index)?, &args),
        Command::Search(command) => search::run(&index_folder(cli.index)?, &command),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(&index_folder(cli.index)?, &args),
        #[cfg(feature = "mcp")]
        Command::Mcp(args) => mcp::run(&index_folder(cli.index)?, &args),
        Command::Embed(args) => embed::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Model(command) => model::run(&hub(cli.offline)?, &command),
        Command::Status(args) => status::run(&index_folder(cli.index)?, &args),
        Command::Verify(args) => verify::run(&index_folder(cli.index)?, &args),
        Command::Repair => repair::run(&index_folder(cli.index)?),
        Command::Remove(args) => remove::run(&index_folder(cli.index)?, &args),
        Command::Compact => compact::run(&index_folder(cli.index)?),
        Command::Export(args) => export::run(&index_folder(cli.index)?, &args),
        Command::Import(args) => import::run(&index_folder(cli.index)?, &args),
        Command::Train(args) => train::run(&args),
        Command::DecodeWorker => decode_worker::run(),
    }
}
