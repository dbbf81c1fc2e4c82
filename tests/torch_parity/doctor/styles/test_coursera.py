import re
from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.answers import answers, mistaken, proven
from torch_parity.doctor.styles.coursera import (
    CACHES,
    CONVOLUTION_LAYER,
    DENSE_LAYER,
    DICTIONARIES,
    LAYER_MEAN,
    LAYERS_MEAN,
    LOGISTIC,
    NHWC_IMAGES,
    ONE_HOT,
    ONE_WINDOW,
    PROBABILITIES,
    SAMPLE_COLUMNS,
    VELOCITY,
    WINDOWS,
)
from torch_parity.doctor.styles.limits import PADDED

LAYERS = """
import copy
import numpy as np

def zero_pad(X, pad):
    X_pad = np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)), mode="constant", constant_values=(0, 0))
    return X_pad

def conv_single_step(a_slice_prev, W, b):
    s = np.multiply(a_slice_prev, W)
    Z = np.sum(s)
    Z = Z + b.item()
    return Z

def conv_forward(A_prev, W, b, hparameters):
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    (f, f, n_C_prev, n_C) = W.shape
    stride = hparameters["stride"]
    pad = hparameters["pad"]
    n_H = int((n_H_prev + 2 * pad - f) / stride) + 1
    n_W = int((n_W_prev + 2 * pad - f) / stride) + 1
    Z = np.zeros((m, n_H, n_W, n_C))
    A_prev_pad = zero_pad(A_prev, pad)
    for i in range(m):
        a_prev_pad = A_prev_pad[i]
        for h in range(n_H):
            vert_start = h * stride
            vert_end = vert_start + f
            for w in range(n_W):
                horiz_start = w * stride
                horiz_end = horiz_start + f
                for c in range(n_C):
                    a_slice_prev = a_prev_pad[vert_start:vert_end, horiz_start:horiz_end, :]
                    Z[i, h, w, c] = conv_single_step(a_slice_prev, W[:, :, :, c], b[:, :, :, c])
    cache = (A_prev, W, b, hparameters)
    return Z, cache

def pool_forward(A_prev, hparameters, mode="max"):
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    f = hparameters["f"]
    stride = hparameters["stride"]
    n_H = int(1 + (n_H_prev - f) / stride)
    n_W = int(1 + (n_W_prev - f) / stride)
    A = np.zeros((m, n_H, n_W, n_C_prev))
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C_prev):
                    a_slice = A_prev[i, h * stride:h * stride + f, w * stride:w * stride + f, c]
                    if mode == "max":
                        A[i, h, w, c] = np.max(a_slice)
                    elif mode == "average":
                        A[i, h, w, c] = np.mean(a_slice)
    cache = (A_prev, hparameters)
    return A, cache

def conv_backward(dZ, cache):
    (A_prev, W, b, hparameters) = cache
    (m, n_H_prev, n_W_prev, n_C_prev) = A_prev.shape
    (f, f, n_C_prev, n_C) = W.shape
    stride, pad = hparameters["stride"], hparameters["pad"]
    (m, n_H, n_W, n_C) = dZ.shape
    dW = np.zeros(W.shape)
    db = np.zeros((1, 1, 1, n_C))
    A_prev_pad = zero_pad(A_prev, pad)
    dA_prev_pad = np.zeros(A_prev_pad.shape)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    vert, horiz = h * stride, w * stride
                    a_slice = A_prev_pad[i, vert:vert + f, horiz:horiz + f, :]
                    dA_prev_pad[i, vert:vert + f, horiz:horiz + f, :] += W[:, :, :, c] * dZ[i, h, w, c]
                    dW[:, :, :, c] += a_slice * dZ[i, h, w, c]
                    db[:, :, :, c] += dZ[i, h, w, c]
    dA_prev = dA_prev_pad[:, pad:pad + n_H_prev, pad:pad + n_W_prev, :]
    return dA_prev, dW, db

def create_mask_from_window(x):
    mask = np.zeros(x.shape, dtype=bool)
    mask[np.unravel_index(np.argmax(x), x.shape)] = True
    return mask

def distribute_value(dz, shape):
    (n_H, n_W) = shape
    average = dz / (n_H * n_W)
    return np.ones(shape) * average

def pool_backward(dA, cache, mode="max"):
    (A_prev, hparameters) = cache
    stride, f = hparameters["stride"], hparameters["f"]
    m, n_H, n_W, n_C = dA.shape
    dA_prev = np.zeros(A_prev.shape)
    for i in range(m):
        for h in range(n_H):
            for w in range(n_W):
                for c in range(n_C):
                    rows, columns = slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)
                    if mode == "max":
                        mask = create_mask_from_window(A_prev[i, rows, columns, c])
                        dA_prev[i, rows, columns, c] += mask * dA[i, h, w, c]
                    elif mode == "average":
                        dA_prev[i, rows, columns, c] += distribute_value(dA[i, h, w, c], (f, f))
    return dA_prev

def relu(Z):
    A = np.maximum(0, Z)
    cache = Z
    return A, cache

def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ

def softmax(Z):
    e = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return e / np.sum(e, axis=0, keepdims=True), Z

def linear_forward(A, W, b):
    Z = np.dot(W, A) + b
    cache = (A, W, b)
    return Z, cache

def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = 1 / m * np.dot(dZ, A_prev.T)
    db = 1 / m * np.sum(dZ, axis=1, keepdims=True)
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db

def compute_cost(AL, Y):
    m = Y.shape[1]
    cost = -1 / m * np.sum(Y * np.log(AL))
    cost = np.squeeze(cost)
    return cost

def update_parameters(params, grads, learning_rate):
    parameters = copy.deepcopy(params)
    L = len(parameters) // 2
    for l in range(L):
        parameters["W" + str(l + 1)] -= learning_rate * grads["dW" + str(l + 1)]
        parameters["b" + str(l + 1)] -= learning_rate * grads["db" + str(l + 1)]
    return parameters

def update_parameters_with_momentum(parameters, grads, v, beta, learning_rate):
    L = len(parameters) // 2
    for l in range(1, L + 1):
        v["dW" + str(l)] = beta * v["dW" + str(l)] + (1 - beta) * grads["dW" + str(l)]
        v["db" + str(l)] = beta * v["db" + str(l)] + (1 - beta) * grads["db" + str(l)]
        parameters["W" + str(l)] = parameters["W" + str(l)] - learning_rate * v["dW" + str(l)]
        parameters["b" + str(l)] = parameters["b" + str(l)] - learning_rate * v["db" + str(l)]
    return parameters, v
"""

LOGISTIC_COST = """    m = Y.shape[1]
    cost = -1 / m * (np.dot(Y, np.log(AL).T) + np.dot(1 - Y, np.log(1 - AL).T))
    return cost
"""
SOFTMAX_COST = """    m = Y.shape[1]
    cost = -1 / m * np.sum(Y * np.log(AL))
    cost = np.squeeze(cost)
    return cost
"""
LOSS_GRADIENT = """
def cost_backward(AL, Y):
    return (AL - Y) / Y.shape[1]
"""

STEP = ("conv_single_step",)
CONV = ("zero_pad", "conv_single_step", "conv_forward", "conv_backward")
POOL = ("create_mask_from_window", "distribute_value", "pool_forward", "pool_backward")
LINEAR = ("linear_forward", "linear_backward")
RELU = ("relu", "relu_backward")
COST = ("compute_cost",)


def test_right_layers_are_equal_and_conventions_are_told(tmp_path: Path) -> None:
    found = answers(LAYERS, tmp_path)
    assert {key: (entry.verdict, tuple(entry.conventions)) for key, entry in found.items()} == {
        ("zero_pad", "pad"): ("equal", (NHWC_IMAGES,)),
        ("conv_single_step", "conv2d"): ("equal", ONE_WINDOW),
        ("conv_forward", "conv2d"): ("equal", CONVOLUTION_LAYER),
        ("conv_backward", "conv2d_backward"): ("equal", CONVOLUTION_LAYER),
        ("pool_forward", "max_pool2d"): ("equal", (NHWC_IMAGES,)),
        ("pool_forward", "avg_pool2d"): ("equal", (NHWC_IMAGES,)),
        ("create_mask_from_window", "max_pool2d_backward"): ("equal", (WINDOWS,)),
        ("distribute_value", "avg_pool2d_backward"): ("equal", (WINDOWS,)),
        ("pool_backward", "max_pool2d_backward"): ("equal", (NHWC_IMAGES,)),
        ("pool_backward", "avg_pool2d_backward"): ("equal", (NHWC_IMAGES,)),
        ("relu", "relu"): ("equal", ()),
        ("relu_backward", "relu_backward"): ("equal", ()),
        ("softmax", "softmax"): ("equal", (SAMPLE_COLUMNS,)),
        ("linear_forward", "linear"): ("equal", DENSE_LAYER),
        ("linear_backward", "linear_backward"): ("equal", (*DENSE_LAYER, LAYER_MEAN)),
        ("compute_cost", "cross_entropy"): ("equal", (SAMPLE_COLUMNS, PROBABILITIES, ONE_HOT)),
        ("update_parameters", "sgd"): ("equal", (DICTIONARIES,)),
        ("update_parameters_with_momentum", "sgd"): ("equal", (DICTIONARIES, VELOCITY)),
    }
    assert {entry.subject.style for entry in found.values()} == {"coursera"}
    assert {result for entry in found.values() for result in entry.results.values()} == {"equal"}


@pytest.mark.parametrize(
    ("only", "formula", "right", "wrong", "named"),
    [
        (STEP, "conv2d", "(a_slice_prev, W)", "(a_slice_prev, W[::-1, ::-1])", {"output": ["kernel-flipped"]}),
        (STEP, "conv2d", "Z + b.item()", "Z", {"output": ["bias-forgotten"]}),
        (CONV[:3], "conv2d", "(a_slice_prev, W)", "(a_slice_prev, W.transpose(1, 0, 2))",
         {"output": ["kernel-transposed"]}),
        (CONV, "conv2d_backward", "+= W[:, :, :, c] *", "+= W[::-1, ::-1, :, c] *",
         {"grad_input": ["input-gradient-unflipped"]}),
        (CONV, "conv2d_backward", "return dA_prev, dW, db", "return dA_prev, dW / m, db",
         {"grad_weight": ["weight-gradient-averaged"]}),
        (CONV, "conv2d_backward", "dA_prev_pad[:, pad:pad + n_H_prev, pad:pad + n_W_prev, :]",
         "dA_prev_pad[:, :n_H_prev, :n_W_prev, :]", {"grad_input": ["padding-gradient-wrong-corner"]}),
        (POOL, "max_pool2d_backward", "mask[np.unravel_index(np.argmax(x), x.shape)] = True", "mask = x == np.max(x)",
         {"grad_input": ["ties-to-all"]}),
        (POOL[:1], "max_pool2d_backward", "mask[np.unravel_index(np.argmax(x), x.shape)] = True",
         "mask = (x == np.max(x)) / np.sum(x == np.max(x))", {"grad_input": ["ties-split"]}),
        (POOL[1:2], "avg_pool2d_backward", "dz / (n_H * n_W)", "dz",
         {"grad_input": ["pooling-gradient-not-divided"]}),
        (POOL, "avg_pool2d_backward", "+= distribute", "= distribute",
         {"grad_input": ["average-gradient-overwritten"]}),
        (RELU, "relu_backward", "Z <= 0", "Z < 0", {"grad_input": ["slope-one-at-zero"]}),
        (RELU, "relu_backward", "np.array(dA, copy=True)", "dA", {"grad_input": ["argument-changed"]}),
        (LINEAR, "linear_backward", "np.dot(dZ, A_prev.T)", "-np.dot(dZ, A_prev.T)", {"grad_weight": ["sign"]}),
        (LINEAR, "linear_backward", "db = 1 / m * ", "db = ", {"grad_bias": ["factor"]}),
        (COST, "cross_entropy", "-1 / m * ", "-", {"output": ["summed-not-averaged"]}),
        (COST, "cross_entropy", "np.log(AL)", "np.log(AL + 1e-7)", {"output": ["epsilon-in-the-logarithm"]}),
        (("update_parameters",), "sgd", "-= learning_rate", "+= learning_rate", {"output": ["climbing"]}),
        (("update_parameters_with_momentum",), "sgd", "return parameters, v", "v.update({k: 0 for k in v})\n"
         "    return parameters, v", {"output": ["momentum-forgotten-between-steps"]}),
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
        (CONV[:3], "conv2d", "return Z, cache", "return Z", CONVOLUTION_LAYER),
        (CONV[:2] + CONV[3:], "conv2d_backward", "", "", (*CONVOLUTION_LAYER, CACHES["conv2d"])),
        (CONV, "conv2d_backward", "db = np.zeros((1, 1, 1, n_C))", "db = np.zeros((n_C))[None, None, None]",
         CONVOLUTION_LAYER),
        (CONV, "conv2d_backward", "pad:pad + n_H_prev, pad:pad + n_W_prev", "pad:-pad, pad:-pad",
         (*CONVOLUTION_LAYER, PADDED)),
        (CONV, "conv2d_backward", "dA_prev = dA_prev_pad[:, pad:pad + n_H_prev, pad:pad + n_W_prev, :]",
         "dA_prev = np.zeros_like(A_prev)\n    dA_prev[:] = dA_prev_pad[:, pad:-pad, pad:-pad]",
         (*CONVOLUTION_LAYER, PADDED)),
        (POOL[:3], "avg_pool2d", "return A, cache", "return A", (NHWC_IMAGES,)),
        (POOL[3:], "max_pool2d_backward", "", "", (NHWC_IMAGES, CACHES["max_pool2d"])),
        (RELU[1:], "relu_backward", "", "", (CACHES["relu"],)),
        (LINEAR[1:], "linear_backward", "", "", (*DENSE_LAYER, CACHES["linear"], LAYER_MEAN)),
        (LINEAR, "linear_backward", "1 / m * ", "", DENSE_LAYER),
        (LINEAR, "linear_backward", "np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, axis=1)",
         (*DENSE_LAYER, LAYER_MEAN)),
        (COST, "cross_entropy", SOFTMAX_COST, LOGISTIC_COST, (LOGISTIC,)),
        (COST, "cross_entropy", "m = Y.shape[1]\n    cost = -1 / m * np.sum(Y * np.log(AL))",
         "m = Y.size\n    cost = -1 / m * np.sum(np.log(AL[Y, np.arange(m)]))", (SAMPLE_COLUMNS, PROBABILITIES)),
        (COST, "cross_entropy", "Y.shape[1]", "Y.shape[0]", (PROBABILITIES, ONE_HOT)),
        (("update_parameters",), "sgd", "    return parameters", "    params.update(parameters)", (DICTIONARIES,)),
    ],
)  # fmt: skip
def test_other_ways_are_conventions(
    only: tuple[str, ...], formula: str, right: str, wrong: str, conventions: tuple[str, ...], tmp_path: Path
) -> None:
    entry = answers(mistaken(LAYERS, right, wrong), tmp_path, only)[only[-1], formula]
    assert (entry.verdict, tuple(entry.conventions)) == ("equal", conventions)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"-1 / m * ": "-1 * "}, "summed-not-averaged"),
        ({"-1 / m * ": "1 / m * ", "(np.dot(Y, np.log(AL).T) + np.dot(1 - Y, np.log(1 - AL).T))":
          "np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL))"}, "minus-forgotten"),
        ({"log(AL)": "log(AL + 1e-7)", "log(1 - AL)": "log(1 - AL + 1e-7)"}, "epsilon-in-the-logarithm"),
    ],
)  # fmt: skip
def test_mistakes_of_the_logistic_loss_are_named(changes: dict[str, str], named: str, tmp_path: Path) -> None:
    cost = LOGISTIC_COST
    for right, wrong in changes.items():
        cost = mistaken(cost, right, wrong)
    source = mistaken(LAYERS, SOFTMAX_COST, cost)
    entry = answers(source, tmp_path, COST)["compute_cost", "cross_entropy"]
    assert proven(entry) == {"output": [named]}


def test_the_logistic_loss_has_two_terms(tmp_path: Path) -> None:
    cost = mistaken(LOGISTIC_COST, " + np.dot(1 - Y, np.log(1 - AL).T)", "")
    entry = answers(mistaken(LAYERS, SOFTMAX_COST, cost), tmp_path, COST)["compute_cost", "cross_entropy"]
    assert entry.verdict == "different"


def test_the_mean_is_taken_in_the_layers_or_in_the_loss(tmp_path: Path) -> None:
    """Never in both, never in neither: then the layer is wrong, or the loss."""
    both = LAYERS + LOSS_GRADIENT
    loss = mistaken(both, "1 / m * np.", "np.")
    layer = mistaken(both, "(AL - Y) / Y.shape[1]", "AL - Y")
    neither = mistaken(loss, "(AL - Y) / Y.shape[1]", "AL - Y")
    verdicts = {}
    for name, source in (("both", both), ("loss", loss), ("layer", layer), ("neither", neither)):
        found = answers(source, tmp_path, (*LINEAR, "cost_backward"))
        linear, cost = found["linear_backward", "linear_backward"], found["cost_backward", "cross_entropy_backward"]
        verdicts[name] = linear.verdict, cost.verdict
        assert (LAYER_MEAN in linear.conventions) == (LAYERS_MEAN in cost.conventions) == (name == "layer")
        if name == "neither":
            assert proven(cost) == {"grad_input": ["gradient-not-averaged"]}
        if name == "both":
            assert proven(linear)["grad_bias"] == ["dense-bias-gradient-averaged"]
    assert verdicts == {
        "both": ("different", "equal"),
        "loss": ("equal", "equal"),
        "layer": ("equal", "equal"),
        "neither": ("equal", "different"),
    }


def test_an_update_must_reach_every_layer(tmp_path: Path) -> None:
    source = mistaken(LAYERS, "for l in range(L):", "for l in range(L - 1):")
    entry = answers(source, tmp_path, ("update_parameters",))["update_parameters", "sgd"]
    assert entry.verdict == "different"


VECTORISED = """
import numpy as np

def windows_of(images, f, stride):
    windows = np.lib.stride_tricks.sliding_window_view(images, (f, f), (1, 2))
    return windows[:, ::stride, ::stride]  # (m, n_H, n_W, C, f, f)

def conv_forward(A_prev, W, b, hparameters):
    pad = hparameters["pad"]
    padded = np.pad(A_prev, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    Z = np.tensordot(windows_of(padded, W.shape[0], hparameters["stride"]), W, ((4, 5, 3), (0, 1, 2))) + b
    return Z, (A_prev, W, b, hparameters)

def conv_backward(dZ, cache):
    A_prev, W, b, hparameters = cache
    s, p = hparameters["stride"], hparameters["pad"]
    padded = np.pad(A_prev, ((0, 0), (p, p), (p, p), (0, 0)))
    dW = np.einsum("mhwcij,mhwo->ijco", windows_of(padded, W.shape[0], s), dZ)
    dA = np.zeros_like(padded)
    for i in range(W.shape[0]):
        for j in range(W.shape[1]):
            dA[:, i:i + s * dZ.shape[1]:s, j:j + s * dZ.shape[2]:s] += dZ @ W[i, j].T
    return dA[:, p:p + A_prev.shape[1], p:p + A_prev.shape[2]], dW, dZ.sum(axis=(0, 1, 2))

def pool_forward(A_prev, hparameters):
    return windows_of(A_prev, hparameters["f"], hparameters["stride"]).max(axis=(4, 5)), (A_prev, hparameters)

def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
"""


def test_vectorised_layers_are_equal(tmp_path: Path) -> None:
    found = answers(VECTORISED, tmp_path)
    assert {key: (entry.verdict, tuple(entry.conventions)) for key, entry in found.items()} == {
        ("conv_forward", "conv2d"): ("equal", CONVOLUTION_LAYER),
        ("conv_backward", "conv2d_backward"): ("equal", CONVOLUTION_LAYER),
        ("pool_forward", "max_pool2d"): ("equal", (NHWC_IMAGES,)),
        ("softmax", "softmax"): ("equal", ()),
    }


def test_a_mixed_layout_is_no_convention(tmp_path: Path) -> None:
    source = mistaken(VECTORISED, "((4, 5, 3), (0, 1, 2))", "((5, 4, 3), (0, 1, 2))")
    entry = answers(source, tmp_path, ("conv_forward", "windows_of"))["conv_forward", "conv2d"]
    assert proven(entry) == {"output": ["kernel-transposed"]}


def test_what_others_call_alike_is_left(tmp_path: Path) -> None:
    source = """
def conv_forward(x, w, b, conv_param): pass
def relu(x): pass
def softmax(x): pass
def compute_loss(y_hat, y): pass
class linear_forward:
    def __init__(self, A, W, b): pass
"""
    assert not [key for key, entry in answers(source, tmp_path).items() if entry.subject.style == "coursera"]


def test_what_returns_nothing_is_missing(tmp_path: Path) -> None:
    """As a function that is still to be written."""
    source = re.sub(r"^((?: {4})?)(def (?!__init__).*:)$", r"\1\2\n\1    return None", LAYERS, flags=re.MULTILINE)
    found = answers(source, tmp_path)
    for (name, formula), entry in found.items():
        if formula != "sgd":
            assert set(entry.results.values()) == {"missing"}, name
            assert set(entry.missing.values()) == {"None"}, name
    assert len(found) == 18
