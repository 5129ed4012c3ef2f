//! `classify`: which of some labels photos show.

mod examples;
mod labels;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clip_search::classify::{ClassifyError, FewShot, Link, Templates, ZeroShot};
use clip_search::json::JsonPath;
use clip_search::{ImageError, Model, Skipped, Steps, Towers};
use serde::Serialize;

use crate::args::{ClassifyArgs, TemplatesArg};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::{Results, complaint, warning};
use crate::photo::embed_each;
use crate::progress::Meter;
use crate::remedy;
use crate::settings::ModelSettings;

use examples::Examples;

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    path: JsonPath<'a>,
    labels: &'a [Label<'a>],
}

#[derive(Serialize)]
struct Label<'a> {
    label: &'a str,
    probability: f32,
}

/// By names alone, or by examples too.
enum Classifier {
    ZeroShot(ZeroShot),
    FewShot(FewShot),
}

impl Classifier {
    fn probabilities(&self, photo: &[f32]) -> Result<Vec<f32>, ClassifyError> {
        match self {
            Self::ZeroShot(classifier) => classifier.probabilities(photo),
            Self::FewShot(classifier) => classifier.probabilities(photo),
        }
    }
}

pub(crate) fn run(args: &ClassifyArgs) -> Result<Exit> {
    let settings = ModelSettings::resolve(&args.model)?;
    let (photos, unusable) = photos(&args.photos);
    let templates = match args.templates {
        TemplatesArg::Imagenet => Templates::imagenet(),
        TemplatesArg::Short => Templates::short(),
        TemplatesArg::None => Templates::none(),
    };
    // What is wrong with labels or examples is said before a model is loaded.
    let (labels, classifier, model, mut bad) = match (&args.labels, &args.examples) {
        (Some(labels), None) => {
            let labels = labels::read(labels)?;
            let model = settings.load(Towers::Both)?;
            let classifier = embed_labels(&model, labels.names(), &templates)?;
            (labels.names().to_vec(), Classifier::ZeroShot(classifier), model, 0)
        }
        (None, Some(folder)) => {
            let examples = Examples::list(folder)?;
            let model = settings.load(Towers::Both)?;
            let (classifier, bad) = examples.fit(&model, &templates)?;
            (examples.classes, Classifier::FewShot(classifier), model, bad)
        }
        _ => bail!("expected --labels or --examples"),
    };

    let top = args.top.map_or(labels.len(), |top| usize::try_from(top).unwrap_or(usize::MAX));
    bad += unusable;
    let mut results = Results::new();
    // Results on a terminal are progress enough.
    let meter = (photos.len() > 1 && !io::stdout().is_terminal()).then(|| Meter::new("photo"));
    if let Some(meter) = &meter {
        meter.start("classifying", photos.len() as u64);
    }
    embed_each(&model, &photos, |index, vector| {
        let path = photos[index].as_path();
        match vector {
            Ok(vector) => {
                write(path, &best(&labels, &classifier.probabilities(vector)?, top), args.json, &mut results)?
            }
            Err(error) => {
                match &meter {
                    Some(meter) => meter.aside(|| skipped(path, &error)),
                    None => skipped(path, &error),
                }
                bad += 1;
            }
        }
        if let Some(meter) = &meter {
            meter.advance();
        }
        Ok(())
    })?;
    if let Some(meter) = &meter {
        meter.clear();
    }
    results.finish()?;
    Ok(if bad == 0 { Exit::Done } else { Exit::Partly })
}

/// The photos that the arguments name: files as they are, folders with all photos below them, as `index` finds them. And how
/// many arguments or files could not be used, which is said.
fn photos(arguments: &[PathBuf]) -> (Vec<PathBuf>, usize) {
    let (mut photos, mut unusable) = (Vec::new(), 0);
    for argument in arguments {
        if !argument.is_dir() {
            photos.push(argument.clone());
            continue;
        }
        let found = clip_search::find_photos(argument);
        for Skipped { path, reason, .. } in &found.skipped {
            complaint(format_args!("skipped: {}: {reason}", escaped(path)));
        }
        unusable += found.skipped.len();
        if found.photos.is_empty() {
            warning(format_args!("no photos in {}", escaped(argument)));
            unusable += 1;
        }
        photos.extend(found.photos);
    }
    (photos, unusable)
}

/// The `top` most probable labels, best first; equal ones in their given order.
fn best<'a>(labels: &'a [String], probabilities: &[f32], top: usize) -> Vec<Label<'a>> {
    let named = labels.iter().zip(probabilities);
    let mut found: Vec<Label<'a>> = named.map(|(label, &probability)| Label { label, probability }).collect();
    found.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    found.truncate(top);
    found
}

fn write(path: &Path, labels: &[Label<'_>], json: bool, results: &mut Results) -> Result<()> {
    if json {
        results.json(&Line { path: JsonPath::from(path), labels })?;
    } else {
        results.line(format_args!("{}", escaped(path)))?;
        for Label { label, probability } in labels {
            results.line(format_args!("{:>7.2} %  {}", 100.0 * probability, escaped(Path::new(label))))?;
        }
    }
    Ok(())
}

/// Embeds labels in all templates.
fn embed_labels(model: &Model, labels: &[String], templates: &Templates) -> Result<ZeroShot> {
    let meter = Meter::new("prompt");
    meter.start("embedding", (labels.len() * templates.count()) as u64);
    let link = Link::new(model.logit_scale(), model.logit_bias());
    let embedded = ZeroShot::from_prompts(model, link, labels, templates, &|steps: Steps| meter.set(steps.done));
    meter.clear();
    Ok(embedded?)
}

/// Says that a photo could not be used.
fn skipped(path: &Path, error: &ImageError) {
    let advice = error.remedy().and_then(remedy::image).map(|advice| format!("; {advice}")).unwrap_or_default();
    complaint(format_args!("skipped: {}: {error}{advice}", escaped(path)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_equals_keep_their_order() {
        let labels = ["a", "b", "c", "d"].map(str::to_owned);
        let names = |top| best(&labels, &[0.1, 0.4, 0.1, 0.4], top).iter().map(|l| l.label).collect::<Vec<_>>();
        assert_eq!(names(9), ["b", "d", "a", "c"]);
        assert_eq!(names(3), ["b", "d", "a"]);
    }
}
