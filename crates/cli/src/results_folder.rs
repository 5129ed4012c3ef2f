//! Results as a folder of links or copies, for programs that show folders.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use clip_files::private;
use clip_search::{Hit, with_causes};

use crate::escape::escaped;
use crate::output::notice;

/// Bytes that the name of a file may have on most file systems.
const LONGEST_NAME: usize = 255;

/// Fills a folder, which is created if need be, with links to the results or copies of them. Their names begin with the rank,
/// so that they are in order. How many could not be put there, which is told.
pub(crate) fn fill(how: &Path, folder: &Path, hits: &[Hit]) -> Result<usize> {
    let put = match how.to_str() {
        Some("links") => link,
        Some("copies") => copy,
        _ => bail!("expected `links` or `copies` after --export, found {}", escaped(how)),
    };
    private::create_dir(folder).with_context(|| format!("cannot create the folder {}", escaped(folder)))?;
    let digits = hits.iter().map(|hit| hit.rank).max().unwrap_or(1).to_string().len().max(2);
    let mut left_out = 0;
    for hit in hits {
        let rank = format!("{:0digits$} ", hit.rank);
        let name = numbered(&rank, hit.path.file_name().unwrap_or(hit.path.as_os_str()));
        let Err(error) = put(&hit.path, &folder.join(name)) else { continue };
        let failed = format!("cannot put {} into {}", escaped(&hit.path), escaped(folder));
        match error.kind() {
            io::ErrorKind::AlreadyExists => {
                return Err(anyhow!(error).context(format!("{failed}; give an empty folder")));
            }
            // What is wrong with one photo is no reason to leave out the others.
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied if !hit.path.is_file() => {
                notice(format_args!("{failed}: {}", with_causes(&error)));
                left_out += 1;
            }
            _ => return Err(anyhow!(error).context(failed)),
        }
    }
    Ok(left_out)
}

/// The name of a file with its rank in front; shortened in the middle, before the extension, where it would be too long.
fn numbered(rank: &str, name: &OsStr) -> OsString {
    let mut numbered = OsString::from(rank);
    let room = LONGEST_NAME.saturating_sub(rank.len());
    match name.to_str().filter(|name| name.len() > room) {
        None => numbered.push(name),
        Some(name) => {
            let path = Path::new(name);
            let extension = path.extension().and_then(OsStr::to_str).filter(|extension| extension.len() < 16);
            let end = extension.map_or(String::new(), |extension| format!(".{extension}"));
            let stem = name.strip_suffix(&end).unwrap_or(name);
            numbered.push(&stem[..stem.floor_char_boundary(room - end.len())]);
            numbered.push(end);
        }
    }
    numbered
}

#[cfg(unix)]
fn link(photo: &Path, target: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(photo, target)
}

#[cfg(not(unix))]
fn link(photo: &Path, target: &Path) -> io::Result<()> {
    // Symbolic links take a privilege there.
    copy(photo, target)
}

fn copy(photo: &Path, target: &Path) -> io::Result<()> {
    let mut from = clip_files::regular::open(photo)?;
    // Nothing is overwritten, and what only its owner could read stays so.
    let mut to = private::options().write(true).create_new(true).open(target)?;
    io::copy(&mut from, &mut to).map(drop).inspect_err(|_| {
        // A part of a photo would pass for the photo.
        let _ = fs::remove_file(target);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_extension_and_fit() {
        assert_eq!(numbered("07 ", OsStr::new("a.jpg")), "07 a.jpg");
        for name in [format!("{}.jpg", "ü".repeat(125)), format!("{}.jpeg", "x".repeat(250)), "y".repeat(255)] {
            let numbered = numbered("0007 ", OsStr::new(&name)).into_string().unwrap();
            assert!(numbered.len() <= 255 && numbered.len() > 250, "{numbered}");
            assert_eq!(Path::new(&numbered).extension(), Path::new(&name).extension());
        }
    }
}
