//! `man`: writes the manual pages, one for each command. For packages.

use std::fs;

use anyhow::{Context, Result};
use clap_mangen::generate_to;

use crate::args::{self, ManArgs};
use crate::escape::escaped;
use crate::exit::Exit;

pub(crate) fn run(args: &ManArgs) -> Result<Exit> {
    let written = fs::create_dir_all(&args.folder).and_then(|()| generate_to(args::command(), &args.folder));
    written.with_context(|| format!("cannot write manual pages to {}", escaped(&args.folder)))?;
    Ok(Exit::Done)
}
