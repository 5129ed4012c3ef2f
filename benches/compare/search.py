#!/usr/bin/env python3
"""What correcting hubs gains, with the bank of texts as shipped.

    python3 -m venv env && env/bin/pip install numpy
    env/bin/python benches/compare/search.py target/release/clip-search ../shared/data

Recall of captions of photos that `pocket` was not trained on is measured by `eval`, which corrects scores as `query` does.
Names of things are searched for among photos of things: mean average precision over the names that training left out, and
over the others. A name is the whole query, or follows "a photo of a".
"""

import csv
import random
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "../../recipes/pocket"))
import measure  # noqa: E402  (it lies beside the recipe)

ROWS = HERE / "../../crates/search/src/bank/pocket.rows"
CAPTIONS = HERE / "../../crates/clip-query/src/bank/captions.txt"
# As in crates/clip-query/src/bank/mod.rs, for queries of up to three words.
SHARE = 0.7
NEIGHBOURS = 16
PHOTOS = 1_132


def embed(program: str, kind: str, inputs: list[str]) -> np.ndarray:
    return np.asarray(measure.embed(program, [], kind, inputs), dtype=np.float32)


def phrases() -> np.ndarray:
    """The embeddings of the bank's phrases."""
    table = np.frombuffer(ROWS.read_bytes(), dtype=np.uint8).reshape(-1, 4 + 384)
    rows = table[:, 4:].view(np.int8).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[len(CAPTIONS.read_text().splitlines()) :]


def show(name: str, report: dict) -> None:
    for label, key in (("plain", "text_to_image"), ("corrected", "text_to_image_corrected")):
        figures = " / ".join(f"{report[key][k]:.1f}" for k in ("r1", "r5", "r10"))
        print(f"{name:28} {label:10} {figures}", flush=True)


def precision(scores: np.ndarray, right: np.ndarray) -> float:
    hits = right[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def main() -> None:
    program, data = sys.argv[1], Path(sys.argv[2])
    show("Flickr8k dev", measure.recall(program, [], data / "captions8k/dev.csv", data / "captions8k/images"))
    with measure.left_out_captions(data) as (captions, folder):
        show("182 photos of COCO", measure.recall(program, [], captions, folder))

    labelled = measure.photo_sets()["labelled-more/train.csv"]
    unseen = set(labelled["leave_out_labels"])
    of_label = defaultdict(list)
    with open(data / labelled["csv"], newline="") as source:
        for row in csv.DictReader(source):
            of_label[row["label"]].append(str(data / labelled["images"] / row["image"]))
    pairs = [(label, path) for label in sorted(unseen) for path in of_label[label]]
    others = [(label, path) for label in sorted(set(of_label) - unseen) for path in of_label[label]]
    pairs += random.Random(1).sample(others, PHOTOS - len(pairs))
    images = embed(program, "image", [path for _, path in pairs])
    bank = phrases()
    nearest = np.partition(images @ bank.T, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
    bias = SHARE * nearest.mean(axis=1)
    labels = sorted({label for label, _ in pairs})
    right = {label: np.array([own == label for own, _ in pairs]) for label in labels}
    for prompt in ("{}", "a photo of a {}"):
        texts = embed(program, "text", [prompt.format(label) for label in labels])
        for name, chosen in (("unseen", unseen), ("trained", set(labels) - unseen)):
            for kind, less in (("plain", 0), ("corrected", bias)):
                values = [precision(images @ text - less, right[label]) for label, text in zip(labels, texts) if label in chosen]
                print(f"{prompt.format('NAME'):16} {name:11} {kind:10} {100 * np.mean(values):.1f}", flush=True)


if __name__ == "__main__":
    main()
