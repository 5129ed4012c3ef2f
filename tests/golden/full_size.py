"""Compares `clip-search embed` with open_clip at ViT-B/32's full size, from files to embeddings.

A checkpoint with seeded random weights, biases and norms is written to a scratch folder (600 MB), in both layouts if
asked; photos and texts go through the binary and through open_clip. Distances are relative to the reference's own
spread (the mean distance from its mean): cosines are blind, since random weights map all inputs close together.

    python tests/golden/full_size.py BINARY PHOTOS SCRATCH [--photos N] [--huggingface]

PHOTOS is a folder of photos. Exit status 0 if photos stay within 2 % and texts within 0.1 %.
"""

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import open_clip
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parent))
from clip_vit import randomise, to_transformers  # noqa: E402

VISION = dict(image_size=224, patch_size=32, width=768, layers=12)
TEXT = dict(context_length=77, vocab_size=49408, width=512, heads=8, layers=12)
EMBED = 512
OPENAI_MEAN, OPENAI_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
TEXTS = [
    "a dog running on a beach", "two men in a park", "sunset", "a birthday cake", "a screenshot with text", "",
    "A black-and-white PHOTO of the Eiffel tower!", "caf\u00e9 &amp; cr\u00eape", "\u4e00\u53ea\u732b", "\U0001f600 smile",
    "it's   what they'll   say", "1234567890", "the quick brown fox " * 30,
]


def write_checkpoint(model, folder: Path, huggingface: bool) -> Path:
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != "attn_mask"}
    folder = folder / ("vit-b-32-huggingface" if huggingface else "vit-b-32-open-clip")
    folder.mkdir(parents=True, exist_ok=True)
    if huggingface:
        config = dict(
            model_type="clip", projection_dim=EMBED,
            text_config=dict(hidden_act="quick_gelu", eos_token_id=2), vision_config=dict(hidden_act="quick_gelu"))
        (folder / "config.json").write_text(json.dumps(config))
        save_file(to_transformers(state, 12, 12), folder / "model.safetensors", metadata={"format": "pt"})
    else:
        model_cfg = dict(embed_dim=EMBED, quick_gelu=True, vision_cfg=VISION, text_cfg=TEXT)
        preprocess = dict(mean=OPENAI_MEAN, std=OPENAI_STD, interpolation="bicubic", resize_mode="shortest")
        (folder / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=model_cfg, preprocess_cfg=preprocess)))
        save_file(state, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    return folder


def embed(binary: str, folder: Path, flag: str, inputs: list[str]) -> torch.Tensor:
    command = [binary, "embed", "--model", str(folder), "--json"]
    for value in inputs:
        command += [flag, value]
    start = time.monotonic()
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    print(f"{len(lines)} x {flag} in {time.monotonic() - start:.1f} s")
    return torch.tensor([json.loads(line)["embedding"] for line in lines])


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    spread = (expected - expected.mean(0)).norm(dim=1).mean()
    return ((found - expected).norm(dim=1).mean() / spread).item()


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("photos_folder", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--captions", type=Path, help="a CSV whose column `caption` adds 200 texts")
    parser.add_argument("--huggingface", action="store_true")
    args = parser.parse_args()

    model = open_clip.model.CLIP(EMBED, VISION, TEXT, quick_gelu=True).eval()
    randomise(model, seed=3)
    folder = write_checkpoint(model, args.scratch, args.huggingface)
    texts = list(TEXTS)
    if args.captions:
        with args.captions.open(newline="") as file:
            texts += [row["caption"] for row, _ in zip(csv.DictReader(file), range(200))]
    photos = sorted(p for p in args.photos_folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    photos = photos[:: max(1, len(photos) // args.photos)][: args.photos]

    transform = open_clip.image_transform(224, is_train=False, mean=OPENAI_MEAN, std=OPENAI_STD)
    expected = []
    for photo in photos:
        with Image.open(photo) as image:
            pixels = transform(ImageOps.exif_transpose(image).convert("RGB"))
        expected.append(model.encode_image(pixels[None], normalize=True)[0])
    images = relative(embed(args.binary, folder, "--image", [str(p) for p in photos]), torch.stack(expected))

    ids = open_clip.tokenizer.SimpleTokenizer()(texts)
    expected = model.encode_text(ids, normalize=True)
    words = relative(embed(args.binary, folder, "--text", texts), expected)
    print(f"images {images:.4%} of the spread (at most 2 %), texts {words:.5%} (at most 0.1 %)")
    return 0 if images <= 0.02 and words <= 0.001 else 1


if __name__ == "__main__":
    sys.exit(main())
