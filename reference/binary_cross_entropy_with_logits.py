"""Binary cross-entropy of scores.  Twin: ``torch.nn.BCEWithLogitsLoss``.

Formula, element by element.  A score (logit) x stands for the probability sigma(x) = 1 / (1 + exp(-x)) that something
is there, and t says whether it is: 1, 0, or a probability in between.

    l = - w (p t log sigma(x) + (1 - t) log(1 - sigma(x)))

with weights w and p (``pos_weight``), 1 unless given: p alone weighs what is there, against what is not, as where few
pixels belong to the object.  Each element is a question of its own, where the classes of ``cross_entropy`` exclude one
another.  The losses are kept ('none'), added ('sum') or averaged over all elements ('mean', whatever the weights are).

Sigmoid and logarithm are one formula here, not two.  With the softplus s(x) = log(1 + exp(x)),

    -log sigma(x) = s(-x)     -log(1 - sigma(x)) = s(x) = x + s(-x)     s(x) = max(x, 0) + log(1 + exp(-|x|))

so that exp never overflows, no logarithm gets a probability that was rounded to 0, and

    l = w ((1 - t) x + (1 + (p - 1) t) s(-x))

Source: Goodfellow, Bengio & Courville, Deep Learning (2016), sections 3.10 (softplus), 6.2.2.2; log1p: Higham, Accuracy
and Stability of Numerical Algorithms (2002), section 1.14.1.
"""

import numpy as np

from reference.arguments import Array, check_floats, check_shape, ieee754
from reference.reduction import check_reduction, reduced
from reference.sigmoid import sigmoid


@ieee754
def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Array:
    """The loss of scores ``input`` against probabilities ``target``, both of one shape, any.

    ``weight`` and ``pos_weight`` are broadcast to that shape: (C,) weighs the columns of (N, C), (C, 1, 1) the maps of
    (N, C, H, W).  The result has the shape of ``input`` for reduction 'none', else ().  Raises TypeError for wrong or
    mixed dtypes, ValueError for shapes that do not fit and unknown reductions.  The mean over no elements is NaN, and
    so is the loss of a score of infinity, but for +inf where t < 1.

    Held for 3/4 probable were one thing that is there, and one that is not; -log(3/4) = 0.2877, -log(1/4) = 1.3863:

    >>> import numpy as np
    >>> from reference import binary_cross_entropy_with_logits
    >>> scores, truth = np.log([3.0, 3.0]), np.array([1.0, 0.0])
    >>> print(binary_cross_entropy_with_logits(scores, truth, reduction="none").round(4))
    [0.2877 1.3863]
    """
    return BinaryCrossEntropy(input, target, weight, reduction, pos_weight).loss()


@ieee754
def binary_cross_entropy_with_logits_backward(
    grad_output: Array,
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> tuple[Array, Array]:
    """dL/dx and dL/dt, both as ``input``, from ``grad_output`` g, shaped as the loss.

    The slope of softplus is the sigmoid, ds(x)/dx = exp(x) / (1 + exp(x)) = sigma(x), so ds(-x)/dx = -sigma(-x), and

        dl/dx = w ((1 - t) sigma(x) - p t sigma(-x))          dl/dt = w (p s(-x) - s(x))

    Without p, sigma(x) + sigma(-x) = 1 makes that dl/dx = w (sigma(x) - t), what was predicted less what was true, and
    s(x) - s(-x) = x makes it dl/dt = -w x.  dL/dx and dL/dt are g times these; for a mean over the number of elements.
    Raises as the formula does, and ValueError for a ``grad_output`` of another shape.

    >>> import numpy as np
    >>> from reference import binary_cross_entropy_with_logits_backward
    >>> scores, truth = np.log([3.0, 3.0]), np.array([1.0, 0.0])
    >>> grad_input, _ = binary_cross_entropy_with_logits_backward(np.array(1.0), scores, truth)
    >>> print(grad_input.round(4))  # (3/4 - 1) / 2, (3/4 - 0) / 2
    [-0.125  0.375]
    """
    check_floats(grad_output=grad_output, input=input)
    loss = BinaryCrossEntropy(input, target, weight, reduction, pos_weight)
    return loss.grad_input(grad_output), loss.grad_target(grad_output)


class BinaryCrossEntropy:
    """A loss, its arguments checked once, for its value and its gradients.  It holds copies of them all.

    x, t         the scores and the truth
    power        exp(-|x|), at most 1
    w, p         weight and pos_weight, or None
    """

    @ieee754
    def __init__(
        self, input: Array, target: Array, weight: Array | None, reduction: str, pos_weight: Array | None
    ) -> None:
        """Takes, and raises, what ``binary_cross_entropy_with_logits`` does."""
        check_floats(input=input, target=target)
        check_shape("target", target, input.shape, "as input")
        check_reduction(reduction)
        self.reduction = reduction
        self.w, self.p = _weights("weight", weight, input), _weights("pos_weight", pos_weight, input)
        self.x, self.t = np.array(input), np.array(target)
        self.power = np.exp(-np.abs(self.x))

    @ieee754
    def loss(self) -> Array:
        """w ((1 - t) x + (1 + (p - 1) t) s(-x)), reduced; see ``binary_cross_entropy_with_logits``."""
        large, small = np.maximum(-self.x, 0), np.log1p(self.power)  # the two parts of s(-x)
        if self.p is not None:
            share = 1 + (self.p - 1) * self.t
            large, small = share * large, share * small
        # The small part is added last: where (1 - t) x and the large one cancel, it is all that is left.
        losses = (1 - self.t) * self.x + large + small
        if self.w is not None:
            losses = losses * self.w
        return reduced(np.asarray(losses), self.reduction, self.x.size)

    @ieee754
    def grad_input(self, grad_output: Array) -> Array:
        """dL/dx; see ``binary_cross_entropy_with_logits_backward``."""
        predicted = sigmoid(self.x)
        if self.p is None:
            slope = predicted - self.t
        else:
            slope = (1 - self.t) * predicted - self.p * self.t * sigmoid(-self.x)
        return np.asarray(slope * self._scale(grad_output))

    @ieee754
    def grad_target(self, grad_output: Array) -> Array:
        """dL/dt; see ``binary_cross_entropy_with_logits_backward``."""
        slope = -self.x
        if self.p is not None:
            small = np.log1p(self.power)
            slope = self.p * (np.maximum(-self.x, 0) + small) - (np.maximum(self.x, 0) + small)
        return np.asarray(slope * self._scale(grad_output))

    def _scale(self, grad_output: Array) -> Array:
        """w g, over the number of elements for a mean."""
        shape = self.x.shape
        check_shape("grad_output", grad_output, shape if self.reduction == "none" else (), "the loss")
        scale = grad_output / grad_output.dtype.type(self.x.size) if self.reduction == "mean" else grad_output
        return np.asarray(scale if self.w is None else scale * self.w)


def _weights(name: str, array: Array | None, input: Array) -> Array | None:
    """A copy of the weights ``array``; ValueError unless they broadcast to the shape of ``input``."""
    if array is None:
        return None
    check_floats(input=input, **{name: array})
    sizes = zip(reversed(array.shape), reversed(input.shape), strict=False)
    if array.ndim > input.ndim or any(size not in (1, whole) for size, whole in sizes):
        raise ValueError(f"{name} must have a shape that broadcasts to {input.shape} (as input), got {array.shape}")
    return np.array(array)
