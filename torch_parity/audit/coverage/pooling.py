"""What the arguments of max and average pooling can be."""

from reference import windows
from torch_parity.audit.coverage.feature import SINGLE, Rule, both, two, yes
from torch_parity.audit.coverage.windows import BATCH, KERNEL, batch_of, kernel_of, window_rules, windows_of
from torch_parity.proof.cases import Case

_POOL = {
    "batch": BATCH,
    "image": "pixel larger",
    "kernel": KERNEL,
    "stride": "default one equal unequal",
    "padding": "none equal unequal",
    "windows": "overlap touch gaps",
    "edge": "fits left-out covered dropped",
    "ceil_mode": "no yes",
}
VALUES: dict[str, dict[str, str]] = {
    "max_pool2d": {**_POOL, "dilation": "one equal unequal"},
    "avg_pool2d": {**_POOL, "count_include_pad": "no yes", "divisor_override": "none positive negative"},
}

_POOLS = "max_pool2d avg_pool2d"
RULES: tuple[Rule, ...] = (
    *window_rules(_POOLS),
    Rule(_POOLS, ("kernel", "pixel"), ("padding", "equal unequal"), "padding is at most half of the kernel"),
    Rule(_POOLS, ("kernel", "row column"), ("padding", "equal"), "padding is at most half of the kernel"),
    Rule(_POOLS, ("kernel", "pixel"), ("edge", "covered"), "a window of one pixel cannot hang over the edge"),
    Rule(_POOLS, ("ceil_mode", "no"), ("edge", "covered dropped"), "only ceil_mode adds windows"),
    Rule(_POOLS, ("ceil_mode", "yes"), ("edge", "left-out"), "ceil_mode adds a window for the rest, or drops it again"),
    Rule("max_pool2d", ("stride", "default"), ("windows", "gaps"), "the default stride is the kernel size"),
    Rule("avg_pool2d", ("stride", "default"), ("windows", "overlap gaps"), "the default stride is the kernel size"),
    Rule(_POOLS, ("batch", "empty"), ("memory", "other"), SINGLE),
)


def _pooling(case: Case) -> dict[str, str]:
    o, shape = case.arguments, case.arrays["input"].shape
    kernel, padding = both(o["kernel_size"]), both(o["padding"])
    dilation = both(o.get("dilation", 1))
    stride = kernel if o["stride"] is None else both(o["stride"])
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    edges = set()
    for axis in range(2):
        n, k, s, p, d = shape[axis - 2], kernel[axis], stride[axis], padding[axis], dilation[axis]
        rest = (n + 2 * p - span[axis]) % s
        more = windows.pool_windows(n, k, s, p, d, o["ceil_mode"]).outputs - ((n + 2 * p - span[axis]) // s + 1)
        edges.add("fits" if not rest else "covered" if more else "dropped" if o["ceil_mode"] else "left-out")
    return {
        "batch": batch_of(shape),
        "image": "pixel" if shape[-2:] == (1, 1) else "larger",
        "kernel": kernel_of(kernel),
        "stride": "default" if o["stride"] is None else two(stride, 1, "one"),
        "padding": two(padding, 0, "none"),
        "windows": windows_of(stride, span),
        "edge": next(edge for edge in ("dropped", "covered", "left-out", "fits") if edge in edges),
        "ceil_mode": yes(o["ceil_mode"]),
    }


def _max_pool2d(case: Case) -> dict[str, str]:
    return {**_pooling(case), "dilation": two(case.arguments["dilation"], 1, "one")}


def _avg_pool2d(case: Case) -> dict[str, str]:
    divisor = case.arguments["divisor_override"]
    return {
        **_pooling(case),
        "count_include_pad": yes(case.arguments["count_include_pad"]),
        "divisor_override": "none" if divisor is None else "positive" if divisor > 0 else "negative",
    }


FEATURES = {"max_pool2d": _max_pool2d, "avg_pool2d": _avg_pool2d}
