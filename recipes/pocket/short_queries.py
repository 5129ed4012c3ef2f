#!/usr/bin/env python3
"""Measures how well a model answers what people type: single words and pairs of words.

    python3 recipes/pocket/short_queries.py target/release/clip-search ../shared/data [MODEL]

Needs nothing but Python and the built program. The queries are the words, and the pairs of adjacent words, of captions
that training left out: Flickr8k's dev set, and COCO's photos with five captions. Right answers to a query are the photos
of which a caption says it (plural and singular count as one). Words that say nothing about a picture are no queries, nor is
what is said of fewer than three photos or of more than a fifth of them. Prints mean average precision, and how many of the
right answers are among the first ten (of at most ten).
"""
import csv
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from measure import embed, left_out_captions

FEWEST, LARGEST_SHARE, SHORTEST = 3, 0.2, 3
SILENT = set(
    """a an and are as at be been being by for from has have her hers him his i in into is it its itself of off on onto or
    our out over she he that the their them they this these those through to too two three four up down was were what
    when where which while who whose will with without under near next other another others some several many one ones
    both each very there around behind front beside between across along against away back about after before toward
    towards together top side sides inside outside all if not no can do does doing just only than then so like left right
    background foreground middle something someone""".split()
)


def words(caption: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)?", caption.lower().replace("'s", ""))


def singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")) else word


def says(word: str) -> bool:
    return word not in SILENT and len(word) >= SHORTEST


def queries(captions: list[tuple[str, str]]) -> dict[str, set[str]]:
    """The photos that each query is right about, by the query in its most frequent form; `captions`: photo and caption."""
    photos, forms = defaultdict(set), defaultdict(Counter)
    for photo, caption in captions:
        said = words(caption)
        for at in range(len(said)):
            for parts in {tuple(said[at : at + 1]), tuple(said[at : at + 2])}:
                if all(map(says, parts)):
                    key = " ".join([*parts[:-1], singular(parts[-1])])
                    photos[key].add(photo)
                    forms[key][" ".join(parts)] += 1
    most = LARGEST_SHARE * len({photo for photo, _ in captions})
    return {forms[key].most_common(1)[0][0]: found for key, found in photos.items() if FEWEST <= len(found) <= most}


def measure(program: str, model: list[str], captions: Path, images: Path) -> tuple[int, float, float]:
    """Number of queries, mean average precision and recall among the first ten, both in percent."""
    with open(captions, newline="") as source:
        pairs = [(row["image"], row["caption"]) for row in csv.DictReader(source)]
    photos = list(dict.fromkeys(photo for photo, _ in pairs))
    right = queries(pairs)
    photo_rows = embed(program, model, "image", [str(images / photo) for photo in photos])
    precision = found_share = 0.0
    for query, row in zip(right, embed(program, model, "text", list(right))):
        scores = {photo: sum(a * b for a, b in zip(row, other)) for photo, other in zip(photos, photo_rows)}
        ranked = sorted(photos, key=scores.get, reverse=True)
        hits = [rank for rank, photo in enumerate(ranked, 1) if photo in right[query]]
        precision += sum(found / rank for found, rank in enumerate(hits, 1)) / len(hits)
        found_share += sum(rank <= 10 for rank in hits) / min(10, len(hits))
    return len(right), 100 * precision / len(right), 100 * found_share / len(right)


def main() -> None:
    program, data = sys.argv[1], Path(sys.argv[2])
    model = ["--model", sys.argv[3]] if len(sys.argv) > 3 else []
    with left_out_captions(data) as (captions, folder):
        sets = (
            ("Flickr8k dev", data / "captions8k/dev.csv", data / "captions8k/images"),
            ("left-out COCO photos", Path(captions), folder),
        )
        for name, csv_file, images in sets:
            count, precision, recall = measure(program, model, csv_file, images)
            print(
                f"{name}, {count} short queries: mean average precision {precision:.1f} %,"
                f" {recall:.1f} % of the right photos among the first ten",
                flush=True,
            )


if __name__ == "__main__":
    main()
