"""The CPU time of a tower here and in onnxruntime, alternating in one run on one thread each.

    python -m venv env && env/bin/pip install torch open_clip_torch onnx onnxruntime safetensors
    cargo bench --workspace --bench encode --no-run      # prints the path of the benchmark's program
    env/bin/python benches/compare/towers.py PROGRAM [--model ViT-B-32|pocket] [--runs 15] [--precision int8] [--isa avx2]
    env/bin/python benches/compare/towers.py PROGRAM --texts --model MODELS/clip-search      # see make_models.py

The image tower (open_clip's, or `pocket`'s) with random weights is exported to ONNX; the time does not depend on the
weights. With `--texts` it is the text tower of a folder, with its weights, and given just the 12 tokens of a text of ten
words. With `--precision int8` onnxruntime quantises it as it does by itself (dynamic, signed weights). Both sides encode as
many photos or texts in turn, and the ratios are of the minima and of the medians. A ratio below 1 means that we are faster.

`--isa` holds our side to a set of instructions, for machines that have no better. onnxruntime takes the best that the machine
has; older_processor.py makes a copy of it that takes no AVX-512, to be put first in PYTHONPATH.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

import onnxruntime
import open_clip
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch_towers import TOKENS, Pocket, TextTower

ENCODED = 8


def tower_of(model: str, texts: bool) -> tuple[torch.nn.Module, callable]:
    """The tower in torch, and what makes an input for so many photos or texts."""
    torch.manual_seed(0)
    if texts:
        ids = lambda count: torch.randint(300, 40_000, (count, TOKENS))
        return TextTower(model).eval(), ids
    tower = (Pocket() if model == "pocket" else open_clip.create_model(model, pretrained=None).visual).eval()
    side = tower.image_size[0] if isinstance(tower.image_size, tuple) else tower.image_size
    return tower, lambda count: torch.randn(count, 3, side, side)


def session(tower: torch.nn.Module, inputs: callable, folder: str, precision: str) -> onnxruntime.InferenceSession:
    """The tower in onnxruntime, on one thread."""
    path = os.path.join(folder, "tower.onnx")
    # The fused attention of PyTorch's inference path has no form in ONNX.
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        torch.onnx.export(
            tower, (inputs(1),), path, dynamo=False, input_names=["input"], output_names=["embeddings"],
            dynamic_axes={"input": {0: "count"}, "embeddings": {0: "count"}},
        )
    if precision == "int8":
        path = quantised(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    made = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    # What is exported is the same function.
    two = inputs(2)
    with torch.no_grad():
        expected = tower(two).numpy()
    found = made.run(None, {"input": two.numpy()})[0]
    bound = 1e-3 if precision == "f32" else 0.2 * abs(expected).max()
    assert abs(expected - found).max() < bound, abs(expected - found).max()
    return made


def quantised(path: str) -> str:
    """The model with its products in int8, the left sides' factors found as they come."""
    prepared, made = path + ".prepared", path + ".int8"
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, made, weight_type=QuantType.QInt8)
    return made


class Program:
    """Our benchmark, which encodes a number of photos or texts whenever it is asked to."""

    def __init__(self, path: str, model: str, precision: str, texts: bool, isa: str | None):
        environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
        options = [*(["--texts"] if texts else []), *(["--isa", isa] if isa else [])]
        command = [path, "--ask", "--precision", precision, *options, model]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def encode(self, count: int) -> float:
        """Milliseconds of CPU time each."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--texts", action="store_true")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--precision", choices=["f32", "int8"], default="f32")
    parser.add_argument("--isa", help="the instructions of our side: avx512, avx2, neon or portable")
    arguments = parser.parse_args()
    tower, inputs = tower_of(arguments.model, arguments.texts)
    with tempfile.TemporaryDirectory() as folder:
        theirs = session(tower, inputs, folder, arguments.precision)
    ours = Program(arguments.program, arguments.model, arguments.precision, arguments.texts, arguments.isa)
    kind = "text" if arguments.texts else "photo"
    print(f"{arguments.model}, {arguments.precision}, onnxruntime {onnxruntime.__version__}, one thread, milliseconds of CPU time a {kind}")
    for count in (1, 8):
        given = inputs(count).numpy()
        times = {"ours": [], "onnxruntime": []}
        for run in range(arguments.runs + 1):
            # As often as our program does for one measurement.
            repeats = max(1, ENCODED // count)
            before = time.process_time()
            for _ in range(repeats):
                theirs.run(None, {"input": given})
            theirs_took = 1e3 * (time.process_time() - before) / (repeats * count)
            ours_took = ours.encode(count)
            # The first run of each finds cold caches.
            if run > 0:
                times["onnxruntime"].append(theirs_took)
                times["ours"].append(ours_took)
        for name, taken in times.items():
            print(f"  {count} at once, {name:>11}: minimum {min(taken):6.2f}, median {statistics.median(taken):6.2f}")
        least = min(times["ours"]) / min(times["onnxruntime"])
        middle = statistics.median(times["ours"]) / statistics.median(times["onnxruntime"])
        print(f"  {count} at once, ratio: {least:.3f} of the minima, {middle:.3f} of the medians")


if __name__ == "__main__":
    main()
