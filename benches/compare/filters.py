#!/usr/bin/env python3
"""How many of the ten best a search with conditions finds, against one that compares every photo.

    python3 benches/compare/filters.py target/release/clip-search ../shared/data [--index DIR] [--captions N]

All photos of the data are indexed, unless there is an index of them. Captions and names of things are searched for with conditions of every
kind that these photos meet, from one that nearly all do to one that few do. For each, recall@10 against `--exact`: of the way that the
program chooses by itself, of the graph, and of the photos' plain similarity (`--raw`).
"""

import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

FOLDERS = ("captions8k", "captions-more", "labelled-more", "labelled1k", "photos", "formats")
WANTED = 10
WAYS = (("as it chooses", []), ("graph", ["--graph"]), ("graph, raw", ["--graph", "--raw"]))


def conditions(data: Path) -> list[str]:
    """Conditions of folders, names, sizes, forms and EXIF data."""
    folder = {name: str((data / name).resolve()) for name in FOLDERS}
    return [
        f'under:"{folder["captions8k"]}"',
        f'under:"{folder["captions-more"]}"',
        f'under:"{folder["labelled1k"]}"',
        f'under:"{folder["formats"]}"',
        f'-under:"{folder["captions8k"]}"',
        "path:coco",
        "name:12",
        "name:2",
        "ext:png",
        "-ext:png",
        "is:landscape",
        "is:portrait",
        "is:square",
        "size:>15kB",
        "size:..5kB",
        "width:>300",
        "has:date",
        "has:camera",
        "has:gps",
        "year:2005..2022",
        "iso:..400",
        "is:square size:>10kB",
        "is:landscape | has:camera",
    ]


def results(program: str, index: str, text: str, options: list[str]) -> list[dict]:
    command = [program, "--index", index, "query", "--json", "-n", str(WANTED), *options, "--", text]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if run.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: {run.stderr}")
    return [json.loads(line) for line in run.stdout.splitlines()]


def found(some: list[dict], all_: list[dict]) -> float:
    """The share of the best that were found; a photo as good as the last of them does as well."""
    least = min(hit["adjusted"] for hit in all_) - 1e-5
    return min(1.0, sum(hit["adjusted"] >= least for hit in some) / len(all_))


def texts(data: Path, count: int) -> list[str]:
    with open(data / "captions8k/dev.csv", newline="", encoding="utf-8") as source:
        captions = [row["caption"].strip(" .") for row in csv.DictReader(source)]
    with open(data / "labelled-more/train.csv", newline="", encoding="utf-8") as source:
        labels = sorted({row["label"] for row in csv.DictReader(source)})
    spread = lambda all_: [all_[at * len(all_) // count] for at in range(count)]  # noqa: E731
    # In quotation marks nothing of a caption is a condition.
    return [f'"{text.replace(chr(34), " ")}"' for text in spread(captions) + spread(labels)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    parser.add_argument("--index", help="an index of all photos of the data")
    parser.add_argument("--captions", type=int, default=10, help="captions, and as many names, for each condition")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        index = arguments.index or str(Path(folder) / "index")
        if not arguments.index:
            run = [arguments.program, "--index", index, "--quiet", "index"]
            run += [str(arguments.data / name) for name in FOLDERS]
            # Some files are broken on purpose.
            if subprocess.run(run).returncode not in (0, 1):
                raise SystemExit("the photos could not be indexed")
        asked = texts(arguments.data, arguments.captions)
        all_ = {name: [] for name, _ in WAYS}
        print(f"{len(asked)} queries with each condition; recall@{WANTED}: {', '.join(name for name, _ in WAYS)}")
        for condition in conditions(arguments.data):
            count = [arguments.program, "--index", index, "query", "--count", "--no-pairs", "--", condition]
            photos = subprocess.run(count, stdout=subprocess.PIPE, text=True).stdout.strip()
            shares = {name: [] for name, _ in WAYS}
            for text in asked:
                parts = [f"{text} {part}" for part in condition.split(" | ")]
                query = " | ".join(parts)
                for name, options in WAYS:
                    raw = [option for option in options if option == "--raw"]
                    best = results(arguments.program, index, query, ["--exact", *raw])
                    if best:
                        shares[name].append(found(results(arguments.program, index, query, options), best))
            for name, values in shares.items():
                all_[name] += values
            mean = lambda values: f"{sum(values) / len(values):.4f}" if values else "-"  # noqa: E731
            line = ", ".join(mean(shares[name]) for name, _ in WAYS)
            print(f"  {condition.replace(str(arguments.data.resolve()), '...'):45} {photos:>7} photos: {line}", flush=True)
        print("all:", ", ".join(f"{sum(values) / len(values):.4f}" for values in all_.values()))


if __name__ == "__main__":
    main()
