"""What training changes: an array, with its gradient beside it."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from reference.arguments import Array, boolean, check_floats
from reference.instead import PARAMETER, missing


class Parameter:
    """An array that training changes: ``data``, and its gradient ``grad`` (None until there is one).

    ``version`` counts how often ``data`` was set, by ``data = array`` or ``data -= array``, so that a layer can tell
    that it is not what it was.  (As in torch, a change through a part of it, ``data[0] = 1``, is not noticed.)
    Layers leave ``grad`` alone where ``requires_grad`` is False, and an optimizer then leaves the parameter alone.

    >>> import numpy as np
    >>> from reference.parameter import Parameter
    >>> kernel = Parameter(np.array([1.0, 0, -1]))
    >>> print(kernel.data, kernel.grad)
    [ 1.  0. -1.] None
    """

    def __init__(self, data: Array, requires_grad: bool = True) -> None:
        """Take ``data`` (float32 or float64) as it is, without a copy."""
        check_floats(data=data)
        self._data, self.version = data, 0
        self.grad: Array | None = None
        self.requires_grad = boolean("requires_grad", requires_grad)

    @property
    def data(self) -> Array:
        """The numbers."""
        return self._data

    @data.setter
    def data(self, data: Array) -> None:
        self._data, self.version = data, self.version + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """That of ``data``."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of ``data``."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """How many dimensions ``data`` has."""
        return self._data.ndim

    def dim(self) -> int:
        """How many dimensions ``data`` has."""
        return self._data.ndim

    def size(self, dim: int | None = None) -> Any:
        """The shape of ``data``, or its length along ``dim``."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self) -> int:
        """How many numbers."""
        return self._data.size

    def __len__(self) -> int:
        """The length of ``data`` along its first dimension."""
        return len(self._data)

    def forget_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradient; without ``set_to_none`` make it zeros if there is one: momentum then still moves on."""
        zeros = not set_to_none and self.grad is not None
        self.grad = np.zeros_like(self.grad) if zeros else None

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set ``requires_grad``."""
        self.requires_grad = boolean("requires_grad", requires_grad)
        return self

    def __repr__(self) -> str:
        """The numbers."""
        return f"Parameter containing:\n{self._data!r}"

    if not TYPE_CHECKING:  # where attributes that are not there are errors anyway

        def __getattr__(self, name: str) -> Any:
            """An attribute that is not there: AttributeError with what to write instead, if a tensor has it."""
            raise missing("Parameter", name, PARAMETER)


def accumulate(parameter: Parameter | None, grad: Array | None) -> None:
    """Add to the gradient, as torch does: a parameter used twice collects both."""
    if parameter is not None and grad is not None:
        parameter.grad = grad if parameter.grad is None else parameter.grad + grad


def learns(parameter: Parameter | None) -> bool:
    """Whether a layer is asked for the gradient of ``parameter``, which it may lack."""
    return parameter is not None and parameter.requires_grad
