"""Compares `clip-search embed` with open_clip at full size, from files to embeddings.

Checkpoints with seeded random weights, biases, norms and running statistics are written to a scratch folder (up to 900 MB
each, removed afterwards); photos and texts go through the binary and through open_clip with its own decoding, preprocessing
and tokenizer. Distances are relative to the reference's own spread (the mean distance from its mean): cosines are blind,
since random weights map all inputs close together.

    python tests/golden/full_size.py BINARY PHOTOS SCRATCH [--models NAME,...] [--photos N] [--huggingface] [--f16]

PHOTOS is a folder of photos, NAMEs are open_clip's. Exit status 0 if photos stay within 2 % and texts and their token states
within 0.1 %; with `--f16`, which stores the weights in half precision, within 2 % all.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import open_clip
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parent))
from clip_vit import to_transformers  # noqa: E402
from random_weights import randomise  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = Path(open_clip.__file__).parent / "model_configs"
MODELS = ["ViT-B-32-quickgelu", "ViT-B-16", "RN50-quickgelu", "ViT-B-16-SigLIP"]
OPENAI = dict(mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711), resize_mode="shortest")
SIGLIP = dict(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), resize_mode="squash")
TEXTS = [
    "a dog running on a beach", "two men in a park", "sunset", "", "A black-and-white PHOTO of the Eiffel tower!",
    "caf\u00e9 &amp; cr\u00eape", "\u4e00\u53ea\u732b", "\U0001f600 smile", "it's   what they'll   say",
    "the quick brown fox " * 30,
]


class Case:
    """A model of open_clip's with random weights, its preprocessing and its tokenizer."""

    def __init__(self, name: str, photos: list[Path]):
        self.name = name
        self.config = json.loads((CONFIGS / f"{name}.json").read_text())
        self.siglip = "SigLIP" in name
        self.preprocess = dict(SIGLIP if self.siglip else OPENAI, interpolation="bicubic")
        size = self.config["vision_cfg"]["image_size"]
        self.transform = open_clip.image_transform(size, is_train=False, **self.preprocess)
        arguments = {key: value for key, value in self.config.items() if key != "custom_text"}
        if self.siglip:
            # The published vocabulary is not at hand; a small one of its kind works in the same way.
            version = "siglip2" if "SigLIP2" in name else "siglip"
            self.vocabulary = ROOT / "crates/clip-model/tests/fixtures/tokenizer-siglip" / version
            context = self.config["text_cfg"]["context_length"]
            self.tokenizer = open_clip.tokenizer.HFTokenizer(
                str(self.vocabulary), context_length=context, clean="canonicalize")
            self.model = open_clip.model.CustomTextCLIP(**arguments).eval()
        else:
            self.tokenizer = open_clip.tokenizer.SimpleTokenizer()
            self.model = open_clip.model.CLIP(**arguments).eval()
        pixels = self.pixels(photos[:8]) if isinstance(self.config["vision_cfg"].get("layers"), list) else None
        randomise(self.model, seed=3, photos=pixels, residual=0.1)

    def pixels(self, photos: list[Path]) -> torch.Tensor:
        pixels = []
        for photo in photos:
            with Image.open(photo) as image:
                pixels.append(self.transform(ImageOps.exif_transpose(image).convert("RGB")))
        return torch.stack(pixels)

    def images(self, photos: list[Path]) -> torch.Tensor:
        return torch.cat([self.model.encode_image(self.pixels([photo]), normalize=True) for photo in photos])

    def hidden(self, ids: torch.Tensor) -> list[torch.Tensor]:
        """The states of each text's tokens after the last norm; CLIP's up to the end token."""
        if self.siglip:
            x, mask = self.model.text._embeds(ids)
            return list(self.model.text.ln_final(self.model.text.transformer(x, attn_mask=mask)))
        x = self.model.token_embedding(ids) + self.model.positional_embedding
        states = self.model.ln_final(self.model.transformer(x, attn_mask=self.model.attn_mask))
        return [row[: end + 1] for row, end in zip(states, ids.argmax(dim=1))]

    def write(self, scratch: Path, huggingface: bool, half: bool) -> Path:
        folder = scratch / f"{self.name}-{'huggingface' if huggingface else 'open-clip'}"
        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.contiguous() for name, tensor in self.model.state_dict().items() if name != "attn_mask"}
        if half:
            state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        if huggingface:
            vision, text = self.config["vision_cfg"], self.config["text_cfg"]
            if self.siglip or isinstance(vision["layers"], list):
                raise SystemExit(f"--huggingface is not for {self.name}")
            act = "quick_gelu" if self.config.get("quick_gelu") else "gelu"
            config = dict(
                model_type="clip", projection_dim=self.config["embed_dim"],
                text_config=dict(hidden_act=act, eos_token_id=2),
                vision_config=dict(hidden_act=act, patch_size=vision["patch_size"], image_size=vision["image_size"]))
            (folder / "config.json").write_text(json.dumps(config))
            state = to_transformers(state, vision["layers"], text["layers"])
            save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
            return folder
        (folder / "open_clip_config.json").write_text(
            json.dumps(dict(model_cfg=self.config, preprocess_cfg=self.preprocess)))
        save_file(state, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
        if self.siglip:
            for file in ("tokenizer.json", "tokenizer_config.json"):
                shutil.copy(self.vocabulary / file, folder / file)
        return folder


def embed(binary: str, folder: Path, key: str, inputs: list[str], *flags: str) -> list[torch.Tensor]:
    command = [binary, "embed", "--model", str(folder), "--device", "cpu", "--json", *flags[1:]]
    for value in inputs:
        command += [flags[0], value]
    start = time.monotonic()
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    print(f"  {len(lines)} x {' '.join(flags)} in {time.monotonic() - start:.1f} s")
    return [torch.tensor(json.loads(line)[key]) for line in lines]


def choose(folder: Path, count: int) -> list[Path]:
    """So many of a folder's photos, spread over its sorted paths."""
    photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    return photos[:: max(1, len(photos) // count)][:count]


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    spread = (expected - expected.mean(0)).norm(dim=1).mean()
    return ((found - expected).norm(dim=1).mean() / spread).item()


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("photos_folder", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--captions", type=Path, help="a CSV whose column `caption` adds 200 texts")
    parser.add_argument("--huggingface", action="store_true")
    parser.add_argument("--f16", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)

    texts = list(TEXTS)
    if args.captions:
        with args.captions.open(newline="") as file:
            texts += [row["caption"] for row, _ in zip(csv.DictReader(file), range(200))]
    photos = choose(args.photos_folder, args.photos)
    fine = True
    for name in args.models.split(","):
        case = Case(name, photos)
        folder = case.write(args.scratch, args.huggingface, args.f16)
        ids = case.tokenizer(texts)
        found = torch.stack(embed(args.binary, folder, "embedding", [str(p) for p in photos], "--image"))
        images = relative(found, case.images(photos))
        found = torch.stack(embed(args.binary, folder, "embedding", texts, "--text"))
        words = relative(found, case.model.encode_text(ids, normalize=True))
        found, expected = embed(args.binary, folder, "hidden", texts, "--text", "--hidden"), case.hidden(ids)
        assert [len(a) for a in found] == [len(b) for b in expected]
        states = relative(torch.cat(found), torch.cat(expected))
        bound = 0.02 if args.f16 else 0.001
        fine &= images <= 0.02 and words <= bound and states <= bound
        print(f"{name}: images {images:.4%} of the spread (at most 2 %), texts {words:.5%}, token states {states:.5%} "
              f"(at most {bound:.1%})", flush=True)
        shutil.rmtree(folder)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
