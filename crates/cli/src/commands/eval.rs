//! `eval`: recall of a model on captioned photos, in both directions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};

use anyhow::{Context, Result, anyhow, bail};
use clip_classify::retrieval::{self, Recall, Retrieval};
use clip_files::regular;
use clip_search::refining::{Captioned, LEAST_CAPTIONS, LEAST_PHOTOS, Quality, TooFew, Trial};
use clip_search::{Bank, Hubness, IndexReader, LibrarySearcher, Model, ModelSource, Pixels, RefineOutcome, Towers};
use clip_train::fault_of_csv;
use rayon::prelude::*;
use serde::Serialize;

use crate::args::{EvalArgs, ModelArgs};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{Results, count};
use crate::photo::prepare;
use crate::progress::Meter;
use crate::settings::{ModelSettings, library};

/// Photos that the model takes at a time.
const BATCH: usize = 32;
/// Captions that it takes at a time; it sorts them by length itself, and many give it more to sort.
const TEXTS: usize = 1024;

pub(crate) fn run(index: impl FnOnce() -> Result<PathBuf>, args: &EvalArgs) -> Result<Exit> {
    let (Some(captions), Some(images)) = (&args.captions, &args.images) else { return unrefine(&index()?) };
    let set = CaptionedSet::read(captions, images)?;
    let library = if args.refine { Some(library(&index()?, &args.model)?.open()?) } else { None };
    let models = match &library {
        Some(library) => {
            let searcher = library.searcher()?;
            Models::of_index(&searcher)?
        }
        None => Models::asked_for(&args.model)?,
    };
    let images = embed_images(&models.image, &set.images)?;
    let captions = embed_captions(&models.text, &set.captions)?;
    let dimension = models.text.dimension();
    let found = retrieval::evaluate(&images, &captions, dimension, &set.image_of_caption)?;
    let bank = models.bank()?;
    let corrected = corrected(&bank, dimension, &images, &captions, &set)?;
    let refined = match &library {
        Some(library) => {
            let captioned = Captioned {
                images: &images,
                captions: &captions,
                texts: &set.captions,
                image_of_caption: &set.image_of_caption,
            };
            Some(tried(library.refine(&captioned, &bank)?)?)
        }
        None => None,
    };

    let mut results = Results::new();
    if args.json {
        results.json(&Evaluated {
            found,
            text_to_image_corrected: corrected,
            // How near a photo is to texts in general is the same whichever caption it looks for.
            image_to_text_corrected: found.image_to_text,
            relevance: refined.as_ref().map(JsonTrial::from),
        })?;
    } else {
        let images = count(found.images as u64, "image");
        let name = models.text.name();
        results.line(format_args!("{name} ({images}, {})", count(found.captions as u64, "caption")))?;
        results.line(format_args!("               recall@1   @5     @10    median rank"))?;
        for (direction, recall) in [
            ("text to image", found.text_to_image),
            ("  corrected  ", corrected),
            ("image to text", found.image_to_text),
        ] {
            results.line(format_args!(
                "{direction}  {:>6.2} %  {:>5.2}  {:>5.2}  {}",
                recall.r1, recall.r5, recall.r10, recall.median_rank
            ))?;
        }
        if let Some(trial) = &refined {
            tell(trial, &mut results)?;
        }
    }
    results.finish()?;
    Ok(Exit::Done)
}

fn unrefine(index: &Path) -> Result<Exit> {
    // Where there is no index, the folder may have been mistyped.
    IndexReader::open(index)?;
    let told = if clip_search::unrefine(index)? {
        "relevance is as it was before it was refined"
    } else {
        "relevance was not refined"
    };
    let mut results = Results::new();
    results.line(format_args!("{told}"))?;
    results.finish()?;
    Ok(Exit::Done)
}

/// The towers that embed photos and captions.
struct Models {
    source: ModelSource,
    image: Arc<Model>,
    text: Arc<Model>,
}

impl Models {
    fn asked_for(args: &ModelArgs) -> Result<Models> {
        let settings = ModelSettings::resolve(args)?;
        let model = Arc::new(settings.load(Towers::Both)?);
        Ok(Models { source: settings.source().clone(), image: Arc::clone(&model), text: model })
    }

    fn of_index(searcher: &LibrarySearcher) -> Result<Models> {
        let model = searcher.encoder().encoder();
        Ok(Models { source: model.source().clone(), image: model.image()?, text: model.text()? })
    }

    /// The texts that scores are corrected by.
    fn bank(&self) -> Result<Bank> {
        let meter = Meter::new("text");
        let progress = meter.steps("embedding texts for ranking");
        let bank = clip_search::measure_bank(&self.source, &self.text, &progress, &AtomicBool::new(false))?;
        drop(progress);
        meter.clear();
        // Nobody cancels it.
        bank.context("the texts were not embedded")
    }
}

/// What captions say of relevance, or why they say nothing.
fn tried(outcome: RefineOutcome) -> Result<Trial> {
    match outcome {
        RefineOutcome::Tried(trial) => Ok(trial),
        RefineOutcome::TooFew(TooFew::Photos(found)) => {
            bail!("cannot refine relevance: expected captions of {LEAST_PHOTOS} photos or more, found {found}")
        }
        RefineOutcome::TooFew(TooFew::Captions(found)) => {
            bail!("cannot refine relevance: expected {LEAST_CAPTIONS} different captions or more, found {found}")
        }
        RefineOutcome::NoRelevance => bail!(
            "cannot refine relevance: results have none in this index; with another model than pocket it must have 200 \
             photos or more, and `clip-search index` must have been run to its end"
        ),
    }
}

/// Says what was measured, and what became of it.
fn tell(trial: &Trial, results: &mut Results) -> Result<()> {
    let Trial { before, after, photos, captions, .. } = trial;
    let percent = |share: f64| format!("{:.0} %", 100.0 * share);
    results.line(format_args!(""))?;
    results.line(format_args!(
        "relevance, by {} for {}, half of them at a time",
        count(*captions as u64, "different caption"),
        count(*photos as u64, "photo")
    ))?;
    results.line(format_args!("                                           before   refined"))?;
    for (what, before, after) in [
        ("calibration error", format!("{:.3}", before.calibration_error), format!("{:.3}", after.calibration_error)),
        ("logarithmic loss", format!("{:.3}", before.log_loss), format!("{:.3}", after.log_loss)),
        ("with an answer, not told \"nothing\"", percent(before.kept), percent(after.kept)),
        ("without one, told \"nothing\"", percent(before.told_nothing), percent(after.told_nothing)),
    ] {
        results.line(format_args!("  {what:38}  {before:>7}   {after:>7}"))?;
    }
    results.line(format_args!(
        "{}",
        if trial.is_better {
            "relevance is refined in this index from now on; `clip-search eval --unrefine` takes that back"
        } else {
            "that is no better, so relevance stays as it was"
        }
    ))?;
    Ok(())
}

/// What `--json` prints.
#[derive(Serialize)]
struct Evaluated {
    #[serde(flatten)]
    found: Retrieval,
    text_to_image_corrected: Recall,
    image_to_text_corrected: Recall,
    #[serde(skip_serializing_if = "Option::is_none")]
    relevance: Option<JsonTrial>,
}

/// What captions say of relevance.
#[derive(Serialize)]
struct JsonTrial {
    /// Whether it is refined from now on.
    refined: bool,
    photos: usize,
    captions: usize,
    before: JsonQuality,
    after: JsonQuality,
}

impl From<&Trial> for JsonTrial {
    fn from(trial: &Trial) -> Self {
        let Trial { before, after, is_better, photos, captions, .. } = trial;
        Self { refined: *is_better, photos: *photos, captions: *captions, before: before.into(), after: after.into() }
    }
}

/// What was measured of relevance.
#[derive(Serialize)]
struct JsonQuality {
    log_loss: f64,
    calibration_error: f64,
    kept: f64,
    told_nothing: f64,
}

impl From<&Quality> for JsonQuality {
    fn from(quality: &Quality) -> Self {
        let Quality { log_loss, calibration_error, kept, told_nothing } = *quality;
        Self { log_loss, calibration_error, kept, told_nothing }
    }
}

/// Recall with scores that are corrected as those of a query are.
fn corrected(bank: &Bank, dimension: usize, images: &[f32], captions: &[f32], set: &CaptionedSet) -> Result<Recall> {
    // Two more numbers for each vector make the corrected score a dot product too.
    let hubness: Vec<Hubness> = images.par_chunks_exact(dimension).map(|image| bank.hubness(image)).collect();
    let widened = |rows: &[f32], more: &dyn Fn(usize) -> [f32; 2]| -> Vec<f32> {
        let rows = rows.chunks_exact(dimension).enumerate();
        rows.flat_map(|(at, row)| row.iter().copied().chain(more(at))).collect()
    };
    let images = widened(images, &|at| [hubness[at].captions, hubness[at].phrases]);
    let captions = widened(captions, &|at| {
        let shares = clip_search::bank_texts::shares(&set.captions[at]);
        [-shares.captions, -shares.phrases]
    });
    Ok(retrieval::evaluate(&images, &captions, dimension + 2, &set.image_of_caption)?.text_to_image)
}

/// Photos and captions, and which belong together.
#[derive(Debug, Default, PartialEq)]
struct CaptionedSet {
    images: Vec<PathBuf>,
    captions: Vec<String>,
    image_of_caption: Vec<usize>,
}

impl CaptionedSet {
    /// Reads a CSV file whose header names the columns `image` and `caption`.
    fn read(csv: &Path, folder: &Path) -> Result<Self> {
        let at = || escaped(csv);
        let file = regular::open(csv).with_context(|| format!("cannot read the captions in {}", at()))?;
        let mut reader = csv::Reader::from_reader(file);
        let fault = |error| anyhow!("cannot read the captions in {}: {}", at(), fault_of_csv(&error));
        let header = reader.headers().map_err(fault)?;
        let column = |name: &str| {
            header.iter().position(|field| field.trim_start_matches('\u{feff}') == name).ok_or_else(|| {
                let found = header.iter().collect::<Vec<_>>().join("`, `");
                anyhow!(
                    "{} has no column `{name}`: expected a header with `image` and `caption`, found `{found}`",
                    at()
                )
            })
        };
        let (image_column, caption_column) = (column("image")?, column("caption")?);

        let mut set = Self::default();
        let mut known: HashMap<String, usize> = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(fault)?;
            let (image, caption) = (&record[image_column], &record[caption_column]);
            let image = *known.entry(image.to_owned()).or_insert_with(|| {
                set.images.push(folder.join(image));
                set.images.len() - 1
            });
            set.captions.push(caption.to_owned());
            set.image_of_caption.push(image);
        }
        if set.captions.is_empty() {
            bail!("{} has no captions; expected one row per caption below the header", at());
        }
        Ok(set)
    }
}

/// Embeds all photos; the next batch is decoded while the model works on one.
fn embed_images(model: &Model, paths: &[PathBuf]) -> Result<Vec<f32>> {
    let meter = Meter::new("image");
    meter.start("embedding", paths.len() as u64);
    let mut values = Vec::with_capacity(paths.len() * model.dimension());
    std::thread::scope(|scope| -> Result<()> {
        let (send, receive) = mpsc::sync_channel(1);
        scope.spawn(move || {
            for batch in paths.chunks(BATCH) {
                let pixels: Result<Vec<Pixels>> = batch.par_iter().map(|path| pixels(model, path)).collect();
                // Nobody receives any more once a batch has failed.
                if send.send(pixels).is_err() {
                    return;
                }
            }
        });
        for batch in receive {
            let batch = batch?;
            values.extend_from_slice(model.embed_pixels(&batch)?.as_slice());
            meter.set((values.len() / model.dimension()) as u64);
        }
        Ok(())
    })?;
    meter.clear();
    Ok(values)
}

/// A photo that cannot be read ends the run: without it the figures would be others.
fn pixels(model: &Model, path: &Path) -> Result<Pixels> {
    prepare(model, path).map_err(|error| {
        anyhow!("cannot use {}: {error}; repair the photo or remove its rows from the CSV", escaped(path))
    })
}

/// Embeds all captions, in parts for the sake of progress.
fn embed_captions(model: &Model, captions: &[String]) -> Result<Vec<f32>> {
    let meter = Meter::new("caption");
    meter.start("embedding", captions.len() as u64);
    let mut values = Vec::with_capacity(captions.len() * model.dimension());
    for part in captions.chunks(TEXTS) {
        values.extend_from_slice(model.embed_texts(part)?.as_slice());
        meter.set((values.len() / model.dimension()) as u64);
    }
    meter.clear();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &str) -> Result<CaptionedSet> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("captions.csv");
        std::fs::write(&path, csv).unwrap();
        CaptionedSet::read(&path, Path::new("photos"))
    }

    #[test]
    fn captions_of_one_photo_may_lie_apart_and_columns_in_any_order() {
        let set = read("caption,id,image\n\"a, b\",1,x.jpg\nc,2,y.jpg\nd,3,x.jpg\n").unwrap();
        assert_eq!(set.images, [PathBuf::from("photos/x.jpg"), PathBuf::from("photos/y.jpg")]);
        assert_eq!(set.captions, ["a, b", "c", "d"]);
        assert_eq!(set.image_of_caption, [0, 1, 0]);
    }

    #[test]
    fn a_file_that_is_no_caption_list_is_refused() {
        let error = |csv| read(csv).unwrap_err().to_string();
        assert!(error("picture,caption\na,b\n").contains("no column `image`"));
        assert!(error("image,caption\n").contains("has no captions"));
        assert!(error("image,caption\na,b,c\n").contains("cannot read"));
    }
}
