"""Functions called as torch's are, or nearly so: right ones, and ones with a mistake each."""

from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.asked import answers, check_mistake, check_right, mistaken

# The words and orders that people use; one file, as a student writes it.
RIGHT = """
import numpy as np

def convolve(x, w, b, s, p):
    N, C, H, W = x.shape
    O, _, kH, kW = w.shape
    xp = np.pad(x, ((0,0),(0,0),(p,p),(p,p)))
    oH, oW = (H+2*p-kH)//s+1, (W+2*p-kW)//s+1
    y = np.zeros((N,O,oH,oW))
    for i in range(oH):
        for j in range(oW):
            y[:,:,i,j] = np.einsum("nchw,ochw->no", xp[:,:,i*s:i*s+kH,j*s:j*s+kW], w) + b
    return y

def convolve_backward(dout, x, w, s, p):
    N, C, H, W = x.shape
    O, _, kH, kW = w.shape
    xp = np.pad(x, ((0,0),(0,0),(p,p),(p,p)))
    dxp = np.zeros_like(xp); dw = np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            dw += np.einsum("nchw,no->ochw", xp[:,:,i*s:i*s+kH,j*s:j*s+kW], dout[:,:,i,j])
            dxp[:,:,i*s:i*s+kH,j*s:j*s+kW] += np.einsum("no,ochw->nchw", dout[:,:,i,j], w)
    return dw, dout.sum((0,2,3)), dxp[:,:,p:p+H,p:p+W]

def relu(x): return max(0, x)

def relu_derivative(x): return (x > 0).astype(float)

def dense(x, W, b): return np.dot(x, W) + b

def dense_backward(dout, x, W):
    dW = x.T.dot(dout); db = np.sum(dout, axis=0); dx = dout.dot(W.T)
    return dx, dW, db

def maxpool(X, size=2, stride=2):
    N, C, H, W = X.shape
    oh, ow = (H-size)//stride+1, (W-size)//stride+1
    y = np.empty((N,C,oh,ow))
    for i in range(oh):
        for j in range(ow): y[:,:,i,j] = X[:,:,i*stride:i*stride+size,j*stride:j*stride+size].max(axis=(2,3))
    return y

def avgpool(x, k):
    n, h, w, c = x.shape
    y = np.zeros((n, h//k, w//k, c))
    for i in range(h//k):
        for j in range(w//k): y[:, i, j] = x[:, i*k:(i+1)*k, j*k:(j+1)*k].mean((1,2))
    return y

def pad_images(X, pad): return np.pad(X, ((0,0),(pad,pad),(pad,pad),(0,0)))

def softmax(z):
    e = np.exp(z - np.max(z)); return e / np.sum(e)

def log_softmax(x):
    z = x - x.max(1, keepdims=True)
    return z - np.log(np.exp(z).sum(1, keepdims=True))

def cross_entropy(p, y): return -np.mean(np.sum(y*np.log(p), axis=1))

def cross_entropy_grad(p, y): return (p - y)/len(y)

def flatten(x): return x.reshape(x.shape[0], -1)

def sgd_momentum(w, dw, v, lr, beta):
    v = beta*v + dw
    return w - lr*v, v

def conv2d_backward_weight(grad_output, input, weight):
    dw = np.zeros_like(weight)
    for i in range(grad_output.shape[2]):
        for j in range(grad_output.shape[3]):
            dw += np.einsum("nchw,no->ochw", input[:,:,i:i+weight.shape[2],j:j+weight.shape[3]], grad_output[:,:,i,j])
    return dw
"""
# A single image of one channel, as in an introduction to image filters.
PLANE = """
import numpy as np

def conv2d(image, kernel):
    h, w = image.shape
    kh, kw = kernel.shape
    out = np.zeros((h-kh+1, w-kw+1))
    for i in range(h-kh+1):
        for j in range(w-kw+1):
            out[i,j] = np.sum(image[i:i+kh, j:j+kw]*kernel)
    return out
"""
# With this project's layers: parameters with .data and .grad, and an optimizer of them.
LAYERS = """
import numpy as np

class Parameter:
    def __init__(self, data): self.data = data; self.grad = None

class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        k = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self.weight = Parameter(np.random.randn(out_channels, in_channels, *k))
        self.bias = Parameter(np.zeros(out_channels)) if bias else None
        self.stride = stride; self.padding = padding
    def _cols(self, x):
        O, C, kh, kw = self.weight.data.shape
        p = self.padding; s = self.stride
        xp = np.pad(x, ((0,0),(0,0),(p,p),(p,p)))
        v = np.lib.stride_tricks.sliding_window_view(xp, (kh, kw), axis=(2,3))[:, :, ::s, ::s]
        return v
    def forward(self, x):
        self.x = x
        self.v = self._cols(x)
        y = np.einsum("ncijkl,ockl->noij", self.v, self.weight.data)
        if self.bias is not None: y = y + self.bias.data[:, None, None]
        return y
    def backward(self, grad_output):
        self.weight.grad = np.einsum("ncijkl,noij->ockl", self.v, grad_output)
        if self.bias is not None: self.bias.grad = grad_output.sum((0,2,3))
        p=self.padding; s=self.stride
        N,C,H,W = self.x.shape
        dx = np.zeros((N,C,H+2*p,W+2*p))
        O,_,kh,kw = self.weight.data.shape
        for i in range(grad_output.shape[2]):
            for j in range(grad_output.shape[3]):
                dx[:,:,i*s:i*s+kh,j*s:j*s+kw] += np.einsum("no,ockl->nckl", grad_output[:,:,i,j], self.weight.data)
        return dx[:,:,p:p+H,p:p+W]

class Linear:
    def __init__(self, in_features, out_features):
        self.weight = np.random.randn(out_features, in_features); self.bias = np.zeros(out_features)
    def forward(self, input):
        self.input = input
        return input @ self.weight.T + self.bias
    def backward(self, grad_output):
        self.grad_weight = grad_output.T @ self.input
        self.grad_bias = grad_output.sum(0)
        return grad_output @ self.weight

class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, 0)
    def backward(self, g): return np.where(self.mask, g, 0)

class MaxPool2d:
    def __init__(self, kernel_size, stride=None):
        self.k = kernel_size; self.s = stride or kernel_size
    def forward(self, x):
        self.x = x; k, s = self.k, self.s
        N,C,H,W = x.shape
        oH, oW = (H-k)//s+1, (W-k)//s+1
        y = np.zeros((N,C,oH,oW))
        for i in range(oH):
            for j in range(oW):
                y[:,:,i,j] = x[:,:,i*s:i*s+k,j*s:j*s+k].max((2,3))
        self.y = y
        return y
    def backward(self, g):
        dx = np.zeros_like(self.x); k, s = self.k, self.s
        for n,c,i,j in np.ndindex(g.shape):
            win = self.x[n,c,i*s:i*s+k,j*s:j*s+k]
            a,b = np.unravel_index(win.argmax(), win.shape)
            dx[n,c,i*s+a,j*s+b] += g[n,c,i,j]
        return dx

class Flatten:
    def forward(self, x): self.shape = x.shape; return x.reshape(len(x), -1)
    def backward(self, g): return g.reshape(self.shape)

class CrossEntropyLoss:
    def forward(self, logits, target):
        z = logits - logits.max(1, keepdims=True)
        self.p = np.exp(z); self.p /= self.p.sum(1, keepdims=True); self.t = target
        return (np.log(np.exp(z).sum(1)) - z[np.arange(len(z)), target]).mean()
    def backward(self):
        d = self.p.copy(); d[np.arange(len(d)), self.t] -= 1
        return d / len(d)

class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True)); self.p = e / e.sum(axis=1, keepdims=True)
        return self.p
    def backward(self, g): return self.p * (g - (g*self.p).sum(axis=1, keepdims=True))

class SGD:
    def __init__(self, params, lr=0.01, momentum=0.0):
        self.params=params; self.lr=lr; self.momentum=momentum; self.v=[0]*len(params)
    def step(self):
        for i,p in enumerate(self.params):
            self.v[i] = self.momentum*self.v[i] + p.grad
            p.data = p.data - self.lr*self.v[i]
"""


def test_that_right_functions_are_equal_and_their_conventions_told(tmp_path: Path) -> None:
    entries = answers(RIGHT, tmp_path)
    check_right(entries)
    assert {entry.subject.style for entry in entries.values()} == {"reference"}
    told = {found: entry.conventions for (found, _), entry in entries.items()}
    assert told["convolve"] == []
    assert told["convolve_backward"] == ["the gradients come in the order the weight's, the bias's, the input's"]
    assert told["relu"] == ["it takes one number at a time"]
    assert told["relu_derivative"] == ["it gives the derivative; the upstream gradient is multiplied by it"]
    assert told["dense"] == told["dense_backward"] == ["weights are stored (in, out)"]
    assert told["avgpool"] == ["images are stored (N, H, W, C)"]
    assert told["pad_images"] == ["images are stored (N, H, W, C)", "the padding is one number"]
    assert told["softmax"] == ["it takes one vector at a time"]
    assert told["cross_entropy"] == ["targets are one-hot", "the loss takes probabilities, not scores"]
    assert told["cross_entropy_grad"] == told["cross_entropy"]
    assert entries["conv2d_backward_weight", "conv2d_backward"].results == {"grad_weight": "equal"}


def test_that_one_image_and_one_kernel_are_enough(tmp_path: Path) -> None:
    (entry,) = answers(PLANE, tmp_path).values()
    assert entry.verdict == "equal"
    assert entry.conventions[:2] == [
        "it takes one image of one channel at a time, (H, W)",
        "there is one kernel, (kH, kW)",
    ]


def test_that_layers_with_torch_s_names_are_equal(tmp_path: Path) -> None:
    entries = answers(LAYERS, tmp_path)
    check_right(entries)
    assert {entry.subject.style for entry in entries.values()} == {"reference"}
    assert len(entries) == 15
    assert not any(entry.conventions for entry in entries.values())


@pytest.mark.parametrize(
    ("name", "right", "wrong", "mistake"),
    [
        ("convolve", "w) + b", "w[:, :, ::-1, ::-1]) + b", "kernel-flipped"),
        ("convolve", "w) + b", "w)", "bias-forgotten"),
        ("convolve_backward", "dout[:,:,i,j], w)", "dout[:,:,i,j], w[:, :, ::-1, ::-1])", "input-gradient-unflipped"),
        ("convolve_backward", "dout.sum((0,2,3))", "dout.mean((0,2,3))", "bias-gradient-averaged"),
        ("dense_backward", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", "dense-bias-gradient-averaged"),
        ("cross_entropy", "np.log(p)", "np.log(p + 1e-7)", "epsilon-in-the-logarithm"),
        ("cross_entropy_grad", "(p - y)/len(y)", "p - y", "gradient-not-averaged"),
        ("sgd_momentum", "return w - lr*v, v", "return w + lr*v, v", "climbing"),
        ("conv2d_backward_weight", "return dw", "return dw[:, :, ::-1, ::-1]", "weight-gradient-flipped"),
    ],
)  # fmt: skip
def test_that_a_mistake_in_a_function_is_named(tmp_path: Path, name: str, right: str, wrong: str, mistake: str) -> None:
    assert right in RIGHT
    start = RIGHT.index(f"def {name}(")
    written = RIGHT[:start] + RIGHT[start:].replace(right, wrong, 1)
    check_mistake(answers(written, tmp_path, (name,)), mistake)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "mistake"),
    [
        ("Conv2d", "self.weight.grad = np", "self.weight.grad = 1 / len(self.x) * np", "weight-gradient-averaged"),
        ("Linear", "self.grad_bias = grad_output.sum(0)", "self.grad_bias = grad_output.mean(0)",
         "dense-bias-gradient-averaged"),
        ("ReLU", "np.where(self.mask, g, 0)", "np.where(g > 0, g, 0)", "masked-by-gradient"),
        ("MaxPool2d", "dx[n,c,i*s+a,j*s+b] += g", "dx[n,c,i*s+a,j*s+b] = g", "pooling-gradient-overwritten"),
        ("CrossEntropyLoss", "return d / len(d)", "return d", "gradient-not-averaged"),
        ("Flatten", "x.reshape(len(x), -1)", "x.transpose(0, 2, 3, 1).reshape(len(x), -1)", "flattened-channels-last"),
        ("SGD", "self.momentum*self.v[i] + p.grad", "p.grad", "momentum-forgotten-between-steps"),
    ],
)  # fmt: skip
def test_that_a_mistake_in_a_layer_is_named(tmp_path: Path, name: str, right: str, wrong: str, mistake: str) -> None:
    check_mistake(answers(mistaken(LAYERS, right, wrong), tmp_path, (name,)), mistake)


@pytest.mark.parametrize("default", ["stride=1", "stride=None"])
def test_that_a_stride_which_defaults_to_one_is_named(tmp_path: Path, default: str) -> None:
    source = """
import numpy as np

def max_pool2d(x, kernel_size, STRIDE):
    k, s = kernel_size, stride or 1
    N, C, H, W = x.shape
    y = np.empty((N, C, (H - k) // s + 1, (W - k) // s + 1))
    for i, j in np.ndindex(y.shape[2:]):
        y[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].max((2, 3))
    return y
"""
    check_mistake(answers(source.replace("STRIDE", default), tmp_path), "stride-defaults-to-one")


def test_that_gradients_which_add_up_in_parameters_are_set_to_zero_first(tmp_path: Path) -> None:
    adding = "self.weight.grad = (0 if self.weight.grad is None else self.weight.grad) + np"
    check_right(answers(mistaken(LAYERS, "self.weight.grad = np", adding), tmp_path, ("Conv2d",)))
