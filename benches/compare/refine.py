#!/usr/bin/env python3
"""What `eval --refine` gains by so many captioned photos, on photos that it was not fitted on.

    python3 benches/compare/refine.py target/release/clip-search ../shared/data

The library is pictures of things, with and without the captioned photos themselves; captions are those of Flickr8k's dev set, or
names of things. The figures are those that `eval` reports. A model with random weights must not be refined.
"""

import csv
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

MODELS = Path(__file__).parent / "../../crates/clip-model"
PHOTOS = 1_132


def rows(path: Path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def write(path: Path, pairs: list[tuple[str, str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as target:
        writer = csv.writer(target)
        writer.writerow(["image", "caption"])
        writer.writerows(pairs)


def refine(program: str, index: Path, captions: Path, images: Path) -> str:
    run = [program, "--index", str(index), "--quiet", "eval", "--json", "--refine"]
    run += ["--captions", str(captions), "--images", str(images)]
    told = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE).stdout)["relevance"]
    subprocess.run([program, "--index", str(index), "--quiet", "eval", "--unrefine"], check=True, stdout=subprocess.DEVNULL)

    def shown(one: dict) -> str:
        figures = f"loss {one['log_loss']:.3f}, error {one['calibration_error']:.3f}"
        return f"{figures}, kept {100 * one['kept']:.0f} %, told nothing {100 * one['told_nothing']:.0f} %"

    kept = "refined" if told["refined"] else "as it was"
    return f"{shown(told['before'])} -> {shown(told['after'])}: {kept}"


def main() -> None:
    program, data = sys.argv[1], Path(sys.argv[2])
    draw = random.Random(1)
    captioned = rows(data / "captions8k/dev.csv")
    names = sorted({row["image"] for row in captioned})
    labelled = rows(data / "labelled-more/train.csv")
    draw.shuffle(names)
    draw.shuffle(labelled)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, images, chosen in (
            ("things", data / "labelled-more/images", [row["image"] for row in labelled[:PHOTOS]]),
            ("captioned", data / "captions8k/images", names),
        ):
            for image in chosen:
                link = folder / part / image
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to((images / image).resolve())

        def indexed(at: str, parts: list[str], *options: str) -> Path:
            run = [program, "--index", str(folder / at), "--quiet", "index", *options, *(str(folder / part) for part in parts)]
            subprocess.run(run, check=True)
            return folder / at

        csv_file, photos = folder / "captions.csv", data / "captions8k/images"
        pairs = [(row["image"], row["caption"].strip()) for row in captioned]
        for library, parts in (("things", ["things"]), ("things and the captioned photos", ["things", "captioned"])):
            index = indexed(f"index-{len(parts)}", parts)
            for count in (100, 200, 500, 1_000):
                chosen = set(names[:count])
                write(csv_file, [pair for pair in pairs if pair[0] in chosen])
                print(f"{library}, {count} photos: {refine(program, index, csv_file, photos)}", flush=True)
        write(csv_file, [(row["image"], row["label"]) for row in labelled[PHOTOS : 2 * PHOTOS]])
        index = folder / "index-1"
        print(f"names of {PHOTOS} other pictures: {refine(program, index, csv_file, data / 'labelled-more/images')}", flush=True)
        write(csv_file, pairs)
        tiny = str((MODELS / "tests/fixtures/tiny-huggingface").resolve())
        index = indexed("index-tiny", ["things"], "--model", tiny)
        print(f"random weights, 1,000 photos: {refine(program, index, csv_file, photos)}", flush=True)


if __name__ == "__main__":
    main()
