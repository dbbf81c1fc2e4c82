"""Flatten as a layer."""

from reference.arguments import Array
from reference.flatten import flatten, flatten_backward
from reference.module import Module


class Flatten(Module):
    """Flatten; see ``reference.flatten``.  Keeps the batch apart by default.

    >>> import numpy as np
    >>> from reference import nn
    >>> print(nn.Flatten()(np.array([[[[1.0, 2.0], [3.0, 4.0]]]])))  # (1, 1, 2, 2) -> (1, 4)
    [[1. 2. 3. 4.]]
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        """Merge the dimensions ``start_dim`` to ``end_dim``."""
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W) -> (N, C*H*W)."""
        output = flatten(input, self.start_dim, self.end_dim)
        self.input_shape = input.shape
        return output

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.flatten_backward``."""
        input_shape = self._remembered("input_shape")
        return flatten_backward(grad_output, input_shape) if needs_input_grad else None

    def extra_repr(self) -> str:
        """The arguments."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
