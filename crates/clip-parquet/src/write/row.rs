//! What a table is made of: its columns, and what a row has in them.

use crate::read::Type;

/// A column of a table that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// What its values are, or what its lists are of.
    pub kind: Type,
    /// Each row has a list of values.
    pub is_list: bool,
}

impl<'a> Field<'a> {
    /// A column of values, of which some may be missing.
    #[must_use]
    pub fn scalar(name: &'a str, kind: Type) -> Field<'a> {
        Field { name, kind, is_list: false }
    }

    /// A column of lists, of which some may be missing. In a list, no value may be.
    #[must_use]
    pub fn list(name: &'a str, kind: Type) -> Field<'a> {
        Field { name, kind, is_list: true }
    }
}

/// What a row has in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Datum<'a> {
    /// Nothing.
    Null,
    /// For [`Type::Bool`].
    Bool(bool),
    /// For [`Type::Integer`].
    Integer(i64),
    /// For [`Type::Unsigned`].
    Unsigned(u64),
    /// For a type of floating-point numbers.
    Float(f64),
    /// For [`Type::Text`].
    Text(&'a str),
    /// For [`Type::Bytes`].
    Bytes(&'a [u8]),
    /// For lists of a type of floating-point numbers.
    Floats(&'a [f32]),
    /// For lists of a type of floating-point numbers.
    Doubles(&'a [f64]),
    /// For lists of [`Type::Integer`].
    Integers(&'a [i64]),
    /// For lists of [`Type::Text`].
    Texts(&'a [String]),
}
