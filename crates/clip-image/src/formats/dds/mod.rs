//! DDS, the textures of DirectDraw and Direct3D: the first picture at its full size, as in
//! <https://learn.microsoft.com/en-us/windows/win32/direct3ddds/dx-graphics-dds-pguide>.

#[cfg(feature = "dds")]
mod header;
#[cfg(feature = "dds")]
mod texels;

use super::codec::Definition;

pub(super) const DEFINITION: Definition = Definition {
    extensions: &["dds"],
    sniff: |bytes| bytes.starts_with(b"DDS \x7c\0\0\0"),
    #[cfg(feature = "dds")]
    codec: Some(codec::CODEC),
    #[cfg(not(feature = "dds"))]
    codec: None,
};

#[cfg(feature = "dds")]
mod codec {
    use std::ops::ControlFlow::{Break, Continue};

    use image::RgbImage;

    use super::header::{Alpha, Header};
    use super::texels::Texels;
    use crate::formats::codec::{Blocks, Codec, Pixels, Request, rgb_bytes};
    use crate::formats::linear::Luminances;
    use crate::raster::{premultiplied_over_white, rgba_over_white};
    use crate::{Format, ImageError};

    // The format has no place for EXIF data.
    pub(super) const CODEC: Codec = Codec { decode, metadata: |_| Blocks::default(), has_all_metadata: Some(|_| true) };

    /// Decodes block by block into the result, so that nothing else grows with the picture.
    fn decode(bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let Header { size, layout, alpha, data } =
            Header::read(bytes).map_err(|fault| fault.into_error(Format::Dds))?;
        request.limits.check_size(size, Format::Dds)?;
        let texels = Texels::new(layout, size, data).ok_or(ImageError::Truncated { format: Format::Dds })?;
        request.reserve(Format::Dds, request.memory(rgb_bytes(size), rgb_bytes(size), None))?;

        let mut image = RgbImage::new(size.0, size.1);
        let pixels = image.as_chunks_mut::<3>().0;
        if layout.is_light() {
            paint_light(&texels, alpha, pixels);
        } else {
            paint(&texels, alpha, pixels);
        }
        Ok(Pixels { image, size, orientation: None, colours: None })
    }

    fn paint(texels: &Texels<'_>, alpha: Alpha, pixels: &mut [[u8; 3]]) {
        // Programs that do not support alpha leave it zero.
        let seen = |_, [_, _, _, alpha]: [u8; 4]| if alpha == 0 { Continue(()) } else { Break(()) };
        let alpha = if alpha != Alpha::None && texels.bytes(seen).is_continue() { Alpha::None } else { alpha };
        let _ = texels.bytes(|at, rgba| {
            pixels[at] = match (alpha, rgba) {
                (Alpha::None, [r, g, b, _]) => [r, g, b],
                (Alpha::Straight, rgba) => rgba_over_white(rgba),
                (Alpha::Premultiplied, rgba) => premultiplied_over_white(rgba),
            };
            Continue(())
        });
    }

    fn paint_light(texels: &Texels<'_>, alpha: Alpha, pixels: &mut [[u8; 3]]) {
        let (mut luminances, mut is_seen) = (Luminances::new(), false);
        texels.light(|_, [r, g, b, alpha]| {
            luminances.add([r, g, b]);
            is_seen |= alpha > 0.0;
        });
        let exposure = luminances.exposure();
        let alpha = if is_seen { alpha } else { Alpha::None };
        texels.light(|at, [r, g, b, a]| {
            pixels[at] = match alpha {
                Alpha::None => exposure.srgb([r, g, b]),
                Alpha::Straight => exposure.srgb_over_white([r, g, b].map(|sample| sample * a.clamp(0.0, 1.0)), a),
                Alpha::Premultiplied => exposure.srgb_over_white([r, g, b], a),
            };
        });
    }
}
