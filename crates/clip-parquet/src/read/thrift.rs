//! Reading the compact protocol of Thrift, in which Parquet keeps all that is not data.
//!
//! What is not asked for is passed over without memory, and nothing is believed of a length but what the bytes bear out.

use crate::error::Error;

/// Structures within structures; the deepest that the format defines is at six.
const DEEPEST: u32 = 32;

/// The kind of a value, as the protocol numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind(u8);

impl Kind {
    const TRUE: Kind = Kind(1);
    const FALSE: Kind = Kind(2);
    const BYTE: Kind = Kind(3);
    const I16: Kind = Kind(4);
    const I32: Kind = Kind(5);
    const I64: Kind = Kind(6);
    const DOUBLE: Kind = Kind(7);
    const BINARY: Kind = Kind(8);
    const LIST: Kind = Kind(9);
    const SET: Kind = Kind(10);
    const MAP: Kind = Kind(11);
    const STRUCT: Kind = Kind(12);
}

/// Why a structure cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It goes on after the bytes' end.
    Ends,
    /// It is none.
    Wrong(&'static str),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::damaged(match fault {
            Fault::Ends => "a structure goes on after its end",
            Fault::Wrong(reason) => reason,
        })
    }
}

/// What is left to read.
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    depth: u32,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, depth: 0 }
    }

    /// Number of bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    /// Reads the fields of a structure. `read` gets the number and the kind of each; it reads the value, or returns false
    /// if it does not want it.
    pub(super) fn fields<E: From<Fault>>(
        &mut self,
        mut read: impl FnMut(&mut Self, i16, Kind) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.enter()?;
        let mut id = 0i16;
        loop {
            let byte = self.byte()?;
            let kind = Kind(byte & 15);
            if kind.0 == 0 {
                break;
            }
            id = match byte >> 4 {
                0 => i16::try_from(self.zigzag()?).map_err(|_| Fault::Wrong("a field has an invalid number"))?,
                step => id.checked_add(i16::from(step)).ok_or(Fault::Wrong("a field has an invalid number"))?,
            };
            if !read(self, id, kind)? {
                self.skip(kind)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads the fields of the structure that a value is.
    pub(super) fn structure<E: From<Fault>>(
        &mut self,
        kind: Kind,
        read: impl FnMut(&mut Self, i16, Kind) -> Result<bool, E>,
    ) -> Result<(), E> {
        expect(kind, Kind::STRUCT)?;
        self.fields(read)
    }

    /// Reads the elements of a list of structures; `read` is called for each, and reads it.
    pub(super) fn structures<E: From<Fault>>(
        &mut self,
        kind: Kind,
        mut read: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let (length, of) = self.list(kind)?;
        if length > 0 {
            expect(of, Kind::STRUCT)?;
        }
        for _ in 0..length {
            read(self)?;
        }
        Ok(())
    }

    /// Reads a whole number of any width.
    pub(super) fn int(&mut self, kind: Kind) -> Result<i64, Fault> {
        match kind {
            Kind::BYTE => Ok(i64::from(self.byte()?.cast_signed())),
            Kind::I16 | Kind::I32 | Kind::I64 => self.zigzag(),
            _ => Err(Fault::Wrong("expected a number, found something else")),
        }
    }

    /// Reads the truth value of a field, which is in its kind.
    pub(super) fn bool(&mut self, kind: Kind) -> Result<bool, Fault> {
        match kind {
            Kind::TRUE => Ok(true),
            Kind::FALSE => Ok(false),
            _ => Err(Fault::Wrong("expected a truth value, found something else")),
        }
    }

    /// Reads bytes, or a text.
    pub(super) fn bytes(&mut self, kind: Kind) -> Result<&'a [u8], Fault> {
        expect(kind, Kind::BINARY)?;
        let length = self.length()?;
        self.take(length)
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST { Err(Fault::Wrong("structures are nested too deeply")) } else { Ok(()) }
    }

    /// The head of a list: how many elements, and of what kind. Each takes a byte at least.
    fn list(&mut self, kind: Kind) -> Result<(usize, Kind), Fault> {
        if kind != Kind::LIST && kind != Kind::SET {
            return Err(Fault::Wrong("expected a list, found something else"));
        }
        let byte = self.byte()?;
        let length = if byte >> 4 == 15 { self.length()? } else { usize::from(byte >> 4) };
        if length > self.bytes.len() { Err(Fault::Ends) } else { Ok((length, Kind(byte & 15))) }
    }

    fn skip(&mut self, kind: Kind) -> Result<(), Fault> {
        match kind {
            // In a field, the kind is the value.
            Kind::TRUE | Kind::FALSE => Ok(()),
            Kind::BYTE => self.take(1).map(drop),
            Kind::I16 | Kind::I32 | Kind::I64 => self.varint().map(drop),
            Kind::DOUBLE => self.take(8).map(drop),
            Kind::BINARY => self.bytes(kind).map(drop),
            Kind::LIST | Kind::SET => {
                self.enter()?;
                let (length, of) = self.list(kind)?;
                for _ in 0..length {
                    self.skip_element(of)?;
                }
                self.depth -= 1;
                Ok(())
            }
            Kind::MAP => {
                self.enter()?;
                let length = self.length()?;
                if length > self.bytes.len() {
                    return Err(Fault::Ends);
                }
                if length > 0 {
                    let kinds = self.byte()?;
                    for _ in 0..length {
                        self.skip_element(Kind(kinds >> 4))?;
                        self.skip_element(Kind(kinds & 15))?;
                    }
                }
                self.depth -= 1;
                Ok(())
            }
            Kind::STRUCT => self.fields(|_, _, _| Ok::<_, Fault>(false)),
            _ => Err(Fault::Wrong("a value is of no known kind")),
        }
    }

    /// Outside of fields, a truth value takes a byte.
    fn skip_element(&mut self, kind: Kind) -> Result<(), Fault> {
        match kind {
            Kind::TRUE | Kind::FALSE => self.take(1).map(drop),
            _ => self.skip(kind),
        }
    }

    fn length(&mut self) -> Result<usize, Fault> {
        usize::try_from(self.varint()?).map_err(|_| Fault::Ends)
    }

    fn zigzag(&mut self) -> Result<i64, Fault> {
        let number = self.varint()?;
        Ok((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
    }

    fn varint(&mut self) -> Result<u64, Fault> {
        varint(&mut self.bytes)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        let (&byte, rest) = self.bytes.split_first().ok_or(Fault::Ends)?;
        self.bytes = rest;
        Ok(byte)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Fault::Ends)?;
        self.bytes = rest;
        Ok(taken)
    }
}

/// Takes a number of seven bits a byte, the lowest first, from the front of `bytes`.
pub(super) fn varint(bytes: &mut &[u8]) -> Result<u64, Fault> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Fault::Ends)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Fault::Wrong("a number goes on after 64 bits"))
}

fn expect(kind: Kind, expected: Kind) -> Result<(), Fault> {
    if kind == expected { Ok(()) } else { Err(Fault::Wrong("a value is of another kind than expected")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wanted_is_passed_over() {
        // 1: i32 -3, 2: true, 3: list of two texts, 4: map of a byte to a truth value, 5: a structure, 70: i64 300.
        let bytes = [
            0x15, 5, 0x11, 0x19, 0x28, 1, b'a', 1, b'b', 0x1b, 1, 0x31, 9, 1, 0x1c, 0x17, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0x06, 0x8c, 1, 0xd8, 4, 0,
        ];
        for wanted in [1i16, 70, 99] {
            let mut found = Vec::new();
            let mut input = Input::new(&bytes);
            input
                .fields(|input, id, kind| {
                    if id != wanted {
                        return Ok::<_, Fault>(false);
                    }
                    found.push(input.int(kind)?);
                    Ok(true)
                })
                .unwrap();
            assert_eq!(input.left(), 0);
            let expected: &[i64] = match wanted {
                1 => &[-3],
                70 => &[300],
                _ => &[],
            };
            assert_eq!(found, expected);
        }
        for length in 0..bytes.len() {
            let mut input = Input::new(&bytes[..length]);
            assert_eq!(input.fields(|_, _, _| Ok(false)), Err(Fault::Ends), "{length}");
        }
    }

    #[test]
    fn lengths_and_depths_are_not_believed() {
        let deep = vec![0x1c; 1 << 20];
        assert_eq!(
            Input::new(&deep).fields(|_, _, _| Ok(false)),
            Err(Fault::Wrong("structures are nested too deeply"))
        );
        let lists = vec![0x19; 1 << 20];
        assert!(Input::new(&lists).fields(|_, _, _| Ok::<_, Fault>(false)).is_err());
        let long = [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(Input::new(&long).fields(|_, _, _| Ok(false)), Err(Fault::Ends));
        let endless = [0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0];
        assert!(Input::new(&endless).fields(|_, _, _| Ok::<_, Fault>(false)).is_err());
    }
}
