"""Small JPEG files of the common sequential kinds and their pixels by Pillow (libjpeg-turbo), for crates/clip-image/tests/exact.rs.

    python jpeg_pixels.py OUT [PHOTOS]

With PHOTOS, a folder, the pixels of its JPEG files are written instead, as OUT/pixels.txt: a line for each with its path, size
and the CRC-32 of its RGB bytes; the ignored test reads it through CLIP_IMAGE_PIXELS_GOLDEN. Made with Pillow 13.0.0.
"""

import io
import os
import sys
import zlib

import numpy
from PIL import Image

# 4:4:4, 4:2:2, 4:2:0; the other kinds need more than Pillow's encoder offers and are made from these by hand below.
KINDS = {"444": 0, "422": 1, "420": 2}
SIZES = [(1, 1), (2, 3), (3, 2), (5, 4), (6, 9), (17, 33), (32, 16), (61, 35)]


def picture(width, height):
    """Slow waves in colour, hard edges and noise."""
    rng = numpy.random.default_rng(width * 100 + height)
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    pixels = numpy.stack([128 + 120 * numpy.sin(x / (2 + c) + y / (5 - c) + 2 * c) for c in range(3)], axis=-1)
    pixels += rng.normal(0, 8, pixels.shape)
    pixels[(x // 7 + y // 6) % 4 == 0] = rng.choice([0, 255], 3)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def swapped(jpeg):
    """The file with each component's sampling factors swapped: 4:2:2 across becomes 4:4:0, halved in height.

    The blocks come in the same order, so the picture is another one, but a valid one if it fills the same number of
    blocks: 16 x 16 pixels or a multiple.
    """
    data = bytearray(jpeg)
    at = data.index(b"\xff\xc0")
    for component in range(data[at + 9]):
        factors = at + 11 + 3 * component
        data[factors] = data[factors] >> 4 | (data[factors] & 15) << 4
    return bytes(data)


def encode(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


def cases():
    for width, height in SIZES:
        for kind, subsampling in KINDS.items():
            for quality in (95,) if (width, height) != (61, 35) else (20, 75, 95):
                options = dict(quality=quality, subsampling=subsampling)
                yield f"{width}x{height}-{kind}-{quality}", encode(picture(width, height), **options)
        yield f"{width}x{height}-grey", encode(picture(width, height).convert("L"), quality=75)
    image = picture(48, 32)
    yield "48x32-440", swapped(encode(image, quality=90, subsampling=1))
    yield "61x35-restarts", encode(picture(61, 35), quality=80, subsampling=2, restart_marker_blocks=2)


def main(out, photos=None):
    os.makedirs(out, exist_ok=True)
    if photos is None:
        for name, jpeg in cases():
            with open(os.path.join(out, f"{name}.jpg"), "wb") as file:
                file.write(jpeg)
        photos, base = out, out
    else:
        base = ""
    with open(os.path.join(out, "pixels.txt"), "w") as file:
        for name in sorted(name for name in os.listdir(photos) if name.lower().endswith((".jpg", ".jpeg"))):
            path = os.path.join(photos, name)
            image = Image.open(path)
            if image.format != "JPEG" or image.mode not in ("RGB", "L"):
                continue
            pixels = image.convert("RGB").tobytes()
            shown = os.path.relpath(path, base) if base else os.path.abspath(path)
            file.write(f"{zlib.crc32(pixels):08x} {image.width} {image.height} {shown}\n")


main(*sys.argv[1:])
