"""Compares `clip-search embed` with other libraries at MobileCLIP's and TinyCLIP's full size, from files to embeddings.

Checkpoints with seeded random weights, biases and norms, and batch norms that were calibrated on the photos and then
disturbed, are written to a scratch folder (up to 600 MB each, removed afterwards); photos and texts go through the binary
and through the reference with its own decoding, preprocessing and tokenizer. Distances are relative to the reference's own
spread (the mean distance from its mean): cosines are blind, since random weights map all inputs close together.

    python tests/golden/full_size_mobileclip.py BINARY PHOTOS SCRATCH [--models NAME,...] [--photos N] [--png]
        [--ml-mobileclip CHECKOUT]

PHOTOS is a folder of photos. MobileCLIP-S0's reference is ml-mobileclip (a checkout of https://github.com/apple/ml-mobileclip,
open_clip has no such text tower), TinyCLIP's transformers, the others' open_clip. `--png` stores the photos again without
loss first, which leaves the decoder out. Exit status 0 if photos stay within 2 % and texts and their tokens' states within
0.1 %.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import open_clip
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent))
from full_size import choose, embed, relative  # noqa: E402
from mobileclip import open_clip_states, randomise, stored  # noqa: E402

torch.set_num_threads(1)
sys.modules.pop("mobileclip")
sys.path.pop(0)

MODELS = ["MobileCLIP2-S0", "MobileCLIP-B", "TinyCLIP-ViT-8M-16-Text-3M"]
TEXTS = [
    "a dog running on a beach", "two men in a park", "sunset", "", "A black-and-white PHOTO of the Eiffel tower!",
    "caf\u00e9 &amp; cr\u00eape", "\u4e00\u53ea\u732b", "\U0001f600 smile", "it's   what they'll   say",
    "the quick brown fox " * 30,
]
MOBILECLIP = dict(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), interpolation="bilinear", resize_mode="shortest")


def calibrate(model: nn.Module, run) -> None:
    """Makes a deep convolutional network with random weights as steady as a trained one, which shows differences of its
    inputs by about their size: kernels that lean to smoothing, moderate layer scales, and batch norms with the statistics
    of `run`, somewhat disturbed."""
    for name, parameter in model.named_parameters():
        if "layer_scale" in name:
            parameter *= 0.3
        elif parameter.ndim == 4 and parameter.shape[-1] > 1:
            parameter += parameter.std()
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    run()
    generator = torch.Generator().manual_seed(5)
    for norm in norms:
        norm.eval()
        norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn(norm.running_mean.shape, generator=generator)
        norm.running_var *= torch.exp(0.2 * torch.randn(norm.running_var.shape, generator=generator))


class OpenClipCase:
    def __init__(self, name: str, pixels):
        self.config = open_clip.get_model_config(name)
        self.size = self.config["vision_cfg"]["image_size"]
        self.transform = open_clip.image_transform(self.size, is_train=False, **MOBILECLIP)
        self.tokenizer = open_clip.tokenizer.SimpleTokenizer()
        self.model = open_clip.create_model(name).eval()
        randomise(self.model, seed=3)
        calibrate(self.model, lambda: self.model.encode_image(pixels(self.transform)))

    def images(self, pixels):
        return self.model.encode_image(pixels, normalize=True)

    def texts(self, texts):
        ids = self.tokenizer(texts)
        states = open_clip_states(self.model, ids)
        return self.model.encode_text(ids, normalize=True), [row[: end + 1] for row, end in zip(states, ids.argmax(dim=1))]

    def write(self, folder: Path) -> None:
        (folder / "open_clip_config.json").write_text(
            json.dumps(dict(model_cfg=self.config, preprocess_cfg=MOBILECLIP)))
        save_file(stored(self.model), folder / "open_clip_model.safetensors", metadata={"format": "pt"})


class AppleCase:
    def __init__(self, name: str, pixels):
        import mobileclip

        self.model, _, self.transform = mobileclip.create_model_and_transforms(name, reparameterize=False)
        self.tokenizer = open_clip.tokenizer.SimpleTokenizer()
        self.config = Path(mobileclip.__file__).parent / "configs" / f"{name}.json"
        randomise(self.model, seed=3)
        ids = self.tokenizer(TEXTS)
        calibrate(self.model, lambda: (self.model.encode_image(pixels(self.transform)), self.model.encode_text(ids)))

    def images(self, pixels):
        return self.model.encode_image(pixels, normalize=True)

    def texts(self, texts):
        ids = self.tokenizer(texts)
        states = self.model.text_encoder(ids, return_all_tokens=True)
        return self.model.encode_text(ids, normalize=True), [row[: end + 1] for row, end in zip(states, ids.argmax(dim=1))]

    def write(self, folder: Path) -> None:
        shutil.copy(self.config, folder / "config.json")
        save_file(stored(self.model), folder / "model.safetensors", metadata={"format": "pt"})


class TinyClipCase:
    """In the layout and the sizes of wkcn/TinyCLIP-*, which are transformers' CLIP models."""

    SIZES = {
        "TinyCLIP-ViT-8M-16-Text-3M": (256, 16, 10, 256, 3),
        "TinyCLIP-ViT-39M-16-Text-19M": (512, 16, 12, 512, 6),
        "TinyCLIP-ViT-40M-32-Text-19M": (512, 32, 12, 512, 6),
        "TinyCLIP-ViT-61M-32-Text-29M": (640, 32, 12, 512, 9),
    }

    def __init__(self, name: str, pixels):
        from transformers import CLIPConfig, CLIPModel

        width, patch, layers, text_width, text_layers = self.SIZES[name]
        self.transform = open_clip.image_transform(224, is_train=False)
        self.tokenizer = open_clip.tokenizer.SimpleTokenizer()
        self.model = CLIPModel(CLIPConfig(
            projection_dim=512,
            text_config=dict(
                hidden_size=text_width, intermediate_size=4 * text_width, num_hidden_layers=text_layers,
                num_attention_heads=text_width // 64, hidden_act="gelu", projection_dim=512),
            vision_config=dict(
                hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
                num_attention_heads=width // 64, patch_size=patch, hidden_act="gelu", projection_dim=512))).eval()
        randomise(self.model, seed=3)

    @staticmethod
    def unit(features):
        features = features if isinstance(features, torch.Tensor) else features.pooler_output
        return torch.nn.functional.normalize(features, dim=-1)

    def images(self, pixels):
        return self.unit(self.model.get_image_features(pixel_values=pixels))

    def texts(self, texts):
        ids = self.tokenizer(texts)
        states = self.model.text_model(input_ids=ids).last_hidden_state
        return (self.unit(self.model.get_text_features(input_ids=ids)),
                [row[: end + 1] for row, end in zip(states, ids.argmax(dim=1))])

    def write(self, folder: Path) -> None:
        (folder / "config.json").write_text(json.dumps(self.model.config.to_dict()))
        state = {name: t for name, t in stored(self.model).items() if not name.endswith("position_ids")}
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("binary")
    parser.add_argument("photos_folder", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--models", help="names, separated by commas")
    parser.add_argument("--ml-mobileclip", type=Path)
    parser.add_argument("--png", action="store_true")
    args = parser.parse_args()
    if args.ml_mobileclip:
        sys.path.insert(0, str(args.ml_mobileclip))

    photos = choose(args.photos_folder, args.photos)
    if args.png:
        folder = args.scratch / "png"
        folder.mkdir(parents=True, exist_ok=True)
        for index, photo in enumerate(photos):
            with Image.open(photo) as image:
                ImageOps.exif_transpose(image).convert("RGB").save(folder / f"{index}.png")
        photos = [folder / f"{index}.png" for index in range(len(photos))]

    def pixels(transform):
        loaded = []
        for photo in photos:
            with Image.open(photo) as image:
                loaded.append(transform(ImageOps.exif_transpose(image).convert("RGB")))
        return torch.stack(loaded)

    default = MODELS + ["MobileCLIP-S0"] * (args.ml_mobileclip is not None)
    good = True
    for name in args.models.split(",") if args.models else default:
        print(name)
        if name.startswith("TinyCLIP"):
            case = TinyClipCase(name, pixels)
        elif name == "MobileCLIP-S0":
            case = AppleCase("mobileclip_s0", pixels)
        else:
            case = OpenClipCase(name, pixels)
        folder = args.scratch / name
        folder.mkdir(parents=True, exist_ok=True)
        case.write(folder)
        expected = case.images(pixels(case.transform))
        texts, states = case.texts(TEXTS)
        images = relative(torch.stack(embed(args.binary, folder, "embedding", list(map(str, photos)), "--image")), expected)
        words = relative(torch.stack(embed(args.binary, folder, "embedding", TEXTS, "--text")), texts)
        found = embed(args.binary, folder, "hidden", TEXTS, "--text", "--hidden")
        hidden = relative(torch.cat(found), torch.cat(states))
        spread = (expected - expected.mean(0)).norm(dim=1).mean()
        print(f"  images {images:.4%} of the spread, which is {spread:.3f} (at most 2 %), texts {words:.5%}, token states "
              f"{hidden:.5%} (at most 0.1 %)")
        good &= images <= 0.02 and words <= 0.001 and hidden <= 0.001
        shutil.rmtree(folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
