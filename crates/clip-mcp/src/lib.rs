//! A library of photos as tools for assistants: a server of the [Model Context Protocol](https://modelcontextprotocol.io).
//!
//! There are tools to search with, to look at photos, and to ask what is known of them. All only read, and only what is in the
//! index: a photo is named by its id, never by a path.

mod answer;
mod options;
mod tools;

use rmcp::ServiceExt;
use rmcp::transport::async_rw::AsyncRwTransport;
use tokio::io::{AsyncRead, AsyncWrite};

pub use crate::options::Options;
use crate::tools::Tools;

/// Longer messages are refused: a query is short.
const LONGEST_MESSAGE: usize = 1 << 20;

/// Why a server ended before its client did.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The client did not begin as the protocol says.
    #[error("the client does not speak the Model Context Protocol: {0}")]
    Client(String),
    /// The server broke down.
    #[error("the server broke down: {0}")]
    Broken(String),
    /// The system gave no thread.
    #[error("cannot start the server's threads")]
    Runtime(#[source] std::io::Error),
}

/// Serves a client on the standard input and output until it closes them. Nothing else may write to the standard output
/// meanwhile.
///
/// # Errors
/// [`ServeError`]
pub fn serve_stdio(options: Options) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(ServeError::Runtime)?;
    let result = runtime.block_on(serve(options, tokio::io::stdin(), tokio::io::stdout()));
    // A read of the standard input cannot be cancelled, and is not waited for.
    runtime.shutdown_background();
    result
}

/// Serves a client on any connection until it closes it.
///
/// # Errors
/// [`ServeError`]
pub async fn serve(
    options: Options,
    input: impl AsyncRead + Send + Unpin + 'static,
    output: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), ServeError> {
    let transport = AsyncRwTransport::new_server(input, output).with_max_line_length(LONGEST_MESSAGE);
    match Tools::new(options).serve(transport).await {
        Ok(service) => service.waiting().await.map(drop).map_err(|error| ServeError::Broken(error.to_string())),
        Err(error) => Err(ServeError::Client(error.to_string())),
    }
}
