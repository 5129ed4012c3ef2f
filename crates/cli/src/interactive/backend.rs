//! Draws ratatui's cells with crossterm.
//!
//! ratatui has such a backend, but with features of crossterm, and so of packages that burn shares, that nothing here needs.

use std::io::{self, Write};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::{Attribute, Color as Crossterm, Print, SetAttribute, SetBackgroundColor, SetForegroundColor};
use crossterm::terminal::{self, Clear};
use crossterm::{execute, queue};
use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

pub(super) struct Screen<W: Write> {
    pub out: W,
}

impl<W: Write> Backend for Screen<W> {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let mut look = None;
        let mut next = None;
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                queue!(self.out, MoveTo(x, y))?;
            }
            next = Some((x + 1, y));
            let wanted = (cell.fg, cell.bg, cell.modifier);
            if look != Some(wanted) {
                look = Some(wanted);
                self.set(cell)?;
            }
            queue!(self.out, Print(cell.symbol()))?;
        }
        queue!(self.out, SetAttribute(Attribute::Reset))
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        queue!(self.out, Hide)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        queue!(self.out, Show)
    }

    /// Only asked for where the screen is not the program's own.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        queue!(self.out, MoveTo(x, y))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, part: ClearType) -> io::Result<()> {
        let part = match part {
            ClearType::All => terminal::ClearType::All,
            ClearType::AfterCursor => terminal::ClearType::FromCursorDown,
            ClearType::BeforeCursor => terminal::ClearType::FromCursorUp,
            ClearType::CurrentLine => terminal::ClearType::CurrentLine,
            ClearType::UntilNewLine => terminal::ClearType::UntilNewLine,
        };
        execute!(self.out, Clear(part))
    }

    fn size(&self) -> io::Result<Size> {
        let (width, height) = terminal::size()?;
        Ok(Size { width, height })
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size()?, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Screen<W> {
    fn set(&mut self, cell: &Cell) -> io::Result<()> {
        queue!(self.out, SetAttribute(Attribute::Reset))?;
        for (modifier, attribute) in [
            (Modifier::BOLD, Attribute::Bold),
            (Modifier::DIM, Attribute::Dim),
            (Modifier::REVERSED, Attribute::Reverse),
            (Modifier::UNDERLINED, Attribute::Underlined),
        ] {
            if cell.modifier.contains(modifier) {
                queue!(self.out, SetAttribute(attribute))?;
            }
        }
        if cell.fg != Color::Reset {
            queue!(self.out, SetForegroundColor(colour(cell.fg)))?;
        }
        if cell.bg != Color::Reset {
            queue!(self.out, SetBackgroundColor(colour(cell.bg)))?;
        }
        Ok(())
    }
}

/// The colours that the program uses.
fn colour(colour: Color) -> Crossterm {
    match colour {
        Color::Red => Crossterm::DarkRed,
        Color::Green => Crossterm::DarkGreen,
        Color::Yellow => Crossterm::DarkYellow,
        Color::Cyan => Crossterm::DarkCyan,
        Color::Indexed(index) => Crossterm::AnsiValue(index),
        Color::Rgb(r, g, b) => Crossterm::Rgb { r, g, b },
        _ => Crossterm::Reset,
    }
}
