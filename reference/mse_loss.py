"""The mean squared error.  Twin: ``torch.nn.MSELoss``.

Formula, element by element, of predictions x against targets t:

    l_i = w_i (x_i - t_i)^2

with weights w, 1 unless given.  The errors are kept ('none'), added ('sum') or averaged ('mean'): that divides the sum
by sum_i w_i, which without weights is the number of all elements, not of the samples alone.

It is the loss of numbers, where cross-entropy is that of classes: of all numbers c the mean of the t_i has the smallest
sum_i (c - t_i)^2, so a network that minimises it predicts the mean of what may come.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 5.1.4 and 6.2.1.2.
"""

import numpy as np

from reference.arguments import Array, check_floats, check_shape, ieee754
from reference.reduction import check_reduction, reduced


@ieee754
def mse_loss(input: Array, target: Array, *, reduction: str = "mean", weight: Array | None = None) -> Array:
    """The squared error of ``input`` against ``target``, both of one shape, any; so is ``weight``.

    The result has that shape for reduction 'none', else ().  Raises TypeError for wrong or mixed dtypes, ValueError for
    shapes that are not the same and unknown reductions.  The mean over no elements is NaN.

    >>> import numpy as np
    >>> from reference import mse_loss
    >>> print(mse_loss(np.array([1.0, 5]), np.array([2.0, 2])))  # (1 + 9) / 2
    5.0
    """
    return SquaredError(input, target, reduction, weight).loss()


@ieee754
def mse_loss_backward(
    grad_output: Array, input: Array, target: Array, *, reduction: str = "mean", weight: Array | None = None
) -> tuple[Array, Array]:
    """dL/dx and dL/dt, both as ``input``, from ``grad_output`` g, shaped as the loss.

    The slope of a square is twice its base, and x - t falls as t rises:

        dl_i/dx_i = 2 w_i (x_i - t_i)          dl_i/dt_i = - dl_i/dx_i

    so dL/dx_i = 2 g w_i (x_i - t_i), for a mean over its divisor, and dL/dt_i is the same with the other sign.
    Raises as ``mse_loss`` does, and ValueError for a ``grad_output`` of another shape.

    >>> import numpy as np
    >>> from reference import mse_loss_backward
    >>> grad_input, grad_target = mse_loss_backward(np.array(1.0), np.array([1.0, 5]), np.array([2.0, 2]))
    >>> print(grad_input, grad_target)  # 2 (1 - 2) / 2, 2 (5 - 2) / 2
    [-1.  3.] [ 1. -3.]
    """
    check_floats(grad_output=grad_output, input=input)
    grad_input = SquaredError(input, target, reduction, weight).gradient(grad_output)
    if weight is not None:
        return grad_input, np.asarray(-grad_input)
    # torch exchanges the two, so that where they are equal both differences are +0.
    return grad_input, SquaredError(target, input, reduction, None).gradient(grad_output)


class SquaredError:
    """A squared error, its arguments checked once, for its value and its gradient.

    difference   x - t
    weight       w, a copy, or None
    divisor      of the mean: the sum of the weights
    """

    @ieee754
    def __init__(self, input: Array, target: Array, reduction: str, weight: Array | None) -> None:
        """Takes, and raises, what ``mse_loss`` does."""
        check_floats(input=input, target=target)
        # torch would repeat the smaller one, and warns: (N,) less (N, 1) is (N, N), each sample against every other.
        check_shape("target", target, input.shape, "as input")
        check_reduction(reduction)
        self.reduction, self.weight = reduction, None
        self.divisor = input.dtype.type(input.size)
        if weight is not None:
            check_floats(input=input, weight=weight)
            check_shape("weight", weight, input.shape, "as input")
            self.weight = np.array(weight)
            self.divisor = self.weight.sum()
        self.difference = np.asarray(input - target)

    @ieee754
    def loss(self) -> Array:
        """w (x - t)^2, reduced; see ``mse_loss``."""
        squares = np.asarray(self.difference * self.difference)
        if self.weight is not None:
            squares *= self.weight
        return reduced(squares, self.reduction, self.divisor)

    @ieee754
    def gradient(self, grad_output: Array) -> Array:
        """dL/dx = 2 g w (x - t), in torch's order of the factors; see ``mse_loss_backward``."""
        d, mean = self.difference, self.reduction == "mean"
        check_shape("grad_output", grad_output, d.shape if self.reduction == "none" else (), "the loss")
        if self.weight is None:
            slope = d.dtype.type(2 / max(d.size, 1) if mean else 2)
            return np.asarray(slope * d * grad_output)
        scale = grad_output / self.divisor if mean else grad_output
        return np.asarray(scale * self.weight * (2 * d))
