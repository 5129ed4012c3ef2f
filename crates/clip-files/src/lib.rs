//! Files as the other crates need them: written whole or not at all, readable by their owner only, locked; paths as
//! bytes; regular files opened without waiting for anybody, what to call other kinds of files, and what the system's errors
//! say.
//!
//! All functions return plain [`std::io::Error`]s: the caller knows which file it is about.

pub mod atomic;
pub mod deceptive;
pub mod directory;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod holes;
pub mod kind;
pub mod lock;
pub mod mapped;
pub mod medium;
pub mod path_bytes;
pub mod private;
pub mod regular;
pub mod system_error;
