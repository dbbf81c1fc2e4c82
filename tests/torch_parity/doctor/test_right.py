"""No false alarm: right implementations of every technique that people use are equal, whatever their rounding."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from torch_parity.doctor.examination import Entry, examine_all
from torch_parity.doctor.process import Process

# Forward convolution of padded images, stride s: each technique gives y (N, O, oH, oW) without the bias.
CONVOLUTIONS = {
    "seven loops": """
        y = np.zeros((N, O, oH, oW))
        for n in range(N):
            for o in range(O):
                for i in range(oH):
                    for j in range(oW):
                        total = 0.0
                        for c in range(C):
                            for m in range(kH):
                                for k in range(kW):
                                    total += xp[n, c, i * s + m, j * s + k] * w[o, c, m, k]
                        y[n, o, i, j] = total
    """,
    "im2col": """
        columns = np.empty((N, C, kH, kW, oH, oW))
        for m in range(kH):
            for k in range(kW):
                columns[:, :, m, k] = xp[:, :, m:m + s * oH:s, k:k + s * oW:s]
        columns = columns.transpose(0, 4, 5, 1, 2, 3).reshape(N * oH * oW, -1)
        y = (columns @ w.reshape(O, -1).T).reshape(N, oH, oW, O).transpose(0, 3, 1, 2)
    """,
    "im2col of indices": """
        rows = s * np.arange(oH)[:, None] + np.arange(kH)
        columns = s * np.arange(oW)[:, None] + np.arange(kW)
        patches = xp[:, :, rows[:, None, :, None], columns[None, :, None, :]]
        y = np.tensordot(patches, w, axes=([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)
    """,
    "einsum": """
        views = np.lib.stride_tricks.sliding_window_view(xp, (kH, kW), axis=(2, 3))[:, :, ::s, ::s]
        y = np.einsum("ncijmk,ocmk->noij", views, w, optimize=True)
    """,
    "as_strided": """
        a, b_, c_, d = xp.strides
        views = np.lib.stride_tricks.as_strided(xp, (N, C, oH, oW, kH, kW), (a, b_, c_ * s, d * s, c_, d))
        y = np.tensordot(views, w, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    """,
    "one tap after another": """
        y = np.zeros((N, O, oH, oW))
        for m in range(kH):
            for k in range(kW):
                seen = xp[:, :, m:m + s * oH:s, k:k + s * oW:s]
                y += np.einsum("ncij,oc->noij", seen, w[:, :, m, k])
    """,
    "FFT": """
        full = (xp.shape[2] + kH - 1, xp.shape[3] + kW - 1)
        spectra = np.fft.rfft2(xp, full)[:, None] * np.fft.rfft2(w[:, :, ::-1, ::-1], full)[None]
        y = np.fft.irfft2(spectra.sum(2), full)[:, :, kH - 1:xp.shape[2], kW - 1:xp.shape[3]][:, :, ::s, ::s]
    """,
    "scipy": """
        from scipy.signal import correlate2d
        y = np.zeros((N, O, oH, oW))
        for n in range(N):
            for o in range(O):
                for c in range(C):
                    y[n, o] += correlate2d(xp[n, c], w[o, c], mode="valid")[::s, ::s]
    """,
    "a Toeplitz matrix": """
        matrix = np.zeros((O, oH, oW, C, xp.shape[2], xp.shape[3]))
        for i in range(oH):
            for j in range(oW):
                matrix[:, i, j, :, i * s:i * s + kH, j * s:j * s + kW] = w
        y = (matrix.reshape(O * oH * oW, -1) @ xp.reshape(N, -1).T).T.reshape(N, O, oH, oW)
    """,
    "single precision": """
        xs, ws = xp.astype(np.float32), w.astype(np.float32)
        views = np.lib.stride_tricks.sliding_window_view(xs, (kH, kW), axis=(2, 3))[:, :, ::s, ::s]
        y = np.einsum("ncijmk,ocmk->noij", views, ws)
        b = b.astype(np.float32)
    """,
    "torch": """
        import torch
        y = torch.nn.functional.conv2d(torch.from_numpy(xp.copy()), torch.from_numpy(w.copy()), stride=s).numpy()
    """,
    "torch, unfold": """
        import torch
        columns = torch.nn.functional.unfold(torch.from_numpy(xp.copy()), (kH, kW), stride=s)
        y = (torch.from_numpy(w.copy()).reshape(O, -1) @ columns).reshape(N, O, oH, oW).numpy()
    """,
}
# Gradients of x (as dxp, padded) and w.
GRADIENTS = {
    "loops": """
        dxp, dw = np.zeros_like(xp), np.zeros_like(w)
        for n in range(N):
            for o in range(O):
                for i in range(oH):
                    for j in range(oW):
                        dxp[n, :, i * s:i * s + kH, j * s:j * s + kW] += dy[n, o, i, j] * w[o]
                        dw[o] += dy[n, o, i, j] * xp[n, :, i * s:i * s + kH, j * s:j * s + kW]
    """,
    "col2im": """
        dxp = np.zeros_like(xp)
        columns = np.einsum("noij,ocmk->ncmkij", dy, w)
        views = np.lib.stride_tricks.sliding_window_view(xp, (kH, kW), axis=(2, 3))[:, :, ::s, ::s]
        dw = np.einsum("noij,ncijmk->ocmk", dy, views)
        for m in range(kH):
            for k in range(kW):
                dxp[:, :, m:m + s * oH:s, k:k + s * oW:s] += columns[:, :, m, k]
    """,
    "a full convolution with the kernel turned": """
        spread = np.zeros((N, O, xp.shape[2] - kH + 1, xp.shape[3] - kW + 1))
        spread[:, :, :s * oH:s, :s * oW:s] = dy
        framed = np.pad(spread, ((0, 0), (0, 0), (kH - 1, kH - 1), (kW - 1, kW - 1)))
        turned = w[:, :, ::-1, ::-1]
        views = np.lib.stride_tricks.sliding_window_view(framed, (kH, kW), axis=(2, 3))
        dxp = np.einsum("noijmk,ocmk->ncij", views, turned)
        over = np.lib.stride_tricks.sliding_window_view(xp, spread.shape[2:], axis=(2, 3))
        dw = np.einsum("noij,ncmkij->ocmk", spread, over)
    """,
    "np.add.at": """
        rows = s * np.arange(oH)[:, None] + np.arange(kH)
        cols = s * np.arange(oW)[:, None] + np.arange(kW)
        where = (slice(None), slice(None), rows[:, None, :, None], cols[None, :, None, :])
        dxp = np.zeros_like(xp)
        np.add.at(dxp, where, np.einsum("noij,ocmk->ncijmk", dy, w))
        dw = np.tensordot(dy, xp[where], axes=((0, 2, 3), (0, 2, 3)))
    """,
}
MAX_POOLS = {
    "loops": """
        y = np.zeros((N, C, oH, oW))
        for i in range(oH):
            for j in range(oW):
                y[:, :, i, j] = x[:, :, i * s:i * s + kH, j * s:j * s + kW].max(axis=(2, 3))
    """,
    "a view of windows": """
        y = np.lib.stride_tricks.sliding_window_view(x, (kH, kW), axis=(2, 3))[:, :, ::s, ::s].max(axis=(4, 5))
    """,
    "one tap after another": """
        y = np.full((N, C, oH, oW), -np.inf)
        for m in range(kH):
            for k in range(kW):
                y = np.maximum(y, x[:, :, m:m + s * oH:s, k:k + s * oW:s])
    """,
}
MAX_POOL_GRADIENTS = {
    "the first maximum by argmax": """
        for n in range(N):
            for c in range(C):
                for i in range(oH):
                    for j in range(oW):
                        window = x[n, c, i * s:i * s + kH, j * s:j * s + kW]
                        at = window.argmax()
                        dx[n, c, i * s + at // kW, j * s + at % kW] += dy[n, c, i, j]
    """,
    "a mask of the first maximum": """
        for i in range(oH):
            for j in range(oW):
                window = x[:, :, i * s:i * s + kH, j * s:j * s + kW].reshape(N, C, -1)
                mask = np.zeros_like(window)
                np.put_along_axis(mask, window.argmax(-1)[..., None], 1, axis=-1)
                part = mask.reshape(N, C, kH, kW) * dy[:, :, i, j][..., None, None]
                dx[:, :, i * s:i * s + kH, j * s:j * s + kW] += part
    """,
}
# Whole functions.
OTHERS = {
    "relu, maximum": "def relu_forward(x): return np.maximum(0, x), x",
    "relu, where": "def relu_forward(x): return np.where(x > 0, x, 0.0), x",
    "relu, absolute value": "def relu_forward(x): return (np.abs(x) + x) / 2, x",
    "relu, times a comparison": "def relu_forward(x): return x * (x > 0), x",
    "relu, a copy changed": "def relu_forward(x):\n    y = x.copy()\n    y[y < 0] = 0\n    return y, x",
    "relu gradient, times a mask": "def relu_backward(dy, cache): return dy * (cache > 0)",
    "relu gradient, a copy changed": """
def relu_backward(dy, cache):
    dx = dy.copy()
    dx[cache <= 0] = 0
    return dx""",
    "dense, einsum": """
def affine_forward(x, w, b):
    return np.einsum('ni,io->no', x.reshape(len(x), -1), w) + b, (x, w, b)""",
    "dense, loops": """
def affine_forward(x, w, b):
    y = np.zeros((x.shape[0], w.shape[1]))
    for n in range(y.shape[0]):
        for o in range(y.shape[1]):
            y[n, o] = b[o]
            for i in range(w.shape[0]):
                y[n, o] += x[n, i] * w[i, o]
    return y, (x, w, b)""",
    "loss, log-sum-exp": """
def softmax_loss(x, y):
    N = x.shape[0]
    top = x.max(axis=1)
    log_sum = top + np.log(np.exp(x - top[:, None]).sum(axis=1))
    p = np.exp(x - log_sum[:, None])
    p[range(N), y] -= 1
    return (log_sum - x[range(N), y]).mean(), p / N""",
    "loss, one-hot": """
def softmax_loss(x, y):
    z = x - x.max(axis=1, keepdims=True)
    one_hot = np.eye(x.shape[1])[y]
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -(one_hot * log_p).sum() / len(x), (np.exp(log_p) - one_hot) / len(x)""",
    "loss, scipy": """
def softmax_loss(x, y):
    from scipy.special import log_softmax
    log_p = log_softmax(x, axis=1)
    return -log_p[np.arange(len(x)), y].mean(), (np.exp(log_p) - np.eye(x.shape[1])[y]) / len(x)""",
    "descent, in place": "def sgd(w, dw, config=None):\n    w -= config['learning_rate'] * dw\n    return w, config",
    "descent, a new array": "def sgd(w, dw, config=None): return w - config['learning_rate'] * dw, config",
    "momentum": """
def sgd_momentum(w, dw, config=None):
    v = config.get('velocity', np.zeros_like(w))
    v = config['momentum'] * v - config['learning_rate'] * dw
    config['velocity'] = v
    return w + v, config""",
}  # fmt: skip
CONV_FORWARD = """
def conv_forward_naive(x, w, b, conv_param):
    s, p = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    O, _, kH, kW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    oH, oW = (H + 2 * p - kH) // s + 1, (W + 2 * p - kW) // s + 1
{body}
    return y + b[:, None, None], (x, w, b, conv_param)
"""
CONV_BACKWARD = """
def conv_backward_naive(dy, cache):
    x, w, b, conv_param = cache
    s, p = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    O, _, kH, kW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    _, _, oH, oW = dy.shape
{body}
    return dxp[:, :, p:p + H, p:p + W], dw, dy.sum(axis=(0, 2, 3))
"""
POOL_FORWARD = """
def max_pool_forward_naive(x, pool_param):
    kH, kW, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, H, W = x.shape
    oH, oW = (H - kH) // s + 1, (W - kW) // s + 1
{body}
    return y, (x, pool_param)
"""
POOL_BACKWARD = """
def max_pool_backward_naive(dy, cache):
    x, pool_param = cache
    kH, kW, s = pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
    N, C, oH, oW = dy.shape
    dx = np.zeros_like(x)
{body}
    return dx
"""


def wrapped(frame: str, bodies: dict[str, str]) -> dict[str, str]:
    """Whole functions by name, of bodies that stand in a frame."""
    return {name: frame.replace("{body}", indent(dedent(body).strip("\n"), "    ")) for name, body in bodies.items()}


ALL = {
    "conv2d": wrapped(CONV_FORWARD, CONVOLUTIONS),
    "conv2d gradient": wrapped(CONV_BACKWARD, GRADIENTS),
    "max pooling": wrapped(POOL_FORWARD, MAX_POOLS),
    "max pooling gradient": wrapped(POOL_BACKWARD, MAX_POOL_GRADIENTS),
    "the others": OTHERS,
}
SOURCES = {f"{kind}: {name}": text for kind, texts in ALL.items() for name, text in texts.items()}


def examined(folder: Path, text: str) -> list[Entry]:
    file = folder / "mine.py"
    file.write_text("import numpy as np\n" + text)
    with Process(file) as process:
        found, _ = process.find()
        return list(examine_all(found, process.ask))


def test_there_are_more_than_thirty() -> None:
    assert len(SOURCES) > 30


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.startswith("conv2d: torch")][::3])
def test_some_right_functions_are_equal(tmp_path: Path, name: str) -> None:
    check(examined(tmp_path, SOURCES[name]), name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SOURCES)
def test_every_right_function_is_equal(tmp_path: Path, name: str) -> None:
    check(examined(tmp_path, SOURCES[name]), name)


def check(entries: list[Entry], name: str) -> None:
    assert entries
    for entry in entries:
        assert entry.verdict == "equal", entry
        assert not entry.diagnoses
        assert set(entry.results.values()) == {"equal"}
        # Whole numbers give themselves away: an FFT rounds where a sum of products does not.
        if "FFT" in name:
            assert entry.rounding
