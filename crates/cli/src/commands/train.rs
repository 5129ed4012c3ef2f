//! `train`: a model from a recipe.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use clip_classify::retrieval::Retrieval;
use clip_model::Precision;
use clip_search::Limits;
use clip_train::recipe::TEMPLATE;
use clip_train::{Event, Progress, Tensors, TrainError, Trainer};

use crate::args::TrainArgs;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::interrupt;
use crate::output::{Results, count, notice, size, warning};
use crate::progress::Meter;
use crate::settings::{device_choice, models};

pub(crate) fn run(args: &TrainArgs) -> Result<Exit> {
    if args.init {
        return init(&args.recipe);
    }
    let models = models();
    let find = |name: &str| models.find(Path::new(name)).map_err(Into::into);
    let decode = |path: &Path| match clip_search::decode(path, &Limits::default()) {
        Ok(photo) => Ok(photo.image),
        Err(error) => Err(error.to_string()),
    };
    let Some(out) = &args.out else {
        // Only the names matter, which no device changes.
        let device = clip_model::select_device(clip_model::DeviceChoice::Cpu, Precision::F32)?.device;
        return list(&Trainer::new(&args.recipe, Path::new(""), &device, &decode).models(&find).tensors()?);
    };
    let selected = clip_model::select_device(device_choice(&args.device), Precision::F32)?;
    if let Some(message) = &selected.notice {
        warning(message);
    }
    let cancel = interrupt::listen()?;
    let progress = TrainProgress { meter: Meter::new("photo"), shown: Mutex::default() };
    let trainer = Trainer::new(&args.recipe, out, &selected.device, &decode).models(&find);
    let trainer = trainer.resume(args.resume).restart(args.restart);
    let trained = trainer.progress(&progress).cancel(&cancel).run();
    progress.meter.clear();
    match trained {
        Ok(_) => Ok(Exit::Done),
        Err(TrainError::Stopped) => {
            notice(match args.restart {
                true => "interrupted: run the same command with --resume instead of --restart to continue",
                false => "interrupted: run the same command with --resume to continue from the last checkpoint",
            });
            Ok(Exit::Interrupted)
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes a recipe to begin with.
fn init(recipe: &Path) -> Result<Exit> {
    let mut file = match OpenOptions::new().write(true).create_new(true).open(recipe) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} already exists; choose another name", escaped(recipe))
        }
        file => file.with_context(|| format!("cannot write {}", escaped(recipe)))?,
    };
    if let Err(error) = file.write_all(TEMPLATE.as_bytes()) {
        // A part of it would stand in the way of the next try.
        let _ = fs::remove_file(recipe);
        return Err(error).with_context(|| format!("cannot write {}", escaped(recipe)));
    }
    notice(format_args!("wrote {0}; edit it, then train with `clip-search train {0} --out DIR`", escaped(recipe)));
    Ok(Exit::Done)
}

/// A line for each tensor: its name, its shape and the stages that train it.
fn list(Tensors { stages, tensors }: &Tensors) -> Result<Exit> {
    let shape = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    let widest = |text: &dyn Fn(&clip_train::TensorRates) -> usize| tensors.iter().map(text).max().unwrap_or(0);
    let names = widest(&|tensor| tensor.name.len());
    let shapes = widest(&|tensor| shape(&tensor.shape).len());
    let mut results = Results::new();
    for tensor in tensors {
        let rates = tensor.rates.iter().zip(stages).filter_map(|(rate, stage)| Some(format!("{stage} {:e}", (*rate)?)));
        let rates = rates.collect::<Vec<_>>().join(", ");
        let rates = if rates.is_empty() { "frozen" } else { &rates };
        results.line(format_args!("{:names$}  {:shapes$}  {rates}", tensor.name, shape(&tensor.shape)))?;
    }
    results.finish()?;
    Ok(Exit::Done)
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

impl Progress<Event<'_>> for TrainProgress {
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
            Event::Epoch { stage, epoch, epochs, loss, scale, photos_per_second, recall, best } => {
                self.print(format_args!(
                    "{stage}, epoch {epoch} of {epochs}: loss {loss:.4}, scale {scale:.1}, {photos_per_second:.0} \
                     photos/s, dev {}{}",
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
