"""Cases of padding."""

from typing import Any

import numpy as np

from torch_parity.proof.cases.case import Case, Draw, make, rounds


def pad(draw: Draw, kind: str, dtype: np.dtype[Any]) -> Case:
    """Four modes, one to three padded axes, crops too."""
    mode = draw.choice(["constant", "reflect", "replicate", "circular"])
    axes = draw.integer(1, 3)
    leading = draw.choice([(2, 3), (3,), (1, 2), (0, 3)] + [(2,), ()] * (mode == "constant"))
    shape = (*leading, *(draw.integer(1, 6) for _ in range(axes)))
    everywhere = draw.choice([None, 0, 1, None, 2, -1])  # the same amount on all sides
    amounts = []
    for size in shape[: -axes - 1 : -1]:
        before, after = draw.choice([0, 1, 2, -1, 3]), draw.choice([0, 2, 1, -1, 4])
        if everywhere is not None:
            before = after = everywhere
        if size + min(before, 0) + min(after, 0) < 1:
            before, after = max(before, 0), max(after, 0)
        kept = size + min(before, 0) + min(after, 0)
        room = {"reflect": size - 1, "circular": kept}.get(mode, 9)
        amounts += [min(before, room), min(after, room)]
    arguments: dict[str, Any] = {"pad": tuple(amounts), "mode": mode}
    if mode == "constant":
        arguments["value"] = draw.choice([0.0, -2.0, None, float("inf"), -0.0])
    return make(draw, kind, dtype, {"input": shape}, arguments, rounds(kind))
