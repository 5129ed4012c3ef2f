//! A record as bytes: fields one after the other, each with its tag, its length and its value.
//!
//! Tags that are not known are passed over, so later versions can add fields.

use std::path::PathBuf;

use clip_files::path_bytes;

use crate::asset::{Asset, Inode, Kind, Position, Record, Stamp, stored_path};
use crate::error::IndexError;

const NANOS: i128 = 1_000_000_000;

/// The fields' tags. They are part of the format.
mod tag {
    pub(super) const PATH: u8 = 1;
    pub(super) const HASH: u8 = 2;
    pub(super) const SIZE: u8 = 3;
    pub(super) const MODIFIED: u8 = 4;
    pub(super) const CHANGED: u8 = 5;
    pub(super) const INODE: u8 = 6;
    pub(super) const KIND: u8 = 7;
    pub(super) const PIXELS: u8 = 8;
    pub(super) const TAKEN_AT: u8 = 9;
    pub(super) const CAMERA: u8 = 10;
    pub(super) const LENS: u8 = 11;
    pub(super) const GPS: u8 = 12;
    pub(super) const POSITIONS: u8 = 13;
}

/// Appends a record's bytes.
pub(crate) fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), IndexError> {
    let asset = &record.asset;
    let mut field = |tag: u8, parts: &[&[u8]]| {
        out.push(tag);
        length(parts.iter().map(|part| part.len()).sum(), out);
        parts.iter().for_each(|part| out.extend_from_slice(part));
    };
    field(tag::PATH, &[&stored_path(&asset.path)?]);
    field(tag::HASH, &[&asset.hash]);
    field(tag::SIZE, &[&asset.stamp.size.to_le_bytes()]);
    let mut time = |tag, nanos: i128| {
        // Times beyond the range of 64-bit seconds do not occur on any file system.
        let seconds = nanos.div_euclid(NANOS).clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        field(tag, &[&seconds.to_le_bytes(), &(nanos.rem_euclid(NANOS) as u32).to_le_bytes()]);
    };
    time(tag::MODIFIED, asset.stamp.mtime_ns);
    if let Some(nanos) = asset.stamp.ctime_ns {
        time(tag::CHANGED, nanos);
    }
    if let Some(inode) = asset.stamp.inode {
        field(tag::INODE, &[&inode.device.to_le_bytes(), &inode.number.to_le_bytes()]);
    }
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
    if record.positions != [0] {
        let positions: Vec<u8> = record.positions.iter().flat_map(|position| position.to_le_bytes()).collect();
        field(tag::POSITIONS, &[&positions]);
    }
    Ok(())
}

/// Seven bits in each byte, the lowest first; the eighth says that more follow.
fn length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn take_length(bytes: &mut &[u8]) -> Option<usize> {
    let mut length = 0;
    for shift in (0..usize::BITS - 7).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(length);
        }
    }
    None
}

/// The fields of a record, one after the other; an error item where the bytes are none.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u8, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&tag, mut rest) = self.0.split_first()?;
        let value = take_length(&mut rest).and_then(|length| rest.split_at_checked(length));
        self.0 = value.map_or(&[], |(_, rest)| rest);
        Some(value.map(|(value, _)| (tag, value)))
    }
}

/// Reads a record; `None` if the bytes are none.
pub(crate) fn decode(id: u64, bytes: &[u8]) -> Option<Record> {
    let mut asset = Asset {
        path: PathBuf::new(),
        stamp: Stamp::default(),
        hash: [0; 16],
        kind: Kind::Photo,
        width: 0,
        height: 0,
        taken_at: None,
        camera: None,
        lens: None,
        gps: None,
    };
    let mut positions = vec![0];
    // What every record has.
    let mut missing = 1u32 << tag::PATH | 1 << tag::HASH | 1 << tag::SIZE | 1 << tag::MODIFIED | 1 << tag::PIXELS;
    for field in Fields(bytes) {
        let (tag, value) = field?;
        missing &= !1u32.checked_shl(tag.into()).unwrap_or(0);
        match tag {
            tag::PATH => asset.path = path_bytes::to_path(value),
            tag::HASH => asset.hash = value.try_into().ok()?,
            tag::SIZE => asset.stamp.size = u64::from_le_bytes(value.try_into().ok()?),
            tag::MODIFIED => asset.stamp.mtime_ns = time(value)?,
            tag::CHANGED => asset.stamp.ctime_ns = Some(time(value)?),
            tag::INODE => {
                let (device, number) = halves(value)?;
                asset.stamp.inode =
                    Some(Inode { device: u64::from_le_bytes(device), number: u64::from_le_bytes(number) });
            }
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
            tag::POSITIONS => positions = positions_of(value)?,
            _ => {}
        }
    }
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

fn halves<const N: usize>(value: &[u8]) -> Option<([u8; N], [u8; N])> {
    let (first, second) = value.split_at_checked(N)?;
    Some((first.try_into().ok()?, second.try_into().ok()?))
}

fn time(value: &[u8]) -> Option<i128> {
    let (seconds, nanos) = value.split_at_checked(8)?;
    let nanos = u32::from_le_bytes(nanos.try_into().ok()?);
    let seconds = i128::from(i64::from_le_bytes(seconds.try_into().ok()?));
    (i128::from(nanos) < NANOS).then_some(seconds * NANOS + i128::from(nanos))
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
    use proptest::prelude::*;

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
