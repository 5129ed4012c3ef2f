#!/usr/bin/env python3
"""Measures how well a model classifies photos by labels and by examples that it was not trained on.

    python3 recipes/pocket/classify.py target/release/clip-search ../shared/data [MODEL]

Needs nothing but Python and the built program, which does all the work: `classify --labels` on a photo of each ImageNet
class with each set of templates, and, on the labels that training left out, `classify --labels` against
`classify --examples` with five photos of each, both on the photos that are no examples. The examples are drawn three
times. Exits with 1 unless the template ensembles beat bare labels and examples beat labels.
"""
import csv
import json
import random
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

EXAMPLES = 5
DRAWS = 3
TEMPLATES = ("none", "short", "imagenet")


def classify(program: str, arguments: list[str], photos: dict[str, str]) -> tuple[float, float]:
    """Percentage of photos (path to label) whose label comes first, and is among the first five."""
    command = [program, "classify", "--json", "--top", "5", *arguments, *photos]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in map(json.loads, out.splitlines()):
        found[line["path"]] = [entry["label"] for entry in line["labels"]]
    assert found.keys() == photos.keys(), "some photos were skipped"
    first = sum(found[path][0] == label for path, label in photos.items())
    five = sum(label in found[path] for path, label in photos.items())
    return 100 * first / len(photos), 100 * five / len(photos)


def show(what: str, figures: tuple[float, float]) -> float:
    print(f"{what}: first in {figures[0]:.1f} %, among the first five in {figures[1]:.1f} %", flush=True)
    return figures[0]


def by_labels(program: str, model: list[str], labels: list[str], templates: str, photos: dict[str, str]):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(labels) + "\n")
        file.flush()
        return classify(program, [*model, "--templates", templates, "--labels", file.name], photos)


def by_examples(program: str, model: list[str], examples: dict[str, list[str]], photos: dict[str, str]):
    with tempfile.TemporaryDirectory() as folder:
        for label, paths in examples.items():
            (Path(folder) / label).mkdir()
            for path in paths:
                (Path(folder) / label / Path(path).name).symlink_to(Path(path).resolve())
        return classify(program, [*model, "--examples", folder], photos)


def mean(figures: list[tuple[float, float]]) -> tuple[float, float]:
    return tuple(sum(column) / len(figures) for column in zip(*figures))


def main() -> None:
    program, data = sys.argv[1], Path(sys.argv[2])
    model = ["--model", sys.argv[3]] if len(sys.argv) > 3 else []

    # n01484850_great_white_shark.JPEG. Two names stand for two classes each and count for both.
    photos = {str(p): p.stem.split("_", 1)[1].replace("_", " ") for p in sorted((data / "labelled1k").glob("n*_*"))}
    labels = sorted(set(photos.values()))
    first = {}
    for templates in TEMPLATES:
        figures = by_labels(program, model, labels, templates, photos)
        first[templates] = show(f"{len(photos)} photos, {len(labels)} ImageNet labels, templates {templates}", figures)
    ensemble_helps = min(first["short"], first["imagenet"]) > first["none"]

    recipe = tomllib.loads((Path(__file__).parent / "pocket.toml").read_text())
    unseen = next(entry for entry in recipe["photos"] if "leave_out_labels" in entry)
    of_label = defaultdict(list)
    with open(data / unseen["csv"], newline="") as source:
        for row in csv.DictReader(source):
            if row["label"] in unseen["leave_out_labels"]:
                of_label[row["label"]].append(str(data / unseen["images"] / row["image"]))
    figures = defaultdict(list)
    for draw in range(DRAWS):
        order = random.Random(draw)
        examples, rest = {}, {}
        for label, paths in sorted(of_label.items()):
            paths = order.sample(paths, len(paths))
            examples[label] = paths[:EXAMPLES]
            rest |= dict.fromkeys(paths[EXAMPLES:], label)
        for templates in TEMPLATES:
            figures[f"templates {templates}"].append(by_labels(program, model, sorted(examples), templates, rest))
        figures[f"{EXAMPLES} examples"].append(by_examples(program, model, examples, rest))
    print(f"{len(of_label)} labels left out of training, {len(rest)} photos, mean of {DRAWS} draws")
    first = {name: show(f"  {name}", mean(found)) for name, found in figures.items()}
    examples_help = first.pop(f"{EXAMPLES} examples") > max(first.values())

    for holds, what in ((ensemble_helps, "template ensembles beat bare labels"), (examples_help, "examples beat labels")):
        print(f"{'yes' if holds else 'NO '}  {what}")
    sys.exit(not (ensemble_helps and examples_help))


if __name__ == "__main__":
    main()
