"""The lines of a student's file that make a result."""

import textwrap
from pathlib import Path

import pytest

from torch_parity.doctor.where import lines_of

CODE = """
import numpy as np

def conv_backward_naive(dout, cache):
    x, w = cache
    dw, db = np.zeros_like(w), 0
    dxp = np.zeros(x.shape)
    for i in range(3):
        dxp[i:i + 2] += dout[i] * w
        dw += dout[i] * x[i:i + 2]
    dx = dxp[1:-1]
    db = dout.sum()
    db += 1
    return dx, dw / len(x), db

def softmax_loss(x, y):
    p = np.exp(x)
    loss = -np.log(p[y])
    dx = p - 1
    return loss, dx

class Affine:
    def __init__(self, W):
        self.W = W
        self.dW = None

    def forward(self, x):
        return x @ self.W

    def backward(self, dout):
        dx = dout @ self.W.T
        self.dW = self.x.T @ dout
        return dx

class Layer_Dense:
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dinputs = dvalues @ self.weights.T

def affine_forward(x, w):
    return x @ w, (x, w)

def affine_forward(x, w):
    out = x @ w
    return out, (x, w)

def batchnorm_forward(x, gamma, beta, bn_param):
    out = gamma * x + beta
    running_mean = bn_param["running_mean"] + x.mean(axis=0)
    bn_param["running_mean"] = running_mean
    bn_param["running_var"] += x.var(axis=0)
    cache = gamma, out
    return out, cache

def batchnorm_backward(dout, cache):
    dbeta = dout.sum()
    return dout, dout, dbeta
"""
RUNNING = ("output", "running_mean", "running_var")
THREE = ("grad_input", "grad_weight", "grad_bias")


@pytest.mark.parametrize(
    ("found", "results", "result", "starts"),
    [
        ("conv_backward_naive", THREE, "grad_input", ["dxp[i:i + 2] +=", "dx = dxp[1:-1]"]),
        ("conv_backward_naive", THREE, "grad_weight", ["return dx, dw / len(x), db"]),
        ("conv_backward_naive", THREE, "grad_bias", ["db = dout.sum()", "db += 1"]),
        ("softmax_loss", ("output",), "output", ["loss = -np.log"]),
        ("softmax_loss", ("grad_input",), "grad_input", ["dx = p - 1"]),
        ("Affine.forward", ("output",), "output", ["return x @ self.W"]),
        ("Affine.backward", THREE, "grad_input", ["dx = dout @ self.W.T"]),
        ("Affine.backward", THREE, "grad_weight", ["self.dW = self.x.T"]),
        ("Layer_Dense.backward", THREE, "grad_weight", ["self.dweights ="]),
        ("Layer_Dense.backward", THREE, "grad_input", ["self.dinputs ="]),
        ("affine_forward", ("output",), "output", ["out = x @ w"]),
        ("batchnorm_forward", RUNNING, "output", ["out = gamma"]),
        ("batchnorm_forward", RUNNING, "running_mean", ["running_mean = ", 'bn_param["running_mean"] = running_mean']),
        ("batchnorm_forward", RUNNING, "running_var", ['bn_param["running_var"] += ']),
        ("batchnorm_backward", THREE, "grad_bias", ["dbeta = dout.sum()"]),
        ("nowhere", ("output",), "output", []),
    ],
)
def test_the_lines(tmp_path: Path, found: str, results: tuple[str, ...], result: str, starts: list[str]) -> None:
    file = tmp_path / "mine.py"
    file.write_text(CODE)
    lines = lines_of(file, found, results, result)
    assert len(lines) == len(starts)
    rows = CODE.splitlines()
    for line, start in zip(lines, starts, strict=True):
        assert line.text.startswith(start)
        assert rows[line.number - 1].strip() == line.text


@pytest.mark.parametrize(
    "code", ["def f(:", "\x00", "def f():\n    return\n", "def f():\n    pass\n", "f = lambda x: x\n"]
)
def test_what_cannot_be_read_gives_no_lines(tmp_path: Path, code: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(code))
    assert lines_of(file, "f", ("output",), "output") == []
    assert lines_of(tmp_path / "absent.py", "f", ("output",), "output") == []
