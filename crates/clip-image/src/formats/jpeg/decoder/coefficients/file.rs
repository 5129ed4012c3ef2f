//! A file of any number of scans.

use super::super::bits::ScanData;
use super::super::colour::Colour;
use super::super::header::{read_huffman_tables, read_quantisation_tables};
use super::super::markers::{
    END_OF_IMAGE, RESTART_0, RESTART_7, START_OF_IMAGE, START_OF_SCAN, Segment, is_frame, next_marker,
};
use super::super::standard_tables;
use super::band::Band;
use super::frame::Frame;
use super::planes::Planes;
use super::tables::Tables;
use super::{arithmetic, entropy};
use crate::formats::library::Fault;

/// More scans than any encoder makes. Each costs a look at every block, however short it is.
const MOST_SCANS: usize = 500;

/// A file's frame, and where everything else of it is.
pub(super) struct File<'a> {
    jpeg: &'a [u8],
    pub(super) frame: Frame,
    /// Segments in their order, headers of scans among them.
    segments: Vec<Segment<'a>>,
    /// The scans, in the order of their headers.
    scans: Vec<Scan>,
}

/// What the header of a scan says.
struct Scan {
    /// Each component's index in the frame and its DC and AC table.
    components: Vec<(usize, usize, usize)>,
    band: Band,
}

impl<'a> File<'a> {
    /// Reads all headers up to the end marker, or the end of the file.
    pub(super) fn read(jpeg: &'a [u8]) -> Result<Self, Fault> {
        let mut segments = Vec::new();
        let (mut frame, mut scans) = (None::<Frame>, Vec::new());
        let mut quantisation = [None; 4];
        let (mut is_jfif, mut adobe_transform) = (false, None);
        let mut position = 0;
        while let Some(marker) = next_marker(jpeg, position) {
            let code = jpeg[marker];
            position = marker + 1;
            match code {
                START_OF_IMAGE | 0x01 | RESTART_0..=RESTART_7 => continue,
                // What comes behind is another picture, or none.
                END_OF_IMAGE => break,
                _ => (),
            }
            let length = jpeg.get(position..).and_then(|rest| rest.first_chunk()).ok_or(Fault::Truncated)?;
            // The length counts itself.
            let end = position + usize::from(u16::from_be_bytes(*length)).max(2);
            let payload = jpeg.get(position + 2..end).ok_or(Fault::Truncated)?;
            position = end;
            let segment = Segment { code, payload, end };
            match code {
                _ if is_frame(code) => {
                    if frame.is_some() {
                        return Err(Fault::damaged("it has two frame headers"));
                    }
                    frame = Some(Frame::read(&segment)?);
                }
                0xe0 => is_jfif |= payload.starts_with(b"JFIF\0"),
                0xee if payload.starts_with(b"Adobe") => adobe_transform = payload.get(11).copied().or(adobe_transform),
                START_OF_SCAN => {
                    let frame = frame.as_mut().ok_or_else(|| Fault::damaged("it has no frame header"))?;
                    if scans.len() == MOST_SCANS {
                        return Err(Fault::damaged(format!("it has more than {MOST_SCANS} scans")));
                    }
                    let invalid = || Fault::damaged("the header of a scan is not valid");
                    let scan = Scan::read(payload, frame).ok_or_else(invalid)?;
                    let missing = || Fault::damaged("a quantisation table is not valid");
                    let mut components = scan.components.iter();
                    components
                        .try_for_each(|(index, ..)| frame.set_quantisation(*index, &quantisation))
                        .ok_or_else(missing)?;
                    scans.push(scan);
                    segments.push(segment);
                }
                0xdb => read_quantisation_tables(payload, &mut quantisation)
                    .ok_or_else(|| Fault::damaged("a quantisation table is not valid"))?,
                // Huffman tables, conditions of arithmetic coding, and restart intervals.
                0xc4 | 0xcc | 0xdd => segments.push(segment),
                _ => (),
            }
        }
        let mut frame = frame.ok_or_else(|| Fault::damaged("it has no frame header"))?;
        if let Some(colour) = Colour::of(&frame.components, is_jfif, adobe_transform) {
            frame.colour = colour;
        }
        Ok(Self { jpeg, frame, segments, scans })
    }

    /// Reads what the scans tell about the coefficients that the planes keep, or `all` that they tell. Says whether the data
    /// are all there and sound.
    pub(super) fn read_scans(&self, planes: &mut Planes, all: bool) -> Result<bool, Fault> {
        let needed = if all { vec![true; self.scans.len()] } else { self.needed(planes) };
        let mut tables = Tables::default();
        let mut scans = self.scans.iter().zip(needed);
        let mut is_sound = true;
        for Segment { code, payload, end } in &self.segments {
            match *code {
                0xc4 => read_huffman_tables(payload, &mut tables.dc, &mut tables.ac)
                    .ok_or_else(|| Fault::damaged("a Huffman table is not valid"))?,
                0xcc => tables
                    .conditioning
                    .define(payload)
                    .ok_or_else(|| Fault::damaged("the conditions of its arithmetic coding are not valid"))?,
                0xdd => {
                    let interval =
                        payload.first_chunk().ok_or_else(|| Fault::damaged("a restart interval is not valid"))?;
                    tables.restart_interval = usize::from(u16::from_be_bytes(*interval));
                }
                _ => {
                    let Some((scan, needed)) = scans.next() else { break };
                    if needed {
                        let (data, _) = ScanData::read_to_marker(self.jpeg, *end);
                        is_sound &= self.read_scan(scan, &mut tables, &data, planes)?;
                    }
                }
            }
        }
        Ok(is_sound)
    }

    fn read_scan(&self, scan: &Scan, tables: &mut Tables, data: &ScanData, planes: &mut Planes) -> Result<bool, Fault> {
        let Scan { components, band } = scan;
        for (index, ..) in components {
            planes.get_mut(*index).told(band.first..=band.last, band.low as u8);
        }
        if self.frame.is_arithmetic {
            return Ok(arithmetic::read(&self.frame, components, band, tables, data, planes));
        }
        for (_, dc, ac) in components {
            // Frames of Motion JPEG do without tables, and mean those of the standard.
            let missing = || Fault::damaged("a Huffman table is missing");
            if band.needs_dc_table() && tables.dc[*dc].is_none() {
                tables.dc[*dc] = Some(standard_tables::dc(*dc).ok_or_else(missing)?);
            }
            if band.needs_ac_table() && tables.ac[*ac].is_none() {
                tables.ac[*ac] = Some(standard_tables::ac(*ac).ok_or_else(missing)?);
            }
        }
        Ok(entropy::read(&self.frame, components, band, tables, data, planes))
    }

    /// Which scans tell something of worth about the coefficients that the planes keep.
    ///
    /// One that makes coefficients more precise cannot be read without knowing which of them are zero, so those that told of
    /// them before are needed as well.
    fn needed(&self, planes: &Planes) -> Vec<bool> {
        // By component: the places whose zeros have to be known.
        let mut zeros = vec![0; self.frame.components.len()];
        let is_needed = |Scan { components, band }: &Scan| {
            let mut is_needed = false;
            for (index, ..) in components {
                let (plane, component) = (planes.get(*index), &self.frame.components[*index]);
                let told = plane.wanted() & band.places();
                let is_fine = !plane.is_exact() && band.is_within_a_level(told, &component.quantisation);
                if band.places() & zeros[*index] != 0 || told != 0 && !is_fine {
                    is_needed = true;
                    if band.depends_on_zeros() {
                        zeros[*index] |= band.places();
                    }
                }
            }
            is_needed
        };
        let mut needed: Vec<bool> = self.scans.iter().rev().map(is_needed).collect();
        needed.reverse();
        needed
    }
}

impl Scan {
    fn read(payload: &[u8], frame: &Frame) -> Option<Self> {
        let (count, rest) = payload.split_first()?;
        let (choices, spectrum) = rest.split_at_checked(2 * usize::from(*count))?;
        let [first, last, approximation, ..] = *spectrum else { return None };
        let mut components: Vec<(usize, usize, usize)> = Vec::with_capacity(4);
        for [id, tables] in choices.as_chunks::<2>().0 {
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            let index = frame.components.iter().position(|component| component.id == *id)?;
            let is_known = components.iter().any(|(known, ..)| *known == index);
            if is_known || dc > 3 || ac > 3 {
                return None;
            }
            components.push((index, dc, ac));
        }
        let band = if frame.is_progressive {
            Band::progressive(first, last, approximation, components.len())?
        } else {
            Band::sequential()
        };
        (!components.is_empty()).then_some(Self { components, band })
    }
}
