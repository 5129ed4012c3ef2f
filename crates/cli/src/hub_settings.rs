//! The settings that all programs around the Hugging Face hub share, from the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clip_hub::{HubSettings, Token};

/// Where published checkpoints are kept and where they come from. A variable that is set to nothing counts as unset.
pub(crate) fn hub_settings(
    variable: &dyn Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
    offline: bool,
) -> Result<HubSettings> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
    let folder = |name: &str| {
        let folder = PathBuf::from(set(name)?);
        // Shells leave the tilde alone in some places where people write it.
        Some(match (folder.strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => folder,
        })
    };
    let hf_home = folder("HF_HOME").or_else(|| {
        let caches = folder("XDG_CACHE_HOME").or_else(|| Some(home?.join(".cache")))?;
        Some(caches.join("huggingface"))
    });
    let cache = folder("HF_HUB_CACHE").or_else(|| Some(hf_home.as_ref()?.join("hub"))).context(
        "no folder for downloaded models is known for this user (is HOME set?); name one with HF_HUB_CACHE or HF_HOME",
    )?;
    let mut settings = HubSettings::new(std::path::absolute(&cache).unwrap_or(cache));
    if let Some(endpoint) = text("HF_ENDPOINT") {
        settings.endpoint = endpoint;
    }
    settings.token = text("HF_TOKEN").and_then(|token| Token::new(&token)).or_else(|| {
        let file = folder("HF_TOKEN_PATH").or_else(|| Some(hf_home.as_ref()?.join("token")))?;
        Token::new(&std::fs::read_to_string(file).ok()?)
    });
    let is_true = |value: String| matches!(value.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE");
    settings.offline = offline || text("HF_HUB_OFFLINE").is_some_and(is_true);
    if settings.endpoint.starts_with("https:") {
        settings.proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find_map(text);
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hub_as_the_environment_has_it() {
        let home = tempfile::tempdir().unwrap();
        let settings = |variables: &[(&str, &str)], offline| {
            let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            hub_settings(&find, Some(home.path()), offline)
        };
        let plain = settings(&[], false).unwrap();
        assert_eq!(plain.cache, home.path().join(".cache/huggingface/hub"));
        assert_eq!((plain.endpoint.as_str(), plain.token, plain.offline), ("https://huggingface.co", None, false));
        assert_eq!(settings(&[("XDG_CACHE_HOME", "/c")], false).unwrap().cache, Path::new("/c/huggingface/hub"));
        assert_eq!(settings(&[("HF_HOME", "~/hf")], false).unwrap().cache, home.path().join("hf/hub"));
        let both = [("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/cache"), ("HF_ENDPOINT", "http://localhost:1")];
        let both = settings(&both, false).unwrap();
        assert_eq!((both.cache.as_path(), both.endpoint.as_str()), (Path::new("/cache"), "http://localhost:1"));
        for (value, expected) in [("1", true), ("true", true), ("0", false), ("", false)] {
            assert_eq!(settings(&[("HF_HUB_OFFLINE", value)], false).unwrap().offline, expected, "{value}");
        }
        assert!(settings(&[], true).unwrap().offline);

        std::fs::create_dir_all(home.path().join("hf")).unwrap();
        std::fs::write(home.path().join("hf/token"), "from-file\n").unwrap();
        assert_eq!(settings(&[("HF_HOME", "~/hf")], false).unwrap().token, Token::new("from-file"));
        let variable = [("HF_HOME", "~/hf"), ("HF_TOKEN", "from-variable")];
        assert_eq!(settings(&variable, false).unwrap().token, Token::new("from-variable"));
        let proxy = ("HTTPS_PROXY", "http://proxy:3128");
        assert_eq!(settings(&[proxy], false).unwrap().proxy.as_deref(), Some("http://proxy:3128"));
        assert_eq!(settings(&[proxy, ("HF_ENDPOINT", "http://localhost:1")], false).unwrap().proxy, None);
    }
}
