//! Names of devices and precisions.

use clip_search::{DeviceChoice, Precision};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

pub(crate) fn device(name: &str) -> PyResult<DeviceChoice> {
    match name {
        "auto" => Ok(DeviceChoice::Auto),
        "cpu" => Ok(DeviceChoice::Cpu),
        "gpu" => Ok(DeviceChoice::Gpu),
        _ => Err(PyValueError::new_err(format!("device must be \"auto\", \"cpu\" or \"gpu\", not {name:?}"))),
    }
}

pub(crate) fn precision(name: Option<&str>) -> PyResult<Option<Precision>> {
    match name {
        None => Ok(None),
        Some("f32") => Ok(Some(Precision::F32)),
        Some("f16") => Ok(Some(Precision::F16)),
        Some("int8") => Ok(Some(Precision::Int8)),
        Some(name) => {
            Err(PyValueError::new_err(format!("precision must be \"f32\", \"f16\" or \"int8\", not {name:?}")))
        }
    }
}
