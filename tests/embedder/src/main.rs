//! Indexes the photos in a folder and searches them: `embedder INDEX FOLDER WORDS`.

use std::env::args_os;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clip_search::{Library, Query, Silent, UpdateOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = args_os().skip(1);
    let mut next = || arguments.next().ok_or("usage: embedder INDEX FOLDER WORDS");
    let (index, photos, words) = (PathBuf::from(next()?), PathBuf::from(next()?), next()?);
    let library = Library::builder(index).open_or_create()?;
    library.update(&[photos], &UpdateOptions::default(), &Silent, &AtomicBool::new(false))?;
    for hit in library.search(&Query::text(words.to_string_lossy()).limit(3))? {
        println!("{:.3}  {}", hit.score.unwrap_or_default(), hit.path.display());
    }
    Ok(())
}
