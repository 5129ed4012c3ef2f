//! `query --interactive`: results while one types.
//!
//! The main thread reads keys and draws; one thread searches, and others make pictures. [`State`] is what is on the screen,
//! changed by keys and results alone, [`view`] draws it, and [`Own`] gives the terminal back as it was, whatever happens.

mod backend;
mod desktop;
mod gallery;
mod input;
mod row;
mod searching;
mod state;
mod view;

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clip_search::Hit;
use crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
    enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;

use self::backend::Screen;
use self::gallery::{Gallery, Picture};
use self::row::Row;
use self::searching::Searching;
use self::state::{Action, State};
use self::view::Place;
use crate::decoder::decoder;
use crate::escape::escaped;
use crate::terminal::Look;
use crate::terminal::pictures::{Protocol, erasing};

/// How often it is looked whether there are results or pictures, if no key is pressed.
const TICK: Duration = Duration::from_millis(40);

/// Whether a person sits at a terminal on which this can work.
pub(crate) fn check_terminal() -> Result<()> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        bail!("--interactive needs a terminal, but standard input or output is not one; leave it out");
    }
    if std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
        bail!("--interactive needs a terminal with a cursor, and TERM is `dumb`; omit it");
    }
    Ok(())
}

/// Searches for what is typed, beginning with `text`, until the user has enough. `search` gives results and what is to be
/// said of the way in which the text was understood.
pub(crate) fn run(
    text: String,
    has_pictures: bool,
    search: impl Fn(&str) -> Result<(Vec<Hit>, Vec<String>), String> + Send + 'static,
) -> Result<()> {
    // Before the screen is taken over: the terminal may have to be asked.
    let look = Look::of_stdout();
    let blocks = || look.block_pictures().filter(|blocks| *blocks == Protocol::Blocks { is_true_colour: true });
    let protocol = if has_pictures { look.real_pictures().or_else(blocks) } else { None };
    let stopped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stopped);
    ctrlc::set_handler(move || seen.store(true, Ordering::SeqCst)).context("cannot prepare for Ctrl-C")?;
    let searching = Searching::with(move |text| {
        let (hits, notes) = search(text)?;
        Ok((hits.iter().map(Row::from).collect(), notes))
    });
    let mut state = State::new(text);
    // Without a text, the model is loaded meanwhile.
    searching.ask(state.input.text());
    let mut gallery = Gallery::new(protocol, &decoder());
    let own = Own::take(protocol).context("cannot set up the terminal")?;
    let mut terminal = Terminal::new(Screen { out: BufWriter::with_capacity(1 << 16, io::stdout()) })?;
    let mut drawn = Vec::new();
    let mut is_changed = true;
    while !stopped.load(Ordering::SeqCst) {
        if let Some((text, found)) = searching.answer()? {
            // What was found for another text is too late.
            if text == state.input.text() && !text.trim().is_empty() {
                state.show(found);
                is_changed = true;
            }
        }
        is_changed |= gallery.take_up();
        if is_changed {
            draw(&mut terminal, &mut state, &mut gallery, &mut drawn)?;
        }
        is_changed = event::poll(TICK)?;
        // All that was typed meanwhile, before anything is drawn.
        while event::poll(Duration::ZERO)? {
            let event = event::read()?;
            if matches!(event, Event::Resize(..)) {
                terminal.clear()?;
                drawn.clear();
            }
            match state.handle(&event) {
                Action::None => {}
                Action::Search => searching.ask(state.input.text()),
                Action::Open(photo) => {
                    let shown = escaped(&photo);
                    state.flash = Some(desktop::open(&photo).map_or_else(|why| why, |()| format!("opening {shown}")));
                }
                Action::Copy(path) => {
                    desktop::copy(&path, &mut terminal.backend_mut().out)?;
                    state.flash = Some(format!("copied {}", escaped(&path)));
                }
                Action::Quit => {
                    drop(own);
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// Draws the screen, and over it the pictures that are not there yet.
fn draw(
    terminal: &mut Terminal<Screen<BufWriter<Stdout>>>,
    state: &mut State,
    gallery: &mut Gallery,
    drawn: &mut Vec<Place>,
) -> io::Result<()> {
    queue!(terminal.backend_mut().out, BeginSynchronizedUpdate)?;
    let mut places = Vec::new();
    terminal.draw(|frame| places = view::draw(frame, state, gallery))?;
    let keys: Vec<_> = places.iter().map(|place| place.key.clone()).collect();
    gallery.want(&keys);
    places.retain(|place| matches!(gallery.get(&place.key), Some(Picture::Drawing(_))));
    let out = &mut terminal.backend_mut().out;
    if places != *drawn {
        let erasing = gallery.protocol().map_or(&b""[..], erasing);
        if !erasing.is_empty() {
            // Text does not cover these.
            out.write_all(erasing)?;
            drawn.clear();
        }
        queue!(out, cursor::SavePosition)?;
        for place in places.iter().filter(|place| !drawn.contains(place)) {
            if let Some(Picture::Drawing(drawing)) = gallery.get(&place.key) {
                queue!(out, cursor::MoveTo(place.x, place.y))?;
                out.write_all(&drawing.bytes)?;
            }
        }
        queue!(out, cursor::RestorePosition)?;
        *drawn = places;
    }
    execute!(out, EndSynchronizedUpdate)
}

/// A terminal that is the program's own for a while.
struct Own(Option<Protocol>);

impl Own {
    fn take(protocol: Option<Protocol>) -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on, what is done is undone.
        let own = Self(protocol);
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(own)
    }
}

impl Drop for Own {
    /// Also while a panic unwinds.
    fn drop(&mut self) {
        let mut out = io::stdout();
        let _ = out.write_all(self.0.map_or(b"", erasing));
        let _ = execute!(out, EndSynchronizedUpdate, DisableBracketedPaste, cursor::Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}
