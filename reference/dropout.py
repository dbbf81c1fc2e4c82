"""Dropout, of single numbers and of whole channels.  Twins: ``torch.nn.Dropout`` and ``torch.nn.Dropout2d``.

Formula, with a mask m of ones (kept) and zeros (dropped), in which p is the probability of a zero:

    training      y = x m / (1 - p)
    evaluation    y = x

Every step trains another part of the network, so that no unit can rely on a single other one.  ``dropout`` has an entry
of the mask for each number.  ``dropout2d`` has one for each channel of each image: neighbouring pixels are so alike
that a dropped one could be guessed from those around it.

On average y is x, as E[m] = 1 - p; so nothing needs to be scaled when the network is used.  (Srivastava et al. scale
then, by 1 - p; as torch does it, the other way round, it is called inverted dropout.)

0, -0.0 and NaN: the number is multiplied, not replaced.  A dropped -3.0 is -0.0, a dropped NaN or infinity is NaN.
p = 0 keeps everything and p = 1 nothing, whatever the mask says.

Source: Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov, Dropout (2014), sections 4 and 10; Tompson et al.,
Efficient object localization using convolutional networks (2015), section 3.2, for whole channels.
"""

import numpy as np
import numpy.typing as npt

from reference.arguments import (
    ARRAYS,
    Array,
    boolean,
    check_floats,
    check_rank,
    check_shape,
    ieee754,
    number,
)
from reference.generator import draw_mask

Mask = npt.NDArray[np.bool]


def dropout(input: Array, p: float = 0.5, training: bool = True, *, mask: Mask | None = None) -> Array:
    """``input`` (any shape) with some numbers made 0 and the others multiplied by 1 / (1 - ``p``).

    ``mask``, of the same shape, is True where a number is kept.  Without one, ``generator.draw_mask`` draws it.  If not
    ``training``, a copy.
    Raises TypeError for wrong dtypes and arguments, ValueError for a ``p`` outside of 0 to 1 and a mask of another
    shape.

    >>> import numpy as np
    >>> from reference import dropout
    >>> print(dropout(np.array([1.0, 2.0, 3.0]), p=0.5, mask=np.array([True, False, True])))
    [2. 0. 6.]
    >>> print(dropout(np.array([1.0, 2.0, 3.0]), training=False))
    [1. 2. 3.]
    """
    check_floats(input=input)
    p = probability(p)
    _check_mask(mask, input.shape, "as input")
    if not boolean("training", training):
        return np.array(input)
    return _masked(input, draw_mask(input.shape, p) if mask is None else mask, p)


def dropout_backward(grad_output: Array, mask: Mask | None, p: float = 0.5, training: bool = True) -> Array:
    """dL/dx, shaped like dL/dy ``grad_output``, with the ``mask`` that the forward step had.

    y is x times a number that does not depend on x, so that number is the slope:

        dL/dx = dL/dy m / (1 - p)        in evaluation: dL/dx = dL/dy

    A dropped number has no gradient, a kept one has it scaled as the number was.  So it is the same formula on dL/dy,
    with the same mask: another one would send the gradient to where nothing came from.
    Raises as ``dropout`` does, and TypeError where there is no mask in training.

    >>> import numpy as np
    >>> from reference import dropout_backward
    >>> print(dropout_backward(np.array([10.0, 20.0, 30.0]), np.array([True, False, True]), p=0.5))
    [20.  0. 60.]
    """
    check_floats(grad_output=grad_output)
    _check_needed(mask, training)
    _check_mask(mask, grad_output.shape, "as grad_output")
    return dropout(grad_output, p, training, mask=mask)


def dropout2d(input: Array, p: float = 0.5, training: bool = True, *, mask: Mask | None = None) -> Array:
    """``input`` (N, C, H, W) with some channels of some images made 0, the others multiplied by 1 / (1 - ``p``).

    ``mask`` (N, C) is True where a channel is kept.  Without one, ``generator.draw_mask`` draws it.  If not
    ``training``, a copy.
    Raises TypeError for wrong dtypes and arguments, ValueError for images of other dimensions, a ``p`` outside of 0
    to 1 and a mask of another shape.

    One image with two channels, of which the second one is dropped:

    >>> import numpy as np
    >>> from reference import dropout2d
    >>> print(dropout2d(np.array([[[[1.0, 2.0]], [[3.0, 4.0]]]]), p=0.5, mask=np.array([[True, False]])))
    [[[[2. 4.]]
    <BLANKLINE>
      [[0. 0.]]]]
    """
    check_floats(input=input)
    check_rank("input", input, (4,), "(N, C, H, W)")
    p = probability(p)
    _check_mask(mask, input.shape[:2], "the images and channels of input")
    if not boolean("training", training):
        return np.array(input)
    mask = draw_mask(input.shape[:2], p) if mask is None else mask
    return _masked(input, mask[:, :, np.newaxis, np.newaxis], p)


def dropout2d_backward(grad_output: Array, mask: Mask | None, p: float = 0.5, training: bool = True) -> Array:
    """dL/dx (N, C, H, W) from dL/dy ``grad_output`` (N, C, H, W), with the ``mask`` (N, C) that the forward step had.

    As in ``dropout_backward``, and all pixels of a channel have the entry of the mask that the channel has:

        dL/dx[n, c] = dL/dy[n, c] m[n, c] / (1 - p)

    Raises as ``dropout2d`` does, and TypeError where there is no mask in training.

    >>> import numpy as np
    >>> from reference import dropout2d_backward
    >>> print(dropout2d_backward(np.array([[[[10.0, 20.0]], [[30.0, 40.0]]]]), np.array([[True, False]]), p=0.5))
    [[[[20. 40.]]
    <BLANKLINE>
      [[ 0.  0.]]]]
    """
    check_floats(grad_output=grad_output)
    check_rank("grad_output", grad_output, (4,), "(N, C, H, W)")
    _check_needed(mask, training)
    _check_mask(mask, grad_output.shape[:2], "the images and channels of grad_output")
    return dropout2d(grad_output, p, training, mask=mask)


@ieee754
def _masked(array: Array, mask: Mask, p: float) -> Array:
    """``array`` times m / (1 - p): the factor is rounded first, and the product then, as torch rounds them."""
    if p == 0:
        return np.array(array)
    one = array.dtype.type(1)
    factor = array.dtype.type(0) if p == 1 else one / array.dtype.type(1 - p)
    # All laid out in memory as the array is: rows that lie across each other take NumPy up to a hundred times as long.
    output = np.empty_like(array, subok=False)
    if mask.shape == array.shape:
        kept = np.empty_like(output, np.bool)
        kept[...] = mask
        np.multiply(kept, factor, out=output)
        return np.multiply(array, output, out=output)
    return np.multiply(array, np.asfortranarray(mask * factor), out=output)


def probability(p: object) -> float:
    """``p`` as a float; TypeError for what is no number, ValueError outside of 0 to 1."""
    if not 0 <= number("p", p) <= 1:
        raise ValueError(f"p must be between 0 and 1, got {p!r}")
    return number("p", p)


def _check_mask(mask: object, shape: tuple[int, ...], reason: str) -> None:
    if mask is None:
        return
    if not isinstance(mask, ARRAYS) or mask.dtype != np.bool:
        raise TypeError(f"mask must be an array of True and False, got {getattr(mask, 'dtype', type(mask).__name__)}")
    check_shape("mask", np.asarray(mask), shape, reason)


def _check_needed(mask: object, training: object) -> None:
    if mask is None and boolean("training", training):
        raise TypeError("mask must be the one that the forward step had, got None")
