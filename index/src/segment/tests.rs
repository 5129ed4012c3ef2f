use std::fs;

use half::f16;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const DIMENSIONS: [usize; 6] = [1, 3, 63, 64, 65, 500];
const FORMATS: [RowFormat; 2] = [RowFormat::F16, RowFormat::F32];

fn unit_rows(count: usize, dimension: usize) -> Vec<Vec<f32>> {
    let mut rng = StdRng::seed_from_u64((count * dimension) as u64);
    let mut row = || {
        let row: Vec<f32> = (0..dimension).map(|_| rng.random_range(-1.0..1.0)).collect();
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter().map(|x| x / length).collect()
    };
    (0..count).map(|_| row()).collect()
}

fn rounded(row: &[f32], format: RowFormat) -> Vec<f32> {
    match format {
        RowFormat::F16 => row.iter().map(|&x| f16::from_f32(x).to_f32()).collect(),
        RowFormat::F32 => row.to_vec(),
    }
}

fn write_rows(path: &Path, format: RowFormat, ids: &[u64], rows: &[Vec<f32>]) {
    let new = ids.iter().zip(rows).map(|(&id, row)| NewRow::new(id, row));
    write(path, rows[0].len(), format, new).unwrap();
}

/// A file as version 1 wrote it.
pub(crate) fn version_1(ids: &[u64], rows: &[Vec<f32>]) -> Vec<u8> {
    let mut ids_bytes = cast::to_bytes(ids).to_vec();
    ids_bytes.resize(ids_bytes.len().next_multiple_of(64), 0);
    let rows_bytes = cast::to_bytes(&rows.concat()).to_vec();
    let mut header = vec![0; 64];
    header[..8].copy_from_slice(&MAGIC);
    header[8] = 1;
    header[12..16].copy_from_slice(&(rows[0].len() as u32).to_le_bytes());
    header[16..24].copy_from_slice(&(ids.len() as u64).to_le_bytes());
    header[24..28].copy_from_slice(&crc32fast::hash(&ids_bytes).to_le_bytes());
    header[28..32].copy_from_slice(&crc32fast::hash(&rows_bytes).to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    [header, ids_bytes, rows_bytes].concat()
}

fn assert_codes_are_those_of_the_rows(segment: &Segment) {
    let mut expected = vec![0; similarity::code_len(segment.dimension())];
    for row in 0..segment.len() {
        let scale = similarity::quantise(&segment.row(row).to_vec(), &mut expected);
        assert_eq!(segment.codes(row), Some((&expected[..], scale)));
    }
}

#[test]
fn round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vec");
    for format in FORMATS {
        for dimension in DIMENSIONS {
            for count in [1, 2, 8, 9, 100] {
                let ids: Vec<u64> = (0..count as u64).map(|i| i * 3 + 7).collect();
                let rows = unit_rows(count, dimension);
                write_rows(&path, format, &ids, &rows);
                let segment = Segment::open_checked(&path, 1).unwrap();
                segment.verify().unwrap();
                assert_eq!((segment.len(), segment.dimension(), segment.format()), (count, dimension, format));
                assert_eq!(segment.ids(), ids);
                for (index, row) in rows.iter().enumerate() {
                    let stored = segment.row(index);
                    assert_eq!((stored.format(), stored.to_vec()), (format, rounded(row, format)));
                    let exact: f64 = stored.to_vec().iter().zip(row).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
                    assert!((f64::from(stored.dot(clip_kernels::Isa::best(), row)) - exact).abs() < 1e-5);
                    assert_eq!(segment.position(ids[index]), Some(index));
                    assert_eq!(segment.position(ids[index] + 1), None);
                }
                assert_codes_are_those_of_the_rows(&segment);
                assert_eq!(segment.scales(0..count).unwrap().len(), count);
                let all: Vec<RowRef> = segment.rows(0..count).split(dimension).collect();
                assert!(all.iter().enumerate().all(|(index, &row)| row == segment.row(index)));
                assert_eq!(all.len(), count);
            }
        }
    }
}

/// Damage is found where it lies, in any section of a file with many blocks.
#[test]
fn long_files_have_many_checksums() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vec");
    let ids: Vec<u64> = (1..=5000).collect();
    write_rows(&path, RowFormat::F16, &ids, &unit_rows(5000, 384));
    let good = fs::read(&path).unwrap();
    let segment = Segment::open(&path, 1).unwrap();
    segment.verify().unwrap();
    let Sections { ids, scales, codes, rows } = segment.sections.clone();
    for at in [ids.start, scales.end - 1, codes.end - 1, rows.end - 1] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let damaged = dir.path().join("damaged.vec");
        fs::write(&damaged, &bytes).unwrap();
        let error = Segment::open(&damaged, 1).unwrap().verify().unwrap_err();
        let block = (at - 64) / (1 << 20) * (1 << 20) + 64;
        assert!(error.to_string().contains(&format!("the bytes {block} to ")), "{error}");
    }
}

#[test]
fn version_1_is_read_and_rewritten() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (dir.path().join("old.vec"), dir.path().join("new.vec"));
    for dimension in DIMENSIONS {
        let (ids, rows) = (vec![3, 4, 9], unit_rows(3, dimension));
        fs::write(&old, version_1(&ids, &rows)).unwrap();
        let segment = Segment::open_checked(&old, 1).unwrap();
        segment.verify().unwrap();
        assert!(!segment.has_codes() && segment.codes(0).is_none() && segment.scales(0..3).is_none());
        assert_eq!((segment.ids(), segment.format()), (&ids[..], RowFormat::F32));
        assert_eq!(segment.rows(0..3), RowRef::F32(&rows.concat()));
        for format in FORMATS {
            write(&new, dimension, format, (0..3).map(|row| NewRow::stored(&segment, row))).unwrap();
            let rewritten = fs::read(&new).unwrap();
            write_rows(&new, format, &ids, &rows);
            assert_eq!(rewritten, fs::read(&new).unwrap());
        }
    }
}

/// Copying takes the codes along, and gives the same file as computing them does.
#[test]
fn copies_are_what_was_copied() {
    let dir = tempfile::tempdir().unwrap();
    let [first, copied, direct] = ["first", "copied", "direct"].map(|name| dir.path().join(name));
    let ids = [1, 2, 5, 6, 7];
    for dimension in DIMENSIONS {
        let rows = unit_rows(5, dimension);
        for from in FORMATS {
            write_rows(&first, from, &ids, &rows);
            let segment = Segment::open(&first, 1).unwrap();
            for to in FORMATS {
                write(&copied, dimension, to, (1..4).map(|row| NewRow::stored(&segment, row))).unwrap();
                let stored: Vec<Vec<f32>> = rows.iter().map(|row| rounded(row, from)).collect();
                write_rows(&direct, to, &ids[1..4], &stored[1..4]);
                assert_eq!(fs::read(&copied).unwrap(), fs::read(&direct).unwrap());
                assert_codes_are_those_of_the_rows(&Segment::open(&copied, 2).unwrap());
            }
        }
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vec");
    let (ids, rows) = ([5, 6], unit_rows(2, 3));
    let mut files = vec![version_1(&ids, &rows)];
    for format in FORMATS {
        write_rows(&path, format, &ids, &rows);
        files.push(fs::read(&path).unwrap());
    }
    let verify = |bytes: &[u8]| {
        check_file(bytes);
        fs::write(&path, bytes).unwrap();
        Segment::open(&path, 1).and_then(|segment| segment.verify())
    };
    for good in files {
        assert!(verify(&good).is_ok());
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&bytes).is_err(), "bit {bit}");
        }
        for length in 1..good.len() {
            assert!(verify(&good[..length]).is_err(), "length {length}");
        }
    }
}

/// What readers open unchecked, seeded: an error, or a file that harms nobody.
#[test]
fn damage_harms_no_reader() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vec");
    let ids: Vec<u64> = (10..310).collect();
    let rows = unit_rows(300, 65);
    let mut rng = StdRng::seed_from_u64(11);
    for format in FORMATS {
        write_rows(&path, format, &ids, &rows);
        let good = fs::read(&path).unwrap();
        for _ in 0..200 {
            let mut bytes = good.clone();
            let at = rng.random_range(0..bytes.len());
            if rng.random_bool(0.5) {
                bytes.truncate(at);
                assert!(bytes.is_empty() || check_open_fails(&path, &bytes), "cut at {at}");
            } else {
                bytes[at] ^= 1 << rng.random_range(0..8);
                fs::write(&path, &bytes).unwrap();
                assert!(Segment::open(&path, 1).and_then(|segment| segment.verify()).is_err(), "flipped at {at}");
            }
            check_file(&bytes);
        }
    }
}

fn check_open_fails(path: &Path, bytes: &[u8]) -> bool {
    fs::write(path, bytes).unwrap();
    Segment::open(path, 1).is_err()
}

/// The checksum of a whole header, its own included, is the same for all headers.
#[test]
fn contents_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vec");
    let crc = |rows: &[Vec<f32>]| {
        write_rows(&path, RowFormat::F16, &[1, 2], rows);
        Segment::open(&path, 1).unwrap().content_crc()
    };
    let rows = unit_rows(2, 8);
    let mut others = rows.clone();
    others[1][3] = -others[1][3];
    assert_ne!(crc(&rows), crc(&others));
    assert_eq!(crc(&rows), crc(&rows));
}
