"""Makes the golden checkpoints of SigLIP and SigLIP 2 for crates/clip-model (tests/golden_siglip.rs and the tests in
weights/timm_vit.rs).

For each of the two, one small model with seeded random weights is written in transformers' layout and in open_clip's, each
with the activations and the tokenizer clean-up that checkpoints of that layout have, and with what the library answers for
real photos and texts. With equal activations the two libraries must agree before anything is written.

    python tests/golden/siglip.py [OUT]     # needs torch, open_clip_torch, timm, transformers, safetensors, pillow

OUT is crates/clip-model/tests/fixtures unless given; the tokenizers come from OUT/tokenizer-siglip (siglip_tokenizer.py).
"""

import json
import sys
from pathlib import Path

import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.models import register_model
from timm.models.vision_transformer import VisionTransformer
from transformers import SiglipConfig, SiglipModel

import siglip_tokenizer
from random_weights import randomise

SIZE, PATCH, LAYERS, HEADS, CONTEXT, EPS = 32, 8, 2, 2, 64, 1e-6
WIDTH, MLP = 24, 72
TEXTS = ["", *siglip_tokenizer.TEXTS]
TIMM_NAME = "vit_golden_patch8_siglip_32"
# SigLIP 2's text tower may be narrower than the embedding, and its timm models mostly approximate no activation.
FAMILIES = dict(
    siglip=dict(text_width=WIDTH, act_kwargs=None),
    siglip2=dict(text_width=16, act_kwargs=dict(approximate="tanh")),
)


@register_model
def vit_golden_patch8_siglip_32(pretrained=False, **kwargs):
    """A model of timm's that is small enough for a test; the name is known to the tests of clip-model, too."""
    kwargs = {name: value for name, value in kwargs.items() if not name.startswith(("pretrained", "cache_dir"))}
    return VisionTransformer(
        img_size=SIZE, patch_size=PATCH, embed_dim=WIDTH, depth=LAYERS, num_heads=HEADS, mlp_ratio=MLP / WIDTH,
        class_token=False, **kwargs)


def open_clip_config(family: dict, vocabulary: int) -> dict:
    text = dict(
        context_length=CONTEXT, vocab_size=vocabulary, hf_tokenizer_name="golden", tokenizer_kwargs=dict(clean="canonicalize"),
        width=family["text_width"], heads=HEADS, layers=LAYERS, mlp_ratio=3.0, no_causal_mask=True, proj_bias=True,
        pool_type="last", norm_kwargs=dict(eps=EPS))
    if family["act_kwargs"]:
        text["act_kwargs"] = family["act_kwargs"]
    vision = dict(image_size=SIZE, timm_model_name=TIMM_NAME, timm_model_pretrained=False, timm_pool="map", timm_proj="none")
    return dict(embed_dim=WIDTH, init_logit_bias=-10, custom_text=True, vision_cfg=vision, text_cfg=text)


def huggingface_config(family: dict, vocabulary: int, vision_act: str, text_act: str) -> SiglipConfig:
    width = family["text_width"]
    return SiglipConfig(
        text_config=dict(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=3 * width, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, max_position_embeddings=CONTEXT, hidden_act=text_act, projection_size=WIDTH),
        vision_config=dict(
            hidden_size=WIDTH, intermediate_size=MLP, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
            image_size=SIZE, patch_size=PATCH, hidden_act=vision_act))


def to_transformers(state: dict) -> dict:
    """open_clip's and timm's names to those of transformers' SiglipModel."""
    out = {"logit_scale": state["logit_scale"].reshape(1), "logit_bias": state["logit_bias"].reshape(1)}
    for name, tensor in state.items():
        if name.startswith("visual.trunk.attn_pool."):
            rest = name.removeprefix("visual.trunk.attn_pool.")
            head = "vision_model.head."
            if rest.startswith("kv."):
                continue
            if rest.startswith("q."):
                kind = rest.removeprefix("q.")
                out[f"{head}attention.in_proj_{kind}"] = torch.cat([tensor, state[name.replace(".q.", ".kv.")]])
                continue
            for old, new in (("latent", "probe"), ("proj.", "attention.out_proj."), ("norm.", "layernorm.")):
                if rest.startswith(old):
                    rest = new + rest.removeprefix(old)
            out[head + rest] = tensor
        elif name.startswith("visual.trunk.blocks."):
            layer, rest = name.removeprefix("visual.trunk.blocks.").split(".", 1)
            rest = rest.replace("norm1", "layer_norm1").replace("norm2", "layer_norm2")
            rest = rest.replace("attn.proj", "self_attn.out_proj")
            layer = f"vision_model.encoder.layers.{layer}."
            if rest.startswith("attn.qkv."):
                for part, chunk in zip("qkv", tensor.chunk(3)):
                    out[f"{layer}self_attn.{part}_proj.{rest.removeprefix('attn.qkv.')}"] = chunk
            else:
                out[layer + rest] = tensor
        elif name.startswith("text.transformer.resblocks."):
            layer, rest = name.removeprefix("text.transformer.resblocks.").split(".", 1)
            rest = rest.replace("ln_1", "layer_norm1").replace("ln_2", "layer_norm2").replace("mlp.c_fc", "mlp.fc1")
            rest = rest.replace("mlp.c_proj", "mlp.fc2").replace("attn.out_proj", "self_attn.out_proj")
            layer = f"text_model.encoder.layers.{layer}."
            if rest.startswith("attn.in_proj_"):
                for part, chunk in zip("qkv", tensor.chunk(3)):
                    out[f"{layer}self_attn.{part}_proj.{rest.removeprefix('attn.in_proj_')}"] = chunk
            else:
                out[layer + rest] = tensor
    simple = {
        "visual.trunk.patch_embed.proj.weight": "vision_model.embeddings.patch_embedding.weight",
        "visual.trunk.patch_embed.proj.bias": "vision_model.embeddings.patch_embedding.bias",
        "visual.trunk.norm.weight": "vision_model.post_layernorm.weight",
        "visual.trunk.norm.bias": "vision_model.post_layernorm.bias",
        "text.token_embedding.weight": "text_model.embeddings.token_embedding.weight",
        "text.positional_embedding": "text_model.embeddings.position_embedding.weight",
        "text.ln_final.weight": "text_model.final_layer_norm.weight",
        "text.ln_final.bias": "text_model.final_layer_norm.bias",
        "text.text_projection.weight": "text_model.head.weight",
        "text.text_projection.bias": "text_model.head.bias",
    }
    out |= {new: state[old] for old, new in simple.items()}
    out["vision_model.embeddings.position_embedding.weight"] = state["visual.trunk.pos_embed"][0]
    return {name: tensor.contiguous().clone() for name, tensor in out.items()}


def unit(result) -> torch.Tensor:
    tensor = result if isinstance(result, torch.Tensor) else result.pooler_output
    return torch.nn.functional.normalize(tensor, dim=-1)


def answers(model: SiglipModel, pixels: torch.Tensor, ids: torch.Tensor) -> dict:
    return dict(
        images=unit(model.get_image_features(pixel_values=pixels)), texts=unit(model.get_text_features(input_ids=ids)),
        hidden=model.text_model(input_ids=ids).last_hidden_state)


def transformers_model(config: SiglipConfig, converted: dict) -> SiglipModel:
    model = SiglipModel(config).eval()
    model.load_state_dict(converted)
    return model


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    root = Path(__file__).resolve().parents[2]
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "crates/clip-model/tests/fixtures"
    tokenizers = out / "tokenizer-siglip"
    half = (0.5, 0.5, 0.5)
    transform = open_clip.image_transform(
        SIZE, is_train=False, mean=half, std=half, resize_mode="squash", interpolation="bicubic")
    photos = sorted(path for path in (root / "samples").iterdir() if path.suffix in (".jpg", ".png"))[:8]
    pixels = torch.stack([transform(Image.open(path).convert("RGB")) for path in photos])
    expected = dict(pixels=pixels)
    for seed, (name, family) in enumerate(FAMILIES.items()):
        vocabulary = json.loads((tokenizers / name / "tokenizer.json").read_text())["model"]["vocab"]
        config = open_clip_config(family, len(vocabulary))
        model = open_clip.model.CustomTextCLIP(**{k: v for k, v in config.items() if k != "custom_text"}).eval()
        randomise(model, seed=20 + seed)
        converted = to_transformers(model.state_dict())
        clean = open_clip.tokenizer.HFTokenizer(str(tokenizers / name), context_length=CONTEXT, clean="canonicalize")
        ids = clean(TEXTS)
        ours = dict(images=model.encode_image(pixels, normalize=True), texts=model.encode_text(ids, normalize=True))
        text_act = "gelu_pytorch_tanh" if family["act_kwargs"] else "gelu"
        same = transformers_model(huggingface_config(family, len(vocabulary), "gelu", text_act), converted)
        theirs = answers(same, pixels, ids)
        for kind in ours:
            difference = (ours[kind] - theirs[kind]).abs().max()
            assert difference < 1e-5, (name, kind, difference)
        ours["hidden"] = theirs["hidden"]

        # transformers' checkpoints approximate the activation, and leave HTML alone.
        tanh = huggingface_config(family, len(vocabulary), "gelu_pytorch_tanh", "gelu_pytorch_tanh")
        # The saved SentencePiece model is not committed: the ids of transformers are in golden.jsonl, made with it.
        rows = [json.loads(line) for line in (tokenizers / "golden.jsonl").read_text().splitlines()]
        rows = {row["text"]: row[name] for row in rows}
        pad = 1 if name == "siglip" else 0
        their_ids = torch.tensor([rows[text] + [pad] * (CONTEXT - len(rows[text])) for text in TEXTS])
        theirs = answers(transformers_model(tanh, converted), pixels, their_ids)
        for layout, result in (("open-clip", ours), ("huggingface", theirs)):
            expected |= {f"{name}-{layout}.{kind}": tensor.contiguous() for kind, tensor in result.items()}

        folder = out / f"tiny-{name}-open-clip"
        folder.mkdir(parents=True, exist_ok=True)
        preprocess = dict(mean=half, std=half, interpolation="bicubic", resize_mode="squash")
        (folder / "open_clip_config.json").write_text(
            json.dumps(dict(model_cfg=config, preprocess_cfg=preprocess), indent=2) + "\n")
        state = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
        save_file(state, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
        folder = out / f"tiny-{name}-huggingface"
        folder.mkdir(parents=True, exist_ok=True)
        # As the published files: only what differs from the defaults.
        (folder / "config.json").write_text(json.dumps(tanh.to_diff_dict(), indent=2, sort_keys=True) + "\n")
        (folder / "preprocessor_config.json").write_text(json.dumps(dict(
            do_normalize=True, do_rescale=True, do_resize=True, image_mean=half, image_std=half,
            image_processor_type="SiglipImageProcessor", resample=3 if name == "siglip" else 2,
            rescale_factor=1 / 255, size=dict(height=SIZE, width=SIZE)), indent=2) + "\n")
        save_file(converted, folder / "model.safetensors", metadata={"format": "pt"})
    save_file(expected, out / "tiny-siglip-expected.safetensors", metadata={"texts": json.dumps(TEXTS)})
    for path in sorted(out.glob("tiny-siglip*/**/*.safetensors")) + [out / "tiny-siglip-expected.safetensors"]:
        print(f"{path.stat().st_size:8} {path}")


if __name__ == "__main__":
    main()
