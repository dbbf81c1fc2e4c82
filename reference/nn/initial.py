"""The weights that layers start with."""

import math

import numpy as np

from reference.parameter import Parameter

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Fix the initial weights of the layers made from now on.  (The numbers are not those of torch.manual_seed.)

    >>> from reference import nn
    >>> nn.manual_seed(0)
    >>> first = nn.Linear(3, 2).weight.data
    >>> nn.manual_seed(0)
    >>> print((nn.Linear(3, 2).weight.data == first).all())
    True
    """
    global _generator
    _generator = np.random.default_rng(seed)


def uniform(shape: tuple[int, ...], fan_in: int) -> Parameter:
    """torch's default for weights and biases: uniform between -1/sqrt(fan_in) and 1/sqrt(fan_in).

    ``fan_in`` is how many inputs one output sees; so an output varies about as much, however many there are.
    """
    bound = 1 / math.sqrt(fan_in) if fan_in else 0.0
    return Parameter(_generator.uniform(-bound, bound, shape).astype(np.float32))
