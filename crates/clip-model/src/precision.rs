//! Number formats of weights.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What weights are held as: in a file, or by a loaded image tower.
///
/// An image tower computes with what it holds. In [`F16`](Self::F16) the weights alone are rounded; in
/// [`Int8`](Self::Int8) the inputs of each product are too, a row at a time. Whatever a layer's products are not (norms,
/// attention, activations, depthwise convolutions, the last projection of a class token) is computed in [`F32`](Self::F32)
/// always.
///
/// On a GPU that has 16-bit floats, [`F16`](Self::F16) is what all is computed in, but for the norms; none computes in
/// [`Int8`](Self::Int8). Text towers on a CPU are computed from the weights as their file has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32-bit floats: as published.
    #[default]
    F32,
    /// 16-bit floats. In a file, values beyond their range are an error.
    F16,
    /// 8-bit integers, symmetric about zero, with a factor for each output. In a file, what has one dimension is kept in
    /// 16-bit floats.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Int8];

    /// The name that [`FromStr`] takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No precision has this name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected f32, f16 or int8, found `{found}`")]
pub struct UnknownPrecision {
    /// The name.
    pub found: String,
}

impl FromStr for Precision {
    type Err = UnknownPrecision;

    fn from_str(s: &str) -> Result<Self, UnknownPrecision> {
        let unknown = || UnknownPrecision { found: s.to_owned() };
        Self::ALL.into_iter().find(|precision| precision.name() == s).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
            assert_eq!(serde_json::to_value(precision).unwrap(), precision.name());
        }
        assert!("bf16".parse::<Precision>().unwrap_err().to_string().contains("f32, f16 or int8"));
    }
}
