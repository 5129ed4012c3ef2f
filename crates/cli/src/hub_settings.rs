//! The settings that all programs around the Hugging Face hub share, from the environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clip_hub::{HubSettings, NoProxy, Proxies, Token};

/// A file of more bytes has no token in it.
const MAX_TOKEN_BYTES: u64 = 1 << 16;

/// Where published checkpoints are kept and where they come from. A variable that is set to nothing counts as unset.
pub(crate) fn hub_settings(
    variable: &dyn Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
    offline: bool,
) -> Result<HubSettings> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let text =
        |name: &str| set(name).map(|value| value.to_string_lossy().trim().to_owned()).filter(|text| !text.is_empty());
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
    let cache = folder("HF_HUB_CACHE")
        .or_else(|| Some(hf_home.as_ref()?.join("hub")))
        .context("cannot determine the cache folder for models (is HOME set?); set HF_HUB_CACHE or HF_HOME")?;
    let mut settings = HubSettings::new(std::path::absolute(&cache).unwrap_or(cache));
    if let Some(endpoint) = text("HF_ENDPOINT") {
        settings.endpoint = endpoint;
    }
    settings.token = text("HF_TOKEN").and_then(|token| Token::new(&token)).or_else(|| {
        let file = folder("HF_TOKEN_PATH").or_else(|| Some(hf_home.as_ref()?.join("token")))?;
        let text = clip_files::regular::read_to_string(&file, MAX_TOKEN_BYTES).ok()?;
        // Some editors put a byte order mark before it.
        Token::new(text.trim_start_matches('\u{feff}'))
    });
    settings.offline = offline || !offline_variables(variable).is_empty();
    settings.proxies = proxies(&text);
    Ok(settings)
}

/// The variables that switch the network off.
pub(crate) fn offline_variables(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<&'static str> {
    let is_true = |value: OsString| {
        matches!(value.to_string_lossy().trim().to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE")
    };
    let mut names = vec!["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"];
    names.retain(|name| variable(name).is_some_and(is_true));
    names
}

/// The proxies, as curl reads them: small letters first, and `ALL_PROXY` for schemes without one of their own.
fn proxies(text: &dyn Fn(&str) -> Option<String>) -> Proxies {
    let first = |names: &[&str]| names.iter().find_map(|name| text(name));
    let all = || first(&["all_proxy", "ALL_PROXY"]);
    // Within a CGI program HTTP_PROXY is the visitor's header `Proxy:`, and not to be trusted.
    let http = match text("REQUEST_METHOD") {
        Some(_) => first(&["http_proxy"]),
        None => first(&["http_proxy", "HTTP_PROXY"]),
    };
    Proxies {
        http: http.or_else(all),
        https: first(&["https_proxy", "HTTPS_PROXY"]).or_else(all),
        except: NoProxy::parse(&first(&["no_proxy", "NO_PROXY"]).unwrap_or_default()),
    }
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
            for name in ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"] {
                assert_eq!(settings(&[(name, value)], false).unwrap().offline, expected, "{name} {value}");
            }
        }
        assert!(settings(&[], true).unwrap().offline);

        std::fs::create_dir_all(home.path().join("hf")).unwrap();
        std::fs::write(home.path().join("hf/token"), "from-file\n").unwrap();
        assert_eq!(settings(&[("HF_HOME", "~/hf")], false).unwrap().token, Token::new("from-file"));
        std::fs::write(home.path().join("hf/token"), "\u{feff}from-file\r\n").unwrap();
        assert_eq!(settings(&[("HF_HOME", "~/hf")], false).unwrap().token, Token::new("from-file"));
        let variable = [("HF_HOME", "~/hf"), ("HF_TOKEN", "from-variable")];
        assert_eq!(settings(&variable, false).unwrap().token, Token::new("from-variable"));
    }

    #[test]
    fn proxies_as_curl_reads_them() {
        let settings = |variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            let proxies = hub_settings(&find, Some(Path::new("/home/me")), false).unwrap().proxies;
            (proxies.http.unwrap_or_default(), proxies.https.unwrap_or_default(), proxies.except)
        };
        let none = NoProxy::default;
        let pair = |http: &str, https: &str| (http.to_owned(), https.to_owned(), none());
        assert_eq!(settings(&[]), pair("", ""));
        assert_eq!(settings(&[("HTTPS_PROXY", "s")]), pair("", "s"));
        assert_eq!(settings(&[("HTTP_PROXY", "p")]), pair("p", ""));
        assert_eq!(settings(&[("HTTP_PROXY", "P"), ("http_proxy", "p")]), pair("p", ""));
        assert_eq!(settings(&[("HTTPS_PROXY", "S"), ("https_proxy", "s"), ("ALL_PROXY", "a")]), pair("a", "s"));
        assert_eq!(settings(&[("ALL_PROXY", "A"), ("all_proxy", "a")]), pair("a", "a"));
        assert_eq!(settings(&[("HTTP_PROXY", "evil"), ("REQUEST_METHOD", "GET")]), pair("", ""));
        assert_eq!(settings(&[("http_proxy", "p"), ("REQUEST_METHOD", "GET")]), pair("p", ""));
        for name in ["NO_PROXY", "no_proxy"] {
            assert_eq!(settings(&[(name, "a, .b")]).2, NoProxy::parse("a,b"));
        }
        assert_eq!(settings(&[("NO_PROXY", "A"), ("no_proxy", "b")]).2, NoProxy::parse("b"));
    }

    /// What is set to nothing, or to white space, is unset.
    #[test]
    fn empty_variables_are_unset() {
        let home = Path::new("/home/me");
        let set = |variables: &[(&str, &str)]| {
            let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            hub_settings(&find, Some(home), false).unwrap()
        };
        let plain = format!("{:?}", set(&[]));
        let names = [
            "HF_HOME",
            "HF_HUB_CACHE",
            "XDG_CACHE_HOME",
            "HF_ENDPOINT",
            "HF_TOKEN",
            "HF_TOKEN_PATH",
            "HF_HUB_OFFLINE",
            "TRANSFORMERS_OFFLINE",
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "NO_PROXY",
            "no_proxy",
        ];
        for name in names {
            assert_eq!(format!("{:?}", set(&[(name, "")])), plain, "{name}");
        }
        // An empty one does not hide another that is set.
        assert_eq!(set(&[("https_proxy", ""), ("HTTPS_PROXY", "s")]).proxies.https.as_deref(), Some("s"));
        assert_eq!(set(&[("HTTPS_PROXY", ""), ("ALL_PROXY", "a")]).proxies.https.as_deref(), Some("a"));
        assert_eq!(set(&[("no_proxy", " "), ("NO_PROXY", "a")]).proxies.except, NoProxy::parse("a"));
        assert_eq!(set(&[("HF_HUB_CACHE", ""), ("HF_HOME", "/hf")]).cache, Path::new("/hf/hub"));
    }
}
