//! Decoded components to RGB: which are colours of which space, which are opacity, and what a palette makes of them.

use image::RgbImage;

use super::codestream::Component;
use super::container::{Colours, Container, Palette};
use crate::colour::inks::{self, Inks};
use crate::colour::{ColourSpace, LARGEST_PROFILE, Primaries, lab};
use crate::formats::library::Fault;
use crate::raster::{over_white, premultiplied_over_white};

/// How the channels of a file become RGB.
pub(super) struct Channels<'a> {
    colours: Vec<Channel<'a>>,
    alpha: Option<Alpha<'a>>,
    space: Space<'a>,
    /// The space of the RGB or grey that they become.
    pub(super) profile: Option<ColourSpace>,
}

/// A component, perhaps as the numbers of colours.
#[derive(Clone, Copy)]
struct Channel<'a> {
    component: usize,
    /// Bits of a sample of the component.
    bits: u8,
    /// The colours that its samples are numbers of.
    column: Option<&'a [f32]>,
}

struct Alpha<'a> {
    channel: Channel<'a>,
    is_premultiplied: bool,
}

enum Space<'a> {
    Grey,
    Rgb,
    /// Brightness and two differences of colours, as in JPEG.
    Ycc,
    /// Three or four inks, 255 for all of it: whether the first three are [`Space::Ycc`] of what they leave, and the profile
    /// of their press.
    Inks {
        is_ycc: bool,
        profile: Option<&'a [u8]>,
    },
    /// How each sample becomes L*, a* and b*: a factor and what is added.
    Lab([(f32, f32); 3]),
}

impl Space<'_> {
    fn channels(&self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb | Self::Ycc | Self::Lab(_) => 3,
            Self::Inks { .. } => 4,
        }
    }
}

/// The type of a channel and what it belongs to (I.5.3.6).
const COLOUR: u16 = 0;
const OPACITY: u16 = 1;
const PREMULTIPLIED_OPACITY: u16 = 2;
const WHOLE_PICTURE: u16 = 0;

impl<'a> Channels<'a> {
    pub(super) fn of(container: &'a Container<'_>, components: &[Component]) -> Result<Self, Fault> {
        let all = all(container, components)?;
        let (colours, alpha) = by_definition(container, &all);
        let count = if colours.is_empty() { all.len() } else { colours.len() };
        let (space, profile) = space(container, components, count)?;
        let needed = space.channels().min(if is_cmy(container) { 3 } else { 4 });
        if !colours.is_empty() {
            let colours = colours.into_iter().take(needed).collect();
            return Ok(Self { colours, alpha, space, profile });
        }
        // Nothing says what the channels are: opacity is the one behind the colours.
        let alpha = (all.len() == needed + 1).then(|| Alpha { channel: all[needed], is_premultiplied: false });
        Ok(Self { colours: all.into_iter().take(needed).collect(), alpha, space, profile })
    }

    /// Bytes of what they take beside the picture.
    pub(super) fn memory(&self) -> u64 {
        if matches!(self.space, Space::Inks { profile: Some(_), .. }) { inks::MEMORY } else { 0 }
    }

    /// The picture of this size. There have to be as many samples of each component.
    pub(super) fn rgb(&self, planes: &[&[f32]], (width, height): (u32, u32)) -> Option<RgbImage> {
        let mut image = RgbImage::new(width, height);
        let pixels = image.as_chunks::<3>().0.len();
        let read = |channel: &Channel<'a>| {
            let samples = planes.get(channel.component)?.get(..pixels)?;
            Some(Samples { samples, scale: 255.0 / most(channel.bits), column: channel.column })
        };
        let colours: Vec<_> = self.colours.iter().map(read).collect::<Option<_>>()?;
        let row = width as usize;
        let press = if let Space::Inks { profile, .. } = &self.space { profile.and_then(Inks::of) } else { None };
        let mut inks = vec![0; 4 * row];
        for (y, to) in image.as_chunks_mut::<3>().0.chunks_mut(row.max(1)).enumerate() {
            self.row(&colours, y * row, to, press.as_ref(), &mut inks)?;
        }
        if let Some(Alpha { channel, is_premultiplied }) = &self.alpha {
            let alpha = read(channel)?;
            for (at, to) in image.as_chunks_mut::<3>().0.iter_mut().enumerate() {
                let [r, g, b] = *to;
                let alpha = byte(alpha.at(at));
                *to = if *is_premultiplied {
                    premultiplied_over_white([r, g, b, alpha])
                } else {
                    [r, g, b].map(|sample| over_white(sample, alpha))
                };
            }
        }
        Some(image)
    }

    /// Converts a row of pixels, the first of which is the given one.
    fn row(
        &self,
        colours: &[Samples<'_>],
        first: usize,
        to: &mut [[u8; 3]],
        press: Option<&Inks>,
        inks: &mut [u8],
    ) -> Option<()> {
        let pixels = (first..).zip(to.iter_mut());
        match (&self.space, colours) {
            (Space::Grey, [grey, ..]) => pixels.for_each(|(at, to)| *to = [byte(grey.at(at)); 3]),
            (Space::Inks { is_ycc, .. }, [a, b, c, rest @ ..]) => {
                let black = rest.first();
                for ((at, to), inks) in pixels.zip(inks.as_chunks_mut::<4>().0) {
                    let three = [a.at(at), b.at(at), c.at(at)];
                    let three = if *is_ycc { rgb_of_ycc(three).map(|light| 255.0 - light) } else { three };
                    let [cyan, magenta, yellow] = three.map(byte);
                    *inks = [cyan, magenta, yellow, black.map_or(0, |black| byte(black.at(at)))];
                    *to = inks::rgb(*inks);
                }
                if let Some(press) = press {
                    press.to_rgb(inks, to.as_flattened_mut());
                }
            }
            (space, [a, b, c, ..]) => {
                for (at, to) in pixels {
                    let three = [a.at(at), b.at(at), c.at(at)];
                    *to = match space {
                        Space::Ycc => rgb_of_ycc(three).map(byte),
                        Space::Lab(ranges) => {
                            let part = |i: usize| three[i] * ranges[i].0 + ranges[i].1;
                            lab::to_srgb([part(0), part(1), part(2)])
                        }
                        _ => three.map(byte),
                    };
                }
            }
            _ => return None,
        }
        Some(())
    }
}

/// The channels in their order: components, or what a palette makes of them.
fn all<'a>(container: &'a Container<'_>, components: &[Component]) -> Result<Vec<Channel<'a>>, Fault> {
    let component = |number: usize, column| {
        let bits = components.get(number).map(|component| component.bits);
        bits.map(|bits| Channel { component: number, bits, column })
    };
    let Some(Palette { columns }) = &container.palette else {
        return Ok((0..components.len()).filter_map(|number| component(number, None)).collect());
    };
    let column = |number: usize| columns.get(number).map(Vec::as_slice);
    // Some files have a palette, but do not say that it is to be used.
    let default: Vec<_> = (0..columns.len()).map(|number| component(0, column(number))).collect();
    let mapped = container.mapping.iter().map(|(number, of_palette)| match of_palette {
        Some(number_of_column) => component(usize::from(*number), Some(column(usize::from(*number_of_column))?)),
        None => component(usize::from(*number), None),
    });
    let mapped = if container.mapping.is_empty() { default } else { mapped.collect() };
    let mapped: Option<Vec<_>> = mapped.into_iter().collect();
    mapped.filter(|channels| !channels.is_empty()).ok_or_else(|| Fault::damaged("its palette cannot be read"))
}

/// The colours in their order and the opacity, if the file says which they are.
fn by_definition<'a>(container: &Container<'_>, all: &[Channel<'a>]) -> (Vec<Channel<'a>>, Option<Alpha<'a>>) {
    let channel = |number: u16| all.get(usize::from(number)).copied();
    let mut colours: Vec<_> = container
        .definitions
        .iter()
        .filter(|[_, kind, _]| *kind == COLOUR)
        .filter_map(|[number, _, association]| Some((*association, channel(*number)?)))
        .collect();
    colours.sort_by_key(|(association, _)| *association);
    let alpha = container.definitions.iter().find_map(|[number, kind, association]| {
        let is_opacity = matches!(*kind, OPACITY | PREMULTIPLIED_OPACITY) && *association == WHOLE_PICTURE;
        let is_premultiplied = *kind == PREMULTIPLIED_OPACITY;
        is_opacity.then(|| channel(*number)).flatten().map(|channel| Alpha { channel, is_premultiplied })
    });
    (colours.into_iter().map(|(_, channel)| channel).collect(), alpha)
}

fn is_cmy(container: &Container<'_>) -> bool {
    matches!(container.colours, Some(Colours::Enumerated(11, _)))
}

/// The space of so many channels, and that of the RGB that it becomes. Where the file's own has more channels, it is by
/// their number.
fn space<'a>(
    container: &Container<'a>,
    components: &[Component],
    channels: usize,
) -> Result<(Space<'a>, Option<ColourSpace>), Fault> {
    let by_number = || if channels < 3 { Space::Grey } else { Space::Rgb };
    let (space, profile) = match container.colours {
        // What OpenJPEG writes where it knows of none.
        Some(Colours::Enumerated(0, _)) => (by_number(), None),
        Some(Colours::Enumerated(number, parameters)) => enumerated(number, parameters, components)?,
        Some(Colours::Profile(profile)) => by_profile(profile).unwrap_or_else(|| (by_number(), None)),
        None => (by_number(), None),
    };
    let needed = if is_cmy(container) { 3 } else { space.channels() };
    if channels < needed {
        return Ok((by_number(), None));
    }
    // The decoder does this by itself where differences of colours have fewer samples.
    let is_done = matches!(space, Space::Ycc) && container.palette.is_none() && has_fewer_differences(components);
    Ok((if is_done { Space::Rgb } else { space }, profile))
}

/// By the numbers of table M.25.
fn enumerated(
    number: u32,
    parameters: &[u8],
    components: &[Component],
) -> Result<(Space<'static>, Option<ColourSpace>), Fault> {
    const ROMM: Primaries =
        Primaries { white: (0.3457, 0.3585), red: (0.7347, 0.2653), green: (0.1596, 0.8404), blue: (0.0366, 0.0001) };
    Ok(match number {
        16 => (Space::Rgb, None),
        15 | 17 => (Space::Grey, None),
        1 | 3 | 4 | 18 | 24 => (Space::Ycc, None),
        11 | 12 => (Space::Inks { is_ycc: false, profile: None }, None),
        13 => (Space::Inks { is_ycc: true, profile: None }, None),
        14 => (Space::Lab(ranges_of_lab(parameters, components)), None),
        21 => (Space::Rgb, Some(ColourSpace::Gamma { gamma: 1.0 / 1.8, primaries: Some(ROMM) })),
        _ => return Err(Fault::Unsupported(format!("JPEG 2000 with the colour space number {number}"))),
    })
}

/// What a profile says; none if it is for something else than pictures of grey, RGB or four inks.
fn by_profile(profile: &[u8]) -> Option<(Space<'_>, Option<ColourSpace>)> {
    let icc = || (profile.len() <= LARGEST_PROFILE).then(|| ColourSpace::Icc(profile.to_vec()));
    match profile.get(16..20)? {
        b"GRAY" => Some((Space::Grey, icc())),
        b"RGB " => Some((Space::Rgb, icc())),
        b"CMYK" => Some((Space::Inks { is_ycc: false, profile: Some(profile) }, None)),
        _ => None,
    }
}

/// As which the decoder takes three components of a codestream.
fn has_fewer_differences(components: &[Component]) -> bool {
    let [brightness, blue, red] = components else { return false };
    let ((x, y), (dx, dy)) = (brightness.step, blue.step);
    blue.step == red.step && (dx, dy) != (x, y) && dx >= x && dy >= y
}

/// How samples of 0 to 255 become L*, a* and b* (M.11.7.4.1).
fn ranges_of_lab(parameters: &[u8], components: &[Component]) -> [(f32, f32); 3] {
    const RANGES: [f32; 3] = [100.0, 170.0, 200.0];
    let given = |index: usize| {
        let number = parameters.get(4 * index..)?.first_chunk()?;
        Some(u32::from_be_bytes(*number) as f32)
    };
    std::array::from_fn(|i| {
        let most = components.get(i).map_or(255.0, |component| most(component.bits));
        let half = (most + 1.0) / 2.0;
        let offset = [0.0, half, half / 2.0 + half / 4.0][i];
        let (range, offset) = given(2 * i).zip(given(2 * i + 1)).unwrap_or((RANGES[i], offset));
        (range / 255.0, -range * offset / most)
    })
}

/// Samples of a channel.
struct Samples<'s> {
    samples: &'s [f32],
    scale: f32,
    column: Option<&'s [f32]>,
}

impl Samples<'_> {
    /// One of them, 0 to 255 and perhaps a little beyond.
    #[inline(always)]
    fn at(&self, pixel: usize) -> f32 {
        let sample = self.samples[pixel];
        match self.column {
            None => sample * self.scale,
            Some(column) => {
                let number = (sample.round().max(0.0) as usize).min(column.len().saturating_sub(1));
                column.get(number).copied().unwrap_or(0.0)
            }
        }
    }
}

/// The largest sample of so many bits.
fn most(bits: u8) -> f32 {
    ((1_u64 << bits.min(63)) - 1) as f32
}

#[inline(always)]
fn byte(sample: f32) -> u8 {
    // Conversions to integers saturate.
    (sample + 0.5) as u8
}

#[inline(always)]
fn rgb_of_ycc([y, blue, red]: [f32; 3]) -> [f32; 3] {
    let (blue, red) = (blue - 128.0, red - 128.0);
    [y + 1.402 * red, y - 0.344_136 * blue - 0.714_136 * red, y + 1.772 * blue].map(|light| light.clamp(0.0, 255.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EIGHT: Component = Component { bits: 8, step: (1, 1) };

    fn shown(container: &Container<'_>, components: &[Component], samples: &[f32]) -> [u8; 3] {
        let planes: Vec<_> = samples.iter().map(std::slice::from_ref).collect();
        let channels = Channels::of(container, components).ok().unwrap();
        channels.rgb(&planes, (1, 1)).unwrap().get_pixel(0, 0).0
    }

    fn with_colours(number: u32) -> Container<'static> {
        Container { colours: Some(Colours::Enumerated(number, &[])), ..Container::default() }
    }

    #[test]
    fn without_a_word_about_channels() {
        let nothing = Container::default();
        assert_eq!(shown(&nothing, &[EIGHT], &[7.0]), [7; 3]);
        assert_eq!(shown(&nothing, &[EIGHT; 2], &[7.0, 0.0]), [255; 3]);
        assert_eq!(shown(&nothing, &[EIGHT; 3], &[1.0, 2.0, 3.0]), [1, 2, 3]);
        assert_eq!(shown(&nothing, &[EIGHT; 4], &[1.0, 2.0, 3.0, 0.0]), [255; 3]);
        assert_eq!(shown(&nothing, &[EIGHT; 7], &[1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0]), [1, 2, 3]);
        let wide = Component { bits: 16, ..EIGHT };
        assert_eq!(shown(&nothing, &[wide; 3], &[65_535.0, 257.0, 128.0]), [255, 1, 0]);
        assert_eq!(shown(&nothing, &[EIGHT; 3], &[-3.0, 300.0, f32::NAN]), [0, 255, 0]);
    }

    #[test]
    fn spaces_by_their_numbers() {
        assert_eq!(shown(&with_colours(17), &[EIGHT], &[7.0]), [7; 3]);
        assert_eq!(shown(&with_colours(0), &[EIGHT; 2], &[7.0, 0.0]), [255; 3]);
        assert_eq!(shown(&with_colours(18), &[EIGHT; 3], &[76.0, 85.0, 255.0]), [254, 0, 0]);
        assert_eq!(shown(&with_colours(11), &[EIGHT; 3], &[255.0, 0.0, 0.0]), [0, 255, 255]);
        assert_eq!(shown(&with_colours(12), &[EIGHT; 4], &[255.0, 0.0, 0.0, 128.0]), [0, 127, 127]);
        assert_eq!(shown(&with_colours(13), &[EIGHT; 4], &[255.0, 128.0, 128.0, 0.0]), [255; 3]);
        let [r, g, b] = shown(&with_colours(14), &[EIGHT; 3], &[137.0, 128.0, 96.0]);
        assert!([r, g, b].iter().all(|sample| (126..=130).contains(sample)), "{r} {g} {b}");
        // Fewer channels than the space has.
        assert_eq!(shown(&with_colours(12), &[EIGHT; 3], &[1.0, 2.0, 3.0]), [1, 2, 3]);
        assert!(Channels::of(&with_colours(9), &[EIGHT; 3]).is_err());
    }

    #[test]
    fn differences_with_fewer_samples_are_converted_already() {
        let half = Component { step: (2, 2), ..EIGHT };
        let components = [EIGHT, half, half];
        assert_eq!(shown(&with_colours(18), &components, &[1.0, 2.0, 3.0]), [1, 2, 3]);
    }

    #[test]
    fn channels_in_any_order() {
        // Blue, opacity, red and green.
        let definitions = vec![[0, 0, 3], [1, 1, 0], [2, 0, 1], [3, 0, 2]];
        let container = Container { definitions, ..with_colours(16) };
        assert_eq!(shown(&container, &[EIGHT; 4], &[3.0, 255.0, 1.0, 2.0]), [1, 2, 3]);
        assert_eq!(shown(&container, &[EIGHT; 4], &[3.0, 0.0, 1.0, 2.0]), [255; 3]);
        let definitions = vec![[0, 0, 1], [1, 0, 2], [2, 0, 3], [3, 2, 0]];
        let container = Container { definitions, ..with_colours(16) };
        assert_eq!(shown(&container, &[EIGHT; 4], &[0.0, 128.0, 0.0, 128.0]), [127, 255, 127]);
        // A channel that is neither.
        let definitions = vec![[0, 0, 1], [1, 0, 2], [2, 0, 3], [3, 65_535, 65_535]];
        let container = Container { definitions, ..with_colours(16) };
        assert_eq!(shown(&container, &[EIGHT; 4], &[1.0, 2.0, 3.0, 0.0]), [1, 2, 3]);
    }

    #[test]
    fn palettes() {
        let palette = || Some(Palette { columns: vec![vec![1.0, 4.0], vec![2.0, 5.0], vec![3.0, 6.0]] });
        let container = Container { palette: palette(), ..with_colours(16) };
        assert_eq!(shown(&container, &[EIGHT], &[1.2]), [4, 5, 6]);
        assert_eq!(shown(&container, &[EIGHT], &[77.0]), [4, 5, 6]);
        let mapping = vec![(0, Some(2)), (0, Some(0)), (0, Some(0))];
        assert_eq!(shown(&Container { mapping, palette: palette(), ..with_colours(16) }, &[EIGHT], &[0.0]), [3, 1, 1]);
        let mapping = vec![(7, Some(0))];
        assert!(Channels::of(&Container { mapping, palette: palette(), ..with_colours(16) }, &[EIGHT]).is_err());
    }
}
