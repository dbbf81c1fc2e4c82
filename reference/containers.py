"""Layers in order: ``Sequential`` feeds each with the output of the one before, ``ModuleList`` only keeps them.

As in torch they are changed like lists, and the layers' names are their numbers unless an OrderedDict gave others.
"""

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

import numpy as np

from reference.arguments import Array
from reference.module import Module, check_layer, is_own


class _Layers(Module):
    """A list of layers."""

    @property
    def layers(self) -> list[Module]:
        """The layers in order."""
        return [layer for _, layer in self._children()]

    def __len__(self) -> int:
        """How many layers."""
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        """The layers in order."""
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> "Module | Self":
        """The layer at ``index``, or those of a slice: the same layers, under the names that they have."""
        return self._some(index) if isinstance(index, slice) else self.layers[index]

    def __setitem__(self, index: int, layer: Module) -> None:
        """Put ``layer`` in the place of the one at ``index``."""
        self._arrange({**dict(self._children()), self._names()[index]: layer})

    def __delitem__(self, index: int | slice) -> None:
        """Take out the layer at ``index``, or those of a slice; the others are then numbered anew, as in torch."""
        layers = self.layers
        del layers[index]
        self._arrange(_numbered(layers))

    def __iadd__(self, layers: Iterable[Module]) -> Self:
        """The same as ``extend``."""
        return self.extend(layers)

    def append(self, layer: Module) -> Self:
        """Add ``layer`` behind the others."""
        return self.extend([layer])

    def extend(self, layers: Iterable[Module]) -> Self:
        """Add ``layers`` behind the others."""
        self._arrange({**dict(self._children()), **_numbered(layers, len(self))})
        return self

    def insert(self, index: int, layer: Module) -> Self:
        """Put ``layer`` before the one at ``index``; all are then numbered anew."""
        if not -len(self) <= index <= len(self):
            raise IndexError(f"index must be from {-len(self)} to {len(self)}, got {index}")
        layers = self.layers
        layers.insert(index, layer)
        self._arrange(_numbered(layers))
        return self

    def pop(self, index: int) -> Module:
        """Take out the layer at ``index`` and return it."""
        layer = self[index]
        del self[index]
        return layer

    def _some(self, index: slice) -> Self:
        raise NotImplementedError

    def _names(self) -> list[str]:
        return [name for name, _ in self._children()]

    def _arrange(self, named: Mapping[str, Module]) -> None:
        """Have these layers, in this order.  TypeError or ValueError where that cannot be; then nothing is changed."""
        for name, layer in named.items():
            check_layer(self, name, layer)
        every = [id(module) for layer in named.values() for _, module in layer.named_modules(remove_duplicate=False)]
        if len(set(every)) < len(every):
            raise ValueError("layers must hold each Module once, got one twice: it would remember its last input only")
        for name in self._names():
            delattr(self, name)
        vars(self).update(named)


def _numbered(layers: Iterable[Module], first: int = 0) -> dict[str, Module]:
    return {str(number): layer for number, layer in enumerate(layers, first)}


class Sequential(_Layers):
    """Layers one after another, each fed with the output of the one before.

    >>> import numpy as np
    >>> from reference import nn
    >>> network = nn.Sequential(nn.ReLU(), nn.Flatten())
    >>> print(network(np.array([[[-1.0, 2.0], [3.0, -4.0]]])))
    [[0. 2. 3. 0.]]
    >>> print(network.backward(np.array([[5.0, 6, 7, 8]])))
    [[[0. 6.]
      [7. 0.]]]
    >>> print(network)
    Sequential(
      (0): ReLU()
      (1): Flatten(start_dim=1, end_dim=-1)
    )
    """

    @overload
    def __init__(self, *layers: Module) -> None: ...
    @overload
    def __init__(self, layers: "OrderedDict[str, Module]", /) -> None: ...
    def __init__(self, *layers: Any) -> None:
        """Take the layers in order, named '0', '1', ...; or one OrderedDict with names."""
        by_name = len(layers) == 1 and isinstance(layers[0], OrderedDict)
        self._arrange(layers[0] if by_name else _numbered(layers))

    def __add__(self, other: "Sequential") -> "Sequential":
        """The layers of both, numbered anew."""
        if not isinstance(other, Sequential):
            raise TypeError(f"a Sequential can be added to a Sequential, got {type(other).__name__}")
        return Sequential(*self, *other)

    def forward(self, input: Array) -> Array:
        """The input through all layers."""
        return self._chain(input, outside=input)

    def forward_within(self, input: Array) -> Array:
        """The same, inside another network."""
        return self._chain(input, outside=None)

    def _chain(self, value: Array, outside: Array | None) -> Array:
        """``value`` through all layers; ``outside`` is the last array that others may have got hold of, if any.

        A layer need not copy what stays inside the network.  But what a layer of the user's own gives on, it may keep.
        """
        for layer in self:
            own = is_own(layer)
            shared = outside is not None and (value is outside or np.may_share_memory(value, outside))
            value = layer.forward_within(value) if own and not shared else layer.forward(value)
            outside = outside if own else value
        return value

    def backward(self, grad_output: Array, needs_input_grad: bool = True) -> Array | None:
        """The chain rule: the gradient through all layers, last to first, each turning dL/doutput into dL/dinput.

        Stops where no one asks further: without ``needs_input_grad``, at the first layer that has parameters to learn.
        """
        grad: Array | None = grad_output
        layers = self.layers
        # The first layer that learns: its input, and all before it, need no gradient of their own.
        learns = [any(parameter.requires_grad for parameter in layer.parameters()) for layer in layers]
        first = learns.index(True) if any(learns) else len(layers)
        for i, layer in reversed([*enumerate(layers)]):
            if grad is None:
                break
            grad = layer.backward(grad, needs_input_grad or i > first)
        return grad

    def _some(self, index: slice) -> Self:
        return type(self)(OrderedDict([*self._children()][index]))


class ModuleList(_Layers):
    """A list of layers for a network of one's own, which says itself what goes through them, and when.

    >>> from reference import nn
    >>> print(nn.ModuleList([nn.Flatten(), nn.ReLU(), nn.ReLU()]))
    ModuleList(
      (0): Flatten(start_dim=1, end_dim=-1)
      (1-2): 2 x ReLU()
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        """Take the layers in order, named '0', '1', ..."""
        self.extend([] if modules is None else modules)

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        """The layers of both, numbered anew."""
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        """The layers as torch writes them: neighbours that are alike on one line."""
        lines, first = [], 0
        for text, alike in itertools.groupby(repr(layer) for layer in self):
            count = len(list(alike))
            key = f"({first}): " if count == 1 else f"({first}-{first + count - 1}): {count} x "
            lines.append("  " + (key + text).replace("\n", "\n  ") + "\n")
            first += count
        return "ModuleList(" + "\n" * bool(lines) + "".join(lines) + ")"

    def _some(self, index: slice) -> Self:
        return type(self)(self.layers[index])
