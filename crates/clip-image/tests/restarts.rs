//! JPEG files whose restart markers have wrong numbers, are missing, or are too many.

#![cfg(feature = "jpeg")]

use clip_image::{Limits, decode_bytes};
use image::RgbImage;

/// Sequential and progressive; each scan has a marker after every few blocks.
const FILES: [(&str, &[u8]); 2] = [
    ("sequential", include_bytes!("fixtures/restarts.jpg")),
    ("progressive", include_bytes!("fixtures/progressive-restarts.jpg")),
];

/// Where the codes of the restart markers are, by scan.
fn markers(jpeg: &[u8]) -> Vec<Vec<usize>> {
    let mut scans = Vec::new();
    let mut at = 2;
    while jpeg[at + 1] != 0xd9 {
        let is_scan = jpeg[at + 1] == 0xda;
        at += 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if is_scan {
            let mut found = Vec::new();
            while jpeg[at] != 0xff || matches!(jpeg[at + 1], 0 | 0xd0..=0xd7) {
                if jpeg[at] == 0xff && jpeg[at + 1] != 0 {
                    found.push(at + 1);
                }
                at += 1;
            }
            scans.push(found);
        }
    }
    scans
}

fn picture(jpeg: &[u8]) -> RgbImage {
    decode_bytes(jpeg, &Limits::default()).unwrap().image
}

/// Changes the number of the marker whose code is at this place.
fn renumber(jpeg: &mut [u8], at: usize, by: u8) {
    jpeg[at] = 0xd0 + (jpeg[at] - 0xd0 + by) % 8;
}

/// The mean difference of samples.
fn difference(one: &RgbImage, other: &RgbImage) -> f64 {
    let sum: u64 = one.iter().zip(other.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / one.len() as f64
}

#[test]
fn wrong_numbers_cost_nothing() {
    for (name, file) in FILES {
        let whole = picture(file);
        let scans = markers(file);
        assert!(scans.iter().all(|scan| scan.len() > 4), "{name}");
        for (place, by) in [0, 1, 3].into_iter().flat_map(|place| (1..8).map(move |by| (place, by))) {
            let mut jpeg = file.to_vec();
            scans.iter().for_each(|scan| renumber(&mut jpeg, scan[place], by));
            assert!(picture(&jpeg) == whole, "{name}: marker {place} by {by}");
        }
        // Several, and all of them.
        for step in 1..4 {
            let mut jpeg = file.to_vec();
            for (count, at) in scans.iter().flat_map(|scan| scan.iter().step_by(step)).enumerate() {
                renumber(&mut jpeg, *at, (count % 5) as u8 * 3 + 1);
            }
            assert!(picture(&jpeg) == whole, "{name}: every {step}.");
        }
    }
}

#[test]
fn a_lost_or_doubled_interval_costs_little_more() {
    for (name, file) in FILES {
        let whole = picture(file);
        for scan in markers(file) {
            // From behind one marker to behind another.
            let lost = [&file[..=scan[1]], &file[scan[3] + 1..]].concat();
            let lost_with_marker = [&file[..scan[1] - 1], &file[scan[3] - 1..]].concat();
            let doubled = [&file[..scan[3] - 1], &file[scan[2] - 1..]].concat();
            for (case, jpeg) in [("lost", lost), ("lost with its marker", lost_with_marker), ("doubled", doubled)] {
                let difference = difference(&picture(&jpeg), &whole);
                let most = 100.0 * 3.0 / scan.len() as f64;
                assert!(difference < most, "{name}: {case}, {difference:.1}");
            }
        }
    }
}
