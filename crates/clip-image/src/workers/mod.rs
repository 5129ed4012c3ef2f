//! Decoding in other processes.
//!
//! Libraries in C and C++ decode HEIC and AVIF, and a hostile file may crash them or make them run for ever. In a separate
//! process, that costs only the photo. The same goes for very large files of any format.
//!
//! A worker is any program that calls [`serve_decoding`]; it reads requests from its standard input and writes pictures to
//! its standard output. Each worker decodes one photo at a time; one that dies or takes too long is replaced when the next
//! photo needs it. Workers return only pixels: metadata are read in this process, by memory-safe parsers.

mod confine;
pub(crate) mod protocol;
mod serve;
mod watchdog;

use std::fmt;
use std::io::{self, BufReader, BufWriter, Write};
use std::ops::RangeInclusive;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use self::protocol::{Answer, Job};
use self::watchdog::{Death, Guarded, Watchdog};
use crate::formats::codec::{Pixels, Request};
use crate::{Format, ImageError};

pub use self::serve::serve_decoding;

/// The sizes of files that workers decode whatever their format. A worker has a copy of the file, and a copy of a larger one
/// would take more memory than any photo.
const LARGE_FILES: RangeInclusive<usize> = 64 << 20..=256 << 20;

/// Starts workers as they are needed, and sends photos to them. Clones share them.
#[derive(Clone)]
pub struct Workers(Arc<Pool>);

struct Pool {
    command: Box<dyn Fn() -> Command + Send + Sync>,
    longest: Duration,
    idle: Mutex<Vec<Worker>>,
    watchdog: Watchdog,
}

/// The same if they are the same processes.
impl PartialEq for Workers {
    fn eq(&self, other: &Workers) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Workers {
    /// Workers that `command` starts: a program that calls [`serve_decoding`]. Its standard streams are set here. A photo
    /// may take `longest`, including reading and writing it.
    ///
    /// No process is started before a photo needs it, and never more than there are photos being decoded.
    pub fn new(command: impl Fn() -> Command + Send + Sync + 'static, longest: Duration) -> Self {
        let (command, idle) = (Box::new(command), Mutex::default());
        Self(Arc::new(Pool { command, longest, idle, watchdog: Watchdog::default() }))
    }

    /// Whether workers decode a file: it is large, or `risky`, that is, decoded by a library not written in Rust, or perhaps
    /// not soon.
    pub(crate) fn takes(bytes: &[u8], risky: bool) -> bool {
        risky || LARGE_FILES.contains(&bytes.len())
    }

    /// Decodes a picture in a worker.
    pub(crate) fn decode(&self, format: Format, bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
        let idle = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(worker) = idle {
            match self.ask(worker, format, bytes, request) {
                // It may have ended before it was asked.
                Err(ImageError::Panicked { .. } | ImageError::NoWorker { .. }) => (),
                result => return result,
            }
        }
        let worker = Worker::start((self.0.command)()).map_err(|error| ImageError::NoWorker { format, error })?;
        self.ask(worker, format, bytes, request)
    }

    fn ask(
        &self,
        mut worker: Worker,
        format: Format,
        bytes: &[u8],
        request: &Request<'_>,
    ) -> Result<Pixels, ImageError> {
        let guard = self.0.watchdog.watch(&worker.process, self.0.longest);
        let answer = worker.ask(format, bytes, request);
        let is_late = guard.end();
        match answer {
            // A worker that refused a photo can go on.
            Ok(result) if !is_late => {
                self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
                result
            }
            _ if is_late => Err(ImageError::TookTooLong { format, seconds: self.0.longest.as_secs() }),
            Ok(_) => Err(crashed(format, "no answer in time".into())),
            Err(error) => Err(match worker.process.death() {
                Some(Death::Crashed(how)) => crashed(format, how),
                // That says nothing of the file.
                Some(Death::Killed) => ImageError::NoWorker { format, error: io::Error::other("it was killed") },
                None => crashed(format, error.to_string()),
            }),
        }
    }
}

fn crashed(format: Format, message: String) -> ImageError {
    ImageError::Panicked { format, message }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("longest", &self.0.longest).finish_non_exhaustive()
    }
}

/// A process that decodes.
struct Worker {
    process: Guarded,
    requests: BufWriter<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(mut command: Command) -> std::io::Result<Self> {
        // Libraries write messages to standard error that nobody needs.
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child: Child = streams.spawn()?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        };
        let process = Guarded::new(child);
        Ok(Self { process, requests: BufWriter::new(requests), answers: BufReader::new(answers) })
    }

    /// Sends it a photo and waits for the answer. After an error, the worker is of no further use.
    fn ask(
        &mut self,
        format: Format,
        bytes: &[u8],
        request: &Request<'_>,
    ) -> std::io::Result<Result<Pixels, ImageError>> {
        let job = Job { format, limits: *request.limits, least: request.least, orientation: request.orientation };
        job.write(bytes, &mut self.requests)?;
        self.requests.flush()?;
        loop {
            match Answer::read(format, request.limits, &mut self.answers)? {
                Answer::Reserve(memory) => {
                    // The worker has checked the limits itself. Its copy of the file comes on top.
                    request.limits.check_memory(format, memory).map_err(|_| protocol::nonsense())?;
                    (request.reserve)(memory.saturating_add(bytes.len() as u64));
                    self.requests.write_all(&[protocol::GRANTED])?;
                    self.requests.flush()?;
                }
                Answer::Done(result) => return Ok(result),
            }
        }
    }
}
