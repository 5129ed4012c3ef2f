//! Checks of what reads untrusted bytes, for tests and fuzz targets.

use crate::{description, pictures, words};

/// What ffmpeg tells is text with parts of the video's own: it is read without panicking, and in bounds.
pub fn words(bytes: &[u8]) {
    let mut lines = Vec::new();
    words::each_line(bytes, |line| lines.push(line.to_owned())).expect("slices can be read");
    let mut last = words::LastWords::default();
    for line in &lines {
        if let Some(at) = words::time_of_frame(line, "showinfo@4d2") {
            assert!(at <= 3_200_000_000_000);
        }
        last.push(line);
    }
    let message = last.message("file:a");
    assert!(message.chars().count() <= 200 && !message.contains(char::is_control));
    if let Some(found) = description::read(&String::from_utf8_lossy(bytes)) {
        assert!([0, 90, 180, 270].contains(&found.rotation));
        assert!(found.width <= 65_536 && found.height <= 65_536);
    }
}

/// Pictures are read within their limit.
pub fn pictures(bytes: &[u8]) {
    let mut bytes = bytes;
    while let Ok(Some(picture)) = pictures::next(&mut bytes, 10_000) {
        let pixels = u64::from(picture.width()) * u64::from(picture.height());
        assert!((1..=10_000).contains(&pixels));
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    /// Runs a check over mutations of samples.
    fn mutate(samples: &[&[u8]], check: fn(&[u8])) {
        let mut random = StdRng::seed_from_u64(7);
        for round in 0..3000 {
            let mut bytes = samples[round % samples.len()].to_vec();
            for _ in 0..random.random_range(0..6) {
                let at = random.random_range(0..bytes.len());
                match random.random_range(0..4) {
                    0 => bytes[at] = random.random(),
                    1 => bytes.truncate(at + 1),
                    2 => bytes.insert(at, *b"0123456789xX:,-. \n".get(random.random_range(0..18)).unwrap()),
                    _ => drop(bytes.remove(at).min(bytes.len() as u8)),
                }
                if bytes.is_empty() {
                    bytes.push(b'P');
                }
            }
            check(&bytes);
        }
    }

    #[test]
    fn words_of_all_kinds() {
        let described = b"Input #0, mov, from 'file:a':\n  Metadata:\n    creation_time   : 2020-02-03T04:05:06.000000Z\n  Duration: 01:02:05.32, start: 0\n  Stream #0:1: Video: h264 (avc1 / 0x31637661), yuv420p, 1920x1080, 25 fps\n      displaymatrix: rotation of -90.00 degrees\n";
        let times = b"[showinfo@4d2 @ 0x55d0] n:   3 pts:  12800 pts_time:1.04    pos:1\nfile:a: Invalid data\n";
        mutate(&[described, times], super::words);
    }

    #[test]
    fn pictures_of_all_kinds() {
        let two = [b"P6\n4 3\n255\n".to_vec(), vec![7; 36], b"P6\n100 100\n255\n".to_vec()].concat();
        mutate(&[&two, b"P6\n1 1\n255\nxyz"], super::pictures);
    }
}
