"""Photos of 12 megapixels made from small ones, and how long Pillow (libjpeg-turbo) takes for them in draft mode.

    python jpeg.py PHOTOS OUT [COUNT]

Makes COUNT photos (4 by default) of 4000 x 3000 pixels in OUT/sequential and the same in OUT/progressive: quality 90, 4:2:0, each a
mosaic of 20 enlarged photos with noise as of a sensor. Needs Pillow and numpy. Time our decoder in the same quiet hour:

    cargo bench -p clip-image --bench jpeg -- OUT/progressive COUNT 288
"""

import sys
import time
from pathlib import Path

import numpy
from PIL import Image, ImageFilter, __version__

ACROSS, DOWN, WIDTH, HEIGHT = 5, 4, 800, 750
# Twice the side of a model: what the decoder leaves for the resize.
SHORTER_SIDE = 576
ROUNDS = 5


def make(sources, out, count):
    rng = numpy.random.default_rng(1)
    for number in range(count):
        mosaic = Image.new("RGB", (ACROSS * WIDTH, DOWN * HEIGHT))
        for at in range(ACROSS * DOWN):
            photo = Image.open(sources[(number * ACROSS * DOWN + at) % len(sources)]).convert("RGB")
            tile = photo.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).filter(ImageFilter.UnsharpMask(3, 120, 0))
            mosaic.paste(tile, (at % ACROSS * WIDTH, at // ACROSS * HEIGHT))
        pixels = numpy.asarray(mosaic).astype(float)
        pixels += rng.normal(0, 4, pixels.shape[:2])[..., None]
        mosaic = Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))
        for kind in ("sequential", "progressive"):
            (out / kind).mkdir(parents=True, exist_ok=True)
            mosaic.save(out / kind / f"{number}.jpg", quality=90, subsampling=2, progressive=kind == "progressive")


def milliseconds(folder):
    files = sorted(folder.iterdir())
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for file in files:
            image = Image.open(file)
            image.draft("RGB", (SHORTER_SIDE, SHORTER_SIDE))
            image.load()
        best = min(best, (time.perf_counter() - start) / len(files))
    return best * 1000, image.size


def main(photos, out, count="4"):
    out = Path(out)
    make(sorted(Path(photos).glob("*.jpg")), out, int(count))
    for kind in ("sequential", "progressive"):
        taken, size = milliseconds(out / kind)
        print(f"Pillow {__version__}, {kind}: {taken:.1f} ms a photo, to {size[0]} x {size[1]} pixels")


main(*sys.argv[1:])
