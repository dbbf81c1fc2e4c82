"""What a network of torch does with its input: every call in it of a formula, with its numbers and their gradients.

The network is run as it is, whatever Python it is written in, and each call of a function of torch is looked at when it
happens.  A call that has to do with the input or with a parameter must be a row of ``PAIRS`` or a joint.  It is then
made by that row's twin, which changes nothing in place, on tensors of its own: so what comes in and what goes out of it
both have their gradient, also where an array is used twice.  In the end the network is run once more without all that:
it must give the same bits.
"""

import contextlib
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode, resolve_name

import reference
from torch_parity.proof.backend import torch_as_measured
from torch_parity.proof.cases import Case
from torch_parity.proof.joints import JOINTS
from torch_parity.proof.pairs import PAIRS, Pair

Array = npt.NDArray[Any]

# Where an array comes from: the call with that number, or the parameter or buffer of that name; None: it is given.
Origin = int | str | None
INPUT = -1  # in place of a call's number
# Options of torch's functions that change no number: ``inplace`` saves memory, the others are for its own use.
WITHOUT_EFFECT = {"inplace", "_stacklevel", "dtype", "return_indices"}


class NoFormulaError(ValueError):
    """Something in a network of which there is no formula here."""


@dataclass(frozen=True)
class LayerCase(Case):
    """A call inside a network, whose upstream gradient is the one that came from above."""

    grad_output: Array | None = None

    def upstream(self, shape: tuple[int, ...]) -> Array:
        """The gradient that torch had, whatever the shape of the reference's output."""
        assert self.grad_output is not None
        return self.grad_output


@dataclass
class RecordedCall:
    """One call of a formula inside a network; ``layer`` is the name of the layer that made it, '' for the network."""

    layer: str
    pair: Pair
    options: dict[str, Any]
    origins: dict[str, Origin]  # of each array
    given: dict[str, torch.Tensor]  # the arrays that are neither a call's output nor the input
    tensors: dict[str, torch.Tensor] = field(repr=False)  # all arrays, as the twin got them
    outputs: dict[str, torch.Tensor] = field(repr=False)

    @property
    def name(self) -> str:
        """What to call it in a table."""
        return self.layer or f"({self.pair.name})"

    def case(self) -> LayerCase:
        """The call as a case, with the gradient from above."""
        arrays = {name: _array(tensor) for name, tensor in self.tensors.items()}
        output = self.outputs["output"]
        grad_output = np.zeros(output.shape) if output.grad is None else _array(output.grad)
        dtype = next(array.dtype for array in arrays.values() if array.dtype.kind == "f")
        return LayerCase("real", dtype, arrays, self.options, grad_output=grad_output)

    def results(self) -> dict[str, Array]:
        """What torch made of it: outputs, and the gradients by 'grad_' + the name of the array."""
        found = {name: _array(output) for name, output in self.outputs.items()}
        for name in self.pair.gradients:
            if name in self.tensors:
                grad = self.tensors[name].grad
                found["grad_" + name] = np.zeros(self.tensors[name].shape) if grad is None else _array(grad)
        return found

    def forget(self) -> None:
        """Let go of the numbers, but for those that were given."""
        self.tensors, self.outputs = {}, {}


@dataclass
class Recording:
    """A forward and a backward pass of a network."""

    calls: list[RecordedCall]
    input: Array
    output: Array
    grad_output: Array
    grad_input: Array
    parameter_grads: dict[str, Array]
    statistics: dict[str, Array]  # running means and variances, as they are afterwards
    last: int  # the call whose output is the network's


def record(network: torch.nn.Module, input: torch.Tensor, seed: int) -> Recording:
    """What ``network`` does with ``input``, which it keeps; ``seed`` draws what is random, and the gradient from above.

    Raises NoFormulaError where it uses what is no formula here, or changes in place what it needs again.
    """
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    image = input.detach().clone().requires_grad_()
    recorder = _Recorder(network, image)
    torch.manual_seed(seed)
    with torch_as_measured(), recorder.following(network), recorder:
        output = network(image)
    last = recorder.origin(output) if isinstance(output, torch.Tensor) else None
    if not isinstance(last, int):
        raise NoFormulaError(f"the network must return one array, computed from its input, got {_kind(output)}")
    for name, buffer in network.named_buffers():
        buffer.copy_(before[name])
    torch.manual_seed(seed)
    with torch_as_measured(), torch.no_grad():
        plain = network(input.detach().clone())
    if not torch.equal(plain, output):
        raise NoFormulaError(
            "the network changes an array in place that it uses again: each of its layers alone is not it"
        )
    grad_output = upstream(tuple(output.shape), seed)
    with torch_as_measured():
        output.backward(torch.from_numpy(grad_output))
    grad_input = torch.zeros_like(image) if image.grad is None else image.grad
    learned = {origin for call in recorder.calls for name, origin in call.origins.items() if name in call.outputs}
    statistics = {name: _array(buffer.clone()) for name, buffer in network.named_buffers() if name in learned}
    return Recording(
        recorder.calls, _array(image), _array(output), grad_output, _array(grad_input), recorder.parameter_grads(),
        statistics, last,
    )  # fmt: skip


def upstream(shape: tuple[int, ...], seed: int) -> Array:
    """The gradient that comes from above a network whose output has this shape."""
    return np.random.default_rng([seed, 1]).standard_normal(shape)


class _Recorder(TorchFunctionMode):
    """Sees every call of a function of torch between ``with`` and its end."""

    def __init__(self, network: torch.nn.Module, image: torch.Tensor) -> None:
        super().__init__()
        self.calls: list[RecordedCall] = []
        self.layers: list[tuple[str, torch.nn.Module]] = [("", network)]
        named = [*network.named_parameters(), *network.named_buffers()]
        self.own = {id(tensor): name for name, tensor in named}
        self.made = {id(image): INPUT}
        self.kept: list[torch.Tensor] = [image]  # as long as it is there, nothing else has its id

    def origin(self, tensor: torch.Tensor) -> Origin:
        return self.made.get(id(tensor), self.own.get(id(tensor)))

    @contextlib.contextmanager
    def following(self, network: torch.nn.Module) -> Iterator[None]:
        """Inside, ``layers`` ends with the layer that is being called."""
        hooks = []
        for name, module in network.named_modules():
            enter = lambda module, args, name=name: self.layers.append((name, module))  # noqa: E731
            hooks.append(module.register_forward_pre_hook(enter))
            hooks.append(module.register_forward_hook(lambda module, args, output: self.layers.pop() and None))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not any(tensor.requires_grad for tensor in _tensors([*args, *kwargs.values()])):
            return function(*args, **kwargs)
        full = resolve_name(function) or repr(function)
        name = full.rpartition(".")[2].rstrip("_")
        pair = next((pair for pair in PAIRS if pair.name == name), None)
        if pair is None and name not in JOINTS:
            result = function(*args, **kwargs)
            if not [*_tensors([result])]:  # a shape, for example
                return result
            raise NoFormulaError(f"{self._where()} calls {full}, which is none of the formulas: {supported()}")
        if not torch.is_grad_enabled():
            raise NoFormulaError(f"{self._where()} calls {full} without gradients, as under torch.no_grad()")
        try:
            if pair is None:
                pair, tensors, options = JOINTS[name](*args, **kwargs)
            else:
                tensors, options = _named(pair, args, kwargs)
        except (TypeError, ValueError) as error:
            raise NoFormulaError(
                f"{self._where()} calls {full} with what is not in the formula here: {error}"
            ) from error
        return self._call(pair, tensors, options)

    def _call(self, pair: Pair, tensors: dict[str, torch.Tensor], options: dict[str, Any]) -> torch.Tensor:
        if pair.name in _DROPOUTS:
            tensors = {**tensors, "mask": _drawn_mask(pair, tensors["input"], options)}
        origins = {name: self.origin(tensor) for name, tensor in tensors.items()}
        own = {}
        for name, tensor in tensors.items():
            if isinstance(origins[name], int):
                own[name] = tensor.view_as(tensor)
                own[name].retain_grad()
            elif name in pair.gradients:
                kept = tensor.detach() if isinstance(tensor, torch.nn.Parameter) else tensor.clone()
                own[name] = kept.requires_grad_(tensor.is_floating_point())
            else:  # a mask, or a running statistic, which is going to change
                own[name] = tensor.clone()
        returned = pair.twin(**own, **options)
        outputs = dict(zip(pair.outputs, returned if isinstance(returned, tuple) else (returned,), strict=True))
        output: torch.Tensor = outputs["output"]
        output.retain_grad()
        for name in tensors.keys() & outputs.keys():
            tensors[name].copy_(outputs[name])
        self.made[id(output)] = len(self.calls)
        self.kept.append(output)
        given = {name: tensor for name, tensor in own.items() if not isinstance(origins[name], int)}
        self.calls.append(RecordedCall(self.layers[-1][0], pair, options, origins, given, own, outputs))
        return output

    def _where(self) -> str:
        name, module = self.layers[-1]
        return f"{name} ({type(module).__name__})" if name else type(module).__name__

    def parameter_grads(self) -> dict[str, Array]:
        """The gradient of each parameter: the sum over the calls that used it."""
        grads: dict[str, Array] = {}
        for call in self.calls:
            for name, origin in call.origins.items():
                grad = call.tensors[name].grad
                if isinstance(origin, str) and grad is not None:
                    grads[origin] = grads[origin] + _array(grad) if origin in grads else _array(grad)
        return grads


def supported() -> str:
    """The formulas of which a network may be made, for an error."""
    return ", ".join([*(pair.name for pair in PAIRS if pair.layer is not None), *JOINTS])


def _named(pair: Pair, args: Any, kwargs: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The arrays, and the other arguments, by the names that they have in ``reference``."""
    signature = inspect.signature(getattr(reference, pair.name))
    kept = {name: value for name, value in kwargs.items() if name in signature.parameters}
    for name in kwargs.keys() - kept.keys():
        if name not in WITHOUT_EFFECT or (name == "dtype" and kwargs[name] is not None):
            raise ValueError(f"{name}={kwargs[name]!r}")
    bound = signature.bind(*args, **kept)
    bound.apply_defaults()
    arguments = {name: value for name, value in bound.arguments.items() if name not in WITHOUT_EFFECT}
    tensors = {name: value for name, value in arguments.items() if isinstance(value, torch.Tensor)}
    absent = {name for name, value in arguments.items() if value is None and name in (*pair.gradients, *BUFFERS)}
    return tensors, {name: value for name, value in arguments.items() if name not in tensors and name not in absent}


def _drawn_mask(pair: Pair, input: torch.Tensor, options: dict[str, Any]) -> torch.Tensor:
    """What dropout is going to keep: it is made to draw on ones, and after it nothing is drawn.

    The network's own dropout, of which the recorded call takes the place, would have drawn the same at this moment.
    """
    kept = _DROPOUTS[pair.name](torch.ones_like(input), **options) != 0
    return kept if pair.name == "dropout" else kept[..., 0, 0]


_DROPOUTS = {"dropout": F.dropout, "dropout2d": F.dropout2d}
# Arrays without a gradient, which a call may leave out.
BUFFERS = ("running_mean", "running_var", "mask")


def _tensors(values: Any) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


def _array(tensor: torch.Tensor) -> Array:
    return np.asarray(tensor.detach().numpy())


def _kind(output: Any) -> str:
    return f"a tensor of shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else type(output).__name__
