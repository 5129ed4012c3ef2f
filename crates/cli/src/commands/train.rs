//! `train`: a model from a recipe.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use clip_classify::retrieval::Retrieval;
use clip_model::Precision;
use clip_search::Limits;
use clip_train::{Event, Progress, TrainError, Trainer};

use crate::args::TrainArgs;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count, notice, size, warning};
use crate::progress::Meter;
use crate::settings::device_choice;

pub(crate) fn run(args: &TrainArgs) -> Result<Exit> {
    let selected = clip_model::select_device(device_choice(&args.device), Precision::F32)?;
    if let Some(message) = &selected.notice {
        warning(message);
    }
    let cancel = interrupt::listen()?;
    let progress = TrainProgress { meter: Meter::new("pair"), shown: Mutex::default() };
    let decode = |path: &std::path::Path| match clip_search::decode(path, &Limits::default()) {
        Ok(photo) => Ok(photo.image),
        Err(error) => Err(error.to_string()),
    };
    let trainer = Trainer::new(&args.recipe, &args.out, &selected.device, &decode);
    let trained = trainer.resume(args.resume).progress(&progress).cancel(&cancel).run();
    progress.meter.clear();
    match trained {
        Ok(_) => Ok(Exit::Done),
        Err(TrainError::Stopped) => {
            notice("interrupted: run the same command with --resume to continue from the last checkpoint");
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows a run. Figures of epochs are results and go to stdout; the rest is progress.
struct TrainProgress {
    meter: Meter,
    /// What the meter counts just now.
    shown: Mutex<String>,
}

impl TrainProgress {
    fn show(&self, what: String, done: usize, total: usize) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != what {
            self.meter.start(&what, total as u64);
            *shown = what;
        }
        self.meter.set(done as u64);
    }

    /// Prints a result. A stdout that is gone does not stop a training run of hours.
    fn print(&self, line: std::fmt::Arguments<'_>) {
        self.meter.clear();
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let mut results = Results::new();
        let _ = results.line(line).and_then(|()| results.finish());
    }
}

impl Progress for TrainProgress {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Data { photos, texts, dev_photos } => notice(format_args!(
                "training on {} and {}, measuring on {}",
                count(photos as u64, "photo"),
                count(texts as u64, "text"),
                count(dev_photos as u64, "photo")
            )),
            Event::Caching { what, done, total } => self.show(format!("caching {what}"), done, total),
            Event::Batch { stage, epoch, done, total, loss: _ } => {
                self.show(format!("{stage}, epoch {epoch}"), done, total);
            }
            Event::Epoch { stage, epoch, epochs, loss, scale, pairs_per_second, recall, best } => {
                self.print(format_args!(
                    "{stage}, epoch {epoch} of {epochs}: loss {loss:.4}, scale {scale:.1}, {pairs_per_second:.0} \
                     pairs/s, dev {}{}",
                    figures(recall),
                    if best { " (best)" } else { "" }
                ));
            }
            Event::Written { path, bytes, trained, stored } => {
                self.print(format_args!(
                    "{} ({}): dev {} as stored, {} as trained",
                    escaped(path),
                    size(bytes),
                    figures(stored),
                    figures(trained)
                ));
            }
            _ => {}
        }
    }
}

/// Recall at 1, 5 and 10 in both directions.
fn figures(recall: &Retrieval) -> String {
    let (text, image) = (recall.text_to_image, recall.image_to_text);
    format!(
        "text to image {:.1}/{:.1}/{:.1} %, image to text {:.1}/{:.1}/{:.1} %",
        text.r1, text.r5, text.r10, image.r1, image.r5, image.r10
    )
}
