//! Small files of text in the folder of an index that belong to no generation of it.
//!
//! The first line says what a file is. What a program writes has a checksum there, so that damage is not taken for what was meant. A
//! person who changes such a file by hand leaves it out, and files of earlier versions have none.

use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use clip_files::{atomic, regular, system_error};
use clip_index::IndexError;

use crate::error::LibraryError;

/// How often a file is written again that was removed before it was complete.
const ATTEMPTS: usize = 100;
/// The version without a checksum.
const PLAIN: u32 = 1;
/// The version that is written, with one.
pub(crate) const VERSION: u32 = 2;

/// Why a first line is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HeadFault {
    /// A newer version has written the file.
    Newer(u32),
    /// What was expected, and what was found.
    Damaged(String),
}

/// A file whose first line begins with `head` and has the checksum of these lines.
pub(crate) fn seal(head: &str, lines: &str) -> String {
    let begin = format!("{head}{VERSION}");
    let crc = checksum(&begin, lines);
    format!("{begin} crc32 {crc:08x}\n{lines}")
}

/// What comes after the first line, if that begins with `head` and its checksum, where it has one, is right.
pub(crate) fn unseal<'t>(head: &str, text: &'t str) -> Result<&'t str, HeadFault> {
    let (line, lines) = text.split_once('\n').unwrap_or((text, ""));
    let line = line.trim_end();
    let wrong = || HeadFault::Damaged(format!("expected `{head}{PLAIN}`, found {}", shown(line)));
    let said = line.strip_prefix(head).ok_or_else(wrong)?;
    let Some((version, crc)) = said.split_once(" crc32 ") else {
        return if said == PLAIN.to_string() { Ok(lines) } else { Err(wrong()) };
    };
    let begin = format!("{head}{version}");
    if crc != format!("{:08x}", checksum(&begin, lines)) {
        return Err(HeadFault::Damaged(format!(
            "the checksum does not match the lines below; if you have changed them, expected `{head}{PLAIN}` here"
        )));
    }
    match version.parse() {
        Ok(VERSION) => Ok(lines),
        Ok(newer) if newer > VERSION => Err(HeadFault::Newer(newer)),
        _ => Err(wrong()),
    }
}

fn checksum(begin: &str, lines: &str) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(begin.as_bytes());
    crc.update(lines.as_bytes());
    crc.finalize()
}

/// The beginning of a line, for a message.
pub(crate) fn shown(line: &str) -> String {
    const SHOWN: usize = 40;
    if line.is_empty() {
        return "nothing".to_owned();
    }
    let more = if line.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("`{}{more}`", line.chars().take(SHOWN).collect::<String>())
}

/// Reads a small file of text; `None` if there is none. What is wrong with the file itself is `damaged`, with the reason.
///
/// # Errors
/// `damaged`, and [`IndexError::Io`] within [`LibraryError::Index`] if the system refuses to read it.
pub(crate) fn read(
    path: &Path,
    most_bytes: u64,
    damaged: impl FnOnce(String) -> LibraryError,
) -> Result<Option<String>, LibraryError> {
    match regular::read_to_string(path, most_bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) if system_error::says_missing(&error) => Ok(None),
        Err(error) => Err(match error.kind() {
            // These are said of the file by `regular`, not by the system.
            io::ErrorKind::FileTooLarge | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                damaged(error.to_string())
            }
            _ => IndexError::Io { action: "read", path: path.to_owned(), source: error }.into(),
        }),
    }
}

/// Puts a file of text in the place of one in the folder of an index.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), LibraryError> {
    for attempt in 1.. {
        match atomic::write_bytes(path, text.as_bytes()) {
            Ok(()) => break,
            // Whoever begins to write the index tidies up, and takes a temporary file for one that a dead process left.
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                sleep(Duration::from_millis(1));
            }
            Err(source) => return Err(IndexError::Io { action: "write", path: path.to_owned(), source }.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# things ";

    #[test]
    fn all_damage_to_a_file_with_a_checksum_is_noticed() {
        let text = seal(HEAD, "a dog\nb cat | horse\n");
        assert_eq!(unseal(HEAD, &text), Ok("a dog\nb cat | horse\n"));
        for at in 0..text.len() {
            let cut = unseal(HEAD, &text[..at]);
            assert!(matches!(cut, Err(HeadFault::Damaged(_))), "cut at {at}: {cut:?}");
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                // Other bytes than those of text are refused before.
                let Ok(damaged) = std::str::from_utf8(&bytes) else { continue };
                let found = unseal(HEAD, damaged);
                assert!(matches!(found, Err(HeadFault::Damaged(_))), "bit {bit} of byte {at}: {found:?}");
            }
        }
    }

    #[test]
    fn a_newer_version_is_believed_with_its_checksum() {
        let crc = checksum("# things 3", "more\n");
        assert_eq!(unseal(HEAD, &format!("# things 3 crc32 {crc:08x}\nmore\n")), Err(HeadFault::Newer(3)));
        for text in ["# things 3\nmore\n", "# things 3 crc32 00000000\nmore\n", "# things 0\n", "# thing", ""] {
            assert!(matches!(unseal(HEAD, text), Err(HeadFault::Damaged(_))), "{text:?}");
        }
        assert_eq!(unseal(HEAD, "# things 1\r\nby hand"), Ok("by hand"));
    }
}
