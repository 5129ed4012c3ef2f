//! Raw files of cameras, by their previews.
#![cfg(feature = "default")]

use clip_image::{Format, ImageError, Limits, Photo, decode_bytes, decode_bytes_for};
use raw_files::{
    Bytes, FULL, FULL_SIZE, KINDS, Long, PREVIEW, PREVIEW_SIZE, SIZE, Short, THUMBNAIL, Text, Writer, full, long,
    preview, short, thumbnail,
};

mod raw_files;

fn decode(bytes: &[u8]) -> Photo {
    decode_bytes(bytes, &Limits::default()).unwrap()
}

fn message(bytes: &[u8]) -> String {
    decode_bytes(bytes, &Limits::default()).expect_err("no photo").to_string()
}

fn assert_colour(photo: &Photo, colour: [u8; 3], what: &str) {
    let (width, height) = photo.image.dimensions();
    let found = photo.image.get_pixel(width / 2, height / 2).0;
    let is_near = found.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 12);
    assert!(is_near, "{what}: {found:?}, expected {colour:?}");
}

const fn swapped((width, height): (u32, u32)) -> (u32, u32) {
    (height, width)
}

#[test]
fn the_largest_preview_upright_once_with_the_size_of_the_photo() {
    for kind in KINDS {
        let name = kind.extension;
        for orientation in [1, 6, 3, 8] {
            let photo = decode(&(kind.make)(orientation));
            let turn = if orientation >= 5 { swapped } else { |size| size };
            let (colour, size) = kind.largest;
            assert_eq!(photo.image.dimensions(), turn(size), "{name} {orientation}");
            assert_eq!((photo.metadata.width, photo.metadata.height), turn(SIZE), "{name} {orientation}");
            assert_colour(&photo, colour, name);
            assert_eq!(photo.metadata.format, Format::Raw);
            assert_eq!(photo.metadata.camera.as_deref(), kind.camera, "{name}");
            // The writer leaves them out of these.
            if !["crw", "orf"].contains(&name) {
                assert_eq!(photo.metadata.taken_at, Some(1_580_702_706), "{name}");
                assert_eq!(photo.metadata.lens.as_deref(), Some("50mm F1.8"), "{name}");
            }
        }
    }
}

#[test]
fn the_smallest_preview_that_is_enough() {
    // Twice the hint is asked for.
    for (hint, colour, size) in [
        (None, FULL, FULL_SIZE),
        (Some(170), FULL, FULL_SIZE),
        (Some(150), PREVIEW, PREVIEW_SIZE),
        (Some(80), PREVIEW, (240, 160)),
        // The thumbnail would do, but has black bars.
        (Some(40), PREVIEW, (120, 80)),
    ] {
        let photo = decode_bytes_for(&raw_files::cr3(1), &Limits::default(), hint).unwrap();
        assert_eq!(photo.image.dimensions(), size, "{hint:?}");
        assert_eq!((photo.metadata.width, photo.metadata.height), SIZE);
        assert_colour(&photo, colour, &format!("{hint:?}"));
    }
}

/// A DNG with these previews, each in a table of its own, and raw data of this size.
fn with_previews(previews: &[&[u8]], orientation: Option<u16>, (width, height): (u32, u32)) -> Vec<u8> {
    let mut file = Writer::new(b"II*\0\0\0\0\0");
    let mut tables = Vec::new();
    for jpeg in previews {
        let at = file.put(jpeg);
        tables.push(file.table(vec![short(0x103, 7), long(0x111, at), long(0x117, jpeg.len())], 0) as u32);
    }
    let mut fields = vec![(0x10f, Text("Google")), (0xc612, Bytes(vec![1, 4, 0, 0])), short(0x106, 32_803)];
    fields.extend([long(0x100, width as usize), long(0x101, height as usize), (0x14a, Long(tables))]);
    fields.extend(orientation.map(|orientation| short(0x112, orientation)));
    let first = file.table(fields, 0);
    file.finish(first)
}

#[test]
fn orientation_is_applied_once() {
    let own = raw_files::exif("Google", 6);
    let turned_by_own = raw_files::with_exif(&full(), &own);
    // The preview has EXIF data of its own.
    let photo = decode(&with_previews(&[&turned_by_own], Some(6), SIZE));
    assert_eq!(photo.image.dimensions(), swapped(FULL_SIZE));
    // Only the preview has.
    let photo = decode(&with_previews(&[&turned_by_own], None, SIZE));
    assert_eq!(photo.image.dimensions(), swapped(FULL_SIZE));
    // The file's own word counts.
    let photo = decode(&with_previews(&[&turned_by_own], Some(1), SIZE));
    assert_eq!(photo.image.dimensions(), FULL_SIZE);
    // The preview is upright already, unlike the raw data.
    let upright = raw_files::jpeg(FULL, swapped(FULL_SIZE));
    let photo = decode(&with_previews(&[&upright], Some(6), SIZE));
    assert_eq!(photo.image.dimensions(), swapped(FULL_SIZE));
    assert_eq!((photo.metadata.width, photo.metadata.height), swapped(SIZE));
}

#[test]
fn a_size_that_cannot_be_is_not_believed() {
    for size in [(0, 0), (30, 20), (4_000_000, 4_000_000)] {
        let photo = decode(&with_previews(&[&full()], None, size));
        assert_eq!((photo.metadata.width, photo.metadata.height), FULL_SIZE, "{size:?}");
    }
}

#[test]
fn of_damaged_previews_another_is_taken() {
    let mut damaged = full();
    // The tables of the scan.
    damaged.truncate(damaged.len() / 2);
    let photo = decode(&with_previews(&[&damaged, &preview()], None, SIZE));
    assert_colour(&photo, PREVIEW, "the smaller one");
    assert!(matches!(
        decode_bytes(&with_previews(&[&damaged], None, SIZE), &Limits::default()),
        Err(ImageError::Truncated { format: Format::Raw })
    ));
}

#[test]
fn a_thumbnail_is_better_than_nothing() {
    let photo = decode(&with_previews(&[&thumbnail()], None, SIZE));
    assert_colour(&photo, THUMBNAIL, "thumbnail");
}

#[test]
fn previews_of_which_nothing_tells_are_searched_for() {
    let mut file = with_previews(&[&thumbnail()], None, SIZE);
    file.extend([0x55; 1000]);
    file.extend(raw_files::lossless_jpeg());
    file.extend(preview());
    assert_colour(&decode(&file), PREVIEW, "behind everything");
}

#[test]
fn without_a_preview_it_is_refused_by_name() {
    let raw = raw_files::lossless_jpeg();
    let words =
        |name: &str| format!("{name} without an embedded preview is not supported; convert the photo to JPEG or PNG");
    assert_eq!(message(&with_previews(&[&raw], None, SIZE)), words("DNG"));
    let mut nef = Writer::new(b"MM\0*\0\0\0\0");
    let first = nef.table(vec![(0x10f, Text("NIKON")), short(0x103, 34_713), short(0x106, 32_803)], 0);
    assert_eq!(message(&nef.finish(first)), words("NEF"));
    assert_eq!(message(b"IIRO\x08\0\0\0\0\0\0\0\0\0"), words("ORF"));
}

#[test]
fn a_shortened_file_is_called_truncated() {
    for kind in KINDS.iter().filter(|kind| !["x3f", "crw"].contains(&kind.extension)) {
        let whole = (kind.make)(1);
        // Somewhere in the first JPEG.
        let at = whole.windows(3).position(|w| matches!(w, [0xd8, 0xff, 0xe0 | 0xe1])).unwrap();
        let result = decode_bytes(&whole[..at + 700], &Limits::default());
        // Of files whose tables come last, nothing shows what they are.
        let is_fine = match &result {
            Err(ImageError::Truncated { .. }) => true,
            Err(error) => error.to_string().contains("TIFF"),
            Ok(_) => false,
        };
        assert!(is_fine, "{}: {:?}", kind.extension, result.map(|photo| photo.metadata));
    }
}

#[test]
fn ordinary_tiff_files_stay_what_they_are() {
    let mut file = Writer::new(b"II*\0\0\0\0\0");
    let pixels = file.put(&[90; 12]);
    let small = thumbnail();
    let at = file.put(&small);
    let second = file.table(vec![long(0x201, at), long(0x202, small.len())], 0);
    let fields = vec![
        (0x10f, Text("Canon")),
        (0x102, Short(vec![8; 3])),
        short(0x103, 1),
        short(0x106, 2),
        short(0x115, 3),
        long(0x100, 2),
        long(0x101, 2),
        long(0x111, pixels),
        long(0x116, 2),
        long(0x117, 12),
    ];
    let first = file.table(fields, second);
    let photo = decode(&file.finish(first));
    assert_eq!((photo.metadata.format, photo.image.dimensions()), (Format::Tiff, (2, 2)));
}

#[test]
fn tables_may_refer_to_one_another_in_circles() {
    let mut file = Writer::new(b"II*\0\0\0\0\0");
    let fields = vec![(0x10f, Text("SONY")), short(0x106, 32_803), (0x14a, Long(vec![8; 1000])), long(0x8769, 8)];
    file.bytes.resize(8, 0);
    let first = file.table(fields, 8);
    let circular = file.finish(first);
    assert!(message(&circular).starts_with("ARW without an embedded preview"));
}

/// Each field of a table refers to as many others as it can.
#[test]
fn many_tables_take_no_time() {
    let mut file = b"II*\0\x08\0\0\0\xff\xff".to_vec();
    for entry in 0..65_535_u32 {
        let tag: u16 = if entry % 2 == 0 { 0x14a } else { 0x8769 };
        file.extend(tag.to_le_bytes());
        file.extend([4, 0, 200, 0, 0, 0]);
        file.extend((8 + entry % 5000).to_le_bytes());
    }
    let before = std::time::Instant::now();
    assert!(decode_bytes(&file, &Limits::default()).is_err());
    assert!(before.elapsed().as_secs() < 20, "{:?}", before.elapsed());
}

/// What begins as a JPEG does, again and again, is not followed to the end each time.
#[test]
fn many_beginnings_take_no_time() {
    let mut file = b"IIRO\x08\0\0\0\0\0\0\0\0\0".to_vec();
    for _ in 0..250_000 {
        file.extend(b"\xff\xd8\xff\xe0\0\x02\xff\xe0\0\x02");
    }
    let before = std::time::Instant::now();
    assert!(message(&file).starts_with("ORF without an embedded preview"));
    assert!(before.elapsed().as_secs() < 60, "{:?}", before.elapsed());
}
