#!/usr/bin/env python3
"""What words in names and keywords add to meaning, with `pocket`, as the program does it.

    python3 -m venv env && env/bin/pip install numpy pillow
    env/bin/python benches/compare/fusion.py target/release/clip-search ../shared/data [--queries N]

Each of the 1,000 photos of Flickr8k dev gets a file name and keywords (EXIF) made of words of two of its captions, and is asked for
by a third one, or by that one's first two words. Libraries in which all photos have names and keywords, only one of them, only
three of ten have them, or those of another photo.
"""

import argparse
import csv
import json
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

STOP = set(
    "a an the of in on at to and or with without by for from is are was were be being it its as that this these those there "
    "their his her my our your he she they we i you them up down out over into some who which while has have having not no photo "
    "photos picture pictures image images photograph photographs".split()
)
XP_KEYWORDS = 0x9C9E


def content(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in STOP and len(word) > 1]


def library(kind, captions, images, folder: Path, draw) -> tuple[list[str], list[str]]:
    """Writes photos with names and keywords; gives the names and, for each photo, the caption that asks for it."""
    photos, names, asked = list(captions), [], []
    for at, photo in enumerate(photos):
        asks, first, second = (captions[photo][k] for k in draw.permutation(len(captions[photo]))[:3])
        if kind == "misleading":
            other = captions[photos[draw.integers(len(photos))]]
            first, second = other[0], other[1]
        has = kind != "some" or draw.random() < 0.3
        words = content(first)[:4] if has and kind in ("both", "names", "some", "misleading") else []
        keywords = list(draw.permutation(content(second))[:3]) if has and kind in ("both", "keywords", "some", "misleading") else []
        name = "_".join([*words, f"{at}"]) + ".jpg"
        picture = Image.open(images / photo)
        exif = Image.Exif()
        if keywords:
            exif[XP_KEYWORDS] = (";".join(keywords) + "\0").encode("utf-16-le")
        picture.save(folder / name, quality="keep", exif=exif)
        names.append(name)
        asked.append(asks)
    return names, asked


def rank(program, index, text, name, options) -> int:
    command = [program, "--index", index, "query", "--json", "-n", "10", "--no-cache", *options, "--literal", text]
    lines = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()
    for line in lines:
        hit = json.loads(line)
        if hit["path"].endswith("/" + name):
            return hit["rank"]
    return 11


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    parser.add_argument("--queries", type=int, default=300, help="of each kind (default 300)")
    arguments = parser.parse_args()
    captions: dict[str, list[str]] = {}
    with open(arguments.data / "captions8k/dev.csv", newline="", encoding="utf-8") as source:
        for row in csv.DictReader(source):
            captions.setdefault(row["image"], []).append(row["caption"].strip())
    print(f"{'library':12} {'queries':10} {'':>6} {'recall@1':>9} {'recall@10':>9}")
    for kind in ("both", "names", "keywords", "some", "misleading"):
        draw = np.random.default_rng(1)
        with tempfile.TemporaryDirectory() as place:
            folder, index = Path(place, "photos"), str(Path(place, "index"))
            folder.mkdir()
            names, asked = library(kind, captions, arguments.data / "captions8k/images", folder, draw)
            subprocess.run([arguments.program, "--index", index, "index", "-q", str(folder)], check=True)
            some = draw.permutation(len(names))[: arguments.queries]
            for queries in ("captions", "two words"):
                for fusion in ("off", "ranks", "scores"):
                    ranks = []
                    for at in some:
                        text = asked[at] if queries == "captions" else " ".join(content(asked[at])[:2])
                        ranks.append(rank(arguments.program, index, text, names[at], ["--fusion", fusion]))
                    found = np.array(ranks)
                    print(
                        f"{kind:12} {queries:10} {fusion:>6} {100 * (found <= 1).mean():9.1f} {100 * (found <= 10).mean():9.1f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
