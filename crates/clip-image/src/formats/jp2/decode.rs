//! Decodes the picture: headers and limits here, the compressed data by the crate `hayro-jpeg2000`, colours here again.

use hayro_jpeg2000::{DecodeError, DecodeSettings, DecoderContext, Image, MarkerError};

use super::channels::Channels;
use super::codestream::{Header, Tiles};
use super::container::{self, Container};
use super::cost::Cost;
use crate::formats::codec::{Codec, Pixels, Request, rgb_bytes};
use crate::formats::library::Fault;
use crate::{Format, ImageError};

pub(super) const CODEC: Codec = Codec { decode, metadata: container::metadata, has_all_metadata: None };

/// The picture, halved as often as the request allows: each resolution is stored by itself.
fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
    let in_words = |fault: Fault| fault.into_error(Format::Jp2);
    let container = Container::read(bytes).map_err(in_words)?;
    let header = Header::read(container.codestream).map_err(in_words)?;
    let size = header.size(0);
    request.limits.check_size(size, Format::Jp2)?;
    let tiles = header.tiles().map_err(in_words)?;
    let cost = Cost::of(&header, &tiles).map_err(in_words)?;
    let channels = Channels::of(&container, &header.components).map_err(in_words)?;
    let memory = |halvings: u8| {
        let size = header.size(halvings);
        let rgb = rgb_bytes(size);
        let decoding = cost.memory(halvings, size, &header.components).saturating_add(channels.memory());
        request.memory(decoding.saturating_add(rgb), rgb, None)
    };
    // Numbers of colours have no mean.
    let most = if container.palette.is_some() { 0 } else { cost.most_halvings };
    let halvings = halvings(&header, most, request, memory);
    request.reserve(Format::Jp2, memory(halvings))?;
    let (image, profile) = picture(&container, &header, &tiles, halvings, channels).map_err(in_words)?;
    Ok(Pixels { image, size, orientation: None, colours: profile })
}

/// Samples of all components of a picture; none if its header cannot be read.
pub(super) fn samples(bytes: &[u8]) -> u64 {
    let header = Container::read(bytes).and_then(|container| Header::read(container.codestream));
    header.map_or(0, |header| {
        let (width, height) = header.size(0);
        u64::from(width) * u64::from(height) * header.components.len() as u64
    })
}

/// How often to halve the picture: as often as the request allows, and once more if it takes too much memory otherwise. The
/// picture may then have only as many pixels as the caller needs, instead of twice as many on a side.
fn halvings(header: &Header<'_>, most: u8, request: &Request<'_>, memory: impl Fn(u8) -> u64) -> u8 {
    let Some(least) = request.least else { return 0 };
    let shorter = |halvings: u8| {
        let (width, height) = header.size(halvings);
        width.min(height)
    };
    let wanted = (0..=most).rev().find(|halvings| shorter(*halvings) >= least).unwrap_or(0);
    let enough = (wanted..=most).filter(|halvings| *halvings == wanted || shorter(*halvings) >= least.div_ceil(2));
    // If none is possible, what was wanted tells how much is missing.
    enough.into_iter().find(|halvings| request.allows(memory(*halvings))).unwrap_or(wanted)
}

type Picture = (image::RgbImage, Option<crate::colour::ColourSpace>);

fn picture(
    container: &Container<'_>,
    header: &Header<'_>,
    tiles: &Tiles,
    halvings: u8,
    channels: Channels<'_>,
) -> Result<Picture, Fault> {
    let (width, height) = header.size(0);
    // Only the codestream: the decoder would copy components to put them in order.
    let target_resolution = (halvings > 0).then_some((width >> halvings, height >> halvings));
    let settings = DecodeSettings { target_resolution, ..DecodeSettings::default() };
    let image = Image::new(&container.codestream[..tiles.length], &settings).map_err(explain)?;
    let size = header.size(halvings);
    if (image.width(), image.height()) != size {
        return Err(Fault::damaged("its size"));
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(explain)?;
    let planes: Vec<_> = decoded.components().iter().map(|component| component.samples()).collect();
    let image = channels.rgb(&planes, size).ok_or_else(|| Fault::damaged("it lacks some of its components"))?;
    Ok((image, channels.profile))
}

fn explain(error: DecodeError) -> Fault {
    match error {
        DecodeError::Marker(MarkerError::Unsupported) => Fault::Unsupported("JPEG 2000 with extensions".into()),
        _ => Fault::damaged("its compressed data cannot be decompressed"),
    }
}
