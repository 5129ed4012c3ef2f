//! The prefixes of names in XMP packets.
//!
//! A name means what its namespace says, and a packet declares which prefix stands for which. Nearly all declare the usual ones,
//! which the specifications recommend. Names of a packet that declares others are rewritten, so that readers need only know the
//! usual ones.

use std::borrow::Cow;

use super::markup::{Markup, next_markup};

/// Namespaces of use, with their usual prefixes.
const NAMESPACES: &[(&str, &str)] = &[
    ("http://www.w3.org/1999/02/22-rdf-syntax-ns#", "rdf"),
    ("http://purl.org/dc/elements/1.1/", "dc"),
    ("http://ns.adobe.com/xap/1.0/", "xmp"),
    ("http://ns.adobe.com/photoshop/1.0/", "photoshop"),
    ("http://ns.adobe.com/exif/1.0/", "exif"),
    ("http://ns.adobe.com/exif/1.0/aux/", "aux"),
    ("http://cipa.jp/exif/1.0/", "exifEX"),
    ("http://ns.adobe.com/lightroom/1.0/", "lr"),
    ("http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "Iptc4xmpCore"),
    ("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "Iptc4xmpExt"),
    ("http://www.metadataworkinggroup.com/schemas/regions/", "mwg-rs"),
    ("http://www.metadataworkinggroup.com/schemas/keywords/", "mwg-kw"),
    ("http://www.digikam.org/ns/1.0/", "digiKam"),
    ("http://darktable.sf.net/", "darktable"),
    ("http://ns.microsoft.com/photo/1.0/", "MicrosoftPhoto"),
    ("http://ns.microsoft.com/photo/1.0", "MicrosoftPhoto"),
    ("http://ns.microsoft.com/photo/1.2/", "MP"),
    ("http://ns.microsoft.com/photo/1.2/t/RegionInfo#", "MPRI"),
    ("http://ns.microsoft.com/photo/1.2/t/Region#", "MPReg"),
    ("http://ns.iview-multimedia.com/mediapro/1.0/", "mediapro"),
    ("http://ns.google.com/photos/1.0/camera/", "GCamera"),
];

/// The most prefixes that are rewritten.
const MOST: usize = 32;

/// The longest prefix, in bytes, that is rewritten, and the longest namespace.
const LONGEST: usize = 64;

/// A packet with the usual prefixes, and not much longer than `longest` bytes: what exceeds them is left out. A prefix that is
/// declared twice has the first meaning; one that is declared for an unknown namespace stays as it is.
pub(super) fn with_usual_prefixes(packet: Cow<'_, str>, longest: usize) -> Cow<'_, str> {
    let unusual = unusual(&packet);
    if unusual.is_empty() {
        return packet;
    }
    let mut rewritten = String::new();
    let mut rest = &*packet;
    while let Some(at) = rest.find('<').filter(|_| rewritten.len() < longest) {
        let (before, markup) = rest.split_at(at);
        rewritten.push_str(before);
        let Some((length, kind)) = next_markup(markup) else { break };
        let (markup, after) = markup.split_at(length);
        match kind {
            Some(Markup::Tag(_)) => rewrite(markup, &unusual, &mut rewritten),
            _ => rewritten.push_str(markup),
        }
        rest = after;
    }
    Cow::Owned(rewritten)
}

/// The prefixes that are declared for namespaces of use and are not the usual ones, with those.
fn unusual(packet: &str) -> Vec<(&str, &'static str)> {
    const DECLARATION: &str = "xmlns:";
    let mut found: Vec<(&str, &str)> = Vec::new();
    for (at, _) in packet.match_indices(DECLARATION) {
        let Some((prefix, usual)) = declaration(&packet[at + DECLARATION.len()..]) else { continue };
        if prefix != usual && found.len() < MOST && !found.iter().any(|(known, _)| *known == prefix) {
            found.push((prefix, usual));
        }
    }
    found
}

/// The prefix that is declared, and the usual one for its namespace.
fn declaration(text: &str) -> Option<(&str, &'static str)> {
    let short = |text: &str, end: fn(char) -> bool| text.bytes().take(LONGEST).position(|byte| end(byte.into()));
    let prefix = &text[..short(text, |c| c == '=' || c.is_ascii_whitespace())?];
    let value = text[prefix.len()..].trim_start().strip_prefix('=')?.trim_start().strip_prefix(['"', '\''])?;
    let namespace = &value[..short(value, |c| c == '"' || c == '\'')?];
    let (_, usual) = NAMESPACES.iter().find(|(known, _)| *known == namespace)?;
    (!prefix.is_empty()).then_some((prefix, *usual))
}

/// Adds a tag, its name and those of its attributes with the usual prefixes.
fn rewrite(tag: &str, unusual: &[(&str, &str)], to: &mut String) {
    let mut quoted = None;
    // Where what is not added yet begins, and the name at hand, if the place is in one.
    let (mut start, mut name) = (0, Some(0));
    for (at, byte) in tag.bytes().enumerate() {
        match (quoted, byte) {
            (Some(quote), _) if quote == byte => quoted = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => (quoted, name) = (Some(byte), None),
            (None, b'<' | b'/' | b' ' | b'\t' | b'\r' | b'\n') => name = Some(at + 1),
            (None, b'=' | b'>') => name = None,
            (None, b':') => {
                if let Some(begin) = name.take()
                    && let Some((_, usual)) = unusual.iter().find(|(known, _)| *known == &tag[begin..at])
                {
                    to.push_str(&tag[start..begin]);
                    to.push_str(usual);
                    start = at;
                }
            }
            _ => {}
        }
    }
    to.push_str(&tag[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(packet: &str) -> String {
        with_usual_prefixes(packet.into(), 1 << 20).into_owned()
    }

    #[test]
    fn names_get_the_usual_prefixes() {
        let packet = r#"a:b <!-- <a:b> --><r:RDF xmlns:r = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
            <r:Description xmlns:a="http://purl.org/dc/elements/1.1/" a:title="a:b <a:b>" b:a='x'
            a:subject='y'><a:title>a:b</a:title ><a:x/><![CDATA[<a:b>]]></r:Description>"#;
        let expected = r#"a:b <!-- <a:b> --><rdf:RDF xmlns:r = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
            <rdf:Description xmlns:a="http://purl.org/dc/elements/1.1/" dc:title="a:b <a:b>" b:a='x'
            dc:subject='y'><dc:title>a:b</dc:title ><dc:x/><![CDATA[<a:b>]]></rdf:Description>"#;
        assert_eq!(usual(packet), expected);
    }

    #[test]
    fn prefixes_may_have_changed_places() {
        let packet = r#"<x xmlns:xmp="http://purl.org/dc/elements/1.1/" xmlns:dc="http://ns.adobe.com/xap/1.0/"><dc:a xmp:b=""/>"#;
        assert!(usual(packet).ends_with(r#"<xmp:a dc:b=""/>"#));
    }

    #[test]
    fn usual_packets_stay_as_they_are() {
        for packet in [
            "",
            "<dc:title>",
            r#"<x xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:a/>"#,
            r#"<x xmlns:dc="http://example.org/"><dc:a/>"#,
            r#"<x xmlns:="http://purl.org/dc/elements/1.1/" xmlns:ä xmlns:y= xmlns:z='"#,
        ] {
            assert!(matches!(with_usual_prefixes(packet.into(), 1 << 20), Cow::Borrowed(same) if same == packet));
        }
    }

    #[test]
    fn no_packet_grows_without_bound() {
        let start = r#"<x xmlns:a="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/">"#;
        let packet = format!("{start}{}", "<a:b>".repeat(100_000));
        let found = with_usual_prefixes((&*packet).into(), 10_000);
        assert!((10_000..10_100).contains(&found.len()), "{}", found.len());
        let declared: String = (0..1000).map(|n| format!(" xmlns:a{n}='http://purl.org/dc/elements/1.1/'")).collect();
        assert_eq!(unusual(&declared).len(), MOST);
    }
}
