"""CS231n's assignments: ``conv_forward_naive(x, w, b, conv_param) -> out, cache`` and their like, N,C,H,W.

A variant may have any ending: ``_naive``, ``_fast``, ``_im2col``, ``_alt``.  What joins several layers,
``conv_relu_forward``, is left alone: its parts are asked.
"""

from collections.abc import Iterator
from typing import Any

from torch_parity.doctor.styles.calls import parameters
from torch_parity.doctor.styles.cs231n import dropout, layers, normalization, updates
from torch_parity.doctor.subject import Subject

# The first argument of the DeepLearning.AI course, whose functions are called alike.
OTHERS = {"A_prev", "hparameters", "hparams", "dA", "dZ", "Z"}


def find(things: dict[str, Any]) -> Iterator[Subject]:
    """The functions of CS231n's assignments among ``things``."""
    for name, function in things.items():
        if isinstance(function, type) or OTHERS & set(parameters(function)):
            continue
        for part in (layers, normalization, dropout, updates):
            yield from part.find(name, function, things)
