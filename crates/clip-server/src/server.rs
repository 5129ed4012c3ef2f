//! Listening, and coming to an end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use clip_files::system_error;
use clip_search::Library;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{interval, sleep, timeout};
use tower_service::Service;

use crate::api;
use crate::connections::{BusyBody, Connection, Connections};
use crate::guard::Peer;
use crate::open_files;
use crate::settings::{Bounds, Settings};
use crate::stall::Stalling;
use crate::state::{App, stopped};

/// Threads that wait for disks.
const BLOCKING_THREADS: usize = 48;
/// How often it is looked whether the index has changed.
const LOOK: Duration = Duration::from_secs(1);
/// Files that are open besides connections: those of the index, and those that are being sent.
const OTHER_FILES: u64 = 512;
/// Where there can be no more connections, how long until the next attempt.
const BREATH: Duration = Duration::from_millis(50);

/// Why a server cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// Others could reach it, and would need no token.
    #[error("cannot listen at {address} without a token: other machines can reach it")]
    NoToken {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// The system does not let it listen.
    #[error("cannot listen at {address}: {}", system_error::describe(source))]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no threads to give, or the like.
    #[error("cannot start the server: {}", system_error::describe(.0))]
    Start(#[from] io::Error),
}

/// A server that listens and is about to answer.
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    stop: Arc<watch::Sender<bool>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Stops a server.
#[derive(Debug, Clone)]
pub struct Stopper(Arc<watch::Sender<bool>>);

impl Stopper {
    /// Tells the server to come to an end: it takes no more requests, and those under way have a while to finish.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Server {
    /// Begins to listen. Clients can connect, and are answered once the server [runs](Server::run).
    ///
    /// # Errors
    /// [`ServerError::NoToken`] for an address that other machines can reach, without a token; what the system refuses.
    pub fn bind(library: Arc<Library>, settings: Settings) -> Result<Server, ServerError> {
        let listen = settings.listen;
        let is_local = listen.ip().to_canonical().is_loopback();
        if !is_local && settings.token.is_none() {
            return Err(ServerError::NoToken { address: listen });
        }
        let mut settings = settings;
        if let Some(files) = open_files::raise_limit() {
            let room = usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(usize::MAX);
            settings.bounds.connections = settings.bounds.connections.min(room);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, usize::from))
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("server")
            .enable_all()
            .build()?;
        let refused = |source| ServerError::Listen { address: listen, source };
        let listener = runtime.block_on(TcpListener::bind(listen)).map_err(refused)?;
        let address = listener.local_addr()?;
        let (stop, stopping) = watch::channel(false);
        let app = Arc::new(App::new(library, settings, is_local, stopping)?);
        Ok(Server { runtime, listener, address, app, stop: Arc::new(stop) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What stops it, from another thread.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Answers requests until it is [stopped](Stopper::stop).
    pub fn run(self) {
        let Server { runtime, listener, app, .. } = self;
        let bounds = app.settings.bounds;
        warm_up(&app);
        runtime.block_on(async {
            tokio::spawn(watch_index(Arc::clone(&app)));
            serve(listener, &app).await;
        });
        app.indexing.end();
        // What still waits for a disk is left behind.
        runtime.shutdown_timeout(bounds.farewell.min(Duration::from_secs(1)));
    }
}

/// Loads what the first search in words needs, while nobody waits for it.
fn warm_up(app: &Arc<App>) {
    let app = Arc::clone(app);
    let load = move || {
        if let Ok(searcher) = app.library.searcher()
            && let Err(error) = searcher.encoder().encoder().text()
        {
            log::info!("the model is not loaded yet: {error}");
        }
    };
    // Without it, the first search takes longer.
    let _ = std::thread::Builder::new().name("warm-up".into()).spawn(load);
}

/// Takes up what other processes commit.
async fn watch_index(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopped(&mut stopping) => return,
            _ = looks.tick() => {}
        }
        let looking = Arc::clone(&app);
        let look = move || match looking.library.reload() {
            Ok(_) => {
                if let Ok(searcher) = looking.searches.searcher() {
                    looking.news.index(searcher.reader().generation(), searcher.reader().len() as u64);
                }
            }
            // What was open stays open.
            Err(error) => log::debug!("the index is not read again: {error}"),
        };
        let _ = tokio::task::spawn_blocking(look).await;
    }
}

async fn serve(listener: TcpListener, app: &Arc<App>) {
    let bounds = app.settings.bounds;
    let router = api::router(app);
    let connections = Arc::new(Connections::new(bounds.connections));
    let mut stopping = app.stopping.clone();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stopping) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Where all are busy, the client is to try again.
                let Some(connection) = connections.enter() else { continue };
                tokio::spawn(answer(stream, Peer(peer), connection, router.clone(), bounds, app.stopping.clone()));
            }
            // There are too many open files, or the client has gone already.
            Err(error) => {
                log::debug!("cannot accept a connection: {error}");
                sleep(BREATH).await;
            }
        }
    }
    drop(listener);
    let gone = async {
        while connections.len() > 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(bounds.farewell, gone).await.is_err() {
        log::info!("{} connections are cut off", connections.len());
    }
}

/// Answers the requests of a connection.
async fn answer(
    stream: TcpStream,
    peer: Peer,
    connection: Arc<Connection>,
    router: Router,
    bounds: Bounds,
    mut stopping: watch::Receiver<bool>,
) {
    // Answers are written in one piece, and would wait for an acknowledgement otherwise.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|mut request: Request<Incoming>| {
        let busy = connection.busy();
        request.extensions_mut().insert(peer);
        let answer = router.clone().call(request);
        async move { answer.await.map(|response| response.map(|body| Body::new(BusyBody::new(body, busy)))) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(bounds.head)
        .max_header_size(bounds.head_bytes)
        .max_buf_size((bounds.head_bytes * 2).max(64 << 10))
        .max_headers(64);
    let stream = TokioIo::new(Stalling::new(stream, bounds.stall));
    let served = http.serve_connection(stream, service);
    let mut served = std::pin::pin!(served);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // Most ends are those of clients that have gone.
            result = &mut served => {
                if let Err(error) = result {
                    log::debug!("a connection came to an end: {error}");
                }
                return;
            }
            () = connection.closed() => return,
            () = stopped(&mut stopping), if !is_stopping => {
                is_stopping = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
}
