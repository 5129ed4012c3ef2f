//! What is done with a photo outside the program: opening it, and putting its path on the clipboard.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use base64::prelude::{BASE64_STANDARD, Engine};
use clip_search::with_causes;

/// The program that opens a file with the program that the user has for it.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else if cfg!(windows) {
    "explorer"
} else {
    "xdg-open"
};

/// Opens a photo. What becomes of it is not waited for.
pub(super) fn open(photo: &Path) -> Result<(), String> {
    let mut command = Command::new(OPENER);
    command.arg(photo).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("cannot run {OPENER}: {}", with_causes(&error)))?;
    // Somebody has to take note of its end.
    std::thread::spawn(move || child.wait());
    Ok(())
}

/// Puts a path on the clipboard of the terminal (OSC 52), which may be on another machine. Whether it accepts that cannot be
/// known.
pub(super) fn copy(path: &Path, terminal: &mut impl Write) -> io::Result<()> {
    let text = BASE64_STANDARD.encode(clip_files::path_bytes::lossy(path));
    write!(terminal, "\x1b]52;c;{text}\x07")?;
    terminal.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_on_the_clipboard() {
        let mut out = Vec::new();
        copy(Path::new("/a\u{1b}b.jpg"), &mut out).unwrap();
        assert_eq!(out, b"\x1b]52;c;L2EbYi5qcGc=\x07");
    }
}
