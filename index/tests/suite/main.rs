//! Tests of the index as a whole, through its public interface.

mod access;
mod common;
mod concurrency;
mod corruption;
mod crash;
mod fixture;
mod graph;
mod oracle;
mod python;
mod rebuild;
mod refusals;
mod search;
