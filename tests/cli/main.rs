//! The command line from outside: exit status, stdout and stderr of the real program.

mod bench;
mod classify;
mod commands;
mod crash;
mod errors;
mod graph;
mod hostile;
mod incremental;
mod model;
mod query_cache;
mod replacement;
#[path = "../../crates/clip-hub/tests/support/mod.rs"]
mod server;
mod streams;
mod support;
mod switch;
