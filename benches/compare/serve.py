#!/usr/bin/env python3
"""How long a server takes under load, and how its memory grows.

    python3 -m venv env && env/bin/pip install numpy
    env/bin/python benches/compare/serve.py target/release/clip-search OUT [--photos N] [--requests N] [--clients N]

Makes an index of N photos (100,000) in OUT/index: the vectors of the samples and mixtures of them with noise, imported with made-up
paths, dates and places. Starts `serve`, and sends it requests from as many clients at a time (200), each of which waits for its answer
before it asks again. Two runs: queries that are all different, so that each takes the text tower and a search, and queries drawn from
500, as those of people who look around are. Prints the median and the 99th percentile of the times that clients wait, the requests
each second, and the resident memory of the server while the requests go on.

The clients take processor time too. Where both have the same two processors, what is measured is the two of them together;
`--cpu-share` prints how much of it was the server's.
"""

import argparse
import asyncio
import json
import os
import random
import re
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import numpy as np

SEED = 17
HERE = Path(__file__).resolve().parent
SAMPLES = HERE / "../../samples"
ADJECTIVES = "red blue green old new small large bright dark wet snowy sunny foggy wooden broken quiet busy".split()
NOUNS = "dog cat boat house street beach mountain forest car bicycle child crowd bridge tower lake field flower cup".split()
PLACES = "at night,in the rain,by the sea,in a city,on a table,under trees,in winter,from above,near a river,at a market".split(",")


def run(command: list) -> bytes:
    return subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True).stdout


def make_index(program: str, out: Path, photos: int) -> Path:
    """An index of vectors that lie as those of photos do, more or less."""
    index = out / "index"
    if index.exists():
        return index
    seeds = out / "seeds"
    run([program, "--index", seeds, "index", SAMPLES])
    run([program, "--index", seeds, "export", out / "exported"])
    rows = np.load(out / "exported" / "embeddings.npy")
    draw = np.random.default_rng(SEED)
    made = np.empty((photos, rows.shape[1]), dtype=np.float32)
    for start in range(0, photos, 10_000):
        n = min(10_000, photos - start)
        a, b = draw.integers(len(rows), size=(2, n))
        share = draw.uniform(0.3, 0.7, size=(n, 1))
        noise = draw.normal(size=(n, rows.shape[1])) * (0.8 / rows.shape[1] ** 0.5)
        mixed = share * rows[a] + (1 - share) * rows[b] + noise
        made[start : start + n] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    np.save(out / "made.npy", made)
    with open(out / "made.ndjson", "w", encoding="utf-8") as lines:
        for number in range(photos):
            item = {
                "path": f"/photos/{2000 + number % 25}/{number % 400:03}/{number:06}.jpg",
                "hash": f"{number + 1:032x}",
                "size": 1_000_000 + number,
                "mtime_ns": str(1_500_000_000_000_000_000 + number),
                "width": 4000,
                "height": 3000,
                "taken_at": 1_000_000_000 + number * 7_001,
                "camera": ("Nikon D70", "Canon EOS 5D", "iPhone 12")[number % 3],
            }
            if number % 2:
                item["gps"] = [float(draw.uniform(-60, 70)), float(draw.uniform(-180, 180))]
            lines.write(json.dumps(item) + "\n")
    run([program, "--index", index, "import", out / "made.ndjson", out / "made.npy"])
    return index


class Server:
    def __init__(self, program: str, index: Path):
        command = [program, "--index", str(index), "serve", "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(re.search(r":(\d+)/", self.process.stdout.readline()).group(1))

    def memory(self) -> dict:
        """Resident memory in MiB: all of it, and what is not mapped from files."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        kib = {name: int(re.search(rf"{name}:\s+(\d+)", status).group(1)) for name in ("VmRSS", "RssAnon")}
        return {name: value / 1024 for name, value in kib.items()}

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def different(count: int) -> list[str]:
    draw = random.Random(SEED)
    return [f"{draw.choice(ADJECTIVES)} {draw.choice(NOUNS)} {draw.choice(PLACES)} {number}" for number in range(count)]


def repeated(count: int) -> list[str]:
    draw = random.Random(SEED)
    pool = [text.rsplit(" ", 1)[0] for text in different(400)]
    pool += [f"camera:nikon year:{year}" for year in range(2002, 2022)] + ["", "has:gps", "a dog year:2010", "-snow"]
    return [draw.choice(pool) for _ in range(count)]


async def client(port: int, queries, times: list, wrong: list) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for query in queries:
        target = "/api/v1/search?limit=50&q=" + urllib.parse.quote_plus(query)
        started = time.perf_counter()
        writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head, re.I).group(1))
        body = await reader.readexactly(length)
        times.append(time.perf_counter() - started)
        if not head.startswith(b"HTTP/1.1 200 "):
            wrong.append(head.split(b"\r\n")[0] + body[:200])
    writer.close()


async def load(server: Server, name: str, queries: list[str], clients: int, share: bool) -> None:
    times, wrong, shared = [], [], iter(queries)
    began, cpu, own = time.perf_counter(), server.cpu(), time.process_time()

    async def watch() -> None:
        while True:
            memory = server.memory()
            print(f"  {len(times):8} requests: {memory['VmRSS']:6.0f} MiB, {memory['RssAnon']:6.0f} MiB of it not mapped", flush=True)
            await asyncio.sleep(5)

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*(client(server.port, shared, times, wrong) for _ in range(clients)))
    watcher.cancel()
    seconds = time.perf_counter() - began
    memory = server.memory()
    ranked = np.sort(np.asarray(times)) * 1e3
    quantile = lambda share: ranked[int(share * (len(ranked) - 1))]
    print(f"{name}: {len(times)} requests, {clients} at a time, median {quantile(0.5):.1f} ms, 99 % {quantile(0.99):.1f} ms, "
          f"longest {ranked[-1]:.1f} ms, {len(times) / seconds:.0f} each second; {memory['VmRSS']:.0f} MiB, "
          f"{memory['RssAnon']:.0f} MiB of it not mapped; {len(wrong)} not answered {wrong[:1]}")
    if share:
        used, own = server.cpu() - cpu, time.process_time() - own
        print(f"  processor time: server {used:.1f} s ({used / len(times) * 1e3:.2f} ms each request), clients {own:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("out", type=Path)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--cpu-share", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    index = make_index(arguments.program, arguments.out, arguments.photos)
    server = Server(arguments.program, index)
    try:
        print(f"load of the machine: {os.getloadavg()}", file=sys.stderr)
        for name, queries in (
            ("different queries", different(arguments.requests // 10)),
            ("queries drawn from 424", repeated(arguments.requests)),
        ):
            asyncio.run(load(server, name, queries, arguments.clients, arguments.cpu_share))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
