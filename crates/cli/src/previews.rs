//! Pictures of results below their lines, on a terminal.

use console::Term;

use clip_search::Hit;

use crate::args::PreviewArg;
use crate::decoder::decoder;
use crate::terminal::pictures::{Area, Drawing};
use crate::terminal::{Look, Thumbnails};

/// The most that a picture covers.
const ROOM: Area = Area { columns: 24, rows: 6 };

/// Results that get a picture unless a number is asked for.
const USUAL: usize = 10;

/// The pictures of results, in their order.
pub(crate) struct Previews(Option<Thumbnails>);

impl Previews {
    /// Begins to make pictures of the first of these results, as many as were asked for, in the best way that the terminal
    /// knows. Without being asked, only real pictures are shown: those made of characters take up much of the screen for
    /// the little that they show.
    pub fn of<'a>(hits: impl Iterator<Item = &'a Hit>, wanted: PreviewArg, look: &Look) -> Self {
        let wanted = match wanted {
            _ if !look.is_terminal => return Self(None),
            PreviewArg::Never => return Self(None),
            PreviewArg::Auto => None,
            PreviewArg::First(number) => Some(number),
        };
        let photos: Vec<_> = hits
            .take(wanted.unwrap_or(USUAL))
            .map(|hit| hit.paths().find(|path| path.exists()).unwrap_or(&hit.path).to_owned())
            .collect();
        if photos.is_empty() {
            return Self(None);
        }
        let Some(room) = room() else { return Self(None) };
        let protocol = look.real_pictures().or_else(|| wanted.and(look.block_pictures()));
        Self(protocol.map(|protocol| Thumbnails::of(photos, &decoder(), protocol, room)))
    }

    /// The picture of the next result.
    pub fn next(&mut self) -> Option<Drawing> {
        self.0.as_mut()?.next()
    }
}

/// What pictures may cover: less on a small terminal, on which lines must not scroll away while one is drawn.
fn room() -> Option<Area> {
    let (rows, columns) = Term::stdout().size_checked()?;
    let room =
        Area { columns: ROOM.columns.min(columns.saturating_sub(3)), rows: ROOM.rows.min(rows.saturating_sub(2)) };
    (room.columns > 0 && room.rows > 0).then_some(room)
}
