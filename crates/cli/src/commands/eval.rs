//! `eval`: recall of a model on captioned photos, in both directions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use anyhow::{Context, Result, anyhow, bail};
use clip_classify::retrieval::{self, Recall, Retrieval};
use clip_files::regular;
use clip_search::{Hubness, Model, Pixels, Towers};
use rayon::prelude::*;
use serde::Serialize;

use crate::args::EvalArgs;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{Results, count};
use crate::photo::prepare;
use crate::progress::Meter;
use crate::settings::ModelSettings;

/// Photos that the model takes at a time.
const BATCH: usize = 32;
/// Captions that it takes at a time; it sorts them by length itself, and many give it more to sort.
const TEXTS: usize = 1024;

pub(crate) fn run(args: &EvalArgs) -> Result<Exit> {
    let settings = ModelSettings::resolve(&args.model)?;
    let set = CaptionedSet::read(&args.captions, &args.images)?;
    let model = settings.load(Towers::Both)?;
    let images = embed_images(&model, &set.images)?;
    let captions = embed_captions(&model, &set.captions)?;
    let found = retrieval::evaluate(&images, &captions, model.dimension(), &set.image_of_caption)?;
    let corrected = corrected(&settings, &model, &images, &captions, &set)?;

    let mut results = Results::new();
    if args.json {
        results.json(&Evaluated {
            found,
            text_to_image_corrected: corrected,
            // How near a photo is to texts in general is the same whichever caption it looks for.
            image_to_text_corrected: found.image_to_text,
        })?;
    } else {
        let images = count(found.images as u64, "image");
        results.line(format_args!("{} ({images}, {})", model.name(), count(found.captions as u64, "caption")))?;
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
    }
    results.finish()?;
    Ok(Exit::Done)
}

/// What `--json` prints.
#[derive(Serialize)]
struct Evaluated {
    #[serde(flatten)]
    found: Retrieval,
    text_to_image_corrected: Recall,
    image_to_text_corrected: Recall,
}

/// Recall with scores that are corrected as those of a query are.
fn corrected(
    settings: &ModelSettings,
    model: &Model,
    images: &[f32],
    captions: &[f32],
    set: &CaptionedSet,
) -> Result<Recall> {
    let dimension = model.dimension();
    let meter = Meter::new("text");
    let mut progress = meter.steps("embedding texts for ranking");
    let bank = clip_search::measure_bank(settings.source(), model, &mut progress, &AtomicBool::new(false))?;
    drop(progress);
    meter.clear();
    // Nobody cancels it.
    let bank = bank.context("the texts were not embedded")?;
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
        let header = reader.headers().with_context(|| format!("cannot read the header of {}", at()))?;
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
            let record = record.with_context(|| format!("cannot read the captions in {}", at()))?;
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
