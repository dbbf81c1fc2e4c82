"""Layer and group normalisation."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import FLOAT32, Arithmetic, Results, Wanted

Array = npt.NDArray[Any]


def in_groups(groups_of: Callable[[Case, np.dtype[Any]], bounds.Groups]) -> Callable[..., dict[str, Wanted]]:
    """Layer and group normalisation: float32 inside, but mean and s are stored in the dtype, for the gradients.

    So each of them is rounded, s to a multiple of the spacing where it is subnormal, and last the result: that is
    within gamma_4 of every factor.  Where the gradients of weight and bias are added up in 16 bits, each of the terms
    is rounded, too.
    """

    def rule(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
        groups = groups_of(case, FLOAT32)
        groups.known &= groups.s <= a.max / 4
        with np.errstate(all="ignore"):
            stored = a.gamma(4) + np.where(groups.known, a.spacing / groups.s, 0)
            weight, bias = case.arrays.get("weight"), case.arrays.get("bias")
            errors = groups.errors(weight, bias, grad_output, stored)
            if a.accumulator("grad_weight") == "copies":
                in_16_bits = stored + a.gamma(groups.rows)
                errors["grad_weight"] = groups.errors(weight, bias, grad_output, in_16_bits)["grad_weight"]
        wanted: dict[str, Wanted] = {}
        for name, exact in ours.items():
            if name == "grad_bias":
                times = 1 if a.accumulator(name) == "float32" else groups.rows
                bound = a.of_sum(exact, groups.bias_terms(grad_output).reshape(exact.shape), groups.rows, times)
            else:
                bound = errors[name].reshape(exact.shape) + a.spacing
                bound = np.where(np.abs(exact) + bound > a.max / 4, np.inf, bound)
            wanted[name] = exact, bound
        return wanted

    return rule
