"""Lines without a meaning here say what to write instead."""

import re
from typing import Any

import numpy as np
import pytest
import torch

import reference
from reference import lr_scheduler, nn, optim
from reference.instead import LAYERS, LEAVE_OUT, MODULE, OPTIMIZERS, PACKAGE, PARAMETER

OWNERS: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "Linear": (nn.Linear(1, 1), torch.nn.Linear(1, 1), MODULE),
    "Parameter": (nn.Linear(1, 1).weight, torch.nn.Linear(1, 1).weight, PARAMETER),
    "reference.nn": (nn, torch.nn, LAYERS),
    "reference.optim": (optim, torch.optim, OPTIMIZERS),
    "reference": (reference, torch, PACKAGE),
}
LINES = [(owner, name) for owner, (_, _, table) in OWNERS.items() for name in table]


@pytest.mark.parametrize(("owner", "name"), LINES)
def test_what_torch_has_and_this_has_not_is_explained(owner: str, name: str) -> None:
    ours, theirs, table = OWNERS[owner]
    assert hasattr(theirs, name)
    with pytest.raises(AttributeError, match=f"^{re.escape(f'{owner!r} has no {name!r}: {table[name]}')}$") as found:
        getattr(ours, name)
    assert found.value.name == name


@pytest.mark.parametrize("owner", OWNERS)
def test_what_nobody_has_is_not_there(owner: str) -> None:
    with pytest.raises(AttributeError, match=f"^{re.escape(f'{owner!r} has no')} 'nonsense'$"):
        _ = OWNERS[owner][0].nonsense
    assert not hasattr(OWNERS[owner][0], "nonsense")


def test_some_of_them_in_words() -> None:
    with pytest.raises(AttributeError, match=r"nn\.Dropout\(p\), of single numbers"):
        nn.Dropout1d(0.5)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=LEAVE_OUT):
        nn.Sequential().cuda()  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"optim.Adam\(params"):
        optim.Adagrad([])  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"parameter.grad.clip\(-value"):
        nn.utils.clip_grad_value_([], 1)  # type: ignore[attr-defined]


def test_the_lines_that_are_advised_work() -> None:
    reference.nn.manual_seed(1)
    layer = nn.Linear(2, 1).to(np.float64)
    layer.weight.data[...] = [[1, 2]]
    assert layer.weight.data.tolist() == [[1, 2]]
    optim.SGD(layer.parameters(), lr=0.02, momentum=0.9)
    optim.Adam(layer.parameters(), lr=0.001)
    layer.weight.grad = np.array([[-3.0, 0.5]])
    layer.weight.grad.clip(-1, 1, out=layer.weight.grad)
    assert layer.weight.grad.tolist() == [[-1, 0.5]]
    weights = np.concatenate([p.data.ravel() for p in layer.parameters()])
    assert weights.tolist() == [1, 2, *layer.state_dict()["bias"]]
    x = np.array([[-1.0, 1.0]])
    assert (reference.relu(x) == nn.ReLU()(x)).all()
    image = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    of_instances = torch.nn.InstanceNorm2d(3)(torch.from_numpy(image)).numpy()
    assert np.abs(nn.GroupNorm(3, 3, affine=False)(image) - of_instances).max() < 1e-12
    pooled = torch.nn.AdaptiveMaxPool2d(2)(torch.from_numpy(image)).numpy()
    assert (nn.MaxPool2d(3)(image) == pooled).all()
    assert nn.Dropout(0.0)(image).shape == nn.Dropout2d(0.0)(image).shape == image.shape
    scores, labels = np.array([[1.0, 2.0]]), np.array([1])
    log_p, target = torch.log_softmax(torch.from_numpy(scores), 1), torch.from_numpy(labels)
    assert abs(nn.CrossEntropyLoss()(scores, labels) - torch.nn.NLLLoss()(log_p, target).item()) < 1e-15
    sure, answer = torch.sigmoid(torch.from_numpy(scores)), torch.from_numpy(np.array([[0.0, 1.0]]))
    assert abs(nn.BCEWithLogitsLoss()(scores, answer.numpy()) - torch.nn.BCELoss()(sure, answer).item()) < 1e-15
    assert lr_scheduler.StepLR(optim.SGD([nn.Parameter(x)]), 1)
