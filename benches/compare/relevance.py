#!/usr/bin/env python3
"""How far the relevance of results can be trusted, and what the cut does: with `pocket`, the shipped bank and constants.

    python3 -m venv env && env/bin/pip install numpy scikit-learn
    env/bin/python benches/compare/relevance.py target/release/clip-search ../shared/data [--fit] [--cache DIR]

Libraries are put together from photos that `pocket` was not trained on, and half of what is asked for is not in them. Captions
have one right answer, their own photo; names of things have all photos with that label. Each set's photos are divided in two:
constants are fitted (`--fit` prints them) on one half, and the figures are those of the other.
"""

import argparse
import csv
import hashlib
import json
import re
import subprocess
import tomllib
from collections import defaultdict
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

HERE = Path(__file__).parent
ROWS = HERE / "../../crates/search/src/bank/pocket.rows"
CAPTIONS = HERE / "../../crates/clip-query/src/bank/captions.txt"
RECIPE = HERE / "../../recipes/pocket/pocket.toml"
# As in crates/clip-query/src/bank/mod.rs.
NEIGHBOURS, SHARE_OF_CAPTIONS, SHARE_OF_PHRASES = 16, 0.5, 0.7
PICTURES = set("photo picture image photograph close-up drawing painting sketch cartoon".split())
# Adjusted score, likeness to a phrase, logarithm of the photos searched (captions, phrases), logarithm of the place (captions), mean
# adjusted score of the query; and what is added.
WEIGHTS, CONSTANT = np.array([18.72, -2.13, -0.64, -0.24, -0.81, 9.86]), -0.31
MOST_PHOTOS = 5_000
CUT_OF_CAPTIONS, CUT_OF_PHRASES, PART_OF_BEST = 0.045, 0.03, 0.02
KEPT = 10
SETS = ("dev", "coco", "unseen", "imagenet", "seen", "names", "few")


def read(path: Path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def phrase_weight(text: str) -> float:
    words = [word for word in text.lower().split() if word not in ("a", "an", "the")]
    if len(words) > 1 and words[0] in PICTURES and words[1] == "of":
        words = words[2:]
    count = sum(len(re.findall(r"[^\W_]+", word)) for word in words)
    return min(max((6 - count) / 3, 0.0), 1.0)


class Program:
    def __init__(self, path: str, cache: Path | None):
        self.path, self.cache = path, cache

    def embed(self, kind: str, inputs: list[str]) -> np.ndarray:
        file = self.cache and self.cache / f"{hashlib.sha1(chr(10).join(inputs).encode()).hexdigest()[:10]}.npy"
        if file and file.exists():
            return np.load(file)
        rows = []
        for start in range(0, len(inputs), 1_000):
            arguments = [f"--{kind}={value}" for value in inputs[start : start + 1_000]]
            command = [self.path, "embed", "--json", *arguments]
            lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
            rows += [json.loads(line)["embedding"] for line in lines]
        table = np.asarray(rows, dtype=np.float32)
        if file:
            np.save(file, table)
        return table


def bank() -> tuple[np.ndarray, np.ndarray]:
    table = np.frombuffer(ROWS.read_bytes(), dtype=np.uint8).reshape(-1, 4 + 384)
    rows = table[:, 4:].view(np.int8).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    captions = len(CAPTIONS.read_text().splitlines())
    return rows[:captions], rows[captions:]


def hubness(photos: np.ndarray, texts: np.ndarray) -> np.ndarray:
    return np.partition(photos @ texts.T, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:].mean(1)


class Photos:
    """Photos with the id of what they show, and texts with the id of what they ask for."""

    def __init__(self, photos, shown, texts, words, asked, bank):
        self.photos, self.shown, self.texts, self.asked = photos, np.array(shown), texts, np.array(asked)
        self.captions, self.phrases = hubness(photos, bank[0]), hubness(photos, bank[1])
        self.phrase = np.array([phrase_weight(text) for text in words])


def names(photos, shown, of_name, bare, words, kept, bank) -> Photos:
    """A set of labelled photos, which is asked for by "a photo of a ..." and by bare names."""
    where = np.flatnonzero(np.isin(shown, kept))
    texts = np.vstack([of_name[kept], bare[kept]])
    spelled = [f"a photo of a {words[k]}" for k in kept] + [words[k] for k in kept]
    return Photos(photos[where], np.array(shown)[where], texts, spelled, list(kept) * 2, bank)


def load(program: Program, data: Path) -> tuple[dict[str, Photos], Photos]:
    recipe = {entry["csv"]: entry for entry in tomllib.loads(RECIPE.read_text())["photos"]}
    texts, sets = bank(), {}

    def captioned(rows, images):
        photos = sorted({row["image"] for row in rows})
        place = {name: at for at, name in enumerate(photos)}
        words = [row["caption"].strip() for row in rows]
        embedded = program.embed("image", [str(images / name) for name in photos])
        asked = [place[row["image"]] for row in rows]
        return Photos(embedded, range(len(photos)), program.embed("text", words), words, asked, texts)

    sets["dev"] = captioned(read(data / "captions8k/dev.csv"), data / "captions8k/images")
    held = tuple(recipe["captions-more/train.csv"]["leave_out"])
    more = read(data / "captions-more/train.csv")
    sets["coco"] = captioned([row for row in more if row["image"].startswith(held)], data / "captions-more/images")

    entry = recipe["labelled-more/train.csv"]
    left_out, of_label = set(entry["leave_out_labels"]), defaultdict(list)
    for row in read(data / entry["csv"]):
        of_label[row["label"]].append(row["image"])
    labels = sorted(of_label)
    pairs = [(k, image) for k, label in enumerate(labels) if label in left_out for image in of_label[label]]
    others = [(k, image) for k, label in enumerate(labels) if label not in left_out for image in of_label[label]]
    draw = np.random.default_rng(1)
    pairs += [others[at] for at in sorted(draw.choice(len(others), 1_132 - len(pairs), replace=False))]
    photos = program.embed("image", [str(data / "labelled-more/images" / image) for _, image in pairs])
    shown = [k for k, _ in pairs]
    of_name = program.embed("text", [f"a photo of a {label}" for label in labels])
    bare = program.embed("text", labels)
    unseen = [k for k, label in enumerate(labels) if label in left_out]
    seen = [k for k, label in enumerate(labels) if label not in left_out]
    for name, kept in (("unseen", unseen), ("seen", seen), ("names", range(len(labels)))):
        sets[name] = names(photos, shown, of_name, bare, labels, list(kept), texts)
    sets["few"] = sets["names"]

    files = sorted((data / "labelled1k").iterdir())
    files = [file for file in files if file.suffix.lower() in (".jpeg", ".jpg", ".png")]
    spelled = [" ".join(file.stem.split("_", 1)[1].replace("_", " ").split()) for file in files]
    things = sorted(set(spelled))
    first = [spelled.index(thing) for thing in things]
    photos = program.embed("image", [str(file) for file in files])
    of_name = program.embed("text", [f"a photo of a {name}" for name in spelled])[first]
    bare = program.embed("text", spelled)[first]
    shown = [things.index(name) for name in spelled]
    sets["imagenet"] = names(photos, shown, of_name, bare, things, list(range(len(things))), texts)

    # Photos that nobody asks for, to make libraries larger.
    trained = sorted({row["image"] for row in read(data / "captions8k/train.csv")})
    rest = sorted({row["image"] for row in more if not row["image"].startswith(held)})
    crowd = np.vstack([
        program.embed("image", [str(data / "captions8k/images" / name) for name in trained]),
        program.embed("image", [str(data / "captions-more/images" / name) for name in rest]),
    ])
    return sets, Photos(crowd, [-1] * len(crowd), sets["dev"].texts[:1], ["x"], [-2], texts)


def library(name, of, crowd, half, draw, size, queries, others=0, most=20) -> dict:
    """Results of queries in a library that holds half of what they ask for."""
    mine = draw.permutation(np.random.default_rng(7).permutation(np.unique(of.asked))[half::2])
    there = len(mine) // 2
    if name in ("dev", "coco"):
        there = min(there, size)
    seen, chosen = defaultdict(int), []
    for at in draw.permutation(np.flatnonzero(np.isin(of.shown, mine[:there]))):
        if seen[of.shown[at]] < most:
            seen[of.shown[at]] += 1
            chosen.append(at)
    chosen = np.array(chosen[:size])
    here, gone = set(of.shown[chosen].tolist()), set(mine[there:].tolist())
    extra = draw.permutation(len(crowd.photos))[:others]
    photos = np.vstack([of.photos[chosen], crowd.photos[extra]])
    captions = np.r_[of.captions[chosen], crowd.captions[extra]]
    phrases = np.r_[of.phrases[chosen], crowd.phrases[extra]]
    shown = np.r_[of.shown[chosen], np.full(len(extra), -1)]
    asked = of.asked
    present = draw.permutation([at for at in range(len(asked)) if asked[at] in here])[:queries]
    absent = draw.permutation([at for at in range(len(asked)) if asked[at] in gone])[:queries]
    which = np.r_[present, absent].astype(int)
    cosines, phrase = of.texts[which] @ photos.T, of.phrase[which]
    adjusted = cosines - (1 - phrase[:, None]) * SHARE_OF_CAPTIONS * captions - phrase[:, None] * SHARE_OF_PHRASES * phrases
    places = min(KEPT, len(photos))
    best = np.argsort(-adjusted, axis=1)[:, :places]
    right = np.take_along_axis(shown[None] == asked[which][:, None], best, 1)
    return {
        "set": name, "present": np.arange(len(which)) < len(present), "cosine": cosines.max(1), "right": right,
        "features": features(np.take_along_axis(adjusted, best, 1), phrase, len(photos), adjusted.mean(1)), "phrase": phrase,
    }


def features(adjusted, phrase, photos, mean) -> np.ndarray:
    """For each query and place."""
    phrase, mean = np.broadcast_to(phrase[:, None], adjusted.shape), np.broadcast_to(mean[:, None], adjusted.shape)
    photos, place = np.log(min(photos, MOST_PHOTOS)), np.log(1 + np.arange(adjusted.shape[1]))
    return np.stack([adjusted, phrase, (1 - phrase) * photos, phrase * photos, (1 - phrase) * place, mean], axis=-1)


def libraries(sets, crowd, half, seed, rounds=6) -> list[dict]:
    draw, all_ = np.random.default_rng(seed), []

    def add(name, size, queries, others=0, most=20):
        all_.append(library(name, sets[name], crowd, half, draw, size, queries, others, most))

    for _ in range(rounds):
        for size, others in ((30, 0), (100, 0), (250, 0), (250, 750), (250, 4_000)):
            add("dev", size, 200, others)
        for others in (0, 300, 1_500):
            add("coco", 50, 200, others)
        for most in (1, 5, 25, 25):
            add("unseen", 1_000, 80, most=most)
        for size in (30, 100, 250):
            add("imagenet", size, 200)
        add("seen", 400, 60, most=8)
        add("names", 2_000, 400, most=60)
        add("few", 2_000, 400, most=5)
    return all_


def fit(made: list[dict]) -> tuple[np.ndarray, float]:
    """Logistic regression of the first five results; every set counts the same."""
    x = np.vstack([one["features"][:, :5].reshape(-1, len(WEIGHTS)) for one in made])
    y = np.concatenate([one["right"][:, :5].ravel() for one in made])
    sizes = defaultdict(int)
    for one in made:
        sizes[one["set"]] += one["right"][:, :5].size
    weights = np.concatenate([np.full(one["right"][:, :5].size, 1 / sizes[one["set"]]) for one in made])
    mean, scale = x.mean(0), x.std(0)
    model = LogisticRegression(C=100, max_iter=500).fit((x - mean) / scale, y, sample_weight=weights * len(x) / weights.sum())
    found = model.coef_[0] / scale
    return found, float(model.intercept_[0] - (found * mean).sum())


def bins(said, right, count=10):
    at = np.minimum((said * count).astype(int), count - 1)
    return [(int((at == k).sum()), said[at == k].mean(), right[at == k].mean()) for k in range(count) if (at == k).any()]


def error(said, right) -> float:
    return sum(n * abs(a - b) for n, a, b in bins(said, right)) / len(said)


def report(made: list[dict], weights, constant) -> None:
    for one in made:
        one["relevance"] = 1 / (1 + np.exp(-(one["features"] @ weights + constant)))
    print(f"{'set':10} queries  error  AUC: relevance, cosine   told  kept  absent told nothing")
    for name in (*SETS, "all"):
        some = [one for one in made if name in (one["set"], "all")]
        first = np.concatenate([one["relevance"][:, 0] for one in some])
        right = np.concatenate([one["right"][:, 0] for one in some])
        present = np.concatenate([one["present"] for one in some])
        areas = [
            [roc_auc_score(one["present"], one["relevance"][:, 0]), roc_auc_score(one["present"], one["cosine"])]
            for one in some
        ]
        told, kept = [], []
        for one in some:
            cut = CUT_OF_CAPTIONS + (CUT_OF_PHRASES - CUT_OF_CAPTIONS) * one["phrase"]
            best = one["relevance"][:, :1]
            told.append(best[:, 0] >= cut)
            matches = told[-1][:, None] & (one["relevance"] >= PART_OF_BEST * best)
            kept.append((matches & one["right"]).any(1)[one["right"].any(1)])
        told, kept, (ours, plain) = np.concatenate(told), np.concatenate(kept), np.mean(areas, 0)
        print(
            f"{name:10} {len(first):7} {error(first, right):6.3f} {ours:15.3f} {plain:7.3f} {100 * told[present].mean():7.1f}"
            f" {100 * kept.mean():5.1f} {100 * (~told[~present]).mean():8.1f}"
        )
    first = np.concatenate([one["relevance"][:, 0] for one in made])
    right = np.concatenate([one["right"][:, 0] for one in made])
    print("best results: how many, relevance said, share that is right")
    for count, said, true in bins(first, right):
        print(f"{count:7} {said:6.3f} {true:6.3f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    parser.add_argument("--fit", action="store_true", help="fit the constants anew and report what they give")
    parser.add_argument("--cache", type=Path, help="folder that keeps embeddings between runs")
    arguments = parser.parse_args()
    if arguments.cache:
        arguments.cache.mkdir(parents=True, exist_ok=True)
    sets, crowd = load(Program(arguments.program, arguments.cache), arguments.data)
    weights, constant = WEIGHTS, CONSTANT
    if arguments.fit:
        weights, constant = fit(libraries(sets, crowd, half=0, seed=1))
        print("weights", weights.round(2), "constant", round(constant, 2))
    report(libraries(sets, crowd, half=1, seed=2), weights, constant)


if __name__ == "__main__":
    main()
