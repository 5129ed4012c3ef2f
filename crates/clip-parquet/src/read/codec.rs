//! Decompression.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;

use crate::error::Error;
use crate::format::codec;

/// Names of the codecs, by the numbers that files have for them.
const NAMES: [&str; 8] = ["none", "Snappy", "gzip", "LZO", "Brotli", "LZ4", "Zstandard", "LZ4_RAW"];

/// Refuses data that cannot be decompressed.
pub(super) fn check(number: i64) -> Result<(), Error> {
    if matches!(number, codec::UNCOMPRESSED | codec::SNAPPY | codec::GZIP | codec::ZSTD) {
        return Ok(());
    }
    let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
    let name = name.map_or_else(|| format!("number {number}"), |&name| name.to_owned());
    Err(Error::Unsupported(format!(
        "expected data compressed with Snappy, gzip or Zstandard or not at all, found {name}; write it again with one of \
         these"
    )))
}

/// Appends what `bytes` are decompressed to `out`: `size` bytes, or it is an error.
pub(super) fn decompress(number: i64, bytes: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    let before = out.len();
    match number {
        codec::UNCOMPRESSED => out.extend(bytes),
        codec::SNAPPY => {
            let wrong = |error: snap::Error| Error::damaged(format!("a page cannot be decompressed: {error}"));
            // Compared before memory is taken for it.
            if snap::raw::decompress_len(bytes).map_err(wrong)? != size {
                return Err(mismatch(size));
            }
            out.resize(before + size, 0);
            snap::raw::Decoder::new().decompress(bytes, &mut out[before..]).map_err(wrong)?;
        }
        codec::GZIP => read(&mut MultiGzDecoder::new(bytes), size, out)?,
        codec::ZSTD => {
            // A frame whose window is larger than all that comes out of it is none that a writer makes, but for small ones.
            let window = (size as u64).max(1 << 23);
            let decoder = StreamingDecoder::new_with_max_window_size(bytes, window)
                .map_err(|error| Error::damaged(format!("a page cannot be decompressed: {error}")))?;
            read(&mut { decoder }, size, out)?;
        }
        _ => check(number)?,
    }
    if out.len() - before == size { Ok(()) } else { Err(mismatch(size)) }
}

/// Reads one byte more than expected at most.
fn read(decoder: &mut impl Read, size: usize, out: &mut Vec<u8>) -> Result<(), Error> {
    let wrong = |error: io::Error| Error::damaged(format!("a page cannot be decompressed: {error}"));
    out.reserve_exact(size + 1);
    decoder.take(size as u64 + 1).read_to_end(out).map_err(wrong)?;
    Ok(())
}

fn mismatch(size: usize) -> Error {
    Error::damaged(format!("a page is not decompressed to the {size} bytes that it says"))
}
