#!/usr/bin/env python3
"""What `query --diverse` costs in recall and gains in variety.

    python3 -m venv env && env/bin/pip install numpy
    env/bin/python benches/compare/diverse.py target/release/clip-search ../shared/data [--cache DIR] [--queries N]

Captions of Flickr8k's dev set are searched for among its 1,000 photos, and names of things among 1,132 pictures of 261 things. For
each share of a standard deviation that a result loses for showing the same as an earlier one: recall@10 of captions (for names, the
share of the first ten that show the thing), the mean similarity of the first ten to one another, and how many different things
and how many near duplicates are among them. Then the program itself answers some of the queries, with and without `--diverse`.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
import relevance  # noqa: E402  (it lies beside this file)

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0)
# As in crates/clip-query/src/diverse.rs.
REORDERED, SHIPPED = 100, 0.8
FIRST = 10


def order(scores: np.ndarray, rows: np.ndarray, deviation: float, by_lot: float, share: float) -> np.ndarray:
    """The best by maximal marginal relevance, as the program chooses them."""
    best = np.argsort(-scores, kind="stable")[:REORDERED]
    far = np.clip((rows[best] @ rows[best].T - by_lot) / (1 - by_lot), 0, 1)
    value, likeness, chosen, left = scores[best] / deviation, np.zeros(len(best)), [], list(range(len(best)))
    while len(chosen) < FIRST and left:
        next_ = max(left, key=lambda at: (value[at] - share * likeness[at], -at))
        left.remove(next_)
        chosen.append(next_)
        likeness = np.maximum(likeness, far[next_])
    return best[chosen]


def within(rows: np.ndarray) -> float:
    """The mean similarity of different results."""
    dots = rows @ rows.T
    return float((dots.sum() - np.trace(dots)) / (len(rows) * (len(rows) - 1)))


def adjusted(photos: np.ndarray, texts: np.ndarray, words: list[str]) -> np.ndarray:
    bank = relevance.bank()
    captions, phrases = relevance.hubness(photos, bank[0]), relevance.hubness(photos, bank[1])
    phrase = np.array([relevance.phrase_weight(text) for text in words])[:, None]
    return (
        texts @ photos.T
        - (1 - phrase) * relevance.SHARE_OF_CAPTIONS * captions
        - phrase * relevance.SHARE_OF_PHRASES * phrases
    )


def report(name: str, photos: np.ndarray, scores: np.ndarray, right) -> None:
    """`right` says of a query which of its results are right."""
    by_lot = float((photos.mean(0) ** 2).sum())
    print(f"{name}: {len(scores)} queries, {len(photos)} photos; two by lot have a similarity of {by_lot:.2f}")
    for share in SHARES:
        found, similar, pairs = [], [], []
        for query, row in enumerate(scores):
            first = order(row, photos, row.std(), by_lot, share)
            found.append(right(query, first))
            similar.append(within(photos[first]))
            dots = photos[first] @ photos[first].T
            pairs.append((np.triu(dots, 1) > by_lot + 0.75 * (1 - by_lot)).sum())
        mark = "  as shipped" if share == SHIPPED else ""
        print(
            f"  share {share:.1f}: right {100 * np.mean(found):5.1f} %, similarity {np.mean(similar):.3f},"
            f" pairs alike as shots of a moment are {np.mean(pairs):.3f}{mark}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings between runs")
    parser.add_argument("--queries", type=int, default=200, help="how many the program itself answers")
    arguments = parser.parse_args()
    if arguments.cache:
        arguments.cache.mkdir(parents=True, exist_ok=True)
    program, data = relevance.Program(arguments.program, arguments.cache), arguments.data

    rows = relevance.read(data / "captions8k/dev.csv")
    names = sorted({row["image"] for row in rows})
    place = {name: at for at, name in enumerate(names)}
    words, own = [row["caption"].strip() for row in rows], [place[row["image"]] for row in rows]
    photos = program.embed("image", [str(data / "captions8k/images" / name) for name in names])
    scores = adjusted(photos, program.embed("text", words), words)
    report("captions", photos, scores, lambda query, first: own[query] in first)

    with open(data / "labelled-more/train.csv", newline="", encoding="utf-8") as source:
        labelled = list(csv.DictReader(source))
    labels = sorted({row["label"] for row in labelled})
    draw = np.random.default_rng(1)
    labelled = [labelled[at] for at in sorted(draw.choice(len(labelled), 1_132, replace=False))]
    shown = np.array([labels.index(row["label"]) for row in labelled])
    things = program.embed("image", [str(data / "labelled-more/images" / row["image"]) for row in labelled])
    kept = sorted(set(shown))
    of_name = adjusted(things, program.embed("text", labels)[kept], [labels[k] for k in kept])
    report("names", things, of_name, lambda query, first: (shown[first] == kept[query]).mean())

    with tempfile.TemporaryDirectory() as folder:
        index = str(Path(folder) / "index")
        chosen = [str(data / "captions8k/images" / name) for name in names]
        only = Path(folder) / "photos"
        only.mkdir()
        for path in chosen:
            (only / Path(path).name).symlink_to(Path(path).resolve())
        subprocess.run([program.path, "--index", index, "--quiet", "index", str(only)], check=True)
        queries = [int(at) for at in np.linspace(0, len(words) - 1, arguments.queries)]
        for options in ([], ["--diverse"]):
            found, similar = [], []
            for query in queries:
                command = [program.path, "--index", index, "query", "--json", "--literal", "--fusion", "off", "--no-cache"]
                command += [*options, words[query]]
                output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                first = [place[Path(json.loads(line)["path"]).name] for line in output.splitlines()]
                found.append(own[query] in first)
                similar.append(within(photos[first]))
            print(
                f"the program {' '.join(options) or 'without'}: {len(queries)} captions, recall@10 {100 * np.mean(found):.1f} %,"
                f" similarity {np.mean(similar):.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
