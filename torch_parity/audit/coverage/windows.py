"""Windows over images: the values of their arguments, their rules, and which a case has."""

from torch_parity.audit.coverage.feature import Rule

BATCH = "unbatched empty one many"
KERNEL = "pixel row column square rectangle"


def window_rules(formulas: str) -> tuple[Rule, ...]:
    """What holds for the windows of all ``formulas``."""
    return (
        Rule(formulas, ("kernel", "pixel"), ("windows", "overlap"), "each window is one pixel"),
        Rule(formulas, ("stride", "one"), ("windows", "gaps"), "every pixel starts a window"),
        Rule(formulas, ("stride", "one"), ("edge", "left-out covered dropped"), "the last window ends at the edge"),
    )


def batch_of(shape: tuple[int, ...]) -> str:
    """The batch of images of ``shape``, with channels or with a batch of them."""
    return "unbatched" if len(shape) == 3 else {0: "empty", 1: "one"}.get(shape[0], "many")


def kernel_of(kernel: tuple[int, int]) -> str:
    """The form of a kernel of (height, width)."""
    height, width = kernel
    if height == width:
        return "pixel" if height == 1 else "square"
    return "row" if height == 1 else "column" if width == 1 else "rectangle"


def windows_of(stride: tuple[int, int], span: tuple[int, int]) -> str:
    """Gaps in either direction count before an overlap in either."""
    if any(s > k for s, k in zip(stride, span, strict=True)):
        return "gaps"
    return "touch" if stride == span else "overlap"
