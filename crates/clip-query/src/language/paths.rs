//! Relative paths in a query to absolute ones, so that it means the same in every folder.

use std::path::{Path, PathBuf};

use super::error::{ParseError, ParseErrorKind};
use super::expr;
use super::grammar::is_picture;
use super::token::{self, Kind, Token};

/// A query whose relative paths, of pictures and in `under:`, were made absolute: they begin in `folder`, which is absolute.
/// Everything else is as it was written. Paths that begin with `~/` stay, since they mean the same everywhere.
///
/// ```
/// use std::path::Path;
/// use clip_query::language::with_absolute_paths;
///
/// let query = with_absolute_paths("./beach.jpg -dog under:2019 last summer", Path::new("/photos"))?;
/// assert_eq!(query, "file:\"/photos/beach.jpg\" -dog under:\"/photos/2019\" last summer");
/// # Ok::<(), clip_query::language::ParseError>(())
/// ```
///
/// # Errors
/// Where the text cannot be read, the same as [`parse`](super::parse) gives, except for what only the grammar knows;
/// [`ParseErrorKind::UnwritablePath`] where a path would be one that no query can have.
pub fn with_absolute_paths(text: &str, folder: &Path) -> Result<String, ParseError> {
    let tokens = token::tokens(text)?;
    let mut written = String::with_capacity(text.len());
    let mut expected = Vec::with_capacity(tokens.len());
    let mut from = 0;
    let mut first = None;
    for Token { kind, span } in tokens {
        let Some((name, path)) = relative(&kind, folder) else {
            expected.push(kind);
            continue;
        };
        let unwritable = || ParseError::new(ParseErrorKind::UnwritablePath { path: path.clone() }, span.clone());
        let value = path.to_str().ok_or_else(unwritable)?.to_owned();
        written.push_str(&text[from..span.start]);
        written.push_str(&name);
        written.push(':');
        let quoted = is_quotable(&value);
        written.push_str(&if quoted { format!("\"{value}\"") } else { value.clone() });
        from = span.end;
        first.get_or_insert_with(unwritable);
        expected.push(Kind::Field { name, value, quoted });
    }
    // Most queries have no paths.
    let Some(unwritable) = first else { return Ok(text.to_owned()) };
    written.push_str(&text[from..]);
    // Some paths cannot be written in any way. Rather than knowing which, this looks at what was made of them.
    let kinds = token::tokens(&written).map(|tokens| tokens.into_iter().map(|token| token.kind).collect::<Vec<_>>());
    if kinds.is_ok_and(|kinds| kinds == expected) { Ok(written) } else { Err(unwritable) }
}

/// The name of the field and the absolute path for a token that has a relative one.
fn relative(kind: &Kind, folder: &Path) -> Option<(String, PathBuf)> {
    let (name, path) = match kind {
        Kind::Word(word) if is_picture(word) => ("file", Path::new(word)),
        Kind::Field { name, value, .. } if ["file", "under"].iter().any(|known| name.eq_ignore_ascii_case(known)) => {
            (name.as_str(), Path::new(value))
        }
        _ => return None,
    };
    // Without the dots of `./beach.jpg`; those of `../` stay, since a link may lead elsewhere.
    let absolute = || folder.join(path).components().collect();
    (!path.is_absolute() && !path.starts_with("~")).then(|| (name.to_owned(), absolute()))
}

/// Whether a text is the same between quotation marks.
fn is_quotable(text: &str) -> bool {
    !text.contains('"') && expr::one_line(text) == text
}
