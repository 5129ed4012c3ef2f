//! The web page: its HTML, rendered on the server so that it works without script, and the files that it refers to.
//!
//! Nothing here knows about HTTP or the index. The server fills a [`Model`] and passes on what [`index`] and [`asset`] return.
//!
//! The page needs no more than this `Content-Security-Policy`: `default-src 'none'; script-src 'self'; style-src 'self';
//! img-src 'self' blob: data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`.

mod assets;
mod escape;
mod html;

pub use assets::{Asset, NAMES, asset, version};
pub use escape::{Escaped, Shown, in_query};
pub use html::{Chip, Failure, Model, Photo, index};
