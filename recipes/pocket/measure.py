#!/usr/bin/env python3
"""Measures a model on what training left out: photos with five COCO captions, and labels it never saw.

    python3 recipes/pocket/measure.py target/release/clip-search ../shared/data [MODEL]

Needs nothing but Python and the built program. Prints recall on the left-out captions, and how often the right
label comes first, and among the first five, of all labels: over the labels left out of training, and over a sample
of those trained on.
"""
import csv
import json
import random
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPLATE = "a photo of a {}"


def photo_sets() -> dict:
    """What the recipe says of each set of photos, by the path of its CSV file."""
    recipe = tomllib.loads((Path(__file__).parent / "pocket.toml").read_text())
    return {entry["csv"]: entry for entry in recipe["photos"]}


@contextmanager
def left_out_captions(data: Path) -> Iterator[tuple[str, Path]]:
    """A CSV file of the captions that training left out, and the folder of their photos."""
    captions = photo_sets()["captions-more/train.csv"]
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="") as kept:
        writer = csv.writer(kept)
        writer.writerow(("image", "caption"))
        with open(data / captions["csv"], newline="") as source:
            for row in csv.DictReader(source):
                if row["image"].startswith(tuple(captions["leave_out"])):
                    writer.writerow((row["image"], row["caption"]))
        kept.flush()
        yield kept.name, data / captions["images"]


def recall(program: str, model: list[str], captions: str | Path, images: Path) -> dict:
    """What `eval` reports."""
    command = [program, "eval", *model, "--captions", captions, "--images", images, "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def embed(program: str, model: list[str], kind: str, inputs: list[str]) -> list[list[float]]:
    rows = []
    for start in range(0, len(inputs), 500):
        # One word each: a value may begin with a dash.
        arguments = [f"--{kind}={value}" for value in inputs[start : start + 500]]
        out = subprocess.run(
            [program, "embed", *model, "--json", *arguments], check=True, capture_output=True, text=True
        ).stdout
        rows += [json.loads(line)["embedding"] for line in out.splitlines()]
    return rows


def rank(scores: list[float], right: int) -> int:
    return 1 + sum(score > scores[right] for score in scores)


def main() -> None:
    program, data = sys.argv[1], Path(sys.argv[2])
    model = ["--model", sys.argv[3]] if len(sys.argv) > 3 else []
    with left_out_captions(data) as (captions, folder):
        report = recall(program, model, captions, folder)
    print("left-out COCO photos:", json.dumps(report))

    labelled = photo_sets()["labelled-more/train.csv"]
    photos = defaultdict(list)
    with open(data / labelled["csv"], newline="") as source:
        for row in csv.DictReader(source):
            photos[row["label"]].append(str(data / labelled["images"] / row["image"]))
    labels = sorted(photos)
    texts = embed(program, model, "text", [TEMPLATE.format(label) for label in labels])
    unseen = set(labelled["leave_out_labels"])
    random.seed(1)
    for name, chosen in (("unseen", unseen), ("trained", set(random.sample(sorted(set(labels) - unseen), 40)))):
        pairs = [(label, path) for label in sorted(chosen) for path in photos[label]]
        images = embed(program, model, "image", [path for _, path in pairs])
        ranks = []
        for (label, _), image in zip(pairs, images):
            scores = [sum(a * b for a, b in zip(image, text)) for text in texts]
            ranks.append(rank(scores, labels.index(label)))
        first, five = (100 * sum(r <= k for r in ranks) / len(ranks) for k in (1, 5))
        print(
            f"{len(ranks)} photos of {len(chosen)} {name} labels: first of {len(labels)} in {first:.1f} %,"
            f" among the first five in {five:.1f} %"
        )


if __name__ == "__main__":
    main()
