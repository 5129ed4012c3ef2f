//! The command line from outside: exit status, stdout and stderr of the real program.

mod archives;
mod bad_files;
mod bench;
mod classify;
mod commands;
mod config;
mod crash;
mod dupes;
mod duplicates;
mod errors;
mod escapes;
mod filters_on_real_exif;
mod first_run;
mod found_by_others;
mod graph;
mod hostile;
mod incremental;
mod interactive;
mod left_out;
mod manners;
#[cfg(feature = "mcp")]
mod mcp;
mod messages;
mod model;
mod mounts;
mod moved;
mod numbers;
mod on_terminal;
mod own_model;
mod pairs;
mod private;
mod pty;
mod query;
mod query_cache;
#[path = "../../crates/clip-image/tests/raw_files/mod.rs"]
mod raw_files;
mod remove;
mod replacement;
mod saved;
mod serve;
#[path = "../../crates/clip-hub/tests/support/mod.rs"]
mod server;
mod shells;
mod sidecars;
mod snapshots;
mod special_files;
mod streams;
mod support;
mod switch;
mod terminal;
mod tour;
mod train;
mod videos;
mod watch;
mod workers;
