"""What the arguments of average pooling to a given size can be."""

from torch_parity.audit.coverage.feature import SINGLE, Rule
from torch_parity.audit.coverage.windows import BATCH, batch_of
from torch_parity.proof.bounds import adaptive_sizes
from torch_parity.proof.cases import Case

_AXIS = "one same divided uneven larger"
VALUES: dict[str, dict[str, str]] = {
    "adaptive_avg_pool2d": {
        "batch": BATCH,
        "image": "pixel larger",
        "rows": _AXIS,
        "columns": _AXIS,
        "output_size": "number pair none",
    },
}

_PIXEL = "a pixel stays one, or is repeated"
RULES: tuple[Rule, ...] = (
    Rule("adaptive_avg_pool2d", ("image", "pixel"), ("rows", "same divided uneven"), _PIXEL),
    Rule("adaptive_avg_pool2d", ("image", "pixel"), ("columns", "same divided uneven"), _PIXEL),
    Rule("adaptive_avg_pool2d", ("batch", "empty"), ("memory", "other"), SINGLE),
)


def _axis(size: int, outputs: int) -> str:
    """What becomes of the pixels along an axis."""
    if outputs == 1:
        return "one"
    if outputs >= size:
        return "same" if outputs == size else "larger"
    return "uneven" if size % outputs else "divided"


def _adaptive(case: Case) -> dict[str, str]:
    shape, written = case.arrays["input"].shape, case.arguments["output_size"]
    rows, columns = (_axis(size, outputs) for size, outputs in zip(*adaptive_sizes(case), strict=True))
    return {
        "batch": batch_of(shape),
        "image": "pixel" if shape[-2:] == (1, 1) else "larger",
        "rows": rows,
        "columns": columns,
        "output_size": "number" if isinstance(written, int) else "none" if None in written else "pair",
    }


FEATURES = {"adaptive_avg_pool2d": _adaptive}
