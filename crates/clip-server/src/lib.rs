//! An HTTP API and a web page over a library of photos.
//!
//! ```no_run
//! use std::sync::Arc;
//! use clip_search::Library;
//! use clip_search::language::Date;
//! use clip_server::{Server, Settings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let library = Library::builder("index").open_or_create()?;
//! let settings = Settings::new(|| Date::constant(2026, 1, 1));
//! let server = Server::bind(Arc::new(library), settings)?;
//! println!("http://{}/", server.address());
//! server.run();
//! # Ok(())
//! # }
//! ```
//!
//! `docs/server.md` describes the API and who is let in. The parts:
//!
//! | module | |
//! | --- | --- |
//! | `server`, `connections`, `stall` | connections, with bounds on how many there are and how long they may wait |
//! | `guard`, `token` | who is let in |
//! | `api` | what each path answers; `openapi` describes it, `problem` is what errors look like |
//! | `search` | queries, rankings that are remembered, the catalogue of all photos |
//! | `pool` | threads for what takes processor time, with queues that have ends |
//! | `decoding`, `thumbnails`, `pictures` | photos to pixels, away from searches |
//! | `files`, `range`, `media_type`, `streams`, `zip` | files to clients |
//! | `indexing`, `news` | folders that are added, and what happens to the index |
//! | `page` | the web page |

mod api;
mod body;
mod connections;
mod decoding;
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod indexing;
mod media_type;
mod news;
mod open_files;
mod openapi;
pub mod page;
mod pictures;
mod pool;
mod priority;
mod problem;
mod range;
mod search;
mod server;
mod settings;
mod stall;
mod state;
mod streams;
mod thumbnails;
mod token;
mod zip;

pub use server::{Server, ServerError, Stopper};
pub use settings::{Bounds, Settings};
pub use token::{Token, TokenError};
