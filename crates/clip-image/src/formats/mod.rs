//! The picture formats.

pub(crate) mod jpeg;
