//! The Python module `clip_search`, over the library crate of the same name.
//!
//! Whatever takes long is done without the interpreter's lock. Panics of the library would end the interpreter; PyO3 turns them
//! into exceptions.

#![expect(clippy::result_large_err, reason = "the library's errors become exceptions at once")]

mod device;
mod error;
mod hit;
mod library;
mod model;
mod picture;
mod progress;
mod to_python;

use pyo3::prelude::*;

/// What `clip_search/__init__.py` passes on.
#[pymodule]
#[pyo3(name = "_clip_search")]
fn clip_search_python(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<hit::Hit>()?;
    module.add_class::<library::Library>()?;
    module.add_class::<model::Model>()?;
    error::add(module)
}
