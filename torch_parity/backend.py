"""How torch is run: on copies of the arrays, and set to what can be exact."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch


def tensor(array: npt.NDArray[Any]) -> torch.Tensor:
    """A tensor with a plain copy of ``array``: torch knows no negative strides, and must not share what it changes."""
    return torch.from_numpy(np.array(array, order="C"))


@contextlib.contextmanager
def torch_as_measured() -> Iterator[None]:
    """torch without NNPACK, whose convolutions are inexact, and without its warning of 'same' with even kernels."""
    with warnings.catch_warnings(), torch.backends.nnpack.flags(enabled=False):
        warnings.filterwarnings("ignore", message="Using padding='same' with even kernel lengths", category=UserWarning)
        yield
