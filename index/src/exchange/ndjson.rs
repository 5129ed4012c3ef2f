//! Items as JSON objects, one a line.

use std::borrow::Cow;

use clip_files::path_bytes;
use serde::Serialize;

use crate::asset::{Kind, Record};

/// An item, as it is exported. `docs/exchange.md` describes the members.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    id: u64,
    asset: u64,
    position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<Cow<'a, [u8]>>,
    hash: String,
    size: u64,
    /// In decimal: readers of JSON take greater numbers for floating-point ones.
    mtime_ns: String,
    kind: &'static str,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    camera: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lens: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gps: Option<(f64, f64)>,
}

impl<'a> Line<'a> {
    /// The item with this id, and at this position, of an asset.
    pub(super) fn new(id: u64, position: u64, record: &'a Record) -> Line<'a> {
        let asset = &record.asset;
        let path = asset.path.to_str();
        Line {
            id,
            asset: record.id,
            position,
            path,
            path_bytes: if path.is_none() { Some(path_bytes::lossy(&asset.path)) } else { None },
            hash: hex(&asset.hash),
            size: asset.stamp.size,
            mtime_ns: asset.stamp.mtime_ns.to_string(),
            kind: name_of(asset.kind),
            width: asset.width,
            height: asset.height,
            taken_at: asset.taken_at,
            camera: asset.camera.as_deref(),
            lens: asset.lens.as_deref(),
            // JSON has no other numbers.
            gps: asset.gps.filter(|(latitude, longitude)| latitude.is_finite() && longitude.is_finite()),
        }
    }
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Photo => "photo",
        Kind::Video => "video",
        Kind::Document => "document",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
