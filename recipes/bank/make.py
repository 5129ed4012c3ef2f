#!/usr/bin/env python3
"""Makes the texts of the bank that hubness is measured with, and the rows that `pocket` gives for them.

    python3 recipes/bank/make.py target/release/clip-search ../shared/data

Writes captions.txt and phrases.txt in crates/clip-query/src/bank, and pocket.rows in crates/search/src/bank. Needs numpy and
the data that `pocket` was trained on. In pocket.rows, a text has a scale (32-bit IEEE 754, little-endian) and 384 signed
bytes; captions come first.

- Captions are sentences: some of COCO's captions (CC BY 4.0), none of a photo that a model is measured with, and some that
  are put together from the lists in sentences.toml.
- Phrases are short queries: all words of phrases.toml, and pairs of them.

Of many more candidates than the bank can hold, those are kept that cover the photos of the training sets best: for every
photo, the mean similarity to its LAYERS nearest texts of the bank should be as large as possible (facility location, chosen
greedily; Nemhauser et al. 1978). A bank that was drawn by chance needs four times as many texts for the same gain.
"""

import csv
import gzip
import heapq
import json
import random
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
OUT = HERE / "../../crates/clip-query/src/bank"
ROWS = HERE / "../../crates/search/src/bank/pocket.rows"
RECIPE = HERE / "../pocket/pocket.toml"
CAPTIONS, PHRASES = 2_000, 1_200
SENTENCE_CANDIDATES, PAIR_CANDIDATES = 8_000, 6_000
LAYERS = 8
SEED = 15


def key(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def words(text: str, separator: str = ",") -> list[str]:
    return [" ".join(word.split()) for word in text.split(separator)]


def with_articles(text: str) -> str:
    return re.sub(r"\ba (?=[aeiou])(?!uni)", "an ", text)


def lists_of(name: str) -> dict[str, list[str]]:
    file = tomllib.loads((HERE / name).read_text())
    return {key: words(text, ";" if key == "templates" else ",") for key, text in file.items()}


def coco(data: Path) -> list[str]:
    """Up to three captions a photo, of photos that no model is measured with."""
    measured = set()
    for path, prefix in (("captions-more/train.csv", "coco"), ("captions8k/dev.csv", "")):
        with open(data / path, newline="") as source:
            measured |= {key(row["caption"]) for row in csv.DictReader(source) if row["image"].startswith(prefix)}
    of_photo = defaultdict(list)
    with gzip.open(data / "text/coco_captions_10k_images_en.csv.gz", "rt", newline="") as source:
        for row in csv.DictReader(source):
            of_photo[row["image_id"]].append(" ".join(row["caption"].split()).rstrip(" ."))
    draw = random.Random(SEED)
    kept = [texts for texts in of_photo.values() if not measured & {key(text) for text in texts}]
    return list(dict.fromkeys(text for texts in kept for text in draw.sample(texts, min(3, len(texts)))))


def sentences() -> list[str]:
    lists, draw = lists_of("sentences.toml"), random.Random(SEED)
    texts: dict[str, None] = {}
    while len(texts) < SENTENCE_CANDIDATES:
        template = draw.choice(lists["templates"])
        text = re.sub(r"\{(\w+?)2?\}", lambda name: draw.choice(lists[name[1]]), template)
        texts.setdefault(with_articles(text))
    return list(texts)


def single_words() -> list[str]:
    lists = lists_of("phrases.toml")
    kept = (texts for name, texts in lists.items() if name not in ("qualities", "styles", "kinds"))
    return list(dict.fromkeys(word for texts in kept for word in texts))


def pairs() -> list[str]:
    lists, draw = lists_of("phrases.toml"), random.Random(SEED)
    pick = draw.choice
    nouns = [word for name in ("people", "animals", "plants", "food", "things", "vehicles") for word in lists[name]]
    scenes = lists["places"] + lists["nature"] + lists["events"]

    def pair() -> str:
        noun, scene = pick(nouns), pick(scenes)
        return with_articles(pick((
            f"{pick(lists['qualities'])} {noun}",
            f"{noun} {pick(lists['styles'])}",
            f"{noun} and {pick(nouns)}",
            f"{noun} at the {pick(lists['places'])}",
            f"{pick(lists['people'])} {pick(lists['activities'])}",
            f"{pick(lists['people'])} with {noun}",
            f"{scene} {pick(lists['styles'])}",
            f"a photo of a {noun}",
            f"a {pick(lists['kinds'])} of a {noun}",
            f"{pick(lists['qualities'])} {scene}",
        )))

    texts: dict[str, None] = {}
    while len(texts) < PAIR_CANDIDATES:
        texts.setdefault(pair())
    return list(texts)


def embed(program: str, kind: str, inputs: list[str]) -> np.ndarray:
    rows = []
    for start in range(0, len(inputs), 1_000):
        arguments = [word for value in inputs[start:start + 1_000] for word in (f"--{kind}", value)]
        command = [program, "embed", "--model", "pocket", "--json", *arguments]
        lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        rows += [json.loads(line)["embedding"] for line in lines]
    return np.asarray(rows, dtype=np.float32)


def photos(data: Path) -> list[list[str]]:
    """For each set that `pocket` was trained on, every second photo."""
    sets = []
    for entry in tomllib.loads(RECIPE.read_text())["photos"]:
        out, names = set(entry.get("leave_out_labels", [])), {}
        with open(data / entry["csv"], newline="") as source:
            for row in csv.DictReader(source):
                if row.get("label") not in out and not row["image"].startswith(tuple(entry.get("leave_out", ["\0"]))):
                    names.setdefault(row["image"])
        sets.append([str(data / entry["images"] / name) for name in sorted(names)[::2]])
    return sets


def cover(photos: np.ndarray, texts: np.ndarray, count: int, chosen: list[int]) -> list[int]:
    """`chosen` and further texts up to `count`, best first."""
    scores = np.ascontiguousarray((photos @ texts.T).T)
    best = np.zeros((len(photos), LAYERS), dtype=np.float32)  # ascending

    def gain(text: int) -> float:
        return float(np.maximum(scores[text] - best[:, 0], 0).sum())

    def take(text: int) -> None:
        better = scores[text] > best[:, 0]
        best[better, 0] = scores[text][better]
        best[better] = np.sort(best[better], axis=1)

    for text in chosen:
        take(text)
    chosen = list(chosen)
    # Gains only shrink, so the first whose gain is up to date and still the largest is the best one.
    waiting = [(-gain(text), text) for text in set(range(len(texts))) - set(chosen)]
    heapq.heapify(waiting)
    while len(chosen) < count:
        _, text = heapq.heappop(waiting)
        now = -gain(text)
        if not waiting or (now, text) <= waiting[0]:
            take(text)
            chosen.append(text)
        else:
            heapq.heappush(waiting, (now, text))
    return chosen


def rows_of(embeddings: np.ndarray) -> bytes:
    """For each row its scale and its numbers in eight bits."""
    scales = (np.abs(embeddings).max(1) / 127).astype("<f4")
    codes = np.rint(embeddings / scales[:, None]).clip(-127, 127).astype(np.int8)
    return b"".join(scale.tobytes() + code.tobytes() for scale, code in zip(scales, codes))


def main() -> None:
    program, data = sys.argv[1], Path(sys.argv[2])
    seen = [embed(program, "image", files) for files in photos(data)]
    described, labelled = np.vstack(seen[:2]), seen[2]
    captions, singles = list(dict.fromkeys(coco(data) + sentences())), single_words()
    phrases = list(dict.fromkeys(singles + pairs()))
    banks = (
        ("captions", captions, described, CAPTIONS, []),
        ("phrases", phrases, np.vstack([described, labelled]), PHRASES, list(range(len(singles)))),
    )
    rows = []
    for name, texts, covered, count, chosen in banks:
        embeddings = embed(program, "text", texts)
        kept = cover(covered, embeddings, count, chosen)
        (OUT / f"{name}.txt").write_text("".join(f"{texts[text]}\n" for text in kept))
        rows.append(rows_of(embeddings[kept]))
        print(f"{len(kept)} {name} of {len(texts)}")
    ROWS.write_bytes(b"".join(rows))


if __name__ == "__main__":
    main()
