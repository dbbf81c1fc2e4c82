"""The cross-entropy as a layer, and what a loss is."""

from typing import Any, NoReturn, Self

import numpy as np

from reference.arguments import Array, IntArray, check_floats
from reference.cross_entropy import CrossEntropy
from reference.module import Module


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
        return self.cross_entropy.loss().view(Loss)

    def backward(self, grad_output: Array | None = None) -> Array:  # type: ignore[override]
        """dL/dinput; ``grad_output``, shaped like the loss, is 1 unless given."""
        cross_entropy: CrossEntropy = self._remembered("cross_entropy")
        log_p = cross_entropy.log_p
        if grad_output is None:
            if self.reduction == "none":
                raise ValueError("grad_output must be given for reduction 'none', where there is a loss per sample")
            grad_output = np.ones((), log_p.dtype)
        check_floats(input=log_p, grad_output=grad_output)
        return cross_entropy.gradients(grad_output)[0]

    def _to(self, dtype: Any) -> Self:
        self.weight = None if self.weight is None else self.weight.astype(dtype)
        return self
