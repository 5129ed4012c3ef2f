//! Runs of equal bytes.

use std::io::{self, Read};

pub(super) struct PackBits<R> {
    source: R,
    /// How many bytes are to come as they are, or of one value.
    left: usize,
    run: Option<u8>,
}

impl<R: Read> PackBits<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, left: 0, run: None }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        Ok((self.source.read(&mut byte)? == 1).then_some(byte[0]))
    }
}

impl<R: Read> Read for PackBits<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 {
            let Some(code) = self.byte()? else { return Ok(0) };
            let code = code as i8;
            match code {
                0.. => (self.left, self.run) = (code as usize + 1, None),
                i8::MIN => (),
                _ => {
                    let Some(value) = self.byte()? else { return Ok(0) };
                    (self.left, self.run) = (1 + usize::from(code.unsigned_abs()), Some(value));
                }
            }
        }
        let most = self.left.min(buffer.len());
        let count = match self.run {
            Some(value) => {
                buffer[..most].fill(value);
                most
            }
            None => self.source.read(&mut buffer[..most])?,
        };
        self.left -= count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_what_is_between_them() {
        let packed = [0xfe, 0xaa, 2, 0x80, 0, 0x2a, 0x80, 0xfd, 0xaa];
        let mut found = Vec::new();
        PackBits::new(&packed[..]).read_to_end(&mut found).unwrap();
        assert_eq!(found, [0xaa, 0xaa, 0xaa, 0x80, 0, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa]);
    }
}
