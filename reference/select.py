"""Selection by bits: what a mask leaves of a gradient."""

import numpy as np
import numpy.typing as npt

from reference.arguments import Array, IntArray


def select(mask: npt.NDArray[np.bool], array: Array, out: Array | None = None) -> Array:
    """``array`` where ``mask``, else +0.0; both of one shape, and so is ``out``, which takes the result if given.

    The same as ``np.where(mask, array, 0)``, several times as fast.  A product of numbers would not do: 0 * inf is nan.
    But an integer times True keeps all its bits, and times False none; so the bits are taken as an integer.

    >>> import numpy as np
    >>> from reference.select import select
    >>> print(select(np.array([True, False, False]), np.array([1.5, np.inf, np.nan])))
    [1.5 0.  0. ]
    """
    chosen = np.multiply(bits(array), mask, out=None if out is None else bits(out))
    return np.asarray(chosen).view(array.dtype)


def bits(array: Array) -> IntArray:
    """The same memory, read as integers: a view.

    >>> import numpy as np
    >>> from reference.select import bits
    >>> print([hex(number) for number in bits(np.array([1.0, 2.0], np.float32))])
    ['0x3f800000', '0x40000000']
    """
    return np.asarray(array).view(np.int32 if array.itemsize == 4 else np.int64)


def either(mask: npt.NDArray[np.bool], yes: Array, no: Array) -> Array:
    """The number ``yes`` where ``mask``, else the number ``no``; both of one dtype.

    The same as ``np.where``, ten times as fast: what has the bits of ``no`` gets those of ``yes`` by turning the bits
    in which the two differ.

    >>> import numpy as np
    >>> from reference.select import either
    >>> print(either(np.array([True, False]), np.float32(1), np.float32(-0.5)))
    [ 1.  -0.5]
    """
    differing = np.bitwise_xor(bits(yes), bits(no))
    return np.asarray(np.bitwise_xor(np.multiply(mask, differing), bits(no))).view(yes.dtype)
