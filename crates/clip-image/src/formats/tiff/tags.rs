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
