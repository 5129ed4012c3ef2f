"""Vectors to compare indexes with: real photos and real captions, and mixtures of the photos where more are wanted.

    python -m venv env && env/bin/pip install numpy
    env/bin/python benches/compare/index_data.py PROGRAM OUT --photos DIR... --captions CSV... [--sizes N...]

PROGRAM is clip-search. It indexes the photos with `pocket` in OUT/real, and the vectors are read out of its files. All
captions of the first CSV (a column `caption`, .gz or not) and 3,000 of the others become captions.npy, the 1,000 most
frequent nouns in all of them words.npy, and 20,000 other captions of the others train-captions.npy; no caption is in
two of these. The photos become photos-20k.npy and so on, one file for each of the sizes, real photos first. All are
float32, with a unit vector in each row; the texts are in files of the same names.

A made-up photo is

    normalise(a x + (1 - a) y + s (u - v))

where x is a random real photo, y is one of its 20 nearest, u and v are random real photos, and a is uniform between 0.5
and 1. The noise u - v has twice the covariance of the real cloud, so it points where photos differ; isotropic noise
would point where they never do. s is chosen so that, in a made-up cloud of as many photos as the real one, a caption is
as similar to its ten best as it is in the real one (the median). For both clouds, what was reached is printed:
quantiles of that similarity and of that between neighbours, and the intrinsic dimension (the maximum likelihood
estimate of Levina and Bickel, over 20 neighbours).
"""

import argparse
import csv
import gzip
import json
import os
import re
import struct
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np

SEED = 13
NEIGHBOURS = 20
# How many arguments one process is given. The system's limit is on their bytes: 2 MiB, as a rule.
TEXTS_AT_ONCE = 2_000


def log(text: str) -> None:
    print(text, flush=True)


def captions_of(path: Path) -> list[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return [row["caption"].strip() for row in csv.DictReader(file)]


def texts(paths: list[Path]) -> dict[str, list[str]]:
    """Queries, nouns and other captions, each once; upper and lower case and punctuation make no difference."""
    draw = np.random.default_rng(SEED)
    seen = set()

    def once(captions: list[str]) -> list[str]:
        kept = []
        for caption in captions:
            key = " ".join(re.findall(r"\w+", caption.lower()))
            if key and key not in seen:
                seen.add(key)
                kept.append(caption)
        return kept

    queries = once(captions_of(paths[0]))
    others = once([caption for path in paths[1:] for caption in captions_of(path)])
    order = draw.permutation(len(others))
    more, train = order[:3_000], order[3_000:23_000]
    return {
        "captions": queries + [others[at] for at in more],
        "words": nouns(queries + others, 1_000),
        "train-captions": [others[at] for at in train],
    }


def nouns(captions: list[str], count: int) -> list[str]:
    """The most frequent words between an article or number and a word that ends a noun phrase: nearly all are nouns."""
    before = {"a", "an", "the", "his", "her", "their", "two", "three", "some"}
    after = {"in", "on", "is", "are", "with", "of", "and", "at", "near", "to", "while", "that", "by", "behind", ""}
    found = Counter()
    for caption in captions:
        words = ["", *re.findall(r"[a-z]+", caption.lower()), ""]
        for left, word, right in zip(words, words[1:], words[2:]):
            if left in before and right in after and len(word) > 2:
                found[word] += 1
    return [word for word, _ in found.most_common(count)]


def embedded(program: str, inputs: list[str]) -> np.ndarray:
    rows = []
    for start in range(0, len(inputs), TEXTS_AT_ONCE):
        chunk = inputs[start : start + TEXTS_AT_ONCE]
        # A text that begins with a dash is taken for an option, unless it is said whose value it is.
        texts = [f"--text={text}" for text in chunk]
        command = [program, "embed", "--offline", "--model", "pocket", "--json", *texts]
        lines = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()
        rows += [json.loads(line)["embedding"] for line in lines]
    assert len(rows) == len(inputs)
    return np.array(rows, dtype=np.float32)


def rows_of_index(index: Path) -> np.ndarray:
    """The vectors of an index, in the order of the ids. See "Vector files" in docs/index-format.md."""
    found = []
    for path in (index / "vectors").glob("*.vec"):
        data = path.read_bytes()
        magic, version, dimension, count, kind = struct.unpack_from("<8sIIQI", data)
        assert magic == b"clipvec\0" and version in (1, 2), path
        aligned = lambda offset: (offset + 63) // 64 * 64
        start = aligned(64 + 8 * count)
        if version == 2:
            codes = aligned(start + 4 * count)
            start = aligned(codes + aligned(dimension) * count)
        dtype = "<f2" if version == 2 and kind == 1 else "<f4"
        (first,) = struct.unpack_from("<Q", data, 64)
        found.append((first, np.frombuffer(data, dtype, count * dimension, start).reshape(count, dimension)))
    rows = np.concatenate([rows for _, rows in sorted(found, key=lambda pair: pair[0])])
    return normalised(rows.astype(np.float32))


def normalised(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def best(queries: np.ndarray, rows: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers and similarities of the most similar rows, best first."""
    numbers, similarities = [], []
    for start in range(0, len(queries), 500):
        all_of_them = queries[start : start + 500] @ rows.T
        top = np.argpartition(-all_of_them, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(all_of_them, top, axis=1)
        order = np.argsort(-values, axis=1)
        numbers.append(np.take_along_axis(top, order, axis=1))
        similarities.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(numbers), np.concatenate(similarities)


class Mixtures:
    """Made-up photos out of real ones."""

    def __init__(self, real: np.ndarray):
        self.real = real
        self.near = best(real, real, NEIGHBOURS + 1)[0][:, 1:]

    def make(self, count: int, share: float, draw: np.random.Generator) -> np.ndarray:
        made = np.empty((count, self.real.shape[1]), dtype=np.float32)
        for start in range(0, count, 50_000):
            n = min(50_000, count - start)
            x = draw.integers(len(self.real), size=n)
            y = self.near[x, draw.integers(NEIGHBOURS, size=n)]
            u, v = draw.integers(len(self.real), size=(2, n))
            a = draw.uniform(0.5, 1.0, size=(n, 1)).astype(np.float32)
            rows = a * self.real[x] + (1 - a) * self.real[y] + np.float32(share) * (self.real[u] - self.real[v])
            made[start : start + n] = normalised(rows)
        return made

    def share_like(self, queries: np.ndarray) -> float:
        """The share of noise with which captions are as similar to made-up photos as to real ones."""
        wanted = np.median(best(queries, self.real, 10)[1])
        low, high = 0.0, 1.0
        for _ in range(8):
            middle = (low + high) / 2
            made = self.make(len(self.real), middle, np.random.default_rng(SEED))
            found = np.median(best(queries, made, 10)[1])
            log(f"  share {middle:.4f}: median similarity {found:.4f}, wanted {wanted:.4f}")
            # More noise makes photos less typical, and fewer of them answer to a caption.
            low, high = (middle, high) if found > wanted else (low, middle)
        return (low + high) / 2


def describe(name: str, rows: np.ndarray, queries: np.ndarray) -> None:
    similarity = best(queries, rows, 10)[1]
    near = best(rows[:2_000], rows, NEIGHBOURS + 1)[1][:, 1:]
    distance = np.sqrt(np.maximum(2 - 2 * near, 1e-12))
    dimension = 1 / np.mean(np.log(distance[:, -1:] / distance[:, :-1]))
    quantiles = lambda values: " ".join(f"{value:.3f}" for value in np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]))
    log(f"{name}: caption to its ten best {quantiles(similarity)}, to the best {quantiles(similarity[:, 0])}; "
        f"photo to its nearest {quantiles(near[:, 0])}, to its 20th {quantiles(near[:, -1])}; "
        f"intrinsic dimension {dimension:.1f}; length of the mean {np.linalg.norm(rows.mean(axis=0)):.3f}")


def short(size: int) -> str:
    return f"{size // 1_000_000}m" if size % 1_000_000 == 0 else f"{size // 1_000}k"


def save(path: Path, rows: np.ndarray) -> None:
    """Whole or not at all, for others may be waiting for it."""
    with open(f"{path}.tmp", "wb") as file:
        np.save(file, np.ascontiguousarray(rows, dtype=np.float32))
    os.replace(f"{path}.tmp", path)
    log(f"{path}: {rows.shape}")


def make_texts(program: str, out: Path, captions: list[Path]) -> None:
    for name, inputs in texts(captions).items():
        (out / f"{name}.txt").write_text("\n".join(" ".join(text.split()) for text in inputs) + "\n", encoding="utf-8")
        if not (out / f"{name}.npy").exists():
            save(out / f"{name}.npy", embedded(program, inputs))


def make_photos(program: str, out: Path, folders: list[str], sizes: list[int]) -> None:
    index = out / "real"
    # Status 1: some of the files were no photos.
    status = subprocess.run([program, "--index", index, "index", "--model", "pocket", *folders]).returncode
    assert status in (0, 1), status
    real = rows_of_index(index)
    # Copies of a file have one vector; which of them is found says nothing.
    real = real[np.sort(np.unique(real, axis=0, return_index=True)[1])]
    log(f"{len(real)} different real photos")
    queries = np.load(out / "captions.npy")[::4]
    mixtures = Mixtures(real)
    share = mixtures.share_like(queries)
    log(f"share of noise: {share:.4f}")
    describe("real", real, queries)
    describe("made up", mixtures.make(len(real), share, np.random.default_rng(SEED + 1)), queries)
    made = mixtures.make(max(max(sizes) - len(real), 0), share, np.random.default_rng(SEED + 2))
    for size in sizes:
        save(out / f"photos-{short(size)}.npy", np.concatenate([real, made])[:size])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", nargs="+", required=True)
    parser.add_argument("--captions", nargs="+", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", type=int, default=[20_000, 100_000, 1_000_000])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    make_texts(arguments.program, arguments.out, arguments.captions)
    make_photos(arguments.program, arguments.out, arguments.photos, arguments.sizes)


if __name__ == "__main__":
    main()
