"""The module as its users have it: the wheel is installed, and nothing else of the project is at hand but its sample photos."""

import threading
from pathlib import Path

import numpy as np
import pytest

import clip_search
from clip_search import Library, Model

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


@pytest.fixture(scope="session")
def model():
    return Model(device="cpu")


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    library = Library(tmp_path_factory.mktemp("index"), device="cpu")
    report = library.update([SAMPLES])
    assert report["indexed"] == 10 and report["skipped"] == []
    return library


def test_the_example_of_the_readme_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text()
    example = readme.split("```python\n")[1].split("```")[0]
    assert 5 <= len(example.splitlines()) <= 7
    (tmp_path / "Pictures").symlink_to(SAMPLES)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 5 and all(line.endswith(".jpg") for line in printed)


def test_a_search_finds_what_is_described(library):
    found = library.search("a cat", limit=3)
    assert [hit.rank for hit in found] == [1, 2, 3]
    assert found[0].path == SAMPLES / "cat.jpg"
    assert found[0].score >= found[1].score - 0.2 and 0 <= found[0].relevance <= 1
    assert found[0].to_dict()["path"] == str(SAMPLES / "cat.jpg")
    assert "cat.jpg" in repr(found[0]) and not found[0].missing and found[0].time is None


def test_embeddings_are_numpy_arrays_of_unit_vectors(model):
    texts = model.embed_texts(["a cat", "a rocket"])
    photos = model.embed_images([SAMPLES / "cat.jpg", (SAMPLES / "cat.jpg").read_bytes()])
    assert texts.dtype == photos.dtype == np.float32
    assert texts.shape == photos.shape == (2, model.dimension)
    assert np.allclose(np.linalg.norm(np.vstack([texts, photos]), axis=1), 1, atol=1e-4)
    assert np.array_equal(photos[0], photos[1])
    assert photos[0] @ texts[0] > photos[0] @ texts[1]
    assert model.embed_texts([]).shape == model.embed_images([]).shape == (0, model.dimension)


def test_pictures_may_be_arrays(model):
    pixels = np.random.default_rng(1).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    same = np.asfortranarray(pixels)
    flipped = pixels[:, ::-1]
    rows = model.embed_images([pixels, same, flipped])
    assert np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[0], rows[2])
    for wrong in (pixels[:, :, :2], np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="an image must"):
            model.embed_images([wrong])
    with pytest.raises(TypeError):
        model.embed_images([pixels.astype(np.float32)])


def test_queries_may_be_pictures_ids_vectors_and_conditions(library, model):
    cat = library.search(image=SAMPLES / "cat.jpg", limit=1)[0]
    assert cat.path.name == "cat.jpg" and cat.score > 0.99
    assert library.search(like=cat.id, limit=1)[0].id == cat.id
    vector = library.embedding(cat.id)
    assert library.search(embedding=vector, limit=1)[0].id == cat.id
    assert library.search(embedding=list(map(float, vector)), limit=1)[0].id == cat.id
    named = library.search("name:cat")
    assert [hit.path.name for hit in named] == ["cat.jpg"] and named[0].score is None
    paths = [hit.path for hit in library.search("name:*", sort="path", limit=100)] or [None]
    assert paths == sorted(paths)


def test_the_whole_index_as_an_array(library):
    ids, rows = library.embeddings()
    assert len(library) == len(ids) == len(rows) == 10
    assert ids.dtype == np.uint64 and rows.dtype == np.float32
    assert np.array_equal(rows[3], library.embedding(int(ids[3])))


def test_errors_say_what_is_wrong(library, tmp_path):
    with pytest.raises(clip_search.IndexNotFoundError, match="there is no index"):
        Library(tmp_path / "none").search("a cat")
    with pytest.raises(clip_search.QueryError) as error:
        library.search('ä "a cat')
    assert error.value.start == 2 and isinstance(error.value, clip_search.ClipSearchError)
    with pytest.raises(clip_search.QueryError) as error:
        library.search(embedding=[1.0, 0.0])
    assert error.value.start is None and error.value.end is None
    with pytest.raises(clip_search.ImageError, match="nothing.jpg"):
        library.search(image=tmp_path / "nothing.jpg")
    with pytest.raises(clip_search.ModelError):
        Model(tmp_path / "nothing.safetensors")
    with pytest.raises(KeyError, match="123456"):
        library.embedding(123456)
    with pytest.raises(ValueError, match="sort"):
        library.search("a cat", sort="size of cat")
    with pytest.raises(TypeError):
        library.search()


def test_progress_is_told_and_an_exception_ends_the_update(tmp_path):
    library = Library(tmp_path / "index", device="cpu")
    seen = []
    library.update([str(SAMPLES)], progress=lambda *event: seen.append(event), threads=2)
    assert ("photos", 0, 10) in seen and ("photos", 10, 10) in seen

    class Enough(Exception):
        pass

    def stop(stage, done, total):
        raise Enough

    with pytest.raises(Enough):
        library.update([SAMPLES], rebuild=True, progress=stop)
    assert len(library) == 10, "the old index answers"
    assert library.remove([SAMPLES / "cat.jpg"]) == 1 and len(library) == 9
    assert library.status()["photos"] == 9


def test_threads_share_a_library_and_the_lock_is_free_meanwhile(library):
    found = {}

    def search(number):
        found[number] = [hit.path.name for hit in library.search("a cat", limit=2)]

    threads = [threading.Thread(target=search, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(map(tuple, found.values()))) == 1
