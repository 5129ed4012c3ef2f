//! OpenEXR.

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["exr"],
    sniff: |bytes| bytes.starts_with(&[0x76, 0x2f, 0x31, 0x01]),
    #[cfg(feature = "exr")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "exr"))]
    codec: None,
};

#[cfg(feature = "exr")]
mod codec {
    use std::io::{Cursor, ErrorKind};

    use exr::image::read::specific_channels::ReadSpecificChannel;
    use exr::meta::header::Header;
    use exr::prelude::{Error, IntegerBounds, MetaData, ReadChannels, ReadLayers, Vec2, read};
    use image::RgbImage;

    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::library::Fault;
    use crate::formats::linear::Luminances;
    use crate::{Format, ImageError};

    // The format has attributes of its own for what EXIF data hold; hardly any photo has them.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    /// Red, green, blue and alpha.
    type Light = [f32; 4];

    /// The first layer that has colours, or else luminance, in the display window.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let describe = |error: Error| explain(error).into_error(Format::Exr);
        let meta = MetaData::read_from_buffered(Cursor::new(bytes), false).map_err(describe)?;
        let has = |header: &Header, name: &str| {
            let mut channels = header.channels.list.iter();
            channels.any(|channel| channel.name == *name && channel.sampling == Vec2(1, 1))
        };
        let has_colours = |header: &&Header| ["R", "G", "B"].into_iter().all(|name| has(header, name));
        let coloured = meta.headers.iter().find(has_colours);
        let header = coloured.or_else(|| meta.headers.iter().find(|header| has(header, "Y")));
        let header = header.filter(|header| !header.deep).ok_or_else(|| {
            Fault::Unsupported("OpenEXR without colour or luminance channels".into()).into_error(Format::Exr)
        })?;
        let window = Window::of(header);
        let size = window.size.ok_or_else(|| Fault::damaged("its size is not valid").into_error(Format::Exr))?;
        request.limits.check_size(size, Format::Exr)?;
        // Pixels outside the display window are decoded too.
        let stored = |header: &Header| {
            let Vec2(width, height) = header.layer_size;
            (u32::try_from(width).unwrap_or(u32::MAX), u32::try_from(height).unwrap_or(u32::MAX))
        };
        meta.headers.iter().try_for_each(|header| request.limits.check_size(stored(header), Format::Exr))?;
        let rgb = rgb_bytes(size);
        let pixels = rgb / 3;
        let light = pixels.saturating_mul(size_of::<Light>() as u64);
        let memory = light.saturating_add(rgb).saturating_add(beside(&meta, bytes));
        request.reserve(Format::Exr, request.memory(memory, rgb, None))?;

        let create = move |_: Vec2<usize>| vec![[0.0; 4]; pixels as usize];
        let light: Vec<Light> = if coloured.is_some() {
            let set = move |light: &mut Vec<Light>, at: Vec2<usize>, (r, g, b, a): (f32, f32, f32, f32)| {
                window.put(light, at, [r, g, b, a]);
            };
            let reader = read().no_deep_data().largest_resolution_level();
            let reader =
                reader.rgba_channels(move |size, _: &_| create(size), set).first_valid_layer().all_attributes();
            let image = reader.non_parallel().from_buffered(Cursor::new(bytes)).map_err(describe)?;
            image.layer_data.channel_data.pixels
        } else {
            let set =
                move |light: &mut Vec<Light>, at: Vec2<usize>, (y,): (f32,)| window.put(light, at, [y, y, y, 1.0]);
            let reader = read().no_deep_data().largest_resolution_level().specific_channels().required("Y");
            let reader =
                reader.collect_pixels(move |size, _: &_| create(size), set).first_valid_layer().all_attributes();
            let image = reader.non_parallel().from_buffered(Cursor::new(bytes)).map_err(describe)?;
            image.layer_data.channel_data.pixels
        };

        let mut luminances = Luminances::new();
        light.iter().for_each(|[r, g, b, _]| luminances.add([*r, *g, *b]));
        let exposure = luminances.exposure();
        let has_alpha = header.channels.list.iter().any(|channel| channel.name == *"A");
        let mut image = RgbImage::new(size.0, size.1);
        for (pixel, [r, g, b, a]) in image.as_chunks_mut::<3>().0.iter_mut().zip(light) {
            *pixel = exposure.srgb_over_white([r, g, b], if has_alpha { a } else { 1.0 });
        }
        Ok(Pixels { image, size, orientation: None, colours: None })
    }

    /// Where the stored pixels are in the picture.
    #[derive(Clone, Copy)]
    struct Window {
        size: Option<(u32, u32)>,
        left: i64,
        top: i64,
    }

    impl Window {
        fn of(header: &Header) -> Self {
            let IntegerBounds { position: Vec2(x, y), size: Vec2(width, height) } =
                header.shared_attributes.display_window;
            let Vec2(left, top) = header.own_attributes.layer_position;
            let size = u32::try_from(width).ok().zip(u32::try_from(height).ok());
            Self { size, left: i64::from(left) - i64::from(x), top: i64::from(top) - i64::from(y) }
        }

        fn put(&self, light: &mut [Light], Vec2(x, y): Vec2<usize>, value: Light) {
            let Some((width, height)) = self.size else { return };
            let (x, y) = (self.left + x as i64, self.top + y as i64);
            if (0..i64::from(width)).contains(&x) && (0..i64::from(height)).contains(&y) {
                let at = y as usize * width as usize + x as usize;
                if let Some(light) = light.get_mut(at) {
                    *light = value;
                }
            }
        }
    }

    /// What the decoder takes beside the pixels: headers, lists of blocks, and a block as stored, as unpacked and in
    /// between.
    fn beside(meta: &MetaData, bytes: &[u8]) -> u64 {
        let lists: u64 = meta.headers.iter().map(|header| header.chunk_count as u64 * 16).fold(0, u64::saturating_add);
        let block = meta.headers.iter().map(|header| header.max_block_byte_size() as u64).max().unwrap_or(0);
        block.saturating_mul(4).saturating_add(lists).saturating_add(bytes.len() as u64)
    }

    fn explain(error: Error) -> Fault {
        match error {
            Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => Fault::Truncated,
            // The library itself turns an early end into this error.
            Error::Invalid(message) if message == "reference to missing bytes" => Fault::Truncated,
            Error::NotSupported(_) => Fault::Unsupported("this kind of OpenEXR".into()),
            _ => Fault::damaged("its headers or its compressed data cannot be read"),
        }
    }
}
