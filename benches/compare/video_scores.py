#!/usr/bin/env python3
"""By what a video should be found: its best frame, the mean of its frames, or a mean weighted by how well they answer.

    python3 -m venv env && env/bin/pip install numpy
    env/bin/python benches/compare/video_scores.py target/release/clip-search ../shared/data/captions8k/dev.csv

Makes clips of captioned photos (CSV with the columns `image,caption`, photos in `images/` beside it): one to nine scenes of two to five
seconds each, seen by a camera that moves. Indexes them with the built-in model and asks for each caption. What is right is the clip that
shows the photo. Needs ffmpeg.
"""

import argparse
import csv
import json
import random
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

# As many texts in one call of the program.
AT_ONCE = 500
TEMPERATURES = (0.01, 0.02, 0.05, 0.1, 0.3)


def read_captions(table: Path) -> dict[str, list[str]]:
    captions = defaultdict(list)
    with table.open(newline="") as file:
        for row in csv.DictReader(file):
            captions[row["image"]].append(row["caption"])
    return captions


def make_clips(photos: list[Path], folder: Path, chance: random.Random, most: int) -> dict[str, int]:
    """Makes clips that have each photo once; which photo is in which."""
    clip_of, clips, left = {}, 0, list(photos)
    while left:
        count = chance.randint(1, most)
        own, left = left[:count], left[count:]
        text = ""
        for photo in own:
            clip_of[photo.name] = clips
            text += f"file '{photo}'\nduration {chance.randint(4, 10) / 2}\n"
        # The demuxer forgets the duration of the last one otherwise.
        text += f"file '{own[-1]}'\n"
        listing = folder.parent / "list.txt"
        listing.write_text(text)
        moves = "fps=10,scale=224:224,crop=200:200:x='12+12*sin(t/2)':y='12+12*cos(t/3)',format=yuv420p"
        source = ["-f", "concat", "-safe", "0", "-i", str(listing)]
        encode = ["-vf", moves, "-c:v", "libx264", "-preset", "ultrafast", str(folder / f"{clips:04}.mp4")]
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *source, *encode], check=True)
        clips += 1
    return clip_of


def embed(program: str, texts: list[str]) -> np.ndarray:
    rows = []
    for at in range(0, len(texts), AT_ONCE):
        # A dash at the beginning would be another option.
        run = [program, "embed", "--json", *(f"--text={text}" for text in texts[at : at + AT_ONCE])]
        out = subprocess.run(run, check=True, stdout=subprocess.PIPE, text=True).stdout
        rows += [json.loads(line)["embedding"] for line in out.splitlines()]
    return np.array(rows, dtype=np.float32)


def weighted(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Of each query, a mean of scores with softmax weights."""
    weights = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    return (weights * scores).sum(axis=1) / weights.sum(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("captions", type=Path)
    parser.add_argument("--photos", type=int, default=1000, help="how many photos (default: 1000)")
    parser.add_argument("--most-scenes", type=int, default=9, help="the most scenes of a clip (default: 9)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    captions = read_captions(options.captions)
    images = options.captions.parent / "images"
    photos = [(images / name).resolve() for name in sorted(captions)]
    chance.shuffle(photos)
    photos = photos[: options.photos]
    with tempfile.TemporaryDirectory() as scratch:
        folder, index, export = Path(scratch, "clips"), Path(scratch, "index"), Path(scratch, "export")
        folder.mkdir()
        clip_of = make_clips(photos, folder, chance, options.most_scenes)
        subprocess.run([options.program, "--index", str(index), "index", "--quiet", str(folder)], check=True)
        subprocess.run([options.program, "--index", str(index), "export", str(export)], check=True, capture_output=True)
        vectors = np.load(export / "embeddings.npy")
        items = [json.loads(line) for line in (export / "items.ndjson").read_text().splitlines()]
    clip = np.array([int(Path(item["path"]).stem) for item in items])
    clips = int(clip.max()) + 1
    texts, right = [], []
    for photo in photos:
        texts += captions[photo.name]
        right += [clip_of[photo.name]] * len(captions[photo.name])
    queries, right = embed(options.program, texts), np.array(right)
    scores = queries @ vectors.T
    methods = {"best frame": lambda own: own.max(axis=1), "mean of frames": lambda own: own.mean(axis=1)}
    for temperature in TEMPERATURES:
        methods[f"weighted mean, temperature {temperature}"] = lambda own, t=temperature: weighted(own, t)
    print(f"{clips} clips, {len(items)} frames, {len(texts)} captions of {len(photos)} photos")
    for name, method in methods.items():
        of_clips = np.stack([method(scores[:, clip == number]) for number in range(clips)], axis=1)
        better = (of_clips > of_clips[np.arange(len(right)), right][:, None]).sum(axis=1)
        print(f"{name:32} recall@1 {np.mean(better < 1):.3f}  @5 {np.mean(better < 5):.3f}  @10 {np.mean(better < 10):.3f}")


if __name__ == "__main__":
    main()
