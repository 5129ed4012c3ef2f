"""Makes the golden fixtures of crates/clip-model/tests/golden_mobileclip.rs.

Small members of the MobileCLIP family with seeded random weights (norms, running statistics, biases and layer scales,
too), each in the form it is trained in and re-parameterised by its own library, with what that library answers for the
photos in samples/ and a few texts:

    fast-vit           open_clip's layout: timm's FastViT, a text transformer that is not causal (as S1, S2)
    fast-vit-folded    the same, re-parameterised by timm
    conv-stem          open_clip's layout: timm's ViT with a convolutional stem, a causal text transformer (as B)
    repmixer-text      ml-mobileclip's layout: its FastViT, a text tower with RepMixer blocks (as S0)
    repmixer-text-folded   the same, re-parameterised by ml-mobileclip

Before anything is written, every re-parameterised model must agree with the one it was made from.

    python tests/golden/mobileclip.py ML_MOBILECLIP [OUT]

needs torch, timm, open_clip_torch, safetensors, pillow and a checkout of https://github.com/apple/ml-mobileclip. OUT is
crates/clip-model/tests/fixtures/mobileclip unless given.
"""

import copy
import json
import math
import sys
from functools import partial
from pathlib import Path

import open_clip
import timm
import torch
from PIL import Image, ImageOps
from safetensors.torch import save_file
from timm.models import fastvit, register_model, vision_transformer_hybrid
from timm.utils.model import reparameterize_model
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parent))
from clip_vit import MERGES, small_tokenizer  # noqa: E402

torch.set_num_threads(1)

CONTEXT, VOCABULARY, EMBED, SIDE = 12, 512 + MERGES + 2, 16, 64
TEXTS = [
    "a dog on the beach", "two men in a park", "", "a", "cats", "caf\u00e9 cr\u00e8me, na\u00efve fa\u00e7ade",
    "\U0001f600 smile \U0001f415", "fish &amp; chips &lt;3", "the sun sets over the mountains and the sea behind it",
]
TEXT = dict(context_length=CONTEXT, vocab_size=VOCABULARY, width=16, heads=2, layers=2)
FAST_VIT = dict(
    layers=(1, 2, 1, 1), embed_dims=(8, 16, 32, 64), mlp_ratios=(2, 2, 2, 2),
    se_downsamples=(False, False, True, True), token_mixers=("repmixer", "repmixer", "repmixer", "attention"),
)


@register_model
def fastvit_mci_small(pretrained=False, **kwargs):
    position = partial(fastvit.RepConditionalPosEnc, spatial_shape=(7, 7))
    sizes = dict(FAST_VIT, pos_embs=(None, None, None, position), lkc_use_act=True)
    return fastvit.FastVit(**sizes, **{k: v for k, v in kwargs.items() if k in ("num_classes", "global_pool")})


@register_model
def vit_small_mci(pretrained=False, **kwargs):
    stem = vision_transformer_hybrid.ConvStem(
        channels=(8, 8, 32), stride=(4, 2, 2), kernel_size=(4, 2, 2), padding=0, act_layer=nn.GELU)
    embed = partial(vision_transformer_hybrid.HybridEmbed, backbone=stem, proj=False)
    return vision_transformer_hybrid.VisionTransformer(
        img_size=SIDE, patch_size=1, embed_dim=32, depth=2, num_heads=2, no_embed_class=True, embed_layer=embed,
        **{k: v for k, v in kwargs.items() if k in ("num_classes", "global_pool")})


@torch.no_grad()
def randomise(model: nn.Module, seed: int) -> None:
    """Gives every parameter and statistic a value that matters: fresh ones are 0, 1 or 1e-5 and would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    values = {name: p for name, p in [*model.named_parameters(), *model.named_buffers()] if p.is_floating_point()}
    for name, value in sorted(values.items()):
        if name.endswith("attn_mask"):
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name == "logit_scale":
            value.fill_(2.5)
        elif name.endswith("running_var"):
            value.copy_(torch.exp(0.5 * noise))
        elif "layer_scale" in name:
            value.copy_(0.5 + 0.2 * noise)
        elif name.endswith(("bias", "running_mean")):
            value.copy_(0.3 * noise)
        elif value.ndim == 1:
            value.copy_(1 + 0.3 * noise)
        elif any(part in name for part in ("embedding", "pos_embed", "cls_token")):
            value.copy_(0.7 * noise)
        else:
            stored_transposed = name.endswith(("text_projection", "projection_layer", "head.proj", "classifier.proj"))
            fan_in = value.shape[0] if stored_transposed else math.prod(value.shape[1:])
            value.copy_(1.5 * noise / math.sqrt(fan_in))


def photos(root: Path, side: int) -> torch.Tensor:
    """The samples as MobileCLIP sees them, [photos, 3, side, side], in 0..=1."""
    transform = open_clip.image_transform(
        side, is_train=False, mean=(0, 0, 0), std=(1, 1, 1), interpolation="bilinear", resize_mode="shortest")
    def pixels(path):
        with Image.open(path) as image:
            return transform(ImageOps.exif_transpose(image).convert("RGB"))
    return torch.stack([pixels(path) for path in sorted((root / "samples").glob("*.jpg"))])


def stored(model: nn.Module) -> dict:
    return {name: t.contiguous().clone() for name, t in model.state_dict().items() if not name.endswith("attn_mask")}


def agreeing(trained, folded, pixels, ids) -> dict:
    """What the model answers, by both of its forms."""
    answers = {}
    for name, model in (("trained", trained), ("folded", folded)):
        images, texts = model.encode_image(pixels, normalize=True), model.encode_text(ids, normalize=True)
        answers[name] = dict(images=images, texts=texts)
    for kind, answer in answers["trained"].items():
        spread = (answer - answer.mean(0)).norm(dim=1).mean()
        error = (answer - answers["folded"][kind]).norm(dim=1).mean() / spread
        print(f"  {kind}: spread {spread:.3f}, the two forms differ by {error:.2e} of it")
        assert spread > 0.05 and error < 1e-4
    return answers["trained"]


def open_clip_states(model, ids: torch.Tensor) -> torch.Tensor:
    """The tokens' states after the final norm."""
    tower = copy.deepcopy(model.text)
    tower.pool_type, tower.text_projection = "none", None
    return tower(ids)


def write(folder: Path, weights: str, tensors: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / weights, metadata={"format": "pt"})


def of_open_clip(out: Path, name: str, trunk: str, pool: str, causal: bool, pixels, ids, seed: int) -> dict:
    print(name)
    model = open_clip.model.CustomTextCLIP(
        EMBED, dict(timm_model_name=trunk, timm_pool=pool, timm_proj=None, image_size=SIDE),
        dict(TEXT, no_causal_mask=not causal)).eval()
    randomise(model, seed)
    folded = copy.deepcopy(model)
    folded.visual.trunk = reparameterize_model(folded.visual.trunk)
    answers = agreeing(model, folded, pixels, ids)
    write(out / name, "open_clip_model.safetensors", stored(model))
    if trunk.startswith("fastvit"):
        write(out / f"{name}-folded", "open_clip_model.safetensors", stored(folded))
    answers["hidden"] = open_clip_states(model, ids)
    return {f"{name}.{kind}": answer for kind, answer in answers.items()}


def of_ml_mobileclip(out: Path, pixels, ids, seed: int) -> dict:
    print("repmixer-text")
    from mobileclip.clip import CLIP
    from mobileclip.models import mci
    from mobileclip.modules.common.mobileone import reparameterize_model as reparameterize

    @register_model
    def mci_small(pretrained=False, **kwargs):
        position = partial(mci.RepCPE, spatial_shape=(7, 7))
        return mci.FastViT(
            **FAST_VIT, pos_embs=(None, None, None, position), downsamples=(True,) * 4,
            **{k: v for k, v in kwargs.items() if k == "projection_dim"})

    text = dict(
        context_length=CONTEXT, vocab_size=VOCABULARY, dim=16, ffn_multiplier_per_layer=4.0, n_heads_per_layer=2,
        n_transformer_layers=2, norm_layer="layer_norm_fp32", causal_masking=False, model_name="mct")
    model = CLIP(dict(embed_dim=EMBED, image_cfg=dict(image_size=SIDE, model_name="mci_small"), text_cfg=text)).eval()
    randomise(model, seed)
    folded = reparameterize(copy.deepcopy(model))
    answers = agreeing(model, folded, pixels, ids)
    write(out / "repmixer-text", "model.safetensors", stored(model))
    write(out / "repmixer-text-folded", "model.safetensors", stored(folded))
    answers["hidden"] = model.text_encoder(ids, return_all_tokens=True)
    return {f"repmixer-text.{kind}": answer for kind, answer in answers.items()}


@torch.no_grad()
def main() -> None:
    root = Path(__file__).resolve().parents[2]
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else root / "crates/clip-model/tests/fixtures/mobileclip"
    sys.path.insert(0, sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    tokenizer, merges = small_tokenizer(out, CONTEXT)
    (out / "merges.txt").write_text(merges + "\n")
    ids = tokenizer(TEXTS, context_length=CONTEXT)
    pixels = photos(root, SIDE)

    expected = dict(pixels=(255 * pixels).round().to(torch.uint8), ids=ids.to(torch.float32))
    pixels = expected["pixels"].to(torch.float32) / 255
    expected |= of_open_clip(out, "fast-vit", "fastvit_mci_small", "avg", False, pixels, ids, seed=11)
    expected |= of_open_clip(out, "conv-stem", "vit_small_mci", "token", True, pixels, ids, seed=12)
    expected |= of_ml_mobileclip(out, pixels, ids, seed=37)
    save_file({name: t.contiguous() for name, t in expected.items()}, out / "expected.safetensors",
              metadata={"texts": json.dumps(TEXTS)})
    for path in sorted(out.rglob("*.*")):
        print(f"{path.stat().st_size:8} {path}")


if __name__ == "__main__":
    main()
