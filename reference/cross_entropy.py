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

For class indices cross_entropy(x, t) = nll_loss(log_softmax(x), t): so ``CrossEntropy`` is the class of ``nll_loss``
with log-softmax before it, and has probabilities and smoothing besides.

Softmax and logarithm are one formula here (``log_softmax``), not two: that is what keeps a confident prediction exact.

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 3.13, 5.5 and 6.2.2.3; label smoothing: Szegedy
et al., Rethinking the Inception architecture for computer vision (2016), section 7.
"""

from typing import Any

import numpy as np

from reference.arguments import Array, IntArray, check_floats, ieee754, number
from reference.nll_loss import NegativeLogLikelihood
from reference.softmax import log_softmax, log_softmax_backward
from reference.sums import sum_over


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
    return CrossEntropy(input, target, weight, ignore_index, reduction, label_smoothing).value()


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


class CrossEntropy(NegativeLogLikelihood):
    """A loss, its arguments checked and brought to one form once, for its value and its gradients.

    Besides what ``NegativeLogLikelihood`` has of class indices:

    log_p          the log-probabilities, as input
    smoothing      e
    uniform        e / C, what smoothing gives to every class
    probabilities  y, as input and smoothed; None where the target holds class indices
    """

    alternative = ", or probabilities shaped like input"
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
        ignored = self._take(input, target, weight, ignore_index, reduction)
        self.smoothing = max(0.0, number("label_smoothing", label_smoothing))  # negative is none, as in torch
        if self.smoothing > 1:
            raise ValueError(f"label_smoothing must be between 0 and 1, got {label_smoothing!r}")
        classes = input.shape[self.axis]
        self.uniform = input.dtype.type(self.smoothing / classes if classes else 0)
        if target.shape == input.shape:
            check_floats(input=input, target=target)
            if ignored >= 0:
                raise ValueError(f"ignore_index must be negative where target holds probabilities, got {ignored}")
            y: Array = np.array(target)
            self.probabilities = y * (1 - self.smoothing) + self.uniform if self.smoothing else y
            self.divisor = input.dtype.type(np.divide(input.size, classes))
        else:
            # torch reads uint8 class indices, and a single one in a row, in its plainest loss only.
            bytes_too = input.ndim < 3 and not (self.smoothing > 0 and weight is not None and reduction == "mean")
            if bytes_too and target.dtype == np.uint8 and self.smoothing > 0 and ignored < 0:
                self._check_bytes(target, ignored)
            one_in_a_row = input.ndim == 1 and self.smoothing == 0
            self._take_labels(target, weight is not None, ignored, bytes_too, one_in_a_row)
        self.log_p = log_softmax(input, self.axis)

    def _check_bytes(self, target: IntArray, ignored: int) -> None:
        """ValueError where torch, which compares bytes, would take a label for ``ignored``."""
        if (target == ignored % 256).any():
            raise ValueError(
                f"target must not hold {ignored % 256} as uint8 with label_smoothing and ignore_index {ignored}: in a "
                f"byte the two are the same; use int64"
            )

    @ieee754
    def value(self) -> Array:
        """L = - sum_c w_c y_c log p_c; see ``cross_entropy``."""
        if self.probabilities is not None:
            return self._reduce(-sum_over(self.weights * self.probabilities * self.log_p, self.axis))
        loss = self.loss(self.log_p)
        if self.smoothing == 0:
            return loss
        of_every_class = self._reduce(self._if_counted(-sum_over(self.weights * self.log_p, self.axis)))
        return np.asarray((1 - self.smoothing) * loss + self.uniform * of_every_class)

    @ieee754
    def gradients(self, grad_output: Array) -> tuple[Array, Array | None]:
        """dL/dx by way of dL/dlog_p_c = - w_c y_c, and dL/dy_c = - w_c log_p_c; see ``cross_entropy_backward``."""
        scale = self._scale(grad_output)
        if self.probabilities is not None:
            # The gradient from above comes first, as in torch: it decides what overflows.
            of_log_p = -scale * self.weights * self.probabilities
            grad_target = -scale * self.weights * self.log_p * (1 - self.smoothing)
            return log_softmax_backward(of_log_p, self.log_p, self.axis), grad_target
        grad_log_p = self.gradient(grad_output)
        if self.smoothing > 0:
            grad_log_p *= 1 - self.smoothing
            grad_log_p += self._if_counted(-scale * self.weights * self.uniform)
        return log_softmax_backward(grad_log_p, self.log_p, self.axis), None
