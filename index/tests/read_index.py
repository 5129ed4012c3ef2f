"""Reads an index with nothing but Python and docs/index-format.md, which it proves to be enough.

    python3 read_index.py INDEX

Prints the index as a JSON object: what its manifest says of the whole, its assets with the embeddings and the hubness of
their items, and the files that could not be indexed. Every checksum is compared, and codes are checked against what the
document says of them. What is wrong ends the program with an error.
"""

import json
import math
import struct
import sys
import zlib
from pathlib import Path

HEADER = 64
BLOCK = 1 << 20


def expect(holds: bool, what: object) -> None:
    if not holds:
        sys.exit(f"not as docs/index-format.md says: {what}")


def aligned(offset: int) -> int:
    return (offset + HEADER - 1) // HEADER * HEADER


def numbers(kind: str, data: bytes, offset: int, count: int) -> list:
    """Little-endian numbers, by their letter in `struct`."""
    return list(struct.unpack_from(f"<{count}{kind}", data, offset))


def read_json(path: Path, kind: str, supported: int) -> dict:
    line, body = path.read_bytes().split(b"\n", 1)
    header = json.loads(line)
    expect(header["kind"] == kind, f"{path} is a {header['kind']}")
    expect(header.get("readable_by", header["version"]) <= supported, f"{path} has version {header['version']}")
    # From version 3 on, the checksum begins with the line up to the member that has it.
    covered = line.rsplit(b',"crc32":', 1)[0] if header["version"] > 2 else b""
    expect(header["crc32"] == f"{zlib.crc32(covered + body):08x}", f"the checksum of {path}")
    return json.loads(body)


class File:
    """A binary file of sections, with a header and a table of checksums."""

    def __init__(self, path: Path, magic: bytes, version: int, header_crc: int):
        self.path, self.data = path, path.read_bytes()
        expect(self.data[:8] == magic, f"the beginning of {path}")
        expect(self.u32(8) == version, f"the version of {path}")
        expect(self.u32(60) == zlib.crc32(self.data[:60]) == header_crc, f"the checksum of the header of {path}")
        self.end = HEADER

    def u32(self, offset: int) -> int:
        return struct.unpack_from("<I", self.data, offset)[0]

    def u64(self, offset: int) -> int:
        return struct.unpack_from("<Q", self.data, offset)[0]

    def section(self, size: int) -> int:
        """Where the next section begins, which has this many bytes."""
        start = aligned(self.end)
        expect(not any(self.data[self.end : start]), f"the padding before {start} in {self.path}")
        self.end = start + size
        return start

    def check(self) -> None:
        """Compares the checksums, once all sections are known."""
        end = self.section(0)
        blocks = range(HEADER, end, BLOCK)
        table = self.data[end:]
        expect(len(table) == 4 * len(blocks) and zlib.crc32(table) == self.u32(28), f"the table of {self.path}")
        for block, crc in zip(blocks, numbers("I", table, 0, len(blocks))):
            expect(zlib.crc32(self.data[block : min(block + BLOCK, end)]) == crc, f"block {block} of {self.path}")


def ascending(values: list) -> bool:
    return all(a < b for a, b in zip(values, values[1:]))


def read_vectors(path: Path, entry: dict, dimension: int) -> dict[int, list[float]]:
    """Every row by its id."""
    file = File(path, b"clipvec\0", 2, entry["header_crc32"])
    count, kind = file.u64(16), {1: "e", 2: "f"}[file.u32(24)]
    expect((file.u32(12), count) == (dimension, entry["rows"]), f"the dimension or number of rows of {path}")
    code_length = aligned(dimension)
    ids = numbers("Q", file.data, file.section(8 * count), count)
    expect(zlib.crc32(file.data[HEADER : aligned(file.end)]) == file.u32(32), f"the checksum of the ids in {path}")
    scales = numbers("f", file.data, file.section(4 * count), count)
    codes = file.section(code_length * count)
    rows = file.section(struct.calcsize(kind) * dimension * count)
    file.check()
    expect(ascending(ids), f"the order of ids in {path}")
    found = {}
    for number, (id, scale) in enumerate(zip(ids, scales)):
        row = numbers(kind, file.data, rows + number * struct.calcsize(kind) * dimension, dimension)
        code = numbers("b", file.data, codes + number * code_length, code_length)
        expect(abs(math.hypot(*row) - 1) < 0.0016, f"the length of the row of {id}")
        # Half a step, and what 32-bit arithmetic may add to it.
        close = all(abs(scale * c - x) <= 0.5001 * scale for c, x in zip(code, row))
        expect(close and max(map(abs, code)) == 127 and not any(code[dimension:]), f"the codes of {id}")
        found[id] = row
    return found


def read_set(path: Path, crc: int) -> set[int]:
    """A set of ids: a 64-bit Roaring bitmap in the portable format."""
    data = path.read_bytes()
    expect(data[:8] == b"clipids\0" and struct.unpack_from("<I", data, 8) == (1,), f"the beginning of {path}")
    own = struct.unpack_from("<I", data, 12) == (zlib.crc32(data[16:]),)
    expect(own and zlib.crc32(data) == crc, f"the checksum of {path}")
    count, maps = struct.unpack_from("<QQ", data, 16)
    found, at = set(), 32
    for _ in range(maps):
        (high,) = struct.unpack_from("<I", data, at)
        low, at = read_bitmap(data, at + 4)
        found.update(high << 32 | value for value in low)
    expect(len(found) == count and at == len(data), f"the number of ids in {path}")
    return found


def read_bitmap(data: bytes, at: int) -> tuple[list[int], int]:
    """A 32-bit Roaring bitmap and where it ends."""
    (cookie,) = struct.unpack_from("<I", data, at)
    at += 4
    if cookie & 0xFFFF == 12347:
        size = (cookie >> 16) + 1
        flags = data[at : at + (size + 7) // 8]
        at += len(flags)
    else:
        expect(cookie == 12346, "the cookie of a bitmap")
        (size,) = struct.unpack_from("<I", data, at)
        flags = bytes((size + 7) // 8)
        at += 4
        cookie = 12346
    heads = [struct.unpack_from("<HH", data, at + 4 * number) for number in range(size)]
    at += 4 * size
    if cookie == 12346 or size >= 4:
        at += 4 * size
    values = []
    for number, (key, cardinality) in enumerate(heads):
        if flags[number // 8] >> number % 8 & 1:
            (runs,) = struct.unpack_from("<H", data, at)
            pairs = numbers("H", data, at + 2, 2 * runs)
            low = [start + step for start, more in zip(pairs[::2], pairs[1::2]) for step in range(more + 1)]
            at += 2 + 4 * runs
        elif cardinality + 1 <= 4096:
            low = numbers("H", data, at, cardinality + 1)
            at += 2 * len(low)
        else:
            words = numbers("Q", data, at, 1024)
            low = [64 * word + bit for word, bits in enumerate(words) for bit in range(64) if bits >> bit & 1]
            at += 8192
        expect(len(low) == cardinality + 1, "the number of values in a container")
        values += [key << 16 | value for value in low]
    return values, at


def read_records(path: Path, entry: dict) -> dict[int, dict]:
    """Every asset by its id."""
    file = File(path, b"cliprec\0", 1, entry["header_crc32"])
    count, size = file.u64(12), file.u64(20)
    ids = numbers("Q", file.data, file.section(8 * count), count)
    offsets = numbers("Q", file.data, file.section(8 * (count + 1)), count + 1)
    start = file.section(size)
    file.check()
    expect(ascending(ids) and offsets[0] == 0 and offsets[-1] == size, f"the ids or offsets of {path}")
    places = zip(ids, offsets, offsets[1:])
    return {id: read_record(file.data[start + begin : start + end]) for id, begin, end in places}


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """A length in groups of seven bits, and where it ends."""
    length = shift = 0
    while True:
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return length, at


class Fields:
    """The fields of a record or of an entry of bad files."""

    def __init__(self, data: bytes):
        self.values: dict[int, list[bytes]] = {}
        at = 0
        while at < len(data):
            tag = data[at]
            length, at = read_length(data, at + 1)
            self.values.setdefault(tag, []).append(data[at : at + length])
            at += length
        expect(at == len(data), "the length of fields")

    def numbers(self, tag: int, layout: str) -> tuple | None:
        """Little-endian numbers, by their letters in `struct`."""
        return struct.unpack(f"<{layout}", self.values[tag][-1]) if tag in self.values else None

    def number(self, tag: int, letter: str) -> float | None:
        found = self.numbers(tag, letter)
        return found[0] if found else None

    def text(self, tag: int) -> str | None:
        return self.texts(tag)[-1] if tag in self.values else None

    def texts(self, tag: int) -> list[str]:
        return [value.decode() for value in self.values.get(tag, [])]

    def file(self) -> dict:
        """What records and bad files have in common."""

        def time(tag: int) -> int | None:
            found = self.numbers(tag, "qI")
            return found and found[0] * 10**9 + found[1]

        return {
            "path": self.values[1][-1].decode("utf-8", "surrogateescape"),
            "hash": list(self.values[2][-1]) if 2 in self.values else None,
            "size": self.number(3, "Q"),
            "mtime_ns": time(4),
            "ctime_ns": time(5),
            "inode": self.numbers(6, "QQ"),
        }


def read_record(data: bytes) -> dict:
    fields = Fields(data)
    expect(fields.values.keys() >= {1, 2, 3, 4, 8}, "a record has the fields that are always there")
    positions = numbers("Q", fields.values[13][-1], 0, len(fields.values[13][-1]) // 8) if 13 in fields.values else [0]
    return fields.file() | {
        "kind": ["photo", "video", "document"][fields.number(7, "B") or 0],
        "width": fields.numbers(8, "II")[0],
        "height": fields.numbers(8, "II")[1],
        "taken_at": fields.number(9, "q"),
        "camera": fields.text(10),
        "lens": fields.text(11),
        "gps": fields.numbers(12, "dd"),
        "positions": positions,
        "utc_offset": fields.number(16, "h"),
        "iso": fields.number(17, "I"),
        "focal_length": fields.number(18, "f"),
        "rating": fields.number(19, "B"),
        "title": fields.text(20),
        "description": fields.text(21),
        "tags": fields.texts(22),
        "details_version": fields.number(23, "I") or 0,
        "people": fields.texts(24),
        "label": fields.text(25),
        "places": fields.texts(26),
        "sidecars": fields.number(27, "Q"),
        "picture_hash": list(fields.values.get(28, [b""])[-1]),
        "exposure_time": fields.number(32, "f"),
        "f_number": fields.number(33, "f"),
        "exposure_compensation": fields.number(34, "f"),
        "flash": fields.number(35, "?"),
        "burst": fields.text(36),
        "live_photo": fields.text(37),
        "marks": fields.number(38, "B") or 0,
        "companions": fields.texts(39),
        "duration": fields.number(40, "Q"),
        "rotation": fields.number(41, "H"),
        "text": read_text(fields),
    }


def read_text(fields: Fields) -> dict | None:
    if 48 not in fields.values:
        return None
    reader = fields.values[48][-1]
    return {
        "version": struct.unpack_from("<I", reader)[0],
        "languages": reader[4:].decode(),
        "words": fields.text(49) or "",
        "confidences": list(fields.values.get(50, [b""])[-1]),
    }


def read_bad_files(path: Path, entry: dict) -> list[dict]:
    """The files that could not be indexed, in the order of the file."""
    file = File(path, b"clipbad\0", 1, entry["header_crc32"])
    count, size = file.u64(12), file.u64(20)
    at = file.section(size)
    file.check()
    found, end = [], at + size
    while at < end:
        length, at = read_length(file.data, at)
        fields = Fields(file.data[at : at + length])
        found.append(fields.file() | {"reason": fields.text(14), "decoder": fields.number(15, "Q")})
        at += length
    paths = {bad["path"] for bad in found}
    expect(at == end and len(found) == len(paths) == count == entry["files"] >= 1, f"the entries of {path}")
    return found


def read_hubness(path: Path, entry: dict, rows: int) -> list[tuple[float, float]]:
    """Nearness to captions and to phrases of each row of a vector file."""
    file = File(path, b"cliphub\0", 1, entry["header_crc32"])
    count = file.u64(16)
    captions = numbers("f", file.data, file.section(4 * count), count)
    phrases = numbers("f", file.data, file.section(4 * count), count)
    file.check()
    expect(count == rows, f"the number of rows of {path}")
    return list(zip(captions, phrases))


def read_bank(path: Path) -> dict:
    """What the texts' embeddings are, as far as the document says: their number, and codes that fit to their scales."""
    data = path.read_bytes()
    file = File(path, b"clipbnk\0", 1, struct.unpack_from("<I", data, 60)[0])
    dimension, neighbours = file.u32(12), file.u32(24)
    start = file.section(file.u32(40))
    name = file.data[start : file.end].decode()
    texts = []
    for count in (file.u64(16), file.u64(32)):
        scales = numbers("f", file.data, file.section(4 * count), count)
        width = aligned(dimension)
        codes = file.section(width * count)
        rows = [numbers("b", file.data, codes + number * width, width) for number in range(count)]
        for scale, row in zip(scales, rows):
            near_one = abs(scale * math.hypot(*row) - 1) < 0.05
            expect(near_one and max(map(abs, row)) == 127 and not any(row[dimension:]), f"the codes of {path}")
        texts.append(rows)
    file.check()
    return {
        "name": name,
        "dimension": dimension,
        "neighbours": neighbours,
        "captions": len(texts[0]),
        "phrases": len(texts[1]),
    }


NO_LINK = 2**32 - 1


def level(id: int, slots: int) -> int:
    """In how many upper layers a node is."""
    mask = 2**64 - 1
    x = (id + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    x ^= x >> 31
    level, bound = 0, mask // slots
    while x < bound and level < 30:
        level, bound = level + 1, bound // slots
    return level


def read_graph(path: Path, entry: dict, dimension: int, ids: set[int]) -> dict:
    """Checks a graph, and says how many nodes it has, and how many of them the entry leads to."""
    file = File(path, b"clipgrf\0", 1, entry["header_crc32"])
    count, layers, start, upper = file.u64(16), file.u32(24), file.u32(48), file.u32(52)
    widths = [file.u32(32)] + [file.u32(36)] * (layers - 1)
    node_ids = numbers("Q", file.data, file.section(8 * count), count)
    lowest = numbers("I", file.data, file.section(4 * count * widths[0]), count * widths[0])
    sizes = [count] + numbers("I", file.data, file.section(4 * (layers - 1)), layers - 1)
    nodes = list(range(count)) + numbers("I", file.data, file.section(4 * upper), upper)
    slots = lowest + numbers("I", file.data, file.section(4 * upper * widths[-1]), upper * widths[-1])
    file.check()
    expect(file.u32(12) == dimension and ascending(node_ids) and set(node_ids) <= ids, f"the nodes of {path}")
    expect(sum(sizes) == len(nodes), f"the layers of {path}")
    below, neighbours = range(count), []
    for layer, (size, width) in enumerate(zip(sizes, widths)):
        own, nodes = nodes[:size], nodes[size:]
        links, slots = slots[: size * width], slots[size * width :]
        there = [node for node in below if layer == 0 or level(node_ids[node], widths[-1]) >= layer]
        expect(own == there, f"the nodes of layer {layer} of {path}")
        for at in range(0, len(links), width):
            used = [link for link in links[at : at + width] if link != NO_LINK]
            expect(used == links[at : at + len(used)] and all(link < size for link in used), f"the links of {path}")
            if layer == 0:
                neighbours.append(used)
        below = own
    expect(start in below, f"the entry of {path}")
    reached, to_visit = {start}, [start]
    while to_visit:
        new = set(neighbours[to_visit.pop()]) - reached
        reached |= new
        to_visit += new
    return {"nodes": count, "reached": len(reached)}


def read_index(index: Path) -> dict:
    manifest = read_json(index / "manifest.json", "clip-search manifest", 2)
    dimension = manifest["model"]["dimension"]
    rows, hubness = {}, {}
    measured = {entry["segment"]: entry for entry in manifest.get("hubness", [])}
    for entry in manifest["segments"]:
        found = read_vectors(index / "vectors" / f"{entry['file']:08x}.vec", entry, dimension)
        expect(min(found) > max(rows, default=0), "the order of the vector files")
        rows |= found
        if of_file := measured.get(entry["file"]):
            near = read_hubness(index / "vectors" / f"{of_file['file']:08x}.hub", of_file, len(found))
            hubness |= dict(zip(found, near))
    banks = {measured[entry["file"]]["bank"] if entry["file"] in measured else None for entry in manifest["segments"]}
    is_corrected = len(banks) == 1 and None not in banks
    assets = {}
    for entry in manifest["records"]:
        # Newer records take the place of older ones.
        assets |= read_records(index / "records" / f"{entry['file']:08x}.rec", entry)
    entry = manifest["deleted"]
    deleted = read_set(index / "vectors" / f"{entry['file']:08x}.del", entry["crc32"]) if entry else set()
    expect(deleted <= set(rows), "the removed ids")
    live = {}
    for id, asset in sorted(assets.items()):
        items = range(id, id + len(asset["positions"]))
        if deleted.isdisjoint(items) and items[0] in rows:
            near = [hubness[item] for item in items] if is_corrected else None
            live[id] = asset | {"embeddings": [rows[item] for item in items], "hubness": near}
    entry = manifest["graph"]
    graph = read_graph(index / "graph" / f"{entry['file']:08x}.hnsw", entry, dimension, set(rows)) if entry else None
    items = sum(len(asset["positions"]) for asset in live.values())
    expect(items == len(rows) - len(deleted), "every item that was not removed belongs to one asset")
    entry = manifest.get("bad_files")
    return {
        "generation": manifest["generation"],
        "model": manifest["model"],
        "origin": manifest["origin"],
        "roots": manifest["roots"],
        "remaining": manifest.get("remaining", 0),
        "rows": manifest.get("rows", "f16"),
        "excluded": manifest.get("excluded", []),
        "alignment": manifest.get("alignment"),
        "text_languages": manifest.get("text_languages"),
        "told": manifest.get("told", []),
        "bank": read_bank(index / "bank") if (index / "bank").exists() else None,
        "measured_with": banks.pop() if is_corrected else None,
        "bad_files": read_bad_files(index / "records" / f"{entry['file']:08x}.bad", entry) if entry else [],
        "graph": graph,
        "assets": live,
    }


if __name__ == "__main__":
    print(json.dumps(read_index(Path(sys.argv[1]))))
