"""A seeded grid of JPEG files of every kind that libjpeg-turbo's encoder offers, and their pixels by its decoder.

    python jpeg_grid.py OUT [COUNT]

Needs cjpeg and djpeg (Debian: libjpeg-turbo-progs), numpy and Pillow. Sampling, scans of their own for each component,
progressive scripts, arithmetic coding, restarts, optimised tables, RGB, grey, CMYK and sizes are drawn at random.
OUT/pixels.txt has a line for each file with the CRC-32 of its RGB bytes, its size and its name; the ignored test in
crates/clip-image/tests/exact.rs reads it through CLIP_IMAGE_PIXELS_GOLDEN.
"""

import random
import subprocess
import sys
import zlib
from pathlib import Path

import numpy
from PIL import Image

SAMPLINGS = ["1x1", "2x1", "1x2", "2x2", "4x1", "1x4", "4x2", "2x4", "3x1", "1x3", "3x2", "2x2,2x1,2x1", "2x2,1x2,1x2",
             "2x1,1x1,2x1", "1x1,2x2,1x1", "2x2,2x2,1x1", "3x1,1x1,3x1"]


def picture(rng, width, height):
    y, x = numpy.mgrid[0:height, 0:width].astype(float)
    pixels = numpy.stack([128 + 120 * numpy.sin(x / (2 + c) + y / (5 - c) + 2 * c) for c in range(3)], axis=-1)
    noise = numpy.random.default_rng(rng.randrange(1 << 30))
    pixels += noise.normal(0, rng.choice([1, 8, 40]), pixels.shape)
    pixels[(x // 7 + y // 6) % 4 == 0] = noise.choice([0, 255], 3)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def cuts(rng):
    """The places 1 to 63 cut into bands."""
    points = sorted({1, 64, *rng.sample(range(2, 64), rng.randrange(4))})
    return [(first, behind - 1) for first, behind in zip(points, points[1:])]


def progressive_script(rng, components):
    """Means first; then the other coefficients, and the bits of all that were left out, in any order that is allowed."""
    scans = []
    low = rng.choice([0, 1, 1, 2])
    alone = rng.random() < 0.3
    of_means = [[c] for c in range(components)] if alone else [list(range(components))]
    scans += [(group, 0, 0, 0, low) for group in of_means]
    queues = [[(group, 0, 0, high, high - 1) for high in range(low, 0, -1)] for group in of_means]
    for component in range(components):
        for first, last in cuts(rng):
            low = rng.choice([0, 0, 1, 1, 2, 3])
            queue = [([component], first, last, 0, low)]
            # Finer bands may follow for a coarser one, and each refines what it has.
            for high in range(low, 0, -1):
                queue.append(([component], first, last, high, high - 1))
            queues.append(queue)
    if rng.random() < 0.3:
        # As libjpeg's own script does: bands that are refined together.
        queues = queues[:len(of_means)]
        for component in range(components):
            middle = rng.randrange(2, 63)
            queues.append([([component], 1, middle, 0, 2), ([component], middle + 1, 63, 0, 2),
                           ([component], 1, 63, 2, 1), ([component], 1, 63, 1, 0)])
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        scans.append(queue.pop(0))
    return "\n".join(f"{' '.join(map(str, group))}: {first} {last} {high} {low};" for group, first, last, high, low in scans)


def sequential_script(rng, components):
    groups = rng.choice([[[0], [1], [2]], [[0], [1, 2]], [[1, 2], [0]], [[2], [0, 1]], [[0, 1, 2]]]) if components == 3 else [[0]]
    return "\n".join(f"{' '.join(map(str, group))};" for group in groups)


def encode(rng, image, out):
    options = ["-quality", str(rng.choice([10, 50, 75, 90, 95, 100]))]
    grey = rng.random() < 0.1
    components = 1 if grey else 3
    if grey:
        options += ["-grayscale"]
    elif rng.random() < 0.1:
        options += ["-rgb"]
    if not grey:
        options += ["-sample", rng.choice(SAMPLINGS)]
    if rng.random() < 0.3:
        options += ["-restart", rng.choice(["1", "2", "1B", "3B", "7B"])]
    if rng.random() < 0.25:
        options += ["-arithmetic"]
    kind = rng.choice(["plain", "optimised", "scans", "scans", "progressive", "progressive script", "progressive script"])
    script = out.with_suffix(".scans")
    if kind == "optimised":
        options += ["-optimize"]
    elif kind == "progressive":
        options += ["-progressive"]
    elif kind != "plain":
        script.write_text((sequential_script if kind == "scans" else progressive_script)(rng, components) + "\n")
        options += ["-scans", str(script)]
    ppm = out.with_suffix(".ppm")
    image.save(ppm)
    done = subprocess.run(["cjpeg", *options, "-outfile", str(out), str(ppm)], capture_output=True, text=True)
    ppm.unlink()
    script.unlink(missing_ok=True)
    return done.returncode == 0, f"{kind}: {' '.join(options)}: {done.stderr.strip()}"


def main(out, count="1000"):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(20)
    lines, refused, number = [], 0, 0
    while len(lines) < int(count):
        number += 1
        name = f"{number:04}.jpg"
        size = rng.choice([rng.randrange(1, 20), rng.randrange(1, 150)]), rng.choice([rng.randrange(1, 20), rng.randrange(1, 150)])
        image = picture(rng, *size)
        if rng.random() < 0.05:
            image.convert("CMYK").save(out / name, quality=rng.choice([50, 95]), progressive=rng.random() < 0.5)
            pixels = numpy.asarray(Image.open(out / name)).astype(int)
            # Pillow gives the inks; what is left of the light is what black leaves of what each of the others leaves.
            rgb = ((255 - pixels[..., :3]) * (255 - pixels[..., 3:]) + 127) // 255
            pixels = rgb.astype(numpy.uint8).tobytes()
            what = "cmyk"
        else:
            done, what = encode(rng, image, out / name)
            shown = subprocess.run(["djpeg", "-rgb", "-pnm", str(out / name)], capture_output=True) if done else None
            if shown is None or shown.returncode != 0:
                # Some choices of sampling are not for libjpeg.
                refused += 1
                (out / name).unlink(missing_ok=True)
                continue
            # P6, the size and 255, a line each.
            head = sum(len(line) + 1 for line in shown.stdout.split(b"\n", 3)[:3])
            pixels = shown.stdout[head:]
            assert len(pixels) == 3 * size[0] * size[1], (what, shown.stdout[:20])
        lines.append(f"{zlib.crc32(pixels):08x} {size[0]} {size[1]} {name}")
        (out / name).with_suffix(".txt").write_text(what + "\n")
    (out / "pixels.txt").write_text("\n".join(lines) + "\n")
    print(f"{len(lines)} files; {refused} that libjpeg itself refuses are left out")


if __name__ == "__main__":
    main(*sys.argv[1:])
