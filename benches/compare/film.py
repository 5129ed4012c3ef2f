#!/usr/bin/env python3
"""What indexing a film costs, against what its kept frames cost as photos.

    python3 benches/compare/film.py target/release/clip-search FOLDER_OF_PHOTOS

Makes films of several lengths with ffmpeg: photos drawn by lot, four seconds each on average, in 480 x 270 at 24 frames a second, with
sound. Indexes each in an index of its own, and then as many photos of the same size as frames were kept. Prints processor time (of the
program and of ffmpeg together) and the most memory that any of these processes had. Decoding is in one thread.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
from pathlib import Path

SIZE = "scale=480:270:force_original_aspect_ratio=increase,crop=480:270"


def ffmpeg(*arguments: object) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def make_film(photos: list[Path], minutes: int, to: Path, chance: random.Random) -> None:
    text, seconds = "", 0.0
    while seconds < 60 * minutes:
        shown = chance.randint(48, 144) / 24
        text += f"file '{chance.choice(photos)}'\nduration {shown}\n"
        seconds += shown
    listing = to.with_suffix(".txt")
    listing.write_text(text)
    source = ["-f", "concat", "-safe", "0", "-i", listing, "-f", "lavfi", "-i", "sine=220"]
    encode = ["-vf", f"{SIZE},fps=24,format=yuv420p", "-c:v", "libx264", "-preset", "ultrafast", "-g", "120"]
    ffmpeg(*source, *encode, "-c:a", "aac", "-b:a", "64k", "-t", 60 * minutes, to)


def run(program: str, index: Path, folder: Path) -> tuple[dict, float, float]:
    """Its report, processor seconds, and MiB of the largest process."""
    process = subprocess.Popen(
        [program, "--index", str(index), "index", "--json", "--threads", "1", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    report = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    return json.loads(report), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--minutes", type=int, nargs="+", default=[6, 30, 120])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    photos = sorted(path.resolve() for path in options.photos.iterdir() if path.suffix == ".jpg")
    print("| film | size | frames kept | processor time | as many photos | largest process |")
    print("|---|--:|--:|--:|--:|--:|")
    for minutes in options.minutes:
        with tempfile.TemporaryDirectory() as scratch:
            film, stills = Path(scratch, "film", "film.mp4"), Path(scratch, "stills")
            film.parent.mkdir()
            stills.mkdir()
            make_film(photos, minutes, film, chance)
            film.with_suffix(".txt").unlink()
            report, seconds, memory = run(options.program, Path(scratch, "index"), film.parent)
            frames = report["frames"]
            for number, photo in enumerate(chance.sample(photos, frames)):
                ffmpeg("-i", photo, "-vf", SIZE, stills / f"{number:04}.jpg")
            _, of_stills, _ = run(options.program, Path(scratch, "index-of-stills"), stills)
            size = film.stat().st_size / 1e6
            row = f"{minutes} min | {size:.0f} MB | {frames} | {seconds:.1f} s | {of_stills:.1f} s | {memory:.0f} MiB"
            print(f"| {row} |", flush=True)


if __name__ == "__main__":
    main()
