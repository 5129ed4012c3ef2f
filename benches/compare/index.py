"""The index here, hnswlib and usearch, by turns in one run: building, searching, and what an index must keep to.

    cargo bench -p clip-index --bench index_scale --no-run      # prints the path of the benchmark's program
    python benches/compare/index.py PROGRAM DATA [--before OLD] [--clip-search CLIP_SEARCH] [--reuse]
        [--sizes 20k 100k 1m] [--usearch [f32] [f16]]

DATA holds what index_data.py makes, and gets a scratch environment with hnswlib and usearch, and the built indexes. OLD
is the benchmark's program of an earlier version, whose exact search the scan is held against. With `--reuse`, indexes
that an earlier run built are searched as they are, and what it measured when it built them is printed again.

Queries are searched by one thread, in blocks: all programs search a block before the next one, in the opposite order
every other round. A time is the sum of each block's best. hnswlib and usearch get a block in one call, so none of
Python's time is in theirs. Recall@10 is the share of the ten most similar photos that was found. Theirs is held against
float32, and ours against our own exact search, which reads what the index stores; what that loses against float32 is
printed too. The time at a recall is interpolated between neighbouring values of ef, logarithms of time and of the share
that was missed.

Exits with 1 if a bar is missed. Indexes are built on all cores, so building is compared by CPU time. If CLIP_SEARCH is
given, the index is of the model of DATA/real, and cold queries of the whole program are measured too.
"""

import argparse
import importlib.metadata
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

PACKAGES = ["numpy", "hnswlib", "usearch"]
K = 10
CONNECTIONS = 32
EF_CONSTRUCTION = 200
EFS = [10, 15, 20, 30, 40, 60, 80, 120, 160, 200, 300, 400, 600, 800, 1200]
# What the default of ours takes with 100,000 photos, and how it grows: see index/src/plan.rs.
FILTER_EF, FILTER_EF_GROWTH = 350, 0.5
RECALLS = [0.99, 0.999]
BLOCK = 100
FILTERS = [0.5, 0.1, 0.01, 0.001, 0.0001]
SEED = 13


def in_environment(data: Path) -> None:
    """Goes on in an environment with the packages, which is made if it is not there."""
    folder = data / "env"
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    os.execv(python, [str(python), *sys.argv])


def log(text: str) -> None:
    print(text, flush=True)


class Bars:
    """What must hold, and whether it does."""

    def __init__(self):
        self.lines = []
        self.missed = 0

    def most(self, what: str, value: float, bound: float) -> None:
        self._note(what, value, bound, value <= bound, "at most")

    def least(self, what: str, value: float, bound: float) -> None:
        self._note(what, value, bound, value >= bound, "at least")

    def _note(self, what: str, value: float, bound: float, holds: bool, word: str) -> None:
        # NaN, for what could not be measured, holds nothing.
        self.missed += not holds
        self.lines.append(f"  {'holds ' if holds else 'MISSED'}  {what}: {value:.4g}, {word} {bound:g}")

    def print(self) -> None:
        log("\nbars")
        for line in self.lines:
            log(line)


class Ours:
    """Our benchmark's program, answering questions about one index."""

    def __init__(self, program: Path, index: Path, queries: Path, threads: int | None = 1):
        environment = dict(os.environ)
        environment.pop("RAYON_NUM_THREADS", None)
        if threads:
            environment["RAYON_NUM_THREADS"] = str(threads)
        command = [program, "ask", index, queries]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.ready = json.loads(self.process.stdout.readline())

    def ask(self, question: str) -> dict:
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"our program ended at `{question}`")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Hnswlib:
    """hnswlib's index; its similarity is that of unit vectors, as ours."""

    def __init__(self, rows: "np.ndarray", path: Path, reuse: bool):
        import hnswlib

        self.index = hnswlib.Index(space="ip", dim=rows.shape[1])
        if reuse and path.exists():
            self.index.load_index(str(path), max_elements=len(rows))
            self.built = json.loads(path.with_suffix(".json").read_text())
            return
        self.index.init_index(len(rows), M=CONNECTIONS, ef_construction=EF_CONSTRUCTION, random_seed=SEED)
        cpu, wall = time.process_time(), time.monotonic()
        self.index.add_items(rows)
        self.built = {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}
        self.index.save_index(str(path))
        path.with_suffix(".json").write_text(json.dumps(self.built))

    def search(self, queries: "np.ndarray", ef: int) -> "np.ndarray":
        self.index.set_ef(ef)
        return self.index.knn_query(queries, k=K, num_threads=1)[0]


class Usearch:
    """usearch's index, of rows as float32 or float16."""

    def __init__(self, rows: "np.ndarray", path: Path, reuse: bool, dtype: str):
        from usearch.index import Index

        self.index = Index(
            ndim=rows.shape[1], metric="ip", dtype=dtype, connectivity=CONNECTIONS, expansion_add=EF_CONSTRUCTION
        )
        if reuse and path.exists():
            self.index.load(str(path))
            self.built = json.loads(path.with_suffix(".json").read_text())
            return
        cpu, wall = time.process_time(), time.monotonic()
        self.index.add(np.arange(len(rows)), rows)
        self.built = {"cpu_s": time.process_time() - cpu, "wall_s": time.monotonic() - wall}
        self.index.save(str(path))
        path.with_suffix(".json").write_text(json.dumps(self.built))

    def search(self, queries: "np.ndarray", ef: int) -> "np.ndarray":
        self.index.expansion_search = ef
        return self.index.search(queries, K, threads=1).keys


def build_ours(program: Path, index: Path, photos: Path, reuse: bool, *options: str) -> list[dict]:
    """Builds an index and returns what the program prints about that, phase by phase."""
    notes = index.with_suffix(".jsonl")
    if not (reuse and notes.exists()):
        shutil.rmtree(index, ignore_errors=True)
        lines = subprocess.run([program, "build", index, photos, *options], stdout=subprocess.PIPE, check=True).stdout
        notes.write_bytes(lines)
    return [json.loads(line) for line in notes.read_text().splitlines()]


def whole_process(command: list) -> tuple[float, float]:
    """CPU time in seconds and the peak, as far as looking every millisecond shows it, of memory that is no mapped file,
    in MiB."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while True:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"RssAnon:\s*(\d+)", status)
            peak = max(peak, int(found[1]) if found else 0)
        except OSError:
            pass
        ended, code, usage = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(code)
            break
        time.sleep(0.001)
    if process.returncode != 0:
        sys.exit(f"{command} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime, peak / 1024


def similarity_of(rows: "np.ndarray", queries: "np.ndarray", found: "np.ndarray") -> "np.ndarray":
    return np.einsum("qd,qkd->qk", queries, rows[found])


def truth_of(rows: "np.ndarray", queries: "np.ndarray") -> "np.ndarray":
    """The similarities of the ten best, in float32, computed in the order in which `similarity_of` does."""
    found = np.empty((len(queries), K), dtype=np.int64)
    for start in range(0, len(queries), 100):
        all_of_them = queries[start : start + 100] @ rows.T
        found[start : start + 100] = np.argpartition(-all_of_them, K - 1, axis=1)[:, :K]
    return similarity_of(rows, queries, found)


def recall_of(rows: "np.ndarray", queries: "np.ndarray", found: list, worst: "np.ndarray") -> float:
    """`worst` is the similarity of the tenth best of each query. Fewer than ten found are missed."""
    right = 0
    for query, numbers, least in zip(queries, found, worst):
        right += int((rows[np.asarray(numbers, dtype=np.int64)] @ query >= least - 1e-6).sum())
    return min(right / (K * len(queries)), 1.0)


def overlap(found: list, truth: list) -> float:
    """The share of the rows of `truth` that is in `found`; all of them if there are none."""
    wanted = sum(len(rows) for rows in truth)
    return sum(len(set(a) & set(b)) for a, b in zip(found, truth)) / wanted if wanted else 1.0


def time_at(recall: float, points: list[tuple[float, float]]) -> float:
    """Interpolated between points of recall and time. Where the fastest finds enough, its time, an upper bound; where
    none does, infinity."""
    missed = lambda found: math.log(max(1 - found, 1e-5))
    points = sorted(points, key=lambda point: point[1])
    if points[0][0] >= recall:
        return points[0][1]
    for (low, before), (high, after) in zip(points, points[1:]):
        if low < recall <= high:
            share = (missed(low) - missed(recall)) / (missed(low) - missed(high))
            return math.exp(math.log(before) + share * (math.log(after) - math.log(before)))
    return math.inf


class Size:
    """The comparison at one number of photos."""

    def __init__(self, arguments: argparse.Namespace, name: str, bars: Bars):
        self.arguments, self.name, self.bars = arguments, name, bars
        self.photos = arguments.data / f"photos-{name}.npy"
        self.rows = np.load(self.photos)
        self.work = arguments.data / "compare" / name
        self.work.mkdir(parents=True, exist_ok=True)
        draw = np.random.default_rng(SEED)
        captions = np.load(arguments.data / "captions.npy")
        captions = captions[np.sort(draw.choice(len(captions), min(arguments.queries, len(captions)), replace=False))]
        words = np.load(arguments.data / "words.npy")[: arguments.queries]
        self.captions, self.words = range(len(captions)), range(len(captions), len(captions) + len(words))
        self.queries = np.concatenate([captions, words])
        self.queries_path = self.work / "queries.npy"
        np.save(self.queries_path, self.queries)
        self.is_large = len(self.rows) >= 100_000

    def run(self) -> None:
        log(f"\n{self.name}: {len(self.rows):,} photos of {self.rows.shape[1]} numbers, "
            f"{len(self.captions):,} captions, {len(self.words):,} words")
        self.build()
        self.ours = Ours(self.arguments.program, self.index, self.queries_path)
        self.truths()
        self.graphs()
        self.filters()
        self.ours.close()
        self.scans()
        self.open()
        self.query()
        self.update()

    def build(self) -> None:
        reuse = self.arguments.reuse
        self.index = self.work / "ours"
        # Of the real index's model, so that clip-search may search it.
        real = self.arguments.data / "real"
        like = ["--like", real] if self.arguments.clip_search else []
        phases = build_ours(self.arguments.program, self.index, self.photos, reuse, *like)
        log("building, CPU and wall time:")
        for phase in phases:
            if "cpu_s" in phase:
                log(f"  ours, {phase['phase']:>6}: {phase['cpu_s']:8.1f} s {phase['wall_s']:8.1f} s; peak "
                    f"{phase['peak_mib']:6.0f} MiB resident, {phase['heap_peak_mib']:6.0f} MiB not mapped "
                    f"({phase['heap_before_mib']:.0f} before: {phase['heap_bytes_per_photo']:.0f} bytes a photo)")
            else:
                log(f"  ours, on disk: {phase['bytes'] / 2**20:.0f} MiB")
        self.others = {"hnswlib": Hnswlib(self.rows, self.work / "hnswlib.bin", reuse)}
        for dtype in self.arguments.usearch:
            self.others[f"usearch {dtype}"] = Usearch(self.rows, self.work / f"usearch-{dtype}.bin", reuse, dtype)
        for name, other in self.others.items():
            log(f"  {name:>12}: {other.built['cpu_s']:8.1f} s {other.built['wall_s']:8.1f} s")
        graph = next(phase for phase in phases if phase["phase"] == "graph")
        ratio = graph["cpu_s"] / self.others["hnswlib"].built["cpu_s"]
        log(f"  ours/hnswlib: {ratio:.3f}")
        if self.is_large:
            self.bars.most(f"{self.name}: CPU time of the graph's building against hnswlib's", ratio, 1.2)
            self.bars.most(f"{self.name}: bytes a photo while the graph is built", graph["heap_bytes_per_photo"], 400)

    def truths(self) -> None:
        self.worst = truth_of(self.rows, self.queries).min(axis=1)
        self.exact = self.ours.ask(f"exact 0 {len(self.queries)}")["hits"]
        stored = recall_of(self.rows, self.queries, self.exact, self.worst)
        log(f"recall@{K} of our exact search, which reads 16 bits, against float32: {stored:.4f}")
        for way in ("scan", "default"):
            found = self.ours.ask(f"{way} 0 {len(self.queries)}")["hits"]
            for kind, which in (("captions", self.captions), ("words", self.words)):
                recall = self.recall(found[which.start : which.stop], which)
                log(f"recall@{K} of {way}, {kind}: {recall:.4f}")
                self.bars.least(f"{self.name}: recall of {way}, {kind}", recall, 0.995)

    def recall(self, found: list, which: range) -> float:
        """Of ours, against our exact search."""
        return overlap(found, self.exact[which.start : which.stop])

    def blocks(self, which: range) -> list[range]:
        return [range(start, min(start + BLOCK, which.stop)) for start in range(which.start, which.stop, BLOCK)]

    def graphs(self) -> None:
        for kind, which in (("captions", self.captions), ("words", self.words)):
            curves = self.curves(which)
            log(f"graph, {kind}: milliseconds a query and recall@{K}, one thread")
            log("      ef" + "".join(f"{name:>22}" for name in curves))
            for at, ef in enumerate(self.arguments.efs):
                cells = [points[at] for points in curves.values()]
                log(f"  {ef:6}" + "".join(f"{time:13.3f} {recall:8.4f}" for recall, time in cells))
            for recall in RECALLS:
                times = {name: time_at(recall, points) for name, points in curves.items()}
                ratio = times["ours"] / times["hnswlib"]
                cells = ", ".join(f"{name} {time:.3f} ms" for name, time in times.items())
                log(f"  at recall {recall}: {cells}; ours/hnswlib {ratio:.3f}")
                if self.is_large and kind == "captions":
                    self.bars.most(f"{self.name}: time at recall {recall} against hnswlib's", ratio, 1.0)

    def curves(self, which: range) -> dict[str, list[tuple[float, float]]]:
        """Recall and milliseconds a query for every ef."""
        curves = {name: [] for name in ("ours", *self.others)}
        for ef in self.arguments.efs:
            best = {name: {} for name in curves}
            found = {name: {} for name in curves}
            for round in range(self.arguments.rounds):
                for block in self.blocks(which):
                    for name in list(curves)[:: -1 if round % 2 else 1]:
                        found[name][block], seconds = self.search(name, ef, block)
                        best[name][block] = min(seconds, best[name].get(block, math.inf))
            for name in curves:
                hits = [numbers for block in self.blocks(which) for numbers in found[name][block]]
                if name == "ours":
                    recall = self.recall(hits, which)
                else:
                    recall = recall_of(
                        self.rows, self.queries[which.start : which.stop], hits, self.worst[which.start : which.stop]
                    )
                curves[name].append((recall, 1e3 * sum(best[name].values()) / len(which)))
        return curves

    def search(self, name: str, ef: int, block: range) -> tuple[list, float]:
        """What is found for a block of queries, and the seconds that it took."""
        if name == "ours":
            answer = self.ours.ask(f"graph {ef} {block.start} {block.stop}")
            return answer["hits"], answer["seconds"]
        queries = self.queries[block.start : block.stop]
        start = time.perf_counter()
        hits = self.others[name].search(queries, ef)
        return hits, time.perf_counter() - start

    def filters(self) -> None:
        which = self.captions[: min(200, len(self.captions))]
        span = f"{which.start} {which.stop}"
        ef = max(128, int(FILTER_EF * (len(self.rows) / 1e5) ** FILTER_EF_GROWTH))
        log(f"filters, one thread: milliseconds a query and recall@{K} of scan, graph at ef {ef}, and default")
        for share in FILTERS:
            ways = {"scan": f"scan {span}", "graph": f"graph {ef} {span}", "default": f"default {span}"}
            exact = self.ours.ask(f"exact {span} keep {share}")["hits"]
            best = dict.fromkeys(ways, math.inf)
            recall = {}
            for _ in range(self.arguments.rounds):
                for way, question in ways.items():
                    answer = self.ours.ask(f"{question} keep {share}")
                    best[way] = min(best[way], 1e3 * answer["seconds"] / len(which))
                    recall[way] = overlap(answer["hits"], exact)
            # What loses photos is no alternative.
            good = min(best[way] for way in ("scan", "graph") if recall[way] >= 0.99 or way == "scan")
            log(f"  {100 * share:6g} %" + "".join(f"{best[way]:12.4f} {recall[way]:.4f}" for way in ways))
            what = f"{self.name}: a filter that keeps {100 * share:g} %"
            self.bars.least(f"{what}, recall", recall["default"], 0.99)
            self.bars.most(f"{what}, time against the better of scan and graph", best["default"] / good, 1.3)

    def scans(self) -> None:
        """The scan against an earlier version's, and against just reading what it reads."""
        before = self.arguments.before
        if before:
            index = self.work / "before"
            build_ours(before, index, self.photos, self.arguments.reuse, "--no-graph")
        count = min(100, len(self.captions))
        for threads in (1, None):
            ours = Ours(self.arguments.program, self.index, self.queries_path, threads)
            earlier = Ours(before, index, self.queries_path, threads) if before else None
            code_bytes = self.arguments.code_bytes or (self.rows.shape[1] + 63) // 64 * 64 + 4
            best = dict.fromkeys(["scan", "exact", "stream", "before"], math.inf)
            for _ in range(max(self.arguments.rounds, 3)):
                for start in range(0, count, 20):
                    stop = min(start + 20, count)
                    span = f"{start} {stop}"
                    taken = {way: ours.ask(f"{way} {span}")["seconds"] / (stop - start) for way in ("scan", "exact")}
                    taken["stream"] = ours.ask(f"stream {code_bytes}")["seconds"]
                    if earlier:
                        taken["before"] = earlier.ask(f"exact {span}")["seconds"] / (stop - start)
                    best = {way: min(best[way], taken.get(way, math.inf)) for way in best}
            ours.close()
            if earlier:
                earlier.close()
            name = "all threads" if threads is None else "one thread"
            log(f"scan, {name}, milliseconds: {1e3 * best['scan']:.3f}; exact {1e3 * best['exact']:.3f}, before "
                f"{1e3 * best['before']:.3f} (scan/before {best['scan'] / best['before']:.3f}), streaming {code_bytes} "
                f"bytes a photo {1e3 * best['stream']:.3f} (scan/streaming {best['scan'] / best['stream']:.3f})")
            if self.is_large:
                if earlier:
                    self.bars.most(f"{self.name}: scan against before, {name}", best["scan"] / best["before"], 0.35)
                self.bars.most(f"{self.name}: scan against streaming, {name}", best["scan"] / best["stream"], 1.25)

    def open(self) -> None:
        """In processes of their own, files in the page cache."""
        runs = []
        for _ in range(max(self.arguments.rounds, 3)):
            command = [self.arguments.program, "open", self.index, self.queries_path]
            runs.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
        for way in ("graph", "scan"):
            least = {key: min(run[way][key] for run in runs) for key in runs[0][way]}
            log(f"opening, {way}: open after {least['open_ms']:.2f} ms, first answer after {least['answer_ms']:.2f} "
                f"ms, records of {K} photos {least['records_ms']:.2f} ms more")
            if self.is_large and way == "graph":
                self.bars.most(f"{self.name}: milliseconds until the graph's first answer", least["answer_ms"], 5)
        log(f"opening: peak {max(run['peak_mib'] for run in runs):.0f} MiB resident, mapped pages included")

    def query(self) -> None:
        """The whole program, once for each of some captions that it has not seen, files in the page cache."""
        if not self.arguments.clip_search:
            return
        captions = (self.arguments.data / "captions.txt").read_text(encoding="utf-8").splitlines()[::500]
        # As JSON: the photos do not exist, and otherwise the program would look on for some that do.
        command = [self.arguments.clip_search, "--index", self.index, "query", "--no-cache", "--offline", "--json"]
        runs = [whole_process([*command, "--", caption]) for caption in captions]
        times = sorted(cpu for cpu, _ in runs)
        cpu, heap = times[len(times) // 2], max(heap for _, heap in runs)
        log(f"a cold query: median CPU time {1e3 * cpu:.1f} ms, least {1e3 * times[0]:.1f} ms, peak {heap:.0f} MiB not mapped")
        if len(self.rows) >= 1_000_000:
            self.bars.most(f"{self.name}: milliseconds of CPU time of a cold query", 1e3 * cpu, 60)
            self.bars.most(f"{self.name}: MiB of a cold query besides mapped pages", heap, 120)

    def update(self) -> None:
        """In a copy, since it leaves traces."""
        copy = self.work / "updated"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.index, copy)
        command = [self.arguments.program, "update", copy, self.photos]
        lines = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()
        shutil.rmtree(copy)
        lines = [json.loads(line) for line in lines]
        log(f"updating: opening the writer {lines[0]['milliseconds']:.1f} ms")
        for what in ("add", "remove"):
            times = sorted(line["milliseconds"] for line in lines if line["update"] == what)
            written = sorted(line["bytes"] for line in lines if line["update"] == what)
            middle = len(times) // 2
            log(f"updating, {what} one photo and commit: median {times[middle]:.1f} ms, at most {times[-1]:.1f} ms; "
                f"median {written[middle]:,} bytes written, at most {written[-1]:,}")
            self.bars.most(f"{self.name}: milliseconds to {what} one photo and commit, median", times[middle], 150)
            # Its share of the files: less than a thousandth, or what a small index takes.
            share = max(sum(file.stat().st_size for file in self.index.rglob("*") if file.is_file()) / 1000, 64 << 10)
            self.bars.most(f"{self.name}: bytes written to {what} one photo, median", written[middle], share)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--before", type=Path, help="an earlier version of the benchmark's program")
    parser.add_argument("--clip-search", type=Path, help="the whole program, to measure a cold query")
    parser.add_argument("--sizes", nargs="+", default=["20k", "100k", "1m"])
    parser.add_argument("--queries", type=int, default=1000, help="how many captions, and how many words")
    parser.add_argument("--efs", nargs="+", type=int, default=EFS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--code-bytes", type=int, help="bytes a photo that a scan reads, if not a code and its scale")
    parser.add_argument("--usearch", nargs="*", choices=["f32", "f16"], default=["f32", "f16"])
    parser.add_argument("--reuse", action="store_true")
    arguments = parser.parse_args()
    in_environment(arguments.data)
    global np
    import numpy as np

    log(", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES))
    bars = Bars()
    for name in arguments.sizes:
        Size(arguments, name, bars).run()
    bars.print()
    if not arguments.before:
        log("not measured without --before: the scan against that of an earlier version")
    if not arguments.clip_search:
        log("not measured without --clip-search: cold queries of the whole program")
    sys.exit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
