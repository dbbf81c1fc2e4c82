"""What each layer of a network makes of a batch, in the order in which they are called: of any network, on either side.

A network may be a ``Sequential``, hold others, or be a class of one's own that calls its layers itself.  So the layers
are watched rather than called one by one: those that have no layers inside.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class LayerCall:
    """A layer that was called, with its name in the network, such as 'features.0'."""

    name: str
    kind: str  # such as 'Conv2d'
    input: Array
    output: Array

    @property
    def title(self) -> str:
        """Name and kind; the network itself, where that is a layer, has no name."""
        return f"{self.name} ({self.kind})" if self.name else self.kind


def calls(network: Any, images: Array) -> tuple[list[LayerCall], Array]:
    """The calls of the layers of ``network`` on ``images`` (N, C, H, W), and what the network returned.

    Where a layer of ``reference.nn`` refuses what it gets, the error names it.
    """
    found: list[LayerCall] = []

    with ExitStack() as stack, torch.no_grad():
        for name, layer in network.named_modules():
            if next(layer.children(), None) is None:
                stack.enter_context(_watching(layer, name, found))
        if isinstance(network, torch.nn.Module):
            return found, network(torch.from_numpy(images)).numpy()
        return found, network(images)


@contextmanager
def _watching(layer: Any, name: str, found: list[LayerCall]) -> Iterator[None]:
    """Inside, whatever ``layer`` gets and gives is added to ``found``."""
    kind = type(layer).__name__
    if isinstance(layer, torch.nn.Module):
        before: list[Any] = []
        # Copies: a layer may change what it got, as ReLU(inplace=True) does.
        ahead = layer.register_forward_pre_hook(lambda _, inputs: before.append(inputs[0].numpy().copy()))
        behind = layer.register_forward_hook(
            lambda _, inputs, output: found.append(LayerCall(name, kind, before.pop(), output.numpy().copy()))
        )
        with ahead, behind:
            yield
        return
    own = {name: one for name, one in vars(layer).items() if name == "forward"}  # of this one layer alone, if any
    forward = layer.forward

    def watched(input: Array) -> Array:
        try:
            output: Array = forward(input)
        except (TypeError, ValueError) as error:
            raise type(error)(f"layer {name} ({kind}): {error}") from error
        found.append(LayerCall(name, kind, input, output))
        return output

    layer.forward = watched
    try:
        yield
    finally:
        del layer.forward
        vars(layer).update(own)
