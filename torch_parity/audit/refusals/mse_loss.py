"""What is refused in the mean squared error."""

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal


def _targets_of_another_shape(arguments: Arguments) -> Arguments:
    input, target, weight = arguments["input"], arguments["target"], arguments.get("weight")
    if input.shape == target.shape:
        return {}
    # torch takes the call, so the two can be broadcast, and weights have the shape of the input.
    arrays = {"input": input, "target": target, **({} if weight is None else {"weight": weight})}
    shape = np.broadcast_shapes(input.shape, target.shape)
    return {name: np.broadcast_to(array, shape) for name, array in arrays.items()}


REFUSALS = (
    Refusal(
        "targets of another shape",
        ("mse_loss",),
        "torch repeats the smaller one and warns that this will likely lead to incorrect results: (N,) against (N, 1) "
        "compares each sample with every other",
        _targets_of_another_shape,
    ),
)
