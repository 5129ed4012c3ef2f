//! Other programs, on a short lead: each in a process group of its own, with limits, and ended with all that it started.
//!
//! [`Running`] is a program whose streams somebody reads while it runs. [`exchange`] runs one to its end: bytes in, bytes out, in
//! bounded time. Neither waits for anything without end, not even for a program that keeps a pipe open beyond its parent's life.

mod exchange;
mod running;

pub use exchange::{Bounds, Fault, Output, exchange};
pub use running::{Limits, Running};
