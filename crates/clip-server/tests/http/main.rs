//! The server in this process, over the sample photos, spoken to in raw HTTP.

mod api;
mod folders;
mod hostile;
mod limits;
mod page;
mod stopping;
mod support;
mod token;
