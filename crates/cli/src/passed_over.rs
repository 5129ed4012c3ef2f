//! What a walk passed over, in words.

use clip_search::{Format, PassedOver, PassedOverKind};

use crate::output::{count, grouped};

/// How many extensions of a kind are named; the others are counted together.
const NAMED: usize = 6;

/// What to say of a run that found no photo at all: everything that it passed over.
pub(crate) fn nothing_found(passed_over: &[PassedOver]) -> String {
    let formats: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
    let formats = listed(&formats, "or");
    let mut found = Vec::new();
    for (kind, what) in [
        (PassedOverKind::Picture, " (pictures in formats that cannot be read)"),
        (PassedOverKind::Video, " (videos)"),
        (PassedOverKind::Other, ""),
    ] {
        if let Some(files) = files(passed_over, kind) {
            found.push(format!("{files}{what}"));
        }
    }
    for (kind, what) in
        [(PassedOverKind::Hidden, "hidden file or folder"), (PassedOverKind::SystemFolder, "system folder")]
    {
        let total = total(passed_over, kind);
        if total > 0 {
            let plural = what.replacen("file or folder", "files or folder", usize::from(total > 1));
            found.push(count(total, &plural));
        }
    }
    for (kind, what) in [(PassedOverKind::Excluded, "photo"), (PassedOverKind::ExcludedFolder, "folder")] {
        let total = total(passed_over, kind);
        if total > 0 {
            found.push(format!("{} that {} excluded", count(total, what), if total == 1 { "is" } else { "are" }));
        }
    }
    let found = if found.is_empty() { "nothing".to_owned() } else { found.join("; ") };
    format!("no photos found: expected {formats} files, found {found}")
}

/// What to say of pictures that were passed over beside photos; `None` if there were none.
pub(crate) fn unreadable_pictures(passed_over: &[PassedOver]) -> Option<String> {
    let files = files(passed_over, PassedOverKind::Picture)?;
    Some(format!("passed over: {files} (formats that cannot be read)"))
}

/// What to say of videos that were passed over because nothing reads them; `None` if there were none.
pub(crate) fn videos_without_ffmpeg(passed_over: &[PassedOver]) -> Option<String> {
    let videos = total(passed_over, PassedOverKind::Video);
    let (were, them) = if videos == 1 { ("was", "it") } else { ("were", "them") };
    (videos > 0).then(|| format!("{} {were} passed over: install ffmpeg to index {them}", count(videos, "video")))
}

fn total(passed_over: &[PassedOver], kind: PassedOverKind) -> u64 {
    passed_over.iter().filter(|passed| passed.kind == kind).map(|passed| passed.files).sum()
}

/// "12 .heic, 3 .cr2 and 2 others".
fn files(passed_over: &[PassedOver], kind: PassedOverKind) -> Option<String> {
    let of_kind: Vec<_> = passed_over.iter().filter(|passed| passed.kind == kind).collect();
    let named = |passed: &&&PassedOver| passed.extension.is_some();
    let mut words: Vec<String> = Vec::new();
    let mut others = total(passed_over, kind);
    for passed in of_kind.iter().filter(named).take(NAMED) {
        let extension = passed.extension.as_deref().unwrap_or_default();
        words.push(format!("{} .{extension}", grouped(passed.files)));
        others -= passed.files;
    }
    match (others, words.is_empty()) {
        (0, true) => return None,
        (0, false) => {}
        (others, true) => words.push(count(others, "other file")),
        (others, false) => words.push(count(others, "other")),
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(listed(&words, "and"))
}

/// "a, b and c".
fn listed(words: &[&str], joint: &str) -> String {
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} {joint} {last}", others.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(kind: PassedOverKind, extension: &str, files: u64) -> PassedOver {
        PassedOver { kind, extension: (!extension.is_empty()).then(|| extension.to_owned()), files }
    }

    #[test]
    fn a_folder_without_photos() {
        use PassedOverKind::{Excluded, ExcludedFolder, Hidden, Other, Picture, SystemFolder, Video};
        let nothing = nothing_found(&[]);
        assert!(nothing.starts_with("no photos found: expected JPEG, PNG, "), "{nothing}");
        let prefix = nothing.strip_suffix("nothing").unwrap();
        let told = |passed_over: &[PassedOver]| nothing_found(passed_over).strip_prefix(prefix).unwrap().to_owned();
        assert_eq!(told(&[]), "nothing");
        assert_eq!(told(&[passed(Picture, "heic", 1200)]), "1,200 .heic (pictures in formats that cannot be read)");
        let all = [
            passed(Picture, "heic", 3),
            passed(Picture, "cr2", 1),
            passed(Video, "mp4", 2),
            passed(Other, "txt", 5),
            passed(Other, "", 2),
            passed(Hidden, "", 1),
            passed(SystemFolder, "", 2),
        ];
        assert_eq!(
            told(&all),
            "3 .heic and 1 .cr2 (pictures in formats that cannot be read); 2 .mp4 (videos); 5 .txt and 2 others; \
             1 hidden file or folder; 2 system folders"
        );
        let left_out = [passed(Other, "txt", 1), passed(Excluded, "", 3), passed(ExcludedFolder, "", 1)];
        assert_eq!(told(&left_out), "1 .txt; 3 photos that are excluded; 1 folder that is excluded");
        assert_eq!(told(&[passed(Other, "", 1), passed(Hidden, "", 2)]), "1 other file; 2 hidden files or folders");
    }

    #[test]
    fn videos_where_there_is_no_ffmpeg() {
        let said = |files| videos_without_ffmpeg(&[passed(PassedOverKind::Video, "mp4", files)]);
        assert_eq!(said(1).as_deref(), Some("1 video was passed over: install ffmpeg to index it"));
        assert_eq!(said(1200).as_deref(), Some("1,200 videos were passed over: install ffmpeg to index them"));
        assert_eq!(videos_without_ffmpeg(&[passed(PassedOverKind::Other, "txt", 3)]), None);
    }

    #[test]
    fn pictures_beside_photos() {
        assert_eq!(unreadable_pictures(&[passed(PassedOverKind::Video, "mp4", 2)]), None);
        let many: Vec<_> = (1..=9).map(|n| passed(PassedOverKind::Picture, &format!("x{n}"), n)).collect();
        assert_eq!(
            unreadable_pictures(&many).unwrap(),
            "passed over: 1 .x1, 2 .x2, 3 .x3, 4 .x4, 5 .x5, 6 .x6 and 24 others (formats that cannot be read)"
        );
    }
}
