//! Buffers that are used again.

/// The first `length` values of a buffer that grows if it must. What they are is left over from before.
pub fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
