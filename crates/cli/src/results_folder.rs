//! Results as a folder of links or copies, for programs that show folders.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clip_search::Hit;

use crate::escape::escaped;

/// Fills a folder, which is created if need be, with links to the results or copies of them. Their names begin with the rank,
/// so that they are in order.
pub(crate) fn fill(how: &Path, folder: &Path, hits: &[Hit]) -> Result<()> {
    let put = match how.to_str() {
        Some("links") => link,
        Some("copies") => copy,
        _ => bail!("expected `links` or `copies` after --export, found {}", escaped(how)),
    };
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", escaped(folder)))?;
    let digits = hits.iter().map(|hit| hit.rank).max().unwrap_or(1).to_string().len().max(2);
    for hit in hits {
        let mut name = std::ffi::OsString::from(format!("{:0digits$} ", hit.rank));
        name.push(hit.path.file_name().unwrap_or(hit.path.as_os_str()));
        let target = folder.join(name);
        put(&hit.path, &target).with_context(|| {
            format!("cannot put {} into {}; give an empty folder", escaped(&hit.path), escaped(folder))
        })?;
    }
    Ok(())
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
    let mut from = fs::File::open(photo)?;
    // Nothing is overwritten.
    let mut to = fs::File::create_new(target)?;
    io::copy(&mut from, &mut to).map(drop)
}
