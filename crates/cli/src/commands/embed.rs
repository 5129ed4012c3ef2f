//! `embed`: the vectors themselves, for scripts and for checks against other implementations.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result};
use clip_search::json::base64_unless_text;
use clip_search::{Model, Towers};
use serde::Serialize;

use crate::args::EmbedArgs;
use crate::escape::escaped;
use crate::exit::Exit;
use crate::output::Results;
use crate::photo::prepare;
use crate::settings::ModelSettings;

/// How many inputs the model takes at a time. Bounded, so that a thousand images need no thousand images' memory.
const BATCH: usize = 16;

#[derive(Serialize)]
struct Line<'a> {
    input: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<&'a [f32]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<Vec<&'a [f32]>>,
}

pub(crate) fn run(args: &EmbedArgs) -> Result<Exit> {
    let settings = ModelSettings::resolve(&args.model)?;
    let mut results = Results::new();
    if args.image.is_empty() {
        let model = settings.load(Towers::TextOnly)?;
        if args.hidden {
            hidden(&model, &args.text, args.json, &mut results)?;
        } else {
            texts(&model, &args.text, args.json, &mut results)?;
        }
    } else {
        images(&settings.load(Towers::ImageOnly)?, args, &mut results)?;
    }
    results.finish()?;
    Ok(Exit::Done)
}

fn texts(model: &Model, texts: &[String], json: bool, results: &mut Results) -> Result<()> {
    for batch in texts.chunks(BATCH) {
        let embeddings = model.embed_texts(batch)?;
        for (text, embedding) in batch.iter().zip(embeddings.rows()) {
            write(Cow::Borrowed(text), None, embedding, json, results)?;
        }
    }
    Ok(())
}

fn images(model: &Model, args: &EmbedArgs, results: &mut Results) -> Result<()> {
    for batch in args.image.chunks(BATCH) {
        let pixels = batch
            .iter()
            .map(|path| prepare(model, path).with_context(|| format!("cannot embed {}", escaped(path))))
            .collect::<Result<Vec<_>>>()?;
        let embeddings = model.embed_pixels(&pixels)?;
        for (path, embedding) in batch.iter().zip(embeddings.rows()) {
            write(path.to_string_lossy(), Some(path), embedding, args.json, results)?;
        }
    }
    Ok(())
}

fn write(input: Cow<'_, str>, path: Option<&Path>, embedding: &[f32], json: bool, results: &mut Results) -> Result<()> {
    if json {
        let path_bytes = path.and_then(base64_unless_text);
        results.json(&Line { input, path_bytes, embedding: Some(embedding), hidden: None })?;
    } else {
        results.line(format_args!("{}", numbers(embedding)))?;
    }
    Ok(())
}

fn hidden(model: &Model, texts: &[String], json: bool, results: &mut Results) -> Result<()> {
    for text in texts {
        let states = model.text_hidden_states(text)?;
        let rows: Vec<&[f32]> = states.rows().collect();
        if json {
            let input = Cow::Borrowed(text.as_str());
            results.json(&Line { input, path_bytes: None, embedding: None, hidden: Some(rows) })?;
        } else {
            for row in rows {
                results.line(format_args!("{}", numbers(row)))?;
            }
        }
    }
    Ok(())
}

/// Values separated by spaces, each as short as it can be and still be read back unchanged.
fn numbers(values: &[f32]) -> String {
    values.iter().map(f32::to_string).collect::<Vec<_>>().join(" ")
}
