"""The weights that layers start with."""

import math

from reference import generator
from reference.parameter import Parameter


def uniform(shape: tuple[int, ...], fan_in: int) -> Parameter:
    """torch's default for weights and biases: uniform between -1/sqrt(fan_in) and 1/sqrt(fan_in).

    ``fan_in`` is how many inputs one output sees; so an output varies about as much, however many there are.
    """
    return Parameter(generator.uniform(1 / math.sqrt(fan_in) if fan_in else 0.0, shape))
