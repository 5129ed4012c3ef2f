//! The header of a sequential JPEG file: all that stands before its scan.

use super::huffman::Table;
use super::markers::{START_OF_SCAN, Segment, segments};

/// Natural (row by row) place of each coefficient in zigzag order.
#[rustfmt::skip]
pub(super) const NATURAL: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A file of the most common kind: sequential, Huffman coded, 8 bits, grey or YCbCr, all
/// components in one scan.
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    /// One (grey) or three (Y, Cb, Cr).
    pub(super) components: Vec<Component>,
    /// MCUs between restart markers; 0 for none.
    pub(super) restart_interval: usize,
    /// Where the scan's data begin.
    pub(super) data_start: usize,
    dc_tables: [Option<Table>; 4],
    ac_tables: [Option<Table>; 4],
}

/// One colour component.
#[derive(Clone)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks an MCU is wide.
    pub(super) across: usize,
    /// Blocks an MCU is high.
    pub(super) down: usize,
    pub(super) quantisation_table: usize,
    /// Quantisation steps in natural order.
    pub(super) quantisation: [u16; 64],
    dc_table: usize,
    ac_table: usize,
}

impl Header {
    /// Reads the header. `None` for any other kind of file and for anything unusual: those are for
    /// the full decoder to judge.
    pub(super) fn read(jpeg: &[u8]) -> Option<Self> {
        let mut quantisation: [Option<[u16; 64]>; 4] = [None; 4];
        let (mut dc_tables, mut ac_tables) = ([const { None }; 4], [const { None }; 4]);
        let mut frame = None;
        let mut restart_interval = 0;
        let (mut is_jfif, mut adobe_transform) = (false, None);
        for Segment { code, payload: segment, end } in segments(jpeg) {
            match code {
                0xc0 | 0xc1 => {
                    let read = read_frame(segment)?;
                    if frame.is_some() {
                        return None;
                    }
                    frame = Some(read);
                }
                0xc4 => read_huffman_tables(segment, &mut dc_tables, &mut ac_tables)?,
                // Every other frame: progressive, lossless, arithmetic, hierarchical.
                0xc2..=0xcf => return None,
                0xdb => read_quantisation_tables(segment, &mut quantisation)?,
                0xdd => restart_interval = usize::from(u16::from_be_bytes(*segment.first_chunk()?)),
                // Height given only after the scan.
                0xdc => return None,
                0xe0 => is_jfif |= segment.starts_with(b"JFIF\0"),
                0xee if segment.starts_with(b"Adobe") => adobe_transform = Some(*segment.get(11)?),
                START_OF_SCAN => {
                    let (width, height, mut components) = frame?;
                    read_scan(segment, &mut components)?;
                    for component in &mut components {
                        component.quantisation = quantisation[component.quantisation_table]?;
                    }
                    if components.len() == 3 && !is_ycbcr(&components, is_jfif, adobe_transform) {
                        return None;
                    }
                    let header =
                        Self { width, height, components, restart_interval, data_start: end, dc_tables, ac_tables };
                    let complete = header.components.iter().all(|c| header.tables(c).is_some());
                    return complete.then_some(header);
                }
                _ => (),
            }
        }
        None
    }

    /// Blocks across and down of the component that has most of them in an MCU.
    pub(super) fn finest(&self) -> (usize, usize) {
        finest(&self.components)
    }

    /// MCUs that the picture is wide and high, the last of either perhaps only in part.
    pub(super) fn mcus(&self) -> (usize, usize) {
        let (across, down) = self.finest();
        ((self.width as usize).div_ceil(8 * across), (self.height as usize).div_ceil(8 * down))
    }

    /// The DC and the AC table of a component.
    pub(super) fn tables(&self, component: &Component) -> Option<(&Table, &Table)> {
        let dc = self.dc_tables[component.dc_table].as_ref()?;
        Some((dc, self.ac_tables[component.ac_table].as_ref()?))
    }
}

impl Component {
    /// A component as a frame header tells of it, without tables.
    pub(super) fn new(id: u8, (across, down): (usize, usize), quantisation_table: usize) -> Self {
        Self { id, across, down, quantisation_table, quantisation: [0; 64], dc_table: 0, ac_table: 0 }
    }
}

/// Blocks across and down of the component that has most of them in an MCU.
pub(super) fn finest(components: &[Component]) -> (usize, usize) {
    let most = |side: fn(&Component) -> usize| components.iter().map(side).max().unwrap_or(1);
    (most(|component| component.across), most(|component| component.down))
}

/// Width and height of a sequential file, without a look at the rest of the header.
pub(super) fn size(jpeg: &[u8]) -> Option<(u32, u32)> {
    let frame = segments(jpeg).find(|segment| matches!(segment.code, 0xc0 | 0xc1))?;
    read_frame(frame.payload).map(|(width, height, _)| (width, height))
}

fn read_frame(segment: &[u8]) -> Option<(u32, u32, Vec<Component>)> {
    let [precision, h1, h0, w1, w0, count, specifications @ ..] = segment else { return None };
    let (height, width) = (u16::from_be_bytes([*h1, *h0]), u16::from_be_bytes([*w1, *w0]));
    let (specifications, rest) = specifications.as_chunks::<3>();
    let right_count = specifications.len() == usize::from(*count) && rest.is_empty();
    if *precision != 8 || width == 0 || height == 0 || !right_count || ![1, 3].contains(count) {
        return None;
    }
    let mut components = Vec::with_capacity(3);
    for [id, sampling, table] in specifications {
        let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
        if ![1, 2, 4].contains(&across) || ![1, 2, 4].contains(&down) || *table > 3 {
            return None;
        }
        components.push(Component::new(*id, (across, down), usize::from(*table)));
    }
    if let [only] = &mut components[..] {
        // A scan of one component is not interleaved: its MCU is one block (T.81, A.2.2).
        (only.across, only.down) = (1, 1);
    }
    Some((u32::from(width), u32::from(height), components))
}

/// Takes the tables that the scan gives to the components, which have to be all of the frame's and
/// in its order.
fn read_scan(segment: &[u8], components: &mut [Component]) -> Option<()> {
    let (count, rest) = segment.split_first()?;
    let (choices, spectrum) = rest.split_at_checked(2 * components.len())?;
    // All 64 coefficients at full precision.
    if usize::from(*count) != components.len() || spectrum != [0, 63, 0] {
        return None;
    }
    for (component, choice) in components.iter_mut().zip(choices.chunks_exact(2)) {
        component.dc_table = usize::from(choice[1] >> 4);
        component.ac_table = usize::from(choice[1] & 15);
        if choice[0] != component.id || component.dc_table > 3 || component.ac_table > 3 {
            return None;
        }
    }
    Some(())
}

pub(super) fn read_quantisation_tables(mut segment: &[u8], tables: &mut [Option<[u16; 64]>; 4]) -> Option<()> {
    while let [kind, rest @ ..] = segment {
        let (wide, target) = (kind >> 4, usize::from(kind & 15));
        let size = if wide == 0 { 1 } else { 2 };
        if wide > 1 || target > 3 {
            return None;
        }
        let (steps, rest) = rest.split_at_checked(64 * size)?;
        let mut table = [0; 64];
        for (place, step) in NATURAL.iter().zip(steps.chunks_exact(size)) {
            table[usize::from(*place)] = step.iter().fold(0, |all, byte| all << 8 | u16::from(*byte));
        }
        tables[target] = Some(table);
        segment = rest;
    }
    Some(())
}

pub(super) fn read_huffman_tables(
    mut segment: &[u8],
    dc: &mut [Option<Table>; 4],
    ac: &mut [Option<Table>; 4],
) -> Option<()> {
    while let [kind, rest @ ..] = segment {
        let (counts, rest) = rest.split_first_chunk::<16>()?;
        let total = counts.iter().map(|count| usize::from(*count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let tables = match kind >> 4 {
            0 => &mut *dc,
            1 => &mut *ac,
            _ => return None,
        };
        *tables.get_mut(usize::from(kind & 15))? = Some(Table::new(counts, symbols)?);
        segment = rest;
    }
    Some(())
}

/// Whether three components are certainly Y, Cb and Cr.
fn is_ycbcr(components: &[Component], is_jfif: bool, adobe_transform: Option<u8>) -> bool {
    match adobe_transform {
        Some(transform) => transform == 1,
        None => is_jfif || components.iter().map(|c| c.id).eq([1, 2, 3]),
    }
}
