#!/usr/bin/env python3
"""Whether a model that knows nothing says so: "nothing matches well" to captions and names of things.

    python3 -m venv env && env/bin/pip install numpy
    env/bin/python benches/compare/random_weights.py target/release/clip-search ../shared/data

Models are those of the tests with random weights, and `pocket` and one of these with the numbers of each tensor in another order,
several times. Each indexes 300 photos, and is asked for captions of other photos and for names of things.
"""

import csv
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

MODELS = Path(__file__).parent / "../../crates/clip-model"
FIXTURES = ("tiny-huggingface", "tiny-resnet", "tiny-open-clip")
SIZES = {"F32": np.uint32, "F16": np.uint16, "BF16": np.uint16, "I8": np.uint8}
PHOTOS = 300


def shuffled(source: Path, target: Path, seed: int) -> None:
    """A safetensors file with the numbers of each tensor in another order."""
    whole = source.read_bytes()
    start = 8 + struct.unpack("<Q", whole[:8])[0]
    data, draw = bytearray(whole[start:]), np.random.default_rng(seed)
    for name, tensor in json.loads(whole[8:start]).items():
        if name != "__metadata__" and tensor["dtype"] in SIZES:
            first, last = tensor["data_offsets"]
            numbers = np.frombuffer(bytes(data[first:last]), dtype=SIZES[tensor["dtype"]]).copy()
            draw.shuffle(numbers)
            data[first:last] = numbers.tobytes()
    target.write_bytes(whole[:start] + bytes(data))


def models(folder: Path):
    yield "pocket as it is", MODELS / "assets/pocket.safetensors"
    for name in FIXTURES:
        yield name, MODELS / "tests/fixtures" / name
    for seed in range(1, 4):
        target = folder / f"pocket-{seed}.safetensors"
        shuffled(MODELS / "assets/pocket.safetensors", target, seed)
        yield f"pocket, shuffled {seed}", target
    for seed in range(1, 9):
        target = folder / f"tiny-{seed}"
        shutil.copytree(MODELS / "tests/fixtures" / FIXTURES[0], target)
        shuffled(MODELS / "tests/fixtures" / FIXTURES[0] / "model.safetensors", target / "model.safetensors", seed)
        yield f"{FIXTURES[0]}, shuffled {seed}", target


def main() -> None:
    program, data = sys.argv[1], Path(sys.argv[2])
    with open(data / "captions8k/dev.csv", newline="", encoding="utf-8") as source:
        queries = [row["caption"].strip(" .") for row in csv.DictReader(source)][::250]
    with open(data / "labelled-more/train.csv", newline="", encoding="utf-8") as source:
        queries += sorted({row["label"] for row in csv.DictReader(source)})[::11]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").mkdir()
        for photo in sorted((data / "captions8k/images").iterdir())[:PHOTOS]:
            shutil.copy(photo, folder / "photos")
        for at, (model, path) in enumerate(models(folder)):
            index = [program, "--index", str(folder / f"index-{at}")]
            run = [*index, "--quiet", "index", "--model", str(path.resolve()), str(folder / "photos")]
            subprocess.run(run, check=True)
            nothing = 0
            for query in queries:
                run = [*index, "query", "--literal", "--fusion", "off", "-n", "1", "--", query]
                told = subprocess.run(run, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                nothing += "nothing matches well" in told.stderr
            print(f"{model:30} told nothing: {nothing} of {len(queries)}", flush=True)


if __name__ == "__main__":
    main()
