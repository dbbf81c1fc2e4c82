"""torch code: modules, autograd functions and functions on tensors, right and with a mistake each."""

from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.asked import answers, check_mistake, check_right, mistaken

RIGHT = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class MyConv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.stride, self.padding = stride, padding
    def forward(self, x):
        cols = F.unfold(x, self.weight.shape[2:], stride=self.stride, padding=self.padding)
        y = self.weight.flatten(1) @ cols + self.bias[:, None]
        h = (x.shape[2] + 2*self.padding - self.weight.shape[2]) // self.stride + 1
        w = (x.shape[3] + 2*self.padding - self.weight.shape[3]) // self.stride + 1
        return y.view(len(x), -1, h, w)

class MyLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_in, n_out)); self.b = nn.Parameter(torch.zeros(n_out))
    def forward(self, x): return x @ self.w + self.b

class MyReLU(nn.Module):
    def forward(self, x): return x.relu()

class MyMaxPool2d(nn.Module):
    def __init__(self, k): super().__init__(); self.k = k
    def forward(self, x):
        return x.unfold(2, self.k, self.k).unfold(3, self.k, self.k).flatten(-2).max(-1).values

class ReLUFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input.clamp(min=0)
    @staticmethod
    def backward(ctx, grad_output):
        input, = ctx.saved_tensors
        g = grad_output.clone(); g[input <= 0] = 0
        return g

class LinearFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input, weight, bias):
        ctx.save_for_backward(input, weight); return input @ weight.t() + bias
    @staticmethod
    def backward(ctx, g):
        input, weight = ctx.saved_tensors
        return g @ weight, g.t() @ input, g.sum(0)

def softmax(x):
    e = torch.exp(x - x.amax(1, keepdim=True)); return e / e.sum(dim=1, keepdim=True)

def cross_entropy(logits, target):
    return -F.log_softmax(logits, 1)[torch.arange(len(target)), target].mean()

def conv2d(x, weight, bias=None, stride=1, padding=0):
    return F.conv2d(x, weight, bias, stride, padding)

def max_pool2d_backward(grad_output, input, kernel_size):
    dx = torch.zeros_like(input)
    k = kernel_size
    for n in range(input.shape[0]):
        for c in range(input.shape[1]):
            for i in range(grad_output.shape[2]):
                for j in range(grad_output.shape[3]):
                    w = input[n, c, i*k:i*k+k, j*k:j*k+k]
                    m = w.argmax()
                    dx[n, c, i*k + m//k, j*k + m%k] += grad_output[n, c, i, j]
    return dx
"""


def test_that_right_modules_and_functions_are_equal(tmp_path: Path) -> None:
    entries = answers(RIGHT, tmp_path)
    check_right(entries)
    assert {entry.subject.style for entry in entries.values()} == {"torch"}
    assert len(entries) == 19
    told = {found: entry.conventions for (found, _), entry in entries.items()}
    assert told["MyLinear.forward, through autograd"] == ["weights are stored (in, out)"]


@pytest.mark.parametrize(
    ("name", "right", "wrong", "mistake"),
    [
        ("MyConv2d", "self.weight.flatten(1) @ cols", "self.weight.flip(2, 3).flatten(1) @ cols", "kernel-flipped"),
        ("MyReLU", "x.relu()", "x.clamp(min=0)", "slope-one-at-zero"),
        ("MyMaxPool2d", ".flatten(-2).max(-1).values", ".amax((-1, -2))", "ties-split"),
        ("ReLUFunction", "g[input <= 0] = 0", "g[input < 0] = 0", "slope-one-at-zero"),
        ("ReLUFunction", "g[input <= 0] = 0", "g[g < 0] = 0", "masked-by-gradient"),
        ("LinearFunction", "g.sum(0)", "g.mean(0)", "dense-bias-gradient-averaged"),
        ("softmax", "torch.exp(x - x.amax(1, keepdim=True))", "torch.exp(x)", "no-max-subtraction"),
        ("cross_entropy", "target].mean()", "target].sum()", "summed-not-averaged"),
        ("max_pool2d_backward", "m = w.argmax()", "m = k * k - 1 - w.flip(0, 1).argmax()", "ties-to-last"),
    ],
)  # fmt: skip
def test_that_a_mistake_is_named(tmp_path: Path, name: str, right: str, wrong: str, mistake: str) -> None:
    check_mistake(answers(mistaken(RIGHT, right, wrong), tmp_path, (name,)), mistake)


def test_that_no_gradient_is_asked_of_a_function_that_leaves_autograd(tmp_path: Path) -> None:
    source = """
import torch

def relu(x):
    return torch.tensor([[max(number, 0.0) for number in row] for row in x.flatten(1).tolist()]).reshape(x.shape)
"""
    assert [name for _, name in answers(source, tmp_path)] == ["relu"]


def test_that_a_gradient_which_does_not_flow_is_missing(tmp_path: Path) -> None:
    entries = answers(mistaken(RIGHT, "x.relu()", "x.detach().relu()"), tmp_path, ("MyReLU",))
    assert entries["MyReLU.forward", "relu"].verdict == "equal"
    assert entries["MyReLU.forward, through autograd", "relu_backward"].results == {"grad_input": "missing"}


def test_that_numpy_code_beside_torch_is_asked_with_arrays(tmp_path: Path) -> None:
    source = "import numpy as np\nimport torch\n\ndef relu(x):\n    return np.maximum(x, 0)\n"
    (entry,) = answers(source, tmp_path).values()
    assert entry.subject.style == "reference"
    assert entry.verdict == "equal"
