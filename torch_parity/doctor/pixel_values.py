"""What became of pixels: which of the usual steps from 0..255 to numbers for a network a result comes from, if any."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from torch_parity.doctor.question import Array, Question

# The name of a subject that takes pixels; no formula of a network, so no row of PAIRS.
PIXELS = "pixels"

NOT_DIVIDED, STAY_UINT8 = "pixels-not-divided", "pixels-stay-uint8"
DIVIDED_TWICE, FLOORED, WRAPPED = "pixels-divided-twice", "pixels-floored", "pixels-wrap-around"
# Standard deviations of constants that data sets are standardised with, in pixels; and the most that a mean may be.
DEVIATIONS, MOST_MEAN = (20.0, 130.0), 200.0


@dataclass(frozen=True)
class Meaning:
    """What a result is: ``mistake`` is its name, "" where it is right; ``words`` say what was done."""

    mistake: str
    words: str


def questions() -> list[Question]:
    """Images (N, 28, 28) of uint8: the whole range, a part of it, and such as digits, which are 0 for the most part."""
    generator = np.random.default_rng(11)
    whole, part = generator.integers(0, 256, (3, 28, 28)), generator.integers(10, 201, (4, 28, 28))
    digits = generator.integers(0, 256, (5, 28, 28)) * (generator.random((5, 28, 28)) < 0.2)
    whole[:, 0, :2] = digits[:, 0, :2] = 0, 255
    return [Question(PIXELS, "lattice", {"input": each.astype(np.uint8)}, {}) for each in (whole, part, digits)]


def meaning(given: list[Array], results: list[Array]) -> tuple[Meaning | None, str]:
    """What all ``results`` are, of the pixels ``given``, and how they are laid out; None where it is nothing known."""
    found: list[Meaning] | None = None
    layouts: set[str] = set()
    for pixels, result in zip(given, results, strict=True):
        laid_out, layout = _as_images(pixels, result)
        if laid_out is None or not np.isfinite(laid_out).all():
            return None, ""
        layouts.add(layout)
        every = list(_meanings(pixels, laid_out))
        found = every if found is None else [one for one in found if one in every]
    if not found or len(layouts) != 1:
        return None, ""
    return found[0], layouts.pop()


def _as_images(pixels: Array, result: Array) -> tuple[Array | None, str]:
    """The result with the axes of ``pixels``, and in words what axes it had."""
    n, height, width = pixels.shape
    if result.shape == (height * width, n) and result.dtype.kind in "fiu":
        return result.T.reshape(pixels.shape), "flattened, an image in each column"
    layouts = {
        (n, height, width): "",
        (n, 1, height, width): "with a channel, N,1,H,W",
        (n, height, width, 1): "with a channel, N,H,W,1",
        (n, height * width): "flattened",
    }
    if result.shape not in layouts or result.dtype.kind not in "fiu":
        return None, ""
    return result.reshape(pixels.shape), layouts[result.shape]


def _meanings(pixels: Array, result: Array) -> Iterator[Meaning]:
    """All that ``result`` can be, the likeliest first."""
    x, y = pixels.astype(np.float64), result.astype(np.float64)
    if np.array_equal(x, y):
        yield Meaning(STAY_UINT8 if result.dtype == np.uint8 else NOT_DIVIDED, "")
    if np.array_equal(y, x // 255):
        yield Meaning(FLOORED, "")
    if result.dtype.kind != "f":
        return
    line = _line(x, y)
    if line is not None:
        yield from _of_line(x, *line)
        return
    if _is_wrapped(pixels, y):
        yield Meaning(WRAPPED, "")
    for axes, whose in (((1, 2), "each image by its own"), ((0,), "each pixel by its own")):
        mean, deviation = x.mean(axes, keepdims=True), x.std(axes, keepdims=True)
        if _near(y * deviation, x - mean):
            yield Meaning("", f"standardised, {whose} mean and standard deviation")


def _line(x: Array, y: Array) -> tuple[float, float] | None:
    """The a and b of y = a x + b, where all points lie on a line that rises."""
    low, high = x.argmin(), x.argmax()
    a = float((y.flat[high] - y.flat[low]) / (x.flat[high] - x.flat[low]))
    b = float(y.flat[low] - a * x.flat[low])
    return (a, b) if a > 0 and _near(y, a * x + b) else None


def _of_line(x: Array, a: float, b: float) -> Iterator[Meaning]:
    """The meanings of a x + b for pixels x."""
    low, high, mean, deviation = b, 255 * a + b, float(x.mean()), float(x.std())
    if _near(b, 0.0, a):
        for divisor in (255, 256):
            if _near(a, 1 / divisor):
                yield Meaning("", f"divided by {divisor}")
        if any(_near(a, 1 / divisor) for divisor in (255**2, 255 * 256, 256**2)):
            yield Meaning(DIVIDED_TWICE, "")
    for ends, words in (((-1.0, 1.0), "scaled to -1..1"), ((-0.5, 0.5), "scaled to -0.5..0.5")):
        if np.allclose((low, high), ends, rtol=0, atol=0.01):
            yield Meaning("", words)
    if _near(a * deviation, 1.0) and _near(b, -mean * a):
        yield Meaning("", "standardised with the mean and the standard deviation of the images given")
    if _near(a, 1 / 255) and _near(b, -mean * a):
        yield Meaning("", "divided by 255, and the mean of the images given subtracted")
    if _near(a, 1 / (x.max() - x.min())) and _near(b, -x.min() * a, 1.0):
        yield Meaning("", "scaled to 0..1 by the least and the largest of the pixels given")
    if _near(a, 1 / x.max()) and _near(b, 0.0, a):
        yield Meaning("", "divided by the largest of the pixels given")
    constants = -b / a, 1 / a
    if DEVIATIONS[0] < constants[1] < DEVIATIONS[1] and 1 < constants[0] < MOST_MEAN:
        m, s = (constant / 255 for constant in constants)
        yield Meaning("", f"standardised with the mean {m:.3g} and the standard deviation {s:.3g}, of 0..1")


def _is_wrapped(pixels: Array, y: Array) -> bool:
    """Whether a number was subtracted from the integers, so that what would lie below 0 lies near 255."""
    return any(_line((pixels - np.uint8(less)).astype(np.float64), y) is not None for less in range(1, 256))


def _near(found: Array | float, wanted: Array | float, size: float = 0.0) -> bool:
    """Whether these are the same but for the roundings of single precision, and an epsilon beside a deviation."""
    return bool(np.allclose(found, wanted, rtol=1e-4, atol=1e-4 * (size or float(np.max(np.abs(wanted))))))
