//! A record as bytes: fields one after the other.

use clip_files::path_bytes;

use crate::asset::{Asset, Exposure, Kind, PictureText, Position, Record, Related, stored_path};
use crate::error::IndexError;
use crate::fields::{self, Fields, halves};

/// The fields' tags. They are part of the format.
mod tag {
    pub(super) use crate::fields::tag::{HASH, MODIFIED, PATH, SIZE};

    pub(super) const KIND: u8 = 7;
    pub(super) const PIXELS: u8 = 8;
    pub(super) const TAKEN_AT: u8 = 9;
    pub(super) const CAMERA: u8 = 10;
    pub(super) const LENS: u8 = 11;
    pub(super) const GPS: u8 = 12;
    pub(super) const POSITIONS: u8 = 13;
    // 14 and 15 are those of bad files.
    pub(super) const UTC_OFFSET: u8 = 16;
    pub(super) const ISO: u8 = 17;
    pub(super) const FOCAL_LENGTH: u8 = 18;
    pub(super) const RATING: u8 = 19;
    pub(super) const TITLE: u8 = 20;
    pub(super) const DESCRIPTION: u8 = 21;
    pub(super) const TAG: u8 = 22;
    pub(super) const DETAILS_VERSION: u8 = 23;
    pub(super) const PERSON: u8 = 24;
    pub(super) const LABEL: u8 = 25;
    pub(super) const PLACE: u8 = 26;
    pub(super) const SIDECARS: u8 = 27;
    pub(super) const PICTURE_HASH: u8 = 28;
    // 28 to 31 are kept free.
    pub(super) const EXPOSURE_TIME: u8 = 32;
    pub(super) const APERTURE: u8 = 33;
    pub(super) const COMPENSATION: u8 = 34;
    pub(super) const FLASH: u8 = 35;
    pub(super) const BURST: u8 = 36;
    pub(super) const LIVE_PHOTO: u8 = 37;
    pub(super) const MARKS: u8 = 38;
    pub(super) const COMPANION: u8 = 39;
    pub(super) const DURATION: u8 = 40;
    pub(super) const ROTATION: u8 = 41;
    pub(super) const TEXT_READER: u8 = 48;
    pub(super) const TEXT_WORDS: u8 = 49;
    pub(super) const TEXT_CONFIDENCES: u8 = 50;
}

/// The bits of `MARKS`.
const BURST_PRIMARY: u8 = 1;
const MOTION: u8 = 2;

/// Appends a record's bytes.
pub(crate) fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), IndexError> {
    let asset = &record.asset;
    fields::push(tag::PATH, &[&stored_path(&asset.path)?], out);
    fields::push(tag::HASH, &[&asset.hash], out);
    fields::push_stamp(&asset.stamp, out);
    let mut field = |tag: u8, parts: &[&[u8]]| fields::push(tag, parts, out);
    let kind = match asset.kind {
        Kind::Photo => 0,
        Kind::Video => 1,
        Kind::Document => 2,
    };
    field(tag::KIND, &[&[kind]]);
    field(tag::PIXELS, &[&asset.width.to_le_bytes(), &asset.height.to_le_bytes()]);
    if let Some(taken_at) = asset.taken_at {
        field(tag::TAKEN_AT, &[&taken_at.to_le_bytes()]);
    }
    if let Some(camera) = &asset.camera {
        field(tag::CAMERA, &[camera.as_bytes()]);
    }
    if let Some(lens) = &asset.lens {
        field(tag::LENS, &[lens.as_bytes()]);
    }
    if let Some((latitude, longitude)) = asset.gps {
        field(tag::GPS, &[&latitude.to_le_bytes(), &longitude.to_le_bytes()]);
    }
    if let Some(minutes) = asset.utc_offset {
        field(tag::UTC_OFFSET, &[&minutes.to_le_bytes()]);
    }
    if let Some(iso) = asset.iso {
        field(tag::ISO, &[&iso.to_le_bytes()]);
    }
    if let Some(millimetres) = asset.focal_length {
        field(tag::FOCAL_LENGTH, &[&millimetres.to_le_bytes()]);
    }
    let Exposure { time, aperture, compensation, flash } = asset.exposure;
    for (tag, number) in [(tag::EXPOSURE_TIME, time), (tag::APERTURE, aperture), (tag::COMPENSATION, compensation)] {
        if let Some(number) = number {
            field(tag, &[&number.to_le_bytes()]);
        }
    }
    if let Some(flash) = flash {
        field(tag::FLASH, &[&[u8::from(flash)]]);
    }
    if let Some(milliseconds) = asset.duration {
        field(tag::DURATION, &[&milliseconds.to_le_bytes()]);
    }
    if let Some(degrees) = asset.rotation {
        field(tag::ROTATION, &[&degrees.to_le_bytes()]);
    }
    let Related { burst, is_burst_primary, live_photo, has_motion } = &asset.related;
    for (tag, id) in [(tag::BURST, burst), (tag::LIVE_PHOTO, live_photo)] {
        if let Some(id) = id {
            field(tag, &[id.as_bytes()]);
        }
    }
    let marks = (u8::from(*is_burst_primary) * BURST_PRIMARY) | (u8::from(*has_motion) * MOTION);
    if marks != 0 {
        field(tag::MARKS, &[&[marks]]);
    }
    if let Some(stars) = asset.rating {
        field(tag::RATING, &[&[stars]]);
    }
    if let Some(title) = &asset.title {
        field(tag::TITLE, &[title.as_bytes()]);
    }
    if let Some(description) = &asset.description {
        field(tag::DESCRIPTION, &[description.as_bytes()]);
    }
    for keyword in &asset.tags {
        field(tag::TAG, &[keyword.as_bytes()]);
    }
    for person in &asset.people {
        field(tag::PERSON, &[person.as_bytes()]);
    }
    if let Some(label) = &asset.label {
        field(tag::LABEL, &[label.as_bytes()]);
    }
    for place in &asset.places {
        field(tag::PLACE, &[place.as_bytes()]);
    }
    if asset.details_version != 0 {
        field(tag::DETAILS_VERSION, &[&asset.details_version.to_le_bytes()]);
    }
    if let Some(sidecars) = asset.sidecars {
        field(tag::SIDECARS, &[&sidecars.to_le_bytes()]);
    }
    for companion in &asset.companions {
        field(tag::COMPANION, &[&stored_path(companion)?]);
    }
    if !asset.picture_hash.is_empty() {
        field(tag::PICTURE_HASH, &[&asset.picture_hash]);
    }
    if let Some(PictureText { version, languages, words, confidences }) = &asset.text {
        field(tag::TEXT_READER, &[&version.to_le_bytes(), languages.as_bytes()]);
        for (tag, bytes) in [(tag::TEXT_WORDS, words.as_bytes()), (tag::TEXT_CONFIDENCES, confidences)] {
            if !bytes.is_empty() {
                field(tag, &[bytes]);
            }
        }
    }
    if record.positions != [0] {
        let positions: Vec<u8> = record.positions.iter().flat_map(|position| position.to_le_bytes()).collect();
        field(tag::POSITIONS, &[&positions]);
    }
    Ok(())
}

/// The path, as it is stored, and the hash of a record; `None` if it has none. Reads nothing else.
pub(crate) fn whereabouts(bytes: &[u8]) -> Option<(&[u8], [u8; 16])> {
    let (mut path, mut hash) = (None, None);
    for field in Fields(bytes) {
        match field? {
            (tag::PATH, value) => path = Some(value),
            (tag::HASH, value) => hash = Some(value.try_into().ok()?),
            _ => {}
        }
        if let Some(both) = path.zip(hash) {
            return Some(both);
        }
    }
    None
}

/// Reads a record; `None` if the bytes are none.
pub(crate) fn decode(id: u64, bytes: &[u8]) -> Option<Record> {
    let mut asset = Asset::default();
    let mut positions = vec![0];
    // Words count only with what read them.
    let (mut text, mut has_reader) = (None::<PictureText>, false);
    // What every record has.
    let mut missing = 1u32 << tag::PATH | 1 << tag::HASH | 1 << tag::SIZE | 1 << tag::MODIFIED | 1 << tag::PIXELS;
    for field in Fields(bytes) {
        let (tag, value) = field?;
        missing &= !1u32.checked_shl(tag.into()).unwrap_or(0);
        match tag {
            tag::PATH => asset.path = path_bytes::to_path(value),
            tag::HASH => asset.hash = value.try_into().ok()?,
            tag::KIND => {
                asset.kind = match value {
                    [0] => Kind::Photo,
                    [1] => Kind::Video,
                    [2] => Kind::Document,
                    _ => return None,
                }
            }
            tag::PIXELS => {
                let (width, height) = halves(value)?;
                (asset.width, asset.height) = (u32::from_le_bytes(width), u32::from_le_bytes(height));
            }
            tag::TAKEN_AT => asset.taken_at = Some(i64::from_le_bytes(value.try_into().ok()?)),
            tag::CAMERA => asset.camera = Some(str::from_utf8(value).ok()?.to_owned()),
            tag::LENS => asset.lens = Some(str::from_utf8(value).ok()?.to_owned()),
            tag::GPS => {
                let (latitude, longitude) = halves(value)?;
                asset.gps = Some((f64::from_le_bytes(latitude), f64::from_le_bytes(longitude)));
            }
            tag::UTC_OFFSET => asset.utc_offset = Some(i16::from_le_bytes(value.try_into().ok()?)),
            tag::ISO => asset.iso = Some(u32::from_le_bytes(value.try_into().ok()?)),
            tag::FOCAL_LENGTH => asset.focal_length = Some(f32::from_le_bytes(value.try_into().ok()?)),
            tag::EXPOSURE_TIME => asset.exposure.time = Some(f32::from_le_bytes(value.try_into().ok()?)),
            tag::APERTURE => asset.exposure.aperture = Some(f32::from_le_bytes(value.try_into().ok()?)),
            tag::COMPENSATION => asset.exposure.compensation = Some(f32::from_le_bytes(value.try_into().ok()?)),
            tag::FLASH => asset.exposure.flash = Some(*value.first()? != 0),
            tag::DURATION => asset.duration = Some(u64::from_le_bytes(value.try_into().ok()?)),
            tag::ROTATION => asset.rotation = Some(u16::from_le_bytes(value.try_into().ok()?)),
            tag::BURST => asset.related.burst = Some(str::from_utf8(value).ok()?.to_owned()),
            tag::LIVE_PHOTO => asset.related.live_photo = Some(str::from_utf8(value).ok()?.to_owned()),
            tag::MARKS => {
                let marks = *value.first()?;
                asset.related.is_burst_primary = marks & BURST_PRIMARY != 0;
                asset.related.has_motion = marks & MOTION != 0;
            }
            tag::RATING => asset.rating = Some(*value.first()?),
            tag::TITLE => asset.title = Some(str::from_utf8(value).ok()?.to_owned()),
            tag::DESCRIPTION => asset.description = Some(str::from_utf8(value).ok()?.to_owned()),
            tag::TAG => asset.tags.push(str::from_utf8(value).ok()?.to_owned()),
            tag::PERSON => asset.people.push(str::from_utf8(value).ok()?.to_owned()),
            tag::LABEL => asset.label = Some(str::from_utf8(value).ok()?.to_owned()),
            tag::PLACE => asset.places.push(str::from_utf8(value).ok()?.to_owned()),
            tag::DETAILS_VERSION => asset.details_version = u32::from_le_bytes(value.try_into().ok()?),
            tag::SIDECARS => asset.sidecars = Some(u64::from_le_bytes(value.try_into().ok()?)),
            tag::COMPANION => asset.companions.push(path_bytes::to_path(value)),
            tag::PICTURE_HASH => asset.picture_hash = value.to_vec(),
            tag::TEXT_READER => {
                let (version, languages) = value.split_first_chunk()?;
                let text = text.get_or_insert_default();
                text.version = u32::from_le_bytes(*version);
                text.languages = str::from_utf8(languages).ok()?.to_owned();
                has_reader = true;
            }
            tag::TEXT_WORDS => text.get_or_insert_default().words = str::from_utf8(value).ok()?.to_owned(),
            tag::TEXT_CONFIDENCES => text.get_or_insert_default().confidences = value.to_vec(),
            tag::POSITIONS => positions = positions_of(value)?,
            tag => fields::take_stamp(tag, value, &mut asset.stamp)?,
        }
    }
    asset.text = text.filter(|_| has_reader);
    (missing == 0).then_some(Record { id, asset, positions })
}

/// The number of a record's items, without the rest of it; `None` if the bytes are no record.
pub(crate) fn item_count(bytes: &[u8]) -> Option<u64> {
    let mut count = 1;
    for field in Fields(bytes) {
        let (tag, value) = field?;
        if tag == tag::POSITIONS {
            count = positions_of(value)?.len() as u64;
        }
    }
    Some(count)
}

fn positions_of(value: &[u8]) -> Option<Vec<Position>> {
    let (positions, rest) = value.as_chunks::<8>();
    (!positions.is_empty() && rest.is_empty())
        .then(|| positions.iter().map(|position| Position::from_le_bytes(*position)).collect())
}

/// Reads bytes as a record and asserts what must hold of the result. For the module `fuzzing`.
#[cfg(any(test, fuzzing))]
pub(crate) fn check(bytes: &[u8]) {
    let Some(record) = decode(7, bytes) else { return };
    assert_eq!(item_count(bytes), Some(record.positions.len() as u64));
    let mut again = Vec::new();
    encode(&record, &mut again).expect("what was read can be written");
    let again = decode(7, &again).expect("what was written can be read");
    // Compared as text, since NaN is not equal to itself.
    assert_eq!(format!("{again:?}"), format!("{record:?}"));
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::asset::{Inode, Stamp};
    use proptest::prelude::*;

    const NANOS: i128 = 1_000_000_000;

    prop_compose! {
        pub(in crate::records) fn assets()(
            path in ".{0,40}",
            (size, mtime_s, nanos, ctime, inode) in
                any::<(u64, i64, u32, Option<i64>, Option<(u64, u64)>)>(),
            hash: [u8; 16],
            kind in 0usize..3,
            (width, height, taken_at, camera, lens) in
                any::<(u32, u32, Option<i64>, Option<String>, Option<String>)>(),
            gps in prop::option::of((-90.0..90.0, -180.0..180.0)),
            (utc_offset, iso, focal_length, rating, title, description) in (
                any::<Option<i16>>(), any::<Option<u32>>(), prop::option::of(0f32..2000.0), prop::option::of(0u8..6),
                any::<Option<String>>(), any::<Option<String>>(),
            ),
            (time, aperture, compensation, flash) in (
                prop::option::of(0f32..100.0), prop::option::of(0f32..100.0), prop::option::of(-5f32..5.0), any::<Option<bool>>(),
            ),
            (duration, rotation) in (prop::option::of(0u64..1 << 40), any::<Option<u16>>()),
            (burst, is_burst_primary, live_photo, has_motion) in
                any::<(Option<String>, bool, Option<String>, bool)>(),
            tags in prop::collection::vec(".{0,12}", 0..4),
            people in prop::collection::vec(".{0,12}", 0..3),
            label: Option<String>,
            places in prop::collection::vec(".{0,12}", 0..3),
            details_version in 0u32..3,
            sidecars: Option<u64>,
            companions in prop::collection::vec(".{1,12}", 0..3),
            picture_hash in prop::collection::vec(any::<u8>(), 0..200),
            text: Option<(u32, String, String, Vec<u8>)>,
        ) -> Asset {
            let nanos = i128::from(nanos % 1_000_000_000);
            Asset {
                path: path.into(),
                stamp: Stamp {
                    size,
                    mtime_ns: i128::from(mtime_s) * NANOS + nanos,
                    ctime_ns: ctime.map(|s| i128::from(s) * NANOS + nanos),
                    inode: inode.map(|(device, number)| Inode { device, number }),
                },
                hash,
                kind: [Kind::Photo, Kind::Video, Kind::Document][kind],
                width,
                height,
                taken_at,
                camera,
                lens,
                gps,
                utc_offset,
                iso,
                focal_length,
                exposure: Exposure { time, aperture, compensation, flash },
                duration,
                rotation,
                related: Related { burst, is_burst_primary, live_photo, has_motion },
                rating,
                title,
                description,
                tags,
                people,
                label,
                places,
                details_version,
                sidecars,
                companions: companions.into_iter().map(Into::into).collect(),
                picture_hash,
                text: text.map(|(version, languages, words, confidences)| PictureText {
                    version,
                    languages,
                    words,
                    confidences,
                }),
            }
        }
    }

    proptest! {
        #[test]
        fn round_trip(asset in assets(), id: u64, positions in prop::collection::vec(any::<u64>(), 1..200)) {
            let record = Record { id, asset, positions };
            let mut bytes = Vec::new();
            encode(&record, &mut bytes).unwrap();
            prop_assert_eq!(item_count(&bytes), Some(record.positions.len() as u64));
            // A field of a later version.
            bytes.extend_from_slice(&[200, 3, 1, 2, 3]);
            prop_assert_eq!(decode(id, &bytes), Some(record));
        }

        #[test]
        fn any_bytes_give_no_panic(bytes: Vec<u8>) {
            check(&bytes);
        }

        #[test]
        fn a_record_that_was_cut_off_is_none(asset in assets(), cut in 0.0..1.0f64) {
            let mut bytes = Vec::new();
            encode(&Record { id: 1, asset, positions: vec![0] }, &mut bytes).unwrap();
            let whole = bytes.len();
            bytes.truncate((cut * whole as f64) as usize);
            // What is left may end between two fields.
            if let Some(record) = decode(1, &bytes) {
                prop_assert!(record.positions == [0]);
            }
            check(&bytes);
        }
    }
}
