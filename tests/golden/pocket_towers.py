#!/usr/bin/env python3
"""A small model of `pocket`'s kind as a native model file, and what PyTorch makes of pixels and ids with its weights.

    python tests/golden/pocket_towers.py crates/clip-model/tests/fixtures/tiny-pocket

Needs torch, transformers and safetensors. The image tower is written out with torch's functions and TensorFlow's
"same" padding; the text tower is transformers' BertModel. All weights, norms and biases are random.
"""
import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from transformers import BertConfig, BertModel

SIZE = 37  # odd, so that padding is uneven
STAGES = [
    dict(repeats=1, kernel=3, stride=1, expansion=1, channels=6),
    dict(repeats=2, kernel=5, stride=2, expansion=3, channels=10),
    dict(repeats=2, kernel=3, stride=2, expansion=2, channels=12),
]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "##gy", "on", "the", "beach", "two", "red", "cars", ".", ","]
CONFIG = {
    "name": "tiny-pocket",
    "embed_dim": 8,
    "image": {
        "kind": "inverted_residual",
        "image_size": SIZE,
        "backbones": [
            {"stem": 6, "stages": STAGES, "features": 16},
            {"stem": 4, "stages": STAGES[:2], "features": 12},
        ],
        "head": {"hidden": 20, "output": 8, "dropout": 0.3},
    },
    "text": {
        "kind": "bert", "vocab_size": len(WORDS), "context_length": 12, "width": 24, "layers": 3, "heads": 4,
        "intermediate": 40, "layer_norm_eps": 1e-12, "head": {"hidden": 18, "output": 8, "dropout": 0.1},
    },
    "tokenizer": {"kind": "word_piece", "context_length": 12, "pad_id": 0},
    "preprocess": {
        "size": SIZE, "resize": "squash", "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5],
    },
}  # fmt: skip
tensors: dict[str, torch.Tensor] = {}


def make(name: str, *shape: int, scale: float | None = None, offset: float = 0.0) -> torch.Tensor:
    scale = scale if scale is not None else 1.5 / math.sqrt(math.prod(shape[1:]) or 1)
    tensors[name] = torch.randn(*shape) * scale + offset
    return tensors[name]


def conv(x: torch.Tensor, name: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
    weight, bias = tensors[f"{name}.weight"], tensors[f"{name}.bias"]
    pads = []
    for axis in (3, 2):  # F.pad takes the last axis first
        size, kernel = x.shape[axis], weight.shape[axis]
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        pads += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, pads), weight, bias, stride, groups=groups)


def make_conv(name: str, inputs: int, outputs: int, kernel: int) -> None:
    make(f"{name}.weight", outputs, inputs, kernel, kernel)
    make(f"{name}.bias", outputs, scale=0.3)


def backbone(x: torch.Tensor, index: int) -> torch.Tensor:
    config, prefix = CONFIG["image"]["backbones"][index], f"image.backbones.{index}"
    make_conv(f"{prefix}.stem", 3, config["stem"], 3)
    x = conv(x, f"{prefix}.stem", 2).clamp(0, 6)
    channels, block = config["stem"], 0
    for stage in config["stages"]:
        for repeat in range(stage["repeats"]):
            stride, name = stage["stride"] if repeat == 0 else 1, f"{prefix}.blocks.{block}"
            wide, y = channels * stage["expansion"], x
            if stage["expansion"] != 1:
                make_conv(f"{name}.expand", channels, wide, 1)
                y = conv(y, f"{name}.expand").clamp(0, 6)
            make_conv(f"{name}.depthwise", 1, wide, stage["kernel"])
            y = conv(y, f"{name}.depthwise", stride, wide).clamp(0, 6)
            make_conv(f"{name}.project", wide, stage["channels"], 1)
            y = conv(y, f"{name}.project")
            x = x + y if stride == 1 and channels == stage["channels"] else y
            channels, block = stage["channels"], block + 1
    make_conv(f"{prefix}.features", channels, config["features"], 1)
    return conv(x, f"{prefix}.features").clamp(0, 6).mean((2, 3))


def head(x: torch.Tensor, prefix: str, config: dict) -> torch.Tensor:
    width = x.shape[1]
    make(f"{prefix}.mean", width, scale=0.5)
    make(f"{prefix}.scale", width, scale=0.2, offset=1.0)
    for name, inputs, outputs in (
        ("linear", width, config["output"]),
        ("hidden", width, config["hidden"]),
        ("output", config["hidden"], config["output"]),
    ):
        make(f"{prefix}.{name}.weight", outputs, inputs)
        make(f"{prefix}.{name}.bias", outputs, scale=0.3)
    x = (x - tensors[f"{prefix}.mean"]) * tensors[f"{prefix}.scale"]
    linear = lambda name, x: F.linear(x, tensors[f"{prefix}.{name}.weight"], tensors[f"{prefix}.{name}.bias"])
    return linear("linear", x) + linear("output", F.gelu(linear("hidden", x)))


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(3)
    pixels = torch.randn(5, 3, SIZE, SIZE)
    image = head(torch.cat([backbone(pixels, 0), backbone(pixels, 1)], 1), "image.head", CONFIG["image"]["head"])

    text = CONFIG["text"]
    bert = BertModel(
        BertConfig(
            vocab_size=text["vocab_size"], hidden_size=text["width"], num_hidden_layers=text["layers"],
            num_attention_heads=text["heads"], intermediate_size=text["intermediate"],
            max_position_embeddings=text["context_length"], layer_norm_eps=1e-12,
        ),
        add_pooling_layer=False,
    ).eval()  # fmt: skip
    with torch.no_grad():
        for name, parameter in bert.named_parameters():
            norm = "LayerNorm.weight" in name
            parameter.copy_(torch.randn_like(parameter) * (0.2 if norm else 0.35) + (1.0 if norm else 0.0))
    state = bert.state_dict()
    tensors["text.word.weight"] = state["embeddings.word_embeddings.weight"]
    tensors["text.position.weight"] = (
        state["embeddings.position_embeddings.weight"] + state["embeddings.token_type_embeddings.weight"][0]
    )
    names = {"embeddings.LayerNorm": "text.norm"}
    for i in range(text["layers"]):
        for theirs, ours in {
            "attention.self.query": "query", "attention.self.key": "key", "attention.self.value": "value",
            "attention.output.dense": "attended", "attention.output.LayerNorm": "attention_norm",
            "intermediate.dense": "hidden", "output.dense": "output", "output.LayerNorm": "output_norm",
        }.items():  # fmt: skip
            names[f"encoder.layer.{i}.{theirs}"] = f"text.layers.{i}.{ours}"
    for theirs, ours in names.items():
        for kind in ("weight", "bias"):
            tensors[f"{ours}.{kind}"] = state[f"{theirs}.{kind}"]
    ids = torch.tensor([
        [2, 5, 6, 8, 9, 10, 3, 0], [2, 11, 12, 13, 3, 0, 0, 0], [2, 3, 0, 0, 0, 0, 0, 0],
        [2, 5, 6, 7, 15, 5, 12, 3], [2, 10, 3, 0, 0, 0, 0, 0],
    ])  # fmt: skip
    mask = (ids != 0).float()
    with torch.no_grad():
        states = bert(input_ids=ids, attention_mask=mask).last_hidden_state
    pooled = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    make("text.pooled_norm.weight", text["width"], scale=0.2, offset=1.0)
    make("text.pooled_norm.bias", text["width"], scale=0.2)
    pooled = F.layer_norm(pooled, (text["width"],), tensors["text.pooled_norm.weight"], tensors["text.pooled_norm.bias"], 1e-12)
    embedded = head(pooled, "text.head", text["head"])

    stored = {name: tensor.numpy().astype(np.float32) for name, tensor in tensors.items()}
    stored["logit_scale"] = np.array([2.5], dtype=np.float32)
    stored["tokenizer"] = np.frombuffer("\n".join(WORDS).encode(), dtype=np.uint8)
    description = json.dumps({"format_version": 1, "config": CONFIG})
    save_file(stored, out / "model.safetensors", {"clip-search": description})
    save_file(
        {
            "pixels": pixels.numpy(),
            "image": F.normalize(image).numpy(),
            "ids": ids.numpy().astype(np.float32),
            "states": (states * mask[..., None]).numpy(),
            "text": F.normalize(embedded).numpy(),
        },
        out / "expected.safetensors",
    )


if __name__ == "__main__":
    with torch.no_grad():
        main()
