#!/usr/bin/env python3
"""What indexing a folder of 12-megapixel photos takes, against rclip, in one run.

    python -m venv env && env/bin/pip install rclip==3.3.0 torch open_clip_torch onnx onnxruntime pillow numpy
    env/bin/python benches/compare/jpeg.py PHOTOS OUT 200
    env/bin/python benches/compare/rclip.py target/release/clip-search OUT [ROUNDS]

OUT/sequential and OUT/progressive hold the photos. The two programs take turns, each with an index of its own that is made anew,
and both may use all cores. rclip's model gets random weights, which costs as much time as trained ones; `pocket` is ours. Printed are
the least processor time of the rounds, the ratio, how busy the cores were, and the peak of resident memory.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ARCHITECTURE = "ViT-B-32-256"
FOLDER = f"{ARCHITECTURE}-datacomp_s34b_b86k"


def make_model(folder: Path) -> None:
    """Writes what rclip would download, with random weights."""
    import open_clip
    import torch

    model = open_clip.create_model(ARCHITECTURE, pretrained=None).eval()
    here = folder / FOLDER
    here.mkdir(parents=True)

    class Tower(torch.nn.Module):
        def __init__(self, function):
            super().__init__()
            self.model, self.function = model, function

        def forward(self, input):
            return self.function(input)

    for name, function, example in (
        ("visual", model.encode_image, torch.zeros(1, 3, 256, 256)),
        ("textual", model.encode_text, torch.zeros(1, 77, dtype=torch.int64)),
    ):
        torch.onnx.export(
            Tower(function),
            (example,),
            here / f"{name}.onnx",
            input_names=["input"],
            output_names=["output"],
            dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
            dynamo=False,
        )
    (folder / "tokenizer").mkdir()
    vocabulary = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    shutil.copy(vocabulary, folder / "tokenizer")
    for name in ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md"):
        (folder / name).touch()
        (folder / "tokenizer" / name).touch()
        (here / name).touch()


def run(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, float]:
    """Processor seconds, wall seconds and peak MiB."""
    start = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code != 0:
        sys.exit(f"{command} ended with {code}: {said.decode(errors='replace')[-2000:]}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss / 1024


def main(program: str, photos: str, rounds: str = "2") -> None:
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        model = scratch / "model"
        make_model(model)
        for kind in ("sequential", "progressive"):
            folder = Path(photos).resolve() / kind
            count = len(list(folder.iterdir()))
            best: dict[str, tuple[float, float, float]] = {}
            for number in range(int(rounds)):
                ours = scratch / f"ours-{kind}-{number}"
                theirs = scratch / f"theirs-{kind}-{number}"
                shutil.copytree(model, theirs)
                runs = {
                    "clip-search": run([str(Path(program).resolve()), "--index", str(ours), "index", "-q", str(folder)], scratch, {}),
                    "rclip": run(
                        [str(Path(sys.executable).parent / "rclip"), "-f", "-t", "1", "a dog"],
                        folder,
                        {"RCLIP_DATADIR": str(theirs), "HF_HUB_OFFLINE": "1"},
                    ),
                }
                for name, result in runs.items():
                    best[name] = min(best.get(name, result), result)
            for name, (cpu, wall, memory) in best.items():
                each = 1000 * cpu / count
                print(f"{kind:12} {name:12} {each:6.1f} ms CPU a photo, {100 * cpu / wall:3.0f} % busy, {memory:4.0f} MiB")
            ratio = best["rclip"][0] / best["clip-search"][0]
            print(f"{kind:12} rclip takes {ratio:.2f} times as much processor time", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
