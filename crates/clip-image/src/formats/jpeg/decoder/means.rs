//! Progressive JPEG files at an eighth of their size: the means of their blocks.
//!
//! A progressive file tells everything about every block a little at a time, so whoever decodes all of it has the
//! coefficients of the whole picture in memory, two to four times as many bytes as its pixels. The means are one
//! coefficient of 64, and stand in scans of their own; all others are passed over. This is for pictures that are too
//! large for the tolerant decoder.

use image::RgbImage;

use super::bits::{BitReader, ScanData};
use super::header::{self, Component};
use super::huffman::Table;
use super::markers::{END_OF_IMAGE, RESTART_0, RESTART_7, START_OF_IMAGE, START_OF_SCAN, next_marker};
use super::picture::Picture;
use super::scan::Scan;
use super::upsample::Plane;

/// Decodes a progressive file to an eighth of its size on either side, rounded up.
///
/// `None` if the file is of another kind, grey or YCbCr being the kinds, or damaged in any way.
pub(super) fn decode(jpeg: &[u8]) -> Option<RgbImage> {
    let mut state = State::default();
    let mut position = 0;
    loop {
        let marker = next_marker(jpeg, position)?;
        let after = marker + 1;
        match jpeg[marker] {
            END_OF_IMAGE => return state.picture(),
            START_OF_IMAGE | 0x01 | RESTART_0..=RESTART_7 => position = after,
            code => {
                let length = usize::from(u16::from_be_bytes(*jpeg.get(after..)?.first_chunk()?));
                let payload = jpeg.get(after + 2..after + length)?;
                position = after + length;
                if code == START_OF_SCAN {
                    position = state.scan(jpeg, payload, position)?;
                } else {
                    state.segment(code, payload)?;
                }
            }
        }
    }
}

/// Bytes that the means take before they are a picture: two, and then one, for each block of three components.
pub(super) fn memory((width, height): (u32, u32)) -> u64 {
    (u64::from(width).div_ceil(8) + 4) * (u64::from(height).div_ceil(8) + 4) * 3 * 3
}

#[derive(Default)]
struct State {
    frame: Option<Frame>,
    quantisation: [Option<[u16; 64]>; 4],
    dc_tables: [Option<Table>; 4],
    ac_tables: [Option<Table>; 4],
    restart_interval: usize,
    is_jfif: bool,
    adobe_transform: Option<u8>,
}

struct Frame {
    width: usize,
    height: usize,
    components: Vec<Component>,
    /// The means of each component.
    means: Vec<Means>,
}

/// One component's means, divided by the step of their quantisation.
struct Means {
    values: Vec<i16>,
    /// Blocks in a row, with those that fill up the last MCU.
    stride: usize,
    /// The step, known once there is a scan.
    step: Option<u16>,
}

impl State {
    fn segment(&mut self, code: u8, payload: &[u8]) -> Option<()> {
        match code {
            0xc2 => {
                let (width, height, components) = header::read_frame(payload)?;
                if self.frame.is_some() {
                    return None;
                }
                self.frame = Some(Frame::new(width as usize, height as usize, components)?);
            }
            0xc4 => header::read_huffman_tables(payload, &mut self.dc_tables, &mut self.ac_tables)?,
            0xc0..=0xcf | 0xdc => return None,
            0xdb => header::read_quantisation_tables(payload, &mut self.quantisation)?,
            0xdd => self.restart_interval = usize::from(u16::from_be_bytes(*payload.first_chunk()?)),
            0xe0 => self.is_jfif |= payload.starts_with(b"JFIF\0"),
            0xee if payload.starts_with(b"Adobe") => self.adobe_transform = Some(*payload.get(11)?),
            _ => (),
        }
        Some(())
    }

    /// Reads a scan of means, or passes over another one. Returns the position of the marker that follows.
    fn scan(&mut self, jpeg: &[u8], payload: &[u8], start: usize) -> Option<usize> {
        let frame = self.frame.as_mut()?;
        let (count, rest) = payload.split_first()?;
        let (choices, spectrum) = rest.split_at_checked(2 * usize::from(*count))?;
        let [first, last, approximation] = *spectrum else { return None };
        if first > 0 {
            return end_of_scan(jpeg, start);
        }
        if last > 0 {
            return None;
        }
        let mut scanned = Vec::new();
        for [id, tables] in choices.as_chunks::<2>().0 {
            let index = frame.components.iter().position(|component| component.id == *id)?;
            frame.means[index].step.get_or_insert(self.quantisation[frame.components[index].quantisation_table]?[0]);
            // A scan that makes the means more precise needs no table.
            scanned.push((index, self.dc_tables.get(usize::from(tables >> 4))?.as_ref()));
        }
        let (data, end) = ScanData::read_to_marker(jpeg, start)?;
        frame.read(&scanned, approximation, self.restart_interval, &data)?;
        // Back to the 0xff before its code.
        end.map(|marker| marker - 1)
    }

    fn picture(self) -> Option<RgbImage> {
        let Frame { width, height, components, means } = self.frame?;
        if components.len() == 3 && !header::is_ycbcr(&components, self.is_jfif, self.adobe_transform) {
            return None;
        }
        let finest = header::finest(&components);
        if !components.iter().all(|c| finest.0.is_multiple_of(c.across) && finest.1.is_multiple_of(c.down)) {
            return None;
        }
        let mut planes = Vec::with_capacity(3);
        for (component, means) in components.iter().zip(means) {
            let step = f32::from(means.step?);
            // A mean is eight times as large as what it is the mean of, and that is a difference to the middle.
            let sample = |mean: &i16| (f32::from(*mean) * step / 8.0 + 128.0).round().clamp(0.0, 255.0) as u8;
            planes.push(Plane {
                samples: means.values.iter().map(sample).collect(),
                kept: means.values.len() / means.stride,
                stride: means.stride,
                width: (width * component.across).div_ceil(8 * finest.0),
                height: (height * component.down).div_ceil(8 * finest.1),
            });
        }
        let (width, height) = (width.div_ceil(8) as u32, height.div_ceil(8) as u32);
        let mut image = RgbImage::new(width, height);
        Picture::new(&components, &planes, &mut image).write(&planes, height as usize);
        Some(image)
    }
}

impl Frame {
    fn new(width: usize, height: usize, components: Vec<Component>) -> Option<Self> {
        let finest = header::finest(&components);
        let (across, down) = (width.div_ceil(8 * finest.0), height.div_ceil(8 * finest.1));
        let means = components.iter().map(|component| {
            let stride = across * component.across;
            Means { values: vec![0; stride * down * component.down], stride, step: None }
        });
        Some(Self { width, height, means: means.collect(), components })
    }

    /// Reads one scan: of some components together, MCU by MCU, or of one, block by block.
    fn read(
        &mut self,
        scanned: &[(usize, Option<&Table>)],
        approximation: u8,
        restart_interval: usize,
        data: &ScanData,
    ) -> Option<()> {
        let finest = header::finest(&self.components);
        let (refines, shift) = (approximation >> 4 > 0, u32::from(approximation & 15));
        if shift > 13 {
            return None;
        }
        let alone = scanned.len() == 1;
        let (across, down) = if alone {
            let component = &self.components[scanned.first()?.0];
            (
                (self.width * component.across).div_ceil(8 * finest.0),
                (self.height * component.down).div_ceil(8 * finest.1),
            )
        } else {
            (self.width.div_ceil(8 * finest.0), self.height.div_ceil(8 * finest.1))
        };
        let mut scan = Scan::of(across * down, restart_interval, data)?;
        let mut last = [0_i32; 4];
        for mcu in 0..across * down {
            if scan.begin(mcu)? {
                last = [0; 4];
            }
            let (row, column) = (mcu / across, mcu % across);
            for (last, (index, table)) in last.iter_mut().zip(scanned) {
                let component = &self.components[*index];
                let (wide, high) = if alone { (1, 1) } else { (component.across, component.down) };
                let means = &mut self.means[*index];
                for (y, x) in (0..high).flat_map(|y| (0..wide).map(move |x| (y, x))) {
                    let at = (row * high + y) * means.stride + column * wide + x;
                    let value = means.values.get_mut(at)?;
                    scan.reader.refill();
                    if refines {
                        let bit = (scan.reader.peek() >> 15) as i16;
                        scan.reader.consume(1);
                        *value |= bit << shift;
                    } else {
                        *last += difference((*table)?, &mut scan.reader)?;
                        *value = i16::try_from(*last << shift).ok()?;
                    }
                }
            }
        }
        scan.reader.is_within().then_some(())
    }
}

/// What a mean differs by from the one before.
fn difference(table: &Table, reader: &mut BitReader<'_>) -> Option<i32> {
    match u32::from(table.symbol(reader)?) {
        0 => Some(0),
        size @ 1..=11 => Some(reader.value(size)),
        _ => None,
    }
}

/// Position of the 0xff of the marker behind a scan's data.
fn end_of_scan(jpeg: &[u8], mut position: usize) -> Option<usize> {
    loop {
        let marker = next_marker(jpeg, position)?;
        if !matches!(jpeg[marker], RESTART_0..=RESTART_7) {
            return Some(marker - 1);
        }
        position = marker + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use crate::formats::codec::Request;
    use crate::formats::jpeg::decoder::full;

    const PROGRESSIVE: &[u8] = include_bytes!("../../../../tests/fixtures/progressive.jpg");

    #[test]
    fn means_are_those_of_the_pixels() {
        let limits = &Limits::default();
        let request = Request { limits, least: None, orientation: None, reserve: &|_| () };
        let (full, _) = full::decode(PROGRESSIVE, &request).map_err(|error| error.to_string()).unwrap();
        let means = decode(PROGRESSIVE).unwrap();
        assert_eq!(means.dimensions(), (12, 8));
        let mut sum = 0;
        for (x, y, pixel) in means.enumerate_pixels() {
            for channel in 0..3 {
                let block = (0..64).map(|i| full.get_pixel(x * 8 + i % 8, y * 8 + i / 8).0[channel]);
                let mean = block.map(u32::from).sum::<u32>() / 64;
                sum += mean.abs_diff(u32::from(pixel.0[channel]));
            }
        }
        // Chroma is interpolated here, and clipped there.
        let mean = f64::from(sum) / f64::from(12 * 8 * 3);
        assert!(mean < 4.0, "{mean} of 255 off");
    }

    #[test]
    fn other_files_and_damaged_ones_are_left_alone() {
        assert!(decode(include_bytes!("../../../../tests/fixtures/420.jpg")).is_none());
        for tenth in 1..10 {
            assert!(decode(&PROGRESSIVE[..PROGRESSIVE.len() * tenth / 10]).is_none());
        }
    }
}
