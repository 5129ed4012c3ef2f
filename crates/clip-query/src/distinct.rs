//! Identical files are one result, and so are the moments of a video.
//!
//! The index knows each file by itself, and copies of a photo have the same embedding, so they follow one another in what a
//! search finds. Here they become groups, and it is decided whether enough was found for the results that are wanted.
//!
//! A video is found by its best moment. Weighting all of its moments by how well they answer, as CLIP4Clip's mean does with equal
//! weights (Luo et al. 2021), finds fewer of them: what is asked for is mostly shown for a small part of a video.

use std::collections::HashMap;
use std::path::Path;

use clip_index::{Kind, Neighbour, Position, Record};

/// Items of identical files, and of nothing else, in the order in which they were found: of a video, the best.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group {
    /// That of the best.
    pub score: f32,
    /// The items' ids and the records of their files.
    pub members: Vec<(u64, Record)>,
    /// Files that belong to these: of the same shot or burst.
    pub kin: Vec<(u64, Record)>,
    /// Files that are nearly the same, and no results of their own.
    pub alike: Vec<Record>,
}

/// What items of one result have in common.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    /// A position in files with these bytes.
    Place([u8; 16], Position),
    /// Any moment of videos with these bytes.
    Video([u8; 16]),
    /// Any moment of the video with this id.
    File(u64),
}

impl Key {
    /// `None` for a file that is known to be like no other.
    fn of(item: u64, record: &Record) -> Option<Key> {
        match (record.asset.kind, record.asset.content()) {
            (Kind::Video, Some(hash)) => Some(Key::Video(hash)),
            (Kind::Video, None) => Some(Key::File(record.id)),
            (_, hash) => hash.map(|hash| Key::Place(hash, record.position(item).unwrap_or_default())),
        }
    }
}

/// Puts items of identical files together: the same position in files with the same bytes, and all moments of a video, of which the
/// first that was found is kept. The groups are in the order of their first members.
pub(crate) fn groups(found: impl IntoIterator<Item = (Neighbour, Record)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    for (Neighbour { id: item, score }, record) in found {
        let key = Key::of(item, &record);
        if let Some(place) = key.as_ref().and_then(|key| places.get(key)) {
            let members = &mut groups[*place].members;
            let is_video = record.asset.kind == Kind::Video;
            if !(is_video && members.iter().any(|(_, member)| member.id == record.id)) {
                members.push((item, record));
            }
            continue;
        }
        places.extend(key.map(|key| (key, groups.len())));
        groups.push(Group { score, members: vec![(item, record)], kin: Vec::new(), alike: Vec::new() });
    }
    groups
}

/// Whether the first `limit` groups are whole, and there are that many: what was not found has at most the score `last`, and
/// copies have the same one.
pub(crate) fn suffice(groups: &[Group], limit: usize, last: f32) -> bool {
    match limit.checked_sub(1) {
        Some(at) => groups.get(at).is_some_and(|group| last < group.score),
        None => true,
    }
}

/// The first `limit` groups without the files that are absent, and how many groups before the last of them have no other.
pub(crate) fn present(groups: Vec<Group>, limit: usize, is_absent: impl Fn(&Path) -> bool) -> (Vec<Group>, u64) {
    let (mut kept, mut missing) = (Vec::new(), 0);
    for mut group in groups {
        if kept.len() == limit {
            break;
        }
        group.members.retain(|(_, record)| !is_absent(&record.asset.path));
        if group.members.is_empty() {
            missing += 1;
        } else {
            kept.push(group);
        }
    }
    (kept, missing)
}

#[cfg(test)]
mod tests {
    use clip_index::Asset;

    use super::*;

    /// An item of a file whose content is `content`, with its record.
    fn found(id: u64, score: f32, content: u8, positions: &[Position]) -> (Neighbour, Record) {
        let asset = Asset { path: format!("/{id}").into(), hash: [content; 16], ..Asset::default() };
        (Neighbour { id, score }, Record { id, asset, positions: positions.to_vec() })
    }

    fn ids(groups: &[Group]) -> Vec<Vec<u64>> {
        groups.iter().map(|group| group.members.iter().map(|member| member.0).collect()).collect()
    }

    #[test]
    fn the_same_bytes_are_one_group_wherever_they_were_found() {
        let found = [found(1, 0.9, 7, &[0]), found(2, 0.9, 8, &[0]), found(3, 0.9, 7, &[0]), found(4, 0.5, 9, &[0])];
        assert_eq!(ids(&groups(found)), [vec![1, 3], vec![2], vec![4]]);
    }

    #[test]
    fn files_of_unknown_content_are_not_known_to_be_identical() {
        assert_eq!(ids(&groups([found(1, 0.9, 0, &[0]), found(2, 0.9, 0, &[0])])), [vec![1], vec![2]]);
    }

    #[test]
    fn two_pages_of_a_document_are_two_results_and_two_moments_of_a_video_are_one() {
        let of = |kind, content| {
            let at = |id, item, score| {
                let (_, mut record) = found(id, 0.0, content, &[0, 1000]);
                record.asset.kind = kind;
                (Neighbour { id: item, score }, record)
            };
            // The second file has the same bytes.
            groups([at(5, 6, 0.9), at(7, 8, 0.9), at(5, 5, 0.8), at(7, 7, 0.8)])
        };
        assert_eq!(ids(&of(Kind::Document, 7)), [vec![6, 8], vec![5, 7]]);
        assert_eq!(ids(&of(Kind::Video, 7)), [vec![6, 8]]);
        assert_eq!(of(Kind::Video, 7)[0].score, 0.9);
        assert_eq!(ids(&of(Kind::Video, 0)), [vec![6], vec![8]], "of unknown content");
    }

    #[test]
    fn a_group_is_whole_once_something_worse_was_found() {
        let groups = groups([found(1, 0.9, 1, &[0]), found(2, 0.5, 2, &[0])]);
        assert!(suffice(&groups, 0, 0.5));
        assert!(suffice(&groups, 1, 0.5));
        assert!(!suffice(&groups, 1, 0.9), "another copy may follow");
        assert!(!suffice(&groups, 2, 0.5));
        assert!(suffice(&groups, 2, 0.4));
        assert!(!suffice(&groups, 3, 0.4), "there are too few");
    }

    #[test]
    fn what_is_there_stands_for_what_is_not() {
        let found = [
            found(1, 0.9, 7, &[0]),
            found(2, 0.9, 7, &[0]),
            found(3, 0.8, 8, &[0]),
            found(4, 0.7, 9, &[0]),
            found(5, 0.6, 6, &[0]),
        ];
        let groups = groups(found);
        let without = |limit: usize, absent: &[&str]| {
            let (kept, missing) =
                present(groups.clone(), limit, |path| absent.iter().any(|name| path == Path::new(name)));
            (ids(&kept), missing)
        };
        assert_eq!(without(2, &["/1", "/3"]), (vec![vec![2], vec![4]], 1));
        assert_eq!(without(2, &["/1", "/2", "/5"]), (vec![vec![3], vec![4]], 1), "what comes after is not missed");
        assert_eq!(without(9, &["/4", "/5"]), (vec![vec![1, 2], vec![3]], 2));
        assert_eq!(without(0, &["/1"]), (vec![], 0));
    }
}
