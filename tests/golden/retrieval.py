"""Recall in both directions by plain numpy, for tests/retrieval.rs of clip-classify.

    python tests/golden/retrieval.py crates/clip-classify/tests/fixtures/retrieval

Embeddings are small integers, so that scores are exact and ties frequent; a tie counts against the query.
"""

import json
import os
import sys

import numpy


def figures(ranks):
    ranks = numpy.asarray(ranks)
    recall = {f"r{k}": float(100 * (ranks <= k).mean()) for k in (1, 5, 10)}
    return recall | {"median_rank": float(numpy.median(ranks))}


def main(out):
    os.makedirs(out, exist_ok=True)
    rng = numpy.random.default_rng(11)
    images = rng.integers(-9, 10, (61, 7))
    owners = rng.permutation(numpy.repeat(numpy.arange(60), 3)[:170])  # the last photos have fewer captions, or none
    captions = images[owners] + rng.integers(-6, 7, (170, 7))
    images[5], captions[8] = images[4], captions[9]  # exact ties
    scores = captions @ images.T
    text_ranks = [
        1 + sum(row[other] >= row[own] for other in range(len(images)) if other != own)
        for row, own in zip(scores, owners)
    ]
    image_ranks = []
    for image, column in enumerate(scores.T):
        mine = owners == image
        if mine.any():
            image_ranks.append(1 + (column[~mine] >= column[mine].max()).sum())
    golden = {
        "dimension": 7,
        "images": images.ravel().tolist(),
        "captions": captions.ravel().tolist(),
        "image_of_caption": owners.tolist(),
        "text_to_image": figures(text_ranks),
        "image_to_text": figures(image_ranks),
    }
    with open(os.path.join(out, "golden.json"), "w") as file:
        json.dump(golden, file)
        file.write("\n")
    print(golden["text_to_image"], golden["image_to_text"], len(image_ranks), "of", len(images), "photos have captions")


main(*sys.argv[1:])
