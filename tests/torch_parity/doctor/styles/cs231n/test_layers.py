import re
from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.answers import answers, mistaken, proven
from torch_parity.doctor.schedule import RATE_IN_VELOCITY
from torch_parity.doctor.styles.cs231n.layers import (
    BIAS_ROW,
    CACHES,
    IN_OUT_WEIGHTS,
    LINEAR_LOSS,
    LOSS_AND_GRADIENT,
    MATRICES,
    ONE_HOT,
)
from torch_parity.doctor.styles.limits import FILLED, PADDED

LAYERS = """
import numpy as np

def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    db = dout.sum(axis=0)
    return dx, dw, db

def relu_forward(x):
    out = np.maximum(x, 0)
    return out, x

def relu_backward(dout, cache):
    return np.where(cache > 0, dout, 0)

def affine_relu_forward(x, w, b):
    a, fc_cache = affine_forward(x, w, b)
    out, relu_cache = relu_forward(a)
    return out, (fc_cache, relu_cache)

def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    H_out = 1 + (H + 2 * pad - HH) // stride
    W_out = 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, H_out, W_out))
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    window = padded[n, :, i * stride:i * stride + HH, j * stride:j * stride + WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, conv_param)

def conv_backward_naive(dout, cache):
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw, db = np.zeros_like(padded), np.zeros_like(w), np.zeros_like(b)
    for n in range(N):
        for f in range(F):
            db[f] += dout[n, f].sum()
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    rows = slice(i * stride, i * stride + HH)
                    columns = slice(j * stride, j * stride + WW)
                    dw[f] += dout[n, f, i, j] * padded[n, :, rows, columns]
                    dpadded[n, :, rows, columns] += dout[n, f, i, j] * w[f]
    return dpadded[:, :, pad:pad + H, pad:pad + W], dw, db

def max_pool_forward_naive(x, pool_param):
    h, w, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    out = np.zeros((N, C, 1 + (H - h) // s, 1 + (W - w) // s))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[:, :, i, j] = x[:, :, i * s:i * s + h, j * s:j * s + w].max(axis=(2, 3))
    return out, (x, pool_param)

def max_pool_backward_naive(dout, cache):
    x, pool_param = cache
    h, w, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(dout.shape):
        window = x[n, c, i * s:i * s + h, j * s:j * s + w]
        row, column = np.unravel_index(window.argmax(), window.shape)
        dx[n, c, i * s + row, j * s + column] += dout[n, c, i, j]
    return dx

def softmax_loss(x, y):
    shifted = x - x.max(axis=1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    N = x.shape[0]
    loss = -log_probs[np.arange(N), y].sum() / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx

def sgd(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    w -= config["learning_rate"] * dw
    return w, config

def sgd_momentum(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("momentum", 0.9)
    v = config.get("velocity", np.zeros_like(w))
    v = config["momentum"] * v - config["learning_rate"] * dw
    next_w = w + v
    config["velocity"] = v
    return next_w, config

class FullyConnectedNet:
    def __init__(self, hidden_dims):
        self.params = {}

    def loss(self, X, y=None):
        return X
"""

CONV = ("conv_forward_naive", "conv_backward_naive")
POOL = ("max_pool_forward_naive", "max_pool_backward_naive")
AFFINE = ("affine_forward", "affine_backward")
RELU = ("relu_forward", "relu_backward")


def test_right_layers_are_equal_and_conventions_are_told(tmp_path: Path) -> None:
    found = answers(LAYERS, tmp_path)
    assert {key: (entry.verdict, entry.conventions) for key, entry in found.items()} == {
        ("affine_forward", "linear"): ("equal", [IN_OUT_WEIGHTS]),
        ("affine_backward", "linear_backward"): ("equal", [IN_OUT_WEIGHTS]),
        ("relu_forward", "relu"): ("equal", []),
        ("relu_backward", "relu_backward"): ("equal", []),
        ("conv_forward_naive", "conv2d"): ("equal", []),
        ("conv_backward_naive", "conv2d_backward"): ("equal", []),
        ("max_pool_forward_naive", "max_pool2d"): ("equal", []),
        ("max_pool_backward_naive", "max_pool2d_backward"): ("equal", []),
        ("softmax_loss", "cross_entropy"): ("equal", [LOSS_AND_GRADIENT]),
        ("softmax_loss", "cross_entropy_backward"): ("equal", [LOSS_AND_GRADIENT]),
        ("sgd", "sgd"): ("equal", []),
        ("sgd_momentum", "sgd"): ("equal", [RATE_IN_VELOCITY]),
    }
    assert {entry.subject.style for entry in found.values()} == {"cs231n"}
    assert {result for entry in found.values() for result in entry.results.values()} == {"equal"}


@pytest.mark.parametrize(
    ("only", "formula", "right", "wrong", "named"),
    [
        (CONV[:1], "conv2d", "window * w[f]", "window * w[f, :, ::-1, ::-1]", {"output": ["kernel-flipped"]}),
        (CONV[:1], "conv2d", "w[f]) + b[f]", "w[f])", {"output": ["bias-forgotten"]}),
        (CONV[:1], "conv2d", "(pad, pad), (pad, pad)))", "(2 * pad, 0), (2 * pad, 0)))",
         {"output": ["padding-on-one-side"]}),
        (CONV, "conv2d_backward", "] * w[f]\n", "] * w[f, :, ::-1, ::-1]\n",
         {"grad_input": ["input-gradient-unflipped"]}),
        (CONV, "conv2d_backward", "dout[n, f].sum()", "dout[n, f].sum() / N",
         {"grad_bias": ["bias-gradient-averaged-over-batch"]}),
        (CONV, "conv2d_backward", "W], dw, db", "W], dw / N, db", {"grad_weight": ["weight-gradient-averaged"]}),
        (CONV, "conv2d_backward", "dpadded[:, :, pad:pad + H, pad:pad + W]", "dpadded[:, :, :H, :W]",
         {"grad_input": ["padding-gradient-wrong-corner"]}),
        (POOL, "max_pool2d_backward", "dx[n, c, i * s + row, j * s + column] += dout[n, c, i, j]",
         "dx[n, c, i * s:i * s + h, j * s:j * s + w] += (window == window.max()) * dout[n, c, i, j]",
         {"grad_input": ["ties-to-all"]}),
        (POOL, "max_pool2d_backward", "column] += dout", "column] = dout",
         {"grad_input": ["pooling-gradient-overwritten"]}),
        (RELU, "relu_backward", "cache > 0", "cache >= 0", {"grad_input": ["slope-one-at-zero"]}),
        (RELU, "relu_backward", "cache > 0", "dout > 0", {"grad_input": ["masked-by-gradient"]}),
        (RELU, "relu_backward", "return np.where(cache > 0, dout, 0)", "dout[cache <= 0] = 0\n    return dout",
         {"grad_input": ["argument-changed"]}),
        (AFFINE, "linear_backward", "dout.sum(axis=0)", "dout.mean(axis=0)",
         {"grad_bias": ["dense-bias-gradient-averaged"]}),
        (("softmax_loss",), "cross_entropy", "y].sum() / N", "y].sum()", {"output": ["summed-not-averaged"]}),
        (("softmax_loss",), "cross_entropy_backward", "dx /= N\n", "\n", {"grad_input": ["gradient-not-averaged"]}),
        (("sgd",), "sgd", "w -= config", "w += config", {"output": ["climbing"]}),
        (("sgd_momentum",), "sgd", 'config["velocity"] = v', "pass", {"output": ["momentum-forgotten-between-steps"]}),
    ],
)  # fmt: skip
def test_mistakes_are_named(
    only: tuple[str, ...], formula: str, right: str, wrong: str, named: dict[str, list[str]], tmp_path: Path
) -> None:
    entry = answers(mistaken(LAYERS, right, wrong), tmp_path, only)[only[-1], formula]
    assert entry.verdict == "different"
    assert proven(entry) == named
    assert {result for result, verdict in entry.results.items() if verdict == "different"} <= set(named)


@pytest.mark.parametrize(
    ("only", "formula", "right", "wrong", "conventions"),
    [
        (CONV[:1], "conv2d", "return out, (x, w, b, conv_param)", "return out", []),
        (CONV, "conv2d_backward", "return out, (x, w, b, conv_param)", "return out", [CACHES["conv2d"]]),
        (CONV[1:], "conv2d_backward", "", "", [CACHES["conv2d"]]),
        (POOL[1:], "max_pool2d_backward", "", "", [CACHES["max_pool2d"]]),
        (RELU[1:], "relu_backward", "", "", [CACHES["relu"]]),
        (AFFINE[1:], "linear_backward", "", "", [IN_OUT_WEIGHTS, CACHES["linear"]]),
        (CONV, "conv2d_backward", "(dout, cache):\n    x, w, b, conv_param = cache", "(dout, x, w, b, conv_param):",
         []),
        (AFFINE[:1], "linear", "x.reshape(x.shape[0], -1).dot(w)", "x @ w",
         [IN_OUT_WEIGHTS, MATRICES]),
        (("softmax_loss",), "cross_entropy", "N = x.shape[0]", "N, y = x.shape[0], y.argmax(axis=1)",
         [LOSS_AND_GRADIENT, ONE_HOT]),
        (CONV, "conv2d_backward", "pad:pad + H, pad:pad + W", "pad:-pad, pad:-pad", [PADDED]),
        (CONV[:1], "conv2d", "padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))",
         "padded = np.zeros((N, C, H + 2 * pad, W + 2 * pad)); padded[:, :, pad:-pad, pad:-pad] = x", [PADDED]),
        (AFFINE, "linear_backward", "dout.sum(axis=0)", "dout.sum(axis=0, keepdims=True)", [IN_OUT_WEIGHTS, BIAS_ROW]),
        (("fc_forward",), "linear", "affine", "fc", [IN_OUT_WEIGHTS]),
        (("sgd",), "sgd", "    return w, config", "", []),
    ],
)  # fmt: skip
def test_other_ways_are_conventions(
    only: tuple[str, ...], formula: str, right: str, wrong: str, conventions: list[str], tmp_path: Path
) -> None:
    entry = answers(mistaken(LAYERS, right, wrong), tmp_path, only)[only[-1], formula]
    assert (entry.verdict, entry.conventions) == ("equal", conventions)


def test_a_mistake_is_named_in_code_that_needs_padding(tmp_path: Path) -> None:
    source = mistaken(LAYERS, "pad:pad + H, pad:pad + W", "pad:-pad, pad:-pad")
    source = mistaken(source, "] * w[f]\n", "] * w[f, :, ::-1, ::-1]\n")
    entry = answers(source, tmp_path, CONV)["conv_backward_naive", "conv2d_backward"]
    assert (entry.verdict, entry.conventions) == ("different", [PADDED])
    assert proven(entry) == {"grad_input": ["input-gradient-unflipped"]}


def test_an_affine_layer_that_takes_images_must_flatten_them_rightly(tmp_path: Path) -> None:
    source = mistaken(LAYERS, "x.reshape(x.shape[0], -1).dot(w)", "x.reshape(x.shape[0], -1, order='F').dot(w)")
    entry = answers(source, tmp_path, AFFINE[:1])["affine_forward", "linear"]
    assert (entry.verdict, entry.conventions) == ("different", [IN_OUT_WEIGHTS])


def test_an_affine_layer_that_takes_images_must_give_their_gradient_the_same_shape(tmp_path: Path) -> None:
    source = mistaken(LAYERS, "dout.dot(w.T).reshape(x.shape)", "dout.dot(w.T)")
    entry = answers(source, tmp_path, AFFINE)["affine_backward", "linear_backward"]
    assert entry.verdict == "raises"
    assert entry.problem is not None
    assert entry.problem.message == "dx has the shape (2, 3), where x has the shape (2, 1, 3, 1)"
    matrices = mistaken(
        mistaken(source, "x.reshape(x.shape[0], -1).dot", "x.dot"), "x.reshape(x.shape[0], -1).T", "x.T"
    )
    entry = answers(matrices, tmp_path, AFFINE)["affine_backward", "linear_backward"]
    assert (entry.verdict, entry.conventions) == ("equal", [IN_OUT_WEIGHTS, MATRICES])


def test_the_smallest_case_of_a_layer_of_matrices_is_one_number(tmp_path: Path) -> None:
    source = mistaken(LAYERS, "x.reshape(x.shape[0], -1).dot(w) + b", "x.dot(w)")
    entry = answers(source, tmp_path, AFFINE[:1])["affine_forward", "linear"]
    assert entry.smallest is not None
    assert entry.smallest.question.arrays["input"].shape == (1, 1)


FAST = """
import numpy as np

def im2col(x, h, w, pad, stride):
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (h, w), (2, 3))[:, :, ::stride, ::stride]
    return windows  # (N, C, oH, oW, h, w)

def conv_forward_im2col(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    assert (x.shape[2] + 2 * pad - w.shape[2]) % stride == 0, "height does not work"
    assert (x.shape[3] + 2 * pad - w.shape[3]) % stride == 0, "width does not work"
    windows = im2col(x, w.shape[2], w.shape[3], pad, stride)
    return np.einsum("nchwij,fcij->nfhw", windows, w) + b[:, None, None], (x, w, b, conv_param, windows)

def conv_backward_im2col(dout, cache):
    x, w, b, conv_param, windows = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    dw = np.einsum("nchwij,nfhw->fcij", windows, dout)
    dx = np.zeros((*x.shape[:2], x.shape[2] + 2 * pad, x.shape[3] + 2 * pad))
    for i in range(w.shape[2]):
        for j in range(w.shape[3]):
            rows = slice(i, i + stride * dout.shape[2], stride)
            columns = slice(j, j + stride * dout.shape[3], stride)
            dx[:, :, rows, columns] += np.einsum("nfhw,fc->nchw", dout, w[:, :, i, j])
    return dx[:, :, pad:pad + x.shape[2], pad:pad + x.shape[3]], dw, dout.sum((0, 2, 3))

def max_pool_forward_reshape(x, pool_param):
    N, C, H, W = x.shape
    size = pool_param["pool_height"]
    assert size == pool_param["pool_width"] == pool_param["stride"]
    assert H % size == 0 and W % size == 0
    windows = x.reshape(N, C, H // size, size, W // size, size)
    return windows.max(axis=3).max(axis=4), (x, windows)

def max_pool_backward_reshape(dout, cache):
    x, windows = cache
    N, C, oh, s, ow, _ = windows.shape
    flat = windows.transpose(0, 1, 2, 4, 3, 5).reshape(N, C, oh, ow, s * s)
    grad = np.zeros_like(flat)
    np.put_along_axis(grad, flat.argmax(-1)[..., None], dout[..., None], -1)
    return grad.reshape(N, C, oh, ow, s, s).transpose(0, 1, 2, 4, 3, 5).reshape(x.shape)

def avg_pool_forward_fast(x, pool_param):
    windows = im2col(x, pool_param["pool_height"], pool_param["pool_width"], 0, pool_param["stride"])
    return windows.mean(axis=(4, 5)), (x, pool_param)

def avg_pool_backward_fast(dout, cache):
    x, pool_param = cache
    h, w, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    dx = np.zeros_like(x)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dx[:, :, i * s:i * s + h, j * s:j * s + w] += dout[:, :, i:i + 1, j:j + 1] / (h * w)
    return dx

def softmax_loss_vectorized(W, X, y, reg):
    scores = X.dot(W)
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = -np.log(p[rows, y]).mean() + reg * np.sum(W * W)
    p[rows, y] -= 1
    return loss, X.T.dot(p) / len(y) + 2 * reg * W
"""


def test_fast_layers_are_equal_where_windows_must_fill_the_image_or_lie_side_by_side(tmp_path: Path) -> None:
    found = answers(FAST, tmp_path)
    assert {key: (entry.verdict, entry.conventions) for key, entry in found.items()} == {
        ("conv_forward_im2col", "conv2d"): ("equal", [FILLED]),
        ("conv_backward_im2col", "conv2d_backward"): ("equal", [FILLED]),
        ("max_pool_forward_reshape", "max_pool2d"): ("equal", [FILLED]),
        ("max_pool_backward_reshape", "max_pool2d_backward"): ("equal", [FILLED]),
        ("avg_pool_forward_fast", "avg_pool2d"): ("equal", []),
        ("avg_pool_backward_fast", "avg_pool2d_backward"): ("equal", []),
        ("softmax_loss_vectorized", "cross_entropy"): ("equal", list(LINEAR_LOSS)),
        ("softmax_loss_vectorized", "cross_entropy_backward"): ("equal", list(LINEAR_LOSS)),
    }


@pytest.mark.parametrize(
    ("name", "formula", "right", "wrong", "named"),
    [
        ("conv_forward_im2col", "conv2d", "windows, w)", "windows, w[:, :, ::-1, ::-1])",
         {"output": ["kernel-flipped"]}),
        ("avg_pool_backward_fast", "avg_pool2d_backward", " / (h * w)", "",
         {"grad_input": ["pooling-gradient-not-divided"]}),
        ("softmax_loss_vectorized", "cross_entropy", "np.log(p[rows, y])", "np.log(p[rows, y] + 1e-7)",
         {"output": ["epsilon-in-the-logarithm"]}),
        ("softmax_loss_vectorized", "cross_entropy_backward", "X.T.dot(p) / len(y)", "X.T.dot(p)",
         {"grad_input": ["gradient-not-averaged"]}),
    ],
)  # fmt: skip
def test_mistakes_in_fast_layers_are_named(
    name: str, formula: str, right: str, wrong: str, named: dict[str, list[str]], tmp_path: Path
) -> None:
    entry = answers(mistaken(FAST, right, wrong), tmp_path, (name,))[name, formula]
    assert proven(entry) == named


def test_what_others_call_alike_is_left(tmp_path: Path) -> None:
    source = """
def sgd(params, lr, batch_size): pass
def conv_forward(A_prev, W, b, hparameters): pass
def relu_backward(dA, cache): pass
class affine_forward:
    def __init__(self, x, w, b): pass
"""
    assert not [key for key, entry in answers(source, tmp_path).items() if entry.subject.style == "cs231n"]


def test_what_returns_nothing_is_missing(tmp_path: Path) -> None:
    """As a function that is still to be written."""
    source = re.sub(r"^((?: {4})?)(def (?!__init__).*:)$", r"\1\2\n\1    return None", LAYERS, flags=re.MULTILINE)
    found = answers(source, tmp_path)
    for (name, formula), entry in found.items():
        if formula != "sgd":
            assert set(entry.results.values()) == {"missing"}, name
            assert set(entry.missing.values()) == {"None"}, name
    assert len(found) == 12
