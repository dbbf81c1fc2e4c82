"""Cases of binary cross-entropy of scores."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof.cases.case import Case, Draw, layout, make, numbers, rounds


def binary_cross_entropy_with_logits(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Any shape; answers, probabilities and what is neither; weights of both sorts, whole or to be broadcast."""
    shape = draw.choice([(4, 3), (), (1,), (0,), (67,), (3, 0, 2), (2, 3, 5, 4), (draw.integer(1, 300),)])
    targets = draw.choice(["answers", "probabilities", "answers", "any"])
    broadcast = {
        "whole": shape,
        "last": shape[-1:],
        "number": (),
        "across": tuple(1 if axis % 2 else size for axis, size in enumerate(shape)),
    }
    weights = {name: draw.choice(["none", "none", "none", *broadcast]) for name in ("weight", "pos_weight")}
    arguments: dict[str, Any] = {"reduction": draw.choice(["mean", "sum", "none"])}
    case = make(draw, kind, dtype, {"input": shape}, arguments)
    generator = np.random.default_rng([case.seed, 2])

    def lying(array: Any) -> npt.NDArray[Any]:
        array = np.asarray(array, dtype)
        return array if case.plain else layout(array, generator)

    if targets == "any":
        target: Any = numbers(generator, shape, "lattice" if kind == "lattice" else "real", dtype)
    else:
        target = generator.random(shape)
    arrays = {**case.arrays, "target": lying(target > 0.5 if targets == "answers" else target)}
    for name, chosen in weights.items():
        if chosen != "none":
            weight = generator.uniform(0.1, 3, broadcast[chosen])
            arrays[name] = lying(np.where(generator.random(weight.shape) < 0.2, 0, weight))
    return Case(kind, dtype, arrays, arguments, case.seed, rounds(kind), case.plain)
