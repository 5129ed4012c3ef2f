//! `decode-worker`: decodes photos for another process of this program, which a hostile file could crash.

use anyhow::{Context, Result};
use clip_search::serve_decoding;

use crate::exit::Exit;

pub(crate) fn run() -> Result<Exit> {
    serve_decoding().context("cannot decode for the process that started this one")?;
    Ok(Exit::Done)
}
