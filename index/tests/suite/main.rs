//! Tests of the index as a whole, through its public interface.

mod access;
mod allocations;
mod bad_files;
mod common;
mod compact;
mod concurrency;
mod corruption;
mod crash;
mod exchange;
mod faults;
mod filters;
mod fixture;
mod graph;
mod history;
mod hubness;
mod import;
mod oracle;
#[cfg(feature = "parquet")]
mod parquet;
mod python;
mod rebuild;
mod refusals;
mod repair;
mod search;
mod spare;
mod watcher;
