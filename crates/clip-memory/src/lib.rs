//! What the allocator keeps of memory that was freed.

/// Gives freed memory back to the system, where the allocator is glibc's: for the ends of stages that free as much as they
/// took, in pieces of many sizes. After loading a tower layer by layer, the allocator would keep some 50 MiB for good.
///
/// Does nothing elsewhere. Takes milliseconds, so it is not for inner loops.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the function may be called at any time and from any thread; it touches nothing but free memory.
    unsafe {
        libc::malloc_trim(0);
    }
}
