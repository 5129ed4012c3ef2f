//! Buffers that are reused.

/// The first `length` values of a buffer, which grows if it is too short. Their contents are left over from earlier use.
pub fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}
