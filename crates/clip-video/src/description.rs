//! What ffmpeg says of a file before it decodes anything.

use std::time::Duration;

use crate::light::Light;

/// What ffmpeg says of a video.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// Width in pixels, upright; 0 if that is not known before decoding.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// By how many degrees, clockwise, the stored pictures are turned to be upright: 0, 90, 180 or 270.
    pub rotation: u16,
    /// What the codes of its pictures stand for.
    pub light: Light,
    /// How long it is; `None` if the file does not tell.
    pub duration: Option<Duration>,
    /// When it was made, as the file has it: "2020-02-03T04:05:06.000000Z".
    pub created_at: Option<String>,
}

/// Sides above this are no sides of videos.
const LONGEST_SIDE: u32 = 65_536;

/// Reads what ffmpeg tells of its input; `None` if there are no moving pictures in it.
///
/// ```text
/// Input #0, mov,mp4, from 'file:a.mp4':
///   Metadata:
///     creation_time   : 2020-02-03T04:05:06.000000Z
///   Duration: 00:00:05.32, start: 0.000000, bitrate: 10 kb/s
///   Stream #0:0(und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 320x240 [SAR 1:1 DAR 4:3], 25 fps (default)
///     Side data:
///       displaymatrix: rotation of -90.00 degrees
/// ```
pub(crate) fn read(said: &str) -> Option<Description> {
    let mut found = Description::default();
    let (mut has_pictures, mut is_in_pictures) = (false, false);
    for line in said.lines() {
        let line = line.trim_start();
        if let Some(rest) = line.strip_prefix("Duration: ") {
            found.duration = found.duration.or_else(|| clock(rest.split(',').next()?));
        } else if line.starts_with("Stream #") {
            // A cover is a picture, and does not move.
            is_in_pictures = !has_pictures && line.contains(": Video: ") && !line.contains("(attached pic)");
            if is_in_pictures {
                has_pictures = true;
                (found.width, found.height) = size(line).unwrap_or_default();
                found.light = light(line);
            }
        } else if let Some(rest) = line.strip_prefix("creation_time ") {
            let text = rest.trim_start_matches([' ', ':']).trim_end();
            if found.created_at.is_none() && text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_digit()) {
                found.created_at = Some(text.to_owned());
            }
        } else if let Some(rest) = line.strip_prefix("displaymatrix: rotation of ")
            && is_in_pictures
        {
            found.rotation = rest.split(' ').next().map(quarters).unwrap_or_default();
            if found.rotation % 180 != 0 {
                std::mem::swap(&mut found.width, &mut found.height);
            }
            // Another matrix of the same stream turns nothing.
            is_in_pictures = false;
        }
    }
    has_pictures.then_some(found)
}

/// Degrees counter-clockwise as the nearest number of quarter turns clockwise, in degrees.
fn quarters(degrees: &str) -> u16 {
    let degrees: f64 = degrees.parse().ok().filter(|degrees: &f64| degrees.is_finite()).unwrap_or(0.0);
    let quarters = (-degrees / 90.0).round().rem_euclid(4.0);
    // What is read is 0, 1, 2 or 3.
    90 * quarters as u16
}

/// "00:01:02.50" as a duration.
fn clock(text: &str) -> Option<Duration> {
    let mut parts = text.trim().splitn(3, ':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let seconds: f64 = parts.next()?.parse().ok()?;
    let whole = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?;
    Duration::from_secs(whole).checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

/// What stands for the light in "yuv420p10le(tv, bt2020nc/bt2020/smpte2084, progressive)".
fn light(line: &str) -> Light {
    let is_called = |name: &str| line.split([' ', ',', '/', '(', ')']).any(|word| word == name);
    match () {
        () if is_called("smpte2084") => Light::Pq,
        () if is_called("arib-std-b67") => Light::Hlg,
        () => Light::Standard,
    }
}

/// The first "320x240" of a line: "0x31637661" is none.
fn size(line: &str) -> Option<(u32, u32)> {
    line.split([' ', ',']).find_map(|word| {
        let (width, height) = word.split_once('x')?;
        let side = |text: &str| text.parse().ok().filter(|side| (1..=LONGEST_SIDE).contains(side));
        Some((side(width)?, side(height)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/v/320x200 Duration: 5.mov':
  Metadata:
    creation_time   : 2020-02-03T04:05:06.000000Z
  Duration: 01:02:05.32, start: 0.000000, bitrate: 10 kb/s
  Stream #0:0[0x1](und): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, stereo, fltp, 128 kb/s (default)
  Stream #0:1[0x2](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(progressive), 1920x1080 [SAR 1:1 DAR 16:9], 25 fps
    Metadata:
      creation_time   : 2021-02-03T04:05:06.000000Z
    Side data:
      displaymatrix: rotation of -90.00 degrees
";

    #[test]
    fn a_phone_that_was_held_upright() {
        let found = read(PHONE).unwrap();
        let duration = Some(Duration::from_millis(3_725_320));
        let created_at = Some("2020-02-03T04:05:06.000000Z".to_owned());
        let light = Light::Standard;
        assert_eq!(found, Description { width: 1080, height: 1920, rotation: 90, light, duration, created_at });
    }

    #[test]
    fn the_light_of_phones_that_film_with_a_high_dynamic_range() {
        let line =
            |pixels: &str| format!("  Stream #0:0: Video: hevc (Main 10) (hvc1 / 0x31637668), {pixels}, 1920x1080");
        for (pixels, expected) in [
            ("yuv420p10le(tv, bt2020nc/bt2020/smpte2084, progressive)", Light::Pq),
            ("yuv420p10le(tv, bt2020nc/bt2020/arib-std-b67)", Light::Hlg),
            ("yuv420p10le(tv, bt2020nc/bt2020/bt709, progressive)", Light::Standard),
            ("yuv420p(tv, bt709, progressive)", Light::Standard),
        ] {
            assert_eq!(read(&line(pixels)).unwrap().light, expected, "{pixels}");
        }
    }

    #[test]
    fn turns_are_clockwise_and_by_quarters() {
        for (degrees, expected) in [
            ("-90.00", 90),
            ("90.00", 270),
            ("180.00", 180),
            ("-180.00", 180),
            ("0.00", 0),
            ("-89.20", 90),
            ("30", 0),
            ("nan", 0),
            ("-1e300", 0),
            ("x", 0),
        ] {
            assert_eq!(quarters(degrees) % 360, expected, "{degrees}");
        }
        let twice = PHONE.to_owned() + "      displaymatrix: rotation of -90.00 degrees\n";
        assert_eq!(read(&twice), read(PHONE));
    }

    #[test]
    fn a_recording_without_length_and_a_song_with_a_cover() {
        let endless = "  Duration: N/A, start: 0.0\n  Stream #0:0: Video: vp9, yuv420p(tv), 640x480, 30 fps";
        let found = read(endless).unwrap();
        assert_eq!((found.width, found.height, found.duration), (640, 480, None));
        let song = "  Duration: 00:03:00.00\n  Stream #0:0: Audio: mp3\n  Stream #0:1: Video: png, rgb24, 500x500 (attached pic)";
        assert_eq!(read(song), None);
        assert_eq!(read(""), None);
    }

    #[test]
    fn nonsense_says_nothing() {
        for text in ["99999999999999999999:00:00", "1:2", "00:00:-5", "00:00:nan", "x", "18446744073709551615:9:9"] {
            assert_eq!(clock(text), None, "{text}");
        }
        for line in ["0x31637661", "x", "0x0", "99999x99999", "1x", "x1"] {
            assert_eq!(size(line), None, "{line}");
        }
    }
}
