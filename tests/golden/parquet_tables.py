"""Parquet files by those who write them, for crates/clip-parquet/tests/fixtures.rs and index/tests/suite/parquet.rs.

    python -m venv venv
    venv/bin/pip install pyarrow pandas polars duckdb datasets pillow fsspec numpy
    venv/bin/pip install --no-deps clip-retrieval
    venv/bin/python tests/golden/parquet_tables.py crates/clip-parquet/tests/fixtures index/tests/fixtures/clip_retrieval

The first folder gets tables, and `expected.json` with what pyarrow reads in them. The second gets what `clip-retrieval
inference` writes for photos with captions and metadata: its own writer is run, without its models. Made with pyarrow 26.0.1,
pandas 3.1.1, polars 2.1.0, duckdb 2.0.1, datasets 5.2.0 and clip-retrieval 2.45.0.
"""

import importlib.util
import json
import math
import os
import shutil
import sys

import datasets
import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.parquet

ROWS = 23
DIMENSION = 5


def embeddings(count=ROWS, dimension=DIMENSION):
    """Rows whose numbers are exact in 16 bits."""
    return (numpy.arange(count * dimension, dtype=numpy.float32).reshape(count, dimension) - 40) / 32


def paths(count=ROWS):
    return [f"/photos/2019/IMG_{number:04}.jpg" for number in range(count)]


def table(element, size=-1):
    """All types that are read. Every seventh row lacks what may be missing."""
    gap = lambda number, value: None if number % 7 == 3 else value
    numbers = range(ROWS)
    vectors = [None if row is None else [float(x) for x in row] for row in (gap(n, r) for n, r in enumerate(embeddings()))]
    column = pyarrow.array(vectors, pyarrow.list_(pyarrow.float64()))
    return pyarrow.table(
        {
            "path": pyarrow.array(paths()),
            "caption": pyarrow.array([gap(n, "a dog, ein Hündchen" * (n % 3)) for n in numbers]),
            "bytes": pyarrow.array([gap(n, bytes([255, n])) for n in numbers], pyarrow.binary()),
            "small": pyarrow.array([gap(n, n - 9) for n in numbers], pyarrow.int8()),
            "number": pyarrow.array([gap(n, -(n**11)) for n in numbers], pyarrow.int64()),
            "unsigned": pyarrow.array([2**64 - 1 - n for n in numbers], pyarrow.uint64()),
            "unsigned_32": pyarrow.array([2**32 - 1 - n for n in numbers], pyarrow.uint32()),
            "truth": pyarrow.array([gap(n, n % 3 == 0) for n in numbers]),
            "double": pyarrow.array([n / 7 for n in numbers]),
            "tags": pyarrow.array([gap(n, ["one", "two", "three"][: n % 4]) for n in numbers]),
            "image": pyarrow.array([{"bytes": None, "path": path} for path in paths()]),
            "when": pyarrow.array([n for n in numbers], pyarrow.timestamp("us")),
            "embedding": column.cast(pyarrow.list_(element, size)) if size < 0 else fixed(column, element, size),
        }
    )


def fixed(column, element, size):
    flat = pyarrow.array([0.0 if x is None else x for row in column.to_pylist() for x in (row or [0.0] * size)], pyarrow.float64())
    mask = pyarrow.array([row is None for row in column.to_pylist()])
    return pyarrow.FixedSizeListArray.from_arrays(flat.cast(element), size, mask=mask)


def simple(number):
    """A value of JSON; numbers that JSON has not become texts, bytes become lists."""
    if isinstance(number, float) and not math.isfinite(number):
        return str(number)
    if isinstance(number, bytes):
        return list(number)
    if isinstance(number, (list, tuple)):
        return [simple(x) for x in number]
    if isinstance(number, (numpy.floating,)):
        return simple(float(number))
    return number


def leaves(table):
    for name, column in zip(table.schema.names, table.columns):
        if pyarrow.types.is_struct(column.type):
            for part in column.type:
                yield f"{name}.{part.name}", column.combine_chunks().field(part.name)
        elif pyarrow.types.is_timestamp(column.type):
            yield name, None
        else:
            yield name, column


def tables(out):
    write = pyarrow.parquet.write_table
    path = lambda name: os.path.join(out, name + ".parquet")
    f16, f32, f64 = pyarrow.float16(), pyarrow.float32(), pyarrow.float64()
    write(table(f32), path("pyarrow"))
    write(table(f16, DIMENSION), path("half_fixed_zstd"), compression="zstd", write_page_checksum=True)
    write(table(f64), path("double_gzip_v2"), compression="gzip", data_page_version="2.0", version="2.6")
    write(table(f32), path("plain_none"), compression="none", use_dictionary=False, store_schema=False)
    plain = dict(use_dictionary=False, compression="snappy")
    deltas = {
        "path": "DELTA_BYTE_ARRAY",
        "caption": "DELTA_LENGTH_BYTE_ARRAY",
        "bytes": "DELTA_BYTE_ARRAY",
        "small": "DELTA_BINARY_PACKED",
        "number": "DELTA_BINARY_PACKED",
        "unsigned": "DELTA_BINARY_PACKED",
        "unsigned_32": "DELTA_BINARY_PACKED",
        "truth": "RLE",
        "double": "BYTE_STREAM_SPLIT",
        "tags.list.element": "DELTA_BYTE_ARRAY",
        "embedding.list.element": "BYTE_STREAM_SPLIT",
    }
    write(table(f32), path("deltas"), column_encoding=deltas, **plain)
    write(table(f16), path("deltas_v2"), column_encoding=deltas, data_page_version="2.0", **plain)
    # Pages and ranges of rows that are as small as can be, so that rows begin and end at all their edges.
    write(table(f32), path("small_pages"), row_group_size=7, data_page_size=1, write_batch_size=1, dictionary_pagesize_limit=64)
    write(table(f32, DIMENSION), path("small_pages_v2"), row_group_size=5, data_page_size=1, write_batch_size=1, data_page_version="2.0")
    write(table(f32), path("older_lists"), use_compliant_nested_type=False, version="1.0", flavor="spark")
    write(table(f32).slice(0, 0), path("no_rows"))
    for codec in ["brotli", "lz4"]:
        write(table(f32).select(["path"]), path(codec), compression=codec)
    frame = pandas.DataFrame({"image_path": paths(), "caption": ["a", None] * 11 + ["b"], "width": [640, None] * 11 + [480]})
    frame["embedding"] = list(embeddings())
    frame.to_parquet(path("pandas"))
    frame = polars.DataFrame({"path": paths(), "width": list(range(ROWS)), "embedding": embeddings().tolist()})
    frame.with_columns(polars.col("embedding").cast(polars.Array(polars.Float32, DIMENSION))).write_parquet(path("polars"))
    frame = frame.to_arrow()
    duckdb.sql(f"COPY (SELECT path, width, embedding::FLOAT[{DIMENSION}] AS embedding FROM frame) TO '{path('duckdb')}' (FORMAT parquet)")
    duckdb.sql(f"COPY (SELECT * FROM frame) TO '{path('duckdb_v2')}' (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd)")
    features = {
        "image": datasets.Image(decode=False),
        "label": datasets.ClassLabel(names=["cat", "dog"]),
        "embedding": datasets.Sequence(datasets.Value("float16"), length=DIMENSION),
    }
    rows = {
        "image": [{"bytes": b"no picture", "path": path} for path in paths()],
        "label": [number % 2 for number in range(ROWS)],
        "embedding": list(embeddings().astype(numpy.float16)),
    }
    datasets.Dataset.from_dict(rows, features=datasets.Features(features)).to_parquet(path("datasets"))
    vectors = [[1.0, 2.0], None, [], [None, 3.0], [float("nan"), float("inf")], [4.0, 5.0, 6.0]]
    odd = {"path": ["/a", None, "", "/d", "/e", "/f"], "embedding": pyarrow.array(vectors, pyarrow.list_(f32))}
    write(pyarrow.table(odd), path("odd_rows"))
    expected = {}
    for name in sorted(os.listdir(out)):
        if name.endswith(".parquet") and name[:-8] not in ("brotli", "lz4"):
            found = pyarrow.parquet.read_table(os.path.join(out, name))
            expected[name] = {leaf: None if column is None else simple(column.to_pylist()) for leaf, column in leaves(found)}
    with open(os.path.join(out, "expected.json"), "w", encoding="utf-8") as file:
        json.dump(expected, file, separators=(",", ":"))
        file.write("\n")


def clip_retrieval(out):
    package = importlib.util.find_spec("clip_retrieval").submodule_search_locations[0]
    spec = importlib.util.spec_from_file_location("writer", os.path.join(package, "clip_inference", "writer.py"))
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    vectors = embeddings(7).astype(numpy.float64)
    vectors = (vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)).astype(numpy.float16)
    for partition, numbers in enumerate([[0, 2, 4, 6], [1, 3, 5]]):
        sink = writer.OutputSink(out, True, True, True, partition, 2)
        for number in numbers:
            details = {"url": f"https://example.org/{number}", "key": f"{number:09}", "status": "success", "width": 640, "height": 480}
            sink.add(
                {
                    "image_embs": vectors[number : number + 1],
                    "text_embs": vectors[number : number + 1],
                    "image_filename": [f"photos/{number}.jpg"],
                    "text": [f"the caption of {number}"],
                    "metadata": [json.dumps(details)],
                }
            )
        sink.flush()


if __name__ == "__main__":
    for folder in sys.argv[1:3]:
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    tables(sys.argv[1])
    clip_retrieval(sys.argv[2])
