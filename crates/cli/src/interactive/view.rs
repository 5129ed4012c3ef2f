//! Draws the state on the screen.

use std::hash::{DefaultHasher, Hash, Hasher};

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::gallery::{Gallery, Key, Picture};
use super::row::Row;
use super::state::{State, Status};
use crate::escape::{escaped, escaped_text};
use crate::output::count;
use crate::terminal::bar;
use crate::terminal::pictures::Area;

/// Columns of details, and of a screen that has room for them.
const DETAILS: u16 = 44;
const WIDE: u16 = 90;

/// What a picture in the list covers.
const SMALL: Area = Area { columns: 12, rows: 4 };

/// Rows of the picture beside the list, at most.
const LARGE_ROWS: u16 = 14;

const KEYS: &str = "↑↓ select  Enter open  ^Y copy path  ^L more like this  ^X less like this  Tab details  Esc quit";

/// A picture's place on the screen.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    pub x: u16,
    pub y: u16,
    pub key: Key,
}

/// Draws everything but real pictures, whose places it returns. Whatever was drawn over those before is overwritten.
pub(super) fn draw(frame: &mut Frame<'_>, state: &mut State, gallery: &Gallery) -> Vec<Place> {
    let [text, status, body, keys] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    draw_input(frame, state, text);
    draw_status(frame, state, status);
    frame.render_widget(Paragraph::new(KEYS).style(dim()), keys);
    let has_details = state.has_details && body.width >= WIDE && state.selected().is_some();
    let width = if has_details { DETAILS } else { 0 };
    let [list, details] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(width)]).areas(body);
    let mut places = draw_list(frame, state, gallery, list);
    if has_details && let Some(row) = state.selected() {
        places.extend(draw_details(frame, row, gallery, details));
    }
    places
}

fn draw_input(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let columns = area.width.saturating_sub(2);
    let (text, cursor) = state.input.shown(columns.into());
    let line = Line::from(vec![Span::styled("> ", Style::new().fg(Color::Cyan)), Span::raw(text)]);
    frame.render_widget(Paragraph::new(line), area);
    let cursor = u16::try_from(cursor).unwrap_or(0).min(columns.saturating_sub(1));
    frame.set_cursor_position((area.x + 2 + cursor, area.y));
}

fn draw_status(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let (text, style) = match (&state.flash, &state.status) {
        (Some(flash), _) => (flash.clone(), Style::new()),
        (None, Status::Empty) => ("describe the photos to find".to_owned(), dim()),
        (None, Status::Searching) => ("searching ...".to_owned(), dim()),
        (None, Status::Failed(reason)) => (reason.clone(), Style::new().fg(Color::Red)),
        (None, Status::Found { notes }) => {
            let found = match state.rows.as_slice() {
                [] => "nothing found".to_owned(),
                rows if rows.iter().any(|row| row.is_match) => count(rows.len() as u64, "result"),
                _ => "nothing matches well; the nearest are:".to_owned(),
            };
            let notes = notes.iter().map(|note| format!("; {note}"));
            (found + &notes.collect::<String>(), dim())
        }
    };
    frame.render_widget(Paragraph::new(escaped_text(&text)).style(style), area);
}

fn draw_list(frame: &mut Frame<'_>, state: &mut State, gallery: &Gallery, area: Rect) -> Vec<Place> {
    let has_pictures = gallery.protocol().is_some() && area.height >= SMALL.rows && area.width > 2 * SMALL.columns;
    let height = if has_pictures { SMALL.rows } else { 1 };
    state.page = usize::from(area.height / height).max(1);
    // Page by page: what does not move need not be drawn again.
    let top = state.selected / state.page * state.page;
    let mut places = Vec::new();
    for (at, row) in state.rows.iter().enumerate().skip(top).take(state.page) {
        let y = area.y + u16::try_from(at - top).unwrap_or(0) * height;
        let whole = Rect { x: area.x, y, width: area.width, height: height.min(area.bottom().saturating_sub(y)) };
        let is_selected = at == state.selected;
        if !has_pictures {
            let mut spans = vec![mark(is_selected)];
            spans.extend(score(row));
            spans.push(Span::styled(escaped(&row.path), chosen(is_selected, row.is_match)));
            frame.render_widget(Paragraph::new(Line::from(spans)), whole);
            continue;
        }
        let picture = Rect { x: whole.x + 2, width: SMALL.columns, height: SMALL.rows, ..whole };
        places.extend(draw_picture(frame, row, gallery, picture));
        let words = Rect { x: picture.right() + 1, width: whole.right().saturating_sub(picture.right() + 1), ..whole };
        let name = row.path.file_name().map(|name| escaped(name.as_ref())).unwrap_or_default();
        let folder = row.path.parent().map(escaped).unwrap_or_default();
        let lines = vec![
            Line::from(Span::styled(name, chosen(is_selected, row.is_match))),
            Line::from(score(row)),
            Line::from(Span::styled(folder, dim())),
        ];
        frame.render_widget(Paragraph::new(lines), words);
        let marks: Vec<Line<'_>> = (0..height.saturating_sub(1)).map(|_| Line::from(mark(is_selected))).collect();
        frame.render_widget(Paragraph::new(marks), Rect { width: 2, ..whole });
    }
    places
}

fn draw_details(frame: &mut Frame<'_>, row: &Row, gallery: &Gallery, area: Rect) -> Option<Place> {
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area };
    let rows = if gallery.protocol().is_some() { LARGE_ROWS.min(area.height / 2) } else { 0 };
    let [picture, words] = Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(area);
    let name = row.path.file_name().map(|name| escaped(name.as_ref())).unwrap_or_default();
    let mut lines = vec![Line::from(Span::styled(name, Style::new().add_modifier(Modifier::BOLD)))];
    lines.extend(row.details.iter().map(|(name, value)| {
        Line::from(vec![Span::styled(format!("{name}  "), dim()), Span::raw(escaped_text(value))])
    }));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), words);
    (rows > 0).then(|| draw_picture(frame, row, gallery, picture)).flatten()
}

/// Draws a picture of characters, or keeps the place for a real one.
fn draw_picture(frame: &mut Frame<'_>, row: &Row, gallery: &Gallery, area: Rect) -> Option<Place> {
    let area = area.intersection(frame.area());
    if area.is_empty() {
        return None;
    }
    let key = (row.path.clone(), Area { columns: area.width, rows: area.height });
    match gallery.get(&key) {
        Some(Picture::Pixels(picture)) => {
            for (x, y) in (0..area.width).flat_map(|x| (0..area.height).map(move |y| (x, y))) {
                let colour = |y: u16| {
                    let [r, g, b] = picture.get_pixel_checked(x.into(), y.into())?.0;
                    Some(Color::Rgb(r, g, b))
                };
                if let Some(upper) = colour(2 * y)
                    && let Some(cell) = frame.buffer_mut().cell_mut((area.x + x, area.y + y))
                {
                    cell.set_symbol("▀").set_fg(upper).set_bg(colour(2 * y + 1).unwrap_or(Color::Reset));
                }
            }
        }
        Some(Picture::Drawing(_)) => {
            // Blanks that differ from picture to picture: ratatui writes what changes, and that takes the old one away.
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            let style = Style::new().fg(Color::Indexed((hasher.finish() % 200) as u8 + 16));
            frame.buffer_mut().set_style(area, style);
        }
        None => {}
    }
    Some(Place { x: area.x, y: area.y, key })
}

fn score(row: &Row) -> Vec<Span<'static>> {
    let style = match row.relevance {
        _ if !row.is_match => dim(),
        Some(relevance) if relevance >= 0.8 => Style::new().fg(Color::Green),
        Some(relevance) if relevance >= 0.5 => Style::new().fg(Color::Yellow),
        _ => Style::new(),
    };
    let drawn = row.relevance.map(|relevance| Span::styled(format!("{}  ", bar(relevance, 8)), style));
    drawn.into_iter().chain([Span::styled(format!("{}  ", row.mark), style)]).collect()
}

fn mark(is_selected: bool) -> Span<'static> {
    Span::styled(if is_selected { "▌ " } else { "  " }, Style::new().fg(Color::Cyan))
}

fn chosen(is_selected: bool, is_match: bool) -> Style {
    match (is_selected, is_match) {
        (true, _) => Style::new().add_modifier(Modifier::REVERSED),
        (false, true) => Style::new().add_modifier(Modifier::BOLD),
        (false, false) => dim(),
    }
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

#[cfg(test)]
mod tests {
    use clip_image::Decoder;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn state() -> State {
        let mut state = State::new("a cat".into());
        let row = |number: u64| Row {
            id: number,
            path: format!("/photos/\u{1b}[31m{number}.jpg").into(),
            relevance: Some(0.9 - number as f32 / 100.0),
            is_match: number < 20,
            mark: "0.900".into(),
            details: vec![("camera", "Nikon\u{7}".into())],
        };
        state.show(Ok(((0..40).map(row).collect(), vec!["a note".into()])));
        state
    }

    fn screen(state: &mut State, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let gallery = Gallery::new(None, &Decoder::default());
        terminal.draw(|frame| drop(draw(frame, state, &gallery))).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn any_size_of_screen_can_be_drawn() {
        for (columns, rows) in [(1, 1), (2, 30), (200, 1), (20, 5), (80, 24), (120, 40), (300, 100)] {
            let mut state = state();
            for selected in [0, 17, 39] {
                state.selected = selected;
                screen(&mut state, columns, rows);
            }
        }
    }

    #[test]
    fn what_is_selected_is_on_the_screen_with_its_details() {
        let mut state = state();
        state.selected = 33;
        let shown = screen(&mut state, 120, 20);
        assert!(shown.contains("▌ ") && shown.contains("33.jpg") && shown.contains("40 results; a note"), "{shown}");
        assert!(shown.contains(r"camera  Nikon\u{7}") && shown.contains(r"/photos/\u{1b}[31m33.jpg"), "{shown}");
        state.has_details = false;
        assert!(!screen(&mut state, 120, 20).contains("camera"));
        state.has_details = true;
        assert!(!screen(&mut state, 60, 20).contains("camera"));
    }
}
