"""Draws the pictures of text in crates/clip-ocr/tests/fixtures, and writes their words beside them.

    python3 -m venv venv && venv/bin/pip install pillow numpy
    apt-get install fonts-dejavu fonts-liberation
    venv/bin/python tests/golden/pictures_of_text.py

Made with Pillow 12.
"""

import random
import sys
from pathlib import Path

from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches/compare"))
import ocr  # noqa: E402

FOLDER = ROOT / "crates/clip-ocr/tests/fixtures"


def save(name, picture, words, colours=16):
    """Few colours keep the files small."""
    picture.convert("RGB").quantize(colours).save(FOLDER / f"{name}.png", optimize=True)
    (FOLDER / f"{name}.txt").write_text(" ".join(words) + "\n")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = lambda name: random.Random(name)  # noqa: E731
    save("page", *ocr.page(rng("page"), 22, width=520, lines=6))
    save("dark_screen", *ocr.page(rng("dark"), 15, width=480, lines=6, ink=(225, 225, 225), paper=(28, 28, 32)))
    picture, words = ocr.page(rng("skewed"), 26, width=560, lines=4)
    save("skewed", picture.rotate(4, Image.BICUBIC, expand=True, fillcolor=(255, 255, 255)), words)
    picture, words = ocr.page(rng("blurred"), 26, width=520, lines=4)
    save("blurred", picture.filter(ImageFilter.GaussianBlur(1.2)), words)
    sign, words = ocr.sign_of(rng("sign"), 54, 2, (255, 255, 255), (0, 80, 160), most=1)
    wall = Image.new("RGB", (640, 420), (172, 160, 142))
    save("sign", *ocr.onto(rng("wall"), wall, sign, words, 2.0))


if __name__ == "__main__":
    main()
