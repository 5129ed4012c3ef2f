"""Makes the golden fixtures of crates/clip-model/tests/golden_modified_resnet.rs.

A small residual network of OpenAI's kind with CLIP's text tower, with seeded random weights and running statistics, is
written in open_clip's layout (transformers has none for it), with what open_clip answers for real photos and texts.

    python tests/golden/modified_resnet.py [OUT]     # needs torch, open_clip_torch, safetensors, pillow

OUT is crates/clip-model/tests/fixtures unless given.
"""

import gzip
import json
import sys
from pathlib import Path

import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer, default_bpe
from PIL import Image
from safetensors.torch import save_file

from random_weights import randomise

MERGES = 60
CONTEXT = 12
EMBED = 16
VISION = dict(image_size=64, layers=[1, 2, 1, 1], width=4, head_width=32, patch_size=None)
TEXT = dict(context_length=CONTEXT, vocab_size=512 + MERGES + 2, width=16, heads=2, layers=1)
TEXTS = [
    "a dog on the beach", "", "caf\u00e9 &amp; cr\u00e8me", "\U0001f600 smile", "two men in a park",
    "the sun sets over the mountains and the sea behind it",
]


@torch.no_grad()
def main() -> None:
    torch.set_num_threads(1)
    root = Path(__file__).resolve().parents[2]
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "crates/clip-model/tests/fixtures"
    folder = out / "tiny-resnet"
    folder.mkdir(parents=True, exist_ok=True)

    # The first merges of OpenAI's vocabulary make a small one that works in the same way.
    merges = "\n".join(gzip.open(default_bpe()).read().decode().split("\n")[: 1 + MERGES])
    small = out / "small.txt.gz"
    small.write_bytes(gzip.compress(merges.encode()))
    tokenizer = SimpleTokenizer(bpe_path=str(small), context_length=CONTEXT)
    small.unlink()

    transform = open_clip.image_transform(VISION["image_size"], is_train=False)
    photos = sorted(path for path in (root / "samples").iterdir() if path.suffix in (".jpg", ".png"))[:8]
    pixels = torch.stack([transform(Image.open(path).convert("RGB")) for path in photos])
    model = open_clip.model.CLIP(EMBED, VISION, TEXT, quick_gelu=True).eval()
    randomise(model, seed=11, photos=pixels)
    expected = dict(
        pixels=pixels,
        images=model.encode_image(pixels, normalize=True),
        texts=model.encode_text(tokenizer(TEXTS, context_length=CONTEXT), normalize=True),
    )

    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name != "attn_mask"}
    config = dict(embed_dim=EMBED, quick_gelu=True, vision_cfg=VISION, text_cfg=TEXT)
    (folder / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=config, preprocess_cfg={}), indent=2) + "\n")
    (folder / "merges.txt").write_text(merges + "\n")
    save_file(state, folder / "open_clip_model.safetensors", metadata={"format": "pt"})
    save_file(expected, out / "tiny-resnet-expected.safetensors", metadata={"texts": json.dumps(TEXTS)})
    spread = (expected["images"] - expected["images"].mean(0)).norm(dim=1).mean().item()
    print(f"spread of the photos {spread:.3f}")
    for path in (folder / "open_clip_model.safetensors", out / "tiny-resnet-expected.safetensors"):
        print(f"{path.stat().st_size:8} {path}")


if __name__ == "__main__":
    main()
