"""Cases of layer normalisation."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds


def layer_norm(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Rows of one to three dimensions, of no number to 200; any number of rows; each scale may be left out."""
    some, many = draw.integer(2, 40), draw.choice([100, 200])
    features = draw.choice([(5,), (2, 3), (1,), (some,), (2, some), (4, 1, 3), (many,), (2, 75), (1, 1), (0,), (3, 0)])
    leading = draw.choice([(2,), (1,), (), (7,), (0,), (2, 3), (3, 1, 2)])
    shapes = {"input": (*leading, *features)}
    if draw.integer(0, 3):
        shapes["weight"] = features
    if draw.integer(0, 3):
        shapes["bias"] = features
    arguments = {
        "normalized_shape": draw.choice([features, list(features)]),
        "eps": draw.choice([1e-5, 1e-5, 0.0, 1e-3, 1.0]),
    }
    return make(draw, kind, dtype, shapes, arguments, rounds(kind))
