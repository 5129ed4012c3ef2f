//! What fuzzers call: one function for each parser of bytes that come from elsewhere.

/// The file of saved searches: what is read of it is written as a file that is read in the same way.
pub fn saved_searches(bytes: &[u8]) {
    crate::saved::check_file(bytes);
}

/// The file of what captions say of relevance: what is read of it is written as a file that is read in the same way.
pub fn refinement(bytes: &[u8]) {
    crate::refinement::check_file(bytes);
}
