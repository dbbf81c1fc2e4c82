"""What layer and group normalisation share: an input standardised in groups, its weights, and the gradients.

    y = w x_hat + b

with x_hat as ``standardize`` has it, over the numbers that belong together.  w and b have an entry for each feature or
channel, and one entry serves many groups.
"""

from dataclasses import dataclass

import numpy as np

from reference.arguments import Array, check_floats, check_output_mask, check_shape, ieee754
from reference.standardize import Axes, standardize, standardize_backward

Gradients = tuple[Array | None, Array | None, Array | None]


@dataclass(frozen=True)
class Normalized:
    """An input standardised, with what the gradients need.

    ``x_hat`` has a shape of its own, in which the numbers of a group lie along ``axes``; along ``repeated`` all numbers
    share one entry of the weight.
    """

    x_hat: Array
    inverse_std: Array
    axes: Axes
    repeated: Axes
    input_shape: tuple[int, ...]
    weight_shape: tuple[int, ...]

    @ieee754
    def output(self, weight: Array | None, bias: Array | None) -> Array:
        """w x_hat + b, shaped like the input, in memory of its own."""
        if weight is None and bias is None:
            return np.array(self.x_hat).reshape(self.input_shape)
        output = self.x_hat if weight is None else self.x_hat * self._spread(weight)
        return (output if bias is None else output + self._spread(bias)).reshape(self.input_shape)

    @ieee754
    def gradients(self, grad_output: Array, weight: Array | None, output_mask: tuple[bool, bool, bool]) -> Gradients:
        """dL/dx, dL/dw and dL/db, those that ``output_mask`` asks for.

        A weight and a bias serve every group: their gradients are sums along ``repeated``.  dL/dx_hat is w dL/dy; the
        rest is the gradient of ``standardize``.
        """
        check_floats(input=self.x_hat, grad_output=grad_output)
        check_shape("grad_output", grad_output, self.input_shape, "as input")
        check_output_mask(output_mask)
        want_input, want_weight, want_bias = output_mask
        grads = grad_output.reshape(self.x_hat.shape)
        grad_input = grad_weight = grad_bias = None
        if want_input:
            grad_x_hat = grads if weight is None else grads * self._spread(weight)
            grad_input = self._through_x_hat(grad_x_hat).reshape(self.input_shape)
        if want_weight:
            grad_weight = self._summed(np.multiply(grads, self.x_hat, dtype=np.float64))
            if not self.x_hat.size:  # as in torch NaN, where there are groups, though of no numbers
                grad_weight += self.inverse_std.sum()
        if want_bias:
            grad_bias = self._summed(grads)
        return grad_input, grad_weight, grad_bias

    def _through_x_hat(self, grad_x_hat: Array) -> Array:
        if not grad_x_hat.size:
            return np.empty_like(self.x_hat)
        return standardize_backward(grad_x_hat, self.x_hat, self.inverse_std, self.axes)

    def _spread(self, weight: Array) -> Array:
        """A weight in the shape that repeats over the groups."""
        shape = self.x_hat.shape
        return weight.reshape([1 if axis in self.repeated else size for axis, size in enumerate(shape)])

    def _summed(self, terms: Array) -> Array:
        """``terms`` summed over the groups, in double precision, for a gradient shaped like the weight."""
        total = terms.sum(self.repeated, dtype=np.float64)
        return np.asarray(total, self.x_hat.dtype).reshape(self.weight_shape)


@ieee754
def normalized(
    grouped: Array,
    axes: Axes,
    repeated: Axes,
    eps: float,
    input_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
) -> Normalized:
    """``grouped`` standardised over ``axes``.  Where there is no number, the mean of none is NaN, as in torch."""
    if grouped.size:
        found = standardize(grouped, axes, eps)
        return Normalized(found.x_hat, found.inverse_std, axes, repeated, input_shape, weight_shape)
    groups = tuple(1 if axis in axes else size for axis, size in enumerate(grouped.shape))
    return Normalized(np.empty_like(grouped), np.full(groups, np.nan), axes, repeated, input_shape, weight_shape)


def check_scales(input: Array, shape: tuple[int, ...], reason: str, **scales: Array | None) -> None:
    """Raise TypeError or ValueError unless weight and bias, where given, are like ``input`` and of ``shape``."""
    for name, scale in scales.items():
        if scale is not None:
            check_floats(**{"input": input, name: scale})
            check_shape(name, scale, shape, reason)
