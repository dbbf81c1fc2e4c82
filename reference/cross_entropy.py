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
    ().  Raises TypeError for wrong or mixed dtypes, ValueError for shapes that do not fit, indices out of range, and
    unknown reductions.  The mean over no samples is NaN.

    The truth, class 1, was held for 3/4 probable; -log(3/4) = 0.2877:

    >>> import numpy as np
    >>> from reference import cross_entropy
    >>> scores = np.log(np.array([[1.0, 3.0]]))
    >>> print(f"{cross_entropy(scores, np.array([1])):.4f}")
    0.2877
    """
    return CrossEntropy(input, target, weight, ignore_index, reduction, label_smoothing).loss()


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

    Predicted were 1/4 and 3/4, true is class 1:

    >>> import numpy as np
    >>> from reference import cross_entropy_backward
    >>> scores = np.log(np.array([[1.0, 3.0]]))
    >>> grad_input, _ = cross_entropy_backward(np.array(1.0), scores, np.array([1]))
    >>> print(grad_input.round(4))
    [[ 0.25 -0.25]]
    """
    check_floats(grad_output=grad_output, input=input)
    return CrossEntropy(input, target, weight, ignore_index, reduction, label_smoothing).gradients(grad_output)


class CrossEntropy:
    """A loss, its arguments checked and brought to one form once, for its value and its gradients.

    log_p          the log-probabilities, as input
    axis           of the classes
    weights        w, (C, 1, ...), or 1: broadcasts with input
    smoothing      e
    uniform        e / C, what smoothing gives to every class
    probabilities  y, as input and smoothed; None where the target holds class indices, and then
    place          where in log_p the class of each sample stands (class 0 if it does not count): indices of
                   (N, 1, d1, ...) entries
    counted        (N, 1, d1, ...): which samples do
    label_weights  (N, 1, d1, ...): w of each sample's class, 0 for samples that do not count
    divisor        of the mean; 1 for other reductions
    """

    probabilities: Array | None = None

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
        self.smoothing = max(0.0, number("label_smoothing", label_smoothing))  # negative is none, as in torch
        if self.smoothing > 1:
            raise ValueError(f"label_smoothing must be between 0 and 1, got {label_smoothing!r}")
        ignored = integer("ignore_index", ignore_index)
        self.reduction, self.axis = reduction, min(input.ndim - 1, 1)
        classes = input.shape[self.axis]
        self.weights = np.ones((), input.dtype)
        if weight is not None:
            check_floats(input=input, weight=weight)
            check_shape("weight", weight, (classes,), "one weight per class")
            self.weights = weight.reshape(-1, *[1] * (input.ndim - 1 - self.axis)).copy()
        self.uniform = input.dtype.type(self.smoothing / classes if classes else 0)
        if not isinstance(target, np.ndarray | np.generic):
            raise TypeError(f"target must be a NumPy array, got {type(target).__name__}")
        self.samples = input.shape[: self.axis] + input.shape[self.axis + 1 :]  # (N, d1, ...)
        if target.shape == input.shape:
            check_floats(input=input, target=target)
            if ignored >= 0:
                raise ValueError(f"ignore_index must be negative where target holds probabilities, got {ignored}")
            y: Array = np.array(target)
            self.probabilities = y * (1 - self.smoothing) + self.uniform if self.smoothing else y
            total: Any = np.divide(input.size, classes)
        else:
            self._check_labels(target, input, weight, ignored)
            labels = target.reshape(*input.shape[: self.axis], 1, *input.shape[self.axis + 1 :]).astype(np.int64)
            self.counted = labels != ignored
            own_class = np.where(self.counted, labels, 0)
            self.place = tuple(
                own_class if axis == self.axis else np.arange(size).reshape(-1, *[1] * (labels.ndim - 1 - axis))
                for axis, size in enumerate(labels.shape)
            )
            weights = self.weights if weight is None else self._at_label(np.broadcast_to(self.weights, input.shape))
            self.label_weights = self._if_counted(weights)
            total = self.label_weights.sum()
        self.divisor = input.dtype.type(total if reduction == "mean" else 1)
        self.log_p = log_softmax(input, self.axis)

    def _check_labels(self, target: Any, input: Array, weight: Array | None, ignored: int) -> None:
        """TypeError or ValueError unless torch would take ``target`` as the class indices of this loss."""
        # torch reads uint8 class indices in its plainest loss only.
        bytes_too = input.ndim < 3 and not (self.smoothing > 0 and weight is not None and self.reduction == "mean")
        if target.dtype != np.int64 and not (bytes_too and target.dtype == np.uint8):
            allowed = "int64 or uint8" if bytes_too else "int64"
            # Of one number a sample these are classes; of another shape, perhaps probabilities of too few classes.
            as_classes = "; write target.astype(np.int64)"
            found = as_classes if target.shape == self.samples else f" of shape {target.shape}, input {input.shape}"
            raise TypeError(
                f"target must be {allowed} class indices, or probabilities shaped like input, got {target.dtype}{found}"
            )
        if target.dtype == np.uint8 and self.smoothing > 0 and ignored < 0 and (target == ignored % 256).any():
            raise ValueError(
                f"target must not hold {ignored % 256} as uint8 with label_smoothing and ignore_index {ignored}: in a "
                f"byte the two are the same; use int64"
            )
        # A single one may have the shape (1,), likewise in the plainest loss only.
        one_in_a_row = input.ndim == 1 and target.shape == (1,) and self.smoothing == 0
        if not one_in_a_row:
            check_shape(
                "target", target, self.samples, "one class index per sample, or probabilities shaped like input"
            )
        classes = input.shape[self.axis]
        if input.ndim > 2 and classes == 0 and target.size:
            raise ValueError(f"input must have at least 1 class, got shape {input.shape}")
        labels = target.astype(np.int64)
        wrong = labels[((labels < 0) | (labels >= classes)) & (labels != ignored)]
        if wrong.size:
            raise ValueError(
                f"target must lie between 0 and {classes - 1}, or be ignore_index {ignored}, got {wrong[0]}"
            )

    @ieee754
    def loss(self) -> Array:
        """L = - sum_c w_c y_c log p_c; see ``cross_entropy``."""
        if self.probabilities is not None:
            return self._reduce(-sum_over(self.weights * self.probabilities * self.log_p, self.axis))
        # y is 1 at the label alone.  That term is picked, and no other one multiplied by 0: 0 * -inf is NaN, though a
        # class of probability 0 that is not the label does no harm.
        loss = self._reduce(self._if_counted(-self.label_weights * self._at_label(self.log_p)))
        if self.smoothing == 0:
            return loss
        of_every_class = self._reduce(self._if_counted(-sum_over(self.weights * self.log_p, self.axis)))
        return np.asarray((1 - self.smoothing) * loss + self.uniform * of_every_class)

    @ieee754
    def gradients(self, grad_output: Array) -> tuple[Array, Array | None]:
        """dL/dx by way of dL/dlog_p_c = - w_c y_c, and dL/dy_c = - w_c log_p_c; see ``cross_entropy_backward``."""
        check_shape("grad_output", grad_output, self.samples if self.reduction == "none" else (), "the loss")
        scale = np.asarray(grad_output / self.divisor)
        if self.reduction == "none":
            scale = np.expand_dims(scale, self.axis)
        if self.probabilities is not None:
            # The gradient from above comes first, as in torch: it decides what overflows.
            grad_log_p = -scale * self.weights * self.probabilities
            grad_target = -scale * self.weights * self.log_p * (1 - self.smoothing)
            return log_softmax_backward(grad_log_p, self.log_p, self.axis), grad_target
        grad_log_p = np.zeros_like(self.log_p)
        at_label = self._if_counted(-scale * self.label_weights * (1 - self.smoothing))
        if grad_log_p.size:
            grad_log_p[self.place] = at_label
        if self.smoothing > 0:
            grad_log_p += self._if_counted(-scale * self.weights * self.uniform)
        return log_softmax_backward(grad_log_p, self.log_p, self.axis), None

    def _at_label(self, array: Array) -> Array:
        """Of ``array`` (as input) the entry of each sample's class, (N, 1, d1, ...); 0 where there are no classes."""
        return array[self.place] if array.shape[self.axis] else np.zeros(self.counted.shape, array.dtype)

    def _if_counted(self, array: Array) -> Array:
        """``array`` (N, 1, d1, ...) or (N, C, d1, ...) where the sample counts, else 0."""
        return np.where(self.counted, array, array.dtype.type(0))

    def _reduce(self, losses: Array) -> Array:
        """The ``losses`` (N, 1, d1, ...) kept, added or averaged."""
        if self.reduction == "none":
            return losses.reshape(self.samples)
        return np.asarray(losses.sum() / self.divisor)
