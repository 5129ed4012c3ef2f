//! LZW.

use std::io::{self, BufRead, Read};

use weezl::{BitOrder, LzwStatus, decode};

pub(super) struct Lzw<R> {
    source: R,
    /// Chosen by the first bytes.
    decoder: Option<decode::Decoder>,
}

impl<R: BufRead> Lzw<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: None }
    }
}

fn decoder(start: &[u8]) -> decode::Decoder {
    // Programs of long ago had the codes' bits in the order of GIF. Either way a chunk begins with the code of nine bits
    // of which only the highest is set.
    let is_old = matches!(start, [0, second, ..] if second & 1 == 1);
    if is_old {
        decode::Decoder::new(BitOrder::Lsb, 8)
    } else {
        decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8)
    }
}

impl<R: BufRead> Read for Lzw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let input = self.source.fill_buf()?;
            let result = self.decoder.get_or_insert_with(|| decoder(input)).decode_bytes(input, buffer);
            self.source.consume(result.consumed_in);
            match result.status {
                Ok(LzwStatus::Ok) if result.consumed_out == 0 && !buffer.is_empty() => (),
                Ok(_) => return Ok(result.consumed_out),
                Err(_) => return Err(super::damaged()),
            }
        }
    }
}
