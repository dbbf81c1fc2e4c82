"""Faults that no entry of the table describes, as code: one line of a student's loops (see ``students``) exchanged."""

# A name: whose loops, what stands there, what the student wrote.
COMPOSED: dict[str, tuple[str, str, str]] = {
    # Convolution: wrong indices, axes, powers, and what a loop leaves behind.
    "products squared": ("conv2d", "np.sum(window * w[o])", "np.sum((window * w[o]) ** 2)"),
    "rows start one too low": ("conv2d", "[n, :, i * stride:", "[n, :, max(0, i * stride - 1):"),
    "columns off by one after the first": (
        "conv2d", "j * stride:j * stride + kW",
        "j * stride - (j > 0):j * stride + kW - (j > 0)"),
    "window of the next image": ("conv2d", "padded[n,", "padded[n - 1,"),
    "filter of the row": ("conv2d", "window * w[o])", "window * w[i % O])"),
    "bias of the row": ("conv2d", "+ b[o]", "+ b[i % O]"),
    "channels exchanged": ("conv2d", "window * w[o])", "np.roll(window, 1, axis=0) * w[o])"),
    "an if for the first row": ("conv2d", "+ b[o]", "+ b[o] * (1 + (i == 0) * (j > 0))"),
    "half precision in the middle": ("conv2d", "window * w[o])", "np.round(window * w[o] / 8) * 8)"),
    "window sorted": ("conv2d", "window * w[o])", "np.sort(window, axis=2) * w[o])"),
    "kernel rolled": ("conv2d", "window * w[o])", "window * np.roll(w[o], 1, axis=2))"),
    "total kept from pixel to pixel": (
        "conv2d", "y[n, o, i, j] = np.sum(window * w[o])",
        "y[n, o, i, j] = y[n, o, i, j - 1] + np.sum(window * w[o])"),
    "output reversed along the images": ("conv2d", " + b[o]", " + b[o] + n"),
    "padded with ones": ("conv2d", "(pad, pad), (pad, pad)))", "(pad, pad), (pad, pad)), constant_values=1)"),
    "padded with the edge": ("conv2d", "(pad, pad), (pad, pad)))", "(pad, pad), (pad, pad)), mode='edge')"),
    # Its gradients.
    "absolute upstream gradient": (
        "conv2d_backward", "columns] += dy[n, o, i, j] * w[o]",
        "columns] += abs(dy[n, o, i, j]) * w[o]"),
    "upstream of the next row": ("conv2d_backward", "dw[o] += dy[n, o, i, j]", "dw[o] += dy[n, o, i - 1, j]"),
    "stale window": (
        "conv2d_backward", "dw[o] += dy[n, o, i, j] * padded[n, :, rows, columns]",
        "dw[o] += dy[n, o, i, j] * (padded[n, :, rows, columns] if j else padded[n, :, :kH, :kW])"),
    "weights decayed meanwhile": ("conv2d_backward", "dw = np.zeros_like(w)", "dw = 0.5 * w"),
    "input gradient doubled at the top": ("conv2d_backward", "dx = dpadded", "dpadded[:, :, 0] *= 2\ndx = dpadded"),
    "cut off one too far": (
        "conv2d_backward", "pad:pad + H, pad:pad + W]",
        "pad:pad + H, pad:pad + W] - dpadded[:, :, :1, :1]"),
    "two filters share a gradient": (
        "conv2d_backward", "db = dy.sum(axis=(0, 2, 3))",
        "db = dy.sum(axis=(0, 2, 3)); dw[0] += dw[-1]"),
    "gradient of the bias squared": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "(dy ** 2).sum(axis=(0, 2, 3))"),
    "gradient of the bias by maximum": ("conv2d_backward", "dy.sum(axis=(0, 2, 3))", "dy.max(axis=(0, 2, 3))"),
    "filters rolled": ("conv2d_backward", "dy[n, o, i, j] * w[o]", "dy[n, o, i, j] * w[o - 1]"),
    "transposed kernel behind the gradient": (
        "conv2d_backward", "columns] += dy[n, o, i, j] * w[o]",
        "columns] += dy[n, o, i, j] * np.abs(w[o])"),
    # Pooling.
    "minimum of the window": ("max_pool2d", "window.max(", "window.min("),
    "second largest": (
        "max_pool2d", "window.max(axis=(2, 3))",
        "np.sort(window.reshape(*window.shape[:2], -1), axis=2)[..., -2]"),
    "median of the window": ("max_pool2d", "window.max(axis=(2, 3))", "np.median(window, axis=(2, 3))"),
    "maximum of absolute values": ("max_pool2d", "window.max(axis=(2, 3))", "np.abs(window).max(axis=(2, 3))"),
    "gradient to the minimum": ("max_pool2d_backward", "window.argmax()", "window.argmin()"),
    "gradient times the maximum": ("max_pool2d_backward", "+= dy[n, c, i, j]", "+= dy[n, c, i, j] * window.max()"),
    "place one too far": ("max_pool2d_backward", "j * stride + column]", "j * stride + column - (row > 0)]"),
    # Dense layers, ReLU, losses, updates.
    "relu shifted": ("relu", "np.maximum(x, 0)", "np.maximum(x - 0.5, 0)"),
    "softplus": ("relu", "np.maximum(x, 0)", "np.logaddexp(0, x)"),
    "mask at one": ("relu_backward", "x > 0", "x > 1"),
    "weights squared": ("linear_backward", "dy @ w.T", "dy @ (w ** 2).T"),
    "input centred": ("linear_backward", "x.T @ dy", "(x - x.mean(axis=0)).T @ dy"),
    "bias for the first sample only": ("linear", "x @ w + b", "x @ w + b * (np.arange(len(x)) == 0)[:, None]"),
    "probabilities squared": ("cross_entropy", "dx = np.exp(logp)\n", "dx = np.exp(logp) ** 2\n"),
    "next class": ("cross_entropy", "dx[np.arange(N), t] -= 1", "dx[np.arange(N), (t + 1) % dx.shape[1]] -= 1"),
    "squared error": (
        "cross_entropy", "-logp[np.arange(N), t].mean()",
        "((np.exp(logp) - (np.arange(x.shape[1]) == t[:, None])) ** 2).sum(axis=1).mean()"),
    "square of the gradient": ("sgd", "lr * dw", "lr * dw * abs(dw)"),
    "sign of the gradient": ("sgd", "lr * dw", "lr * np.sign(dw)"),
    "square root of the rate": ("sgd", "lr * dw", "lr ** 0.5 * dw"),
}  # fmt: skip
