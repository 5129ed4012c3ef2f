//! The files of indexed photos, for somebody else's eyes.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::Path;

use clip_files::regular;
use clip_image::format_of;
use clip_index::{Asset, Kind};
use clip_indexer::stamp_of;
use clip_video::may_be_video;

/// So many bytes at the beginning of a file tell its format.
const BEGINNING: u64 = 4096;

/// Opens the file of an indexed photo to show it to somebody who asked for the photo, not for the path: a client of a server, or an
/// assistant. Whoever may write into a folder of photos could put a link to any file of the machine in a photo's place, so this
/// opens the file that was indexed, or what was written to the same place since and is a picture or a video as before, by its first
/// bytes, and nothing else.
///
/// Never waits for another process.
///
/// # Errors
/// The system's, [`io::ErrorKind::InvalidInput`] for what is not a regular file, [`io::ErrorKind::PermissionDenied`] where a link
/// leads to another file than when the photo was indexed, and [`io::ErrorKind::InvalidData`] for a changed file that is no picture,
/// or no video where there was one.
pub fn open_indexed(asset: &Asset) -> io::Result<(File, Metadata)> {
    let (mut file, metadata) = regular::open_with_metadata(&asset.path)?;
    if asset.stamp.same_content(&stamp_of(&metadata)) {
        return Ok((file, metadata));
    }
    if !is_in_its_place(&asset.path, &metadata)? {
        let message = "expected the file that was indexed, found a link to another";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    let mut beginning = Vec::new();
    file.by_ref().take(BEGINNING).read_to_end(&mut beginning)?;
    file.rewind()?;
    let unlike = match asset.kind {
        Kind::Photo if format_of(&beginning).is_none() => {
            "expected a photo, found a file that has changed and is no longer one"
        }
        Kind::Video if !may_be_video(&beginning) => {
            "expected a video, found a file that has changed and is no longer one"
        }
        _ => return Ok((file, metadata)),
    };
    Err(io::Error::new(io::ErrorKind::InvalidData, unlike))
}

/// Reads the file of an indexed photo whole, as [`open_indexed`] opens it.
///
/// # Errors
/// Those of [`open_indexed`], and [`io::ErrorKind::FileTooLarge`] for a file of more than `most` bytes.
pub fn read_indexed(asset: &Asset, most: u64) -> io::Result<Vec<u8>> {
    let (file, metadata) = open_indexed(asset)?;
    regular::read_opened(file, &metadata, most)
}

/// Whether no link leads to what was opened.
fn is_in_its_place(path: &Path, opened: &Metadata) -> io::Result<bool> {
    let real = path.canonicalize()?;
    Ok(real == path && stamp_of(&real.symlink_metadata()?).inode == stamp_of(opened).inode)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const GIF: &[u8] = b"GIF89a first";

    fn indexed(path: &Path) -> Asset {
        Asset { path: path.to_owned(), stamp: stamp_of(&path.metadata().unwrap()), ..Asset::default() }
    }

    #[test]
    fn a_changed_file_is_shown_if_it_is_a_picture_in_the_same_place() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (path, secret, other) = (base.join("a.gif"), base.join("secret"), base.join("other.gif"));
        fs::write(&path, GIF).unwrap();
        fs::write(&secret, "secret").unwrap();
        fs::write(&other, "GIF89a of other size").unwrap();
        let asset = indexed(&path);
        let shown = || read_indexed(&asset, 100).map_err(|error| error.kind());
        assert_eq!(shown().unwrap(), GIF);
        assert_eq!(read_indexed(&asset, 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::write(&path, "GIF89a second").unwrap();
        assert_eq!(shown().unwrap(), b"GIF89a second");
        fs::write(&path, "no picture").unwrap();
        assert_eq!(shown(), Err(io::ErrorKind::InvalidData));
        for target in [&secret, &other] {
            fs::remove_file(&path).unwrap();
            symlink(target, &path).unwrap();
            assert_eq!(shown(), Err(io::ErrorKind::PermissionDenied), "{}", target.display());
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(shown(), Err(io::ErrorKind::NotFound));
        // A folder above it that is a link now.
        fs::create_dir(base.join("d")).unwrap();
        fs::write(base.join("d/a.gif"), GIF).unwrap();
        let asset = indexed(&base.join("d/a.gif"));
        fs::rename(base.join("d"), base.join("moved")).unwrap();
        fs::create_dir(base.join("e")).unwrap();
        fs::copy(&other, base.join("e/a.gif")).unwrap();
        symlink(base.join("e"), base.join("d")).unwrap();
        assert_eq!(read_indexed(&asset, 100).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_changed_video_is_shown_if_it_is_a_video() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("a.mp4");
        fs::write(&path, "\0\0\0\x20ftypisom first").unwrap();
        let asset = Asset { kind: Kind::Video, ..indexed(&path) };
        let shown = || read_indexed(&asset, 100).map_err(|error| error.kind());
        assert!(shown().is_ok());
        let second = "\x1a\x45\u{df}\u{a3} not really";
        for (content, expected) in [
            (&b"\0\0\0\x20ftypqt   second"[..], Ok(())),
            (b"RIFF....AVI LIST", Ok(())),
            (b"#EXTM3U\nother.ts", Err(io::ErrorKind::InvalidData)),
            (b"-----BEGIN OPENSSH PRIVATE KEY-----", Err(io::ErrorKind::InvalidData)),
            // A photo is no video.
            (GIF, Err(io::ErrorKind::InvalidData)),
            (second.as_bytes(), Err(io::ErrorKind::InvalidData)),
        ] {
            fs::write(&path, content).unwrap();
            assert_eq!(shown().map(|_| ()), expected, "{content:?}");
        }
    }

    #[test]
    fn a_photo_that_was_indexed_through_a_link_is_shown_as_long_as_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        fs::write(base.join("a.gif"), GIF).unwrap();
        symlink(base.join("a.gif"), base.join("link.gif")).unwrap();
        let asset = indexed(&base.join("link.gif"));
        assert_eq!(read_indexed(&asset, 100).unwrap(), GIF);
        fs::write(base.join("a.gif"), "GIF89a second").unwrap();
        assert_eq!(read_indexed(&asset, 100).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
