"""Towers in torch for `towers.py`: `pocket`'s image tower with random weights, and a folder's text tower."""

import json
import struct
from pathlib import Path

import open_clip
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

# Ten words, a mark before and one behind.
TOKENS = 12
POCKET = Path(__file__).parents[2] / "crates/clip-model/assets/pocket.safetensors"


class SameConv(torch.nn.Conv2d):
    """A convolution with TensorFlow's "same" padding for one size of input; odd padding goes to the bottom and right."""

    def __init__(self, size: int, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1):
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        even = total % 2 == 0
        super().__init__(inputs, outputs, kernel, stride, padding=total // 2 if even else 0, groups=groups)
        self.odd = None if even else [total // 2, total - total // 2] * 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x if self.odd is None else F.pad(x, self.odd))


class Block(torch.nn.Module):
    """Widen, convolve each channel, narrow."""

    def __init__(self, size: int, channels: int, stride: int, stage: dict):
        super().__init__()
        wide = channels * stage["expansion"]
        self.expand = torch.nn.Conv2d(channels, wide, 1) if stage["expansion"] != 1 else None
        self.depthwise = SameConv(size, wide, wide, stage["kernel"], stride, wide)
        self.project = torch.nn.Conv2d(wide, stage["channels"], 1)
        self.shortcut = stride == 1 and channels == stage["channels"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.shortcut else y


class Backbone(torch.nn.Module):
    """To pooled features."""

    def __init__(self, size: int, config: dict):
        super().__init__()
        self.stem = SameConv(size, 3, config["stem"], 3, 2)
        size, channels, blocks = -(-size // 2), config["stem"], []
        for stage in config["stages"]:
            for repeat in range(stage["repeats"]):
                stride = stage["stride"] if repeat == 0 else 1
                blocks.append(Block(size, channels, stride, stage))
                size, channels = -(-size // stride), stage["channels"]
        self.blocks = torch.nn.Sequential(*blocks)
        self.features = torch.nn.Conv2d(channels, config["features"], 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return F.relu6(self.features(self.blocks(F.relu6(self.stem(pixels))))).mean((2, 3))


class Pocket(torch.nn.Module):
    """The image tower of the model in the program, at its size, with random weights."""

    def __init__(self):
        super().__init__()
        with POCKET.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        config = json.loads(header["__metadata__"]["clip-search"])["config"]["image"]
        self.image_size = config["image_size"]
        self.backbones = torch.nn.ModuleList(Backbone(self.image_size, backbone) for backbone in config["backbones"])
        width, head = sum(backbone["features"] for backbone in config["backbones"]), config["head"]
        self.linear = torch.nn.Linear(width, head["output"])
        self.hidden = torch.nn.Linear(width, head["hidden"])
        self.output = torch.nn.Linear(head["hidden"], head["output"])

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = torch.cat([backbone(pixels) for backbone in self.backbones], 1)
        return self.linear(features) + self.output(F.gelu(self.hidden(features)))


class TextTower(torch.nn.Module):
    """A folder's text tower for texts of `TOKENS` tokens, of which the last is the feature."""

    def __init__(self, folder: str):
        super().__init__()
        config = json.loads((Path(folder) / "open_clip_config.json").read_text())["model_cfg"]
        self.clip = open_clip.CLIP(**config)
        self.clip.load_state_dict(load_file(Path(folder) / "open_clip_model.safetensors"), strict=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        clip = self.clip
        x = clip.token_embedding(ids) + clip.positional_embedding[:TOKENS]
        x = clip.transformer(x, attn_mask=clip.attn_mask[:TOKENS, :TOKENS])
        return clip.ln_final(x[:, TOKENS - 1]) @ clip.text_projection
