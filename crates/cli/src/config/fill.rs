//! Puts settings where the command line left options out.

use std::path::PathBuf;

use super::key::{choice, truth};
use super::{Config, Key};
use crate::args::{
    Cli, Command, DeviceArgs, IndexArgs, ModelArgs, QueryArgs, WorkArgs, limit, preview, share, threads,
};

/// Fills in what was left out.
pub(crate) fn fill(cli: &mut Cli, config: &Config) {
    if cli.index.is_none() {
        cli.index = config.path(Key::Index);
    }
    cli.offline |= config.value(Key::Offline, truth).unwrap_or(false);
    match &mut cli.command {
        Some(Command::Index(args)) => index(args, config),
        Some(Command::Query(args)) => query(args, config),
        Some(Command::Watch(args)) => {
            work(&mut args.work, config);
            model(&mut args.model, config);
        }
        #[cfg(feature = "serve")]
        Some(Command::Serve(args)) => model(&mut args.model, config),
        #[cfg(feature = "mcp")]
        Some(Command::Mcp(args)) => model(&mut args.model, config),
        Some(Command::Embed(args)) => model(&mut args.model, config),
        Some(Command::Classify(args)) => model(&mut args.model, config),
        Some(Command::Eval(args)) => model(&mut args.model, config),
        Some(Command::Import(args)) => model(&mut args.model, config),
        Some(Command::Bench(args)) => {
            work(&mut args.work, config);
            model(&mut args.model, config);
        }
        Some(Command::Train(args)) => device(&mut args.device, config),
        _ => {}
    }
}

fn index(args: &mut IndexArgs, config: &Config) {
    work(&mut args.work, config);
    model(&mut args.model, config);
    // What is included by name is not excluded by a setting.
    let patterns = config.get(Key::Exclude).into_iter().flat_map(|setting| &setting.texts).map(PathBuf::from);
    let patterns: Vec<_> = patterns.filter(|pattern| !args.include.contains(pattern)).collect();
    args.exclude.extend(patterns);
}

fn query(args: &mut QueryArgs, config: &Config) {
    model(&mut args.model, config);
    args.limit = args.limit.or_else(|| config.value(Key::Limit, limit));
    args.min_relevance = args.min_relevance.or_else(|| config.value(Key::MinRelevance, share));
    args.fusion = args.fusion.or_else(|| config.value(Key::Fusion, choice));
    args.preview = args.preview.or_else(|| config.value(Key::Preview, preview));
}

fn work(args: &mut WorkArgs, config: &Config) {
    args.threads = args.threads.or_else(|| config.value(Key::Threads, threads));
}

/// The model and the precision are those of what is made anew: an index keeps its own until an option says otherwise.
fn model(args: &mut ModelArgs, config: &Config) {
    // Another model than the usual one has its own precision.
    if args.model.is_none() {
        args.usual_model = config.model();
    }
    args.usual_precision = config.value(Key::Precision, choice);
    device(&mut args.device, config);
}

fn device(args: &mut DeviceArgs, config: &Config) {
    args.device = args.device.or_else(|| config.value(Key::Device, choice));
}
