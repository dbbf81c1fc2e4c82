"""What every layer has: parameters and layers by name, gradients to forget, weights to save, torch's text of itself."""

import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from reference.arguments import ARRAYS, Array, check_floats
from reference.instead import LEAVE_OUT, MODULE, missing
from reference.parameter import Parameter

AnyArray = npt.NDArray[Any]
FLOAT_NAMES = {"float32": np.float32, "float64": np.float64}


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict`` found amiss between a network's names and those that it was given: nothing, as a rule.

    >>> from reference.module import IncompatibleKeys
    >>> IncompatibleKeys([], [])
    <All keys matched successfully>
    >>> IncompatibleKeys(["weight"], [])
    IncompatibleKeys(missing_keys=['weight'], unexpected_keys=[])
    """

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        """As torch writes it."""
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"


class Module:
    """A layer, or a network of layers: whatever has parameters and a gradient.

    Attributes that are Parameters or Modules are found by name, in the order in which they were set, a layer's own
    parameters first.  Arrays that belong to the state, but get no gradient, are buffers: see ``register_buffer``.
    ``training`` is what ``train()`` and ``eval()`` say, for layers that do something else in training.

    A network of one's own says how to go forward, and how to go back:

    >>> import numpy as np
    >>> from reference import nn
    >>> class Twice(nn.Module):
    ...     def forward(self, input):
    ...         return 2 * input
    ...     def backward(self, grad_output, needs_input_grad=True):
    ...         return 2 * grad_output
    >>> layer = Twice()
    >>> print(layer(np.array([1.0, 3.0])), layer.backward(np.array([1.0, 0.0])))
    [2. 6.] [2. 0.]
    """

    training = True

    def __call__(self, *inputs: Any, **options: Any) -> Array:
        """The same as ``forward``, which takes one array unless a network of one's own takes more."""
        return self.forward(*inputs, **options)

    def forward(self, input: Array) -> Array:
        """The layer's formula."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")

    def forward_within(self, input: Array) -> Array:
        """The same as ``forward`` inside a network, where nobody else changes ``input``: it is kept without a copy."""
        return self.forward(input)

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """Add dL/dparameter to the parameters' ``grad`` and return dL/dinput; None unless ``needs_input_grad``.

        RuntimeError before the first ``forward``, whose input the gradient depends on, and where a parameter that the
        gradient depends on has been changed since then.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define backward(self, grad_output, needs_input_grad=True): NumPy derives "
            "nothing by itself.  Hand grad_output to the backward of the layers that forward calls, last to first, "
            "each time what the layer after it returned, and return what the first one returns"
        )

    # Parameters and layers by name.

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their names, such as '0.weight'; each once, or with ``remove_duplicate`` by every name.

        Without ``recurse``, those of this layer alone.
        """
        seen: set[int] = set()
        for name, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for own, parameter in vars(module).items():
                if isinstance(parameter, Parameter) and not (remove_duplicate and id(parameter) in seen):
                    seen.add(id(parameter))
                    yield _joined(name, own), parameter

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, as an optimizer takes them."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, "Module"]]:
        """The layer itself, and all layers inside it, with names such as '0.1'; its own is ''."""
        seen: set[int] = set()
        for name, module in self._every(prefix):
            if not (remove_duplicate and id(module) in seen):
                seen.add(id(module))
                yield name, module

    def modules(self) -> Iterator["Module"]:
        """The layer itself, and all layers inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, "Module"]]:
        """The layers that are attributes of this one, with their names, each once."""
        seen: set[int] = set()
        for name, module in self._children():
            if id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def children(self) -> Iterator["Module"]:
        """The layers that are attributes of this one."""
        return (module for _, module in self.named_children())

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, AnyArray]]:
        """The buffers with their names, such as '1.running_mean'; the options are those of ``named_parameters``."""
        seen: set[int] = set()
        for name, module in self.named_modules(prefix, remove_duplicate) if recurse else [(prefix, self)]:
            for own, buffer in module._buffers().items():
                if not (remove_duplicate and id(buffer) in seen):
                    seen.add(id(buffer))
                    yield _joined(name, own), buffer

    def buffers(self, recurse: bool = True) -> Iterator[AnyArray]:
        """The buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def register_buffer(self, name: str, tensor: AnyArray | None, persistent: bool = True) -> None:
        """Set ``tensor``, an array, as the attribute ``name``, and keep it among the state of this layer.

        It is saved with the parameters, if ``persistent``, and follows them into another dtype if it holds floats; what
        is set as this attribute later takes its place.  None is nothing to keep.  TypeError for anything else,
        ValueError for a name that is empty, dotted or taken.
        """
        if not name or "." in name or (hasattr(self, name) and name not in self._buffers()):
            raise ValueError(f"name must not be empty, dotted or taken, got {name!r}")
        if tensor is not None and not isinstance(tensor, np.ndarray):
            raise TypeError(f"tensor must be a NumPy array or None, got {type(tensor).__name__}")
        vars(self).setdefault("_buffer_names", {})[name] = persistent
        setattr(self, name, tensor)

    def _buffers(self, persistent_only: bool = False) -> dict[str, AnyArray]:
        """This layer's own buffers by name, but for those that are None."""
        registered: dict[str, bool] = vars(self).get("_buffer_names", {})
        names = [name for name, persistent in registered.items() if persistent or not persistent_only]
        return {name: vars(self)[name] for name in names if vars(self).get(name) is not None}

    def get_submodule(self, target: str) -> "Module":
        """The layer with the name ``target``, as ``named_modules`` has it.  AttributeError where there is none."""
        found: Module = _found(target, dict(self.named_modules(remove_duplicate=False)), type(self).__name__)
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with the name ``target``.  AttributeError where there is none."""
        found: Parameter = _found(target, dict(self.named_parameters(remove_duplicate=False)), type(self).__name__)
        return found

    def add_module(self, name: str, module: "Module") -> None:
        """Set ``module`` as the attribute ``name``, also where that is no name in Python, such as '0'."""
        check_layer(self, name, module)
        setattr(self, name, module)

    def apply(self, fn: Callable[["Module"], object]) -> Self:
        """Call ``fn`` with every layer inside, then with this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _children(self) -> Iterator[tuple[str, "Module"]]:
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def _every(self, prefix: str) -> Iterator[tuple[str, "Module"]]:
        yield prefix, self
        for name, module in self._children():
            yield from module._every(_joined(prefix, name))

    # What a training script says to a network.

    def train(self, mode: bool = True) -> Self:
        """Say that the network is being trained: batch statistics are used, and dropout drops numbers, from now on."""
        if not isinstance(mode, bool):
            raise ValueError(f"mode must be True or False, got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Say that it is not."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether the parameters get gradients: without, they are left as they are."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; without ``set_to_none`` those that there are become zeros."""
        for parameter in self.parameters():
            parameter.forget_grad(set_to_none)

    def float(self) -> Self:
        """Turn all parameters, and buffers of floats, into float32, in place."""
        return self._to(np.float32)

    def double(self) -> Self:
        """Turn all parameters, and buffers of floats, into float64, in place."""
        return self._to(np.float64)

    def cpu(self) -> Self:
        """Nothing to do: NumPy computes on the processor."""
        return self

    def to(
        self,
        *targets: object,
        device: object = None,
        dtype: object = None,
        non_blocking: bool = False,
        memory_format: object = None,
    ) -> Self:
        """Turn all parameters, and buffers of floats, into a dtype: NumPy's, torch's or by its name.

        The device 'cpu' is where they are.

        The last two options change no number, and nothing here.  ValueError for another device, TypeError for another
        dtype.
        """
        wanted = None
        for target in (*targets, device, dtype):
            name = _text(target)
            if name in FLOAT_NAMES:
                wanted = FLOAT_NAMES[name]
            elif name.partition(":")[0] in ("cuda", "mps", "xpu"):
                raise ValueError(f"device must be 'cpu', got {name!r}: {LEAVE_OUT}")
            elif target is not None and name.partition(":")[0] != "cpu":
                raise TypeError(f"dtype must be float32 or float64, got {name!r}")
        return self if wanted is None else self._to(wanted)

    def _to(self, dtype: Any) -> Self:
        for parameter in self.parameters():
            parameter.data = parameter.data.astype(dtype)
            parameter.grad = None if parameter.grad is None else parameter.grad.astype(dtype)
        for module in self.modules():
            for name, buffer in module._buffers().items():
                if buffer.dtype.kind == "f":
                    setattr(module, name, buffer.astype(dtype))
        return self

    # Weights.

    def state_dict(self) -> dict[str, AnyArray]:
        """Copies of all parameters and buffers by name: a snapshot, which further training leaves alone.

        (torch's would change.)
        """
        return {
            _joined(name, own): (one.data if isinstance(one, Parameter) else one).copy()
            for name, module in self._every("")
            for own, one in module._state().items()
        }

    def load_state_dict(self, state_dict: Mapping[str, AnyArray], strict: bool = True) -> IncompatibleKeys:
        """Copy ``state_dict`` into the parameters and buffers, converted to their dtype; returns what does not match.

        Raises ValueError where names, if ``strict``, or shapes differ, TypeError for what is no float array, or no
        array of integers where a buffer is one; then nothing is changed.
        """
        own = {
            _joined(name, key): (module, key, one)
            for name, module in self._every("")
            for key, one in module._state().items()
        }
        lacking, unexpected = [n for n in own if n not in state_dict], [n for n in state_dict if n not in own]
        if strict and (lacking or unexpected):
            raise ValueError(
                f"state_dict must hold all parameters and buffers; missing: {sorted(lacking)}, "
                f"unexpected: {sorted(unexpected)}"
            )
        given = {name: state_dict[name] for name in own if name in state_dict}
        for name, array in given.items():
            one = own[name][2]
            if hasattr(array, "detach"):
                raise TypeError(
                    f"state_dict[{name!r}] must be a NumPy array, got {type(array).__name__}: write "
                    "load_state_dict({name: tensor.numpy() for name, tensor in state_dict.items()})"
                )
            if one.dtype.kind == "f":
                check_floats(**{f"state_dict[{name!r}]": array})
            elif not (isinstance(array, ARRAYS) and array.dtype.kind in "iu"):
                raise TypeError(f"state_dict[{name!r}] must be a NumPy array of integers, got {_kind(array)}")
            if array.shape != one.shape:
                raise ValueError(f"state_dict[{name!r}] must have shape {one.shape}, got {array.shape}")
        for name, array in given.items():
            module, key, one = own[name]
            if isinstance(one, Parameter):
                one.data[...] = array
                one.data = one.data  # the same array, another version
            else:
                setattr(module, key, np.array(array, one.dtype))
        return IncompatibleKeys(lacking, unexpected)

    def _state(self) -> "dict[str, Parameter | AnyArray]":
        """This layer's own parameters and then its own buffers, those that are saved, by name."""
        parameters = {name: one for name, one in vars(self).items() if isinstance(one, Parameter)}
        return {**parameters, **self._buffers(persistent_only=True)}

    # Text.

    def extra_repr(self) -> str:
        """The layer's arguments, as torch writes them."""
        return ""

    def __repr__(self) -> str:
        """The layer with its arguments and the layers inside it, as torch writes them."""
        arguments, name = self.extra_repr(), type(self).__name__
        inside = [f"({key}): {_indented(repr(module))}" for key, module in self._children()]
        if not inside and "\n" not in arguments:
            return f"{name}({arguments})"
        return "\n  ".join([f"{name}(", *(arguments.split("\n") if arguments else []), *inside]) + "\n)"

    if not TYPE_CHECKING:  # where attributes that are not there are errors anyway

        def __getattr__(self, name: str) -> Any:
            """An attribute that is not there: AttributeError with what to write instead, if torch's has it."""
            raise missing(type(self).__name__, name, MODULE)

    # For the layers.

    def _remembered(self, name: str) -> Any:
        """What ``forward`` left for the gradient."""
        if name not in vars(self):
            raise RuntimeError(f"{type(self).__name__}: call forward before backward")
        return vars(self)[name]

    def _check_unchanged(self, parameter: Parameter, before: tuple[Parameter, int]) -> None:
        """RuntimeError where ``parameter`` is another one than ``before``, in ``forward``, or was set since."""
        if parameter is not before[0] or parameter.version != before[1]:
            raise RuntimeError(
                f"{type(self).__name__}: the weight was changed between forward and backward, and the gradient needs "
                "it as it was: call backward before the optimizer's step"
            )


def check_layer(parent: Module, name: object, layer: object) -> None:
    """TypeError unless ``layer`` is a Module, ValueError unless ``parent`` can have it under ``name``."""
    if not isinstance(layer, Module):
        whose = f"{type(layer).__name__} of {type(layer).__module__.partition('.')[0]}"
        what = whose if not isinstance(layer, type | types.FunctionType) else f"{layer.__name__} itself: call it"
        raise TypeError(f"layers must be Modules of reference.nn, got {what}")
    if not isinstance(name, str):
        raise TypeError(f"layers must have names that are strings, got {name!r}")
    own = isinstance(vars(parent).get(name), Module)
    if not name or "." in name or (hasattr(parent, name) and not own):
        raise ValueError(f"layers must have names that are not empty, dotted or taken, got {name!r}")


def is_own(layer: Module) -> bool:
    """Whether ``layer`` and all inside it compute as in ``reference``: no derived classes, no other ``forward``."""
    return all(
        type(one).__module__.partition(".")[0] == "reference" and "forward" not in vars(one)
        for _, one in layer._every("")
    )


def _kind(array: object) -> str:
    """What an array, or something else, holds."""
    return str(getattr(array, "dtype", type(array).__name__))


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _text(target: object) -> str:
    """A dtype or a device by its name: also torch's, which ``reference`` does not import."""
    return str(getattr(target, "__name__", target)).removeprefix("torch.")


def _found(target: str, named: Mapping[str, Any], owner: str) -> Any:
    if target not in named:
        raise AttributeError(f"{owner} has no {target!r}, only {', '.join(name for name in named if name) or 'none'}")
    return named[target]


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")
