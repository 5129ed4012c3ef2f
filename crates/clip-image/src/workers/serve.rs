//! The worker's side.

use std::cell::{Cell, RefCell};
use std::io::{self, BufReader, BufWriter, Read, Write};

use super::confine;
use super::protocol::{Answer, Job};
use crate::formats::codec::{Pixels, Request};
use crate::panics::catch;
use crate::{ImageError, formats};

/// Decodes photos for the process that started this one, until that process closes standard input. The program that
/// [`Workers`](super::Workers) starts must call this before it does anything else: afterwards the process can open no file
/// and no connection any more, if the system has a way to ensure that.
///
/// # Errors
/// If the standard streams cannot be used, or the input is not a valid request.
pub fn serve_decoding() -> io::Result<()> {
    // Loads libraries, since files cannot be opened later.
    formats::heif::library();
    let confined = confine::confine();
    serve(&mut BufReader::new(io::stdin().lock()), &mut BufWriter::new(io::stdout().lock()), &confined)
}

fn serve(requests: &mut impl Read, answers: &mut impl Write, confined: &confine::Confined) -> io::Result<()> {
    while let Some((job, bytes)) = Job::read(requests)? {
        confined.allow_time();
        confined.allow_memory(job.limits.max_memory.saturating_add(bytes.len() as u64));
        // Both are used while a decoder waits for memory, and when it is done.
        let streams = RefCell::new((&mut *requests, &mut *answers));
        let failed = Cell::new(None);
        let reserve = |memory| {
            let (requests, answers) = &mut *streams.borrow_mut();
            let asked = Answer::Reserve(memory).write(*answers);
            let mut granted = [0];
            if let Err(error) = asked.and_then(|()| requests.read_exact(&mut granted)) {
                failed.set(Some(error));
            }
        };
        let request =
            Request { limits: &job.limits, least: job.least, orientation: job.orientation, reserve: &reserve };
        let result = decode(&job, &bytes, &request);
        drop(bytes);
        if let Some(error) = failed.take() {
            return Err(error);
        }
        Answer::Done(result).write(answers)?;
    }
    Ok(())
}

fn decode(job: &Job, bytes: &[u8], request: &Request<'_>) -> Result<Pixels, ImageError> {
    let codec = formats::codec(job.format)?;
    let format = job.format;
    catch(|| (codec.decode)(bytes, request)).unwrap_or_else(|message| Err(ImageError::Panicked { format, message }))
}
