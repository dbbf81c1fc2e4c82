"""Right code that was once said to be wrong, or not understood: the shapes in which people write it."""

from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.asked import answers, check_mistake, check_right

CACHES = """
import numpy as np

def conv_forward(X, W, b, stride=1, padding=1):
    n, c, h, w = X.shape
    f, _, kh, kw = W.shape
    Xp = np.pad(X, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    oh, ow = (h - kh + 2 * padding) // stride + 1, (w - kw + 2 * padding) // stride + 1
    out = np.zeros((n, f, oh, ow))
    for i in range(oh):
        for j in range(ow):
            patch = Xp[:, :, i * stride:i * stride + kh, j * stride:j * stride + kw]
            out[:, :, i, j] = np.tensordot(patch, W, axes=([1, 2, 3], [1, 2, 3])) + b
    cache = dict(X=X, W=W, stride=stride, padding=padding)
    return out, cache

def conv_backward(dout, cache):
    X, W, stride, padding = cache["X"], cache["W"], cache["stride"], cache["padding"]
    h, w = X.shape[2:]
    kh, kw = W.shape[2:]
    Xp = np.pad(X, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    dXp, dW = np.zeros_like(Xp), np.zeros_like(W)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            sl = np.s_[:, :, i * stride:i * stride + kh, j * stride:j * stride + kw]
            dW += np.tensordot(dout[:, :, i, j], Xp[sl], axes=(0, 0))
            dXp[sl] += np.tensordot(dout[:, :, i, j], W, axes=(1, 0))
    return dXp[:, :, padding:padding + h, padding:padding + w], dW, dout.sum((0, 2, 3))

def linear_forward(X, W, b):
    memory = {"X": X, "W": W}
    return X @ W + b, memory

def linear_backward(dZ, memory):
    return dZ @ memory["W"].T, memory["X"].T @ dZ, dZ.sum(axis=0)

def fc_forward(x, w, b):
    return x @ w.T + b

def relu_forward(x):
    mask = x > 0
    return x * mask, mask

def relu_backward(dout, mask):
    return dout * mask

def cross_entropy_forward(logits, y):
    z = logits - logits.max(1, keepdims=True)
    lp = z - np.log(np.exp(z).sum(1, keepdims=True))
    return -lp[np.arange(len(y)), y].mean(), (lp, y)

def cross_entropy_backward(cache):
    lp, y = cache
    d = np.exp(lp)
    d[np.arange(len(y)), y] -= 1
    return d / len(y)
"""
LAZY = """
import numpy as np

class Conv2D:
    def __init__(self, filters, kernel_size, strides=(1, 1), padding="valid"):
        self.filters, self.strides, self.padding = filters, strides, padding
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        self.built = False

    def build(self, input_shape):
        self.W = np.random.randn(*self.kernel_size, input_shape[-1], self.filters)
        self.b = np.zeros(self.filters)
        self.built = True

    def forward(self, x):
        if not self.built:
            self.build(x.shape)
        (kh, kw), (sh, sw) = self.kernel_size, self.strides
        n, h, w, c = x.shape
        if self.padding == "same":
            oh, ow = -(-h // sh), -(-w // sw)
            ph, pw = max((oh - 1) * sh + kh - h, 0), max((ow - 1) * sw + kw - w, 0)
            x = np.pad(x, ((0, 0), (ph // 2, ph - ph // 2), (pw // 2, pw - pw // 2), (0, 0)))
        else:
            oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1
        out = np.zeros((n, oh, ow, self.filters))
        for i in range(oh):
            for j in range(ow):
                out[:, i, j] = np.tensordot(x[:, i*sh:i*sh+kh, j*sw:j*sw+kw], self.W, axes=3) + self.b
        return out

class MaxPooling2D:
    def __init__(self, pool_size=(2, 2), strides=None):
        self.pool_size, self.strides = pool_size, strides or pool_size

    def forward(self, x):
        (ph, pw), (sh, sw) = self.pool_size, self.strides
        n, h, w, c = x.shape
        oh, ow = (h - ph) // sh + 1, (w - pw) // sw + 1
        out = np.zeros((n, oh, ow, c))
        for i in range(oh):
            for j in range(ow):
                out[:, i, j] = x[:, i*sh:i*sh+ph, j*sw:j*sw+pw].max((1, 2))
        return out

class Dense:
    def __init__(self, units):
        self.units, self.W, self.b = units, None, None

    def forward(self, x):
        if self.W is None:
            self.W, self.b = np.random.randn(x.shape[1], self.units), np.zeros(self.units)
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T
"""
LOSS = """
import numpy as np

class CategoricalCrossEntropy:
    def forward(self, y_pred, y_true):
        return -np.sum(y_true * np.log(y_pred)) / len(y_true)

    def backward(self, y_pred, y_true):
        return -(y_true / y_pred) / len(y_true)
"""
OPTIMIZERS = """
import numpy as np

class SGD:
    def __init__(self, lr=0.1, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, {}

    def step(self, layers):
        for i, layer in enumerate(layers):
            for k, p in layer.params.items():
                self.v[i, k] = self.momentum * self.v.get((i, k), 0) - self.lr * layer.grads[k]
                p += self.v[i, k]

class SGDOptimizer:
    def __init__(self, model, lr):
        self.model, self.lr = model, lr

    def step(self):
        for layer in self.model.layers:
            layer.W = layer.W - self.lr * layer.dW
            layer.b = layer.b - self.lr * layer.db

class MomentumSGD:
    def __init__(self, learning_rate, beta=0.9):
        self.learning_rate, self.beta, self.vw, self.vb = learning_rate, beta, 0, 0

    def update(self, layer):
        self.vw = self.beta * self.vw + layer.grad_weights
        self.vb = self.beta * self.vb + layer.grad_biases
        layer.weights -= self.learning_rate * self.vw
        layer.biases -= self.learning_rate * self.vb
"""
COLUMNS = """
import numpy as np

class Softmax:
    def forward(self, input):
        tmp = np.exp(input - np.max(input))
        self.output = tmp / np.sum(tmp)
        return self.output

    def backward(self, output_gradient, learning_rate):
        n = np.size(self.output)
        tmp = np.tile(self.output, n)
        return np.dot(tmp * (np.identity(n) - np.transpose(tmp)), output_gradient)
"""
STATIC = """
import numpy as np

class ReLU:
    @staticmethod
    def forward(x): return np.maximum(0, x)

    @staticmethod
    def backward(dout, x): return dout * (x > 0)

class ReLULayer:
    @classmethod
    def forward(cls, x): return np.where(x > 0, x, 0)
"""
ONE_IMAGE = """
import numpy as np

class PoolLayer:
    def __init__(self, size): self.size = size

    def forward(self, image):
        h, w, c = image.shape
        s = self.size
        out = np.zeros((h // s, w // s, c))
        for i in range(h // s):
            for j in range(w // s):
                out[i, j] = image[i*s:(i+1)*s, j*s:(j+1)*s].max(axis=(0, 1))
        return out

class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.flatten()

    def backward(self, g): return g.reshape(self.shape)
"""
LISTS = """
import math

def conv2d(image, kernel):
    h, w, kh, kw = len(image), len(image[0]), len(kernel), len(kernel[0])
    return [[sum(image[i + a][j + b] * kernel[a][b] for a in range(kh) for b in range(kw))
             for j in range(w - kw + 1)] for i in range(h - kh + 1)]

def max_pool(image, size=2):
    h, w = len(image), len(image[0])
    return [[max(image[i * size + a][j * size + b] for a in range(size) for b in range(size))
             for j in range(w // size)] for i in range(h // size)]

def softmax(scores):
    m = max(scores)
    e = [math.exp(s - m) for s in scores]
    return [v / sum(e) for v in e]
"""
ONE_VECTOR = """
import numpy as np

def softmax(X):
    out = np.exp(X - X.max())
    return out / np.sum(out)
"""
SECOND_VOLUME = """
import numpy as np

class Affine:
    def __init__(self, W, b):
        self.params, self.grads, self.x = [W, b], [np.zeros_like(W), np.zeros_like(b)], None

    def forward(self, x):
        W, b = self.params
        self.x = x
        return np.dot(x, W) + b

    def backward(self, dout):
        W, b = self.params
        self.grads[0][...] = np.dot(self.x.T, dout)
        self.grads[1][...] = np.sum(dout, axis=0)
        return np.dot(dout, W.T)

class SGD:
    def __init__(self, lr=0.01): self.lr = lr

    def update(self, params, grads):
        for i in range(len(params)):
            params[i] -= self.lr * grads[i]
"""
TENSORS = """
import torch
from torch import nn

def avg_pool2d(x, k=2): return x.unfold(2, k, k).unfold(3, k, k).mean((-1, -2))
def log_softmax(x, dim=-1): return x - torch.logsumexp(x, dim, keepdim=True)
def nll(logp, y): return -logp[range(len(y)), y].mean()
def cross_entropy(x, y): return nll(log_softmax(x), y)

class ReLU(nn.Module):
    def forward(self, x): return x.relu()

class SGD:
    def __init__(self, params, lr): self.params, self.lr = params, lr

    def step(self):
        for param in self.params: param -= self.lr * param.grad

class OptimizerSGD(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1): super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]: p.add_(p.grad, alpha=-group["lr"])
"""
ONE_GRADIENT = """
import numpy as np

def conv2d_grad_input(grad_output, weight, input_shape, stride=1):
    n, c, h, w = input_shape
    kh, kw = weight.shape[2:]
    d = np.zeros(input_shape)
    for i in range(grad_output.shape[2]):
        for j in range(grad_output.shape[3]):
            part = np.einsum("no,ochw->nchw", grad_output[:, :, i, j], weight)
            d[:, :, i*stride:i*stride+kh, j*stride:j*stride+kw] += part
    return d

def conv2d_grad_weight(grad_output, input, weight_shape, stride=1):
    o, c, kh, kw = weight_shape
    d = np.zeros(weight_shape)
    for i in range(grad_output.shape[2]):
        for j in range(grad_output.shape[3]):
            patch = input[:, :, i*stride:i*stride+kh, j*stride:j*stride+kw]
            d += np.einsum("no,nchw->ochw", grad_output[:, :, i, j], patch)
    return d

def cross_entropy(pred, target, reduction="mean"):
    z = pred - pred.max(1, keepdims=True)
    loss = np.log(np.exp(z).sum(1)) - z[np.arange(len(target)), target]
    return loss.mean() if reduction == "mean" else loss.sum()

def momentum_update(param, grad, velocity, lr=0.1, momentum=0.9):
    velocity *= momentum
    velocity -= lr * grad
    param += velocity
"""
COLUMNS_LAST = """
import numpy as np

def zero_pad(X, pad): return np.pad(X, ((0, 0), (pad, pad), (pad, pad), (0, 0)))

def conv_forward(A_prev, W, b, stride=1, pad=0):
    m, h, w, c = A_prev.shape
    fh, fw, _, C = W.shape
    X = zero_pad(A_prev, pad)
    Z = np.zeros((m, (h - fh + 2 * pad) // stride + 1, (w - fw + 2 * pad) // stride + 1, C))
    for i in range(Z.shape[1]):
        for j in range(Z.shape[2]):
            Z[:, i, j] = np.tensordot(X[:, i*stride:i*stride+fh, j*stride:j*stride+fw], W, axes=3) + b.reshape(-1)
    return Z, (A_prev, W, b, stride, pad)

def conv_backward(dZ, cache):
    A_prev, W, b, stride, pad = cache
    X = zero_pad(A_prev, pad)
    dX, dW = np.zeros_like(X), np.zeros_like(W)
    fh, fw = W.shape[:2]
    for i in range(dZ.shape[1]):
        for j in range(dZ.shape[2]):
            s = np.s_[:, i*stride:i*stride+fh, j*stride:j*stride+fw]
            dW += np.einsum("mhwc,mf->hwcf", X[s], dZ[:, i, j])
            dX[s] += np.einsum("mf,hwcf->mhwc", dZ[:, i, j], W)
    h, w = A_prev.shape[1:3]
    return dX[:, pad:pad+h, pad:pad+w], dW, dZ.sum((0, 1, 2), keepdims=True)

def softmax_forward(Z):
    e = np.exp(Z - Z.max(0, keepdims=True))
    return e / e.sum(0, keepdims=True)
"""
OF_A_SHAPE = """
import numpy as np

class Conv2D:
    def __init__(self, input_shape, num_filters, kernel_size=3, padding=0):
        C, self.H, self.W = input_shape
        self.F, self.K, self.P = num_filters, kernel_size, padding
        self.weights, self.biases = np.random.randn(num_filters, C, kernel_size, kernel_size), np.zeros(num_filters)

    def forward(self, x):
        x = np.pad(x, ((0, 0), (0, 0), (self.P, self.P), (self.P, self.P)))
        out = np.zeros((len(x), self.F, self.H + 2 * self.P - self.K + 1, self.W + 2 * self.P - self.K + 1))
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                patch = x[:, :, i:i+self.K, j:j+self.K]
                out[:, :, i, j] = np.tensordot(patch, self.weights, axes=([1, 2, 3], [1, 2, 3])) + self.biases
        return out
"""
UNUSED = """
import numpy as np

class Pooling:
    def __init__(self, pool_h, pool_w, stride=2, pad=0):
        self.pool_h, self.pool_w, self.stride, self.pad = pool_h, pool_w, stride, pad

    def forward(self, x):
        h, w, s = self.pool_h, self.pool_w, self.stride
        out = np.zeros((*x.shape[:2], (x.shape[2] - h) // s + 1, (x.shape[3] - w) // s + 1))
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                out[:, :, i, j] = x[:, :, i*s:i*s+h, j*s:j*s+w].max(axis=(2, 3))
        return out
"""
ONE_SAMPLE = """
import numpy as np

def cross_entropy(y_hat, y):
    return -np.sum(y * np.log(y_hat))

class CrossEntropyLoss:
    def forward(self, scores, label):
        e = np.exp(scores - scores.max())
        self.p, self.label = e / e.sum(), label
        return -np.log(self.p[label])

    def backward(self):
        d = self.p.copy()
        d[self.label] -= 1
        return d

def cross_entropy_grad(scores, label):
    e = np.exp(scores - scores.max())
    p = e / e.sum()
    p[label] -= 1
    return p
"""
FILES = {
    "stride and padding as arguments, images last": (COLUMNS_LAST, 4),
    "batches of images of a given shape": (OF_A_SHAPE, 1),
    "an option for which there is no code": (UNUSED, 1),
    "shapes of what a gradient is for, a loss of two reductions, a velocity": (ONE_GRADIENT, 4),
    "caches of any form": (CACHES, 9),
    "weights made in the first forward": (LAZY, 4),
    "gradients for probabilities": (LOSS, 2),
    "optimizers of layers": (OPTIMIZERS, 3),
    "columns": (COLUMNS, 2),
    "static methods": (STATIC, 3),
    "one image at a time": (ONE_IMAGE, 3),
    "a loss of one sample": (ONE_SAMPLE, 4),
    "lists": (LISTS, 3),
    "one vector": (ONE_VECTOR, 1),
    "params and grads in lists": (SECOND_VOLUME, 3),
    "tensors": (TENSORS, 11),
}


@pytest.mark.parametrize("called", FILES)
def test_what_is_right_is_equal(called: str, tmp_path: Path) -> None:
    """All of the file is understood, and all of it is equal."""
    text, subjects = FILES[called]
    entries = answers(text, tmp_path)
    check_right(entries)
    assert len(entries) == subjects, [name for name, _ in entries]


def test_a_gradient_that_takes_a_batch_is_not_taken_for_that_of_one_sample(tmp_path: Path) -> None:
    """Else it would be right without the mean."""
    forgotten = """
from helpers import softmax

def cross_entropy_backward(scores, target):
    return softmax(scores) - target
"""
    (tmp_path / "helpers.py").write_text(
        "import numpy as np\n\ndef softmax(x):\n    e = np.exp(x - x.max(-1, keepdims=True))\n"
        "    return e / e.sum(-1, keepdims=True)\n"
    )
    check_mistake(answers(forgotten, tmp_path), "gradient-not-averaged")
