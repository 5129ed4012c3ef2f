//! `decode-worker`: decodes photos for another process of this program, which a hostile file could crash.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use clip_search::{Decoder, Workers, serve_decoding};

use crate::exit::Exit;

/// How the command is called. Nobody calls it but this program.
pub(crate) const NAME: &str = "decode-worker";

/// A photo of the largest size that is allowed takes seconds.
const LONGEST: Duration = Duration::from_secs(60);

pub(crate) fn run() -> Result<Exit> {
    serve_decoding().context("cannot decode for the process that started this one")?;
    Ok(Exit::Done)
}

/// What leaves risky files to workers; where the program does not know where it is itself, to nobody.
pub(crate) fn decoder() -> Decoder {
    let Ok(program) = std::env::current_exe() else { return Decoder::default() };
    let command = move || {
        let mut command = Command::new(&program);
        command.arg(NAME);
        command
    };
    Decoder::with_workers(Workers::new(command, LONGEST))
}
