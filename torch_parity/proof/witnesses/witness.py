"""What the witnesses of all formulas share.

A witness takes the arrays of a case, its other arguments, and the upstream gradient, in short a, o and g.  It gives
back the results of ``definition``, or None (see ``definition_results``).
"""

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
Results = dict[str, Array]

# The definition takes about a microsecond for each product.
LONGEST = 30_000


def both(value: Any) -> tuple[int, int]:
    """(height, width) from any spelling of a pair."""
    spelled = (value,) if isinstance(value, int) else tuple(value)
    return spelled[0], spelled[-1]
