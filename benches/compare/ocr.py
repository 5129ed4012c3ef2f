"""How many words are read in pictures of text: pictures are drawn, read by the crate clip-ocr, and compared with what was drawn.

    python3 -m venv venv && venv/bin/pip install pillow numpy
    apt-get install tesseract-ocr fonts-dejavu fonts-liberation
    cargo build --release -p clip-ocr --example read_text
    venv/bin/python benches/compare/ocr.py target/release/examples/read_text [--photos FOLDER]... [--count 24] [--keep FOLDER]

Prints a line for each kind of picture: recall of words, what share the cheap test lets through, seconds a picture. `--photos` adds
folders of ordinary photos: how many the test lets through, in how many words are read, and what that costs. The same seed draws the
same pictures on every machine with the same fonts.
"""

import argparse
import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONTS = ["DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf", "LiberationSans-Regular.ttf",
         "LiberationSerif-Regular.ttf", "LiberationSans-Bold.ttf", "LiberationSerif-Italic.ttf"]
WORDS = """parking street exit station open closed bakery coffee market hotel museum garden school bridge river mountain library
ticket platform entrance danger private warning speed limit water fresh bread pizza fish music concert theatre festival summer winter
monday friday sunday january october invoice total amount payment account number address customer delivery order receipt thank welcome
kitchen menu breakfast dinner soup salad chicken pasta orange apple lemon chocolate window folder search settings message update
download camera battery network keyboard printer project meeting minutes chapter history science village castle church harbour
island railway airport terminal luggage doctor hospital pharmacy emergency police fire forest meadow""".split()


def font(rng, size, names=FONTS):
    return ImageFont.truetype(rng.choice(names), size)


def some(rng, count):
    words = [rng.choice(WORDS) for _ in range(count)]
    style = rng.random()
    if style < 0.3:
        return [word.capitalize() for word in words]
    return [word.upper() for word in words] if style < 0.4 else words


def lines_of(rng, draw, face, width, lines):
    """Lines of words that fit into a width."""
    out = []
    for _ in range(lines):
        line = []
        for word in some(rng, 30):
            if rng.random() < 0.08:
                word = str(rng.randint(10, 9999))
            if draw.textlength(" ".join(line + [word]), font=face) > width:
                break
            line.append(word)
        out.append(line)
    return out


def page(rng, size, width=900, lines=8, ink=(0, 0, 0), paper=(255, 255, 255), names=FONTS):
    """A page of text: the picture and its words."""
    face = font(rng, size, names)
    step = int(size * 1.5)
    picture = Image.new("RGB", (width, step * lines + 2 * size + 20), paper)
    draw = ImageDraw.Draw(picture)
    words = []
    for at, line in enumerate(lines_of(rng, draw, face, width - 60, lines)):
        draw.text((30, 10 + size // 2 + at * step), " ".join(line), fill=ink, font=face)
        words += line
    return picture, words


def noisy(picture, rng, deviation):
    grain = np.random.default_rng(rng.randrange(1 << 30)).normal(0, deviation, np.array(picture).shape)
    return Image.fromarray(np.clip(np.array(picture) + grain, 0, 255).astype(np.uint8))


def scene(rng, width, height):
    """Something like a photo out of focus: patches of colour, a gradient and some grain."""
    noise = np.random.default_rng(rng.randrange(1 << 30))
    small = Image.fromarray(noise.integers(30, 220, (6, 8, 3)).astype(np.uint8))
    fine = Image.fromarray(noise.integers(0, 255, (height // 6, width // 6, 3)).astype(np.uint8))
    rough = small.resize((width, height), Image.BICUBIC)
    return noisy(Image.blend(rough, fine.resize((width, height), Image.BICUBIC), 0.15), rng, 5)


def onto(rng, background, sign, words, turn=0.0):
    """Puts a sign somewhere on a background, turned by some degrees."""
    mask = Image.new("L", sign.size, 255).rotate(turn, Image.BICUBIC, expand=True)
    turned = sign.rotate(turn, Image.BICUBIC, expand=True)
    x = rng.randint(0, max(0, background.width - turned.width))
    y = rng.randint(0, max(0, background.height - turned.height))
    background.paste(turned, (x, y), mask)
    return background, words


def sign_of(rng, size, lines, ink, paper, most=3):
    face = font(rng, size)
    draw = ImageDraw.Draw(Image.new("RGB", (8, 8)))
    rows = [some(rng, rng.randint(1, most)) for _ in range(lines)]
    width = int(max(draw.textlength(" ".join(row), font=face) for row in rows)) + size
    picture = Image.new("RGB", (width, int(size * 1.3 * lines + size * 0.7)), paper)
    draw = ImageDraw.Draw(picture)
    for at, row in enumerate(rows):
        draw.text((size // 2, int(size * 0.3 + at * size * 1.3)), " ".join(row), fill=ink, font=face)
    return picture, [word for row in rows for word in row]


COLOURS = [((255, 255, 255), (0, 80, 160)), ((255, 255, 255), (0, 110, 60)), ((0, 0, 0), (250, 205, 0)),
           ((200, 0, 0), (255, 255, 255)), ((0, 0, 0), (255, 255, 255)), ((255, 255, 255), (20, 20, 20))]


def clean(rng, at):
    return page(rng, [14, 18, 24, 32, 48][at % 5])


def sign(rng, at):
    ink, paper = COLOURS[at % len(COLOURS)]
    picture, words = sign_of(rng, rng.randint(40, 90), rng.randint(1, 3), ink, paper, most=2)
    return onto(rng, scene(rng, 1600, 1200), picture, words, rng.uniform(-3, 3))


def screenshot(rng, at):
    ink, paper = [((30, 30, 30), (255, 255, 255)), ((220, 220, 220), (30, 30, 34))][at % 2]
    return page(rng, rng.randint(13, 16), width=1200, lines=20, ink=ink, paper=paper)


def plate(rng, at):
    letters = "ABCDEFGHJKLMNPRSTUVWXYZ"
    words = ["".join(rng.choice(letters) for _ in range(rng.randint(2, 3))), str(rng.randint(100, 9999))]
    face = ImageFont.truetype("LiberationSans-Bold.ttf", 64)
    width = int(ImageDraw.Draw(Image.new("L", (8, 8))).textlength(" ".join(words), font=face)) + 60
    picture = Image.new("RGB", (width, 92), (245, 245, 245))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((2, 2, width - 3, 89), outline=(0, 0, 0), width=4)
    draw.text((30, 9), " ".join(words), fill=(10, 10, 10), font=face)
    return onto(rng, scene(rng, 1600, 1200), picture, words, rng.uniform(-4, 4))


def skewed(rng, at):
    picture, words = page(rng, 28)
    turn = [2, -3, 5, -5, 8][at % 5]
    return picture.rotate(turn, Image.BICUBIC, expand=True, fillcolor=(255, 255, 255)), words


def noise(rng, at):
    picture, words = page(rng, 28, ink=(40, 40, 40), paper=(225, 225, 220))
    return noisy(picture, rng, [15, 25, 35][at % 3]), words


def blurred(rng, at):
    picture, words = page(rng, 28)
    return picture.filter(ImageFilter.GaussianBlur([1.2, 1.8, 2.4][at % 3])), words


def small(rng, at):
    return page(rng, [9, 10, 11][at % 3], width=600)


def faint(rng, at):
    return page(rng, 28, ink=(150, 150, 150), paper=(200, 200, 200))


def leaning(rng, at):
    """Seen from the side."""
    picture, words = page(rng, 32)
    width, height = picture.size
    lean = rng.uniform(0.04, 0.1)
    quad = (-lean * width, -lean * height * 2, 0, height, width, height, width * (1 + lean), 0)
    return picture.transform((width, height), Image.QUAD, quad, Image.BICUBIC, fillcolor=(255, 255, 255)), words


def photographed(rng, at):
    """A page on a table, twelve megapixels, unevenly lit."""
    picture, words = page(rng, rng.randint(44, 60), width=2000, lines=24, paper=(238, 235, 228), ink=(35, 35, 40))
    whole, words = onto(rng, scene(rng, 4000, 3000), picture, words, rng.uniform(-4, 4))
    light = np.linspace(0.6, 1.05, whole.width)[None, :, None]
    return noisy(Image.fromarray(np.clip(np.array(whole) * light, 0, 255).astype(np.uint8)), rng, 6), words


def on_photo(rng, at):
    """White words written on a scene, with a dark edge, as on posters and shared pictures."""
    picture = scene(rng, 1200, 900)
    face = font(rng, rng.randint(48, 80), ["DejaVuSans-Bold.ttf", "LiberationSans-Bold.ttf"])
    draw, words = ImageDraw.Draw(picture), []
    for row in range(2):
        line = some(rng, 2)
        draw.text((60, [60, 700][row]), " ".join(line), fill=(255, 255, 255), font=face, stroke_width=3, stroke_fill=(0, 0, 0))
        words += line
    return picture, words


KINDS = [clean, screenshot, sign, plate, photographed, skewed, noise, blurred, small, faint, leaning, on_photo]


def fold(text):
    return re.sub(r"[^a-z0-9]", "", text.lower())


def read(program, paths, languages, always):
    args = [program, "--languages", languages] + (["--always"] if always else [])
    out = subprocess.run(args, input="\n".join(map(str, paths)), capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def recall(expected, found):
    found = [fold(word) for word in found]
    hits = 0
    for word in map(fold, expected):
        if word in found:
            found.remove(word)
            hits += 1
    return hits


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--photos", action="append", default=[])
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--keep")
    parser.add_argument("--languages", default="eng")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--only-draw", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(args.keep or folder)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'kind':14} {'recall':>7} {'passes':>7} {'test ms':>8} {'read s':>7}")
        for kind in KINDS:
            if args.kinds and kind.__name__ not in args.kinds.split(","):
                continue
            paths, expected = [], []
            for at in range(args.count):
                path = folder / f"{kind.__name__}-{at:02}.{'jpg' if kind is photographed else 'png'}"
                picture, words = kind(random.Random(f"{kind.__name__} {at}"), at)
                if not path.exists():
                    picture.save(path, quality=90)
                paths.append(path)
                expected.append(words)
                path.with_suffix(".txt").write_text(" ".join(words))
            if args.only_draw:
                continue
            results = read(args.program, paths, args.languages, always=True)
            hits = sum(recall(words, [word["text"] for word in result["words"]]) for words, result in zip(expected, results))
            print(f"{kind.__name__:14} {hits / sum(map(len, expected)):7.3f} {mean(results, 'passes'):7.3f} "
                  f"{mean(results, 'test_ms'):8.1f} {mean(results, 'read_ms') / 1000:7.2f}", flush=True)
    for photos in args.photos:
        paths = sorted(path for path in Path(photos).iterdir() if path.suffix in (".jpg", ".png"))
        random.Random(photos).shuffle(paths)
        results = read(args.program, paths[:args.most], args.languages, always=False)
        passing = [result for result in results if result["passes"]]
        with_words = [result for result in passing if result["words"]]
        print(f"{Path(photos).name}: {len(results)} photos, {len(passing) / len(results):.3f} pass the test ("
              f"{mean(results, 'test_ms'):.1f} ms), {len(with_words) / len(results):.3f} have words; "
              f"{mean(passing, 'read_ms') / 1000:.2f} s for each that is read")


def mean(results, member):
    return sum(float(result[member]) for result in results) / max(1, len(results))


if __name__ == "__main__":
    main()
