//! The few properties of use of an XMP packet.
//!
//! No general reader of XML and RDF: names are known by their usual prefixes (which the specification recommends, and
//! programs use), and what does not fit is passed over.

use super::{Annotations, stars, text};
use crate::text::{LONGEST_NAME, line};

/// The most bytes of a packet that are looked at. Photos have some thousand; histories of editors may be long.
const LONGEST: usize = 1 << 20;

/// The most elements that lie inside one another. Those of use have five around them.
const DEEPEST: usize = 64;

/// Reads the properties of use. Never fails: what cannot be read is absent.
pub(crate) fn read(packet: &[u8]) -> Annotations {
    let packet = String::from_utf8_lossy(&packet[..packet.len().min(LONGEST)]);
    let mut reader = Reader::default();
    let mut rest = &*packet;
    while let Some(at) = rest.find('<') {
        reader.characters(&rest[..at]);
        rest = &rest[at..];
        let (skipped, markup) = match rest {
            _ if rest.starts_with("<!--") => (rest.find("-->").map(|end| end + 3), None),
            _ if rest.starts_with("<?") => (rest.find("?>").map(|end| end + 2), None),
            _ if rest.starts_with("<![CDATA[") => {
                let end = rest.find("]]>");
                (end.map(|end| end + 3), end.map(|end| Markup::Literal(&rest[9..end.max(9)])))
            }
            _ => {
                let end = end_of_tag(rest);
                (end.map(|end| end + 1), end.map(|end| Markup::Tag(&rest[1..end])))
            }
        };
        let Some(skipped) = skipped else { break };
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
    reader.found
}

enum Markup<'a> {
    /// What is between the angle brackets.
    Tag(&'a str),
    Literal(&'a str),
}

/// Where a tag ends: the first `>` outside quotation marks.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quoted = None;
    tag.bytes().position(|byte| {
        match (quoted, byte) {
            (None, b'>') => return true,
            (None, b'"' | b'\'') => quoted = Some(byte),
            (Some(quote), byte) if quote == byte => quoted = None,
            _ => {}
        }
        false
    })
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
        let is_description = self.open.len() >= 2 && self.open[self.open.len() - 2..] == ["rdf:RDF", "rdf:Description"];
        for (name, value) in Attributes(attributes) {
            if is_description {
                let mut text = String::new();
                unescape(value, &mut text);
                self.found(name, &text);
            } else if name == "xml:lang" {
                self.is_default = value == "x-default";
            }
        }
        self.open.len() <= DEEPEST
    }

    fn close(&mut self) -> bool {
        let property = self.property();
        let closed = self.open.pop();
        if let (Some(property), Some(closed)) = (property, closed)
            && (closed == "rdf:li" || closed == property)
        {
            let text = std::mem::take(&mut self.text);
            self.found(property, &text);
        }
        self.text.clear();
        closed.is_some()
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
            "aux:Lens" | "exifEX:LensModel" => found.lens = found.lens.take().or_else(|| line(value, LONGEST_NAME)),
            _ => {}
        }
    }
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
        read(packet(content).as_bytes())
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
        assert_eq!(read(nested.as_bytes()), Annotations::default());
        assert_eq!(read(b"</a></b>\xff<<>></ />"), Annotations::default());
    }
}
