//! Files by others, files of our own, and files that are none.

mod common;
mod fixtures;
mod hostile;
mod written;
