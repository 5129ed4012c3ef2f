import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

__version__: str

StrPath = str | os.PathLike[str]
Device = Literal["auto", "cpu", "gpu"]
Precision = Literal["f32", "f16", "int8"]
Sort = Literal["relevance", "date", "oldest", "path", "size"]
Picture = StrPath | bytes | NDArray[np.uint8]

class ClipSearchError(Exception): ...
class IndexNotFoundError(ClipSearchError): ...
class ModelError(ClipSearchError): ...
class ImageError(ClipSearchError): ...

class QueryError(ClipSearchError):
    start: int | None
    end: int | None

@final
class Hit:
    rank: int
    score: float | None
    adjusted: float | None
    relevance: float | None
    is_match: bool
    id: int
    path: Path
    duplicates: list[Path]
    alike: list[Path]
    width: int
    height: int
    taken_at: int | None
    camera: str | None
    lens: str | None
    gps: tuple[float, float] | None
    missing: bool
    def to_dict(self) -> dict[str, Any]: ...

@final
class Model:
    def __init__(
        self, model: StrPath | None = None, *, precision: Precision | None = None, device: Device = "auto"
    ) -> None: ...
    name: str
    fingerprint: str
    dimension: int
    device: str
    logit_scale: float
    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]: ...
    def embed_images(self, images: Sequence[Picture]) -> NDArray[np.float32]: ...

@final
class Library:
    def __init__(
        self,
        index: StrPath,
        *,
        model: StrPath | None = None,
        precision: Precision | None = None,
        device: Device = "auto",
    ) -> None: ...
    index: Path
    def update(
        self,
        folders: Sequence[StrPath] = (),
        *,
        exclude: Sequence[StrPath] = (),
        rebuild: bool = False,
        threads: int | None = None,
        progress: Callable[[str, int, int | None], object] | None = None,
    ) -> dict[str, Any]: ...
    def search(
        self,
        query: str | None = None,
        *,
        image: Picture | None = None,
        like: int | None = None,
        embedding: NDArray[np.float32] | Sequence[float] | None = None,
        limit: int = 20,
        offset: int = 0,
        sort: Sort = "relevance",
        min_relevance: float | None = None,
        literal: bool = False,
        raw: bool = False,
        collapse: bool = False,
        diverse: bool = False,
    ) -> list[Hit]: ...
    def embedding(self, id: int) -> NDArray[np.float32]: ...
    def embeddings(self) -> tuple[NDArray[np.uint64], NDArray[np.float32]]: ...
    def remove(self, paths: Sequence[StrPath]) -> int: ...
    def reload(self) -> bool: ...
    def status(self) -> dict[str, Any]: ...
    def __len__(self) -> int: ...
