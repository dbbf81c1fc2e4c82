"""What the mistakes of all optimizers share."""

from typing import Any

import numpy as np

from torch_parity.audit.mistakes.mistake import RESULTS, Array, Change, Forward


def _each_step_alone(right: Forward) -> Forward:
    """As many optimizers as steps, of which each remembers nothing."""

    def wrong(parameter: Array, grads: Array, **options: Any) -> Array:
        k = parameter
        for grad in grads:
            k = right(parameter=k, grads=grad[np.newaxis], **options)
        return k

    return wrong


FORGOTTEN_BETWEEN_STEPS = Change(RESULTS, _each_step_alone)
