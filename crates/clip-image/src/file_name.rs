//! The time in the names that cameras, phones and programs give to photos.
//!
//! Strict: a name that only looks as if it had a date in it gives none. Two kinds of dates are known. One with the year first and
//! signs between its parts ("2019-06-04") is a date wherever it stands. One of eight digits ("20190604") may be any number, and
//! counts only with a time after it, or after a word that cameras write before dates. Dates whose order is not known
//! ("04-06-2019") and two digits of a year are none.

use crate::calendar;

/// Years in dates of eight digits: those of digital cameras.
const DIGITAL_YEARS: std::ops::RangeInclusive<i64> = 1990..=2099;

/// Years in dates with signs, which people also write on what they have scanned.
const YEARS: std::ops::RangeInclusive<i64> = 1826..=2099;

/// What is written before a date of eight digits that has no time after it.
const PREFIXES: &[&str] = &["img", "vid", "pxl", "mvimg", "pano", "wp", "win", "screenshot"];

/// The most characters between a date and its time: " at ", " um ", " a las ", " klockan ".
const LONGEST_GAP: usize = 12;

/// When a photo with this name was taken, in seconds since 1970 by the clock of the place: midnight if the name has only a
/// date. That is UTC in names of Google's camera, which begin with "PXL_".
pub(crate) fn taken_at(name: &str) -> Option<i64> {
    let name = without_extension(name);
    let starts = name.char_indices().filter(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at);
    let mut starts = starts.filter(|&at| !name[..at].ends_with(|c: char| c.is_ascii_digit()));
    starts.find_map(|at| at_start_of_digits(&name[..at], &name[at..]))
}

/// Without what follows the last dot, if that is like an extension; a time may have dots in it.
fn without_extension(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if extension.contains(|c: char| !c.is_ascii_digit()) => stem,
        _ => name,
    }
}

fn at_start_of_digits(before: &str, text: &str) -> Option<i64> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    match count {
        4 => {
            // A part of a longer number with signs in it, such as one of a telephone.
            let sign = text[4..].chars().next().filter(|c| is_sign_of_date(*c))?;
            if before.strip_suffix(sign).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_digit())) {
                return None;
            }
            let (date, after) = date_with_signs(text)?;
            if sign == '.' && clock(after).is_none() && after.strip_prefix('.').is_some_and(starts_with_digit) {
                // An address of a network, or a version.
                return None;
            }
            Some(
                clock(after)
                    .and_then(|clock| calendar::seconds(date, clock))
                    .unwrap_or(calendar::seconds(date, [0; 3])?),
            )
        }
        8 => {
            let date = compact_date(&text[..8])?;
            let after = &text[8..];
            let following = after.strip_prefix(['_', '-', ' ', '.', 'T', 't']).unwrap_or_default();
            let digits = following.bytes().take_while(u8::is_ascii_digit).count();
            if matches!(digits, 6 | 9) {
                return calendar::seconds(date, compact_clock(&following[..6])?);
            }
            // "15_30_00"
            if let Some((clock, rest)) = clock_with_signs(following)
                && !rest.starts_with(|c: char| c.is_ascii_digit())
            {
                return calendar::seconds(date, clock);
            }
            // A counter has up to four digits.
            let is_by_camera = is_after_prefix(before) && digits <= 4 && !after.starts_with(char::is_alphanumeric);
            if is_by_camera { calendar::seconds(date, [0; 3]) } else { None }
        }
        // Together, perhaps with thousandths.
        14 | 17 if !text[count..].starts_with(char::is_alphanumeric) => {
            calendar::seconds(compact_date(&text[..8])?, compact_clock(&text[8..14])?)
        }
        _ => None,
    }
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_sign_of_date(c: char) -> bool {
    matches!(c, '-' | '.' | '_')
}

/// Whether a text ends in a word that cameras write before dates, perhaps with a sign after it.
fn is_after_prefix(text: &str) -> bool {
    let text = text.strip_suffix(['_', '-', ' ']).unwrap_or(text);
    let word = text.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    PREFIXES.iter().any(|prefix| word.eq_ignore_ascii_case(prefix))
}

/// A number of exactly this many digits, with no other before or after it, and what follows.
fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    if count != digits {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// "2019-06-04", with the same sign twice.
fn date_with_signs(text: &str) -> Option<([i64; 3], &str)> {
    let (year, rest) = number(text, 4)?;
    let sign = rest.chars().next().filter(|c| is_sign_of_date(*c))?;
    let (month, rest) = number(&rest[1..], 2)?;
    let (day, rest) = number(rest.strip_prefix(sign)?, 2)?;
    let date = [year, month, day];
    (YEARS.contains(&year) && calendar::seconds(date, [0; 3]).is_some()).then_some((date, rest))
}

fn compact_date(digits: &str) -> Option<[i64; 3]> {
    let part = |range| digits.get(range).and_then(|part: &str| part.parse().ok());
    let date = [part(0..4)?, part(4..6)?, part(6..8)?];
    (DIGITAL_YEARS.contains(&date[0]) && calendar::seconds(date, [0; 3]).is_some()).then_some(date)
}

fn compact_clock(digits: &str) -> Option<[i64; 3]> {
    let part = |range| digits.get(range).and_then(|part: &str| part.parse().ok());
    Some([part(0..2)?, part(2..4)?, part(4..6)?])
}

/// The time after a date with signs: "_15-30-00", " at 3.30.00 PM", "-153000".
fn clock(after: &str) -> Option<[i64; 3]> {
    let start = after.char_indices().find(|(_, c)| c.is_ascii_digit()).map(|(at, _)| at)?;
    let (gap, text) = after.split_at(start);
    // Signs alone, or words with blanks around them, in any language.
    let is_sign = matches!(gap, "_" | "-" | " " | "T" | "t" | "." | ", " | " - " | "__");
    let is_word = gap.starts_with([' ', '_']) && gap.ends_with([' ', '_']) && gap.chars().count() <= LONGEST_GAP;
    let is_gap = is_sign || is_word && gap.chars().all(|c| c.is_alphabetic() || " _-.".contains(c));
    if !is_gap {
        return None;
    }
    if matches!(text.bytes().take_while(u8::is_ascii_digit).count(), 6 | 9) {
        return compact_clock(&text[..6]);
    }
    let ([hour, minute, second], rest) = clock_with_signs(text)?;
    // "PM", "p.m."
    let marker = rest.trim_start().chars().take_while(|c| c.is_alphabetic() || *c == '.').filter(|c| *c != '.');
    let hour = match marker.collect::<String>().to_ascii_lowercase().as_str() {
        "am" | "pm" if !(1..=12).contains(&hour) => return None,
        "am" => hour % 12,
        "pm" => hour % 12 + 12,
        _ => hour,
    };
    Some([hour, minute, second])
}

/// "15.30.00", "15-30-00", "15h30m00", and what follows. The hour may have one digit.
fn clock_with_signs(text: &str) -> Option<([i64; 3], &str)> {
    let (hour, rest) = number(text, 2).or_else(|| number(text, 1))?;
    let is_sign = |c: &char| matches!(c, '.' | '-' | '_' | ' ' | ':' | 'h' | 'H' | '\u{a789}');
    let sign = rest.chars().next().filter(is_sign)?;
    let (minute, rest) = number(&rest[sign.len_utf8()..], 2)?;
    let rest = if matches!(sign, 'h' | 'H') { rest.strip_prefix(['m', 'M'])? } else { rest.strip_prefix(sign)? };
    let (second, rest) = number(rest, 2)?;
    Some(([hour, minute, second], rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Option<i64> {
        let parts: Vec<i64> = text.split(['-', ' ', ':']).map(|part| part.parse().unwrap()).collect();
        let clock = if parts.len() > 3 { [parts[3], parts[4], parts[5]] } else { [0; 3] };
        Some(calendar::seconds([parts[0], parts[1], parts[2]], clock).unwrap())
    }

    #[test]
    fn names_with_a_time() {
        let names = [
            "IMG_20190604_153000.jpg",
            "IMG_20190604_153000_1.jpg",
            "IMG_20190604_153000123.jpg",
            "IMG_20190604_153000~2.jpg",
            "IMG_20190604_153000_HDR.jpg",
            "IMG20190604153000.jpg",
            "IMG20190604153000_01.jpg",
            "PXL_20190604_153000456.jpg",
            "PXL_20190604_153000456.MP.jpg",
            "PXL_20190604_153000456.PORTRAIT-01.COVER.jpg",
            "PXL_20190604_153000456~2.jpg",
            "MVIMG_20190604_153000.jpg",
            "VID_20190604_153000.mp4",
            "PANO_20190604_153000.jpg",
            "00100lPORTRAIT_00100_BURST20190604153000123_COVER.jpg",
            "00000IMG_00000_BURST20190604153000123.jpg",
            "20190604_153000.jpg",
            "20190604_153000(0).jpg",
            "20190604_153000_Richtone(HDR).jpg",
            "20190604-153000.jpg",
            "20190604T153000.jpg",
            "20190604T153000Z.jpg",
            "20190604153000.jpg",
            "20190604 153000.jpg",
            "Screenshot_20190604-153000.png",
            "Screenshot_20190604-153000_Chrome.jpg",
            "Screenshot_20190604_153000_com.whatsapp.jpg",
            "Screenshot_2019-06-04-15-30-00.png",
            "Screenshot_2019-06-04-15-30-00-123_com.whatsapp.jpg",
            "Screenshot 2019-06-04 at 15.30.00.png",
            "Screen Shot 2019-06-04 at 3.30.00 PM.png",
            "Screenshot 2019-06-04 at 3.30.00\u{202f}PM.png",
            "Screenshot 2019-06-04 at 3.30.00 p.m.png",
            "Screenshot from 2019-06-04 15-30-00.png",
            "Screenshot 2019-06-04 153000.png",
            "Bildschirmfoto 2019-06-04 um 15.30.00.png",
            "Bildschirmfoto von 2019-06-04 15-30-00.png",
            "Capture d’écran 2019-06-04 à 15.30.00.png",
            "Captura de pantalla 2019-06-04 a las 15.30.00.png",
            "スクリーンショット 2019-06-04 15.30.00.png",
            "Skärmavbild 2019-06-04 kl. 15.30.00.png",
            "2019-06-04 15.30.00.jpg",
            "2019-06-04 15.30.00",
            "2019-06-04 15.30.00-1.jpg",
            "2019-06-04_15-30-00_123.jpeg",
            "2019-06-04T15:30:00.jpg",
            "2019-06-04 15:30:00 +0200.jpg",
            "2019-06-04 15h30m00.jpg",
            "2019_06_04_15_30_00.jpg",
            "2019-06-04 15 30 00.jpg",
            "2019.06.04.15.30.00.jpg",
            "PHOTO-2019-06-04-15-30-00.jpg",
            "photo_1_2019-06-04_15-30-00.jpg",
            "Screenshot (2019-06-04 15.30.00).png",
            "P_20190604_153000_vHDR_Auto.jpg",
            "Burst_Cover_GIF_Action_20190604153000.gif",
            "2019.06.04_15.30.00.jpg",
            "C360_2019-06-04-15-30-00-123.jpg",
            "photo_2019-06-04_15-30-00.jpg",
            "photo_2@2019-06-04_15-30-00.jpg",
            "signal-2019-06-04-153000.jpg",
            "signal-2019-06-04-15-30-00-123.jpg",
            "signal-2019-06-04-153000_002.jpeg",
            "WhatsApp Image 2019-06-04 at 15.30.00.jpeg",
            "WhatsApp Image 2019-06-04 at 3.30.00 PM.jpeg",
            "WhatsApp Image 2019-06-04 at 15.30.00 (1).jpeg",
            "WIN_20190604_15_30_00_Pro.jpg",
            "WP_20190604_15_30_00_Rich.jpg",
            "DJI_20190604153000_0001_D.JPG",
            "LRM_EXPORT_20190604_153000.jpg",
            "B612_20190604_153000_123.jpg",
            "InShot_20190604_153000123.jpg",
        ];
        for name in names {
            assert_eq!(taken_at(name), at("2019-06-04 15:30:00"), "{name}");
        }
        assert_eq!(taken_at("Screen Shot 2019-06-04 at 12.00.01 AM.png"), at("2019-06-04 00:00:01"));
        assert_eq!(taken_at("Screen Shot 2019-06-04 at 12.00.01 PM.png"), at("2019-06-04 12:00:01"));
        assert_eq!(taken_at("PXL_20210101_123456789.jpg"), at("2021-01-01 12:34:56"), "UTC");
        assert_eq!(taken_at("IMG_20200229_235959.jpg"), at("2020-02-29 23:59:59"));
    }

    #[test]
    fn names_with_a_day_only() {
        let names = [
            "IMG-20190604-WA0001.jpg",
            "IMG-20190604-WA0001(1).jpg",
            "VID-20190604-WA0012.mp4",
            "IMG_20190604.jpg",
            "WP_20190604_001.jpg",
            "Screenshot 20190604.png",
            "2019-06-04.jpg",
            "2019-06-04 Anna's birthday.jpg",
            "2019-06-04-12.jpg",
            "2019_06_04 (3).jpg",
            "Party 2019.06.04.jpg",
            "photo 2019-06-04 at 25.30.00.jpg",
            "2019-06-04 tel 1234567.jpg",
        ];
        for name in names {
            assert_eq!(taken_at(name), at("2019-06-04"), "{name}");
        }
        assert_eq!(taken_at("1956-08-12 Grandfather.jpg"), at("1956-08-12"));
    }

    #[test]
    fn names_that_only_look_as_if() {
        let names = [
            "",
            ".jpg",
            "IMG_1234.jpg",
            "DSC_0001.JPG",
            "P1010001.JPG",
            "DSCN20190604.jpg",
            "20190604.jpg",
            "20190604_1.jpg",
            "20190604_999999.jpg",
            "IMG_20190604_999999.jpg",
            "IMG_20190604_12345678.jpg",
            "IMG_20191304_153000.jpg",
            "IMG_20190631_153000.jpg",
            "IMG_20190229_153000.jpg",
            "IMG_120190604_153000.jpg",
            "IMG_201906041_153000.jpg",
            "IMG_20190604X.jpg",
            "IMG_18990604_153000.jpg",
            "IMG_31990604_153000.jpg",
            "FB_IMG_1559662200000.jpg",
            "received_2019060415300012.jpeg",
            "Snapchat-1201906041.jpg",
            "60215_20190604153_n.jpg",
            "ab20190604153000cd.jpg",
            "+49 20190604.jpg",
            "0151-2019-06-04.jpg",
            "12.2019.06.04.jpg",
            "Photo 04-06-2019.jpg",
            "04.06.2019 15.30.00.jpg",
            "06042019_153000.jpg",
            "2019-6-4.jpg",
            "2019-06.jpg",
            "2019-06_04.jpg",
            "2019-06-041.jpg",
            "12019-06-04.jpg",
            "2019-13-04.jpg",
            "1234-56-78.jpg",
            "1280x1024.jpg",
            "192.168.001.jpg",
            "2001.10.10.12.jpg",
            "v2.2019.06.04.jpg",
            "550e8400-e29b-41d4-a716-446655440000.jpg",
            "20190604-e29b-41d4-a716-446655440000.jpg",
            "2019.jpg",
            "１９９０-01-01.jpg",
        ];
        for name in names {
            assert_eq!(taken_at(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_is_read(name in "\\PC{0,40}") {
            taken_at(&name);
        }

        #[test]
        fn a_time_is_what_was_written(
            (year, month, day) in (1990_i64..2100, 1_i64..13, 1_i64..32),
            (hour, minute, second) in (0_i64..26, 0_i64..62, 0_i64..60),
            form in 0..4,
        ) {
            let name = match form {
                0 => format!("IMG_{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}.jpg"),
                1 => format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}.jpg"),
                2 => format!("{year:04}{month:02}{day:02}_{hour:02}{minute:02}{second:02}123.jpg"),
                _ => format!("WIN_{year:04}{month:02}{day:02}_{hour:02}_{minute:02}_{second:02}_Pro.jpg"),
            };
            prop_assert_eq!(taken_at(&name), calendar::seconds([year, month, day], [hour, minute, second]));
        }

        #[test]
        fn no_digits_stand_around_it(before in "[0-9]{1,3}", after in "[0-9]{1,2}") {
            prop_assert_eq!(taken_at(&format!("{before}20190604_153000.jpg")), None);
            prop_assert_eq!(taken_at(&format!("20190604_153000{after}.jpg")), None);
            prop_assert_eq!(taken_at(&format!("{before}2019-06-04.jpg")), None);
            prop_assert_eq!(taken_at(&format!("2019-06-04{after}.jpg")), None);
        }

        #[test]
        fn numbers_of_other_lengths_are_none(number in "[0-9]{1,20}") {
            prop_assume!(!matches!(number.len(), 14 | 17));
            prop_assert_eq!(taken_at(&format!("{number}.jpg")), None);
        }
    }
}
