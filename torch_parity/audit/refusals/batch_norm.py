"""What is refused in batch normalisation."""

import numpy as np

from torch_parity.audit.refusals.refusal import Arguments, Refusal

_RUNNING = ("running_mean", "running_var")


def _unchecked_without_numbers(arguments: Arguments) -> Arguments:
    input = arguments["input"]
    if input.size:
        return {}
    shape = input.shape if input.ndim > 1 and input.shape[1] else (0, 1)
    better: Arguments = {} if shape == input.shape else {"input": np.zeros(shape, input.dtype)}
    for name in (*_RUNNING, "weight", "bias"):
        if arguments.get(name) is not None and arguments[name].shape != shape[1:2]:
            better[name] = np.ones(shape[1], input.dtype)
    absent = [name for name in _RUNNING if arguments.get(name) is None]
    if len(absent) == 1 or (absent and not arguments.get("training", False)):
        better |= {name: np.ones(shape[1], input.dtype) for name in absent}
    return better


def _no_vectors(arguments: Arguments) -> Arguments:
    given = {name: arguments[name] for name in ("weight", "bias") if arguments.get(name) is not None}
    channels = arguments["input"].shape[1]
    return {name: array.reshape(-1) for name, array in given.items() if array.ndim != 1 and array.size == channels}


REFUSALS = (
    Refusal(
        "what torch does not check of an input without numbers",
        ("batch_norm",),
        "torch computes nothing then, and takes statistics and weights of any shape, or none; there may be no channels",
        _unchecked_without_numbers,
    ),
    Refusal(
        "gamma and beta that are no vectors",
        ("batch_norm",),
        "there is one number per channel; torch only counts them",
        _no_vectors,
    ),
)
