"""How far reduced precision takes photos' embeddings from f32, here and in onnxruntime, with the same weights.

    python make_models.py MODELS        # needs open_clip_torch, onnx and safetensors; this script onnxruntime besides
    python deviation.py CLIP_SEARCH MODELS PHOTO...

Printed are, for each, the mean and the least cosine to its own f32 embedding, and the mean distance in parts of the mean
distance between two photos: weights without meaning make all photos look alike, and a cosine alone would look too good.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import onnxruntime
import open_clip
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from PIL import Image


def ours(program: str, model: Path, precision: str, photos: list[str]) -> numpy.ndarray:
    command = [program, "embed", "--json", "--device", "cpu", "--model", str(model), "--precision", precision]
    for photo in photos:
        command += ["--image", photo]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return numpy.array([json.loads(line)["embedding"] for line in lines])


def theirs(model: Path, pixels: numpy.ndarray) -> numpy.ndarray:
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return numpy.concatenate([session.run(None, {"input": photo[None]})[0] for photo in pixels])


def tell(name: str, exact: numpy.ndarray, found: numpy.ndarray) -> None:
    cosines = (exact * found).sum(1)
    distance = numpy.linalg.norm(exact - found, axis=1).mean()
    apart = numpy.linalg.norm(exact[:, None] - exact[None], axis=2)
    spread = apart.sum() / (len(exact) * (len(exact) - 1))
    print(f"{name:24} cosine {cosines.mean():.6f}, least {cosines.min():.6f}; {distance / spread:.4f} of two photos' distance")


def main() -> None:
    program, models, *photos = sys.argv[1:]
    models = Path(models)
    config = json.loads((models / "clip-search/open_clip_config.json").read_text())
    size = config["model_cfg"]["vision_cfg"]["image_size"]
    transform = open_clip.image_transform(size, is_train=False)
    pixels = numpy.stack([transform(Image.open(photo)).numpy() for photo in photos])
    (visual,) = models.glob("rclip/*/visual.onnx")
    exact = ours(program, models / "clip-search", "f32", photos)
    reference = theirs(visual, pixels)
    print(f"{len(photos)} photos; f32 here and in onnxruntime: least cosine {(exact * reference).sum(1).min():.7f}")
    for precision in ["f16", "int8"]:
        tell(f"clip-search {precision}", exact, ours(program, models / "clip-search", precision, photos))
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(visual), str(prepared), skip_symbolic_shape=True)
        for name, per_channel in [("int8", False), ("int8, by channel", True)]:
            made = Path(folder) / f"int8-{per_channel}.onnx"
            quantize_dynamic(str(prepared), str(made), weight_type=QuantType.QInt8, per_channel=per_channel)
            tell(f"onnxruntime {name}", reference, theirs(made, pixels))


main()
