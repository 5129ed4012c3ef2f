//! Bodies that are made while they are sent.
//!
//! The next piece is made only when the client has taken the one before, or a few. A client that takes none is cut off by its
//! connection ([`crate::stall`]). Threads that may wait for a disk make the pieces: for a file, one for as long as it reads a
//! piece, so that slow clients do not hold threads.

use std::fs::File;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Bytes of a piece.
const PIECE: usize = 128 << 10;
/// Pieces that may be ready before they are sent.
const READY: usize = 2;

/// A body whose pieces come from elsewhere.
pub(crate) struct Pieces {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = std::task::ready!(self.pieces.poll_recv(context));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}

/// Writes pieces for a body. Writing waits until the client has taken enough.
pub(crate) struct PieceWriter {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE - self.buffer.len();
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.buffer, Vec::with_capacity(PIECE));
        self.pieces.blocking_send(Ok(piece.into())).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// The next `length` bytes of a file. If it ends before, so does the connection.
pub(crate) fn of_file(file: File, length: u64) -> FileBody {
    FileBody { state: State::Idle(file), left: length }
}

/// A part of a file.
pub(crate) struct FileBody {
    state: State,
    /// Bytes that are still to be read.
    left: u64,
}

enum State {
    Idle(File),
    Reading(JoinHandle<(File, io::Result<Bytes>)>),
    Done,
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let State::Reading(reading) = &mut self.state {
            let done = std::task::ready!(Pin::new(reading).poll(context));
            self.state = State::Done;
            let (file, piece) = done.map_err(io::Error::other)?;
            let piece = piece?;
            self.left = self.left.saturating_sub(piece.len() as u64);
            self.state = State::Idle(file);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Idle(mut file) if self.left > 0 => {
                let length = self.left.min(PIECE as u64) as usize;
                self.state = State::Reading(tokio::task::spawn_blocking(move || {
                    let mut piece = vec![0; length];
                    let read = file.read_exact(&mut piece).map(|()| Bytes::from(piece));
                    (file, read)
                }));
                self.poll_frame(context)
            }
            _ => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// What a function writes, on a thread that is held until the client has taken everything.
pub(crate) fn written(write: impl FnOnce(&mut PieceWriter) -> io::Result<()> + Send + 'static) -> Pieces {
    let (pieces, received) = mpsc::channel(READY);
    tokio::task::spawn_blocking(move || {
        let mut out = PieceWriter { pieces: pieces.clone(), buffer: Vec::new() };
        if let Err(error) = write(&mut out).and_then(|()| out.flush()) {
            // Whoever receives an incomplete body must notice it.
            let _ = pieces.blocking_send(Err(error));
        }
    });
    Pieces { pieces: received }
}

/// Pieces that somebody sends, as events.
pub(crate) fn received(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Pieces {
    Pieces { pieces }
}
