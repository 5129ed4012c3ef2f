//! The headers of a codestream (ISO/IEC 15444-1, annex A): how large the picture is and how it is divided. They are read before
//! the decoder sees the file, which believes them.

use std::ops::Range;

use crate::formats::library::Fault;

/// Markers.
mod marker {
    pub(super) const CAPABILITIES: u8 = 0x50;
    pub(super) const SIZE: u8 = 0x51;
    pub(super) const CODING: u8 = 0x52;
    pub(super) const CODING_OF_COMPONENT: u8 = 0x53;
    pub(super) const PACKET_LENGTHS: u8 = 0x57;
    pub(super) const QUANTISATION: u8 = 0x5c;
    pub(super) const QUANTISATION_OF_COMPONENT: u8 = 0x5d;
    pub(super) const PROGRESSION: u8 = 0x5f;
    pub(super) const PACKET_HEADERS: u8 = 0x60;
    pub(super) const TILE_PART: u8 = 0x90;
    pub(super) const DATA: u8 = 0x93;
    pub(super) const END: u8 = 0xd9;
}

/// The most components, tiles (A.4.2), and changes of the progression of a tile. Pictures have five, some thousand and none.
const MOST_COMPONENTS: usize = 64;
const MOST_TILES: u64 = 65_535;
const MOST_CHANGES: usize = 32;

/// The most layers that the decoder knows.
const MOST_LAYERS: u16 = 32;

/// The farthest that a picture may reach on the reference grid: coordinates are added up in 32 bits.
const FARTHEST: u32 = 1 << 30;

/// The main header.
pub(super) struct Header<'a> {
    bytes: &'a [u8],
    /// The picture on the reference grid.
    pub(super) area: Area,
    /// The first tile, and the size of each.
    tile: Area,
    pub(super) components: Vec<Component>,
    /// How each component is coded, unless a tile says otherwise.
    pub(super) styles: Vec<Style>,
    /// Whether three components become red, green and blue.
    is_transformed: bool,
    /// Bytes of tables for quantisation, of all components.
    pub(super) quantisation: usize,
    /// Bytes of headers of packets that are stored in advance.
    pub(super) packet_headers: usize,
    changes: usize,
    /// Where the first part of a tile begins.
    first_part: usize,
}

/// A part of a grid: from the first coordinates to the last, without the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: (u32, u32),
    pub(super) y: (u32, u32),
}

impl Area {
    /// With each coordinate divided, and rounded up.
    pub(super) fn divided(self, (across, down): (u64, u64)) -> Self {
        // The divisors are not zero, and the quotients no more than what is divided.
        let side =
            |side: (u32, u32), by: u64| (u64::from(side.0).div_ceil(by) as u32, u64::from(side.1).div_ceil(by) as u32);
        Self { x: side(self.x, across), y: side(self.y, down) }
    }

    pub(super) fn size(self) -> (u32, u32) {
        (self.x.1.saturating_sub(self.x.0), self.y.1.saturating_sub(self.y.0))
    }

    pub(super) fn samples(self) -> u64 {
        u64::from(self.size().0) * u64::from(self.size().1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    /// Bits of a sample.
    pub(super) bits: u8,
    /// How many points of the reference grid a sample stands for, across and down.
    pub(super) step: (u8, u8),
}

/// How a component of a tile is coded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Style {
    /// Quality layers.
    pub(super) layers: u16,
    /// How often the size is halved.
    pub(super) levels: u8,
    /// Exponents of the width and height of code blocks.
    pub(super) block: (u8, u8),
    /// Whether each pass of the coder ends a segment, and whether the later ones do.
    pub(super) ends_passes: (bool, bool),
    /// Exponents of the width and height of the precincts of each resolution.
    pub(super) precincts: Vec<(u8, u8)>,
}

/// What the headers of a tile change.
#[derive(Debug, Clone, Default)]
pub(super) struct Tile {
    /// How its components are coded, if not as the main header says.
    pub(super) styles: Option<Vec<Style>>,
    /// Changes of the progression.
    pub(super) changes: usize,
    parts: u32,
    /// How many parts it has, if it says so.
    declared: u8,
    /// Whether the last of them goes on to the end.
    is_open: bool,
}

/// All tiles of a file that is whole.
pub(super) struct Tiles {
    pub(super) tiles: Vec<Tile>,
    /// All of their parts.
    pub(super) parts: usize,
    /// Bytes of the codestream.
    pub(super) length: usize,
}

impl<'a> Header<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        let damaged = || Fault::damaged("its header cannot be read");
        let (first, mut at) = Segment::at(bytes, 2)?;
        if first.code != marker::SIZE {
            return Err(damaged());
        }
        let mut header = Self::of_size(bytes, first.content)?;
        let mut coding: Option<Coding> = None;
        let mut of_components = vec![None; header.components.len()];
        let (mut quantisation, mut of_component) = (0, vec![0; header.components.len()]);
        loop {
            let (segment, next) = Segment::at(bytes, at)?;
            match segment.code {
                marker::TILE_PART => break,
                marker::CODING => coding = Some(Coding::read(segment.content)?),
                marker::CODING_OF_COMPONENT => {
                    let (component, rest) = header.component(segment.content).ok_or_else(damaged)?;
                    of_components[component] = Some(rest);
                }
                marker::QUANTISATION => quantisation = segment.content.len(),
                marker::QUANTISATION_OF_COMPONENT => {
                    let (component, rest) = header.component(segment.content).ok_or_else(damaged)?;
                    of_component[component] = rest.len();
                }
                marker::PROGRESSION => header.changes += header.changes_in(segment.content)?,
                marker::PACKET_HEADERS => header.packet_headers += segment.content.len(),
                _ => segment.check()?,
            }
            at = next;
        }
        let coding = coding.ok_or_else(damaged)?;
        let styles = of_components.into_iter().map(|own| match own {
            Some(own) => Style::of_component(own, coding.style.layers),
            None => Ok(coding.style.clone()),
        });
        header.styles = styles.collect::<Result<_, _>>()?;
        header.is_transformed = coding.is_transformed;
        header.quantisation = of_component.into_iter().map(|own| own.max(quantisation)).sum();
        header.first_part = at;
        Ok(header)
    }

    fn of_size(bytes: &'a [u8], content: &[u8]) -> Result<Self, Fault> {
        let damaged = || Fault::damaged("its header cannot be read");
        let (head, rest) = content.split_first_chunk::<36>().ok_or_else(damaged)?;
        let capabilities = u16::from_be_bytes([head[0], head[1]]);
        if capabilities & HIGH_THROUGHPUT != 0 {
            return Err(high_throughput());
        }
        let number = |index: usize| {
            let at = 2 + 4 * index;
            u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
        };
        let [right, bottom, left, top, width, height, tile_left, tile_top] = [0, 1, 2, 3, 4, 5, 6, 7].map(number);
        let count = usize::from(u16::from_be_bytes([head[34], head[35]]));
        if count > MOST_COMPONENTS {
            return Err(Fault::Unsupported(format!("JPEG 2000 with {count} components")));
        }
        let (specifications, after) = rest.as_chunks::<3>();
        let components: Vec<_> = specifications
            .iter()
            .map(|[bits, across, down]| Component { bits: (bits & 0x7f) + 1, step: (*across, *down) })
            .collect();
        let is_sound = components.len() == count
            && count > 0
            && after.is_empty()
            && components.iter().all(|component| component.step.0 > 0 && component.step.1 > 0)
            && right <= FARTHEST
            && bottom <= FARTHEST
            && left < right
            && top < bottom
            && width > 0
            && height > 0
            // The first tile has to hold a point of the picture (B.3).
            && tile_left <= left
            && tile_top <= top
            && tile_left.checked_add(width).is_some_and(|end| end > left)
            && tile_top.checked_add(height).is_some_and(|end| end > top);
        if !is_sound {
            return Err(damaged());
        }
        Ok(Self {
            bytes,
            area: Area { x: (left, right), y: (top, bottom) },
            tile: Area { x: (tile_left, tile_left + width), y: (tile_top, tile_top + height) },
            components,
            styles: Vec::new(),
            is_transformed: false,
            quantisation: 0,
            packet_headers: 0,
            changes: 0,
            first_part: 0,
        })
    }

    /// The size of the picture, halved as often as given. Where all components have fewer samples than the grid has points, so
    /// has the picture.
    pub(super) fn size(&self, halvings: u8) -> (u32, u32) {
        let step = self.components[0].step;
        let is_common = self.components.iter().all(|component| component.step == step);
        let (across, down) = if is_common { step } else { (1, 1) };
        self.area.divided((u64::from(across) << halvings, u64::from(down) << halvings)).size()
    }

    /// Tiles across and down.
    fn tile_counts(&self) -> (u64, u64) {
        let count = |tile: (u32, u32), end: u32| u64::from(end - tile.0).div_ceil(u64::from(tile.1 - tile.0));
        (count(self.tile.x, self.area.x.1), count(self.tile.y, self.area.y.1))
    }

    /// The part of the picture in a tile.
    pub(super) fn tile_area(&self, number: usize) -> Area {
        let across = self.tile_counts().0.max(1);
        let (column, row) = (number as u64 % across, number as u64 / across);
        // What lies outside of the picture is cut off, and the picture's coordinates fit.
        let side = |index: u64, tile: (u32, u32), area: (u32, u32)| {
            let size = u64::from(tile.1 - tile.0);
            let start = u64::from(tile.0) + index * size;
            (start.max(area.0.into()) as u32, (start + size).min(area.1.into()) as u32)
        };
        Area { x: side(column, self.tile.x, self.area.x), y: side(row, self.tile.y, self.area.y) }
    }

    /// Whether no component has a sample in a tile: it need not be stored.
    fn is_empty(&self, number: usize) -> bool {
        let area = self.tile_area(number);
        let steps = self.components.iter().map(|component| (u64::from(component.step.0), u64::from(component.step.1)));
        steps.map(|step| area.divided(step).samples()).all(|samples| samples == 0)
    }

    /// The number of a component that a segment is about, and the rest of the segment.
    fn component<'s>(&self, content: &'s [u8]) -> Option<(usize, &'s [u8])> {
        // Two bytes only where there are 257 components or more (A.6.2), which are too many here.
        let (component, rest) = content.split_first()?;
        (usize::from(*component) < self.components.len()).then_some((usize::from(*component), rest))
    }

    /// The number of changes in a segment.
    fn changes_in(&self, content: &[u8]) -> Result<usize, Fault> {
        let changes = content.len() / 7;
        if changes > MOST_CHANGES {
            return Err(Fault::Unsupported(format!("JPEG 2000 with {changes} changes of its progression")));
        }
        Ok(changes)
    }

    /// Walks the parts of all tiles.
    ///
    /// # Errors
    /// [`Fault::Truncated`] if any part is not all there, or whole ones are missing.
    pub(super) fn tiles(&self) -> Result<Tiles, Fault> {
        let bytes = self.bytes;
        let (across, down) = self.tile_counts();
        let count = across.saturating_mul(down);
        if count > MOST_TILES {
            return Err(Fault::damaged(format!("it has {count} tiles, expected at most {MOST_TILES}")));
        }
        let mut tiles = vec![Tile { changes: self.changes, ..Tile::default() }; count as usize];
        let (mut at, mut parts) = (self.first_part, 0);
        let mut has_end = false;
        loop {
            match bytes.get(at..at + 2) {
                Some([0xff, marker::TILE_PART]) => (),
                Some([0xff, marker::END]) => {
                    has_end = true;
                    break;
                }
                _ => break,
            }
            let part = self.tile_part(at, &mut tiles)?;
            at = part.end;
            parts += 1;
        }
        // What is not told how long it is may have been cut, unless the end marker is there.
        let is_whole = |(number, tile): (usize, &Tile)| match tile.declared {
            _ if tile.is_open && !has_end => false,
            0 => tile.parts > 0 || self.is_empty(number),
            declared => tile.parts >= declared.into(),
        };
        if !tiles.iter().enumerate().all(is_whole) {
            return Err(Fault::Truncated);
        }
        Ok(Tiles { tiles, parts, length: (at + 2).min(bytes.len()) })
    }

    /// Reads the header of a part of a tile, and returns where the part is.
    fn tile_part(&self, start: usize, tiles: &mut [Tile]) -> Result<Range<usize>, Fault> {
        let bytes = self.bytes;
        let damaged = || Fault::damaged("the header of one of its tiles cannot be read");
        let (segment, mut at) = Segment::at(bytes, start)?;
        let [n1, n0, l3, l2, l1, l0, _, declared] = *segment.content else { return Err(damaged()) };
        let number = usize::from(u16::from_be_bytes([n1, n0]));
        let tile = tiles.get_mut(number).ok_or_else(damaged)?;
        let (length, mut end) = (u32::from_be_bytes([l3, l2, l1, l0]) as usize, bytes.len());
        if length > 0 {
            end = start.checked_add(length).filter(|end| *end >= at).ok_or_else(damaged)?;
        } else if bytes.ends_with(&[0xff, marker::END]) {
            // All the rest but for the end marker.
            end -= 2;
        }
        tile.parts += 1;
        tile.is_open = length == 0;
        tile.declared = tile.declared.max(declared);
        while at < end {
            let (segment, next) = Segment::at(bytes, at)?;
            match segment.code {
                marker::DATA => break,
                marker::CODING => {
                    let coding = Coding::read(segment.content)?;
                    if coding.is_transformed != self.is_transformed {
                        return Err(Fault::Unsupported("JPEG 2000 whose tiles differ in their colours".into()));
                    }
                    tile.styles = Some(vec![coding.style; self.components.len()]);
                }
                marker::CODING_OF_COMPONENT => {
                    let (component, rest) = self.component(segment.content).ok_or_else(damaged)?;
                    let styles = tile.styles.get_or_insert_with(|| self.styles.clone());
                    styles[component] = Style::of_component(rest, styles[component].layers)?;
                }
                marker::PROGRESSION => {
                    tile.changes += self.changes_in(segment.content)?;
                    if tile.changes > MOST_CHANGES {
                        return Err(damaged());
                    }
                }
                _ => segment.check()?,
            }
            at = next;
        }
        if end > bytes.len() {
            return Err(Fault::Truncated);
        }
        Ok(start..end)
    }
}

/// In the capabilities: by ISO/IEC 15444-15.
const HIGH_THROUGHPUT: u16 = 1 << 14;

fn high_throughput() -> Fault {
    Fault::Unsupported("JPEG 2000 with high-throughput coding (HTJ2K)".into())
}

/// A marker and what belongs to it.
struct Segment<'a> {
    code: u8,
    content: &'a [u8],
}

impl<'a> Segment<'a> {
    /// The segment at this place, and the place behind it.
    fn at(bytes: &'a [u8], at: usize) -> Result<(Self, usize), Fault> {
        let [mark, code] = *bytes.get(at..).and_then(<[u8]>::first_chunk).ok_or(Fault::Truncated)?;
        if mark != 0xff {
            return Err(Fault::damaged("one of its markers cannot be read"));
        }
        // Those without a length (A.1.1).
        if matches!(code, 0x30..=0x3f | marker::DATA | marker::END) {
            return Ok((Self { code, content: &[] }, at + 2));
        }
        let length = bytes.get(at + 2..).and_then(<[u8]>::first_chunk).ok_or(Fault::Truncated)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length < 2 {
            return Err(Fault::damaged("one of its markers cannot be read"));
        }
        let content = bytes.get(at + 4..at + 2 + length).ok_or(Fault::Truncated)?;
        Ok((Self { code, content }, at + 2 + length))
    }

    /// Whether the decoder knows it, or may pass over it.
    fn check(&self) -> Result<(), Fault> {
        match self.code {
            0x30..=0x3f => Ok(()),
            // Lengths of parts and packets, regions of interest, headers of packets, comments, registration.
            0x55 | 0x58 | 0x5c..=0x5e | 0x61 | 0x63 | 0x64 => Ok(()),
            marker::CAPABILITIES => Err(high_throughput()),
            marker::PACKET_LENGTHS => Err(Fault::Unsupported("JPEG 2000 with a list of its packets".into())),
            marker::END => Err(Fault::damaged("it has no data")),
            // Of other parts of the standard.
            code => Err(Fault::Unsupported(format!("JPEG 2000 with extensions (marker FF{code:02X})"))),
        }
    }
}

/// How a picture is coded.
struct Coding {
    style: Style,
    is_transformed: bool,
}

impl Coding {
    fn read(content: &[u8]) -> Result<Self, Fault> {
        let damaged = || Fault::damaged("its coding style cannot be read");
        let ([flags, _, l1, l0, transform], rest) = content.split_first_chunk::<5>().ok_or_else(damaged)?;
        let layers = u16::from_be_bytes([*l1, *l0]);
        if layers > MOST_LAYERS {
            return Err(Fault::Unsupported(format!("JPEG 2000 with {layers} quality layers")));
        }
        if layers == 0 {
            return Err(damaged());
        }
        Ok(Self { style: Style::read(rest, *flags, layers)?, is_transformed: *transform == 1 })
    }
}

impl Style {
    /// The exponent of precincts that are as large as can be.
    const LARGEST: u8 = 15;

    fn of_component(content: &[u8], layers: u16) -> Result<Self, Fault> {
        let (flags, rest) = content.split_first().ok_or_else(|| Fault::damaged("its coding style cannot be read"))?;
        Self::read(rest, *flags, layers)
    }

    fn read(content: &[u8], flags: u8, layers: u16) -> Result<Self, Fault> {
        let damaged = || Fault::damaged("its coding style cannot be read");
        let ([levels, width, height, style, _], rest) = content.split_first_chunk::<5>().ok_or_else(damaged)?;
        let (levels, block) = (*levels, (width.saturating_add(2), height.saturating_add(2)));
        let resolutions = usize::from(levels) + 1;
        let precincts = if flags & 1 == 0 {
            vec![(Self::LARGEST, Self::LARGEST); resolutions]
        } else {
            let sizes = rest.get(..resolutions).ok_or_else(damaged)?;
            sizes.iter().map(|size| (size & 15, size >> 4)).collect()
        };
        // Table A.18, and each precinct but for those of the lowest resolution is divided into bands of half its size.
        let is_sound = levels <= 32
            && block.0 <= 10
            && block.1 <= 10
            && block.0 + block.1 <= 12
            && precincts.iter().skip(1).all(|(width, height)| *width > 0 && *height > 0);
        if !is_sound {
            return Err(damaged());
        }
        if style & 0x40 != 0 {
            return Err(high_throughput());
        }
        Ok(Self { layers, levels, block, ends_passes: (style & 4 != 0, style & 1 != 0), precincts })
    }
}
