//! Raw files of cameras.

use image::{Rgb, RgbImage};

use super::{Kind, Table, cut, read, refused};
use crate::raw_files::{self, FULL, FULL_SIZE, KINDS, PREVIEW, PREVIEW_SIZE};

pub fn tables() -> Vec<Table> {
    let maker = |extension: &str| match extension {
        "cr2" => "CR2 (Canon)",
        "cr3" => "CR3 (Canon)",
        "crw" => "CRW (Canon)",
        "nef" => "NEF (Nikon)",
        "arw" => "ARW (Sony)",
        "dng" => "DNG (Adobe, Google, Leica and others)",
        "orf" => "ORF (Olympus)",
        "rw2" => "RW2 (Panasonic)",
        "pef" => "PEF (Pentax)",
        "srw" => "SRW (Samsung)",
        "raf" => "RAF (Fujifilm)",
        "mrw" => "MRW (Minolta)",
        "x3f" => "X3F (Sigma)",
        other => panic!("{other} has no row in docs/formats.md"),
    };
    let mut kinds: Vec<Kind> = KINDS
        .iter()
        .map(|kind| {
            let (colour, (width, height)) = kind.largest;
            read(maker(kind.extension), &RgbImage::from_pixel(width, height, Rgb(colour)), [(kind.make)(1)])
        })
        .collect();
    let plain = |colour, (width, height)| RgbImage::from_pixel(width, height, Rgb(colour));
    let (full, preview) = (plain(FULL, FULL_SIZE), plain(PREVIEW, PREVIEW_SIZE));
    kinds.extend([
        read("NRW (Nikon), GPR (GoPro), RWL (Leica)", &full, [raw_files::nef(1), raw_files::dng(1), raw_files::rw2(1)]),
        read("SR2, SRF (Sony)", &preview, [raw_files::arw(1)]),
        read("3FR (Hasselblad), ERF (Epson), KDC (Kodak)", &full, [raw_files::srw(1)]),
        refused("without a preview", b"IIRO\x08\0\0\0\0\0\0\0\0\0".to_vec()),
        refused("cut off in the middle", cut(raw_files::raf(1))),
    ]);
    vec![Table { name: "camera raw", kinds }]
}
