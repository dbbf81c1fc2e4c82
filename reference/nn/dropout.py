"""Dropout as layers, of single numbers and of whole channels."""

import numpy as np

from reference.arguments import Array, check_floats, check_rank, check_shape
from reference.dropout import Mask, dropout, dropout2d, dropout2d_backward, dropout_backward, probability
from reference.generator import draw_mask
from reference.module import Module


class _Dropout(Module):
    """What both have: a mask for each ``forward`` in training, kept in ``mask``; None where it was in evaluation."""

    mask: Mask | None

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        """``p`` is the share that is dropped.  ``inplace`` is torch's, and saves memory there; here nothing changes."""
        probability(p)
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        """The arguments."""
        return f"p={self.p}, inplace={self.inplace}"

    def _draw(self, input: Array, shape: tuple[int, ...]) -> None:
        """Keep what the gradient needs: it is that of this ``forward``, whatever is set on the layer afterwards."""
        self.mask = draw_mask(shape, self.p) if self.training else None
        self.p_before, self.input_like, self.input_shape = self.p, np.zeros((), input.dtype), input.shape

    def _check_gradient(self, grad_output: Array) -> None:
        check_floats(input=self._remembered("input_like"), grad_output=grad_output)
        check_shape("grad_output", grad_output, self.input_shape, "as input")


class Dropout(_Dropout):
    """Dropout of single numbers; see ``reference.dropout``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Dropout(0.5)
    >>> y = layer(np.ones(1000))
    >>> print(np.unique(y), (y == 2 * layer.mask).all(), (layer.backward(np.ones(1000)) == y).all())
    [0. 2.] True True
    >>> print(layer.eval()(np.ones(3)))
    [1. 1. 1.]
    """

    def forward(self, input: Array) -> Array:
        """Any shape."""
        check_floats(input=input)
        self._draw(input, input.shape)
        return dropout(input, self.p, self.mask is not None, mask=self.mask)

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.dropout_backward``."""
        mask: Mask | None = self._remembered("mask")
        if not needs_input_grad:
            return None
        self._check_gradient(grad_output)
        return dropout_backward(grad_output, mask, self.p_before, mask is not None)


class Dropout2d(_Dropout):
    """Dropout of whole channels; see ``reference.dropout2d``.

    >>> import numpy as np
    >>> from reference import nn
    >>> layer = nn.Dropout2d(0.5)
    >>> y = layer(np.ones((2, 3, 4, 4)))
    >>> print((y == 2 * layer.mask[:, :, np.newaxis, np.newaxis]).all())
    True
    """

    def forward(self, input: Array) -> Array:
        """``input`` (N, C, H, W)."""
        check_floats(input=input)
        check_rank("input", input, (4,), "(N, C, H, W)")
        self._draw(input, input.shape[:2])
        return dropout2d(input, self.p, self.mask is not None, mask=self.mask)

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """See ``reference.dropout2d_backward``."""
        mask: Mask | None = self._remembered("mask")
        if not needs_input_grad:
            return None
        self._check_gradient(grad_output)
        return dropout2d_backward(grad_output, mask, self.p_before, mask is not None)
