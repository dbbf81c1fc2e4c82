"""What the functions accept, and the errors that name what was wrong.

Every function takes float32 or float64 arrays, all of one dtype, and gives that dtype back.  An array of integers is
refused, although torch would take some: a pixel of type uint8 wraps around at 256, so 200 + 100 is 44 there.
"""

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.integer[Any]]
IntOrPair = int | Sequence[int]

# What isinstance() and `in` look at, made once: every call of every formula checks its arguments.
FLOATS = np.dtype(np.float32), np.dtype(np.float64)
ARRAYS, INTEGERS, BOOLEANS = (np.ndarray, np.generic), (int, np.integer), (bool, np.bool)

# Infinities and NaN are values like any other here, as in torch: IEEE 754 arithmetic without warnings.
ieee754 = np.errstate(all="ignore")
# NumPy's arithmetic with rows that do not follow one another in memory first copies them into a buffer of 8192 numbers,
# wherever two rows fit into that.  With a smaller buffer, long rows stay where they are: to add rows of 1536 numbers
# takes 0.16 instead of 0.61 ns each, rows of 192 0.41 instead of 0.70, of 64 0.54 instead of 0.80 (with a buffer of 256
# 0.76).  `np.setbufsize(BUFFER_SIZE)` holds to the end of the function that ``ieee754`` decorates.
BUFFER_SIZE = 1024


def check_floats(**arrays: object) -> None:
    """Raise TypeError unless all arrays are NumPy's, float32 or float64, and of one dtype."""
    first, wanted = "", None
    for name, array in arrays.items():
        if not isinstance(array, ARRAYS):
            raise TypeError(f"{name} must be a NumPy array, got {type(array).__name__}")
        if array.dtype is wanted:  # as nearly always
            continue
        if array.dtype not in FLOATS:
            raise TypeError(f"{name} must be float32 or float64, got {array.dtype}{_what_to_write(name, arrays)}")
        if wanted is not None and array.dtype != wanted:
            raise TypeError(f"{name} must have the dtype of {first}, {wanted}, got {array.dtype}")
        first, wanted = name, array.dtype


def _what_to_write(name: str, arrays: dict[str, Any]) -> str:
    """What makes floats of the array ``name``, of the dtype that another one of ``arrays`` has, if it does."""
    kind = arrays[name].dtype.kind
    if kind not in "biuf":
        return ""
    others = (array.dtype for array in arrays.values() if isinstance(array, ARRAYS))
    write = f"{name}.astype(np.{next((dtype for dtype in others if dtype in FLOATS), FLOATS[0])})"
    if name == "input" and kind in "iu":  # only what comes in can be pixels
        return f"; reference.datasets.normalize turns pixels (uint8) into floats, {write} other numbers"
    return f"; write {write}"


def check_rank(name: str, array: Array, ranks: tuple[int, ...], layout: str) -> None:
    """Raise ValueError unless ``array`` has one of ``ranks`` dimensions; ``layout`` names them for the reader."""
    if array.ndim not in ranks:
        raise ValueError(f"{name} must be {layout}, got shape {array.shape}")


def check_shape(name: str, array: npt.NDArray[Any], shape: tuple[int, ...], reason: str) -> None:
    """Raise ValueError unless ``array.shape`` is ``shape``; ``reason`` says where that shape comes from."""
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape} ({reason}), got {array.shape}")


def check_output_mask(output_mask: object) -> None:
    """Raise TypeError or ValueError unless ``output_mask`` says of input, weight and bias which gradient is wanted."""
    if not isinstance(output_mask, tuple | list):
        raise TypeError(f"output_mask must be a tuple of 3 entries (input, weight, bias), got {output_mask!r}")
    if len(output_mask) != 3:
        raise ValueError(f"output_mask must have 3 entries (input, weight, bias), got {output_mask!r}")


def integer(name: str, value: object) -> int:
    """``value`` as an int.  TypeError for floats and, as in torch, for True and False."""
    if type(value) is not int and (isinstance(value, BOOLEANS) or not isinstance(value, INTEGERS)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{name} must fit into 64 bits, got {value!r}")
    return operator.index(value)


def number(name: str, value: object) -> float:
    """``value`` as a float; as in torch, True is 1.  TypeError for complex numbers and what is no number."""
    if not isinstance(value, int | float | np.number | np.bool) or isinstance(value, np.complexfloating):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} must be at most {np.finfo(float).max}, got {value!r}") from None


def boolean(name: str, value: object) -> bool:
    """``value``, which must be True or False: TypeError for 1 and 0, as in torch."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return value


def pair(name: str, value: object, minimum: int) -> tuple[int, int]:
    """``value`` as (height, width).  An int, or a sequence of one int, stands for both; each at least ``minimum``."""
    if isinstance(value, tuple | list):
        if len(value) not in (1, 2):
            raise ValueError(f"{name} must be an integer or a pair of integers, got {value!r}")
        height, width = integer(name, value[0]), integer(name, value[-1])
    else:
        height = width = integer(name, value)
    if min(height, width) < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {value!r}")
    return height, width


def array_shape(name: str, value: object) -> tuple[int, ...]:
    """``value`` as the shape of an array: a tuple of integers, none below 0."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name} must be a tuple of integers, got {value!r}")
    shape = tuple(integer(name, size) for size in value)
    if min(shape, default=0) < 0:
        raise ValueError(f"{name} must hold sizes of at least 0, got {value!r}")
    return shape


def dimension(name: str, value: object, ndim: int) -> int:
    """``value`` as a dimension of an array of ``ndim`` dimensions, counted from the end where negative.

    An array without dimensions (a number) counts as having one, as in torch.
    """
    index, ndim = integer(name, value), max(ndim, 1)
    if not -ndim <= index < ndim:
        raise ValueError(f"{name} must be between {-ndim} and {ndim - 1} for {ndim} dimensions, got {index}")
    return index % ndim
