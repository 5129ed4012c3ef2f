//! `serve`: a page to search on, and an HTTP API.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clip_files::regular;
use clip_search::IndexOptions;
use clip_server::{Server, ServerError, Settings, Token};

use crate::args::ServeArgs;
use crate::decoder::decoder;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::interrupt;
use crate::ocr;
use crate::output::{Results, notice, warning};
use crate::query_text::today;
use crate::settings::{cache_folder, library};
use crate::videos::videos;

/// A file of a token is not long.
const MOST_TOKEN_BYTES: u64 = 4096;

pub(crate) fn run(index: &Path, args: &ServeArgs) -> Result<Exit> {
    let library = library(index, &args.model)?.open_or_create()?;
    // An index that cannot be read is no empty one.
    match library.searcher() {
        Ok(_) => {}
        Err(clip_search::LibraryError::Index(clip_search::IndexError::NotFound { .. })) => {
            notice(format_args!("there is no index in {} yet; the page says how to begin", escaped(index)));
        }
        Err(error) => return Err(error.into()),
    }
    let settings = Settings {
        listen: args.listen,
        token: args.token_file.as_deref().map(token).transpose()?,
        hosts: args.host.clone(),
        places: !args.no_places,
        read_only: args.read_only,
        thumbnails: cache_folder().map(|folder| folder.join("thumbnails")),
        decoder: decoder(),
        indexing: IndexOptions {
            decoder: decoder(),
            videos: videos(),
            ocr: ocr::options(index, None, None),
            ..IndexOptions::default()
        },
        ..Settings::new(today)
    };
    let server = Server::bind(Arc::new(library), settings).map_err(explained)?;
    let stopper = server.stopper();
    interrupt::listen_with(
        "stopping: finishing what is under way (press Ctrl-C again to stop immediately)",
        move || {
            stopper.stop();
        },
    )?;
    let address = server.address();
    if !address.ip().to_canonical().is_loopback() {
        warning(
            "the line is not encrypted: whoever can listen in on the network sees the token and the photos; put a reverse \
             proxy with TLS in front of the server where that matters",
        );
    }
    let mut results = Results::new();
    results.line(format_args!("http://{address}/"))?;
    results.finish()?;
    notice("open this address in a browser; press Ctrl-C to stop");
    server.run();
    Ok(Exit::Done)
}

fn explained(error: ServerError) -> anyhow::Error {
    match &error {
        ServerError::NoToken { .. } => anyhow::anyhow!("{error}; give a file with a token with --token-file FILE"),
        ServerError::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!("{error}; give another one with --listen, such as 127.0.0.1:0 for any free port")
        }
        _ => error.into(),
    }
}

/// The token in a file.
fn token(file: &Path) -> Result<Token> {
    let text = regular::read_to_string(file, MOST_TOKEN_BYTES)
        .with_context(|| format!("cannot read the token in {}", escaped(file)))?;
    if is_readable_by_others(file) {
        warning(format_args!("other users can read the token in {}; `chmod 600` keeps them out", escaped(file)));
    }
    match Token::new(&text) {
        Ok(token) => Ok(token),
        Err(error) => bail!("cannot use the token in {}: {error}; `openssl rand -hex 16` makes one", escaped(file)),
    }
}

#[cfg(unix)]
fn is_readable_by_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_others(_file: &Path) -> bool {
    false
}
