from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.examined import examined, named
from torch_parity.doctor.schedule import RATE_IN_VELOCITY
from torch_parity.doctor.styles import saitoh

LAYERS = """
import numpy as np

def im2col(x, kh, kw, stride=1, pad=0, fill=0):
    N, C, H, W = x.shape
    oh, ow = (H + 2 * pad - kh) // stride + 1, (W + 2 * pad - kw) // stride + 1
    frame = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)], "constant", constant_values=fill)
    col = np.zeros((N, C, kh, kw, oh, ow))
    for i in range(kh):
        for j in range(kw):
            col[:, :, i, j] = frame[:, :, i:i + stride * oh:stride, j:j + stride * ow:stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * oh * ow, -1)

def col2im(col, shape, kh, kw, stride=1, pad=0):
    N, C, H, W = shape
    oh, ow = (H + 2 * pad - kh) // stride + 1, (W + 2 * pad - kw) // stride + 1
    col = col.reshape(N, oh, ow, C, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    frame = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    for i in range(kh):
        for j in range(kw):
            frame[:, :, i:i + stride * oh:stride, j:j + stride * ow:stride] += col[:, :, i, j]
    return frame[:, :, pad:pad + H, pad:pad + W]

def softmax(x):
    x = x - np.max(x, axis=-1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)

def cross_entropy_error(y, t):
    if t.size == y.size:
        t = t.argmax(axis=1)
    return -np.sum(np.log(y[np.arange(len(y)), t])) / len(y)

class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx

class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.shape = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx.reshape(*self.shape)

class SoftmaxWithLoss:
    def __init__(self):
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        return cross_entropy_error(self.y, self.t)

    def backward(self, dout=1):
        N = self.t.shape[0]
        if self.t.size == self.y.size:
            return (self.y - self.t) / N
        dx = self.y.copy()
        dx[np.arange(N), self.t] -= 1
        return dx / N

class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad

    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, C, H, W = x.shape
        oh = 1 + (H + 2 * self.pad - FH) // self.stride
        ow = 1 + (W + 2 * self.pad - FW) // self.stride
        self.x = x
        self.col = im2col(x, FH, FW, self.stride, self.pad)
        self.col_W = self.W.reshape(FN, -1).T
        out = np.dot(self.col, self.col_W) + self.b
        return out.reshape(N, oh, ow, -1).transpose(0, 3, 1, 2)

    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout).transpose(1, 0).reshape(FN, C, FH, FW)
        return col2im(np.dot(dout, self.col_W.T), self.x.shape, FH, FW, self.stride, self.pad)

class Pooling:
    def __init__(self, pool_h, pool_w, stride=2, pad=0):
        self.pool_h = pool_h
        self.pool_w = pool_w
        self.stride = stride
        self.pad = pad

    def forward(self, x):
        N, C, H, W = x.shape
        oh = 1 + (H + 2 * self.pad - self.pool_h) // self.stride
        ow = 1 + (W + 2 * self.pad - self.pool_w) // self.stride
        col = im2col(x, self.pool_h, self.pool_w, self.stride, self.pad, -np.inf)
        col = col.reshape(-1, self.pool_h * self.pool_w)
        self.x = x
        self.arg_max = np.argmax(col, axis=1)
        out = np.max(col, axis=1)
        return out.reshape(N, oh, ow, C).transpose(0, 3, 1, 2)

    def backward(self, dout):
        dout = dout.transpose(0, 2, 3, 1)
        size = self.pool_h * self.pool_w
        dmax = np.zeros((dout.size, size))
        dmax[np.arange(self.arg_max.size), self.arg_max.flatten()] = dout.flatten()
        col = dmax.reshape(dout.shape[0] * dout.shape[1] * dout.shape[2], -1)
        return col2im(col, self.x.shape, self.pool_h, self.pool_w, self.stride, self.pad)

class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        for key in params.keys():
            params[key] -= self.lr * grads[key]

class Momentum:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None

    def update(self, params, grads):
        if self.v is None:
            self.v = {key: np.zeros_like(value) for key, value in params.items()}
        for key in params.keys():
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
            params[key] += self.v[key]
"""

HALVES = [
    ("softmax", "softmax", []),
    ("cross_entropy_error", "cross_entropy", ["the loss takes probabilities, not scores"]),
    ("Relu.forward", "relu", []),
    ("Relu.backward", "relu_backward", []),
    ("Affine.forward", "linear", ["the weights are stored (in, out)"]),
    ("Affine.backward", "linear_backward", ["the weights are stored (in, out)"]),
    ("SoftmaxWithLoss.forward", "cross_entropy", []),
    ("SoftmaxWithLoss.backward", "cross_entropy_backward", []),
    ("Convolution.forward", "conv2d", []),
    ("Convolution.backward", "conv2d_backward", []),
    ("Pooling.forward", "max_pool2d", []),
    ("Pooling.backward", "max_pool2d_backward", []),
    ("SGD", "sgd", []),
    ("Momentum", "sgd", [RATE_IN_VELOCITY]),
]


def test_all_of_the_book_is_found_and_equal(tmp_path: Path) -> None:
    entries = examined(LAYERS, tmp_path)
    # The gradients of losses come last: where the mean is taken is seen in the layers.
    assert sorted((e.subject.found, e.subject.name, e.conventions) for e in entries.values()) == sorted(HALVES)
    assert {found: entry.verdict for found, entry in entries.items() if not entry.equal} == {}
    assert {entry.subject.style for entry in entries.values()} == {"saitoh"}


# A line of the file, what stands there instead, and which half is wrong then by which mistake.
MISTAKES = [
    ("np.log(y[", "np.log(1e-7 + y[", "cross_entropy_error", "epsilon-in-the-logarithm"),
    ("np.log(y[", "np.log(1e-7 + y[", "SoftmaxWithLoss.forward", "epsilon-in-the-logarithm"),
    ("self.pad, -np.inf)", "self.pad, 0)", "Pooling.forward", "padded-with-zero"),
    ("(x <= 0)", "(x < 0)", "Relu.backward", "slope-one-at-zero"),
    ("frame[:, :, pad:pad + H, pad:pad + W]", "frame[:, :, :H, :W]", "Convolution.backward",
     "padding-gradient-wrong-corner"),
    ("ow:stride] += col", "ow:stride] = col", "Convolution.backward", "columns-overwritten"),
    ("np.sum(dout, axis=0)\n        self.dW", "np.mean(dout, axis=0)\n        self.dW", "Convolution.backward",
     "bias-gradient-averaged"),
    ("np.dot(self.col, self.col_W) + self.b", "np.dot(self.col, self.col_W)", "Convolution.forward", "bias-forgotten"),
    ("self.db = np.sum(dout, axis=0)\n        return", "self.db = np.mean(dout, axis=0)\n        return",
     "Affine.backward", "dense-bias-gradient-averaged"),
    ("self.db = np.sum(dout, axis=0)\n        return",
     "self.db = np.sum(dout, axis=0) + (0 if self.db is None else self.db)\n        return", "Affine.backward",
     "state-kept"),
    ("return dx / N", "return dx", "SoftmaxWithLoss.backward", "gradient-not-averaged"),
    ("t])) / len(y)", "t]))", "SoftmaxWithLoss.forward", "summed-not-averaged"),
    ("x = x - np.max(x, axis=-1, keepdims=True)", "x = x - 0", "softmax", "no-max-subtraction"),
    ("params[key] -= self.lr", "params[key] += self.lr", "SGD", "climbing"),
    ("if self.v is None:", "if True:", "Momentum", "momentum-forgotten-between-steps"),
    ("dx = dout.copy()", "dx = dout", "Relu.backward", "argument-changed"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "found", "mistake"), MISTAKES)
def test_mistakes_are_named(right: str, wrong: str, found: str, mistake: str, tmp_path: Path) -> None:
    assert right in LAYERS
    only = () if found == "softmax" else (found.split(".")[0],)  # the function alone is not known as the book's
    entry = examined(LAYERS.replace(right, wrong), tmp_path, only)[found]
    assert entry.verdict == "different"
    assert named(entry) == {mistake}


@pytest.mark.parametrize("branch", ["dx[np.arange(N), self.t] -= 1", "(self.y - self.t)"])
def test_what_is_wrong_for_one_kind_of_target_is_seen(branch: str, tmp_path: Path) -> None:
    """The layer takes labels and one-hot targets, and is asked with both."""
    entries = examined(LAYERS.replace(branch, branch.replace("self.t", "self.t * 0")), tmp_path, ("SoftmaxWithLoss",))
    assert entries["SoftmaxWithLoss.forward"].equal
    assert entries["SoftmaxWithLoss.backward"].verdict == "different"


# Rarer, but as right.
OTHERS = """
import numpy as np

def softmax(a):
    exp_a = np.exp(a - np.max(a))
    return exp_a / np.sum(exp_a)

def cross_entropy_error(y, t):
    return -np.sum(t * np.log(y)) / y.shape[0]

class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = dout.sum(axis=0)
        return np.dot(dout, self.W.T)

class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        self.y = np.array([softmax(row) for row in x])
        return cross_entropy_error(self.y, t)

    def backward(self, dout):
        return dout * (self.y - self.t) / len(self.t)

class Convolution:
    def __init__(self, W, b, stride, pad):
        self.params = {"W": W.astype(np.float32), "b": b.astype(np.float32)}
        self.stride, self.pad = stride, pad

    def forward(self, x):
        W, b = self.params.values()
        p, s = self.pad, self.stride
        self.frame = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p))).astype(np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self.frame, W.shape[2:], axis=(2, 3))
        self.windows = windows[:, :, ::s, ::s]
        return np.einsum("nchwij,ocij->nohw", self.windows, W) + b.reshape(1, -1, 1, 1)

    def backward(self, dout):
        W, _ = self.params.values()
        p, s = self.pad, self.stride
        dout = dout.astype(np.float32)
        self.dW = np.einsum("nohw,nchwij->ocij", dout, self.windows)
        self.db = np.einsum("nohw->o", dout)
        dframe = np.zeros_like(self.frame)
        for i, j in np.ndindex(dout.shape[2:]):
            part = np.einsum("no,ocij->ncij", dout[:, :, i, j], W)
            dframe[:, :, i * s:i * s + W.shape[2], j * s:j * s + W.shape[3]] += part
        return dframe[:, :, p:dframe.shape[2] - p, p:dframe.shape[3] - p]
"""


def test_other_ways_are_conventions(tmp_path: Path) -> None:
    entries = examined(OTHERS, tmp_path)
    assert {found: entry.verdict for found, entry in entries.items() if not entry.equal} == {}
    flattened = ["the weights are stored (in, out)", "the input must be flattened before"]
    assert {found: entry.conventions for found, entry in entries.items()} == {
        "softmax": ["the function takes one sample, not a batch"],
        "cross_entropy_error": ["the loss takes probabilities, not scores", "the targets are one-hot"],
        "Affine.forward": flattened,
        "Affine.backward": flattened,
        "SoftmaxWithLoss.forward": ["the targets are one-hot"],
        "SoftmaxWithLoss.backward": ["the targets are one-hot"],
        "Convolution.forward": [],
        "Convolution.backward": [],
    }


def test_classes_of_other_courses_are_left() -> None:
    class Affine:
        def __init__(self, inputs: int, outputs: int) -> None:
            self.inputs, self.outputs = inputs, outputs

        def forward(self, x: float) -> float:
            return x

    assert list(saitoh.find({"Affine": Affine, "Relu": int, "SGD": float, "Pooling": print, "softmax": max})) == []
