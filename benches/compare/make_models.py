"""One ViT-B-32-256 with random weights for both sides of a comparison: as rclip reads it, and as clip-search does.

    python make_models.py OUT

Needs open_clip_torch, onnx and safetensors. OUT/rclip is for RCLIP_DATADIR (with HF_HUB_OFFLINE=1), OUT/clip-search for
`--model`. The weights mean nothing, so neither do the results; the work is that of the published model.
"""

import json
import shutil
import sys
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

NAME = "ViT-B-32-256"


class Tower(torch.nn.Module):
    """A tower as rclip's exported models have it: unit vectors come out."""

    def __init__(self, model, method):
        super().__init__()
        self.model = model
        self.method = method

    def forward(self, x):
        return getattr(self.model, self.method)(x, normalize=True)


def main(out):
    out = Path(out)
    torch.manual_seed(1)
    # An operator of its own, which ONNX does not know.
    torch.backends.mha.set_fastpath_enabled(False)
    model = open_clip.create_model(NAME, pretrained=None).eval()

    ours = out / "clip-search"
    ours.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items() if k != "attn_mask"}, ours / "open_clip_model.safetensors")
    config = {
        "model_cfg": open_clip.get_model_config(NAME),
        "preprocess_cfg": open_clip.get_model_preprocess_cfg(model),
    }
    (ours / "open_clip_config.json").write_text(json.dumps(config, indent=1, default=list))

    theirs = out / "rclip" / "ViT-B-32-256-datacomp_s34b_b86k"
    theirs.mkdir(parents=True, exist_ok=True)
    options = dict(input_names=["input"], output_names=["output"], dynamo=False, opset_version=17)
    image, text = torch.randn(1, 3, 256, 256), torch.randint(1, 49000, (1, 77))
    text[0, 20] = 49407
    axes = {"input": {0: "batch"}, "output": {0: "batch"}}
    with torch.no_grad():
        torch.onnx.export(Tower(model, "encode_image"), image, theirs / "visual.onnx", dynamic_axes=axes, **options)
        torch.onnx.export(Tower(model, "encode_text"), text, theirs / "textual.onnx", dynamic_axes=axes, **options)
    tokenizer = out / "rclip" / "tokenizer"
    tokenizer.mkdir(exist_ok=True)
    vocabulary = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    shutil.copy(vocabulary, tokenizer)
    for name in ["LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md"]:
        for folder in [tokenizer, out / "rclip"]:
            (folder / name).touch()


main(*sys.argv[1:])
