"""The masks of dropout, handed to torch: so that both sides drop the same numbers.

Two programs that draw at random drop different numbers, and nothing of them could be compared.  torch's dropout fills
an array with ones and zeros at random (``aten.bernoulli_``), divides it by 1 - p, and multiplies.  Here the first step
alone is replaced, and what is compared is torch's own arithmetic, its gradient included.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from reference import nn

Mask = npt.NDArray[np.bool]
Masks = Mapping[str, Mask]  # by the names of layers


class Drawn(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside, ``mask`` is what torch draws; RuntimeError where it has another number of entries."""

    def __init__(self, mask: torch.Tensor) -> None:
        """True, or 1, is kept."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.mask = mask

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Every operation of torch as it is, but for the one that draws."""
        if func is torch.ops.aten.bernoulli_.float:
            return args[0].copy_(self.mask.reshape(args[0].shape))
        return func(*args, **(kwargs or {}))


def masks_of(network: nn.Module) -> dict[str, Mask]:
    """What each dropout layer of ``network`` kept in its last ``forward``, by the layers' names, if it was training."""
    found = {name: vars(layer).get("mask") for name, layer in network.named_modules() if _drops(layer)}
    return {name: mask for name, mask in found.items() if mask is not None}


def draws_masks(network: nn.Module) -> bool:
    """Whether ``network`` has a layer that draws masks."""
    return any(_drops(layer) for layer in network.modules())


def _drops(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Dropout | nn.Dropout2d)


@contextmanager
def handed(network: torch.nn.Module, masks: Masks) -> Iterator[None]:
    """Inside, each layer of ``network`` that ``masks`` names keeps what its mask says."""
    with ExitStack() as stack:
        for name, mask in masks.items():
            stack.enter_context(_handed(network.get_submodule(name), mask))
        yield


@contextmanager
def _handed(layer: torch.nn.Module, mask: Mask) -> Iterator[None]:
    mode = Drawn(torch.from_numpy(mask))

    def enter(*_: object) -> None:
        mode.__enter__()  # type: ignore[no-untyped-call]

    def leave(*_: object) -> None:
        mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]

    with layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave, always_call=True):
        yield
