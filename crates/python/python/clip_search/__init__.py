"""Find photos by describing them: local, offline semantic photo search.

>>> from clip_search import Library
>>> library = Library("photos.index")
>>> library.update(["~/Pictures"])
>>> for hit in library.search("a dog on a beach", limit=5):
...     print(hit.score, hit.path)
"""

from ._clip_search import (
    ClipSearchError,
    Hit,
    ImageError,
    IndexNotFoundError,
    Library,
    Model,
    ModelError,
    QueryError,
    __version__,
)

__all__ = [
    "ClipSearchError",
    "Hit",
    "ImageError",
    "IndexNotFoundError",
    "Library",
    "Model",
    "ModelError",
    "QueryError",
    "__version__",
]
