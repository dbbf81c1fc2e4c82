"""Bounds of layer normalisation."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.normalized import Groups, of_groups
from torch_parity.proof.bounds.rounding import Array, Bounds
from torch_parity.proof.cases import Case


def layer_norm_groups(case: Case, dtype: np.dtype[Any]) -> Groups:
    """A group is a row of features; a weight for each serves all rows."""
    x = case.arrays["input"]
    rows = x.ndim - len(case.arguments["normalized_shape"])
    return Groups(x, tuple(range(rows, x.ndim)), tuple(range(rows)), case.arguments["eps"], dtype)


def layer_norm(case: Case, grad_output: Array) -> Bounds:
    """Layer normalisation, and its gradients."""
    return of_groups(layer_norm_groups(case, case.dtype), case, grad_output)
