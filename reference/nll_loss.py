"""The negative log-likelihood.  Twin: ``torch.nn.NLLLoss``.

Formula.  For log-probabilities x of C classes, as ``log_softmax`` gives them, the loss of one sample of class t is

    L = - w_t x_t

with class weights w (1 unless given): how surprising the truth is.  All other classes take no part.  Over a batch the
losses are kept ('none'), added ('sum') or averaged ('mean'); the mean is a weighted one, over sum_n w_{t_n}.  Samples
of class ``ignore_index`` do not count at all.

This is the second half of cross-entropy: cross_entropy(x, t) = nll_loss(log_softmax(x), t) for class indices, and the
two share ``NegativeLogLikelihood``.  It takes the logarithms as they are, so nothing tells it when they are none: of
probabilities it makes a loss that falls below 0.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 5.5 and 6.2.1.1.
"""

from typing import Any

import numpy as np

from reference.arguments import Array, IntArray, check_floats, check_shape, ieee754, integer
from reference.reduction import check_reduction, reduced


@ieee754
def nll_loss(
    input: Array,
    target: IntArray,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """The loss of log-probabilities ``input`` (N, C), (C,) or (N, C, d1, ...) against the classes ``target``.

    ``target`` holds class indices (int64; or uint8 for (N, C) and (C,)) of shape (N,), () or (N, d1, ...).  ``weight``
    (C,) weighs the classes.  The result has the shape of the indices for reduction 'none', else ().  Raises TypeError
    for wrong or mixed dtypes, ValueError for shapes that do not fit, indices out of range, and unknown reductions.  The
    mean over no samples is NaN.

    >>> import numpy as np
    >>> from reference import nll_loss
    >>> print(nll_loss(np.array([[-2.0, -1.0], [-4.0, -3.0]]), np.array([0, 1])))  # (2 + 3) / 2
    2.5
    """
    return NegativeLogLikelihood(input, target, weight, ignore_index, reduction).loss(input)


@ieee754
def nll_loss_backward(
    grad_output: Array,
    input: Array,
    target: IntArray,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    """dL/dx, as ``input``, from ``grad_output`` g, shaped as the loss.

    The loss is linear in the one log-probability that it looks at:

        dL/dx_t = - g w_t          dL/dx_c = 0 for all other classes c

    for a mean over its divisor.  (The gradient y_hat - y of cross-entropy comes from here through
    ``log_softmax_backward``.)  Samples that are ignored have the gradient 0, though a mean of none but them is NaN.
    Raises as ``nll_loss`` does, and ValueError for a ``grad_output`` of another shape.

    >>> import numpy as np
    >>> from reference import nll_loss_backward
    >>> log_p = np.array([[-2.0, -1.0], [-4.0, -3.0]])
    >>> print(nll_loss_backward(np.array(1.0), log_p, np.array([0, 1])))  # -1/2 at each sample's class
    [[-0.5  0. ]
     [ 0.  -0.5]]
    """
    check_floats(grad_output=grad_output, input=input)
    return NegativeLogLikelihood(input, target, weight, ignore_index, reduction).gradient(grad_output)


class NegativeLogLikelihood:
    """The losses of class indices, which are checked and brought to one form once, for the value and the gradient.

    axis           of the classes
    samples        (N, d1, ...)
    shape          of the scores
    weights        w, (C, 1, ...), or 1: broadcasts with the scores
    place          where in the scores the class of each sample stands (class 0 if it does not count): indices of
                   (N, 1, d1, ...) entries
    counted        (N, 1, d1, ...): which samples do
    label_weights  (N, 1, d1, ...): w of each sample's class, 0 for samples that do not count
    divisor        of the mean: the sum of these
    """

    # What a target may hold besides class indices, for the messages.
    alternative = ""

    @ieee754
    def __init__(self, input: Array, target: Any, weight: Array | None, ignore_index: object, reduction: str) -> None:
        """Takes, and raises, what ``nll_loss`` does."""
        ignored = self._take(input, target, weight, ignore_index, reduction)
        self._take_labels(target, weight is not None, ignored, bytes_too=input.ndim < 3, one_in_a_row=input.ndim == 1)

    def _take(self, input: Array, target: object, weight: Array | None, ignore_index: object, reduction: str) -> int:
        """Check all but what ``target`` holds; the class that is ignored."""
        check_floats(input=input)
        if input.ndim == 0:
            raise ValueError("input must be (N, C), (C,) or (N, C, d1, ...), got shape ()")
        check_reduction(reduction)
        ignored = integer("ignore_index", ignore_index)
        self.reduction, self.axis, self.shape = reduction, min(input.ndim - 1, 1), input.shape
        self.samples = input.shape[: self.axis] + input.shape[self.axis + 1 :]
        self.weights = np.ones((), input.dtype)
        if weight is not None:
            check_floats(input=input, weight=weight)
            check_shape("weight", weight, (input.shape[self.axis],), "one weight per class")
            self.weights = weight.reshape(-1, *[1] * (input.ndim - 1 - self.axis)).copy()
        if not isinstance(target, np.ndarray | np.generic):
            raise TypeError(f"target must be a NumPy array, got {type(target).__name__}")
        return ignored

    def _take_labels(self, target: Any, weighted: bool, ignored: int, bytes_too: bool, one_in_a_row: bool) -> None:
        """Check the class indices, and find out which entry each sample has, and what it counts."""
        self._check_labels(target, ignored, bytes_too, one_in_a_row)
        labels = target.reshape(*self.shape[: self.axis], 1, *self.shape[self.axis + 1 :]).astype(np.int64)
        self.counted = labels != ignored
        own_class = np.where(self.counted, labels, 0)
        self.place = tuple(
            own_class if axis == self.axis else np.arange(size).reshape(-1, *[1] * (labels.ndim - 1 - axis))
            for axis, size in enumerate(labels.shape)
        )
        weights = self._at_label(np.broadcast_to(self.weights, self.shape)) if weighted else self.weights
        self.label_weights = self._if_counted(weights)
        self.divisor = self.label_weights.sum()

    def _check_labels(self, target: Any, ignored: int, bytes_too: bool, one_in_a_row: bool) -> None:
        """TypeError or ValueError unless torch would take ``target`` as the class indices of this loss."""
        if target.dtype != np.int64 and not (bytes_too and target.dtype == np.uint8):
            allowed = "int64 or uint8" if bytes_too else "int64"
            # Of one number a sample these are classes; of another shape, something else: probabilities, perhaps.
            as_classes = "; write target.astype(np.int64)"
            found = as_classes if target.shape == self.samples else f" of shape {target.shape}, input {self.shape}"
            raise TypeError(f"target must be {allowed} class indices{self.alternative}, got {target.dtype}{found}")
        # Of unbatched scores a single one may have the shape (1,).
        if not (one_in_a_row and target.shape == (1,)):
            check_shape("target", target, self.samples, f"one class index per sample{self.alternative}")
        classes = self.shape[self.axis]
        if len(self.shape) > 2 and classes == 0 and target.size:
            raise ValueError(f"input must have at least 1 class, got shape {self.shape}")
        labels = target.astype(np.int64)
        wrong = labels[((labels < 0) | (labels >= classes)) & (labels != ignored)]
        if wrong.size:
            raise ValueError(
                f"target must lie between 0 and {classes - 1}, or be ignore_index {ignored}, got {wrong[0]}"
            )

    @ieee754
    def loss(self, log_p: Array) -> Array:
        """L = - w_t log_p_t; see ``nll_loss``."""
        # The entry is picked, and no other one multiplied by 0: 0 * -inf is NaN, though a class of probability 0 that
        # is not the label does no harm.
        losses = self._if_counted(-self.label_weights * self._at_label(log_p))
        # Without a batch torch adds the one loss to 0, so that -0 becomes +0.
        return self._reduce(losses if self.axis == 1 else losses + 0)

    @ieee754
    def gradient(self, grad_output: Array) -> Array:
        """dL/dlog_p, which is - g w_t at each sample's class; see ``nll_loss_backward``."""
        gradient = np.zeros(self.shape, grad_output.dtype)
        at_label = self._if_counted(-self._scale(grad_output) * self.label_weights)
        if gradient.size:
            gradient[self.place] = at_label
        return gradient

    def _scale(self, grad_output: Array) -> Array:
        """What one unit of a sample's loss moves L by: (N, 1, d1, ...) for reduction 'none', else ()."""
        check_shape("grad_output", grad_output, self.samples if self.reduction == "none" else (), "the loss")
        if self.reduction == "none":
            return np.expand_dims(grad_output, self.axis)
        return np.asarray(grad_output / self.divisor if self.reduction == "mean" else grad_output)

    def _at_label(self, array: Array) -> Array:
        """Of ``array`` (as input) the entry of each sample's class, (N, 1, d1, ...); 0 where there are no classes."""
        return array[self.place] if array.shape[self.axis] else np.zeros(self.counted.shape, array.dtype)

    def _if_counted(self, array: Array) -> Array:
        """``array`` (N, 1, d1, ...) or (N, C, d1, ...) where the sample counts, else 0."""
        return np.where(self.counted, array, array.dtype.type(0))

    def _reduce(self, losses: Array) -> Array:
        """The ``losses`` (N, 1, d1, ...) kept, added or averaged."""
        return reduced(losses.reshape(self.samples), self.reduction, self.divisor)
