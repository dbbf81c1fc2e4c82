"""Cross-entropy.  Twin: ``torch.nn.CrossEntropyLoss``.

Formula.  For scores (logits) x of C classes, the predicted probabilities are y_hat = softmax(x), and the loss of one
sample with true distribution y is

    L = - sum_c w_c y_c log y_hat_c

with class weights w (1 unless given).  For a class index t, y is 1 at t and 0 elsewhere, and L = -w_t log y_hat_t: the
less probable the truth was held, the larger the loss.  Label smoothing e mixes y with the uniform distribution:
(1 - e) y + e/C.

Over a batch the losses are kept ('none'), added ('sum') or averaged ('mean').  The mean is a weighted one for class
indices, where every sample counts with the weight of its class, sum_n w_{t_n}, and samples of class ``ignore_index`` do
not count at all; for probabilities the sum is divided by the number of samples.

Softmax and logarithm are one formula here (``log_softmax``), not two: that is what keeps a confident prediction exact.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 3.13, 5.5 and 6.2.2.3; label smoothing: Szegedy
et al., Rethinking the Inception architecture for computer vision (2016), section 7.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from reference.arguments import Array, IntArray, check_floats, check_shape, ieee754, integer, number
from reference.softmax import log_softmax, log_softmax_backward
from reference.sums import sum_over

REDUCTIONS = ("none", "mean", "sum")


@ieee754
def cross_entropy(
    input: Array,
    target: Array | IntArray,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """The loss of scores ``input`` (N, C), (C,) or (N, C, d1, ...) against ``target``.

    ``target`` holds class indices (int64; or uint8) of shape (N,), () or (N, d1, ...), or probabilities shaped like
    ``input``.  ``weight`` (C,) weighs the classes.  The result has the shape of the indices for reduction 'none', else
    (). Raises TypeError for wrong or mixed dtypes, ValueError for shapes that do not fit, indices out of range, and
    unknown reductions.  The mean over no samples is NaN.
    """
    return Terms(input, target, weight, ignore_index, reduction, label_smoothing).loss()


@ieee754
def cross_entropy_backward(
    grad_output: Array,
    input: Array,
    target: Array | IntArray,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> tuple[Array, Array | None]:
    """dL/dx (as ``input``) and dL/dy (as ``target``; None for class indices) from ``grad_output``, shaped as the loss.

    The loss is linear in the log-probabilities, with the true distribution as coefficients:

        dL/dlog_p_c = - w_c y_c          dL/dy_c = - w_c log_p_c

    and ``log_softmax_backward`` takes the first one on to the scores.  Without weights, sum_c y_c = 1 makes that the
    difference between what was predicted and what was true, the simplest gradient of all:

        dL/dx_c = y_hat_c - y_c

    Raises as ``cross_entropy`` does, and ValueError for a ``grad_output`` of another shape.
    """
    check_floats(grad_output=grad_output, input=input)
    return Terms(input, target, weight, ignore_index, reduction, label_smoothing).gradients(grad_output)


class Terms:
    """The arguments of a loss, checked and brought to one form, and the log-probabilities: for it and its gradients.

    log_p          as input
    axis           of the classes
    weights        (C, 1, ...), or 1: broadcasts with input
    smoothing      e
    share          e / C, what smoothing gives to every class; only where there is any
    probabilities  whether target holds probabilities rather than class indices
    target         as input: those, smoothed; or True at the class of each sample that counts
    counted        (N, 1, d1, ...): which samples count
    divisor        of the mean; 1 for other reductions
    """

    @ieee754
    def __init__(
        self,
        input: Array,
        target: Any,
        weight: Array | None,
        ignore_index: object,
        reduction: str,
        label_smoothing: object,
    ) -> None:
        """Takes, and raises, what ``cross_entropy`` does."""
        check_floats(input=input)
        if input.ndim == 0:
            raise ValueError("input must be (N, C), (C,) or (N, C, d1, ...), got shape ()")
        if reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {reduction!r}")
        self.reduction = reduction
        self.smoothing = max(0.0, number("label_smoothing", label_smoothing))  # negative is none, as in torch
        if self.smoothing > 1:
            raise ValueError(f"label_smoothing must be between 0 and 1, got {label_smoothing!r}")
        ignored = integer("ignore_index", ignore_index)
        self.axis = min(input.ndim - 1, 1)
        classes = input.shape[self.axis]
        self.weights = np.ones((), input.dtype)
        if weight is not None:
            check_floats(input=input, weight=weight)
            check_shape("weight", weight, (classes,), "one weight per class")
            self.weights = weight.reshape(-1, *[1] * (input.ndim - 1 - self.axis))
        if self.smoothing > 0:
            self.share = np.divide(self.smoothing, classes).astype(input.dtype)
        if not isinstance(target, np.ndarray | np.generic):
            raise TypeError(f"target must be a NumPy array, got {type(target).__name__}")
        self.probabilities = target.shape == input.shape
        if self.probabilities:
            check_floats(input=input, target=target)
            if ignored >= 0:
                raise ValueError(f"ignore_index must be negative where target holds probabilities, got {ignored}")
            self.target = np.asarray(target)
            if self.smoothing > 0:
                self.target = self.target * (1 - self.smoothing) + self.share
            self.counted = np.ones(_one_class(input, self.axis), np.bool)
        else:
            labels = self._labels(input, target, weight, ignored)
            self.target, self.counted = _one_hot(input, labels, self.axis, ignored)
        self.divisor: Any = 1
        if reduction == "mean" and self.probabilities:
            self.divisor = np.divide(input.size, classes).astype(input.dtype)
        elif reduction == "mean":
            self.divisor = np.where(self.target, self.weights, 0).sum()
        self.log_p = log_softmax(input, self.axis)

    def _labels(self, input: Array, target: Any, weight: Array | None, ignored: int) -> IntArray:
        """``target`` as class indices that torch would take."""
        # torch reads uint8 class indices, or a single one of shape (1,), in its plainest loss only.
        smoothed_mean = self.smoothing > 0 and weight is not None and self.reduction == "mean"
        bytes_too = input.ndim < 3 and not smoothed_mean
        if target.dtype != np.int64 and not (bytes_too and target.dtype == np.uint8):
            allowed = "int64 or uint8" if bytes_too else "int64"
            raise TypeError(f"target must be {allowed} class indices, or probabilities, got {target.dtype}")
        if target.dtype == np.uint8 and self.smoothing > 0 and ignored < 0 and (target == ignored % 256).any():
            raise ValueError(
                f"target must not hold {ignored % 256} as uint8 with label_smoothing and ignore_index {ignored}: in a "
                f"byte the two are the same; use int64"
            )
        one_in_a_row = input.ndim == 1 and target.shape == (1,) and self.smoothing == 0
        return np.asarray(target.reshape(()) if one_in_a_row else target)

    @ieee754
    def loss(self) -> Array:
        """See ``cross_entropy``."""
        if self.probabilities:
            return self._reduce(-sum_over(self.log_p * self.target * self.weights, self.axis))
        weighed = -self.log_p * self.weights
        # Select, never multiply: 0 * -inf is NaN, and a class of probability 0 that is not the target does no harm.
        loss = self._reduce(sum_over(np.where(self.target, weighed, 0), self.axis))
        if self.smoothing > 0:
            uniform = np.where(self.counted, sum_over(weighed, self.axis), 0)
            loss = np.asarray((1 - self.smoothing) * loss + self.share * self._reduce(uniform))
        return loss

    @ieee754
    def gradients(self, grad_output: Array) -> tuple[Array, Array | None]:
        """See ``cross_entropy_backward``."""
        check_shape("grad_output", grad_output, self._samples() if self.reduction == "none" else (), "the loss")
        scale = np.asarray(grad_output / self.divisor)
        if self.reduction == "none":
            scale = scale.reshape(self.counted.shape)
        weighed = -self.weights * scale
        if self.probabilities:
            grad_target = weighed * self.log_p * (1 - self.smoothing)
            return log_softmax_backward(weighed * self.target, self.log_p, self.axis), grad_target
        grad_log_p = np.where(self.target, weighed * (1 - self.smoothing), 0)
        if self.smoothing > 0:
            grad_log_p += np.where(self.counted, weighed * self.share, 0)
        return log_softmax_backward(grad_log_p, self.log_p, self.axis), None

    def _reduce(self, losses: Array) -> Array:
        """The ``losses`` (N, 1, d1, ...) kept, added or averaged."""
        if self.reduction == "none":
            return losses.reshape(self._samples())
        return np.asarray(losses.sum() / self.divisor)

    def _samples(self) -> tuple[int, ...]:
        """(N, d1, ...)."""
        return self.counted.shape[: self.axis] + self.counted.shape[self.axis + 1 :]


def _one_hot(
    input: Array, target: IntArray, axis: int, ignored: int
) -> tuple[npt.NDArray[np.bool], npt.NDArray[np.bool]]:
    """Where the class of each sample stands in ``input``, and which samples (N, 1, d1, ...) count."""
    samples = input.shape[:axis] + input.shape[axis + 1 :]
    check_shape("target", target, samples, "one class index per sample, or probabilities shaped like input")
    if input.ndim > 2 and input.shape[axis] == 0 and target.size:
        raise ValueError(f"input must have at least 1 class, got shape {input.shape}")
    labels = target.reshape(_one_class(input, axis))
    counted = labels != ignored
    classes = input.shape[axis]
    every = np.arange(classes).reshape(-1, *[1] * (input.ndim - 1 - axis))
    found = (labels == every) & counted
    if np.count_nonzero(found) < np.count_nonzero(counted):
        wrong = labels[counted & ~found.any(axis, keepdims=True)]
        raise ValueError(f"target must lie between 0 and {classes - 1}, or be ignore_index {ignored}, got {wrong[0]}")
    return found, counted


def _one_class(input: Array, axis: int) -> tuple[int, ...]:
    """(N, 1, d1, ...), the shape of ``input`` with a single class."""
    return (*input.shape[:axis], 1, *input.shape[axis + 1 :])
