//! The parsers of untrusted bytes, each with what has to hold whatever the bytes are.
//!
//! The fuzz targets call these functions, and the tests below run each over a bounded number of damaged files, the same
//! ones every time.

use crate::annotations::Annotations;
use crate::annotations::iptc::{self, Iptc};
use crate::annotations::xmp::{self, Xmp};
use crate::calendar::Instant;
use crate::colour::{self, ColourSpace};
use crate::details;
use crate::exif_data;
use crate::formats;
#[cfg(feature = "jpeg")]
use crate::formats::jpeg;
use crate::metadata::{Details, Exposure};
use crate::movie;
use crate::panics::catch;
use crate::sidecar;
use crate::workers::protocol;
use crate::{ImageError, Limits, Photo, decode_bytes, decode_bytes_for};

/// A good JPEG of 96 x 64 pixels without EXIF data.
const PHOTO: &[u8] = include_bytes!("../tests/fixtures/420.jpg");

/// Small, so that a run gets through many files.
const LIMITS: Limits = Limits { max_pixels: 1 << 18, max_file_bytes: 1 << 20, max_memory: 48 << 20 };

/// A whole file of any format, with its metadata.
pub fn decode(bytes: &[u8]) {
    // A hint that changes with the file; a fraction of a fixture's size in most cases.
    let shorter_side = bytes.len() as u32 % 20 + 1;
    let full = decode_bytes(bytes, &LIMITS);
    let hinted = decode_bytes_for(bytes, &LIMITS, Some(shorter_side));
    for result in [&full, &hinted] {
        match result {
            Ok(photo) => check_photo(photo),
            Err(error) => check_error(error),
        }
    }
    // Raw files have several pictures, of which another one may be whole at a fraction of its size.
    let is_one_picture = |photo: &Photo| photo.metadata.format != crate::Format::Raw;
    let full = full.as_ref().ok().filter(|photo| is_one_picture(photo));
    if let Some(full) = full {
        assert_eq!(full.image.dimensions(), (full.metadata.width, full.metadata.height));
    }
    if let (Some(full), Ok(hinted)) = (full, &hinted) {
        assert_eq!(full.metadata, hinted.metadata);
        let shorter = |photo: &Photo| photo.image.width().min(photo.image.height());
        assert!(shorter(hinted) >= shorter(full).min(2 * shorter_side));
    }
    // Metadata is read only of files whose pixels are good. Here it is read of all, and a panic is not caught.
    if let Ok(codec) = formats::sniff(bytes).and_then(formats::codec) {
        let blocks = (codec.metadata)(bytes);
        blocks.more_xmp.iter().map(|more| xmp::read(more)).for_each(|xmp| check_xmp(&xmp));
        blocks.exif.map(|block| exif_data::read(&details::unpack(block))).iter().for_each(check_exif);
        blocks.xmp.map(|block| xmp::read(&details::unpack(block))).iter().for_each(check_xmp);
        blocks.resources.map(|block| iptc::read(&details::unpack(block))).into_iter().for_each(check_iptc);
        check_exif(&details::read(codec, bytes));
    }
}

/// A block of EXIF data, alone and in a good JPEG: the photo has to survive.
pub fn exif(block: &[u8]) {
    check_exif(&exif_data::read(block));
    let Ok(length) = u16::try_from(block.len() + 8) else { return };
    let bytes = [&PHOTO[..2], b"\xff\xe1", &length.to_be_bytes(), b"Exif\0\0", block, &PHOTO[2..]].concat();
    match decode_bytes(&bytes, &LIMITS) {
        Ok(photo) => {
            check_photo(&photo);
            assert!([(96, 64), (64, 96)].contains(&photo.image.dimensions()));
        }
        Err(ImageError::NotBuiltIn { .. }) => (),
        Err(error) => panic!("the pixels are good, but: {error}"),
    }
}

/// An XMP packet, a block of Photoshop's resources with IPTC data, and a sidecar file of Google Photos.
pub fn annotations(block: &[u8]) {
    check_xmp(&xmp::read(block));
    check_iptc(iptc::read(block));
    check_xmp(&sidecar::read_takeout(block));
}

/// The box of a video that tells of it.
pub fn movie(moov: &[u8]) {
    let movie = movie::read(moov);
    assert!(movie.live_photo.is_none_or(|id| (1..=128).contains(&id.len())));
    assert!(movie.seconds.is_none_or(|seconds| seconds >= 0.0));
}

/// A colour profile, for a picture of two pixels: whatever it says, they stay two.
pub fn colour_profile(bytes: &[u8]) {
    let mut image = image::RgbImage::from_raw(2, 1, vec![10, 200, 30, 0, 0, 255]).expect("two pixels");
    // Whoever decodes a photo catches what the library does.
    let _ = catch(|| colour::to_srgb(&mut image, &ColourSpace::Icc(bytes.to_vec())));
    assert_eq!(image.dimensions(), (2, 1));
}

/// The boxes of a HEIF file. Pixels are left to libheif.
pub fn heif(bytes: &[u8]) {
    formats::heif::look_at(bytes);
}

/// A JPEG to our own decoders, of the full size and of fractions.
#[cfg(feature = "jpeg")]
pub fn scaled_jpeg(bytes: &[u8]) {
    let Some(decoded) = jpeg::decode_with_each(bytes, LIMITS.max_pixels) else { return };
    let (width, height) = decoded.size;
    for (samples, image) in &decoded.images {
        let expected = ((width * samples).div_ceil(8), (height * samples).div_ceil(8));
        assert!(image.as_ref().is_none_or(|image| image.dimensions() == expected));
    }
}

/// What a process that decodes is asked, and what it answers.
pub fn worker_protocol(bytes: &[u8]) {
    protocol::check(bytes, &LIMITS);
}

fn check_photo(photo: &Photo) {
    let (width, height) = photo.image.dimensions();
    assert!(width > 0 && height > 0);
    let metadata = &photo.metadata;
    assert!(width <= metadata.width && height <= metadata.height);
    assert!(u64::from(metadata.width) * u64::from(metadata.height) <= LIMITS.max_pixels);
    check_exif(&Details {
        orientation: None,
        taken_at: metadata.taken_at.map(|seconds| Instant { seconds, offset: metadata.utc_offset }),
        camera: metadata.camera.clone(),
        gps: metadata.gps,
        iso: metadata.iso,
        focal_length: metadata.focal_length,
        exposure: metadata.exposure,
        related: metadata.related.clone(),
        annotations: Annotations {
            rating: metadata.rating,
            title: metadata.title.clone(),
            description: metadata.description.clone(),
            tags: metadata.tags.clone(),
            people: metadata.people.clone(),
            label: metadata.label.clone(),
            places: metadata.places.clone(),
            lens: metadata.lens.clone(),
        },
        is_adobe_rgb: false,
    });
}

fn check_xmp(xmp: &Xmp) {
    let Xmp { annotations, taken_at, gps, related } = xmp.clone();
    check_exif(&Details { annotations, taken_at, gps, related, ..Details::default() });
}

fn check_iptc(Iptc { annotations, taken_at }: Iptc) {
    check_xmp(&Xmp { annotations, taken_at, ..Xmp::default() });
}

fn check_annotations(annotations: &Annotations) {
    let Annotations { rating, title, description, tags, people, label, places, lens } = annotations;
    let names = lens.iter().chain(label).chain(tags).chain(people).chain(places).map(|text| (text, 128));
    for (text, longest) in names.chain(title.iter().chain(description).map(|text| (text, 1000))) {
        assert!(!text.is_empty() && text.chars().count() <= longest);
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    assert!([tags, people, places].iter().all(|names| names.len() <= 64));
    assert!(rating.is_none_or(|stars| (1..=5).contains(&stars)));
}

fn check_exif(exif: &Details) {
    if let Some(text) = &exif.camera {
        assert!(!text.is_empty() && text.chars().count() <= 2 * 128 + 1);
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    check_annotations(&exif.annotations);
    if let Some(gps) = exif.gps {
        assert!(gps.latitude.abs() <= 90.0 && gps.longitude.abs() <= 180.0);
    }
    // The years 1 to 9999, and a day for offsets.
    let years = -62_135_596_800 - 86_400..253_402_300_800 + 86_400;
    assert!(exif.taken_at.is_none_or(|taken_at| years.contains(&taken_at.seconds)));
    assert!(exif.focal_length.is_none_or(|length| length > 0.0 && length.is_finite()));
    let Exposure { time, aperture, compensation, .. } = exif.exposure;
    assert!([time, aperture].into_iter().flatten().all(|number| number > 0.0 && number.is_finite()));
    assert!(compensation.is_none_or(f32::is_finite));
    for id in exif.related.burst.iter().chain(&exif.related.live_photo) {
        assert!((1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()), "{id:?}");
    }
}

/// The message has to be one line without the file's control characters.
fn check_error(error: &ImageError) {
    let message = error.to_string();
    assert!(!message.chars().any(char::is_control), "{message:?}");
    assert!(!matches!(error, ImageError::Panicked { .. }), "{error:?}");
    // The libraries' words speak to programmers, of their functions and types.
    for word in ["set_limits", "Unknown(", "Unsupported", "Invalid", "Error", "Some(", "Limits", "os error"] {
        assert!(!message.contains(word), "{message:?}");
    }
}

#[cfg(all(test, feature = "default"))]
#[path = "../tests/raw_files/mod.rs"]
mod raw_files;

#[cfg(all(test, feature = "default"))]
mod tests {
    use super::raw_files;
    use super::*;
    use crate::exif_data::apple_notes::{BURST_ID, CONTENT_ID, note};
    use exif::experimental::Writer;
    use exif::{Field, In, Rational, Tag, Value};
    use moxcms::ColorProfile;

    /// A small generator of random numbers (SplitMix64), so that every run has the same files.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }

        fn below(&mut self, limit: usize) -> usize {
            (self.next() % limit.max(1) as u64) as usize
        }

        /// A place in a file, half of the time near its beginning, where the headers are.
        fn place(&mut self, length: usize) -> usize {
            let range = if self.below(2) == 0 { length.min(200) } else { length };
            self.below(range)
        }
    }

    /// One of the seeds with some damage: flipped bits, extreme values, cuts, and pieces of itself and of others.
    fn damaged(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(6) {
            let at = random.place(bytes.len());
            match random.below(8) {
                0..3 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
                3 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.below(6)],
                4 => {
                    let extremes = [0_u32, 1, 0x7fff_ffff, 0x8000_0000, u32::MAX, 0xffff];
                    let value = extremes[random.below(extremes.len())].to_be_bytes();
                    bytes.iter_mut().skip(at).zip(value).for_each(|(byte, value)| *byte = value);
                }
                5 => bytes.truncate(at),
                6 => {
                    let other = &seeds[random.below(seeds.len())];
                    let start = random.place(other.len());
                    let piece = other[start..].iter().take(random.below(64)).copied();
                    bytes.splice(at..(at + random.below(64)).min(bytes.len()), piece);
                }
                _ => {
                    let noise: Vec<u8> = (0..random.below(16)).map(|_| random.next() as u8).collect();
                    bytes.splice(at..at, noise);
                }
            }
        }
        bytes
    }

    fn run(seeds: &[Vec<u8>], count: usize, target: fn(&[u8])) {
        let mut random = Random(seeds.len() as u64);
        seeds.iter().for_each(|seed| target(seed));
        for _ in 0..count {
            target(&damaged(seeds, &mut random));
            let noise: Vec<u8> = (0..random.below(100)).map(|_| random.next() as u8).collect();
            target(&noise);
        }
    }

    fn fixtures() -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| crate::looks_like_photo(path));
        paths.sort();
        paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
    }

    fn exif_block() -> Vec<u8> {
        let field = |tag, value| Field { tag, ifd_num: In::PRIMARY, value };
        let text = |tag, text: &str| field(tag, Value::Ascii(vec![text.into()]));
        let degrees =
            |tag, parts: [u32; 3]| field(tag, Value::Rational(parts.map(|num| Rational { num, denom: 1 }).to_vec()));
        let fields = [
            field(Tag::Orientation, Value::Short(vec![6])),
            text(Tag::Make, "NIKON"),
            text(Tag::Model, "NIKON D70"),
            text(Tag::LensModel, "18-70 mm"),
            text(Tag::DateTimeOriginal, "2004:08:11 16:45:32"),
            text(Tag::OffsetTimeOriginal, "+02:00"),
            text(Tag::GPSLatitudeRef, "N"),
            degrees(Tag::GPSLatitude, [48, 8, 14]),
            text(Tag::GPSLongitudeRef, "W"),
            degrees(Tag::GPSLongitude, [11, 34, 31]),
            field(Tag::ExposureTime, Value::Rational(vec![Rational { num: 1, denom: 250 }])),
            field(Tag::ApertureValue, Value::Rational(vec![Rational { num: 3, denom: 1 }])),
            field(Tag::MakerNote, Value::Undefined(note(Some(BURST_ID), Some(CONTENT_ID)), 0)),
        ];
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut block = std::io::Cursor::new(Vec::new());
        writer.write(&mut block, false).unwrap();
        block.into_inner()
    }

    /// The fixtures, files of other kinds, and files with EXIF data in every container that holds it.
    fn seeds() -> Vec<Vec<u8>> {
        let block = exif_block();
        let length = (block.len() as u16 + 8).to_be_bytes();
        let jpeg = [&PHOTO[..2], b"\xff\xe1", &length, b"Exif\0\0", &block, &PHOTO[2..]].concat();
        let content = [b"eXIf", &block[..]].concat();
        let checksum = crc32fast::hash(&content).to_be_bytes();
        let still = include_bytes!("../tests/fixtures/photo.png");
        let png_length = (block.len() as u32).to_be_bytes();
        let png = [&still[..33], &png_length, &content, &checksum, &still[33..]].concat();
        let still = include_bytes!("../tests/fixtures/animated.webp");
        let webp_length = (block.len() as u32).to_le_bytes();
        let size = (still.len() as u32 + block.len() as u32).to_le_bytes();
        let webp = [b"RIFF", &size, &still[8..], b"EXIF", &webp_length, &block].concat();

        let mut seeds = fixtures();
        seeds.extend([jpeg, png, webp, block]);
        let netpbm: [&[u8]; 7] = [
            b"P1 4 2 0110 1001",
            b"P2 # grey\n2 2 255 1 2 3 4",
            b"P3 1 2 15 1 2 3 4 5 6",
            b"P4 9 2\n\x12\x80\x34\x80",
            b"P5 2 2 255\nabcd",
            b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\nabcdefgh",
            b"P7\n# bits\nWIDTH 2\nHEIGHT 1\nDEPTH 2\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE_ALPHA\nENDHDR\n\0\x01\x01\0",
        ];
        seeds.extend(netpbm.map(<[u8]>::to_vec));
        // Formats that are only known by name.
        seeds.extend([b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), b"Pf\n2 2\n-1.0\n".to_vec()]);
        seeds
    }

    #[test]
    fn the_seeds_are_good() {
        let with_exif = seeds().into_iter().filter_map(|seed| decode_bytes(&seed, &LIMITS).ok()).filter(|photo| {
            let metadata = &photo.metadata;
            metadata.camera.as_deref() == Some("NIKON D70") && metadata.gps.is_some() && metadata.taken_at.is_some()
        });
        assert_eq!(with_exif.count(), 3);
        let refused = seeds().iter().filter(|seed| decode_bytes(seed, &LIMITS).is_err()).count();
        assert_eq!(refused, 3, "the EXIF block and the formats that are only known by name");
    }

    #[test]
    fn damaged_requests_and_answers() {
        run(&protocol::examples(), 5000, worker_protocol);
    }

    #[test]
    fn damaged_files() {
        run(&seeds(), 120, decode);
    }

    #[test]
    fn damaged_dds() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kinds");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "dds"));
        paths.sort();
        let seeds: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
        assert!(seeds.len() > 10);
        run(&seeds, 1000, decode);
    }

    /// Raw files, with JPEGs so small that most of the damage is done to what is around them.
    #[test]
    fn damaged_raw_files() {
        let seeds: Vec<_> = raw_files::KINDS.iter().map(|kind| (kind.make)(6)).collect();
        run(&seeds, 150, decode);
    }

    #[test]
    fn damaged_heif_boxes() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/heif");
        let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let seeds: Vec<_> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
        assert!(seeds.len() > 10);
        run(&seeds, 2000, heif);
    }

    #[test]
    fn damaged_exif_data() {
        run(&[exif_block()], 100, exif);
        // Most of the damage is done to the maker note.
        run(&[exif_block(), note(Some(BURST_ID), None)], 3000, |block| {
            check_exif(&exif_data::read(block));
            check_exif(&Details { related: exif_data::read_apple(block), ..Details::default() });
        });
    }

    #[test]
    fn damaged_annotations() {
        let packet =
            b"<?xpacket?><x:xmpmeta><rdf:RDF><rdf:Description rdf:about='' xmp:Rating=\"4\"><dc:subject><rdf:Bag>\
            <rdf:li>Rock &amp; Roll</rdf:li><rdf:li>Caf&#xe9;</rdf:li></rdf:Bag></dc:subject><dc:title><rdf:Alt>\
            <rdf:li xml:lang=\"x-default\"><![CDATA[A < B]]></rdf:li></rdf:Alt></dc:title><mwg-rs:Regions><mwg-rs:RegionList>\
            <rdf:Bag><rdf:li><rdf:Description mwg-rs:Type='Face' mwg-rs:Name='Zo&#xeb;'/></rdf:li></rdf:Bag>\
            </mwg-rs:RegionList></mwg-rs:Regions><lr:hierarchicalSubject><rdf:Bag><rdf:li>a|b|c</rdf:li></rdf:Bag>\
            </lr:hierarchicalSubject><exif:GPSLatitude>48,8.2N</exif:GPSLatitude><exif:GPSLongitude>11,34,31W\
            </exif:GPSLongitude><xmp:CreateDate>2004-08-11T16:45:32.1+02:00</xmp:CreateDate><xmp:Label>Red</xmp:Label>\
            <photoshop:City>Bern</photoshop:City></rdf:Description></rdf:RDF>";
        let resources = b"8BIM\x04\x04\0\0\0\0\0\x14\x1c\x02\x19\0\x04Caf\xe9\x1c\x02\x05\0\x06Abend!";
        let export =
            b"{\"description\":\"a\",\"photoTakenTime\":{\"timestamp\":\"1559662200\"},\"geoData\":{\"latitude\":48.8,\
            \"longitude\":-2.3},\"people\":[{\"name\":\"Zo\\u00eb\"}]}";
        run(&[packet.to_vec(), resources.to_vec(), export.to_vec()], 3000, annotations);
    }

    #[test]
    fn damaged_movies() {
        let texts = [
            ("com.apple.quicktime.content.identifier", CONTENT_ID),
            ("com.apple.quicktime.creationdate", "2019-06-04T17:30:00+0200"),
        ];
        run(&[movie::tests::moov_of(1_559_662_200, 3, &texts)], 5000, movie);
    }

    #[test]
    fn damaged_colour_profiles() {
        let profiles = [ColorProfile::new_display_p3(), ColorProfile::new_gray_with_gamma(1.8)];
        run(&profiles.map(|profile| profile.encode().unwrap()), 2000, colour_profile);
    }

    #[test]
    fn damaged_tiffs() {
        let tiffs = fixtures().into_iter().filter(|file| file.starts_with(b"II*\0")).collect::<Vec<_>>();
        assert!(tiffs.len() > 10);
        run(&tiffs, 400, decode);
    }

    #[test]
    fn damaged_jpegs() {
        let jpegs = fixtures().into_iter().filter(|file| file.starts_with(b"\xff\xd8\xff")).collect::<Vec<_>>();
        run(&jpegs, 100, scaled_jpeg);
    }
}
