"""What the arguments of a transposed convolution can be."""

from torch_parity.audit.coverage.feature import Rule, both, two
from torch_parity.audit.coverage.windows import BATCH, KERNEL, batch_of, kernel_of, windows_of
from torch_parity.proof.cases import Case

# ``cut``: the padding cuts nothing off, a part of the first stamp, or all of it.  ``added``: output_padding is below
# the stride, or reaches it, as a dilation allows.
VALUES: dict[str, dict[str, str]] = {
    "conv_transpose2d": {
        "batch": BATCH,
        "image": "pixel larger",
        "kernel": KERNEL,
        "stride": "one equal unequal",
        "padding": "none equal unequal",
        "cut": "nothing part whole",
        "output_padding": "none equal unequal",
        "added": "below-stride beyond",
        "dilation": "one equal unequal",
        "groups": "one some depthwise",
        "bias": "absent present",
        "stamps": "overlap touch gaps",
    },
}

RULES: tuple[Rule, ...] = (
    Rule("conv_transpose2d", ("padding", "none"), ("cut", "part whole"), "padding is what is cut off"),
    Rule("conv_transpose2d", ("padding", "equal unequal"), ("cut", "nothing"), "padding is what is cut off"),
    Rule("conv_transpose2d", ("kernel", "pixel"), ("cut", "part"), "a stamp of one pixel has no part"),
    Rule("conv_transpose2d", ("kernel", "pixel"), ("stamps", "overlap"), "each stamp is one pixel"),
    Rule("conv_transpose2d", ("stride", "one"), ("stamps", "gaps"), "a stamp begins at every pixel"),
    Rule("conv_transpose2d", ("output_padding", "none"), ("added", "beyond"), "nothing is added"),
    Rule(
        "conv_transpose2d",
        ("dilation", "one"),
        ("added", "beyond"),
        "output_padding is below the stride, or below the dilation",
    ),
)


def _conv_transpose2d(case: Case) -> dict[str, str]:
    o, shape, weight = case.arguments, case.arrays["input"].shape, case.arrays["weight"].shape
    stride, padding, dilation, added = (both(o[n]) for n in ("stride", "padding", "dilation", "output_padding"))
    span = (dilation[0] * (weight[2] - 1) + 1, dilation[1] * (weight[3] - 1) + 1)
    whole = any(p >= k for p, k in zip(padding, span, strict=True))
    groups = "one" if o["groups"] == 1 else "depthwise" if o["groups"] == shape[-3] else "some"
    return {
        "batch": batch_of(shape),
        "image": "pixel" if shape[-2:] == (1, 1) else "larger",
        "kernel": kernel_of(weight[2:]),
        "stride": two(stride, 1, "one"),
        "padding": two(padding, 0, "none"),
        "cut": "nothing" if not any(padding) else "whole" if whole else "part",
        "output_padding": two(added, 0, "none"),
        "added": "beyond" if any(more >= s for more, s in zip(added, stride, strict=True)) else "below-stride",
        "dilation": two(dilation, 1, "one"),
        "groups": groups,
        "bias": "present" if "bias" in case.arrays else "absent",
        "stamps": windows_of(stride, span),
    }


FEATURES = {"conv_transpose2d": _conv_transpose2d}
