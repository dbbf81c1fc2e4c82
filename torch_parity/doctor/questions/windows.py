"""Questions about convolution, padding and pooling."""

from collections.abc import Iterator
from typing import Any

from torch_parity.doctor.question import Question
from torch_parity.doctor.questions.asking import (
    Generator,
    Maker,
    asked,
    has_bias,
    images,
    numbers,
    option,
    spelled,
    square,
)
from torch_parity.doctor.subject import Takes

# N, C, O, H, W, kernel, stride, padding, dilation, groups
CONVOLUTIONS_ASKED: tuple[tuple[Any, ...], ...] = (
    (2, 3, 4, 5, 7, (3, 2), 1, 0, 1, 1),
    (1, 2, 3, 6, 5, (3, 3), 1, 1, 1, 1),
    (3, 2, 2, 7, 6, (2, 3), 2, 1, 1, 1),
    (2, 3, 3, 8, 7, (3, 3), 2, 0, 1, 1),
    (3, 1, 1, 5, 6, (3, 3), 1, 0, 1, 1),
    (2, 2, 5, 7, 9, (3, 3), (2, 1), (1, 0), 1, 1),
    (1, 3, 2, 6, 8, (1, 1), 1, 0, 1, 1),
    (3, 2, 4, 9, 8, (2, 2), 3, 1, 1, 1),
    (2, 4, 6, 7, 6, (3, 3), 1, 1, 2, 2),
    (2, 4, 4, 6, 7, (3, 2), 2, (1, 2), 1, 4),
    (5, 1, 3, 6, 7, (3, 3), 1, 2, 1, 1),
    (2, 3, 2, 7, 7, (3, 3), 1, "same", 1, 1),
    (2, 2, 2, 6, 6, (4, 4), 1, "same", 1, 1),
    (1, 3, 4, 7, 10, (5, 5), 3, 2, 1, 1),
)
# N, C, H, W, kernel, stride, padding, dilation, ceil_mode
POOLS: tuple[tuple[Any, ...], ...] = (
    (2, 3, 6, 8, (2, 2), None, 0, 1, False),
    (1, 2, 5, 7, (2, 2), 2, 0, 1, False),
    (2, 2, 7, 6, (3, 3), 2, 0, 1, False),
    (3, 3, 6, 7, (3, 2), 1, 1, 1, False),
    (3, 1, 8, 6, (2, 3), (2, 1), (1, 0), 1, False),
    (2, 2, 6, 6, (3, 3), 3, 1, 1, False),
    (1, 1, 4, 4, (2, 2), None, 0, 1, False),
    (2, 3, 7, 8, (3, 3), 2, 1, 1, True),
    (2, 2, 9, 8, (2, 2), 1, 0, 2, False),
    (2, 4, 8, 8, (4, 4), None, 0, 1, False),
    (3, 2, 5, 8, (2, 2), 3, 0, 1, False),
    (2, 3, 6, 9, (3, 3), None, 0, 1, True),
)


def convolutions(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Every option of a convolution, odd sizes and square ones."""
    kinds = ["lattice"] * len(CONVOLUTIONS_ASKED) + ["real"] * 5
    for index, kind in enumerate(kinds):
        n, c, o, h, w, kernel, stride, padding, dilation, groups = CONVOLUTIONS_ASKED[index % len(CONVOLUTIONS_ASKED)]
        groups = option(takes, "groups", groups, 1)
        c, o = takes.fixed.get("C", c), takes.fixed.get("O", o)
        kernel = square(takes, kernel)
        arrays = {
            "input": numbers(kind, images(takes, index, n, c, h, w), generator),
            "weight": numbers(kind, (o, c // groups, *kernel), generator),
        }
        if has_bias(takes, index):
            arrays["bias"] = numbers(kind, (o,), generator)
        options = {
            "stride": option(takes, "stride", stride, 1),
            "padding": option(takes, "padding", padding, 1 if padding == "same" and "padding" in takes.options else 0),
            "dilation": option(takes, "dilation", dilation, 1),
            "groups": groups,
        }
        yield from asked("conv2d", kind, arrays, options, backward, generator)


def pools(formula: str, kinds: tuple[str, ...]) -> Maker:
    """The maker for one of the poolings, with numbers of these ``kinds``."""

    def make(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
        for index in range(2 * len(POOLS)):
            n, c, h, w, kernel, stride, padding, dilation, ceil_mode = POOLS[index % len(POOLS)]
            kind = kinds[index % len(kinds)] if index >= len(kinds) else kinds[index]
            if kind == "nonfinite":
                padding = 0
            options: dict[str, Any] = {
                "kernel_size": spelled(square(takes, kernel)),
                "stride": option(takes, "stride", stride, takes.fixed.get("s")),
                "padding": option(takes, "padding", padding, 0),
                "ceil_mode": option(takes, "ceil_mode", ceil_mode, False),
            }
            if formula == "max_pool2d":
                options["dilation"] = option(takes, "dilation", dilation, 1)
            else:
                options["count_include_pad"] = option(takes, "count_include_pad", index % 3 != 1, True)
                options["divisor_override"] = option(takes, "divisor_override", None if index % 4 else 3, None)
            arrays = {"input": numbers(kind, images(takes, index, n, c, h, w), generator)}
            yield from asked(formula, kind, arrays, options, backward, generator)

    return make


def pad(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Frames of every mode, of equal widths and of unequal ones."""
    for index in range(12):
        amount = (1, 2, 1, 3)[index % 4]
        amounts = (1, 2, 0, 3) if takes.pairs and index % 2 else (amount,) * 4
        mode = option(takes, "mode", ("constant", "reflect", "replicate", "circular")[index % 4], "constant")
        shape = images(takes, index, *((2, 3, 5, 4), (1, 2, 4, 6), (3, 1, 4, 4))[index % 3])
        options: dict[str, Any] = {"pad": amounts, "mode": mode}
        if mode == "constant":
            options["value"] = option(takes, "value", float(index % 3), 0.0)
        yield from asked(
            "pad", "lattice", {"input": numbers("lattice", shape, generator)}, options, backward, generator
        )


# N, C, O, H, W, kernel, stride, padding, output_padding, dilation, groups
TRANSPOSED: tuple[tuple[Any, ...], ...] = (
    (2, 3, 4, 3, 4, (3, 2), 1, 0, 0, 1, 1),
    (1, 2, 3, 4, 3, (3, 3), 2, 1, 1, 1, 1),
    (3, 2, 2, 3, 3, (2, 3), 2, 0, 0, 1, 1),
    (2, 3, 3, 4, 4, (3, 3), 2, 1, 0, 1, 1),
    (3, 1, 1, 3, 4, (3, 3), 1, 0, 0, 1, 1),
    (2, 2, 5, 3, 4, (3, 3), (2, 3), (1, 0), (1, 2), 1, 1),
    (1, 3, 2, 4, 5, (1, 1), 1, 0, 0, 1, 1),
    (3, 2, 4, 3, 2, (2, 2), 3, 1, 2, 1, 1),
    (2, 4, 6, 3, 3, (3, 3), 1, 1, 0, 2, 2),
    (2, 4, 4, 3, 4, (3, 2), 2, (1, 2), 1, 1, 4),
    (5, 1, 3, 3, 4, (3, 3), 1, 2, 0, 1, 1),
    (2, 4, 4, 3, 3, (2, 2), 2, 0, 1, 1, 2),
    (3, 2, 2, 4, 4, (3, 3), 2, 0, 0, 1, 1),
)
# N, C, H, W, output_size
ADAPTED: tuple[tuple[Any, ...], ...] = (
    (2, 3, 6, 8, (2, 4)),
    (1, 2, 5, 7, (2, 3)),
    (2, 2, 7, 6, (3, 4)),
    (3, 1, 5, 5, 1),
    (2, 2, 4, 6, (3, 4)),
    (1, 1, 3, 4, (4, 6)),
    (2, 3, 7, 7, (3, 3)),
    (3, 2, 8, 5, (3, 2)),
    (1, 3, 4, 4, (4, 4)),
    (2, 2, 10, 7, (4, 3)),
)


def transposed(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Stamps that overlap, and sizes to which rows and columns are added."""
    for index, kind in enumerate(["lattice"] * len(TRANSPOSED) + ["real"] * 4):
        n, c, o, h, w, kernel, stride, padding, added, dilation, groups = TRANSPOSED[index % len(TRANSPOSED)]
        groups = option(takes, "groups", groups, 1)
        kernel = square(takes, kernel)
        stride = option(takes, "stride", stride, 1)
        arrays = {
            "input": numbers(kind, images(takes, index, n, c, h, w), generator),
            "weight": numbers(kind, (c, o // groups, *kernel), generator),
        }
        if has_bias(takes, index):
            arrays["bias"] = numbers(kind, (o,), generator)
        options = {
            "stride": stride,
            "padding": option(takes, "padding", padding, 0),
            "output_padding": 0 if stride == 1 else option(takes, "output_padding", added, 0),
            "groups": groups,
            "dilation": option(takes, "dilation", dilation, 1),
        }
        yield from asked("conv_transpose2d", kind, arrays, options, backward, generator)


def adaptive(takes: Takes, backward: bool, generator: Generator) -> Iterator[Question]:
    """Windows that fill the image, overlap, or repeat."""
    for index in range(2 * len(ADAPTED)):
        n, c, h, w, size = ADAPTED[index % len(ADAPTED)]
        if not takes.pairs and isinstance(size, tuple):
            size = size[0]
        if "one output" in takes.options:
            size = 1
        kind = ("lattice", "lattice", "real")[index % 3]
        arrays = {"input": numbers(kind, images(takes, index, n, c, h, w), generator)}
        yield from asked("adaptive_avg_pool2d", kind, arrays, {"output_size": size}, backward, generator)
