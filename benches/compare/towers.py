"""The CPU time of ViT-B/32's image tower here and in onnxruntime, alternating in one run on one thread each.

    python -m venv env && env/bin/pip install torch open_clip_torch onnx onnxruntime
    cargo bench --workspace --bench encode --no-run      # prints the path of the benchmark's program
    env/bin/python benches/compare/towers.py PROGRAM [--model ViT-B-32] [--runs 15] [--precision int8]

open_clip's tower with random weights is exported to ONNX; the time does not depend on the weights. With `--precision int8`
onnxruntime quantises it as it does by itself (dynamic, signed weights). Both sides encode as many photos in turn, and the
ratios are of the minima and of the medians. A ratio below 1 means that we are faster.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

import numpy
import onnxruntime
import open_clip
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process

ENCODED = 8


def session(model: str, folder: str, precision: str) -> tuple[onnxruntime.InferenceSession, int]:
    """open_clip's image tower in onnxruntime, on one thread, and the side of its input."""
    torch.manual_seed(0)
    tower = open_clip.create_model(model, pretrained=None).visual.eval()
    side = tower.image_size[0] if isinstance(tower.image_size, tuple) else tower.image_size
    path = os.path.join(folder, "tower.onnx")
    example = torch.zeros(1, 3, side, side)
    # The fused attention of PyTorch's inference path has no form in ONNX.
    torch.backends.mha.set_fastpath_enabled(False)
    with torch.no_grad():
        torch.onnx.export(
            tower, (example,), path, dynamo=False, input_names=["pixels"], output_names=["embeddings"],
            dynamic_axes={"pixels": {0: "photos"}, "embeddings": {0: "photos"}},
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
    photos = torch.randn(2, 3, side, side)
    with torch.no_grad():
        expected = tower(photos).numpy()
    found = made.run(None, {"pixels": photos.numpy()})[0]
    bound = 1e-3 if precision == "f32" else 0.2 * abs(expected).max()
    assert abs(expected - found).max() < bound, abs(expected - found).max()
    return made, side


def quantised(path: str) -> str:
    """The model with its products in int8, the left sides' factors found as they come."""
    prepared, made = path + ".prepared", path + ".int8"
    quant_pre_process(path, prepared, skip_symbolic_shape=True)
    quantize_dynamic(prepared, made, weight_type=QuantType.QInt8)
    return made


class Program:
    """Our benchmark, which encodes a number of photos whenever it is asked to."""

    def __init__(self, path: str, model: str, precision: str):
        environment = {**os.environ, "RAYON_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [path, "--ask", "--precision", precision, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def encode(self, photos: int) -> float:
        """Milliseconds of CPU time a photo."""
        self.process.stdin.write(f"{photos}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--precision", choices=["f32", "int8"], default="f32")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        theirs, side = session(arguments.model, folder, arguments.precision)
    ours = Program(arguments.program, arguments.model, arguments.precision)
    print(f"{arguments.model}, {arguments.precision}, onnxruntime {onnxruntime.__version__}, one thread, milliseconds of CPU time a photo")
    for photos in (1, 8):
        pixels = numpy.random.default_rng(0).standard_normal((photos, 3, side, side), dtype=numpy.float32)
        times = {"ours": [], "onnxruntime": []}
        for run in range(arguments.runs + 1):
            # As often as our program does for one measurement.
            repeats = max(1, ENCODED // photos)
            before = time.process_time()
            for _ in range(repeats):
                theirs.run(None, {"pixels": pixels})
            theirs_took = 1e3 * (time.process_time() - before) / (repeats * photos)
            ours_took = ours.encode(photos)
            # The first run of each finds cold caches.
            if run > 0:
                times["onnxruntime"].append(theirs_took)
                times["ours"].append(ours_took)
        for name, taken in times.items():
            print(f"  {photos} at once, {name:>11}: minimum {min(taken):6.1f}, median {statistics.median(taken):6.1f}")
        least = min(times["ours"]) / min(times["onnxruntime"])
        middle = statistics.median(times["ours"]) / statistics.median(times["onnxruntime"])
        print(f"  {photos} at once, ratio: {least:.3f} of the minima, {middle:.3f} of the medians")


if __name__ == "__main__":
    main()
