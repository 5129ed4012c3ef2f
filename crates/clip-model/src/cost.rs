//! How much arithmetic a tower takes, from its configuration alone.

use crate::families::ImageTowerConfig;

/// Floating-point operations for one photo, see [`ImageTowerConfig::flops`].
pub fn image_flops(tower: &ImageTowerConfig, embed_dim: usize) -> u64 {
    tower.flops(embed_dim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClipConfig;

    fn gflops(preset: &str) -> f64 {
        let config = ClipConfig::preset(preset).unwrap();
        image_flops(&config.image, config.embed_dim) as f64 / 1e9
    }

    /// open_clip's table of profiles (docs/model_profile.csv), and for CpuViT PyTorch's count for timm's models.
    #[test]
    fn published_counts() {
        for (preset, published, tolerance) in [
            ("ViT-B-32", 8.82, 0.01),
            ("ViT-B-16", 35.13, 0.01),
            ("ViT-L-14", 162.03, 0.01),
            // open_clip's pool asks with all 50 positions and uses one, which is 0.63 more.
            ("RN50", 12.22 - 0.63, 0.01),
            ("MobileCLIP-S1", 9.317, 0.001),
            ("MobileCLIP-S2", 15.668, 0.001),
        ] {
            let found = gflops(preset);
            assert!((found / published - 1.0).abs() <= tolerance, "{preset}: {found}, published {published}");
        }
    }
}
