"""The losses as layers, and what a loss is."""

from typing import Any, NoReturn, Self

import numpy as np

from reference.arguments import Array, IntArray, check_floats
from reference.binary_cross_entropy_with_logits import BinaryCrossEntropy
from reference.cross_entropy import CrossEntropy
from reference.module import Module
from reference.mse_loss import SquaredError
from reference.nll_loss import NegativeLogLikelihood


class Loss(np.ndarray[Any, Any]):
    """The array that a loss returns.  What is computed with it is an array, or a number, like any other.

    >>> import numpy as np
    >>> from reference.nn import Loss
    >>> loss = np.array(0.5).view(Loss)
    >>> print(loss, loss.item(), type(loss / 2).__name__)
    0.5 0.5 float64
    """

    def backward(self, *args: object, **kwargs: object) -> NoReturn:
        """RuntimeError with what to write instead: an array does not know the network that it came from."""
        raise RuntimeError(
            "loss.backward(): NumPy derives nothing by itself; write network.backward(criterion.backward())"
        )

    def detach(self) -> Self:
        """The loss itself: there is nothing to cut it off from."""
        return self

    def cpu(self) -> Self:
        """The loss itself, which is there."""
        return self

    def numpy(self) -> Array:
        """The loss as a plain array."""
        return np.asarray(self)

    def __array_wrap__(self, array: Any, context: object = None, return_scalar: bool = False) -> Any:
        """Give a result as NumPy gives it for plain arrays."""
        return array[()] if return_scalar else np.asarray(array)


def upstream(grad_output: Array | None, reduction: str, dtype: Any) -> Array:
    """The gradient that comes from above to a loss: 1 unless given, which it must be for reduction 'none'.

    Raises ValueError where it is missing, TypeError where it has another dtype than the loss.

    >>> import numpy as np
    >>> from reference.nn.loss import upstream
    >>> print(upstream(None, "mean", np.float64), upstream(np.array(3.0), "mean", np.float64))
    1.0 3.0
    """
    if grad_output is None:
        if reduction == "none":
            raise ValueError("grad_output must be given for reduction 'none', where there is a loss per sample")
        return np.ones((), dtype)
    check_floats(input=np.ones((), dtype), grad_output=grad_output)
    return grad_output


class CrossEntropyLoss(Module):
    """Cross-entropy; see ``reference.cross_entropy``.

    >>> import numpy as np
    >>> from reference import nn
    >>> criterion = nn.CrossEntropyLoss()
    >>> scores, labels = np.log(np.array([[1.0, 3.0]])), np.array([1])  # 1/4 and 3/4; true is class 1
    >>> print(f"{criterion(scores, labels):.4f}")  # -log(3/4)
    0.2877
    >>> print(criterion.backward().round(4))  # predicted less true
    [[ 0.25 -0.25]]
    """

    def __init__(
        self,
        weight: Array | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        """The options of ``reference.cross_entropy``."""
        self.weight, self.ignore_index = weight, ignore_index
        self.reduction, self.label_smoothing = reduction, label_smoothing

    # A loss takes two arrays, and is where the gradient begins.
    def forward(self, input: Array, target: Array | IntArray) -> Array:  # type: ignore[override]
        """The loss of scores ``input`` against ``target``."""
        self.cross_entropy = CrossEntropy(
            input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing
        )
        return self.cross_entropy.value().view(Loss)

    def backward(self, grad_output: Array | None = None) -> Array:  # type: ignore[override]
        """dL/dinput; ``grad_output``, shaped like the loss, is 1 unless given."""
        cross_entropy: CrossEntropy = self._remembered("cross_entropy")
        return cross_entropy.gradients(upstream(grad_output, self.reduction, cross_entropy.log_p.dtype))[0]

    def _to(self, dtype: Any) -> Self:
        self.weight = None if self.weight is None else self.weight.astype(dtype)
        return self


class NLLLoss(Module):
    """The negative log-likelihood; see ``reference.nll_loss``.

    >>> import numpy as np
    >>> from reference import nn
    >>> criterion = nn.NLLLoss()
    >>> print(criterion(np.array([[-2.0, -1.0], [-4.0, -3.0]]), np.array([0, 1])))  # (2 + 3) / 2
    2.5
    >>> print(criterion.backward())  # -1/2 at each sample's class
    [[-0.5  0. ]
     [ 0.  -0.5]]
    """

    def __init__(self, weight: Array | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        """The options of ``reference.nll_loss``."""
        self.weight, self.ignore_index, self.reduction = weight, ignore_index, reduction

    def forward(self, input: Array, target: IntArray) -> Array:  # type: ignore[override]
        """The loss of log-probabilities ``input`` against the classes ``target``."""
        likelihood = NegativeLogLikelihood(input, target, self.weight, self.ignore_index, self.reduction)
        self.likelihood = likelihood
        return likelihood.loss(input).view(Loss)

    def backward(self, grad_output: Array | None = None) -> Array:  # type: ignore[override]
        """dL/dinput; ``grad_output``, shaped like the loss, is 1 unless given."""
        likelihood: NegativeLogLikelihood = self._remembered("likelihood")
        return likelihood.gradient(upstream(grad_output, self.reduction, likelihood.weights.dtype))

    def _to(self, dtype: Any) -> Self:
        self.weight = None if self.weight is None else self.weight.astype(dtype)
        return self


class MSELoss(Module):
    """The mean squared error; see ``reference.mse_loss``.

    >>> import numpy as np
    >>> from reference import nn
    >>> criterion = nn.MSELoss()
    >>> print(criterion(np.array([1.0, 5]), np.array([2.0, 2])))  # (1 + 9) / 2
    5.0
    >>> print(criterion.backward())  # 2 (1 - 2) / 2, 2 (5 - 2) / 2
    [-1.  3.]
    """

    def __init__(self, *, reduction: str = "mean") -> None:
        """The options of ``reference.mse_loss``; as in torch, the weights are none of the layer's."""
        self.reduction = reduction

    def forward(self, input: Array, target: Array) -> Array:  # type: ignore[override]
        """The squared error of ``input`` against ``target``."""
        self.squared_error = SquaredError(input, target, self.reduction, None)
        return self.squared_error.loss().view(Loss)

    def backward(self, grad_output: Array | None = None) -> Array:  # type: ignore[override]
        """dL/dinput; ``grad_output``, shaped like the loss, is 1 unless given."""
        squared_error: SquaredError = self._remembered("squared_error")
        return squared_error.gradient(upstream(grad_output, self.reduction, squared_error.difference.dtype))


class BCEWithLogitsLoss(Module):
    """Binary cross-entropy of scores; see ``reference.binary_cross_entropy_with_logits``.

    >>> import numpy as np
    >>> from reference import nn
    >>> criterion = nn.BCEWithLogitsLoss()
    >>> print(f"{criterion(np.log([3.0]), np.array([1.0])):.4f}")  # 3/4, and it is there: -log(3/4)
    0.2877
    >>> print(criterion.backward().round(4))  # predicted less true
    [-0.25]
    """

    def __init__(
        self, weight: Array | None = None, *, reduction: str = "mean", pos_weight: Array | None = None
    ) -> None:
        """The options of ``reference.binary_cross_entropy_with_logits``."""
        self.weight, self.reduction, self.pos_weight = weight, reduction, pos_weight

    def forward(self, input: Array, target: Array) -> Array:  # type: ignore[override]
        """The loss of scores ``input`` against the probabilities ``target``."""
        self.cross_entropy = BinaryCrossEntropy(input, target, self.weight, self.reduction, self.pos_weight)
        return self.cross_entropy.loss().view(Loss)

    def backward(self, grad_output: Array | None = None) -> Array:  # type: ignore[override]
        """dL/dinput; ``grad_output``, shaped like the loss, is 1 unless given."""
        cross_entropy: BinaryCrossEntropy = self._remembered("cross_entropy")
        return cross_entropy.grad_input(upstream(grad_output, self.reduction, cross_entropy.x.dtype))

    def _to(self, dtype: Any) -> Self:
        for name in ("weight", "pos_weight"):
            weight = getattr(self, name)
            setattr(self, name, None if weight is None else weight.astype(dtype))
        return self
