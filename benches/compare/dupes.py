#!/usr/bin/env python3
"""How many changed copies of photos `clip-search dupes` finds, and how often it is wrong.

    python3 -m venv env && env/bin/pip install pillow
    env/bin/python benches/compare/dupes.py target/release/clip-search ../shared/data

Makes a library of photos that have nothing to do with one another, many of one kind of scene (Flickr8k and one of each class of
ImageNet), of copies of some of them, of series of shots with and without times, and of pages of text that look much alike. Indexes it,
runs `dupes --json`, and prints recall for each kind of copy, and the precision of each level. Groups are judged by the pairs of the photo
to be kept and each of the others.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFont, ImageOps

T = Image.Transpose


def cropped(picture: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    width, height = picture.size
    return picture.crop((round(width * left), round(height * top), round(width * right), round(height * bottom)))


def scaled(picture: Image.Image, by: float) -> Image.Image:
    return picture.resize((round(picture.width * by), round(picture.height * by)), Image.Resampling.LANCZOS)


# Each is a change, and how its result is saved.
COPIES = {
    "half as large": (lambda p: scaled(p, 0.5), "jpg", {"quality": 85}),
    "a quarter as large": (lambda p: scaled(p, 0.25), "jpg", {"quality": 85}),
    "a third larger": (lambda p: scaled(p, 1.33), "jpg", {"quality": 85}),
    "quality 30": (lambda p: p, "jpg", {"quality": 30}),
    "as PNG": (lambda p: p, "png", {}),
    "as WebP, quality 60": (lambda p: p, "webp", {"quality": 60}),
    "turned by 90 degrees": (lambda p: p.transpose(T.ROTATE_90), "jpg", {"quality": 90}),
    "turned by 180 degrees": (lambda p: p.transpose(T.ROTATE_180), "jpg", {"quality": 90}),
    "turned by 270 degrees, half as large": (lambda p: scaled(p.transpose(T.ROTATE_270), 0.5), "jpg", {"quality": 90}),
    "mirrored": (lambda p: p.transpose(T.FLIP_LEFT_RIGHT), "jpg", {"quality": 90}),
    "mirrored, half as large": (lambda p: scaled(p.transpose(T.FLIP_LEFT_RIGHT), 0.5), "jpg", {"quality": 90}),
    "cropped by 5 %, evenly": (lambda p: cropped(p, 0.025, 0.025, 0.975, 0.975), "jpg", {"quality": 90}),
    "cropped by 5 % on one side": (lambda p: cropped(p, 0.05, 0, 1, 1), "jpg", {"quality": 90}),
    "cropped by 5 % on two sides": (lambda p: cropped(p, 0.05, 0.05, 1, 1), "jpg", {"quality": 90}),
    "cropped by 10 %, evenly": (lambda p: cropped(p, 0.05, 0.05, 0.95, 0.95), "jpg", {"quality": 90}),
    "a quarter brighter": (lambda p: ImageEnhance.Brightness(p).enhance(1.25), "jpg", {"quality": 90}),
    "more contrast, half as large": (lambda p: scaled(ImageEnhance.Contrast(p).enhance(1.3), 0.5), "jpg", {"quality": 90}),
    "without colour": (lambda p: p.convert("L"), "jpg", {"quality": 90}),
}


def exif(seconds: int) -> bytes:
    data = Image.Exif()
    data[0x010F], data[0x0110] = "Maker", "Model"
    hours, rest = divmod(seconds, 3600)
    data.get_ifd(0x8769)[0x9003] = f"2020:05:{1 + hours // 24:02} {hours % 24:02}:{rest // 60:02}:{rest % 60:02}"
    return data.tobytes()


def another_shot(picture: Image.Image, other: Image.Image, chance: random.Random) -> Image.Image:
    """A moment later: the camera has moved a little, there is noise, and something else has moved through the picture."""
    margin = 0.06
    x, y = (margin + chance.choice((-1, 1)) * chance.uniform(0.012, 0.035) for _ in range(2))
    moved = cropped(picture, x, y, x + 1 - 2 * margin, y + 1 - 2 * margin).resize(centre(picture).size)
    width, height = moved.size
    patch = other.resize((max(width // 6, 1), max(height // 3, 1)))
    moved.paste(patch, (chance.randrange(width - patch.width), chance.randrange(height // 3, height - patch.height)))
    noise = Image.effect_noise(moved.size, 12).convert("RGB")
    return ImageEnhance.Brightness(ImageChops.overlay(moved, noise)).enhance(chance.uniform(0.96, 1.04))


def centre(picture: Image.Image) -> Image.Image:
    return cropped(picture, 0.06, 0.06, 0.94, 0.94)


def page(words: list[str], chance: random.Random) -> Image.Image:
    width, height = chance.randint(820, 880), chance.randint(1060, 1140)
    picture, font = Image.new("RGB", (width, height), "white"), ImageFont.load_default(16)
    draw, y = ImageDraw.Draw(picture), 80
    while y < height - 100:
        for _ in range(chance.randint(2, 9)):
            line = " ".join(chance.choices(words, k=16))[: chance.randint(78, 84)]
            draw.text((75, y), line, fill="black", font=font)
            y += 22
        draw.text((75, y), " ".join(chance.choices(words, k=4)), fill="black", font=font)
        y += 40
    return picture


class Made:
    """A library being made: what each file is of, and how it was made."""

    def __init__(self, folder: Path):
        self.folder, self.of, self.kind, self.shot = folder, {}, {}, {}

    def add(self, name: str, picture: Image.Image, source: str, kind: str, shot: int = 0, **options) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            picture.save(path, **options)
        self.note(name, source, kind, shot)

    def drop(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)
        del self.of[name], self.kind[name], self.shot[name]

    def note(self, name: str, source: str, kind: str, shot: int = 0) -> None:
        self.of[name], self.kind[name], self.shot[name] = source, kind, shot


def make(folder: Path, data: Path, photos: int, changed: int, seed: int) -> Made:
    chance, made = random.Random(seed), Made(folder)
    whole = sorted((data / "labelled1k").iterdir())
    scenes = sorted((data / "captions8k/images").iterdir())
    chance.shuffle(scenes)
    scenes = scenes[: max(photos - len(whole), 0)]
    originals = chance.sample(whole, changed) if changed else []
    for file in whole + scenes:
        picture = Image.open(file).convert("RGB")
        if file in scenes:
            # They come squashed and in one size, by which they would be too easy to tell apart.
            picture = picture.resize((chance.randint(200, 330), chance.randint(200, 250)))
        made.add(f"photos/{file.stem}.jpg", picture, file.stem, "original", quality=92)
    for file in originals:
        source = made.folder / "photos" / f"{file.stem}.jpg"
        picture = Image.open(source).convert("RGB")
        for number, (kind, (change, extension, options)) in enumerate(COPIES.items()):
            made.add(f"copies/{number}/{file.stem}.{extension}", change(picture), file.stem, kind, **options)
        copy = made.folder / "copies/bytes" / source.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
        made.note(f"copies/bytes/{source.name}", file.stem, "same bytes")
    series = chance.sample([file for file in whole if file not in originals], changed)
    for file in series:
        made.drop(f"photos/{file.stem}.jpg")
    for number, file in enumerate(series):
        picture = Image.open(file).convert("RGB")
        others = [Image.open(other).convert("RGB") for other in chance.sample(whole, 3)]
        shots = [centre(picture)] + [another_shot(picture, other, chance) for other in others]
        has_times = number % 2 == 0
        kind = "series with times" if has_times else "series without times"
        for at, shot in enumerate(shots):
            options = {"exif": exif(number * 600 + 2 * at)} if has_times else {}
            name = f"{'timed' if has_times else 'untimed'}/{file.stem}-{at}.jpg"
            made.add(name, shot, f"{kind} {file.stem}", kind, 1 + at, quality=92, **options)
    words = (data / "captions8k/train.csv").read_text(encoding="utf-8")[:100_000].replace(",", " ").split()
    for number in range(changed):
        made.add(f"pages/{number}.png", page(words, chance), f"page {number}", "page of text")
    return made


def run(program: str, index: Path, *arguments: str) -> str:
    command = [program, "--index", str(index), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--changed", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help="a folder for the library, which stays, and is taken as it is if it is there")
    parser.add_argument("--wrong", action="store_true", help="print wrong pairs")
    arguments = parser.parse_args()
    temporary = tempfile.TemporaryDirectory()
    folder = (arguments.work or Path(temporary.name)).resolve()
    made = make(folder / "library", arguments.data, arguments.photos, arguments.changed, arguments.seed)
    index = folder / "index"
    run(arguments.program, index, "index", "--quiet", str(made.folder))
    groups = [json.loads(line) for line in run(arguments.program, index, "dupes", "--json").splitlines()]
    score(made, groups, arguments.wrong)


def score(made: Made, groups: list[dict], show_wrong: bool) -> None:
    right, all_pairs, found, wrong_kinds = Counter(), Counter(), {}, Counter()
    for group in groups:
        names = [str(Path(photo["path"]).relative_to(made.folder)) for photo in group["photos"]]
        keep, level = names[0], group["level"]
        for name in names[1:]:
            is_same = made.of[keep] == made.of[name]
            is_shot = made.shot[keep] != made.shot[name]
            is_right = is_same and (is_shot if level == "burst" else not is_shot)
            all_pairs[level] += 1
            right[level] += is_right
            if is_right:
                found.setdefault(level, set()).update((keep, name))
            else:
                wrong_kinds[level, made.kind[keep], made.kind[name]] += 1
                if show_wrong:
                    print("wrong", level, keep, name, file=sys.stderr)
    print(f"{len(made.of)} photos")
    for level in ("bytes", "picture", "burst"):
        pairs = all_pairs[level]
        share = f"{right[level] / pairs:.4f}" if pairs else "-"
        print(f"precision of {level}: {share} ({pairs} pairs)")
    for (level, keep, name), count in sorted(wrong_kinds.items()):
        print(f"  wrong as {level}: {count} of {keep} / {name}")
    kinds = [("bytes", "same bytes")] + [("picture", kind) for kind in COPIES] + [("burst", "series with times")]
    for level, kind in kinds:
        names = [name for name in made.of if made.kind[name] == kind]
        share = sum(name in found.get(level, ()) for name in names) / len(names) if names else 0
        print(f"{level:8} {kind:38} {100 * share:6.1f} %")


if __name__ == "__main__":
    main()
