"""Time and memory as one size of a layer doubles again and again.

The work of every formula here grows in proportion to each size; so should its time and its memory.  The exponent is
fitted to the three largest doublings, where fixed costs count least: time ~ size ** exponent.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from torch_parity.benchmark.subjects import Implementation, Layer, layer_side

DOUBLINGS = 4
FITTED = 3
PEAK = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class Size(NamedTuple):
    """How large a layer and its input are; ``filters`` are the output channels of a convolution."""

    batch: int = 16
    channels: int = 32
    filters: int = 32
    height: int = 28
    width: int = 28


def _conv(size: Size) -> Layer:
    return Layer(
        lambda nn: nn.Conv2d(size.channels, size.filters, 3, padding=1), (size.channels, size.height, size.width)
    )


def _pool(size: Size) -> Layer:
    return Layer(lambda nn: nn.MaxPool2d(2), (size.channels, size.height, size.width))


GROWING_LAYERS: dict[str, Callable[[Size], Layer]] = {"conv3x3": _conv, "maxpool2x2": _pool}
# What can grow; a pooling has no filters.
GROWS = {"conv3x3": ("batch", "channels", "filters", "area"), "maxpool2x2": ("batch", "channels", "area")}
# The layer whose memory is compared with torch's: one of VGG-16, in a batch that most machines can train.
LARGE = Size(batch=4, channels=64, filters=64, height=224, width=224)


def sizes(grows: str) -> list[Size]:
    """The sizes as ``grows``, a name in ``GROWS``, doubles; an area doubles in height and in width by turns."""
    found = [Size()]
    for number in range(DOUBLINGS):
        name = ("height", "width")[number % 2] if grows == "area" else grows
        found.append(found[-1]._replace(**{name: 2 * getattr(found[-1], name)}))
    return found


def exponent(values: Sequence[float]) -> float:
    """The exponent that fits ``values`` best, each at twice the size of the one before, over the last ``FITTED``."""
    last = np.log2(values[-FITTED - 1 :])
    return float(np.polyfit(np.arange(len(last)), last, 1)[0])


def side(layer: str, side: str, size: Sequence[int], seed: int) -> Implementation:
    """The ``layer``, a name in ``GROWING_LAYERS``, of one ``size`` on one ``side``."""
    chosen = Size(*size)
    return layer_side(GROWING_LAYERS[layer](chosen), side, chosen.batch, seed)


def peak_bytes(layer: str, side_name: str, size: Sequence[int], seed: int) -> int:
    """The memory that forward and all gradients take at their peak, beyond layer, input and upstream gradient.

    RuntimeError where the system does not tell: it needs Linux.
    """
    if not all(path.exists() for path in PEAK):
        raise RuntimeError("peak memory can be measured on Linux only: it is read from /proc/self")
    tiny = side(layer, side_name, Size(1, 1, 1, 4, 4), seed)
    measured = side(layer, side_name, size, seed)
    for phase in tiny.phases.values():  # what a first call loads and sets up stays out of it
        phase()
    before = _status("VmRSS")
    PEAK[0].write_text("5", encoding="ascii")  # the peak starts anew from what is in use now
    for phase in measured.phases.values():
        phase()
    return _status("VmHWM") - before


def _status(name: str) -> int:
    """A line of the process's status, in bytes."""
    lines = dict(line.split(":", 1) for line in PEAK[1].read_text(encoding="ascii").splitlines())
    return 1024 * int(lines[name].removesuffix("kB"))
