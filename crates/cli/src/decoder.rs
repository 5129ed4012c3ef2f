//! How photos are decoded: those that could crash the program, in processes of their own.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use clip_search::{Decoder, Workers};

/// How the command is called that decodes for another process. Nobody calls it but this program.
const WORKER: &str = "decode-worker";

/// A photo of the largest size that is allowed takes seconds.
const LONGEST: Duration = Duration::from_secs(60);

/// What leaves risky files to workers; where the program does not know where it is itself, to nobody. All share their
/// workers.
pub(crate) fn decoder() -> Decoder {
    static DECODER: OnceLock<Decoder> = OnceLock::new();
    let make = || {
        let Ok(program) = std::env::current_exe() else { return Decoder::default() };
        let command = move || {
            let mut command = Command::new(&program);
            command.arg(WORKER);
            command
        };
        Decoder::with_workers(Workers::new(command, LONGEST))
    };
    DECODER.get_or_init(make).clone()
}
