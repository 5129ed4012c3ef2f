//! Writing a table.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use clip_parquet::{Datum, Field, Type, Writer};

use super::{EMBEDDING, MODEL};
use crate::error::IndexError;
use crate::exchange::export::Records;
use crate::exchange::ndjson::Line;
use crate::files;
use crate::reader::IndexReader;
use crate::watch::Watch;

/// The columns: the members of a line, and the embedding.
fn fields() -> Vec<Field<'static>> {
    use Type::{Bool, Bytes, Double, Float, Integer, Text, Unsigned};
    vec![
        Field::scalar("id", Unsigned),
        Field::scalar("asset", Unsigned),
        Field::scalar("position", Unsigned),
        Field::scalar("path", Text),
        Field::scalar("path_bytes", Bytes),
        Field::scalar("hash", Text),
        Field::scalar("size", Unsigned),
        Field::scalar("mtime_ns", Integer),
        Field::scalar("kind", Text),
        Field::scalar("width", Unsigned),
        Field::scalar("height", Unsigned),
        Field::scalar("taken_at", Integer),
        Field::scalar("camera", Text),
        Field::scalar("lens", Text),
        Field::list("gps", Double),
        Field::scalar("utc_offset", Integer),
        Field::scalar("iso", Unsigned),
        Field::scalar("focal_length", Float),
        Field::scalar("exposure_time", Float),
        Field::scalar("aperture", Float),
        Field::scalar("exposure_compensation", Float),
        Field::scalar("flash", Bool),
        Field::scalar("duration", Double),
        Field::scalar("rotation", Unsigned),
        Field::scalar("burst", Text),
        Field::scalar("burst_primary", Bool),
        Field::scalar("live_photo", Text),
        Field::scalar("motion", Bool),
        Field::scalar("rating", Unsigned),
        Field::scalar("title", Text),
        Field::scalar("description", Text),
        Field::list("tags", Text),
        Field::list("people", Text),
        Field::scalar("label", Text),
        Field::list("places", Text),
        Field::scalar("picture_text", Text),
        Field::scalar("picture_text_version", Unsigned),
        Field::scalar("picture_text_languages", Text),
        Field::list("picture_text_confidences", Integer),
        Field::list(EMBEDDING, Float),
    ]
}

/// Writes all items with their embeddings into one file.
pub(in crate::exchange) fn write(reader: &IndexReader, path: &Path, watch: &Watch<'_>) -> Result<(), IndexError> {
    let model = serde_json::to_string(reader.model())
        .map_err(|error| IndexError::exchange("write", path)(io::Error::other(error)))?;
    let snapshot = reader.snapshot();
    let mut records = Records::new(reader);
    let mut row = vec![0.0; reader.dimension()];
    let written = files::write(path, |out| {
        let mut writer = Writer::new(out, &fields(), &[(MODEL, &model)])?;
        for (id, place) in snapshot.live_from(0) {
            let (position, record) = records.next(id)?;
            snapshot.row(place).to_f32(&mut row);
            write_row(&mut writer, &Line::new(id, position, record), &row)?;
            watch.steps(2)?;
        }
        writer.finish().map(drop)
    });
    records.outcome(written)
}

fn write_row<W: io::Write>(writer: &mut Writer<W>, line: &Line<'_>, embedding: &[f32]) -> io::Result<()> {
    let float = |number: Option<f32>| number.map_or(Datum::Null, |number| Datum::Float(number.into()));
    let unsigned = |number: Option<u32>| number.map_or(Datum::Null, |number| Datum::Unsigned(number.into()));
    let integer = |number: Option<i64>| number.map_or(Datum::Null, Datum::Integer);
    let gps = line.gps.map(|(latitude, longitude)| [latitude, longitude]);
    let read = line.picture_text;
    let confidences: Option<Vec<i64>> = read.map(|read| read.confidences.iter().copied().map(i64::from).collect());
    writer.row(&[
        Datum::Unsigned(line.id),
        Datum::Unsigned(line.asset),
        Datum::Unsigned(line.position),
        text(line.path),
        line.path_bytes.as_ref().map_or(Datum::Null, |bytes: &Cow<'_, [u8]>| Datum::Bytes(bytes)),
        Datum::Text(&line.hash),
        Datum::Unsigned(line.size),
        // A time after 2262 is not said.
        integer(line.mtime_ns.parse().ok()),
        Datum::Text(line.kind),
        Datum::Unsigned(line.width.into()),
        Datum::Unsigned(line.height.into()),
        integer(line.taken_at),
        text(line.camera),
        text(line.lens),
        gps.as_ref().map_or(Datum::Null, |gps| Datum::Doubles(gps)),
        integer(line.utc_offset.map(i64::from)),
        unsigned(line.iso),
        float(line.focal_length),
        float(line.exposure_time),
        float(line.aperture),
        float(line.exposure_compensation),
        line.flash.map_or(Datum::Null, Datum::Bool),
        line.duration.map_or(Datum::Null, Datum::Float),
        unsigned(line.rotation.map(u32::from)),
        text(line.burst),
        Datum::Bool(line.burst_primary),
        text(line.live_photo),
        Datum::Bool(line.motion),
        unsigned(line.rating.map(u32::from)),
        text(line.title),
        text(line.description),
        Datum::Texts(line.tags),
        Datum::Texts(line.people),
        text(line.label),
        Datum::Texts(line.places),
        text(read.map(|read| read.words.as_str())),
        unsigned(read.map(|read| read.version)),
        text(read.map(|read| read.languages.as_str())),
        confidences.as_deref().map_or(Datum::Null, Datum::Integers),
        Datum::Floats(embedding),
    ])
}

fn text(text: Option<&str>) -> Datum<'_> {
    text.map_or(Datum::Null, Datum::Text)
}
