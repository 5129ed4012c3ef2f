"""Preprocessed images by open_clip's image_transform (torchvision over Pillow), for tests/golden_inputs.rs.

    python preprocess.py OUT [PHOTOS COUNT]

Writes small made-up images, and for each mode what the transform makes of them, as eight-bit PNG: a mean of 0 and a
deviation of 1 leave exactly the pixels before normalisation. `normalised.json` has the sums of the three planes with
CLIP's own mean and deviation. With PHOTOS, a folder, COUNT photos of it are taken instead, spread over its sorted names, at
224 pixels; the ignored test reads OUT through CLIP_MODEL_PIXELS_GOLDEN. They are saved as PNG as Pillow decodes them, so
that decoders play no part. Made with open_clip 3.3.0, torchvision 0.29.2, Pillow 13.0.0.
"""

import json
import os
import sys

import numpy
import torch
from open_clip.transform import image_transform
from PIL import Image

SIZE = 24
MODES = [("shortest", "bicubic"), ("squash", "bicubic"), ("shortest", "bilinear"), ("squash", "bilinear")]
# Wide, tall, much taller (columns go first there), square, smaller than the result, one pixel off.
SHAPES = [(97, 40), (40, 97), (61, 190), (57, 57), (17, 11), (25, 24), (24, 27), (1, 9)]


def picture(width, height, rng):
    """Slow waves, hard edges (where bicubic overshoots) and noise."""
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    waves = [128 + 100 * numpy.sin(x / (3 + c) + y / (7 - c) + c) for c in range(3)]
    pixels = numpy.stack(waves, axis=-1) + rng.normal(0, 12, (height, width, 3))
    pixels[(x // 9 + y // 7) % 3 == 0] = rng.choice([0, 255], 3)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def pictures(photos, count):
    """Names and images: made up, or `count` of a folder's."""
    if photos is None:
        rng = numpy.random.default_rng(5)
        for width, height in SHAPES:
            yield f"{width}x{height}", picture(width, height, rng)
        return
    names = sorted(name for name in os.listdir(photos) if name.lower().endswith((".jpg", ".jpeg")))
    for name in names[:: len(names) // int(count)][: int(count)]:
        yield os.path.splitext(name)[0], Image.open(os.path.join(photos, name)).convert("RGB")


def main(out, photos=None, count=None):
    os.makedirs(out, exist_ok=True)
    size = SIZE if photos is None else 224
    sums = {}
    for name, image in pictures(photos, count):
        image.save(os.path.join(out, f"{name}.png"), optimize=True)
        for resize, interpolation in MODES:
            options = dict(resize_mode=resize, interpolation=interpolation)
            plain = image_transform(size, False, mean=(0.0,) * 3, std=(1.0,) * 3, **options)(image)
            pixels = (plain * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
            path = os.path.join(out, f"{name}-{resize}-{interpolation}.png")
            Image.fromarray(pixels).save(path, optimize=True)
        normalised = image_transform(size, False)(image)
        sums[name] = normalised.double().sum(dim=(1, 2)).tolist()
    with open(os.path.join(out, "normalised.json"), "w") as file:
        json.dump(sums, file, indent=1)
        file.write("\n")


main(*sys.argv[1:])
