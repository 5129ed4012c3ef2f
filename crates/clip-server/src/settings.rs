//! How a server is set up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clip_search::language::Date;
use clip_search::{Decoder, IndexOptions};

use crate::token::Token;

/// How a server is set up. Everything has a default but the day.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What everybody has to know who wants in. An address that other machines can reach needs one.
    pub token: Option<Token>,
    /// Names of hosts that requests may be for, besides `localhost` and addresses.
    pub hosts: Vec<String>,
    /// Whether others may know where photos were taken. If not, the photos' files are not served either, because they have it
    /// inside.
    pub places: bool,
    /// Nothing can be changed through the server.
    pub read_only: bool,
    /// The day by which "last summer" is understood.
    pub today: fn() -> Date,
    /// Where thumbnails are kept; nowhere if there is no such folder.
    pub thumbnails: Option<PathBuf>,
    /// How many bytes of thumbnails are kept.
    pub thumbnail_bytes: u64,
    /// What decodes photos for thumbnails and examples.
    pub decoder: Decoder,
    /// How folders are indexed that are added.
    pub indexing: IndexOptions,
    /// Bounds on what clients may use.
    pub bounds: Bounds,
}

impl Settings {
    /// Port 8080 of this machine only.
    pub fn new(today: fn() -> Date) -> Settings {
        Settings {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080),
            token: None,
            hosts: Vec::new(),
            places: true,
            read_only: false,
            today,
            thumbnails: None,
            thumbnail_bytes: 1 << 30,
            decoder: Decoder::default(),
            indexing: IndexOptions::default(),
            bounds: Bounds::default(),
        }
    }
}

/// Bounds on what clients may use, so that none of them can keep the others waiting.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at a time. Where there are more, the one that has waited longest without a request is closed.
    pub connections: usize,
    /// Streams of events at a time.
    pub streams: usize,
    /// Searches that wait for a thread.
    pub waiting_searches: usize,
    /// Thumbnails that wait for a thread.
    pub waiting_thumbnails: usize,
    /// How long the head of a request may take, and how long a connection may be idle.
    pub head: Duration,
    /// How long a client may let the server wait for the next bytes of a body, or for room to send.
    pub stall: Duration,
    /// How long the body of a request may take.
    pub body: Duration,
    /// How long a request may wait for its answer.
    pub answer: Duration,
    /// How long requests may take that are under way when the server stops.
    pub farewell: Duration,
    /// Bytes of a picture that is sent.
    pub picture_bytes: u64,
    /// Bytes of all pictures that are being received.
    pub pictures_bytes: u64,
    /// Bytes of the body of any other request.
    pub body_bytes: u64,
    /// Bytes of the head of a request.
    pub head_bytes: usize,
    /// Photos of an export.
    pub exported: usize,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            connections: 4096,
            streams: 256,
            waiting_searches: 1024,
            waiting_thumbnails: 2048,
            head: Duration::from_secs(20),
            stall: Duration::from_secs(20),
            body: Duration::from_secs(180),
            answer: Duration::from_secs(30),
            farewell: Duration::from_secs(10),
            picture_bytes: 64 << 20,
            pictures_bytes: 192 << 20,
            body_bytes: 1 << 20,
            head_bytes: 32 << 10,
            exported: 10_000,
        }
    }
}
