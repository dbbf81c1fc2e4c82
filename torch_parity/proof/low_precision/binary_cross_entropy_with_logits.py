"""Binary cross-entropy."""

from typing import Any

import numpy as np
import numpy.typing as npt

from torch_parity.proof import bounds
from torch_parity.proof.cases import Case
from torch_parity.proof.low_precision.arithmetic import Arithmetic, Results
from torch_parity.proof.low_precision.reduction import reduced

Array = npt.NDArray[Any]


def binary_cross_entropy_with_logits(a: Arithmetic, case: Case, grad_output: Array, ours: dict[str, Array]) -> Results:
    """The chain of ``bounds.Logits``, each of whose operations rounds what it hands on to 16 bits."""
    terms = bounds.Logits(case, grad_output)
    chain, lost = a.gamma(12), a.spacing * 12 * terms.factors
    output = reduced(
        a, case, terms.finite, terms.size * (1 + terms.w), terms.w * chain * terms.size + lost, terms.size.size
    )
    found = {"output": output}
    for name, slope, known in (
        ("grad_input", terms.slope, terms.number),
        ("grad_target", terms.target_slope, terms.finite),
    ):
        bound = chain * terms.scale * slope + lost * (1 + slope)
        found[name] = np.where(known, np.where(slope * terms.factors > a.max / 4, np.inf, bound), np.nan)
    return {name: (ours[name], np.asarray(found[name])) for name in ours}
