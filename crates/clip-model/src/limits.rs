//! Limits on configurations: several times the largest published CLIP model, and small enough that one that passes cannot
//! exhaust memory by its sizes alone before the weights were looked at.

pub const WIDTH: usize = 8192;
pub const LAYERS: usize = 128;
pub const HEADS: usize = 128;
pub const MLP_WIDTH: usize = 65_536;
pub const EMBED_DIM: usize = 8192;
pub const IMAGE_SIZE: usize = 2048;
pub const CONTEXT: usize = 4096;
pub const VOCABULARY: usize = 2_000_000;
/// Patches of an image; attention takes memory by their square.
pub const TOKENS: usize = 16_384;
/// Parameters of one tower, counting its matrices only.
pub const PARAMETERS: u64 = 8_000_000_000;

/// Says that a number is out of range, if it is.
pub fn within(what: &str, value: usize, max: usize) -> Result<(), String> {
    if value == 0 || value > max {
        return Err(format!("{what} is {value}, expected 1 to {max}"));
    }
    Ok(())
}

/// Says what is out of range in a transformer's sizes, if anything is.
pub fn transformer(
    tower: &str,
    width: usize,
    layers: usize,
    heads: usize,
    mlp_width: usize,
    layer_norm_eps: f64,
) -> Result<(), String> {
    within(&format!("the {tower} tower's width"), width, WIDTH)?;
    within(&format!("the {tower} tower's number of layers"), layers, LAYERS)?;
    within(&format!("the {tower} tower's number of heads"), heads, HEADS)?;
    within(&format!("the {tower} tower's MLP width"), mlp_width, MLP_WIDTH)?;
    if !width.is_multiple_of(heads) {
        return Err(format!("the {tower} tower's {heads} heads do not divide its width {width}"));
    }
    if !(layer_norm_eps > 0.0 && layer_norm_eps < 1.0) {
        return Err(format!(
            "the {tower} tower's layer norm epsilon is {layer_norm_eps}, expected more than 0 and less than 1"
        ));
    }
    let (width, mlp_width) = (width as u64, mlp_width as u64);
    let parameters = layers as u64 * (4 * width * width + 2 * width * mlp_width);
    if parameters > PARAMETERS {
        return Err(format!(
            "the {tower} tower would have {parameters} parameters, at most {} are accepted",
            PARAMETERS
        ));
    }
    Ok(())
}
