//! Numbers that stand for something in files, as the format's definition `parquet.thrift` names them.

/// What a file begins and ends with.
pub(crate) const MAGIC: [u8; 4] = *b"PAR1";

pub(crate) mod physical {
    pub(crate) const BOOLEAN: i64 = 0;
    pub(crate) const INT32: i64 = 1;
    pub(crate) const INT64: i64 = 2;
    pub(crate) const INT96: i64 = 3;
    pub(crate) const FLOAT: i64 = 4;
    pub(crate) const DOUBLE: i64 = 5;
    pub(crate) const BYTE_ARRAY: i64 = 6;
    pub(crate) const FIXED_LEN_BYTE_ARRAY: i64 = 7;
}

pub(crate) mod repetition {
    pub(crate) const REQUIRED: i64 = 0;
    pub(crate) const OPTIONAL: i64 = 1;
    pub(crate) const REPEATED: i64 = 2;
}

pub(crate) mod encoding {
    pub(crate) const PLAIN: i64 = 0;
    pub(crate) const PLAIN_DICTIONARY: i64 = 2;
    pub(crate) const RLE: i64 = 3;
    pub(crate) const DELTA_BINARY_PACKED: i64 = 5;
    pub(crate) const DELTA_LENGTH_BYTE_ARRAY: i64 = 6;
    pub(crate) const DELTA_BYTE_ARRAY: i64 = 7;
    pub(crate) const RLE_DICTIONARY: i64 = 8;
    pub(crate) const BYTE_STREAM_SPLIT: i64 = 9;
}

pub(crate) mod codec {
    pub(crate) const UNCOMPRESSED: i64 = 0;
    pub(crate) const SNAPPY: i64 = 1;
    pub(crate) const GZIP: i64 = 2;
    pub(crate) const ZSTD: i64 = 6;
}

pub(crate) mod page {
    pub(crate) const DATA: i64 = 0;
    pub(crate) const DICTIONARY: i64 = 2;
    pub(crate) const DATA_V2: i64 = 3;
}

/// The older annotations of types.
pub(crate) mod converted {
    pub(crate) const UTF8: i64 = 0;
    pub(crate) const LIST: i64 = 3;
    pub(crate) const ENUM: i64 = 4;
    pub(crate) const UINT_8: i64 = 11;
    pub(crate) const UINT_64: i64 = 14;
    pub(crate) const INT_8: i64 = 15;
    pub(crate) const INT_64: i64 = 18;
    pub(crate) const JSON: i64 = 19;
}

/// The fields of the union of the newer ones.
pub(crate) mod logical {
    pub(crate) const STRING: i16 = 1;
    pub(crate) const LIST: i16 = 3;
    pub(crate) const ENUM: i16 = 4;
    pub(crate) const INTEGER: i16 = 10;
    pub(crate) const JSON: i16 = 12;
    pub(crate) const FLOAT16: i16 = 15;
}
