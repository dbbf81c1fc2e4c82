"""Sequential and ModuleList, changed like lists as torch's are; what Sequential computes is in test_nn.py."""

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from reference import nn
from tests.reference.comparing import random_normal


def three(side: Any) -> Any:
    return side.Sequential(side.ReLU(), side.Linear(2, 2), side.Flatten())


def by_name(side: Any) -> Any:
    return side.Sequential(OrderedDict(relu=side.ReLU(), dense=side.Linear(2, 2), layers_=side.Flatten()))


def listed(side: Any) -> Any:
    return side.ModuleList([side.ReLU(), side.Linear(2, 2), side.Flatten()])


def doing(*lines: str) -> Callable[[Any, Any], Any]:
    """Runs ``lines`` on the network ``net`` of a ``side``; the last one's value."""

    def run(net: Any, side: Any) -> Any:
        names = {"net": net, "s": side}
        for line in lines[:-1]:
            exec(line, names)
        return eval(lines[-1], names)

    return run


LINES = [
    ("len(net)",), ("[type(layer).__name__ for layer in net]",), ("net[0]",), ("net[-1]",), ("net[:1]",), ("net[1:]",),
    ("net[::-1]",), ("net[5:]",), ("list(net[1:].state_dict())",), ("net.append(s.Identity())",),
    ("net.extend([s.Identity(), s.Linear(2, 3)])",), ("net.extend(s.Sequential(s.Identity()))",),
    ("net.pop(0)",), ("net.pop(-1)",), ("net.pop(1)", "net"), ("del net[0]", "net"), ("del net[1:]", "net"),
    ("del net[-2]", "list(net.state_dict())"), ("net[1] = s.Identity()", "net"), ("net[-1] = s.Identity()", "net"),
    ("net += [s.Identity()] if isinstance(net, s.ModuleList) else s.Sequential(s.Identity())", "net"),
    ("net + type(net)()",), ("net + (s.ModuleList if isinstance(net, s.ModuleList) else s.Sequential)(net[:0])"
     " if isinstance(net, s.ModuleList) else net + s.Sequential(s.Identity())",),
    ("net[0].zero_grad()", "net.append(s.Identity()).append(s.Flatten())"),
]  # fmt: skip
NUMBERED = [
    ("net.insert(0, s.Identity()) or net",), ("net.insert(1, s.Identity()) or net",),
    ("net.insert(3, s.Identity()) or net",), ("net.insert(-1, s.Identity()) or net",),
]  # fmt: skip


@pytest.mark.parametrize("lines", [*LINES, *NUMBERED], ids=lambda lines: "; ".join(lines))
@pytest.mark.parametrize("build", [three, listed])
def test_a_list_of_layers_is_changed_as_torchs(build: Any, lines: tuple[str, ...]) -> None:
    if build is listed and "net.insert(-1" in lines[0]:
        pytest.skip("torch's ModuleList fails there, with a KeyError")
    run = doing(*lines)
    assert str(run(build(nn), nn)) == str(run(build(torch.nn), torch.nn))


@pytest.mark.parametrize("lines", LINES, ids=lambda lines: "; ".join(lines))
def test_names_stay_or_go_as_in_torch(lines: tuple[str, ...]) -> None:
    run = doing(*lines)
    assert str(run(by_name(nn), nn)) == str(run(by_name(torch.nn), torch.nn))


@pytest.mark.parametrize("build", [three, listed])
@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("net[3]", IndexError), ("net[-4]", IndexError), ("net['0']", TypeError), ("net.pop(3)", IndexError),
        ("net.append(3)", TypeError), ("net.append(s.ReLU)", TypeError), ("net.extend(3)", TypeError),
        ("net.__setitem__(3, s.ReLU())", IndexError), ("net.__delitem__(3)", IndexError), ("net + 3", Exception),
    ],
)  # fmt: skip
def test_what_torch_refuses_is_refused_and_changes_nothing(build: Any, line: str, error: type[Exception]) -> None:
    for side in (nn, torch.nn):
        net = build(side)
        before = str(net)
        with pytest.raises(error):
            doing(line)(net, side)
        assert str(net) == before


@pytest.mark.parametrize("index", [4, -4])
def test_there_is_no_place_beyond_the_ends(index: int) -> None:
    with pytest.raises(IndexError, match=f"^index must be from -3 to 3, got {index}$"):
        three(nn).insert(index, nn.ReLU())
    with pytest.raises(IndexError):
        three(torch.nn).insert(index, torch.nn.ReLU())


def test_a_slice_has_the_same_layers() -> None:
    for side in (nn, torch.nn):
        network = three(side)
        assert network[1:][0] is network[1]
        assert type(network[1:]) is side.Sequential
    network = three(nn)
    x = random_normal((3, 2), np.float32)
    assert (network[2:](network[:2](x)) == network(x)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net.append(net[0]), lambda net: net.insert(0, net[2]), lambda net: net.__setitem__(0, net[1]),
        lambda net: net.extend([nn.Identity(), net[0]]), lambda net: net.append(nn.Sequential(net[1])),
    ],
)  # fmt: skip
def test_a_layer_has_one_place(change: Any) -> None:
    for build in (three, listed):
        net = build(nn)
        before = str(net)
        with pytest.raises(ValueError, match="layers must hold each Module once"):
            change(net)
        assert str(net) == before


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (torch.nn.ReLU(), "layers must be Modules of reference.nn, got ReLU of torch"),
        (nn.ReLU, "layers must be Modules of reference.nn, got ReLU itself: call it"),
        (np.tanh, "layers must be Modules of reference.nn, got ufunc of numpy"),
        (three, "layers must be Modules of reference.nn, got three itself: call it"),
        (None, "layers must be Modules of reference.nn, got NoneType of builtins"),
    ],
)
def test_what_is_no_layer_is_named(layer: Any, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        nn.Sequential(nn.Flatten(), layer)
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        nn.ModuleList([layer])


def test_only_networks_are_added() -> None:
    with pytest.raises(TypeError, match=r"^a Sequential can be added to a Sequential, got ReLU$"):
        three(nn) + nn.ReLU()


def test_a_list_says_that_it_computes_nothing() -> None:
    with pytest.raises(NotImplementedError, match=r"^ModuleList must define forward$"):
        listed(nn)(np.ones((1, 2), np.float32))
