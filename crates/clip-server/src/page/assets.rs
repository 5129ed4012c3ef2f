//! The files of the page, as they were when the program was built.

use std::borrow::Cow;
use std::sync::LazyLock;

/// A file of the page.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `ETag`, in quotation marks: the [`version`].
    pub etag: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Name, type and content of every file.
const FILES: &[(&str, &str, &[u8])] = &[
    ("app.js", SCRIPT, include_bytes!("assets/app.js")),
    ("api.js", SCRIPT, include_bytes!("assets/api.js")),
    ("chips.js", SCRIPT, include_bytes!("assets/chips.js")),
    ("crop.js", SCRIPT, include_bytes!("assets/crop.js")),
    ("details.js", SCRIPT, include_bytes!("assets/details.js")),
    ("dom.js", SCRIPT, include_bytes!("assets/dom.js")),
    ("grid.js", SCRIPT, include_bytes!("assets/grid.js")),
    ("land.js", SCRIPT, include_bytes!("assets/land.js")),
    ("layout.js", SCRIPT, include_bytes!("assets/layout.js")),
    ("library.js", SCRIPT, include_bytes!("assets/library.js")),
    ("map.js", SCRIPT, include_bytes!("assets/map.js")),
    ("results.js", SCRIPT, include_bytes!("assets/results.js")),
    ("selection.js", SCRIPT, include_bytes!("assets/selection.js")),
    ("theme.js", SCRIPT, include_bytes!("assets/theme.js")),
    ("timeline.js", SCRIPT, include_bytes!("assets/timeline.js")),
    ("style.css", STYLE, include_bytes!("assets/style.css")),
    ("icon.svg", "image/svg+xml", include_bytes!("assets/icon.svg")),
];

/// The names that [`asset`] knows.
pub const NAMES: [&str; FILES.len()] = {
    let mut names = [""; FILES.len()];
    let mut at = 0;
    while at < FILES.len() {
        names[at] = FILES[at].0;
        at += 1;
    }
    names
};

/// `ETag` of all files.
static ETAG: LazyLock<String> = LazyLock::new(|| format!("\"{}\"", version()));

/// A hash of all files, in hexadecimal. URLs of files carry it (`/assets/app.js?v=HASH`), so what they lead to may be cached for
/// ever. There is one for all, because scripts refer to one another.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let parts = FILES.iter().flat_map(|(name, _, bytes)| [name.as_bytes(), bytes]);
        let hash = fnv1a(parts);
        // Half of it will do, and stands in the page many times.
        format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
    });
    &VERSION
}

/// FNV-1a of the parts, with their lengths.
fn fnv1a<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u64 {
    let bytes = parts.flat_map(|part| part.len().to_le_bytes().into_iter().chain(part.iter().copied()));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The file with this name; none if the page has no such file.
pub fn asset(name: &str) -> Option<Asset> {
    static SERVED: LazyLock<Vec<Cow<'static, [u8]>>> =
        LazyLock::new(|| FILES.iter().map(|(_, kind, bytes)| served(kind, bytes)).collect());
    let at = FILES.iter().position(|file| file.0 == name)?;
    Some(Asset { bytes: Cow::Borrowed(SERVED.get(at)?), content_type: FILES[at].1, etag: &ETAG })
}

/// A file as browsers get it.
fn served(kind: &str, bytes: &'static [u8]) -> Cow<'static, [u8]> {
    match str::from_utf8(bytes) {
        Ok(text) if kind == SCRIPT => Cow::Owned(versioned(&terse(text)).into_bytes()),
        Ok(text) if kind == STYLE => Cow::Owned(terse(text).into_bytes()),
        _ => Cow::Borrowed(bytes),
    }
}

/// A script or style sheet without indentation, empty lines and lines of comment: a fifth less to send. No text in the files of the
/// page goes over more than one line, so none is changed.
fn terse(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut is_comment = false;
    for line in text.lines().map(str::trim) {
        if is_comment || line.starts_with("/*") {
            is_comment = !line.ends_with("*/");
        } else if !line.is_empty() && !line.starts_with("//") {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// A script whose imports carry the version. Without it, a browser would go on using the modules of an earlier release.
fn versioned(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 256);
    let mut rest = text;
    while let Some(at) = rest.find("\"./") {
        let name_at = at + 3;
        let name_end = rest[name_at..].find('"').map_or(rest.len(), |length| name_at + length);
        out.push_str(&rest[..name_end]);
        if NAMES.contains(&&rest[name_at..name_end]) {
            out.push_str("?v=");
            out.push_str(version());
        }
        rest = &rest[name_end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_and_no_other() {
        for name in NAMES {
            let asset = asset(name).unwrap();
            assert!(!asset.bytes.is_empty(), "{name}");
            assert_eq!(asset.etag, format!("\"{}\"", version()));
        }
        for name in ["", "app", "../mod.rs", "APP.JS", "app.js/"] {
            assert!(asset(name).is_none(), "{name}");
        }
    }

    #[test]
    fn imports_carry_the_version_and_exist() {
        for name in NAMES.iter().filter(|name| name.ends_with(".js")) {
            let script = String::from_utf8(asset(name).unwrap().bytes.into_owned()).unwrap();
            for (at, _) in script.match_indices("\"./") {
                let import = script[at + 3..].split('"').next().unwrap();
                let (file, query) = import.split_once('?').unwrap_or_else(|| panic!("{name} imports {import}"));
                assert!(NAMES.contains(&file), "{name} imports {file}");
                assert_eq!(query, format!("v={}", version()));
            }
        }
    }

    #[test]
    fn the_version_depends_on_every_byte() {
        assert_eq!(fnv1a([].into_iter()), 0xcbf2_9ce4_8422_2325);
        let parts: [&[u8]; 2] = [b"ab", b"c"];
        let others: [&[u8]; 2] = [b"a", b"bc"];
        assert_ne!(fnv1a(parts.into_iter()), fnv1a(others.into_iter()));
        assert_eq!(version().len(), 8);
    }

    #[test]
    fn the_page_is_light() {
        // These are fetched when they are first needed.
        let first = NAMES.iter().filter(|name| !["crop.js", "land.js", "map.js"].contains(*name));
        let total =
            first.map(|name| asset(name).unwrap().bytes.len()).sum::<usize>() + include_str!("index.html").len();
        assert!(total < 100_000, "{total} bytes");
    }

    #[test]
    fn only_comments_and_indentation_are_left_out() {
        assert_eq!(terse("// a\n\n/** b\n * c\n */\n  d; // e\n/* f */\n\tg\n"), "d; // e\ng\n");
        for (name, kind, bytes) in FILES {
            if !["text/javascript", "text/css"].iter().any(|text| kind.starts_with(text)) {
                continue;
            }
            let text = terse(str::from_utf8(bytes).unwrap());
            for line in text.lines() {
                assert!(line.matches('`').count().is_multiple_of(2), "{name} has a text over several lines: {line}");
                assert!(!line.starts_with('*') || *kind == STYLE, "{name}: {line}");
            }
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for name in NAMES {
            let text = String::from_utf8_lossy(&asset(name).unwrap().bytes).replace("http://www.w3.org/2000/svg", "");
            for sign in ["http://", "https://", "\"//", "url(//", "eval(", "innerHTML", "new Function"] {
                assert!(!text.contains(sign), "{name} has {sign}");
            }
        }
    }
}
