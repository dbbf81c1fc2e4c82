"""Students' files, made of one text of loops for each formula and three ways to wrap it, with mistakes written in.

``source(style, mistake)`` is a whole file: CS231n's functions, a course's classes, or this project's functions.  A
mistake is a line of the loops exchanged for what people write there, so the doctor meets code and not its own table.
"""

from textwrap import dedent, indent

# The loops, without their mistakes.  Each takes its arguments under these names, and leaves what the last line names.
BODIES = {
    "conv2d": """
        N, C, H, W = x.shape
        O, _, kH, kW = w.shape
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        oH = (H + 2 * pad - kH) // stride + 1
        oW = (W + 2 * pad - kW) // stride + 1
        y = np.zeros((N, O, oH, oW))
        for n in range(N):
            for o in range(O):
                for i in range(oH):
                    for j in range(oW):
                        window = padded[n, :, i * stride:i * stride + kH, j * stride:j * stride + kW]
                        y[n, o, i, j] = np.sum(window * w[o]) + b[o]
    """,
    "conv2d_backward": """
        N, C, H, W = x.shape
        O, _, kH, kW = w.shape
        _, _, oH, oW = dy.shape
        padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
        dpadded = np.zeros_like(padded)
        dw = np.zeros_like(w)
        for n in range(N):
            for o in range(O):
                for i in range(oH):
                    for j in range(oW):
                        rows = slice(i * stride, i * stride + kH)
                        columns = slice(j * stride, j * stride + kW)
                        dw[o] += dy[n, o, i, j] * padded[n, :, rows, columns]
                        dpadded[n, :, rows, columns] += dy[n, o, i, j] * w[o]
        db = dy.sum(axis=(0, 2, 3))
        dx = dpadded[:, :, pad:pad + H, pad:pad + W]
    """,
    "max_pool2d": """
        N, C, H, W = x.shape
        oH = (H - kH) // stride + 1
        oW = (W - kW) // stride + 1
        y = np.zeros((N, C, oH, oW))
        for i in range(oH):
            for j in range(oW):
                window = x[:, :, i * stride:i * stride + kH, j * stride:j * stride + kW]
                y[:, :, i, j] = window.max(axis=(2, 3))
    """,
    "max_pool2d_backward": """
        N, C, oH, oW = dy.shape
        dx = np.zeros_like(x)
        for n in range(N):
            for c in range(C):
                for i in range(oH):
                    for j in range(oW):
                        window = x[n, c, i * stride:i * stride + kH, j * stride:j * stride + kW]
                        row, column = np.unravel_index(window.argmax(), window.shape)
                        dx[n, c, i * stride + row, j * stride + column] += dy[n, c, i, j]
    """,
    "relu": """
        y = np.maximum(x, 0)
    """,
    "relu_backward": """
        dx = np.where(x > 0, dy, 0)
    """,
    "linear": """
        y = x @ w + b
    """,
    "linear_backward": """
        dx = dy @ w.T
        dw = x.T @ dy
        db = dy.sum(axis=0)
    """,
    "cross_entropy": """
        N = len(x)
        shifted = x - x.max(axis=1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -logp[np.arange(N), t].mean()
        dx = np.exp(logp)
        dx[np.arange(N), t] -= 1
        dx = dx / N
    """,
    "sgd": """
        w = w - lr * dw
    """,
}

# The mistake, whose loops, what stands there, what people write instead.
WRITTEN: dict[str, tuple[str, str, str]] = {
    "kernel-flipped": ("conv2d", "window * w[o])", "window * w[o, :, ::-1, ::-1])"),
    "kernel-transposed": ("conv2d", "window * w[o])", "window * w[o].transpose(0, 2, 1))"),
    "first-channel-only": ("conv2d", "window * w[o])", "window[0] * w[o, 0])"),
    "bias-forgotten": ("conv2d", " + b[o]", ""),
    "padding-on-one-side": ("conv2d", "(pad, pad), (pad, pad)", "(2 * pad, 0), (2 * pad, 0)"),
    "weight-gradient-flipped": (
        "conv2d_backward", "* padded[n, :, rows, columns]", "* padded[n, :, rows, columns][:, ::-1, ::-1]"),
    "weight-gradient-averaged": ("conv2d_backward", "db = dy.sum", "dw /= N; db = dy.sum"),
    "input-gradient-unflipped": ("conv2d_backward", "dy[n, o, i, j] * w[o]", "dy[n, o, i, j] * w[o, :, ::-1, ::-1]"),
    "padding-gradient-kept": ("conv2d_backward", "dpadded[:, :, pad:pad + H, pad:pad + W]", "dpadded"),
    "padding-gradient-wrong-corner": (
        "conv2d_backward", "dpadded[:, :, pad:pad + H, pad:pad + W]", "dpadded[:, :, :H, :W]"),
    "filters-overwritten": ("conv2d_backward", "columns] += dy[n, o, i, j] * w[o]", "columns] = dy[n, o, i, j] * w[o]"),
    "bias-gradient-averaged": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dy.mean(axis=(0, 2, 3))"),
    "bias-gradient-over-batch-only": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dy.sum(axis=0)"),
    "ties-to-last": (
        "max_pool2d_backward", "np.unravel_index(window.argmax(), window.shape)",
        "np.argwhere(window == window.max())[-1]"),
    "pooling-gradient-overwritten": ("max_pool2d_backward", "column] += dy", "column] = dy"),
    "ties-to-all": (
        "max_pool2d_backward", "dx[n, c, i * stride + row, j * stride + column] += dy[n, c, i, j]",
        "m = window == window.max(); "
        "dx[n, c, i * stride:i * stride + kH, j * stride:j * stride + kW] += dy[n, c, i, j] * m"),
    "ties-split": (
        "max_pool2d_backward", "dx[n, c, i * stride + row, j * stride + column] += dy[n, c, i, j]",
        "m = window == window.max(); "
        "dx[n, c, i * stride:i * stride + kH, j * stride:j * stride + kW] += dy[n, c, i, j] * m / m.sum()"),
    "slope-one-at-zero": ("relu_backward", "x > 0", "x >= 0"),
    "masked-by-gradient": ("relu_backward", "x > 0", "dy > 0"),
    "leaky": ("relu", "np.maximum(x, 0)", "np.where(x > 0, x, 0.01 * x)"),
    "dense-bias-gradient-averaged": ("linear_backward", "dy.sum(axis=0)", "dy.mean(axis=0)"),
    "epsilon-in-the-logarithm": (
        "cross_entropy", "-logp[np.arange(N), t]", "-np.log(np.exp(logp[np.arange(N), t]) + 1e-7)"),
    "summed-not-averaged": ("cross_entropy", "t].mean()", "t].sum()"),
    "averaged-twice": ("cross_entropy", "t].mean()", "t].mean() / N"),
    "gradient-not-averaged": ("cross_entropy", "dx = dx / N", "pass"),
    "softmax-over-the-batch": (
        "cross_entropy",
        "x.max(axis=1, keepdims=True)\nlogp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))",
        "x.max(axis=0, keepdims=True)\nlogp = shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))",
    ),
    "climbing": ("sgd", "w - lr * dw", "w + lr * dw"),
}  # fmt: skip

FILES = {
    "cs231n": """
import numpy as np

def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
{conv2d}
    return y, (x, w, b, conv_param)

def conv_backward_naive(dy, cache):
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
{conv2d_backward}
    return dx, dw, db

def max_pool_forward_naive(x, pool_param):
    kH, kW, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
{max_pool2d}
    return y, (x, pool_param)

def max_pool_backward_naive(dy, cache):
    x, pool_param = cache
    kH, kW, stride = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
{max_pool2d_backward}
    return dx

def relu_forward(x):
{relu}
    return y, x

def relu_backward(dy, cache):
    x = cache
{relu_backward}
    return dx

def affine_forward(x, w, b):
    shape = x.shape
    x = x.reshape(len(x), -1)
{linear}
    return y, (x, w, b, shape)

def affine_backward(dy, cache):
    x, w, b, shape = cache
{linear_backward}
    return dx.reshape(shape), dw, db

def softmax_loss(x, t):
{cross_entropy}
    return loss, dx

def sgd(w, dw, config=None):
    lr = config["learning_rate"]
{sgd}
    return w, config
""",
    "saitoh": """
import numpy as np

class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x):
        self.x = x
        w, b, stride, pad = self.W, self.b, self.stride, self.pad
{conv2d2}
        return y

    def backward(self, dy):
        x, w, stride, pad = self.x, self.W, self.stride, self.pad
{conv2d_backward2}
        self.dW, self.db = dw, db
        return dx

class Pooling:
    def __init__(self, pool_h, pool_w, stride=1, pad=0):
        self.pool_h, self.pool_w, self.stride = pool_h, pool_w, stride

    def forward(self, x):
        self.x = x
        kH, kW, stride = self.pool_h, self.pool_w, self.stride
{max_pool2d2}
        return y

    def backward(self, dy):
        x, kH, kW, stride = self.x, self.pool_h, self.pool_w, self.stride
{max_pool2d_backward2}
        return dx

class Relu:
    def forward(self, x):
        self.x = x
{relu2}
        return y

    def backward(self, dy):
        x = self.x
{relu_backward2}
        return dx

class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        w, b = self.W, self.b
        self.x = x
{linear2}
        return y

    def backward(self, dy):
        x, w = self.x, self.W
{linear_backward2}
        self.dW, self.db = dw, db
        return dx

class SoftmaxWithLoss:
    def forward(self, x, t):
        self.x, self.t = x, t
{cross_entropy2}
        self.dx = dx
        return loss

    def backward(self, dout=1):
        return self.dx

class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        lr = self.lr
        for key in params:
            w, dw = params[key], grads[key]
{sgd3}
            params[key] = w
""",
    "reference": """
import numpy as np

def conv2d(x, w, b, stride=1, pad=0):
{conv2d}
    return y

def conv2d_backward(dy, x, w, stride=1, pad=0):
{conv2d_backward}
    return dx, dw, db

def max_pool2d(x, size, stride):
    kH = kW = size
{max_pool2d}
    return y

def max_pool2d_backward(dy, x, size, stride):
    kH = kW = size
{max_pool2d_backward}
    return dx

def relu(x):
{relu}
    return y

def relu_backward(dy, x):
{relu_backward}
    return dx

def linear(x, w, b):
    w = w.T
{linear}
    return y

def linear_backward(dy, x, w):
    w = w.T
{linear_backward}
    return dx, dw.T, db

def cross_entropy(x, t):
{cross_entropy}
    return loss

def cross_entropy_backward(x, t):
{cross_entropy}
    return dx

def sgd(w, dw, lr):
{sgd}
    return w
""",
}


def source(style: str, mistake: str | None = None) -> str:
    """A student's file in ``style``, one of ``FILES``, right or with ``mistake``, one of ``WRITTEN``."""
    bodies = {formula: dedent(body).strip("\n") for formula, body in BODIES.items()}
    if mistake is not None:
        formula, right, wrong = WRITTEN[mistake]
        assert bodies[formula].count(right) == 1, f"{right!r} must stand once in the loops of {formula}"
        bodies[formula] = bodies[formula].replace(right, wrong)
    blocks = {}
    for formula, body in bodies.items():
        for depth, suffix in ((1, ""), (2, "2"), (3, "3")):
            blocks[formula + suffix] = indent(body, "    " * depth)
    text = FILES[style]
    for name, block in blocks.items():
        text = text.replace("{" + name + "}", block)
    return text
