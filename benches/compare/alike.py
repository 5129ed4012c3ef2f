#!/usr/bin/env python3
"""How alike changed copies of a photo are, and photos that have nothing to do with one another: the limits of `--collapse`.

    python3 -m venv env && env/bin/pip install numpy pillow
    env/bin/python benches/compare/alike.py target/release/clip-search ../shared/data

Changes 150 photos of Flickr8k dev, whose shorter sides are 224 pixels, and compares embeddings by `pocket`.
"""

import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

# As in crates/clip-query/src/likeness.rs, for photos without a hash.
SAME_PICTURE, SAME_MOMENT = 0.9, 0.75
CHANGED = 150


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = picture.size
    return picture.crop((int(width * left), int(height * top), int(width * right), int(height * bottom)))


CHANGES = {
    "compressed to quality 40": lambda picture: picture,
    "95 % of width and height": lambda picture: cropped(picture, 0.025, 0.025, 0.975, 0.975),
    "85 % of width and height": lambda picture: cropped(picture, 0.1, 0.05, 0.95, 0.9),
    "moved by 8 % and 5 %": lambda picture: cropped(picture, 0.08, 0.0, 1.0, 0.95),
    "a quarter brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.25),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "scaled to a shorter side of 300": lambda picture: ImageOps.scale(picture, 300 / min(picture.size)),
    "scaled to a shorter side of 112": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "without colour": lambda picture: picture.convert("L").convert("RGB"),
}


def embed(program: str, files: list[str]) -> np.ndarray:
    rows = []
    for start in range(0, len(files), 500):
        command = [program, "embed", "--json", *(f"--image={file}" for file in files[start : start + 500])]
        lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        rows += [json.loads(line)["embedding"] for line in lines]
    return np.asarray(rows, dtype=np.float32)


def shares(program: str, files: list[str], photos: np.ndarray, limit: float) -> dict[str, float]:
    found = {}
    for name, change in CHANGES.items():
        with tempfile.TemporaryDirectory() as folder:
            copies = [f"{folder}/{at}.jpg" for at in range(len(files))]
            for file, copy in zip(files, copies):
                change(Image.open(file).convert("RGB")).save(copy, quality=40 if "40" in name else 90)
            found[name] = float(((embed(program, copies) * photos).sum(1) >= limit).mean())
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    arguments = parser.parse_args()
    with open(arguments.data / "captions8k/dev.csv", newline="", encoding="utf-8") as source:
        names = sorted({row["image"] for row in csv.DictReader(source)})
    files = [str(arguments.data / "captions8k/images" / name) for name in names]
    photos = embed(arguments.program, files)
    by_lot = float((photos.mean(0) ** 2).sum())
    limit, moment = (by_lot + far * (1 - by_lot) for far in (SAME_PICTURE, SAME_MOMENT))
    print(f"two photos by lot {by_lot:.3f}, same picture {limit:.3f}, same moment {moment:.3f}")
    pairs = np.triu(photos @ photos.T, 1)
    print(f"{len(files)} photos: {(pairs >= limit).sum()} pairs are the same picture, {(pairs >= moment).sum()} may be of a moment")
    small = shares(arguments.program, files[:CHANGED], photos[:CHANGED], limit)
    print(f"copies of {CHANGED} photos that are the same picture")
    for name in CHANGES:
        print(f"{name:34} {100 * small[name]:6.0f} %")


if __name__ == "__main__":
    main()
