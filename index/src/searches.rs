//! Where the searches lie that a user has saved for an index. What is in that file is the affair of whoever reads queries: an
//! index only knows it for its own, keeps it to its owner and otherwise leaves it alone, whatever becomes of the photos.

/// The file, in the directory of the index.
pub const FILE: &str = "searches";
/// Whoever writes the file holds an exclusive lock on this one, for as long as that takes. It is not the lock of the index,
/// which may be held for hours.
pub const LOCK: &str = "searches.lock";
/// Says who is writing, where the system has no locks.
pub const LOCK_HOLDER: &str = "searches.lock.holder";
/// The file begins with this, a version in decimal and a line break.
pub const HEAD: &str = "# clip-search searches ";
