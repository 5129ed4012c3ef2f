//! The parts of an XML document, as far as XMP packets need them.

/// The markup that a text begins with, if any of it is of use, and its length in bytes; none if it has no end.
pub(super) fn next_markup(rest: &str) -> Option<(usize, Option<Markup<'_>>)> {
    if rest.starts_with("<!--") {
        return Some((rest.find("-->")? + 3, None));
    }
    if rest.starts_with("<?") {
        return Some((rest.find("?>")? + 2, None));
    }
    if rest.starts_with("<![CDATA[") {
        let end = rest.find("]]>")?;
        return Some((end + 3, Some(Markup::Literal(&rest[9..end.max(9)]))));
    }
    let end = end_of_tag(rest)?;
    Some((end + 1, Some(Markup::Tag(&rest[1..end]))))
}

/// A part of a packet that is not plain text.
pub(super) enum Markup<'a> {
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
