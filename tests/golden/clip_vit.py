"""Makes the golden fixtures of crates/clip-model/tests/golden_vit.rs.

A small ViT with CLIP's causal text tower, with seeded random weights (biases, norms and embeddings, too), is written in
the layouts of open_clip and of transformers, with what both libraries answer for a few photos and texts. The two must
agree with each other before anything is written.

    python tests/golden/clip_vit.py [OUT]     # needs torch, open_clip_torch, transformers, safetensors, numpy

OUT is crates/clip-model/tests/fixtures unless given.
"""

import gzip
import json
import math
import sys
from pathlib import Path

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer, default_bpe
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

MERGES = 60
CONTEXT = 12
EMBED = 16
VISION = dict(image_size=24, patch_size=8, width=24, layers=2, head_width=12)
TEXT = dict(context_length=CONTEXT, vocab_size=512 + MERGES + 2, width=16, heads=2, layers=2)
TEXTS = ["a dog on the beach", "two men in a park", "", "the sun sets over the mountains and the sea behind it", "a", "cats"]


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Gives every parameter values that matter: fresh norms are 1, biases 0, and would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            is_norm = any(part.startswith("ln_") for part in name.split("."))
            if name == "logit_scale":
                parameter.fill_(2.5)
            elif is_norm and name.endswith("weight"):
                parameter.copy_(1 + 0.3 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif "embedding" in name:
                parameter.copy_(0.7 * noise)
            else:
                fan_in = math.prod(parameter.shape[1:]) if not name.endswith("proj") else parameter.shape[0]
                parameter.copy_(1.5 * noise / math.sqrt(fan_in))


def to_transformers(state: dict, layers_v: int, layers_t: int) -> dict:
    """open_clip's names and fused projections to those of transformers' CLIPModel."""
    out = {"logit_scale": state["logit_scale"]}
    out["visual_projection.weight"] = state["visual.proj"].T
    out["text_projection.weight"] = state["text_projection"].T
    out["vision_model.embeddings.class_embedding"] = state["visual.class_embedding"]
    out["vision_model.embeddings.patch_embedding.weight"] = state["visual.conv1.weight"]
    out["vision_model.embeddings.position_embedding.weight"] = state["visual.positional_embedding"]
    out["text_model.embeddings.token_embedding.weight"] = state["token_embedding.weight"]
    out["text_model.embeddings.position_embedding.weight"] = state["positional_embedding"]
    for kind in ("weight", "bias"):
        out[f"vision_model.pre_layrnorm.{kind}"] = state[f"visual.ln_pre.{kind}"]
        out[f"vision_model.post_layernorm.{kind}"] = state[f"visual.ln_post.{kind}"]
        out[f"text_model.final_layer_norm.{kind}"] = state[f"ln_final.{kind}"]
        for theirs, ours, layers in (("visual.", "vision_model", layers_v), ("", "text_model", layers_t)):
            for layer in range(layers):
                old, new = f"{theirs}transformer.resblocks.{layer}", f"{ours}.encoder.layers.{layer}"
                out[f"{new}.layer_norm1.{kind}"] = state[f"{old}.ln_1.{kind}"]
                out[f"{new}.layer_norm2.{kind}"] = state[f"{old}.ln_2.{kind}"]
                out[f"{new}.self_attn.out_proj.{kind}"] = state[f"{old}.attn.out_proj.{kind}"]
                out[f"{new}.mlp.fc1.{kind}"] = state[f"{old}.mlp.c_fc.{kind}"]
                out[f"{new}.mlp.fc2.{kind}"] = state[f"{old}.mlp.c_proj.{kind}"]
                for part, chunk in zip("qkv", state[f"{old}.attn.in_proj_{kind}"].chunk(3)):
                    out[f"{new}.self_attn.{part}_proj.{kind}"] = chunk
    return {name: tensor.contiguous().clone() for name, tensor in out.items()}


def huggingface_config(activation: str) -> CLIPConfig:
    return CLIPConfig(
        text_config=dict(
            vocab_size=TEXT["vocab_size"], hidden_size=TEXT["width"], intermediate_size=4 * TEXT["width"],
            num_hidden_layers=TEXT["layers"], num_attention_heads=TEXT["heads"], max_position_embeddings=CONTEXT,
            hidden_act=activation, bos_token_id=TEXT["vocab_size"] - 2, eos_token_id=TEXT["vocab_size"] - 1,
            pad_token_id=0, projection_dim=EMBED,
        ),
        vision_config=dict(
            hidden_size=VISION["width"], intermediate_size=4 * VISION["width"], num_hidden_layers=VISION["layers"],
            num_attention_heads=VISION["width"] // VISION["head_width"], image_size=VISION["image_size"],
            patch_size=VISION["patch_size"], hidden_act=activation, projection_dim=EMBED,
        ),
        projection_dim=EMBED,
    )


def small_tokenizer(scratch: Path, context: int) -> tuple[SimpleTokenizer, str]:
    """The first merges of OpenAI's vocabulary make a small one that works in the same way."""
    lines = gzip.open(default_bpe()).read().decode().split("\n")[: 1 + MERGES]
    merges = "\n".join(lines)
    small = scratch / "small.txt.gz"
    small.write_bytes(gzip.compress(merges.encode()))
    tokenizer = SimpleTokenizer(bpe_path=str(small), context_length=context)
    small.unlink()
    assert tokenizer.vocab_size == 512 + MERGES + 2, tokenizer.vocab_size
    return tokenizer, merges


def features(result) -> torch.Tensor:
    """transformers 5 wraps features in an output object, 4 did not."""
    return result if isinstance(result, torch.Tensor) else result.pooler_output


@torch.no_grad()
def main() -> None:
    root = Path(__file__).resolve().parents[2]
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "crates/clip-model/tests/fixtures"
    ours, theirs = out / "tiny-open-clip", out / "tiny-huggingface"
    for folder in (ours, theirs):
        folder.mkdir(parents=True, exist_ok=True)

    tokenizer, merges = small_tokenizer(out, CONTEXT)
    ids = tokenizer(TEXTS, context_length=CONTEXT)

    pixels = torch.randn((8, 3, VISION["image_size"], VISION["image_size"]), generator=torch.Generator().manual_seed(1))
    expected = {"pixels": pixels, "ids": ids.to(torch.float32)}
    for activation in ("quick_gelu", "gelu"):
        model = open_clip.model.CLIP(EMBED, VISION, TEXT, quick_gelu=activation == "quick_gelu").eval()
        randomise(model, seed=7)
        state = model.state_dict()
        converted = to_transformers(state, VISION["layers"], TEXT["layers"])
        other = CLIPModel(huggingface_config(activation)).eval()
        missing, unexpected = other.load_state_dict(converted, strict=False)
        assert not unexpected and all(name.endswith("position_ids") for name in missing), (missing, unexpected)

        images = model.encode_image(pixels, normalize=True)
        texts = model.encode_text(ids, normalize=True)
        theirs_images = torch.nn.functional.normalize(features(other.get_image_features(pixel_values=pixels)), dim=-1)
        theirs_texts = torch.nn.functional.normalize(features(other.get_text_features(input_ids=ids)), dim=-1)
        for a, b in ((images, theirs_images), (texts, theirs_texts)):
            assert (a - b).abs().max() < 1e-5, (a - b).abs().max()
        hidden = other.text_model(input_ids=ids).last_hidden_state
        expected |= {f"{activation}.images": images, f"{activation}.texts": texts, f"{activation}.hidden": hidden}

    quick = dict(embed_dim=EMBED, quick_gelu=True, vision_cfg=VISION, text_cfg=TEXT)
    preprocess = dict(mean=[0.5, 0.4, 0.3], std=[0.2, 0.25, 0.3], interpolation="bicubic", resize_mode="squash")
    (ours / "open_clip_config.json").write_text(
        json.dumps(dict(model_cfg=quick, preprocess_cfg=preprocess), indent=2) + "\n")
    save_file({name: tensor.contiguous() for name, tensor in state.items() if name != "attn_mask"},
              ours / "open_clip_model.safetensors", metadata={"format": "pt"})
    config = huggingface_config("quick_gelu").to_dict()
    config["architectures"] = ["CLIPModel"]
    (theirs / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (theirs / "preprocessor_config.json").write_text(json.dumps(dict(
        crop_size=dict(height=24, width=24), do_center_crop=True, do_normalize=True, do_rescale=True, do_resize=True,
        image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711], resample=3,
        rescale_factor=1 / 255, size=dict(shortest_edge=24)), indent=2) + "\n")
    save_file(converted, theirs / "model.safetensors", metadata={"format": "pt"})
    for folder in (ours, theirs):
        (folder / "merges.txt").write_text(merges + "\n")
    save_file(expected, out / "tiny-expected.safetensors", metadata={"texts": json.dumps(TEXTS)})
    for path in sorted(out.rglob("*.safetensors")):
        print(f"{path.stat().st_size:8} {path}")


if __name__ == "__main__":
    main()
