"""Fits the weights of the test that says whether a picture looks as if it held text (`crates/clip-ocr/src/looks/weights.rs`).

    python3 -m venv venv && venv/bin/pip install pillow numpy
    apt-get install fonts-dejavu fonts-liberation
    cargo build --release -p clip-ocr --example text_features
    venv/bin/python benches/compare/may_hold_text.py target/release/examples/text_features crates/clip-ocr/src/looks/weights.rs \\
        --photos FOLDER...

Draws words onto photos from the folders, in many sizes, colours, turns and qualities, and leaves a third of the photos as they are.
Windows that are mostly ink are text; windows that nothing was drawn on are none. The weights are those of a logistic regression on
the features and all products of two of them, with both kinds of windows worth the same. Then `ocr.py` says what the test is worth.
"""

import argparse
import random
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

import ocr

PICTURES = 420
CELL, ACROSS, DOWN = 8, 4, 2
LONGER = 1024
FEATURES = 14
# Features are this many standard deviations from their mean at most.
MOST = 4


def drawn(rng, path, at):
    """A photo, with text unless `at` is a multiple of three, and what was drawn on: 255 ink and what is close to it, 128 paper."""
    picture = Image.open(path).convert("RGB")
    growth = rng.choice([1, 1.5, 2, 3, 3.5])
    picture = picture.resize((int(picture.width * growth), int(picture.height * growth)), Image.BICUBIC)
    if rng.random() < 0.5:
        picture = ocr.noisy(picture, rng, rng.uniform(1, 5))
    mask = Image.new("L", picture.size, 0)
    if at % 3 == 0:
        return picture, mask
    for _ in range(rng.randint(1, 2)):
        size = rng.randint(9, max(12, picture.height // 8))
        ink, paper = rng.choice(ocr.COLOURS)
        if rng.random() < 0.4:
            ink = tuple(rng.randint(0, 255) for _ in range(3))
            paper = tuple((level + 128) % 256 for level in ink)
        if size < 24 and rng.random() < 0.6:
            width = min(picture.width, rng.randint(150, 500))
            sign, _ = ocr.page(rng, size, width, lines=rng.randint(2, 8), ink=ink, paper=paper)
        else:
            sign, _ = ocr.sign_of(rng, size, rng.randint(1, 3), ink, paper, most=2)
        sign = sign.crop((0, 0, min(sign.width, picture.width), min(sign.height, picture.height)))
        turn = rng.uniform(-6, 6)
        ground = np.array(Image.new("RGB", (1, 1), paper).convert("L"))[0, 0]
        is_ink = np.abs(np.array(sign.convert("L")).astype(int) - int(ground)) > 30
        near_ink = Image.fromarray((is_ink * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(5)).rotate(turn, expand=True)
        without_paper = rng.random() < 0.3
        shown = Image.new("L", sign.size, 255).rotate(turn, Image.BICUBIC, expand=True)
        if without_paper:
            shown = near_ink.filter(ImageFilter.MinFilter(5))
        turned = sign.rotate(turn, Image.BICUBIC, expand=True)
        place = rng.randint(0, max(0, picture.width - turned.width)), rng.randint(0, max(0, picture.height - turned.height))
        picture.paste(turned, place, shown)
        if not without_paper:
            mask.paste(128, place, shown.point(lambda level: 255 if level > 0 else 0))
        mask.paste(255, place, near_ink)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 1.3)))
    if rng.random() < 0.3:
        picture = ocr.noisy(picture, rng, rng.uniform(3, 20))
    return picture, mask


def features_of(program, paths):
    """Of each picture, for each of its sizes, an array of rows, columns and features."""
    raw = subprocess.run([program], input="\n".join(map(str, paths)).encode(), capture_output=True, check=True).stdout
    at, pictures = 0, []
    for _ in paths:
        (sizes,) = struct.unpack_from("<I", raw, at)
        at += 4
        picture = []
        for _ in range(sizes):
            across, down = struct.unpack_from("<II", raw, at)
            at += 8
            picture.append(np.frombuffer(raw, np.float32, across * down * FEATURES, at).reshape(down, across, FEATURES))
            at += 4 * across * down * FEATURES
        pictures.append(picture)
    return pictures


def share(mask, size, down, across):
    """How much of each window is set."""
    values = np.array(mask.resize(size, Image.BOX)).astype(float) / 255
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    y, x = np.arange(down) * CELL, np.arange(across) * CELL
    height, width = DOWN * CELL, ACROSS * CELL
    return (sums[np.ix_(y + height, x + width)] - sums[np.ix_(y, x + width)] - sums[np.ix_(y + height, x)]
            + sums[np.ix_(y, x)]) / (width * height)


def expanded(values):
    first, second = np.triu_indices(FEATURES)
    return np.concatenate([values, values[:, first] * values[:, second], np.ones((len(values), 1))], 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("weights", type=Path)
    parser.add_argument("--photos", nargs="+", required=True)
    args = parser.parse_args()
    rng, noise = random.Random(7), np.random.default_rng(0)
    photos = [path for folder in args.photos for path in sorted(Path(folder).glob("*.jpg"))]
    rng.shuffle(photos)
    with tempfile.TemporaryDirectory() as folder:
        paths, masks = [], []
        for at, photo in enumerate(photos[:PICTURES]):
            picture, mask = drawn(rng, photo, at)
            paths.append(Path(folder) / f"{at:03}.jpg")
            masks.append(mask)
            picture.save(paths[-1], quality=rng.randint(60, 95))
        pictures = features_of(args.program, paths)
    text, none = [], []
    for mask, sizes in zip(masks, pictures):
        scale = min(1, LONGER / max(mask.size))
        for halved, features in enumerate(sizes):
            size = tuple(max(1, round(side * scale) >> halved) for side in mask.size)
            down, across, _ = features.shape
            ink = share(mask.point(lambda level: 255 if level == 255 else 0), size, down, across)
            drawn_on = share(mask.point(lambda level: 255 if level > 0 else 0), size, down, across)
            text.append(features[ink > 0.55])
            other = features[drawn_on < 0.01]
            none.append(other[noise.permutation(len(other))[:400]])
    text, none = np.concatenate(text), np.concatenate(none)
    text = text[noise.permutation(len(text))[:60_000]]
    values = np.concatenate([text, none]).astype(float)
    is_text = np.r_[np.ones(len(text)), np.zeros(len(none))]
    worth = np.r_[np.full(len(text), 0.5 / len(text)), np.full(len(none), 0.5 / len(none))]
    mean, deviation = values.mean(0), values.std(0) + 1e-6
    terms = expanded(((values - mean) / deviation).clip(-MOST, MOST))
    weights = np.zeros(terms.shape[1])
    for _ in range(12):
        likely = 1 / (1 + np.exp(-(terms @ weights).clip(-30, 30)))
        slope = terms.T @ (worth * (likely - is_text)) + 1e-5 * weights
        curve = (terms * (worth * likely * (1 - likely))[:, None]).T @ terms + 1e-5 * np.eye(len(weights))
        weights -= np.linalg.solve(curve, slope)
    scores = terms @ weights
    limit = np.quantile(scores[len(text):], 0.99)
    print(f"{len(text)} windows with text, {len(none)} without; above 99 % of those without: {(scores[:len(text)] > limit).mean():.3f}")
    args.weights.write_text(module(mean, 1 / deviation, weights))


def module(mean, scale, weights):
    def numbers(values):
        rows = [", ".join(f"{value:.4f}" for value in values[at:at + 10]) for at in range(0, len(values), 10)]
        return "".join(f"    {row},\n" for row in rows)

    single, pairs, constant = weights[:FEATURES], weights[FEATURES:-1], weights[-1]
    return f"""//! How much a window is like text: a quadratic form of its features. Made by `benches/compare/may_hold_text.py`.

use super::windows::FEATURES;

/// The logarithm of the odds that a window is of text, were half of all windows.
pub(super) fn likeness(features: &[f32; FEATURES]) -> f32 {{
    let mut values = [0.0; FEATURES];
    for (number, value) in values.iter_mut().enumerate() {{
        *value = ((features[number] - MEANS[number]) * SCALES[number]).clamp(-MOST, MOST);
    }}
    let mut sum = CONSTANT;
    let mut pairs = PAIRS.iter();
    for (number, value) in values.iter().enumerate() {{
        sum += SINGLE[number] * value;
        // In this order, no weight is taken and lost where the values end.
        for (other, weight) in values[number..].iter().zip(pairs.by_ref()) {{
            sum += weight * value * other;
        }}
    }}
    sum
}}

/// Features are this many standard deviations from their mean at most.
const MOST: f32 = {MOST}.0;

const CONSTANT: f32 = {constant:.4f};

#[rustfmt::skip]
const MEANS: [f32; FEATURES] = [
{numbers(mean)}];

/// One divided by the standard deviations.
#[rustfmt::skip]
const SCALES: [f32; FEATURES] = [
{numbers(scale)}];

#[rustfmt::skip]
const SINGLE: [f32; FEATURES] = [
{numbers(single)}];

/// Of each feature with itself and all that come after it.
#[rustfmt::skip]
const PAIRS: [f32; FEATURES * (FEATURES + 1) / 2] = [
{numbers(pairs)}];
"""


if __name__ == "__main__":
    main()
