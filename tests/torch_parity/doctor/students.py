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
    "kernel-flipped-vertically": ("conv2d", "window * w[o])", "window * w[o, :, ::-1])"),
    "kernel-flipped-horizontally": ("conv2d", "window * w[o])", "window * w[o, :, :, ::-1])"),
    "weights-as-iohw": ("conv2d", "window * w[o])", "window * w.reshape(C, O, kH, kW)[:, o])"),
    "weights-as-hwio": ("conv2d", "window * w[o])", "window * w.reshape(kH, kW, C, O)[..., o].transpose(2, 0, 1))"),
    "last-channel-only": ("conv2d", "window * w[o])", "window[-1] * w[o, -1])"),
    "channels-averaged": ("conv2d", "window * w[o])", "window * w[o]) / C"),
    "products-averaged": ("conv2d", "np.sum(window", "np.mean(window"),
    "bias-in-every-product": ("conv2d", "w[o]) + b[o]", "w[o] + b[o])"),
    "bias-in-every-channel": (
        "conv2d", "np.sum(window * w[o]) + b[o]", "np.sum((window * w[o]).sum(axis=(1, 2)) + b[o])"),
    "padded-twice": (
        "conv2d", "\noH = (H + 2 * pad - kH) // stride + 1\noW = (W + 2 * pad - kW) // stride + 1",
        "\npadded = np.pad(padded, ((0, 0), (0, 0), (pad, pad), (pad, pad)))"
        "\noH = (H + 4 * pad - kH) // stride + 1\noW = (W + 4 * pad - kW) // stride + 1"),
    "stride-ignored": (
        "conv2d", "i * stride:i * stride + kH, j * stride:j * stride + kW", "i:i + kH, j:j + kW"),
    "width-from-height": ("conv2d", "oW = (W + 2", "oW = (H + 2"),
    "columns-up-to-height": ("conv2d", "range(oW)", "range(oH)"),
    "size-without-plus-one": (
        "conv2d", "// stride + 1\noW = (W + 2 * pad - kW) // stride + 1",
        "// stride\noW = (W + 2 * pad - kW) // stride"),
    "last-windows-left-zero": (
        "conv2d", "range(oH):\n            for j in range(oW)", "range(oH - 1):\n            for j in range(oW - 1)"),
    "first-image-only": ("conv2d", "range(N)", "range(1)"),
    "first-filter-only": ("conv2d", "range(O)", "range(1)"),
    "first-pixel-only": (
        "conv2d",
        "range(N):\n    for o in range(O):\n        for i in range(oH):\n            for j in range(oW)",
        "range(1):\n    for o in range(1):\n        for i in range(1):\n            for j in range(1)"),
    "output-transposed": ("conv2d", " + b[o]", " + b[o]\ny = y.transpose(0, 1, 3, 2)"),
    "output-reshaped-from-pixels": (
        "conv2d", " + b[o]", " + b[o]\ny = y.transpose(0, 2, 3, 1).reshape(N, O, oH, oW)"),
    "output-reshaped-from-filters": (
        "conv2d", " + b[o]", " + b[o]\ny = y.transpose(1, 0, 2, 3).reshape(N, O, oH, oW)"),
    "output-reshaped-from-batch-last": (
        "conv2d", " + b[o]", " + b[o]\ny = y.transpose(1, 2, 3, 0).reshape(N, O, oH, oW)"),
    "weight-gradient-of-last-image": ("conv2d_backward", "range(N):", "range(N):\n    dw[:] = 0"),
    "weight-gradient-overwritten": ("conv2d_backward", "dw[o] +=", "dw[o] ="),
    "weight-gradient-stride-ignored": (
        "conv2d_backward", "* padded[n, :, rows, columns]", "* padded[n, :, i:i + kH, j:j + kW]"),
    "weight-gradient-transposed": ("conv2d_backward", "db = dy.sum", "dw = dw.swapaxes(2, 3)\ndb = dy.sum"),
    "weight-gradient-summed-over-channels": (
        "conv2d_backward", "padded[n, :, rows, columns]\n", "padded[n, :, rows, columns].sum(axis=0)\n"),
    "weight-gradient-summed-over-taps": (
        "conv2d_backward", "dy[n, o, i, j] * padded[n, :, rows, columns]",
        "(dy[n, o, i, j] * padded[n, :, rows, columns]).sum()"),
    "input-gradient-of-first-channel-only": (
        "conv2d_backward", "dpadded[n, :, rows, columns] += dy[n, o, i, j] * w[o]",
        "dpadded[n, 0, rows, columns] += dy[n, o, i, j] * w[o, 0]"),
    "input-gradient-averaged": ("conv2d_backward", "pad:pad + W]", "pad:pad + W] / N"),
    "input-gradient-flipped-on-all-axes": (
        "conv2d_backward", "dy[n, o, i, j] * w[o]", "dy[n, o, i, j] * w[-1 - o, ::-1]"),
    "input-gradient-turned-on-wrong-axes": (
        "conv2d_backward", "dy[n, o, i, j] * w[o]", "dy[n, o, i, j] * w[-1 - o, ::-1, ::-1, ::-1]"),
    "stride-ignored-in-gradient": (
        "conv2d_backward", "dpadded[n, :, rows, columns] +=", "dpadded[n, :, i:i + kH, j:j + kW] +="),
    "overlap-overwritten": (
        "conv2d_backward", "columns] += dy[n, o, i, j] * w[o]", "columns] = np.tensordot(dy[n, :, i, j], w, 1)"),
    "gradient-reshaped-to-pixels": (
        "conv2d_backward", "oW = dy.shape", "oW = dy.shape\ndy = dy.reshape(N, oH, oW, O).transpose(0, 3, 1, 2)"),
    "gradient-reshaped-to-filters": (
        "conv2d_backward", "oW = dy.shape", "oW = dy.shape\ndy = dy.reshape(O, N, oH, oW).transpose(1, 0, 2, 3)"),
    "gradient-reshaped-to-batch-last": (
        "conv2d_backward", "oW = dy.shape", "oW = dy.shape\ndy = dy.reshape(O, oH, oW, N).transpose(3, 0, 1, 2)"),
    "gradients-of-first-image-only": ("conv2d_backward", "range(N)", "range(1)"),
    "bias-gradient-zero": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "np.zeros(O)"),
    "bias-gradient-from-weight-gradient": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dw.sum(axis=(1, 2, 3))"),
    "bias-gradient-averaged-over-batch": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dy.sum(axis=(0, 2, 3)) / N"),
    "bias-gradient-of-last-image": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dy[-1].sum(axis=(1, 2))"),
    "bias-gradient-overwritten": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dy[-1, :, -1, -1]"),
    "bias-gradient-over-filters": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dy.sum(axis=(1, 2, 3))"),
    "bias-gradient-summed-over-everything": (
        "conv2d_backward", "dy.sum(axis=(0, 2, 3))", "np.full(O, dy.sum())"),
    "average-for-maximum": ("max_pool2d", "window.max(axis=(2, 3))", "window.mean(axis=(2, 3))"),
    "maximum-over-channels": ("max_pool2d", "window.max(axis=(2, 3))", "window.max(axis=(1, 2, 3))[:, None]"),
    "maximum-over-batch-and-channels": ("max_pool2d", "window.max(axis=(2, 3))", "window.max()"),
    "maximum-starts-from-zero": ("max_pool2d", "window.max(axis=(2, 3))", "window.max(axis=(2, 3), initial=0)"),
    "pooling-stride-ignored": (
        "max_pool2d", "i * stride:i * stride + kH, j * stride:j * stride + kW", "i:i + kH, j:j + kW"),
    "last-pooling-windows-left-zero": (
        "max_pool2d", "range(oH):\n    for j in range(oW)", "range(oH - 1):\n    for j in range(oW - 1)"),
    "ties-by-closeness": (
        "max_pool2d_backward", "dx[n, c, i * stride + row, j * stride + column] += dy[n, c, i, j]",
        "dx[n, c, i * stride:i * stride + kH, j * stride:j * stride + kW] "
        "+= dy[n, c, i, j] * np.isclose(window, window.max())"),
    "compared-with-global-maximum": (
        "max_pool2d_backward", "dx[n, c, i * stride + row, j * stride + column] += dy[n, c, i, j]",
        "dx[n, c, i * stride:i * stride + kH, j * stride:j * stride + kW] += dy[n, c, i, j] * (window == x.max())"),
    "pooling-gradient-to-top-left": (
        "max_pool2d_backward", "i * stride + row, j * stride + column]", "i * stride, j * stride]"),
    "pooling-gradient-to-whole-window": (
        "max_pool2d_backward", "i * stride + row, j * stride + column]",
        "i * stride:i * stride + kH, j * stride:j * stride + kW]"),
    "pooling-gradient-shared": (
        "max_pool2d_backward", "i * stride + row, j * stride + column] += dy[n, c, i, j]",
        "i * stride:i * stride + kH, j * stride:j * stride + kW] += dy[n, c, i, j] / kH / kW"),
    "maximum-at-swapped-place": (
        "max_pool2d_backward", "row, column = np.unravel_index(window.argmax(), window.shape)",
        "column, row = divmod(window.argmax(), kW)"),
    "negative-kept": ("relu", "np.maximum(x, 0)", "x * (x < 0)"),
    "absolute-value": ("relu", "np.maximum(x, 0)", "np.abs(x)"),
    "clipped-at-one": ("relu", "np.maximum(x, 0)", "np.clip(x, 0, 1)"),
    "clipped-at-six": ("relu", "np.maximum(x, 0)", "np.clip(x, 0, 6)"),
    "mask-forgotten": ("relu_backward", "np.where(x > 0, dy, 0)", "dy.copy()"),
    "mask-turned-around": ("relu_backward", "x > 0", "x < 0"),
    "slope-without-upstream": ("relu_backward", "np.where(x > 0, dy, 0)", "(x > 0).astype(float)"),
    "leaky-gradient": ("relu_backward", "dy, 0)", "dy, 0.01 * dy)"),
    "dense-bias-forgotten": ("linear", " + b", ""),
    "dense-weight-gradient-averaged": ("linear_backward", "x.T @ dy", "x.T @ dy / len(x)"),
    "dense-bias-gradient-not-summed": ("linear_backward", "dy.sum(axis=0)", "dy"),
    "dense-bias-gradient-over-features": ("linear_backward", "dy.sum(axis=0)", "dy.sum(axis=1)"),
    "probabilities-clipped": (
        "cross_entropy", "-logp[np.arange(N), t]",
        "-np.log(np.clip(np.exp(logp[np.arange(N), t]), 1e-7, 1 - 1e-7))"),
    "averaged-over-classes": ("cross_entropy", "t].mean()", "t].sum() / x.size"),
    "minus-forgotten": ("cross_entropy", "-logp[", "logp["),
    "labels-forgotten": ("cross_entropy", "-logp[np.arange(N), t].mean()", "-logp.sum() / N"),
    "logarithm-to-base-2": ("cross_entropy", "-logp[np.arange(N), t]", "-np.log2(np.e) * logp[np.arange(N), t]"),
    "logarithm-to-base-10": ("cross_entropy", "-logp[np.arange(N), t]", "-np.log10(np.e) * logp[np.arange(N), t]"),
    "scores-as-probabilities": ("cross_entropy", "-logp[np.arange(N), t]", "-np.log(x[np.arange(N), t])"),
    "scores-as-log-probabilities": ("cross_entropy", "-logp[np.arange(N), t]", "-x[np.arange(N), t]"),
    "double-softmax": (
        "cross_entropy", "-logp[np.arange(N), t]",
        "(np.log(np.exp(np.exp(logp)).sum(axis=1)) - np.exp(logp[np.arange(N), t]))"),
    "one-hot-not-subtracted": ("cross_entropy", "dx[np.arange(N), t] -= 1", "pass"),
    "one-subtracted-from-every-class": ("cross_entropy", "dx[np.arange(N), t] -= 1", "dx -= 1"),
    "gradient-for-probabilities": (
        "cross_entropy", "dx[np.arange(N), t] -= 1", "dx = -1.0 * (np.arange(dx.shape[1]) == t[:, None]) / dx"),
    "cross-entropy-gradient-negated": ("cross_entropy", "dx = dx / N", "dx = -dx / N"),
    "gradient-averaged-twice": ("cross_entropy", "dx = dx / N", "dx = dx / N / N"),
    "gradient-averaged-over-classes": ("cross_entropy", "dx = dx / N", "dx = dx / dx.size"),
    "parameter-not-updated": ("sgd", "w = w", "new = w"),
    "learning-rate-forgotten": ("sgd", "lr * dw", "dw"),
    "learning-rate-applied-twice": ("sgd", "lr * dw", "lr * (lr * dw)"),
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


def source(style: str, *mistakes: str) -> str:
    """A student's file in ``style``, one of ``FILES``: right, or with ``mistakes``, names in ``WRITTEN``."""
    return with_changes(style, *(WRITTEN[mistake] for mistake in mistakes))


def with_changes(style: str, *changes: tuple[str, str, str]) -> str:
    """The file with other lines: whose loops, what stands there once, what to write instead."""
    bodies = {formula: dedent(body).strip("\n") for formula, body in BODIES.items()}
    for formula, right, wrong in changes:
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
