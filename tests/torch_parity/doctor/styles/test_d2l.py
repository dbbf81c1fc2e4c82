import re
from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.answers import answers, mistaken, proven
from torch_parity.doctor.styles.d2l import (
    BATCH_SUM,
    ONE_IMAGE,
    ONE_OUTPUT,
    ONE_STEP,
    PER_SAMPLE,
    PLANE,
    PROBABILITIES,
    TENSORS,
)

TENSOR_FILE = """
import torch
from torch import nn

def corr2d(X, K):
    h, w = K.shape
    Y = torch.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y

class Conv2D(nn.Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(kernel_size))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias

def corr2d_multi_in(X, K):
    return sum(corr2d(x, k) for x, k in zip(X, K))

def corr2d_multi_in_out(X, K):
    return torch.stack([corr2d_multi_in(X, k) for k in K], 0)

def corr2d_multi_in_out_1x1(X, K):
    c_i, h, w = X.shape
    c_o = K.shape[0]
    X = X.reshape((c_i, h * w))
    K = K.reshape((c_o, c_i))
    Y = torch.matmul(K, X)
    return Y.reshape((c_o, h, w))

def pool2d(X, pool_size, mode='max'):
    p_h, p_w = pool_size
    Y = torch.zeros((X.shape[0] - p_h + 1, X.shape[1] - p_w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            if mode == 'max':
                Y[i, j] = X[i:i + p_h, j:j + p_w].max()
            elif mode == 'avg':
                Y[i, j] = X[i:i + p_h, j:j + p_w].mean()
    return Y

def softmax(X):
    X_exp = torch.exp(X - X.max(1, keepdims=True).values)
    return X_exp / X_exp.sum(1, keepdims=True)

def cross_entropy(y_hat, y):
    return -torch.log(y_hat[list(range(len(y_hat))), y])

def relu(X):
    return torch.max(X, torch.zeros_like(X))

def linreg(X, w, b):
    return torch.matmul(X, w) + b

def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()

def sgd_momentum(params, states, hyperparams):
    with torch.no_grad():
        for p, v in zip(params, states):
            v[:] = hyperparams['momentum'] * v + p.grad
            p[:] -= hyperparams['lr'] * v
            p.grad.data.zero_()
"""

ARRAY_FILE = """
import numpy as np

def corr2d(X, K):
    h, w = K.shape
    Y = np.zeros((X.shape[0] - h + 1, X.shape[1] - w + 1))
    for i in range(Y.shape[0]):
        for j in range(Y.shape[1]):
            Y[i, j] = (X[i:i + h, j:j + w] * K).sum()
    return Y

class Conv2D:
    def __init__(self, kernel_size):
        self.weight = np.random.normal(size=kernel_size)
        self.bias = np.zeros(1)

    def forward(self, x):
        return corr2d(x, self.weight) + self.bias

def corr2d_multi_in(X, K):
    return sum(corr2d(x, k) for x, k in zip(X, K))

def corr2d_multi_in_out(X, K):
    return np.stack([corr2d_multi_in(X, k) for k in K], 0)

def pool2d(X, pool_size, mode='max', stride=1):
    windows = np.lib.stride_tricks.sliding_window_view(X, pool_size)[::stride, ::stride]
    return windows.max((2, 3)) if mode == 'max' else windows.mean((2, 3))

def softmax(X):
    X_exp = np.exp(X - X.max(1, keepdims=True))
    return X_exp / X_exp.sum(1, keepdims=True)

def cross_entropy(y_hat, y):
    return -np.log(y_hat[range(len(y_hat)), y]).mean()

def relu(X):
    return np.maximum(X, 0)

def linreg(X, w, b):
    return np.dot(X, w) + b

def sgd(params, lr, batch_size):
    for param in params:
        param[:] = param - lr * param.grad / batch_size
"""


def test_right_functions_of_tensors_are_equal_and_conventions_are_told(tmp_path: Path) -> None:
    found = answers(TENSOR_FILE, tmp_path)
    assert {key: (entry.verdict, entry.conventions) for key, entry in found.items()} == {
        ("corr2d", "conv2d"): ("equal", [PLANE, TENSORS]),
        ("Conv2D", "conv2d"): ("equal", [PLANE, TENSORS]),
        ("corr2d_multi_in", "conv2d"): ("equal", [ONE_IMAGE, TENSORS]),
        ("corr2d_multi_in_out", "conv2d"): ("equal", [ONE_IMAGE, TENSORS]),
        ("corr2d_multi_in_out_1x1", "conv2d"): ("equal", [ONE_IMAGE, TENSORS]),
        ("pool2d", "max_pool2d"): ("equal", [PLANE, ONE_STEP, TENSORS]),
        ("pool2d", "avg_pool2d"): ("equal", [PLANE, ONE_STEP, TENSORS]),
        ("softmax", "softmax"): ("equal", [TENSORS]),
        ("cross_entropy", "cross_entropy"): ("equal", [PROBABILITIES, PER_SAMPLE, TENSORS]),
        ("relu", "relu"): ("equal", [TENSORS]),
        ("linreg", "linear"): ("equal", [ONE_OUTPUT, TENSORS]),
        ("sgd", "sgd"): ("equal", [BATCH_SUM, TENSORS]),
        ("sgd_momentum", "sgd"): ("equal", [TENSORS]),
    }
    assert {entry.subject.style for entry in found.values()} == {"d2l"}


def test_right_functions_of_arrays_are_equal_and_conventions_are_told(tmp_path: Path) -> None:
    found = answers(ARRAY_FILE, tmp_path)
    assert {key: (entry.verdict, entry.conventions) for key, entry in found.items()} == {
        ("corr2d", "conv2d"): ("equal", [PLANE]),
        ("Conv2D", "conv2d"): ("equal", [PLANE]),
        ("corr2d_multi_in", "conv2d"): ("equal", [ONE_IMAGE]),
        ("corr2d_multi_in_out", "conv2d"): ("equal", [ONE_IMAGE]),
        ("pool2d", "max_pool2d"): ("equal", [PLANE]),
        ("pool2d", "avg_pool2d"): ("equal", [PLANE]),
        ("softmax", "softmax"): ("equal", []),
        ("cross_entropy", "cross_entropy"): ("equal", [PROBABILITIES]),
        ("relu", "relu"): ("equal", []),
        ("linreg", "linear"): ("equal", [ONE_OUTPUT]),
        ("sgd", "sgd"): ("equal", [BATCH_SUM]),
    }


@pytest.mark.parametrize(
    ("only", "formula", "right", "wrong", "named"),
    [
        (("corr2d",), "conv2d", "* K).sum()", "* K.flip(0, 1)).sum()", {"output": ["kernel-flipped"]}),
        (("corr2d", "Conv2D"), "conv2d", " + self.bias", "", {"output": ["bias-forgotten"]}),
        (("corr2d", "corr2d_multi_in"), "conv2d", "sum(corr2d(x, k) for x, k in zip(X, K))", "corr2d(X[0], K[0])",
         {"output": ["first-channel-only"]}),
        (("corr2d", "corr2d_multi_in", "corr2d_multi_in_out"), "conv2d", "* K).sum()", "* K.flip(0, 1)).sum()",
         {"output": ["kernel-flipped"]}),
        (("pool2d",), "avg_pool2d", "p_w].mean()", "p_w].sum()", {"output": ["average-not-divided"]}),
        (("softmax",), "softmax", " - X.max(1, keepdims=True).values", "", {"output": ["no-max-subtraction"]}),
        (("softmax",), "softmax", "(1, keepdims=True)", "(0, keepdims=True)",
         {"output": ["wrong-dimension"]}),
        (("cross_entropy",), "cross_entropy", "y])", "y] + 1e-7)", {"output": ["epsilon-in-the-logarithm"]}),
        (("cross_entropy",), "cross_entropy", "y])", "y]).sum()", {"output": ["summed-not-averaged"]}),
        (("relu",), "relu", "torch.zeros_like(X)", "0.01 * X", {"output": ["leaky"]}),
        (("sgd",), "sgd", "param -= lr", "param += lr", {"output": ["climbing"]}),
        (("sgd_momentum",), "sgd", "v[:] = hyperparams", "v = hyperparams",
         {"output": ["momentum-forgotten-between-steps"]}),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    only: tuple[str, ...], formula: str, right: str, wrong: str, named: dict[str, list[str]], tmp_path: Path
) -> None:
    entry = answers(mistaken(TENSOR_FILE, right, wrong), tmp_path, only)[only[-1], formula]
    assert entry.verdict == "different"
    assert proven(entry) == named


@pytest.mark.parametrize(
    ("only", "formula", "right", "wrong", "conventions"),
    [
        (("corr2d",), "conv2d", "    h, w = K.shape", "    h, w = K.shape\n    X, K = X.view(), K.view()", [PLANE]),
        (("cross_entropy",), "cross_entropy", "-torch.log(y_hat[list(range(len(y_hat))), y])",
         "nn.functional.cross_entropy(y_hat, y)", [TENSORS]),
        (("cross_entropy",), "cross_entropy", "-torch.log(y_hat[list(range(len(y_hat))), y])",
         "nn.functional.cross_entropy(y_hat, y, reduction='none')", [PER_SAMPLE, TENSORS]),
        (("cross_entropy",), "cross_entropy", "y])", "y]).mean()", [PROBABILITIES, TENSORS]),
        (("pool2d",), "max_pool2d", ", mode='max'):", "):\n    mode = 'max'", [PLANE, ONE_STEP, TENSORS]),
        (("sgd",), "sgd", ", batch_size", ", batch_size=4", [BATCH_SUM, TENSORS]),
        (("sgd",), "sgd", ", batch_size):", "):\n    batch_size = 1", [TENSORS]),
    ],
)  # fmt: skip
def test_other_ways_are_conventions(
    only: tuple[str, ...], formula: str, right: str, wrong: str, conventions: list[str], tmp_path: Path
) -> None:
    entry = answers(mistaken(TENSOR_FILE, right, wrong), tmp_path, only)[only[-1], formula]
    assert (entry.verdict, entry.conventions) == ("equal", conventions)


def test_an_update_that_torch_would_record_raises(tmp_path: Path) -> None:
    source = mistaken(TENSOR_FILE, "torch.no_grad()", "torch.enable_grad()")
    entry = answers(source, tmp_path, ("sgd",))["sgd", "sgd"]
    assert entry.verdict == "raises"
    assert entry.problem is not None
    assert "in-place" in entry.problem.message


def test_what_others_call_alike_is_left(tmp_path: Path) -> None:
    source = """
def relu(x): pass
def softmax(Z): pass
def cross_entropy(input, target): pass
def sgd(w, dw, config=None): pass
class Conv2D:
    def __init__(self, in_channels, out_channels, kernel_size): pass
class corr2d:
    def __init__(self, X, K): pass
"""
    assert not [key for key, entry in answers(source, tmp_path).items() if entry.subject.style == "d2l"]


def test_what_returns_nothing_is_missing(tmp_path: Path) -> None:
    """As a function that is still to be written."""
    source = re.sub(r"^((?: {4})?)(def (?!__init__).*:)$", r"\1\2\n\1    return None", TENSOR_FILE, flags=re.MULTILINE)
    found = answers(source, tmp_path)
    for (name, formula), entry in found.items():
        if formula != "sgd":
            assert set(entry.results.values()) == {"missing"}, name
            assert set(entry.missing.values()) == {"None"}, name
    assert len(found) == 13
