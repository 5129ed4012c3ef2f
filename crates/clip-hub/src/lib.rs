//! Published checkpoints by name: which ones there are, where they are on this disk, and how to get them.
//!
//! A name becomes a folder; what is in the folder is another crate's business. The main types are:
//!
//! - [`Catalogue`] lists well-known checkpoints with what is published about them, and [recommends](Catalogue::recommend)
//!   one for a machine.
//! - [`Cache`] is the folder in which Python's `huggingface_hub` and related programs keep downloads. What they fetched
//!   is found here, and what is fetched here is found by them.
//! - [`Hub`] [finds](Hub::resolve), [downloads](Hub::pull) and [checks](Hub::verify) a checkpoint. An interrupted download
//!   is resumed, and no file becomes visible before its hash has been checked.
//!
//! Nothing here prints or reads the environment: [`HubSettings`] says where the cache is, which server to ask, through
//! which [`Proxies`], and whether to use the network at all. Errors name no options or commands; what can be done about
//! one is its [`Remedy`].

mod aside;
mod cache;
mod catalogue;
mod client;
mod digest;
mod error;
mod escape;
mod fault;
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod hub;
mod interruption;
mod link;
mod listing;
mod location;
mod lock;
mod no_proxy;
mod progress;
mod proxy;
mod pull;
mod recommend;
mod repository;
mod resolve;
mod setting;
mod settings;
mod verify;

pub use cache::{Cache, Snapshot};
pub use catalogue::{Catalogue, Entry, Figure, Retrieval};
pub use clip_progress::Progress;
pub use error::{HubError, Remedy};
pub use files::Layout;
pub use hub::{Checkpoint, Hub, Located};
pub use interruption::Interruption;
pub use no_proxy::NoProxy;
pub use progress::PullEvent;
pub use proxy::Proxies;
pub use pull::Pulled;
pub use recommend::Machine;
pub use repository::Repository;
pub use resolve::{Named, Resolved};
pub use setting::Setting;
pub use settings::{HubSettings, Token};
pub use verify::{CheckedFile, FileState, Verified};
