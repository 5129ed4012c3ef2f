//! What can be done about an error, in this program's words: the libraries' remedies are data, and their messages name
//! neither options nor commands.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use clip_search::{ImageError, IndexError, IndexerError, LibraryError, ModelError, QueryError};

use crate::escape::{escaped, quoted};
use crate::hub_settings::offline_variables;

/// The index that was named on the command line, as a shell takes it.
static NAMED_INDEX: OnceLock<String> = OnceLock::new();

/// Says which index was named on the command line, for commands that are advised to name it too. Once, before any work.
pub(crate) fn set_named_index(index: &Path) {
    let _ = NAMED_INDEX.set(quoted(index));
}

/// What can be done about an error, according to the first of its causes that knows; a phrase to go after the message.
pub(crate) fn words(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of).map(of_named_index)
}

/// Advice whose commands name the index that was named on the command line: without that, they would be about another.
pub(crate) fn of_named_index(words: String) -> String {
    match NAMED_INDEX.get() {
        Some(index) => of_index(words, index),
        None => words,
    }
}

fn of_index(mut words: String, index: &str) -> String {
    for command in ["index", "verify", "repair", "search"] {
        words = words.replace(&format!("`clip-search {command}"), &format!("`clip-search {command} --index {index}"));
    }
    words
}

/// The advice of one error of the chain.
fn of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<LibraryError>() {
        return library(error);
    }
    if let Some(error) = error.downcast_ref::<QueryError>() {
        return query(error);
    }
    if let Some(error) = error.downcast_ref::<IndexerError>() {
        return indexer(error);
    }
    if let Some(error) = error.downcast_ref::<IndexError>() {
        return error.remedy().as_ref().and_then(index);
    }
    if let Some(error) = error.downcast_ref::<ModelError>() {
        return error.remedy().and_then(model);
    }
    if let Some(error) = error.downcast_ref::<clip_hub::HubError>() {
        return error.remedy().as_ref().and_then(hub);
    }
    if let Some(error) = error.downcast_ref::<clip_train::TrainError>() {
        return error.remedy().and_then(train);
    }
    if let Some(error) = error.downcast_ref::<clip_classify::ClassifyError>() {
        return error.remedy().and_then(classify);
    }
    if let Some(error) = error.downcast_ref::<ImageError>() {
        return error.remedy().and_then(image);
    }
    error.downcast_ref::<io::Error>().and_then(system)
}

fn library(error: &LibraryError) -> Option<String> {
    match error {
        // These say nothing of their own: what they carry does.
        LibraryError::Query(error) => return query(error),
        LibraryError::Indexer(error) => return indexer(error),
        LibraryError::Index(error) => return error.remedy().as_ref().and_then(index),
        LibraryError::Model(error) => return error.remedy().and_then(model),
        LibraryError::ModelOfIndex { source, .. } => return library(source),
        _ => {}
    }
    use clip_search::Remedy;
    Some(match error.remedy()? {
        Remedy::Index(remedy) => return index(&remedy),
        Remedy::Model(remedy) => return model(remedy),
        Remedy::Image(remedy) => return image(remedy),
        Remedy::Hub(remedy) => return hub(&remedy),
        Remedy::ChooseModel => "`clip-search model list` shows the published models that --model accepts".to_owned(),
        Remedy::LocateModel => {
            "give its file or folder once with `clip-search index --model PATH`; if it is lost, the same command changes \
             the index to another model"
                .to_owned()
        }
        Remedy::RestoreModelOrRebuild => {
            "put the earlier model back, or re-embed all photos with the new one: `clip-search index --rebuild`".to_owned()
        }
        Remedy::SetModelCache => "set HF_HUB_CACHE or HF_HOME".to_owned(),
        Remedy::NameFolders => "name the folders: `clip-search index --rebuild DIR...`".to_owned(),
        Remedy::ReachOrForget => {
            "mount its drive and run the same command again, or pass --forget-unreachable to drop \
                                  its photos"
                .to_owned()
        }
        Remedy::NameFoldersOrForget => {
            "name the folders that they are in besides the others, or pass --forget-unreachable to drop them and import them again"
                .to_owned()
        }
        Remedy::ListSearches => "`clip-search search list` shows the saved searches".to_owned(),
        Remedy::CorrectSearches { .. } => {
            "correct the file with a text editor, or delete it to begin with no saved searches".to_owned()
        }
        Remedy::RefineAgain { .. } => {
            "run `clip-search eval --refine` again, or `clip-search eval --unrefine` to do without".to_owned()
        }
        Remedy::SaveSearchAgain { name } => format!("save it with another text: `clip-search search save {name} QUERY`"),
        Remedy::RemoveSearches => "remove some with `clip-search search remove NAME`".to_owned(),
        _ => return None,
    })
}

fn query(error: &QueryError) -> Option<String> {
    match error {
        QueryError::Index(error) => error.remedy().as_ref().and_then(index),
        QueryError::EncoderOutput { .. } => Some("please report it".to_owned()),
        _ => None,
    }
}

fn indexer(error: &IndexerError) -> Option<String> {
    use clip_search::IndexerRemedy as Remedy;
    if let IndexerError::Index(error) = error {
        return error.remedy().as_ref().and_then(index);
    }
    // What the model advises comes first: running it again as it was would fail again.
    if let IndexerError::Encoder { source, .. } = error
        && let Some(words) = of(source.as_ref())
    {
        return Some(words);
    }
    if let IndexerError::Excluded { by, .. } = error {
        return Some(format!("take that back with `clip-search index --include {}`", quoted(by)));
    }
    Some(match error.remedy()? {
        Remedy::NameFolders => "name the folder that contains your photos: `clip-search index DIR`".to_owned(),
        Remedy::MountOrIndexParent => {
            "if it is on a drive, mount the drive; if it was deleted, index its parent folder \
                                       to remove its photos from the index"
                .to_owned()
        }
        Remedy::CorrectPattern => {
            "write [[] for the character [, and a range from the lower character to the higher: [a-z]".to_owned()
        }
        Remedy::LookDeeper => "allow more with --max-depth, or `--max-depth none`".to_owned(),
        Remedy::EditIgnoreFile => "take the line out of that file".to_owned(),
        Remedy::CheckPermissions => CHECK_PERMISSIONS.to_owned(),
        Remedy::Resume => "run the same command again to continue".to_owned(),
        Remedy::Report => "please report it".to_owned(),
        Remedy::UseFewerThreads => "close other programs or use fewer --threads".to_owned(),
        Remedy::ReadVideosOrForget => "install ffmpeg (Debian and Ubuntu: `sudo apt-get install ffmpeg`), leave out \
                                       --no-video and run the same command again, or pass --forget-unreachable to drop \
                                       the videos"
            .to_owned(),
        _ => return None,
    })
}

fn index(remedy: &clip_search::IndexRemedy) -> Option<String> {
    use clip_search::IndexRemedy as Remedy;
    Some(match remedy {
        Remedy::CreateIndex { .. } => "create one with `clip-search index DIR`".to_owned(),
        Remedy::ChooseOtherDirectory { .. } => "choose an empty or new folder with --index".to_owned(),
        Remedy::WaitForOtherProcess => "wait for the other process to finish, then try again".to_owned(),
        Remedy::RemoveLockFile { file } => {
            format!("if that process is gone, delete {} and try again", file.display())
        }
        Remedy::MatchModel { same_name: false, .. } => {
            "use the index's model (omit --model, or name it), or rebuild the index with `clip-search index --rebuild` \
             and the same --model"
                .to_owned()
        }
        Remedy::MatchModel { same_name: true, .. } => {
            "use the index's model and precision (omit --model and --precision), or rebuild the index with `clip-search \
             index --rebuild` and the same options"
                .to_owned()
        }
        Remedy::UseNewerVersion => "update clip-search".to_owned(),
        // The manifest still tells of which folders.
        Remedy::RestoreManifest => "put that in its place with `clip-search repair`".to_owned(),
        Remedy::RepairOrRebuild => "list all damage with `clip-search verify`; drop it with `clip-search repair`, or \
                                    rebuild the index with `clip-search index --rebuild`"
            .to_owned(),
        Remedy::Rebuild => "rebuild the index with `clip-search index --rebuild DIR`".to_owned(),
        Remedy::MoveBack => {
            "move it back, or name its new place with --index, and run the same command again".to_owned()
        }
        Remedy::BuildGraph => {
            "use exact search (omit --graph); the next `clip-search index` builds the graph".to_owned()
        }
        _ => return None,
    })
}

fn model(remedy: clip_search::ModelRemedy) -> Option<String> {
    use clip_search::ModelRemedy as Remedy;
    let words = match remedy {
        Remedy::ConvertWeights => "convert the checkpoint to safetensors",
        Remedy::FetchAgain => "download or convert the file again",
        Remedy::FetchFromGitLfs => "fetch the file with `git lfs pull`",
        Remedy::NameFolder => "pass the checkpoint folder to --model, not the weights file",
        Remedy::UpdateOrExportAgain => "update clip-search, or export the model again",
        Remedy::UseCpu => "use --device cpu",
        Remedy::UseCpuOrOtherPrecision => {
            "use --device cpu or another --precision (a different precision needs `clip-search index --rebuild`)"
        }
        Remedy::UseOtherPrecision => {
            "use --precision f32 (a different precision needs `clip-search index --rebuild`); if that fails too, download or \
             convert the file again"
        }
        // Only a fault of our own gets a user here.
        Remedy::LoadBothTowers => "please report it",
        _ => return None,
    };
    Some(words.to_owned())
}

fn hub(remedy: &clip_hub::Remedy) -> Option<String> {
    use clip_hub::{Remedy, Setting};
    Some(match remedy {
        Remedy::Download { name } => format!("download it with `clip-search model pull {name}`"),
        Remedy::AllowNetwork { name } => {
            let mut variables = offline_variables(&|name| std::env::var_os(name));
            variables.extend(std::env::var_os("CLIP_SEARCH_OFFLINE").map(|_| "CLIP_SEARCH_OFFLINE"));
            go_online(name, &variables)
        }
        Remedy::ClearTheWay { path } => format!("move {} out of the way and run the same command again", escaped(path)),
        Remedy::GetPermission { path } => {
            format!("check the permissions of {}, or choose another cache folder with HF_HUB_CACHE", escaped(path))
        }
        Remedy::ChooseAnother => "choose another model: `clip-search model list` shows the published ones".to_owned(),
        // The message has the nearest name.
        Remedy::ChooseModel { .. } => "`clip-search model list` shows the published models".to_owned(),
        Remedy::CorrectSetting(setting) => {
            let variable = match setting {
                Setting::Endpoint => "HF_ENDPOINT",
                Setting::Token => {
                    return Some(
                        "correct or remove the token: HF_TOKEN, or the file that HF_TOKEN_PATH names".to_owned(),
                    );
                }
                Setting::HttpProxy => "HTTP_PROXY (or ALL_PROXY)",
                Setting::HttpsProxy => "HTTPS_PROXY (or ALL_PROXY)",
                _ => return None,
            };
            format!("correct or unset {variable}")
        }
        Remedy::CheckNameOrToken { token: false } => {
            "check the name; for a private repository, set HF_TOKEN to a token with read access".to_owned()
        }
        Remedy::CheckNameOrToken { token: true } => {
            "check the name; for a private repository, use another token: yours has no read access, or is not valid"
                .to_owned()
        }
        Remedy::AcceptConditions { page, token: false } => {
            format!("accept its conditions at {page} and set HF_TOKEN to a token of that account")
        }
        Remedy::AcceptConditions { page, token: true } => format!(
            "your token is not valid, or its account has not accepted the conditions at {page}: accept them, or use another token"
        ),
        Remedy::TryLater => "try again later".to_owned(),
        Remedy::TryAfter(wait) => format!("try again in {}", waiting(wait.as_secs())),
        Remedy::CheckConnection { proxy } => match proxy {
            Some(Setting::HttpProxy) => "check the network and the proxy in HTTP_PROXY (or ALL_PROXY)".to_owned(),
            Some(_) => "check the network and the proxy in HTTPS_PROXY (or ALL_PROXY)".to_owned(),
            None => "check the network connection, and run the same command again".to_owned(),
        },
        Remedy::CheckServer => {
            "if this network wants a login, log in with a browser; otherwise check HF_ENDPOINT and the proxies"
                .to_owned()
        }
        Remedy::Resume => "run the same command again to resume".to_owned(),
        Remedy::TryAgain => {
            "run the same command again; if it fails in the same way, suspect the server or a proxy".to_owned()
        }
        Remedy::ConvertWeights => {
            "use a repository with safetensors, or convert the weights and pass the folder with --model".to_owned()
        }
        _ => return None,
    })
}

/// How to leave offline mode, into which these variables or else an option put the program.
fn go_online(model: &str, variables: &[&str]) -> String {
    let how = match variables {
        [] => "omit --offline, or switch the setting `offline` off".to_owned(),
        names => format!("unset {}", names.join(" and ")),
    };
    format!("go online ({how}) and run `clip-search model pull {model}`")
}

/// How long to wait, rounded up.
fn waiting(seconds: u64) -> String {
    let (n, unit) = match seconds {
        0..=119 => (seconds.max(1), "second"),
        120..=7199 => (seconds.div_ceil(60), "minute"),
        _ => (seconds.div_ceil(3600), "hour"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

fn train(remedy: clip_train::Remedy) -> Option<String> {
    use clip_train::Remedy;
    let words = match remedy {
        Remedy::RepairOrRemovePhoto => "repair the photo or remove its rows from the CSV",
        Remedy::StartAgain => "start again without --resume",
        Remedy::DiscardDamaged => "start again with --restart, which discards the saved state",
        Remedy::DiscardState => "resume with the recipe it was started with, or discard it with --restart",
        Remedy::ResumeOrStartAgain => {
            "continue it with --resume, discard it with --restart, or choose another --out folder"
        }
        Remedy::ListTensors => "list their names with `clip-search train --list-tensors RECIPE.toml`",
        Remedy::WaitOrChooseFolder => "wait for it to finish, or choose another --out folder",
        Remedy::LowerLearningRates => "lower the learning rates of that stage",
        Remedy::Resume => "run the same command with --resume to continue",
        _ => return None,
    };
    Some(words.to_owned())
}

fn classify(remedy: clip_classify::Remedy) -> Option<String> {
    use clip_classify::Remedy;
    let words = match remedy {
        // Templates are ours.
        Remedy::WriteTemplate => "please report it",
        Remedy::AddExamples => "add at least one example photo for each class",
        _ => return None,
    };
    Some(words.to_owned())
}

/// What can be done about a video that was not read.
pub(crate) fn video(remedy: clip_search::VideoRemedy) -> Option<String> {
    use clip_search::VideoRemedy;
    match remedy {
        VideoRemedy::AnotherFfmpeg => Some("install another ffmpeg".to_owned()),
        // It is tried again by itself.
        _ => None,
    }
}

/// What can be done so that a file gives a photo.
pub(crate) fn image(remedy: clip_image::Remedy) -> Option<String> {
    use clip_image::Remedy;
    match remedy {
        // No option raises the limits.
        Remedy::RaiseMaxMemoryOrConvert { .. } => {
            Some("save a copy with fewer pixels, or with 8 bits a colour".to_owned())
        }
        Remedy::RaiseMaxFileBytes { .. } => {
            Some("if it is a photo, save a copy that takes less room, as a JPEG does".to_owned())
        }
        Remedy::RaiseMaxPixels { .. } => Some("save a copy with fewer pixels".to_owned()),
        Remedy::Report => Some("please report it, with the file".to_owned()),
        Remedy::TryAgain => Some("pass --retry to try it again".to_owned()),
        Remedy::InstallLibheif { format } => {
            let decoder = if format == clip_image::Format::Avif { "AV1" } else { "HEVC" };
            Some(format!(
                "install libheif 1.12 or later with its decoder for {decoder}, and run the same command again"
            ))
        }
        Remedy::BuildIn { format } => Some(format!("build clip-search with the feature `{}`", format.feature())),
        _ => None,
    }
}

const CHECK_PERMISSIONS: &str = "check its permissions";

/// What the system refused for reasons that a user can change.
fn system(error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Some(CHECK_PERMISSIONS.to_owned()),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some disk space and run the same command again".to_owned())
        }
        io::ErrorKind::ReadOnlyFilesystem => Some("choose a place that can be written to".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advice(error: impl Into<anyhow::Error>) -> String {
        words(&error.into()).unwrap_or_default()
    }

    fn not_cached() -> clip_hub::HubError {
        clip_hub::HubError::NotCached {
            name: "siglip-b-16".into(),
            cache: "/c".into(),
            missing: "it is missing".into(),
        }
    }

    #[test]
    fn what_keeps_the_program_offline_is_named() {
        for (variables, how) in [
            (&[][..], "(omit --offline, or"),
            (&["TRANSFORMERS_OFFLINE"], "(unset TRANSFORMERS_OFFLINE)"),
            (&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"], "(unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE)"),
        ] {
            assert!(go_online("pocket", variables).contains(how), "{how}");
        }
    }

    #[test]
    fn advice_is_found_however_deep_the_error_lies() {
        let pull = "download it with `clip-search model pull siglip-b-16`";
        assert_eq!(advice(not_cached()), pull);
        assert_eq!(advice(LibraryError::Hub(not_cached())), pull);
        let of_index =
            LibraryError::ModelOfIndex { model: "x".into(), source: Box::new(LibraryError::Hub(not_cached())) };
        assert_eq!(advice(of_index), pull);
        assert_eq!(advice(anyhow::Error::from(not_cached()).context("cannot index")), pull);
        let encoder = QueryError::Encoder(Box::new(ModelError::NoGpuSupport));
        assert_eq!(advice(LibraryError::Query(encoder)), "use --device cpu");
        let encoder = IndexerError::Encoder { photos: 3, source: Box::new(ModelError::NoGpuSupport) };
        assert_eq!(advice(LibraryError::Indexer(encoder)), "use --device cpu");
        let encoder = IndexerError::Encoder { photos: 3, source: "it broke".into() };
        assert_eq!(advice(LibraryError::Indexer(encoder)), "run the same command again to continue");
    }

    #[test]
    fn how_long_to_wait_is_said_in_units_for_people() {
        let words = [(0, "1 second"), (90, "90 seconds"), (3600, "60 minutes"), (7200, "2 hours"), (7201, "3 hours")];
        for (seconds, expected) in words {
            assert_eq!(waiting(seconds), expected);
        }
    }

    #[test]
    fn errors_of_the_index_keep_their_advice_within_others() {
        let error = || IndexError::NotFound { dir: "/i".into() };
        for found in [
            advice(error()),
            advice(LibraryError::Index(error())),
            advice(LibraryError::Query(QueryError::Index(error()))),
            advice(LibraryError::Indexer(IndexerError::Index(error()))),
            advice(IndexerError::Index(error())),
        ] {
            assert_eq!(found, "create one with `clip-search index DIR`");
        }
    }

    #[test]
    fn a_repair_is_advised_where_it_helps() {
        let damaged = |path: &str| advice(IndexError::Corrupt { path: path.into(), reason: "x".into() });
        assert!(damaged("/i/vectors/00000001.vec").contains("`clip-search repair`"));
        assert_eq!(damaged("/i/manifest.json"), "rebuild the index with `clip-search index --rebuild DIR`");
        let lost = IndexError::ManifestLost { path: "/i/manifest.json".into(), reason: "x".into() };
        assert_eq!(advice(lost), "put that in its place with `clip-search repair`");
    }

    #[test]
    fn advised_commands_name_the_index_that_was_named() {
        for (words, expected) in [
            ("create one with `clip-search index DIR`", "create one with `clip-search index --index '/my i' DIR`"),
            (
                "`clip-search verify`; `clip-search repair`",
                "`clip-search verify --index '/my i'`; `clip-search repair --index '/my i'`",
            ),
            ("`clip-search model list`", "`clip-search model list`"),
        ] {
            assert_eq!(of_index(words.to_owned(), "'/my i'"), expected);
        }
    }

    #[test]
    fn an_exclude_is_taken_back_by_its_name() {
        let error = IndexerError::Excluded { path: "/p/raw".into(), by: "raw*".into() };
        assert_eq!(advice(error), "take that back with `clip-search index --include 'raw*'`");
        let error = IndexerError::NotExcluded { given: "/p/x".into(), excluded: vec!["/p/raw".into()] };
        assert_eq!(advice(error), "");
        let error = IndexerError::TooDeep { path: "/p/a/b".into(), root: "/p".into(), levels: 1 };
        assert_eq!(advice(error), "allow more with --max-depth, or `--max-depth none`");
        let error = IndexerError::Pattern { pattern: "[".into(), fault: "expected ] after [".into() };
        assert!(advice(error).starts_with("write [[] for the character ["));
    }

    #[test]
    fn what_is_too_large_for_the_limits_can_be_made_smaller() {
        let errors = [
            ImageError::TooLarge { width: 2, height: 1, max_pixels: 1 },
            ImageError::TooMuchMemory { format: clip_image::Format::Png, reason: "2 bytes, the limit is 1".into() },
        ];
        for error in errors {
            assert!(advice(error).starts_with("save a copy with fewer pixels"));
        }
        // A file may have any number of bytes for few pixels.
        let error = ImageError::FileTooLarge { bytes: 3 << 40, max_bytes: 1 << 30 };
        assert_eq!(advice(error), "if it is a photo, save a copy that takes less room, as a JPEG does");
    }

    #[test]
    fn a_library_that_is_missing_can_be_installed() {
        let error = |format| ImageError::NeedsLibrary { format, reason: "libheif is not installed".into() };
        let expected = "install libheif 1.12 or later with its decoder for HEVC, and run the same command again";
        assert_eq!(advice(error(clip_image::Format::Heif)), expected);
        assert!(advice(error(clip_image::Format::Avif)).contains("for AV1"));
    }

    #[test]
    fn what_the_system_refuses() {
        let io = |kind: io::ErrorKind| IndexError::Io { action: "read", path: "/i".into(), source: kind.into() };
        assert_eq!(advice(io(io::ErrorKind::PermissionDenied)), "check its permissions");
        assert!(advice(io(io::ErrorKind::StorageFull)).starts_with("free some disk space"));
        assert_eq!(advice(io(io::ErrorKind::ReadOnlyFilesystem)), "choose a place that can be written to");
        assert_eq!(advice(io(io::ErrorKind::NotFound)), "");
        let root = |kind: io::ErrorKind| IndexerError::Root { path: "/p".into(), source: kind.into() };
        assert!(advice(root(io::ErrorKind::NotFound)).contains("mount the drive"));
        assert_eq!(advice(root(io::ErrorKind::PermissionDenied)), "check its permissions");
    }
}
