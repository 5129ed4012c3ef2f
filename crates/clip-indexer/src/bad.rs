//! Files that could not be indexed in an earlier run: which need not be tried again, and which are no news.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use clip_files::system_error::says_missing;
use clip_image::ImageError;
use clip_index::{BadFile, IndexWriter, Stamp};

use crate::found::FoundFile;
use crate::presence::is_same_file;
use crate::report::{Report, SkipReason, Skipped};
use crate::sidecars::is_video;

/// What the index knows of bad files, before the run.
#[derive(Debug, Default)]
pub(crate) struct Bad {
    known: HashMap<PathBuf, BadFile>,
    /// Those that were not found, and whether the run looked where they were: found elsewhere, they are no news.
    gone: Vec<(PathBuf, bool)>,
    /// Places in `gone` of files with a content, and of those whose content was not read by what else tells which files they are.
    gone_by_content: HashMap<[u8; 16], Vec<usize>>,
    gone_by_file: HashMap<(u64, u64), Vec<usize>>,
    /// Contents that the current decoders cannot decode, and why.
    contents: HashMap<[u8; 16], String>,
    decoder: u64,
    /// What decodes videos, if anything does.
    video_decoder: Option<u64>,
    /// Whether all files are tried again.
    retry: bool,
}

/// What is to be remembered of a file that could not be indexed, besides its path and stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub reason: String,
    /// The content is at fault: trying again is of no use until it or the decoder changes.
    pub is_lasting: bool,
}

impl Fault {
    pub fn of(reason: &SkipReason) -> Fault {
        // A panic elsewhere may be the encoder's, of which another may be used next time.
        let decoder_failed =
            matches!(reason, SkipReason::Image(ImageError::Panicked { .. } | ImageError::NotBuiltIn { .. }));
        let is_remembered = matches!(reason, SkipReason::Remembered { .. });
        let is_decoders = matches!(reason, SkipReason::Image(_) | SkipReason::Video(_));
        let is_lasting = decoder_failed || is_remembered || reason.is_about_content() && is_decoders;
        Fault { reason: reason.to_string(), is_lasting }
    }
}

impl Bad {
    /// `decoder` stands for what decodes photos in this run, and `video_decoder` for what decodes videos. What is not among the files that were `found`, though the run `looked`
    /// where it was, has moved or is gone.
    pub fn new(
        known: impl IntoIterator<Item = BadFile>,
        (decoder, video_decoder): (u64, Option<u64>),
        found: &[FoundFile],
        looked: impl Fn(&Path) -> bool,
    ) -> Bad {
        let known: HashMap<PathBuf, BadFile> = known.into_iter().map(|file| (file.path.clone(), file)).collect();
        let mut bad = Bad { decoder, video_decoder, ..Bad::default() };
        if !known.is_empty() {
            let found: HashSet<&Path> = found.iter().map(|file| file.path.as_path()).collect();
            for file in known.values().filter(|file| !found.contains(file.path.as_path())) {
                let place = bad.gone.len();
                bad.gone.push((file.path.clone(), looked(&file.path)));
                if let Some(hash) = file.hash {
                    bad.gone_by_content.entry(hash).or_default().push(place);
                } else if let Some(key) = key(&file.stamp) {
                    bad.gone_by_file.entry(key).or_default().push(place);
                }
            }
        }
        let lasting = known
            .values()
            .filter(|file| file.decoder.is_some() && [Some(decoder), video_decoder].contains(&file.decoder));
        bad.contents = lasting.filter_map(|file| Some((file.hash?, file.reason.clone()))).collect();
        Bad { known, ..bad }
    }

    /// Whether an earlier run met a file below this path that it could not index.
    pub fn knows_in(&self, folder: &Path) -> bool {
        self.known.keys().any(|path| path.starts_with(folder))
    }

    /// What decodes a file with this name.
    fn decoder_of(&self, path: &Path) -> Option<u64> {
        if is_video(path) { self.video_decoder } else { Some(self.decoder) }
    }

    /// The same, but every file is tried again.
    pub fn trying_all_again(self) -> Bad {
        Bad { retry: true, ..self }
    }

    /// A file that need not be tried: it is as it was, and what failed to decode it is, too.
    pub fn settled(&self, file: &FoundFile) -> Option<Skipped> {
        let known = self.known.get(&file.path)?;
        let decoder = self.decoder_of(&file.path);
        let is_settled =
            !self.retry && decoder.is_some() && known.decoder == decoder && known.stamp.same_content(&file.stamp);
        let reason = || SkipReason::Remembered { reason: known.reason.clone() };
        is_settled.then(|| Skipped { path: file.path.clone(), reason: reason() })
    }

    /// Why a content need not be tried that another file has, or had: a file that crashes its decoder does so wherever it
    /// is.
    pub fn settled_content(&self, hash: &[u8; 16]) -> Option<SkipReason> {
        let reason = self.contents.get(hash).filter(|_| !self.retry)?;
        Some(SkipReason::Remembered { reason: reason.clone() })
    }

    /// Whether a file that could not be indexed in this run is no news: it is as it was, and so is what is wrong with it.
    pub fn is_known(&self, path: &Path, stamp: &Stamp, hash: Option<[u8; 16]>, fault: &Fault) -> bool {
        let Some(before) = self.known.get(path) else { return self.has_moved(stamp, hash, fault) };
        if hash.is_some() && before.hash == hash {
            return true;
        }
        // Another version may have other words for the same fault of a file.
        before.stamp.same_content(stamp)
            && (before.reason == fault.reason || before.decoder.is_some() && fault.is_lasting)
    }

    /// Whether a file is one that was somewhere else: it has the content of one that is gone, or is the same file.
    fn has_moved(&self, stamp: &Stamp, hash: Option<[u8; 16]>, fault: &Fault) -> bool {
        let with_content = hash.and_then(|hash| self.gone_by_content.get(&hash)).into_iter().flatten();
        let same_file = key(stamp).and_then(|key| self.gone_by_file.get(&key)).into_iter().flatten();
        let same_file = same_file.filter(|place| {
            let before = &self.known[&self.gone[**place].0];
            is_same_file(&before.stamp, stamp) && before.reason == fault.reason
        });
        with_content.chain(same_file).any(|place| {
            let (path, was_looked_for) = &self.gone[*place];
            *was_looked_for || fs::symlink_metadata(path).is_err_and(|error| says_missing(&error))
        })
    }

    /// What the index is to remember of such a file.
    pub fn record(&self, path: &Path, stamp: Stamp, hash: Option<[u8; 16]>, fault: Fault) -> BadFile {
        let decoder = self.decoder_of(path).filter(|_| fault.is_lasting);
        BadFile { path: path.to_path_buf(), stamp, hash, reason: fault.reason, decoder }
    }
}

/// What a file has in common with itself wherever it is moved to, and with few others: its number and its size.
fn key(stamp: &Stamp) -> Option<(u64, u64)> {
    Some((stamp.inode?.number, stamp.size))
}

/// Remembers and reports what the walk could not look at.
pub(crate) fn sort_out_walk(bad: &Bad, skipped: Vec<Skipped>, writer: &mut IndexWriter, report: &mut Report) {
    for skipped in skipped {
        let (path, stamp, fault) = (&skipped.path, Stamp::default(), Fault::of(&skipped.reason));
        let is_known = bad.is_known(path, &stamp, None, &fault);
        writer.remember_bad_file(bad.record(path, stamp, None, fault));
        if is_known { report.skipped_before.push(skipped) } else { report.skipped.push(skipped) }
    }
}

/// Forgets the bad files of earlier runs that this run, which has come to its end, has indexed or not found.
pub(crate) fn forget_gone(bad: &Bad, report: &Report, is_kept: impl Fn(&Path) -> bool, writer: &mut IndexWriter) {
    let still_bad: HashSet<&Path> =
        report.skipped.iter().chain(&report.skipped_before).map(|skipped| skipped.path.as_path()).collect();
    for path in bad.known.keys().filter(|path| !still_bad.contains(path.as_path()) && !is_kept(path)) {
        writer.forget_bad_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(size: u64) -> Stamp {
        Stamp { size, ..Stamp::default() }
    }

    fn found(path: &str, size: u64) -> FoundFile {
        FoundFile { path: path.into(), stamp: stamp(size), ..FoundFile::default() }
    }

    fn fault(reason: &str, is_lasting: bool) -> Fault {
        Fault { reason: reason.into(), is_lasting }
    }

    fn bad(files: &[FoundFile]) -> Bad {
        let known = |path: &str, content: u8, decoder| BadFile {
            path: path.into(),
            stamp: stamp(5),
            hash: Some([content; 16]),
            reason: "damaged".into(),
            decoder,
        };
        let known =
            [known("/a", 1, Some(7)), known("/old", 2, Some(6)), known("/denied", 3, None), known("/x/b", 4, None)];
        Bad::new(known, (7, Some(9)), files, |path| !path.starts_with("/x"))
    }

    #[test]
    fn a_content_is_settled_wherever_it_is() {
        let settled = |bad: &Bad, content: u8| bad.settled_content(&[content; 16]).map(|reason| reason.to_string());
        let bad = bad(&[]);
        assert_eq!(settled(&bad, 1).as_deref(), Some("damaged"));
        // Of another decoder, of no decoder, and of no known file.
        assert_eq!([2, 3, 9].map(|content| settled(&bad, content)), [None, None, None]);
        let again = bad.trying_all_again();
        assert!(settled(&again, 1).is_none() && again.settled(&found("/a", 5)).is_none());
    }

    #[test]
    fn only_the_same_file_is_settled_for_the_same_decoder() {
        let bad = bad(&[]);
        assert_eq!(bad.settled(&found("/a", 5)).unwrap().reason.to_string(), "damaged");
        for file in [found("/a", 6), found("/old", 5), found("/denied", 5), found("/new", 5)] {
            assert!(bad.settled(&file).is_none(), "{file:?}");
        }
    }

    #[test]
    fn a_video_is_settled_for_what_decodes_videos() {
        let known = |path: &str, decoder| BadFile {
            path: path.into(),
            stamp: stamp(5),
            hash: None,
            reason: "damaged".into(),
            decoder: Some(decoder),
        };
        let bad = |decoder| Bad::new([known("/a.mp4", 9), known("/b.mp4", 7)], (7, decoder), &[], |_| true);
        assert!(bad(Some(9)).settled(&found("/a.mp4", 5)).is_some());
        assert!(bad(Some(9)).settled(&found("/b.mp4", 5)).is_none());
        assert!(bad(None).settled(&found("/a.mp4", 5)).is_none());
        let record = |path: &str| bad(Some(9)).record(Path::new(path), stamp(5), None, fault("x", true)).decoder;
        assert_eq!((record("/a.mp4"), record("/a.jpg")), (Some(9), Some(7)));
    }

    #[test]
    fn the_same_fault_of_the_same_file_is_no_news() {
        let bad = bad(&[found("/a", 5), found("/old", 5), found("/denied", 5)]);
        let known = |path: &str, size, content: u8, reason, lasting| {
            bad.is_known(Path::new(path), &stamp(size), Some([content; 16]), &fault(reason, lasting))
        };
        // Tried again by another decoder, or with its time changed.
        assert!(known("/old", 5, 2, "other words", true) && known("/a", 6, 1, "damaged", true));
        // Changed, and still bad.
        assert!(!known("/a", 6, 9, "damaged", true));
        let denied = |reason| bad.is_known(Path::new("/denied"), &stamp(5), None, &fault(reason, false));
        assert!(denied("damaged") && !denied("input/output error"));
        // A copy is news; what was moved out of where the run did not look is none.
        assert!(!known("/copy", 5, 1, "damaged", true) && known("/new", 5, 4, "damaged", true));
    }

    #[test]
    fn a_file_that_was_moved_is_no_news() {
        let bad = bad(&[found("/old", 5), found("/new", 5)]);
        assert!(bad.is_known(Path::new("/new"), &stamp(5), Some([1; 16]), &fault("damaged", true)));
    }

    #[test]
    fn a_file_whose_folder_was_renamed_is_no_news_though_its_old_name_was_not_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let there = dir.path().join("there");
        fs::write(&there, "x").unwrap();
        let inode = |number| Some(clip_index::Inode { device: 1, number });
        let stamp = |number| Stamp { ctime_ns: Some(3), inode: inode(number), ..stamp(5) };
        let known = |path: PathBuf, number, hash| BadFile {
            path,
            stamp: stamp(number),
            hash,
            reason: "permission denied".into(),
            decoder: None,
        };
        let files = [
            known(dir.path().join("gone"), 1, Some([1; 16])),
            known(there, 2, Some([2; 16])),
            known(dir.path().join("denied"), 3, None),
        ];
        let bad = Bad::new(files, (7, None), &[], |_| false);
        let is_known = |number, content: Option<u8>, reason| {
            let hash = content.map(|content| [content; 16]);
            bad.is_known(Path::new("/renamed"), &stamp(number), hash, &fault(reason, false))
        };
        assert!(is_known(8, Some(1), "damaged"));
        assert!(!is_known(8, Some(2), "damaged"), "it is still there, so the other is a copy");
        assert!(is_known(3, None, "permission denied"));
        assert!(!is_known(3, None, "input/output error") && !is_known(4, None, "permission denied"));
    }

    #[test]
    fn what_is_wrong_with_the_content_lasts_and_the_rest_may_pass() {
        for (reason, lasts) in [
            (SkipReason::Image(ImageError::Empty), true),
            (SkipReason::Image(ImageError::UnknownFormat), true),
            (SkipReason::Panicked { message: "index out of bounds".into() }, false),
            (SkipReason::Image(ImageError::NotBuiltIn { format: clip_image::Format::Gif }), true),
            (SkipReason::Image(ImageError::Io(std::io::ErrorKind::PermissionDenied.into())), false),
            (SkipReason::Unreadable { error: "permission denied".into() }, false),
            (SkipReason::DanglingLink { target: "/x".into() }, false),
            (SkipReason::NotAFile { kind: "a folder" }, false),
            (SkipReason::NotEncoded { error: "no memory".into() }, false),
        ] {
            assert_eq!(Fault::of(&reason).is_lasting, lasts, "{reason}");
        }
    }
}
