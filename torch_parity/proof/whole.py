"""Whole networks: each layer on what torch fed it, and NumPy's network by itself from one end to the other.

A layer gets torch's own input and torch's own upstream gradient, so that no error comes from the layers before it: its
results must lie within the bound of its formula.  By itself, NumPy's network starts from the same image and the same
upstream gradient at its end, and sees nothing of torch in between.  Errors then go on from layer to layer, for which
there is no bound worth having; measured, they stay far below ``FARTHEST`` in float64.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from torch_parity.masks import Masks, masks_of
from torch_parity.proof.compare import Verdict, compare
from torch_parity.proof.prove import expected_of, reference_results
from torch_parity.proof.recording import INPUT, Origin, RecordedCall, Recording, upstream

Array = npt.NDArray[Any]

# From one end to the other, the largest difference as a share of the largest number of its kind.
FARTHEST = 1e-11


@dataclass(frozen=True)
class LayerProof:
    """What the proof found at one call in a network."""

    layer: str
    formula: str
    shape: tuple[int, ...]  # of torch's output
    verdicts: dict[str, Verdict]  # of each result
    error: str = ""  # that the reference raised

    @property
    def difference(self) -> str:
        """What differs first; empty where nothing does."""
        wrong = (f"{name}: {verdict.message}" for name, verdict in self.verdicts.items() if not verdict.equal)
        return self.error or next(wrong, "")


def prove_layers(recording: Recording) -> Iterator[LayerProof]:
    """Each call in turn.  Afterwards its numbers are forgotten, so that memory is needed for one at a time."""
    for call in recording.calls:
        yield _proof(call)
        call.forget()


def _proof(call: RecordedCall) -> LayerProof:
    case, theirs = call.case(), call.results()
    shape = theirs["output"].shape
    try:
        ours, grad_output = reference_results(call.pair, case)
    except Exception as error:  # whatever is wrong with it
        return LayerProof(call.name, call.pair.name, shape, {}, f"{type(error).__name__}: {error}")
    expected = expected_of(call.pair, case, grad_output, any_order=False)
    verdicts = {name: compare(ours[name], theirs[name], expected.get(name)) for name in theirs}
    return LayerProof(call.name, call.pair.name, shape, verdicts)


@dataclass(frozen=True)
class Distance:
    """How far NumPy's network is from torch's: the largest difference, as a share of the largest number of its kind."""

    kind: str  # as in ``distances``: 'output', 'input gradient', ...
    share: float
    where: str = ""  # the parameter, or the buffer

    @property
    def near(self) -> bool:
        """Whether it is as near as networks in float64 come."""
        return self.share <= FARTHEST


@dataclass(frozen=True)
class Ends:
    """What comes out of a network at its two ends."""

    output: Array
    grad_input: Array
    grads: Mapping[str, Array]  # of the parameters
    statistics: Mapping[str, Array]  # running means and variances
    masks: Masks = field(default_factory=dict)  # what dropout kept


def distances(recording: Recording, ours: Ends) -> list[Distance]:
    """How far each kind of results lies from torch's."""
    kinds = {
        "output": ({"": ours.output}, {"": recording.output}),
        "input gradient": ({"": ours.grad_input}, {"": recording.grad_input}),
        "parameter gradients": (ours.grads, recording.parameter_grads),
        "running statistics": (ours.statistics, recording.statistics),
    }
    return [_distance(kind, *both) for kind, both in kinds.items() if both[1]]


def _distance(kind: str, ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> Distance:
    """The farthest of several arrays, in the largest number of torch's; another shape is infinitely far, so is NaN."""
    largest = max(float(np.abs(array).max(initial=0)) for array in theirs.values()) or 1.0
    found = Distance(kind, 0.0)
    for name, array in theirs.items():
        share = np.inf
        if name in ours and ours[name].shape == array.shape:
            share = float(np.abs(ours[name] - array).max(initial=0)) / largest
        if not share <= found.share:
            found = Distance(kind, np.inf if np.isnan(share) else share, name)
    return found


def numpy_network(network: Any, input: Array, seed: int) -> Ends:
    """``network``, made of ``reference.nn``, by itself; ``seed`` draws the gradient from above, as in ``record``.

    Dropout draws masks of its own, which are to be handed to torch's.
    """
    output = network(input)
    masks = masks_of(network)
    grad_input = network.backward(upstream(output.shape, seed))
    grads = {name: parameter.grad for name, parameter in network.named_parameters()}
    return Ends(output, grad_input, grads, dict(network.named_buffers()), masks)


def numpy_calls(recording: Recording) -> Ends:
    """The recorded calls, each on what NumPy's calls before it gave: a network that torch alone has."""
    values: dict[Origin, Array] = {INPUT: recording.input}
    statistics: dict[str, Array] = {}
    kept: list[tuple[dict[str, Array], Any]] = []
    for number, call in enumerate(recording.calls):
        given = {name: tensor.detach().numpy() for name, tensor in call.given.items()}
        arrays = {name: given[name] if name in given else values[origin] for name, origin in call.origins.items()}
        returned = call.pair.forward(**arrays, **call.options)
        outputs = dict(zip(call.pair.outputs, returned if isinstance(returned, tuple) else (returned,), strict=True))
        values[number] = outputs["output"]
        for name, origin in call.origins.items():
            if name in outputs and isinstance(origin, str):
                statistics[origin] = outputs[name]
        kept.append((arrays, returned))
    grads: dict[Origin, Array] = {recording.last: recording.grad_output}
    for number, call in reversed([*enumerate(recording.calls)]):
        arrays, returned = kept.pop()
        if number not in grads:  # what nobody used
            continue
        for name, grad in zip(
            call.pair.gradients, call.pair.backward(grads.pop(number), arrays, call.options, returned), strict=True
        ):
            origin = call.origins.get(name)
            if origin is not None and grad is not None:
                grads[origin] = grads[origin] + grad if origin in grads else grad
    of_parameters = {name: grad for name, grad in grads.items() if isinstance(name, str)}
    grad_input = grads.get(INPUT, np.zeros_like(recording.input))
    return Ends(values[recording.last], grad_input, of_parameters, statistics)


def randomized(network: torch.nn.Module, seed: int) -> torch.nn.Module:
    """``network`` in float64 with random weights, as if trained: no scale is 1, no shift and no running mean 0."""
    generator = torch.Generator().manual_seed(seed)
    network.double()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, middle, width in (
                (module.weight, 1.0, 0.5), (module.bias, 0.0, 0.5), (module.running_mean, 0.0, 0.5),
                (module.running_var, 1.0, 0.5),
            ):  # fmt: skip
                if tensor is not None:
                    tensor.detach().uniform_(middle - width, middle + width, generator=generator)
    return network
