#!/usr/bin/env python3
"""Compares recall through `index` and `query --exact` with recall through `eval`, on the same photos and captions.

    python3 tests/golden/query_against_eval.py target/release/clip-search CAPTIONS.csv IMAGES SCRATCH [--captions N]

Every photo of the CSV is indexed; N captions drawn at random are asked one by one, and the rank of each one's own photo
among the first ten is what a user would count. The same captions' ranks are then computed from `embed`, whose vectors
are those that `eval` ranks, and must agree; so must `eval`'s own recall, if all captions are asked. Needs nothing but
Python and the built program. Exit status 0 if all agree.
"""
import argparse
import csv
import json
import random
import subprocess
import sys
from pathlib import Path


def lines(*command: object) -> list[dict]:
    out = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def embed(program: str, kind: str, inputs: list[str]) -> list[list[float]]:
    rows = []
    for start in range(0, len(inputs), 500):
        words = [word for value in inputs[start : start + 500] for word in (f"--{kind}", value)]
        rows += [line["embedding"] for line in lines(program, "embed", "--json", *words)]
    return rows


def recall(ranks: list[int]) -> dict[str, float]:
    return {f"r{k}": 100 * sum(rank <= k for rank in ranks) / len(ranks) for k in (1, 5, 10)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("captions_csv", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--captions", type=int)
    args = parser.parse_args()
    with open(args.captions_csv, newline="") as source:
        pairs = [(row["image"], row["caption"].strip()) for row in csv.DictReader(source)]
    names = sorted({image for image, _ in pairs})

    library = args.scratch / "photos"
    library.mkdir(parents=True, exist_ok=True)
    for name in names:
        link = library / name
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            # A hard link or a copy would do as well; the index follows links and shows the target's path.
            link.symlink_to((args.images / name).resolve())
    index = args.scratch / "index"
    report = lines(args.program, "index", library, "--index", index, "--json")[-1]
    print("index:", {key: report[key] for key in ("indexed", "unchanged", "skipped")})

    random.seed(1)
    asked = random.sample(pairs, args.captions) if args.captions else pairs
    by_query = []
    for image, caption in asked:
        found = lines(args.program, "query", "--exact", "--json", "-n", 10, "--index", index, "--", caption)
        paths = [Path(hit["path"]).name for hit in found]
        by_query.append(paths.index(Path(image).name) + 1 if Path(image).name in paths else 11)

    photos = embed(args.program, "image", [str(args.images / name) for name in names])
    texts = embed(args.program, "text", [caption for _, caption in asked])
    by_embed = []
    for (image, _), text in zip(asked, texts):
        scores = [sum(a * b for a, b in zip(photo, text)) for photo in photos]
        right = scores[names.index(image)]
        by_embed.append(min(11, 1 + sum(score > right for score in scores)))

    print(f"{len(asked)} captions through query:", recall(by_query))
    print(f"{len(asked)} captions through embed:", recall(by_embed))
    differing = sum(a != b for a, b in zip(by_query, by_embed))
    print(f"ranks that differ: {differing} of {len(asked)}")
    [report] = lines(args.program, "eval", "--captions", args.captions_csv, "--images", args.images, "--json")
    print("eval over all captions:", report["text_to_image"])
    agrees = differing == 0
    if args.captions is None:
        agrees &= all(abs(report["text_to_image"][key] - value) < 0.01 for key, value in recall(by_query).items())
    sys.exit(0 if agrees else 1)


if __name__ == "__main__":
    main()
