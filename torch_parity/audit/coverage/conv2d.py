"""What the arguments of a convolution can be."""

from torch_parity.audit.coverage.feature import Rule, both, two
from torch_parity.audit.coverage.windows import BATCH, KERNEL, batch_of, kernel_of, window_rules, windows_of
from torch_parity.proof.cases import Case

VALUES: dict[str, dict[str, str]] = {
    "conv2d": {
        "batch": BATCH,
        "image": "pixel larger",
        "kernel": KERNEL,
        "stride": "one equal unequal",
        "padding": "none equal unequal same valid",
        "dilation": "one equal unequal",
        "groups": "one some depthwise",
        "bias": "absent present",
        "windows": "overlap touch gaps",
        "edge": "fits left-out",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("conv2d", ("padding", "same"), ("stride", "equal unequal"), "'same' needs stride 1"),
    Rule("conv2d", ("padding", "same"), ("windows", "gaps"), "'same' needs stride 1"),
    Rule("conv2d", ("padding", "same"), ("edge", "left-out"), "'same' needs stride 1"),
    *window_rules("conv2d"),
)


def _conv2d(case: Case) -> dict[str, str]:
    o, shape, weight = case.arguments, case.arrays["input"].shape, case.arrays["weight"].shape
    stride, dilation = both(o["stride"]), both(o["dilation"])
    span = (dilation[0] * (weight[2] - 1) + 1, dilation[1] * (weight[3] - 1) + 1)
    named = isinstance(o["padding"], str)
    padding = (0, 0) if named else both(o["padding"])
    rest = any((n + 2 * p - k) % s for n, p, k, s in zip(shape[-2:], padding, span, stride, strict=True))
    groups = "one" if o["groups"] == 1 else "depthwise" if o["groups"] == shape[-3] else "some"
    return {
        "batch": batch_of(shape),
        "image": "pixel" if shape[-2:] == (1, 1) else "larger",
        "kernel": kernel_of(weight[2:]),
        "stride": two(stride, 1, "one"),
        "padding": o["padding"] if named else two(padding, 0, "none"),
        "dilation": two(dilation, 1, "one"),
        "groups": groups,
        "bias": "present" if "bias" in case.arrays else "absent",
        "windows": windows_of(stride, span),
        "edge": "left-out" if rest and o["padding"] != "same" else "fits",
    }


FEATURES = {"conv2d": _conv2d}
