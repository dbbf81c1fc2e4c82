"""Bounds of group normalisation."""

from typing import Any

import numpy as np

from torch_parity.proof.bounds.normalized import Groups, of_groups
from torch_parity.proof.bounds.rounding import Array, Bounds
from torch_parity.proof.cases import Case


def group_norm_groups(case: Case, dtype: np.dtype[Any]) -> Groups:
    """A group is some channels with their pixels; a weight for each channel serves all images and pixels."""
    batch, channels, *pixels = case.arrays["input"].shape
    groups = case.arguments["num_groups"]
    x = case.arrays["input"].reshape(batch, groups, channels // groups, *pixels)
    return Groups(x, tuple(range(2, x.ndim)), (0, *range(3, x.ndim)), case.arguments["eps"], dtype)


def group_norm(case: Case, grad_output: Array) -> Bounds:
    """Group normalisation, and its gradients."""
    return of_groups(group_norm_groups(case, case.dtype), case, grad_output)
