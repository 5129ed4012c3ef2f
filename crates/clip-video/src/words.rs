//! What ffmpeg says on its standard error: times of frames, and what is wrong.

use std::collections::VecDeque;
use std::io::{self, Read};

/// No line of interest is longer. What follows in a longer one is dropped.
const LONGEST_LINE: usize = 2048;

/// So many lines are kept to say what is wrong.
const LAST_LINES: usize = 8;

/// No message is longer.
const LONGEST_MESSAGE: usize = 200;

/// Calls `line` with each line, without its end. Lines are cut, and what is not UTF-8 is replaced.
pub(crate) fn each_line(mut from: impl Read, mut line: impl FnMut(&str)) -> io::Result<()> {
    let (mut chunk, mut current) = ([0; 4096], Vec::new());
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        for &byte in chunk.iter().take(read) {
            if byte == b'\n' || byte == b'\r' {
                line(&String::from_utf8_lossy(&current));
                current.clear();
            } else if current.len() < LONGEST_LINE {
                current.push(byte);
            }
        }
    }
    if !current.is_empty() {
        line(&String::from_utf8_lossy(&current));
    }
    Ok(())
}

/// The time of a frame, in milliseconds, if that is what a line of the filter with this name tells.
///
/// `[showinfo@4d2 @ 0x55d0] n:   3 pts:  12800 pts_time:1.04    duration: ...`
pub(crate) fn time_of_frame(line: &str, filter: &str) -> Option<u64> {
    let rest = line.strip_prefix('[')?.strip_prefix(filter)?;
    let (_, rest) = rest.split_once("] n:")?;
    let (_, rest) = rest.split_once(" pts_time:")?;
    let seconds: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
    // A little before the beginning is the beginning. No video lasts a century.
    seconds.is_finite().then(|| (seconds.clamp(0.0, 3.2e9) * 1000.0).round() as u64)
}

/// The last that was said.
#[derive(Debug, Default)]
pub(crate) struct LastWords {
    lines: VecDeque<String>,
}

impl LastWords {
    pub fn push(&mut self, line: &str) {
        if !line.trim().is_empty() {
            if self.lines.len() == LAST_LINES {
                self.lines.pop_front();
            }
            self.lines.push_back(line.to_owned());
        }
    }

    /// In one line, without the name of the input and what else is of no use.
    pub fn message(&self, input: &str) -> String {
        // "[hls @ 0x55] Format not on whitelist 'mov,…'" says more than the "Invalid argument" after it.
        let refused = self.lines.iter().find_map(|line| {
            let (format, rest) = line.strip_prefix('[')?.split_once(" @ ")?;
            rest.contains("] Format not on whitelist").then_some(format)
        });
        if let Some(format) = refused {
            let format: String = format.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE / 4).collect();
            return format!("expected a video, found what ffmpeg calls {format}");
        }
        let line = self.lines.back().map_or("it does not say why", String::as_str);
        let line = line.strip_prefix(input).map_or(line, |rest| rest.trim_start_matches([':', ' ']));
        // "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55f0da68d940] moov atom not found"
        let line = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, rest)| rest);
        let safe = line.chars().map(|c| if c.is_control() { ' ' } else { c });
        safe.take(LONGEST_MESSAGE).collect::<String>().trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_told_one_by_one() {
        let text = [b"a\r\n\xff\n".to_vec(), vec![b'x'; 10_000], b"\nlast".to_vec()].concat();
        let mut lines = Vec::new();
        each_line(&text[..], |line| lines.push(line.to_owned())).unwrap();
        assert_eq!(lines, ["a".to_owned(), String::new(), "\u{fffd}".into(), "x".repeat(LONGEST_LINE), "last".into()]);
    }

    #[test]
    fn times_of_frames() {
        let line = |time: &str| format!("[showinfo@4d2 @ 0x55d0] n:   3 pts:  12800 pts_time:{time}    pos:1");
        let time_of_frame = |line: &str| super::time_of_frame(line, "showinfo@4d2");
        assert_eq!(time_of_frame(&line("1.04")), Some(1040));
        assert_eq!(time_of_frame(&line("-0.1")), Some(0));
        for time in ["nan", "inf", "NOPTS", ""] {
            assert_eq!(time_of_frame(&line(time)), None, "{time}");
        }
        assert_eq!(time_of_frame("  title: [showinfo@4d2 @ 0] n: 1 pts_time:5"), None);
        assert_eq!(time_of_frame("[showinfo@4d2 @ 0x55d0] config in time_base: 1/12800"), None);
        // Of a file that has a line break and what follows in its name.
        assert_eq!(time_of_frame("[Parsed_showinfo_2 @ 0] n: 1 pts_time:5"), None);
    }

    #[test]
    fn the_last_line_says_what_is_wrong() {
        let mut words = LastWords::default();
        assert_eq!(words.message("file:a"), "it does not say why");
        words.push("[mov,mp4 @ 0x5] moov atom\tnot found");
        words.push(" ");
        assert_eq!(words.message("file:a"), "moov atom not found");
        words.push("[hls @ 0x55] Format not on whitelist 'mov,mp4'");
        words.push("file:a: Invalid argument");
        assert_eq!(words.message("file:a"), "expected a video, found what ffmpeg calls hls");
        let mut words = LastWords::default();
        words.push("file:a: Invalid data found when processing input");
        assert_eq!(words.message("file:a"), "Invalid data found when processing input");
        words.push(&"é".repeat(1000));
        assert_eq!(words.message("file:a").chars().count(), LONGEST_MESSAGE);
    }
}
