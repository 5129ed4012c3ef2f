//! The few properties of use of an XMP packet.
//!
//! No general reader of XML and RDF: names are known by their usual prefixes, which packets with others get (`namespaces`), and
//! what does not fit is passed over.

use std::borrow::Cow;

use super::markup::{Markup, next_markup};
use super::{Annotations, MOST_TAGS, namespaces, stars, text};
use crate::Gps;
use crate::calendar::{self, Instant};
use crate::related::{Related, identifier};
use crate::text::{LONGEST_NAME, line};

/// The most bytes of a packet that are looked at. Photos have some thousand; histories of editors may be long.
const LONGEST: usize = 1 << 20;

/// The most elements that lie inside one another. Those of use have five around them.
const DEEPEST: usize = 64;

/// The most levels of a keyword that lies below others.
const MOST_LEVELS: usize = 16;

/// Properties that have parts of use, which [`Reader::found_in`] knows.
const WITH_PARTS: &[&str] =
    &["mwg-rs:Regions", "MP:RegionInfo", "mwg-kw:Keywords", "Iptc4xmpExt:LocationCreated", "Iptc4xmpExt:LocationShown"];

/// What a packet says.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Xmp {
    pub(crate) annotations: Annotations,
    pub(crate) taken_at: Option<Instant>,
    pub(crate) gps: Option<Gps>,
    pub(crate) related: Related,
}

impl Xmp {
    /// Takes over from `other` what is not known yet.
    pub(crate) fn or(self, other: Xmp) -> Xmp {
        Xmp {
            annotations: self.annotations.or(other.annotations),
            taken_at: self.taken_at.or(other.taken_at),
            gps: self.gps.or(other.gps),
            related: self.related.or(other.related),
        }
    }
}

/// Reads the properties of use. Never fails: what cannot be read is absent.
pub(crate) fn read(packet: &[u8]) -> Xmp {
    let packet = namespaces::with_usual_prefixes(decode(&packet[..packet.len().min(LONGEST)]), LONGEST);
    let mut reader = Reader::default();
    let mut rest = &*packet;
    while let Some(at) = rest.find('<') {
        reader.characters(&rest[..at]);
        rest = &rest[at..];
        let Some((skipped, markup)) = next_markup(rest) else { break };
        rest = &rest[skipped..];
        match markup {
            Some(Markup::Literal(literal)) => reader.text.push_str(literal),
            Some(Markup::Tag(tag)) => {
                let goes_on = match (tag.strip_prefix('/'), tag.strip_suffix('/')) {
                    (Some(_), _) => reader.close(),
                    (None, Some(tag)) => reader.open(tag) && reader.close(),
                    (None, None) => reader.open(tag),
                };
                if !goes_on {
                    break;
                }
            }
            None => {}
        }
    }
    reader.finish()
}

/// The text of a packet: in UTF-8, or in UTF-16 by its first character, a mark of the order of bytes or an angle bracket.
fn decode(packet: &[u8]) -> Cow<'_, str> {
    let number: fn([u8; 2]) -> u16 = match packet {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, b'<', ..] => u16::from_be_bytes,
        _ => return String::from_utf8_lossy(packet),
    };
    let (numbers, _) = packet.as_chunks::<2>();
    let characters = char::decode_utf16(numbers.iter().map(|bytes| number(*bytes)));
    Cow::Owned(characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect())
}

#[derive(Default)]
struct Reader<'a> {
    /// The elements around the place, the outermost first.
    open: Vec<&'a str>,
    /// The characters since the last tag began.
    text: String,
    /// The item at hand is the one for readers of any language.
    is_default: bool,
    found: Annotations,
    /// The region of the picture that the place is in.
    region: Option<Region>,
    /// Keywords that lie below others, the levels separated by slashes.
    paths: Vec<String>,
    /// Colours of labels that programs write as numbers.
    colours: Vec<&'static str>,
    /// Times by how much they say about when the photo was taken, the best first.
    times: [Option<Instant>; 4],
    latitude: Option<f64>,
    longitude: Option<f64>,
    related: Related,
}

/// What is marked on a picture: mostly a face.
struct Region {
    /// How many elements are around it.
    depth: usize,
    name: Option<String>,
    kind: Option<String>,
}

impl<'a> Reader<'a> {
    fn characters(&mut self, raw: &str) {
        // Most are blanks between the elements of other properties.
        if self.property().is_some() {
            unescape(raw, &mut self.text);
        }
    }

    /// The property of the photo that the place is in. Properties of other things, such as the parts of a collage, lie deeper.
    fn property(&self) -> Option<&'a str> {
        let at = self.open.iter().position(|name| *name == "rdf:RDF")?;
        self.open.get(at + 2).copied().filter(|_| self.open.get(at + 1) == Some(&"rdf:Description"))
    }

    fn open(&mut self, tag: &'a str) -> bool {
        let (name, attributes) = tag.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((tag, ""));
        self.open.push(name);
        self.text.clear();
        self.is_default = false;
        if name == "rdf:li" && self.region.is_none() && self.property() == Some("mwg-rs:Regions") {
            self.region = Some(Region { depth: self.open.len(), name: None, kind: None });
        }
        let is_description = self.open.len() >= 2 && self.open[self.open.len() - 2..] == ["rdf:RDF", "rdf:Description"];
        for (name, value) in Attributes(attributes) {
            if is_description {
                let mut text = String::new();
                unescape(value, &mut text);
                self.found(name, &text);
            } else if name == "xml:lang" {
                self.is_default = value == "x-default";
            } else if let Some(property) = self.property().filter(|property| WITH_PARTS.contains(property)) {
                let mut text = String::new();
                unescape(value, &mut text);
                self.found_in(property, name, &text);
            }
        }
        self.open.len() <= DEEPEST
    }

    fn close(&mut self) -> bool {
        let property = self.property();
        let depth = self.open.len();
        let closed = self.open.pop();
        if let (Some(property), Some(closed)) = (property, closed) {
            let text = std::mem::take(&mut self.text);
            if closed == "rdf:li" || closed == property {
                self.found(property, &text);
            } else {
                self.found_in(property, closed, &text);
            }
        }
        if self.region.as_ref().is_some_and(|region| region.depth == depth) {
            self.end_region();
        }
        self.text.clear();
        closed.is_some()
    }

    fn end_region(&mut self) {
        let Some(Region { name: Some(name), kind, .. }) = self.region.take() else { return };
        match kind.map(|kind| kind.to_lowercase()).as_deref() {
            None | Some("face") => self.found.add_person(&name),
            Some("pet") => self.found.add_tag(&name),
            // Where the lens was focused, bar codes.
            _ => {}
        }
    }

    /// What was found, in a packet that may end early.
    fn finish(mut self) -> Xmp {
        self.end_region();
        let Reader { mut found, paths, colours, times, latitude, longitude, related, .. } = self;
        // The plain ones first, in case there are too many.
        for level in paths.iter().flat_map(|path| path.split('/')) {
            found.add_tag(level);
        }
        for path in &paths {
            found.add_tag(path);
        }
        if found.label.is_none() && !colours.is_empty() {
            found.label = Some(colours.join(", "));
        }
        let gps = latitude.zip(longitude).map(|(latitude, longitude)| Gps { latitude, longitude });
        Xmp { annotations: found, taken_at: times.into_iter().flatten().next(), gps, related }
    }

    fn found(&mut self, property: &str, value: &str) {
        let found = &mut self.found;
        match property {
            "xmp:Rating" | "xap:Rating" => found.rating = value.trim().parse().ok().and_then(stars).or(found.rating),
            "dc:subject" => found.add_tag(value),
            "dc:title" if found.title.is_none() || self.is_default => found.title = text(value).or(found.title.take()),
            "dc:description" if found.description.is_none() || self.is_default => {
                found.description = text(value).or(found.description.take());
            }
            "lr:hierarchicalSubject" | "mediapro:CatalogSets" => self.found_path(value, '|'),
            "digiKam:TagsList" | "MicrosoftPhoto:LastKeywordXMP" => self.found_path(value, '/'),
            "Iptc4xmpExt:PersonInImage" | "mediapro:People" => found.add_person(value),
            "photoshop:City" | "photoshop:State" | "photoshop:Country" | "Iptc4xmpCore:Location" => {
                found.add_place(value)
            }
            "xmp:Label" | "xap:Label" => found.label = line(value, LONGEST_NAME).or(found.label.take()),
            "darktable:colorlabels" => self.found_colour(&["Red", "Yellow", "Green", "Blue", "Purple"], value),
            "digiKam:ColorLabel" => self.found_colour(DIGIKAM_COLOURS, value),
            "exif:DateTimeOriginal" => self.times[0] = self.times[0].or(calendar::iso_instant(value)),
            "photoshop:DateCreated" => self.times[1] = self.times[1].or(calendar::iso_instant(value)),
            "exif:DateTimeDigitized" => self.times[2] = self.times[2].or(calendar::iso_instant(value)),
            "xmp:CreateDate" | "xap:CreateDate" => self.times[3] = self.times[3].or(calendar::iso_instant(value)),
            "exif:GPSLatitude" => self.latitude = degrees(value, ['N', 'S'], 90.0),
            "exif:GPSLongitude" => self.longitude = degrees(value, ['E', 'W'], 180.0),
            "GCamera:BurstID" => self.related.burst = identifier(value).or(self.related.burst.take()),
            "GCamera:BurstPrimary" => self.related.is_burst_primary |= is_set(value),
            "GCamera:MotionPhoto" | "Camera:MotionPhoto" | "GCamera:MicroVideo" => {
                self.related.has_motion |= is_set(value);
            }
            "aux:Lens" | "exifEX:LensModel" => found.lens = found.lens.take().or_else(|| line(value, LONGEST_NAME)),
            _ => {}
        }
    }

    /// A part of a property with parts: an element or attribute in it.
    fn found_in(&mut self, property: &str, part: &str, value: &str) {
        match (property, part) {
            ("mwg-rs:Regions", "mwg-rs:Name") => {
                if let Some(region) = &mut self.region {
                    region.name = region.name.take().or_else(|| line(value, LONGEST_NAME));
                }
            }
            ("mwg-rs:Regions", "mwg-rs:Type") => {
                if let Some(region) = &mut self.region {
                    region.kind = region.kind.take().or_else(|| line(value, LONGEST_NAME));
                }
            }
            ("mwg-kw:Keywords", "mwg-kw:Keyword") => self.found.add_tag(value),
            ("MP:RegionInfo", "MPReg:PersonDisplayName") => self.found.add_person(value),
            (
                "Iptc4xmpExt:LocationCreated" | "Iptc4xmpExt:LocationShown",
                "Iptc4xmpExt:Sublocation"
                | "Iptc4xmpExt:City"
                | "Iptc4xmpExt:ProvinceState"
                | "Iptc4xmpExt:CountryName",
            ) => self.found.add_place(value),
            _ => {}
        }
    }

    /// A keyword that lies below others: "Places|France|Paris".
    fn found_path(&mut self, path: &str, separator: char) {
        let levels = path.split(separator).filter_map(|level| line(level, LONGEST_NAME)).take(MOST_LEVELS);
        let levels: Vec<String> = levels.collect();
        // What darktable notes of its own work.
        let is_own = levels.first().is_some_and(|first| first == "darktable");
        if !levels.is_empty() && !is_own && self.paths.len() < MOST_TAGS {
            self.paths.push(levels.join("/"));
        }
    }

    fn found_colour(&mut self, colours: &[&'static str], number: &str) {
        let colour = number.trim().parse().ok().and_then(|number: usize| colours.get(number).copied());
        self.colours.extend(colour.filter(|colour| !colour.is_empty() && !self.colours.contains(colour)));
    }
}

/// A flag of Google's: a number.
fn is_set(flag: &str) -> bool {
    flag.trim() == "1"
}

/// The colours of digiKam's labels from the second on; the first number stands for none.
const DIGIKAM_COLOURS: &[&str] = &["", "Red", "Orange", "Yellow", "Green", "Blue", "Magenta", "Grey", "Black", "White"];

/// An angle as XMP has it: "48,8.2333N" or "48,8,14N", with one of two letters, of which the second is for negative ones.
fn degrees(text: &str, letters: [char; 2], most: f64) -> Option<f64> {
    let text = text.trim();
    let letter = text.chars().next_back()?;
    let sign = match letters.iter().position(|known| letter.eq_ignore_ascii_case(known))? {
        0 => 1.0,
        _ => -1.0,
    };
    let mut parts = text[..text.len() - letter.len_utf8()].split(',').map(|part| part.trim().parse::<f64>().ok());
    let mut part = |most: f64| match parts.next() {
        None => Some(0.0),
        Some(part) => part.filter(|part| (0.0..=most).contains(part)),
    };
    let angle = part(most)? + part(60.0)? / 60.0 + part(60.0)? / 3600.0;
    (angle <= most && parts.next().is_none()).then_some(sign * angle)
}

/// The attributes of a tag.
struct Attributes<'a>(&'a str);

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        let (name, rest) = self.0.split_once('=')?;
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, rest) = rest[1..].split_once(quote)?;
        self.0 = rest;
        Some((name.trim(), value))
    }
}

/// Adds a text with its references (`&amp;`, `&#xe9;`) resolved. Others are left as they are.
fn unescape(raw: &str, to: &mut String) {
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        to.push_str(&rest[..at]);
        rest = &rest[at..];
        // The longest, &#x10ffff;, has ten characters.
        let end = rest.bytes().take(10).position(|byte| byte == b';');
        let resolved = end.and_then(|end| Some((end, reference(&rest[1..end])?)));
        let (skipped, character) = resolved.map_or((1, '&'), |(end, character)| (end + 1, character));
        to.push(character);
        rest = &rest[skipped..];
    }
    to.push_str(rest);
}

fn reference(name: &str) -> Option<char> {
    let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(content: &str) -> String {
        format!(
            "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n \
             <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n{content}\n </rdf:RDF>\n</x:xmpmeta>\n\
             <?xpacket end=\"w\"?>"
        )
    }

    fn read_str(content: &str) -> Annotations {
        read(packet(content).as_bytes()).annotations
    }

    #[test]
    fn elements() {
        let found = read_str(
            r#"<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/">
                <xmp:Rating>4</xmp:Rating>
                <!-- <xmp:Rating>1</xmp:Rating> -->
                <dc:subject><rdf:Bag>
                    <rdf:li>Rock &amp; Roll</rdf:li><rdf:li> Caf&#xe9; </rdf:li><rdf:li/><rdf:li>R&D</rdf:li>
                </rdf:Bag></dc:subject>
                <dc:title><rdf:Alt>
                    <rdf:li xml:lang="de">Abend</rdf:li><rdf:li xml:lang="x-default">Evening</rdf:li>
                </rdf:Alt></dc:title>
                <dc:description><rdf:Alt><rdf:li xml:lang="fr"><![CDATA[A < B]]></rdf:li></rdf:Alt></dc:description>
            </rdf:Description>"#,
        );
        assert_eq!(found.rating, Some(4));
        assert_eq!(found.tags, ["Rock & Roll", "Café", "R&D"]);
        assert_eq!((found.title.as_deref(), found.description.as_deref()), (Some("Evening"), Some("A < B")));
    }

    #[test]
    fn attributes() {
        let found = read_str(
            r#"<rdf:Description rdf:about='' note="a > b" xmp:Rating = '5' aux:Lens="18.0-70.0 mm f/3.5-4.5"/>
               <rdf:Description xmp:Rating="-1"><dc:title>plain</dc:title></rdf:Description>"#,
        );
        assert_eq!((found.rating, found.lens.as_deref()), (Some(5), Some("18.0-70.0 mm f/3.5-4.5")));
        assert_eq!(found.title.as_deref(), Some("plain"));
    }

    #[test]
    fn what_is_said_of_other_things_is_not_said_of_the_photo() {
        let found = read_str(
            r#"<rdf:Description><xmpMM:Ingredients><rdf:Bag><rdf:li>
                <rdf:Description xmp:Rating="3"><dc:title>part</dc:title></rdf:Description>
               </rdf:li></rdf:Bag></xmpMM:Ingredients></rdf:Description>"#,
        );
        assert_eq!(found, Annotations::default());
    }

    #[test]
    fn people_by_the_regions_of_faces() {
        // As Lightroom writes it.
        let found = read_str(
            r#"<rdf:Description><mwg-rs:Regions rdf:parseType="Resource">
                <mwg-rs:AppliedToDimensions stDim:w="4000" stDim:h="3000" stDim:unit="pixel"/>
                <mwg-rs:RegionList><rdf:Bag>
                 <rdf:li><rdf:Description mwg-rs:Rotation="0" mwg-rs:Name="Anna M&#xfc;ller" mwg-rs:Type="Face">
                  <mwg-rs:Area stArea:h="0.1" stArea:w="0.1" stArea:x="0.5" stArea:y="0.5"/></rdf:Description></rdf:li>
                 <rdf:li><rdf:Description mwg-rs:Type="Face"/></rdf:li>
                 <rdf:li><rdf:Description mwg-rs:Type="Focus" mwg-rs:Name="AF"/></rdf:li>
                 <rdf:li><rdf:Description mwg-rs:Type="Pet" mwg-rs:Name="Rex"/></rdf:li>
                </rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description>"#,
        );
        assert_eq!((found.people, found.tags), (vec!["Anna Müller".to_owned()], vec!["Rex".to_owned()]));
        // As exiftool and Picasa do.
        let found = read_str(
            r#"<rdf:Description><mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>
                 <rdf:li rdf:parseType="Resource">
                  <mwg-rs:Area rdf:parseType="Resource"><stArea:x>0.5</stArea:x></mwg-rs:Area>
                  <mwg-rs:Extensions><rdf:Bag><rdf:li>x</rdf:li></rdf:Bag></mwg-rs:Extensions>
                  <mwg-rs:Name>Anna</mwg-rs:Name><mwg-rs:Type>Face</mwg-rs:Type></rdf:li>
                 <rdf:li mwg-rs:Name="Ben" mwg-rs:Type="Face"/>
                 <rdf:li rdf:parseType="Resource"><mwg-rs:Name>Cem</mwg-rs:Name></rdf:li>
                </rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions></rdf:Description>"#,
        );
        assert_eq!(found.people, ["Anna", "Ben", "Cem"]);
        // Microsoft's, as elements and attributes, and IPTC's.
        let found = read_str(
            r#"<rdf:Description><MP:RegionInfo><rdf:Description><MPRI:Regions><rdf:Bag>
                 <rdf:li><rdf:Description MPReg:Rectangle="0.1, 0.2, 0.3, 0.4" MPReg:PersonDisplayName="Anna"/></rdf:li>
                 <rdf:li rdf:parseType="Resource"><MPReg:PersonDisplayName>Ben</MPReg:PersonDisplayName></rdf:li>
                </rdf:Bag></MPRI:Regions></rdf:Description></MP:RegionInfo>
                <Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Cem</rdf:li><rdf:li>Anna</rdf:li></rdf:Bag>
                </Iptc4xmpExt:PersonInImage></rdf:Description>"#,
        );
        assert_eq!(found.people, ["Anna", "Ben", "Cem"]);
    }

    #[test]
    fn keywords_below_others() {
        let found = read_str(
            r#"<rdf:Description><lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|France|Paris</rdf:li>
                <rdf:li>darktable|format|jpg</rdf:li><rdf:li>Summer</rdf:li></rdf:Bag></lr:hierarchicalSubject>
                <digiKam:TagsList><rdf:Seq><rdf:li>Places/France/Lyon</rdf:li><rdf:li>Places/France/Paris</rdf:li></rdf:Seq>
                </digiKam:TagsList><mwg-kw:Keywords><rdf:Description><mwg-kw:Hierarchy><rdf:Bag>
                 <rdf:li><rdf:Description mwg-kw:Keyword="Events"><mwg-kw:Children><rdf:Bag>
                  <rdf:li rdf:parseType="Resource"><mwg-kw:Keyword>Party</mwg-kw:Keyword></rdf:li>
                 </rdf:Bag></mwg-kw:Children></rdf:Description></rdf:li>
                </rdf:Bag></mwg-kw:Hierarchy></rdf:Description></mwg-kw:Keywords><dc:subject><rdf:Bag><rdf:li>plain</rdf:li><rdf:li>Paris</rdf:li></rdf:Bag></dc:subject>
               </rdf:Description>"#,
        );
        let expected = [
            "Events",
            "Party",
            "plain",
            "Paris",
            "Places",
            "France",
            "Summer",
            "Lyon",
            "Places/France/Paris",
            "Places/France/Lyon",
        ];
        assert_eq!(found.tags, expected);
    }

    #[test]
    fn labels() {
        let label = |content: &str| read_str(&format!("<rdf:Description {content}</rdf:Description>")).label;
        assert_eq!(label("xmp:Label='Red' digiKam:ColorLabel='4'>").as_deref(), Some("Red"));
        assert_eq!(label("digiKam:ColorLabel='4'>").as_deref(), Some("Green"));
        assert_eq!(label("digiKam:ColorLabel='0'>"), None);
        let of_darktable = "><darktable:colorlabels><rdf:Seq><rdf:li>0</rdf:li><rdf:li>3</rdf:li><rdf:li>9</rdf:li>\
            </rdf:Seq></darktable:colorlabels>";
        assert_eq!(label(of_darktable).as_deref(), Some("Red, Blue"));
    }

    #[test]
    fn places_times_and_positions() {
        let found = read(
            packet(
                r#"<rdf:Description photoshop:City="Paris" exif:GPSLatitude="48,51.4N" xmp:CreateDate="2020-01-01T00:00:00"
                    photoshop:DateCreated="2019-06-04T15:30:00+02:00">
                    <exif:GPSLongitude>2,21,3W</exif:GPSLongitude><photoshop:Country>France</photoshop:Country>
                    <Iptc4xmpCore:Location>Montmartre</Iptc4xmpCore:Location>
                    <Iptc4xmpExt:LocationShown><rdf:Bag><rdf:li rdf:parseType="Resource">
                     <Iptc4xmpExt:City>Lyon</Iptc4xmpExt:City><Iptc4xmpExt:CountryName>France</Iptc4xmpExt:CountryName>
                     <Iptc4xmpExt:CountryCode>FR</Iptc4xmpExt:CountryCode></rdf:li></rdf:Bag></Iptc4xmpExt:LocationShown>
                   </rdf:Description>"#,
            )
            .as_bytes(),
        );
        assert_eq!(found.annotations.places, ["Paris", "France", "Montmartre", "Lyon"]);
        assert_eq!(found.taken_at, Some(Instant { seconds: 1_559_655_000, offset: Some(120) }));
        let gps = found.gps.unwrap();
        assert!((gps.latitude - 48.856_666).abs() < 1e-5 && (gps.longitude + 2.350_833).abs() < 1e-5, "{gps:?}");
    }

    /// As the cameras of Pixel phones write it, with newer and older names.
    #[test]
    fn bursts_and_motion_photos() {
        let related = |attributes: &str| read(packet(&format!("<rdf:Description {attributes}/>")).as_bytes()).related;
        let burst = related(r#"GCamera:BurstID="0c74e4b1-fa09-4e42-a3ce-09cb0e5a1a6b" GCamera:BurstPrimary="1""#);
        let id = Some("0C74E4B1-FA09-4E42-A3CE-09CB0E5A1A6B".to_owned());
        assert_eq!(burst, Related { burst: id, is_burst_primary: true, ..Related::default() });
        for name in ["GCamera:MotionPhoto", "Camera:MotionPhoto", "GCamera:MicroVideo"] {
            let flagged = |flag: u8| related(&format!(r#"{name}="{flag}" {name}Version="1""#)).has_motion;
            assert!(flagged(1) && !flagged(0), "{name}");
        }
        assert_eq!(related("GCamera:SpecialTypeID='x'"), Related::default());
    }

    #[test]
    fn angles() {
        let latitude = |text| degrees(text, ['N', 'S'], 90.0);
        assert_eq!(
            (latitude("48,30.0N"), latitude("48,30,0s"), latitude("90N")),
            (Some(48.5), Some(-48.5), Some(90.0))
        );
        for text in [
            "", "N", "48", "48,30", "48,30E", "91,0N", "90,1N", "48,61N", "-48,3N", "a,3N", "1,2,3,4N", "NaN,0N", "1ßN",
        ] {
            assert_eq!(latitude(text), None, "{text}");
        }
    }

    #[test]
    fn a_packet_that_is_cut_off_keeps_what_came_before() {
        let whole = packet(
            r#"<rdf:Description xmp:Label="Red"><mwg-rs:Regions><mwg-rs:RegionList><rdf:Bag>
                <rdf:li><rdf:Description mwg-rs:Name="Anna" mwg-rs:Type="Face"><mwg-rs:Area/>"#,
        );
        let found = read(whole.split("</rdf:RDF>").next().unwrap().as_bytes()).annotations;
        assert_eq!((found.label.as_deref(), found.people), (Some("Red"), vec!["Anna".to_owned()]));
    }

    #[test]
    fn unusual_prefixes() {
        let found = read(
            br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description
                xmlns:ns1="http://ns.adobe.com/xap/1.0/" xmlns:ns2="http://purl.org/dc/elements/1.1/" ns1:Rating="4">
                <ns2:subject><r:Bag><r:li>tree</r:li></r:Bag></ns2:subject></r:Description></r:RDF></x:xmpmeta>"#,
        );
        assert_eq!((found.annotations.rating, found.annotations.tags), (Some(4), vec!["tree".to_owned()]));
    }

    #[test]
    fn packets_in_utf_16() {
        let text = packet("<rdf:Description xmp:Rating='4'><dc:title>Zo\u{eb} \u{1f600}</dc:title></rdf:Description>");
        for start in ["", "\u{feff}"] {
            let numbers: Vec<u16> = start.encode_utf16().chain(text.encode_utf16()).collect();
            for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                let packet: Vec<u8> = numbers.iter().flat_map(|number| bytes(*number)).collect();
                let found = read(&packet).annotations;
                assert_eq!((found.rating, found.title.as_deref()), (Some(4), Some("Zo\u{eb} \u{1f600}")));
                for end in 0..packet.len() {
                    read(&packet[..end]);
                }
            }
        }
    }

    #[test]
    fn unrated_and_rejected_photos_have_no_stars() {
        for rating in ["0", "-1", "", "many", "NaN", "6"] {
            assert_eq!(read_str(&format!("<rdf:Description xmp:Rating=\"{rating}\"/>")).rating, None, "{rating}");
        }
        assert_eq!(read_str("<rdf:Description xmp:Rating=\"3.0\"/>").rating, Some(3));
    }

    #[test]
    fn damage_costs_what_is_damaged() {
        let whole = packet("<rdf:Description xmp:Rating=\"2\"><dc:title>t</dc:title></rdf:Description>");
        for end in 0..whole.len() {
            if whole.is_char_boundary(end) {
                read(&whole.as_bytes()[..end]);
            }
        }
        let nested = format!("{}{}", "<a>".repeat(100_000), whole);
        assert_eq!(read(nested.as_bytes()), Xmp::default());
        assert_eq!(read(b"</a></b>\xff<<>></ />"), Xmp::default());
    }
}
