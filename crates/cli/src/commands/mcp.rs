//! `mcp`: the library as tools for an assistant.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use clip_mcp::{Options, serve_stdio};

use crate::args::McpArgs;
use crate::decoder::decoder;
use crate::exit::Exit;
use crate::settings::{library, query_cache};

pub(crate) fn run(index: &Path, args: &McpArgs) -> Result<Exit> {
    let library = library(index, &args.model)?.text_cache(query_cache(true)).open()?;
    serve_stdio(Options { library: Arc::new(library), decoder: decoder(), places: !args.no_places })?;
    Ok(Exit::Done)
}
