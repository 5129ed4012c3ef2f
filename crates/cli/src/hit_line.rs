//! A result of a search as a line for people.

use clip_search::{Hit, Kind};

use crate::escape::escaped;
use crate::terminal::{Look, Part, Style, bar};

/// Columns of the bar that shows how relevant a result is.
const BAR: usize = 8;

/// From here on a result is likely to be what was meant, and nearly sure to be.
const LIKELY: f32 = 0.5;
const SURE: f32 = 0.8;

/// The parts of a result's line. Without a terminal they are what scripts have always read: a score and a path.
pub(crate) fn parts(hit: &Hit, look: &Look) -> Vec<Part> {
    let mut parts = Vec::new();
    let style = match hit.relevance {
        _ if !hit.is_match => Style::Dim,
        Some(relevance) if relevance >= SURE => Style::Good,
        Some(relevance) if relevance >= LIKELY => Style::Fair,
        _ => Style::Plain,
    };
    if let Some(relevance) = hit.relevance.filter(|_| look.is_terminal) {
        parts.push(Part::new(style, bar(relevance, BAR)));
        parts.push(Part::new(Style::Plain, "  "));
    }
    // A file that is asked for by its name has a score beyond all others, which would only puzzle people.
    match hit.relevance.or(hit.adjusted.map(|adjusted| adjusted.min(1.0))) {
        Some(score) => parts.push(Part::new(style, format!("{score:.3}"))),
        // Where nothing was described, the date is what tells results apart.
        None => parts.push(Part::new(Style::Dim, format!("{:10}", day(hit).unwrap_or_else(|| "no date".to_owned())))),
    }
    parts.push(Part::new(Style::Plain, "  "));
    let path = escaped(&hit.path);
    // The last part of the path, as it is shown.
    let name = hit.path.file_name().map(|name| escaped(name.as_ref())).unwrap_or_default();
    let (folder, name) = path.split_at(path.len().saturating_sub(name.len()));
    parts.push(Part::new(Style::Dim, folder).linked(&hit.path));
    parts.push(Part::new(if hit.is_match { Style::Bold } else { Style::Dim }, name).linked(&hit.path));
    if hit.record.asset.kind == Kind::Video {
        parts.push(Part::new(Style::Dim, format!(" at {}", clock(hit.position))));
    }
    parts
}

/// Milliseconds from the beginning of a video, as players show them: "1:23".
pub(crate) fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// The day that a photo was taken, by the clock of the place.
pub(crate) fn day(hit: &Hit) -> Option<String> {
    let seconds = hit.record.asset.taken_at_place()?;
    let day = jiff::Timestamp::from_second(seconds).ok()?.to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    Some(day.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_as_players_show_them() {
        assert_eq!([0, 9_999, 83_000, 3_723_400].map(clock), ["0:00", "0:09", "1:23", "1:02:03"]);
    }
}
