//! The header of a DDS file, old or with the extension of Direct3D 10.

use super::texels::{Blocks, Layout, Masks, Samples};
use crate::formats::library::Fault;

/// What a file says of its first picture.
pub(super) struct Header<'a> {
    pub(super) size: (u32, u32),
    pub(super) layout: Layout,
    pub(super) alpha: Alpha,
    /// The pixels, and whatever else follows: smaller versions, further faces and slices.
    pub(super) data: &'a [u8],
}

/// How the opacity of pixels is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alpha {
    /// Not at all.
    None,
    Straight,
    /// The colours are multiplied by it.
    Premultiplied,
}

const LENGTH: usize = 128;
/// Of the extension.
const MORE: usize = 20;

/// Flags of the pixel format. Others, for colours and for opacity alone, follow from the masks.
const HAS_FOUR_CC: u32 = 0x4;
const PALETTE: u32 = 0x20;
const YUV: u32 = 0x200;
const LUMINANCE: u32 = 0x2_0000;

impl<'a> Header<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let (header, data) = bytes.split_first_chunk::<LENGTH>().ok_or(Fault::Truncated)?;
        let (words, _) = header.as_chunks::<4>();
        let word = |at: usize| u32::from_le_bytes(words[at]);
        let size = (word(4), word(3));
        let (flags, four_cc) = (word(20), words[21]);
        if flags & HAS_FOUR_CC == 0 {
            let layout = masks(flags, word(22), [word(23), word(24), word(25), word(26)])?;
            return Ok(Self { size, layout, alpha: Alpha::Straight, data });
        }
        if &four_cc == b"DX10" {
            let (more, data) = data.split_first_chunk::<MORE>().ok_or(Fault::Truncated)?;
            let (words, _) = more.as_chunks::<4>();
            let number = u32::from_le_bytes(words[0]);
            let layout =
                dxgi(number).ok_or_else(|| Fault::Unsupported(format!("DDS with the DXGI format {number}")))?;
            let alpha = match u32::from_le_bytes(words[4]) & 7 {
                2 => Alpha::Premultiplied,
                3 => Alpha::None,
                _ => Alpha::Straight,
            };
            return Ok(Self { size, layout, alpha, data });
        }
        let alpha = if matches!(&four_cc, b"DXT2" | b"DXT4") { Alpha::Premultiplied } else { Alpha::Straight };
        let layout = by_four_cc(four_cc).ok_or_else(|| {
            let shown = match u32::from_le_bytes(four_cc) {
                number @ 0..1000 => number.to_string(),
                _ => format!("\"{}\"", four_cc.escape_ascii()),
            };
            Fault::Unsupported(format!("DDS with the pixel format {shown}"))
        })?;
        Ok(Self { size, layout, alpha, data })
    }
}

fn masks(flags: u32, bits: u32, [red, green, blue, alpha]: [u32; 4]) -> Result<Layout, Fault> {
    if flags & PALETTE != 0 {
        return Err(Fault::Unsupported("DDS with a palette".into()));
    }
    if flags & YUV != 0 {
        return Err(Fault::Unsupported("DDS with YUV samples".into()));
    }
    let bytes = match bits {
        8 | 16 | 24 | 32 => bits as usize / 8,
        _ => return Err(Fault::Damaged(format!("it has {bits} bits a pixel, expected 8, 16, 24 or 32"))),
    };
    let is_grey = flags & LUMINANCE != 0;
    // Some programs give the masks of a pixel with colours.
    let all = u32::MAX >> (32 - bits);
    let luminance = if red & all == 0 { all & !alpha } else { red };
    let colours = if is_grey { [luminance; 3] } else { [red, green, blue] };
    Ok(Layout::Masks(Masks::new(bytes, colours, alpha)))
}

/// Letters, or numbers of Direct3D 9.
fn by_four_cc(four_cc: [u8; 4]) -> Option<Layout> {
    Some(match &four_cc {
        b"DXT1" => Layout::Blocks(Blocks::Bc1),
        b"DXT2" | b"DXT3" => Layout::Blocks(Blocks::Bc2),
        b"DXT4" | b"DXT5" => Layout::Blocks(Blocks::Bc3),
        b"ATI1" | b"BC4U" => Layout::Blocks(Blocks::Bc4 { is_signed: false }),
        b"BC4S" => Layout::Blocks(Blocks::Bc4 { is_signed: true }),
        b"ATI2" | b"BC5U" => Layout::Blocks(Blocks::Bc5 { is_signed: false }),
        b"BC5S" => Layout::Blocks(Blocks::Bc5 { is_signed: true }),
        _ => match u32::from_le_bytes(four_cc) {
            36 => Layout::Samples(Samples::Whole, 4),
            111 => Layout::Samples(Samples::Half, 1),
            112 => Layout::Samples(Samples::Half, 2),
            113 => Layout::Samples(Samples::Half, 4),
            114 => Layout::Samples(Samples::Single, 1),
            115 => Layout::Samples(Samples::Single, 2),
            116 => Layout::Samples(Samples::Single, 4),
            _ => return None,
        },
    })
}

/// Numbers of DXGI_FORMAT. Of each, the variants for linear and for sRGB samples are treated alike, and the one that
/// leaves the type open as the usual one.
fn dxgi(number: u32) -> Option<Layout> {
    let masks =
        |bytes, [red, green, blue, alpha]: [u32; 4]| Layout::Masks(Masks::new(bytes, [red, green, blue], alpha));
    Some(match number {
        2 => Layout::Samples(Samples::Single, 4),
        6 => Layout::Samples(Samples::Single, 3),
        10 => Layout::Samples(Samples::Half, 4),
        11 => Layout::Samples(Samples::Whole, 4),
        16 => Layout::Samples(Samples::Single, 2),
        23 | 24 => masks(4, [0x3ff, 0x3ff << 10, 0x3ff << 20, 3 << 30]),
        27..=29 => masks(4, [0xff, 0xff00, 0xff_0000, 0xff00_0000]),
        34 => Layout::Samples(Samples::Half, 2),
        35 => Layout::Samples(Samples::Whole, 2),
        41 => Layout::Samples(Samples::Single, 1),
        48 | 49 => masks(2, [0xff, 0xff00, 0, 0]),
        54 => Layout::Samples(Samples::Half, 1),
        56 => Layout::Samples(Samples::Whole, 1),
        60 | 61 => masks(1, [0xff, 0xff, 0xff, 0]),
        65 => masks(1, [0, 0, 0, 0xff]),
        70..=72 => Layout::Blocks(Blocks::Bc1),
        73..=75 => Layout::Blocks(Blocks::Bc2),
        76..=78 => Layout::Blocks(Blocks::Bc3),
        79 | 80 => Layout::Blocks(Blocks::Bc4 { is_signed: false }),
        81 => Layout::Blocks(Blocks::Bc4 { is_signed: true }),
        82 | 83 => Layout::Blocks(Blocks::Bc5 { is_signed: false }),
        84 => Layout::Blocks(Blocks::Bc5 { is_signed: true }),
        85 => masks(2, [0xf800, 0x7e0, 0x1f, 0]),
        86 => masks(2, [0x7c00, 0x3e0, 0x1f, 0x8000]),
        87 | 90 | 91 => masks(4, [0xff_0000, 0xff00, 0xff, 0xff00_0000]),
        88 | 92 | 93 => masks(4, [0xff_0000, 0xff00, 0xff, 0]),
        94 | 95 => Layout::Blocks(Blocks::Bc6h { is_signed: false }),
        96 => Layout::Blocks(Blocks::Bc6h { is_signed: true }),
        97..=99 => Layout::Blocks(Blocks::Bc7),
        115 => masks(2, [0xf00, 0xf0, 0xf, 0xf000]),
        _ => return None,
    })
}
