//! Dates and times, as EXIF has them and otherwise, to seconds since 1970.

/// A time, and what the clock showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Seconds since 1970-01-01T00:00:00 UTC.
    pub(crate) seconds: i64,
    /// Minutes ahead of UTC, if that is known.
    pub(crate) offset: Option<i16>,
}

/// The time of an EXIF date ("2004:08:11 16:45:32") at a given offset
/// ("+02:00"). `None` unless it is a real date: cameras without a set clock write zeros or blanks.
///
/// EXIF dates are the camera's local time. Without an offset nobody can tell where that was, and
/// the date is taken as UTC: the day and the order of one camera's photos come out right, the
/// instant is off by the camera's distance from Greenwich.
pub(crate) fn instant(date_time: &[u8], offset: Option<&[u8]>) -> Option<Instant> {
    let mut parsed = exif::DateTime::from_ascii(date_time).ok()?;
    if let Some(offset) = offset {
        // An unreadable or blank offset counts as none.
        let _ = parsed.parse_offset(offset);
    }
    let date = [i64::from(parsed.year), i64::from(parsed.month), i64::from(parsed.day)];
    let local = seconds(date, [parsed.hour, parsed.minute, parsed.second].map(i64::from))?;
    let offset = parsed.offset.filter(|minutes| minutes.unsigned_abs() <= 18 * 60);
    Some(Instant { seconds: local - i64::from(offset.unwrap_or(0)) * 60, offset })
}

/// The time of a date as XMP has it: "2004-08-11T16:45:32.12+02:00". The seconds and what follows may be missing, and so may the
/// whole time, which is midnight then. Some programs write dates of EXIF here, and are understood too.
pub(crate) fn iso_instant(text: &str) -> Option<Instant> {
    let text = text.trim();
    if !text.is_ascii() {
        return None;
    }
    if text.as_bytes().get(4) == Some(&b':') {
        return instant(text.as_bytes().get(..19)?, Some(&text.as_bytes()[19..]));
    }
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten();
    let two = |text: &str, sign: char| {
        let (first, second) = text.split_once(sign)?;
        (first.len() == 2 && second.len() == 2).then(|| number(first).zip(number(second))).flatten()
    };
    let (date, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let (year, month_and_day) = date.split_once('-')?;
    let (month, day) = two(month_and_day, '-')?;
    let (clock, zone) = time.split_at(time.find(['Z', '+', '-']).unwrap_or(time.len()));
    let offset = match zone {
        "" => None,
        "Z" => Some(0),
        _ => {
            // QuickTime has no colon there.
            let digits = zone.get(1..)?;
            let plain =
                digits.split_at_checked(2).filter(|(_, minutes)| digits.len() == 4 && !minutes.starts_with(':'));
            let (hours, minutes) = match plain {
                Some((hours, minutes)) => number(hours).zip(number(minutes))?,
                None => two(digits, ':')?,
            };
            let minutes = hours * 60 + minutes;
            i16::try_from(if zone.starts_with('-') { -minutes } else { minutes }).ok()
        }
    };
    let offset = offset.filter(|minutes| minutes.unsigned_abs() <= 18 * 60);
    let (hour, minute) = two(clock.get(..5)?, ':')?;
    // A fraction is of no use.
    let second = match clock[5..].strip_prefix(':') {
        Some(seconds) => number(seconds.split_once('.').map_or(seconds, |(whole, _)| whole).get(..2)?)?,
        None if clock.len() > 5 => return None,
        None => 0,
    };
    let year = number(year).filter(|_| year.len() == 4)?;
    let local = seconds([year, month, day], [hour, minute, second])?;
    Some(Instant { seconds: local - i64::from(offset.unwrap_or(0)) * 60, offset })
}

/// The time of a date and a time as IPTC data have them: "20040811", and "164532+0200" or without what the clock was ahead of UTC.
/// A time that is missing, or none, is midnight.
pub(crate) fn iptc_instant(date: &str, time: Option<&str>) -> Option<Instant> {
    let date = date.trim();
    let date = format!("{}-{}-{}", date.get(..4)?, date.get(4..6)?, date.get(6..)?);
    let at = |time: &str| {
        let (hour, minute, rest) = (time.get(..2)?, time.get(2..4)?, time.get(4..)?);
        iso_instant(&format!("{date}T{hour}:{minute}:{rest}"))
    };
    time.and_then(|time| at(time.trim())).or_else(|| iso_instant(&date))
}

/// Seconds from 1970 to a date (year, month, day) and time (hour, minute, second) of our era; `None` if there is none such.
pub(crate) fn seconds([year, month, day]: [i64; 3], [hour, minute, second]: [i64; 3]) -> Option<i64> {
    let is_date =
        (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    // 60 is a leap second.
    let is_time = (0..=23).contains(&hour) && (0..=59).contains(&minute) && (0..=60).contains(&second);
    (is_date && is_time).then(|| days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years run from March here, so that
/// the leap day is the last of its year (Howard Hinnant, "chrono-compatible low-level date
/// algorithms"). Years of our era only.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix_seconds(date_time: &[u8], offset: Option<&[u8]>) -> Option<i64> {
        instant(date_time, offset).map(|instant| instant.seconds)
    }

    #[test]
    fn the_offset_is_kept_where_there_is_one() {
        let with = |offset: Option<&[u8]>| instant(b"2004:08:11 16:45:32", offset).unwrap().offset;
        assert_eq!(with(Some(b"+02:00")), Some(120));
        assert_eq!(with(Some(b"-09:30")), Some(-570));
        assert_eq!((with(None), with(Some(b"      "))), (None, None));
    }

    #[test]
    fn known_instants() {
        assert_eq!(unix_seconds(b"1970:01:01 00:00:00", None), Some(0));
        assert_eq!(unix_seconds(b"2000:02:29 12:00:00", None), Some(951_825_600));
        assert_eq!(unix_seconds(b"2004:08:11 16:45:32", None), Some(1_092_242_732));
        assert_eq!(unix_seconds(b"1969:12:31 23:59:59", None), Some(-1));
        assert_eq!(unix_seconds(b"2038:01:19 03:14:08", None), Some(1 << 31));
    }

    #[test]
    fn offset_is_subtracted() {
        let utc = unix_seconds(b"2020:06:01 10:00:00", None).unwrap();
        assert_eq!(unix_seconds(b"2020:06:01 12:00:00", Some(b"+02:00")), Some(utc));
        assert_eq!(unix_seconds(b"2020:06:01 04:30:00", Some(b"-05:30")), Some(utc));
        assert_eq!(unix_seconds(b"2020:06:01 10:00:00", Some(b"   :  ")), Some(utc));
        assert_eq!(unix_seconds(b"2020:06:01 10:00:00", Some(b"junk")), Some(utc));
    }

    #[test]
    fn impossible_dates_are_none() {
        let impossible: [&[u8]; 8] = [
            b"0000:00:00 00:00:00",
            b"    :  :     :  :  ",
            b"2021:02:29 00:00:00",
            b"2021:13:01 00:00:00",
            b"2021:04:31 00:00:00",
            b"2021:01:01 24:00:00",
            b"yesterday",
            b"",
        ];
        for text in impossible {
            assert_eq!(unix_seconds(text, None), None, "{:?}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn dates_of_xmp() {
        let at = |text: &str| iso_instant(text).map(|instant| (instant.seconds, instant.offset));
        let utc = unix_seconds(b"2004:08:11 16:45:32", None).unwrap();
        for (text, seconds, offset) in [
            ("2004-08-11T16:45:32", utc, None),
            ("2004-08-11 16:45:32", utc, None),
            ("2004-08-11T16:45:32.987", utc, None),
            ("2004-08-11T16:45:32Z", utc, Some(0)),
            ("2004-08-11T16:45:32.5+02:00", utc - 7200, Some(120)),
            ("2004-08-11T16:45:32-09:30", utc + 34_200, Some(-570)),
            ("2004-08-11T16:45:32+0200", utc - 7200, Some(120)),
            ("2004-08-11T16:45:32-0930", utc + 34_200, Some(-570)),
            ("2004-08-11T16:45", utc - 32, None),
            ("2004-08-11T16:45+02:00", utc - 32 - 7200, Some(120)),
            ("2004-08-11T16:45:32+99:00", utc, None),
            (" 2004-08-11 ", utc - 60_332, None),
            ("2004:08:11 16:45:32", utc, None),
            ("2004:08:11 16:45:32.123", utc, None),
        ] {
            assert_eq!(at(text), Some((seconds, offset)), "{text}");
        }
        for text in [
            "",
            "2004",
            "2004-08",
            "2004-08-11T",
            "2004-08-11T16",
            "2004-13-11",
            "2004-08-11T25:00",
            "0000-00-00T00:00:00",
            "2004-08-11T16:45:3",
            "2004-08-11T16:45x",
            "2004-08-11Tß",
            "+004-08-11",
            "2004-8-1",
            "2004:08:11",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn dates_of_iptc() {
        let at = |date, time| iptc_instant(date, time).map(|instant| (instant.seconds, instant.offset));
        let utc = unix_seconds(b"2004:08:11 16:45:32", None).unwrap();
        let midnight = Some((utc - 60_332, None));
        assert_eq!(at("20040811", Some("164532")), Some((utc, None)));
        assert_eq!(at("20040811", Some("164532+0200")), Some((utc - 7200, Some(120))));
        assert_eq!(at("20040811", Some("164532-0930")), Some((utc + 34_200, Some(-570))));
        for time in [None, Some(""), Some("soon"), Some("250000"), Some("1645"), Some("16:45:32"), Some("ßßß")] {
            assert_eq!(at("20040811", time), midnight, "{time:?}");
        }
        for date in ["", "2004", "200408", "20040800", "20041311", "2004081", "200408111", "2004-08-11", "ßßßß"] {
            assert_eq!(at(date, Some("164532")), None, "{date}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = days_from_civil(1, 1, 1);
        for year in 1..=2400 {
            for month in 1..=12 {
                for day in 1..=days_in_month(year, month) {
                    assert_eq!(days_from_civil(year, month, day), expected, "{year}-{month}-{day}");
                    expected += 1;
                }
            }
        }
    }
}
