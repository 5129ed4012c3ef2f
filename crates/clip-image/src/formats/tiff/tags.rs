//! Numbers of fields.

use super::fields::Tag;

pub(super) const NEW_SUBFILE_TYPE: Tag = 254;
pub(super) const SUBFILE_TYPE: Tag = 255;
pub(super) const IMAGE_WIDTH: Tag = 256;
pub(super) const IMAGE_LENGTH: Tag = 257;
pub(super) const BITS_PER_SAMPLE: Tag = 258;
pub(super) const COMPRESSION: Tag = 259;
pub(super) const PHOTOMETRIC: Tag = 262;
pub(super) const FILL_ORDER: Tag = 266;
pub(super) const STRIP_OFFSETS: Tag = 273;
pub(super) const ORIENTATION: Tag = 274;
pub(super) const SAMPLES_PER_PIXEL: Tag = 277;
pub(super) const ROWS_PER_STRIP: Tag = 278;
pub(super) const STRIP_BYTE_COUNTS: Tag = 279;
pub(super) const PLANAR_CONFIGURATION: Tag = 284;
pub(super) const T4_OPTIONS: Tag = 292;
pub(super) const PREDICTOR: Tag = 317;
pub(super) const COLOUR_MAP: Tag = 320;
pub(super) const TILE_WIDTH: Tag = 322;
pub(super) const TILE_LENGTH: Tag = 323;
pub(super) const TILE_OFFSETS: Tag = 324;
pub(super) const TILE_BYTE_COUNTS: Tag = 325;
pub(super) const SUB_IFDS: Tag = 330;
pub(super) const INK_SET: Tag = 332;
pub(super) const EXTRA_SAMPLES: Tag = 338;
pub(super) const SAMPLE_FORMAT: Tag = 339;
pub(super) const JPEG_TABLES: Tag = 347;
pub(super) const JPEG_INTERCHANGE_FORMAT: Tag = 513;
pub(super) const JPEG_INTERCHANGE_LENGTH: Tag = 514;
pub(super) const JPEG_RESTART_INTERVAL: Tag = 515;
pub(super) const JPEG_Q_TABLES: Tag = 519;
pub(super) const JPEG_DC_TABLES: Tag = 520;
pub(super) const JPEG_AC_TABLES: Tag = 521;
pub(super) const YCBCR_COEFFICIENTS: Tag = 529;
pub(super) const YCBCR_SUBSAMPLING: Tag = 530;
pub(super) const REFERENCE_BLACK_WHITE: Tag = 532;
pub(super) const ICC_PROFILE: Tag = 34675;
/// GDAL's: a number in letters that stands for "no value here".
pub(super) const NO_DATA: Tag = 42113;

/// What messages call a field that a picture depends on.
pub(super) fn name(tag: Tag) -> &'static str {
    match tag {
        IMAGE_WIDTH => "width",
        IMAGE_LENGTH => "height",
        BITS_PER_SAMPLE => "number of bits per sample",
        COMPRESSION => "compression",
        PHOTOMETRIC => "kind of colours",
        FILL_ORDER => "order of bits",
        STRIP_OFFSETS => "list of where its strips are",
        SAMPLES_PER_PIXEL => "number of samples per pixel",
        ROWS_PER_STRIP => "number of rows per strip",
        STRIP_BYTE_COUNTS => "list of how long its strips are",
        PLANAR_CONFIGURATION => "order of samples",
        PREDICTOR => "predictor",
        COLOUR_MAP => "palette",
        TILE_WIDTH => "width of tiles",
        TILE_LENGTH => "height of tiles",
        TILE_OFFSETS => "list of where its tiles are",
        TILE_BYTE_COUNTS => "list of how long its tiles are",
        INK_SET => "set of inks",
        EXTRA_SAMPLES => "meaning of its extra samples",
        SAMPLE_FORMAT => "format of samples",
        JPEG_Q_TABLES => "list of quantisation tables",
        JPEG_DC_TABLES | JPEG_AC_TABLES => "list of Huffman tables",
        JPEG_RESTART_INTERVAL => "restart interval",
        _ => "field that describes the image",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_called_by_words() {
        let tags = [IMAGE_WIDTH, IMAGE_LENGTH, COMPRESSION, STRIP_OFFSETS, TILE_OFFSETS, JPEG_Q_TABLES, 9999];
        assert!(tags.into_iter().all(|tag| !name(tag).contains(|c: char| c.is_ascii_digit())));
    }
}
