//! The formats of other people's checkpoints: what the families need to read their towers from them.
//!
//! A whole checkpoint is put together in [`crate::checkpoint`]; what a format calls the tensors of one tower, and how its
//! configuration describes it, stands with the tower's family.

pub mod ml_mobileclip;
pub mod mobileclip;
pub mod open_clip;
pub mod transformers;

/// Whose names and configuration a checkpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Hugging Face's transformers.
    Transformers,
    /// open_clip.
    OpenClip {
        /// `CustomTextCLIP` keeps the text tower under `text.`, `CLIP` has it at the top.
        nested_text: bool,
    },
    /// Apple's ml-mobileclip.
    MlMobileClip,
}
