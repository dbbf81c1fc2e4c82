from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.examined import examined, named
from torch_parity.doctor.styles import cmu

LAYERS = """
import numpy as np

class Linear:
    def __init__(self, in_features, out_features):
        self.W = np.zeros((out_features, in_features))
        self.b = np.zeros((out_features, 1))

    def forward(self, A):
        self.A = A
        self.N = A.shape[0]
        self.Ones = np.ones((self.N, 1))
        return self.A @ self.W.T + self.Ones @ self.b.T

    def backward(self, dLdZ):
        dLdA = dLdZ @ self.W
        self.dLdW = dLdZ.T @ self.A
        self.dLdb = dLdZ.T @ self.Ones
        return dLdA

class ReLU:
    def forward(self, Z):
        self.A = np.maximum(0, Z)
        return self.A

    def backward(self, dLdA):
        return np.where(self.A > 0, dLdA, 0)

class Softmax:
    def forward(self, Z):
        E = np.exp(Z - Z.max(axis=1, keepdims=True))
        self.A = E / E.sum(axis=1, keepdims=True)
        return self.A

    def backward(self, dLdA):
        dLdZ = np.zeros(dLdA.shape)
        for i in range(len(dLdA)):
            a = self.A[i]
            J = np.diag(a) - np.outer(a, a)
            dLdZ[i] = dLdA[i] @ J
        return dLdZ

class CrossEntropyLoss:
    def forward(self, A, Y):
        self.A, self.Y = A, Y
        self.N, self.C = A.shape
        shifted = A - A.max(axis=1, keepdims=True)
        self.softmax = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        crossentropy = (-self.Y * np.log(self.softmax)) @ np.ones((self.C, 1))
        return float((np.ones((1, self.N)) @ crossentropy)[0, 0] / self.N)

    def backward(self):
        return (self.softmax - self.Y) / self.N

class Flatten:
    def forward(self, A):
        self.shape = A.shape
        return A.reshape(A.shape[0], -1)

    def backward(self, dLdZ):
        return dLdZ.reshape(self.shape)

class Conv2d_stride1:
    def __init__(self, in_channels, out_channels, kernel_size, weight_init_fn=None, bias_init_fn=None):
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        if weight_init_fn is None:
            self.W = np.random.normal(0, 1.0, (out_channels, in_channels, kernel_size, kernel_size))
        else:
            self.W = weight_init_fn(out_channels, in_channels, kernel_size, kernel_size)
        self.b = np.zeros(out_channels) if bias_init_fn is None else bias_init_fn(out_channels)
        self.dLdW = np.zeros(self.W.shape)
        self.dLdb = np.zeros(self.b.shape)

    def forward(self, A):
        self.A = A
        K = self.kernel_size
        height, width = A.shape[2] - K + 1, A.shape[3] - K + 1
        Z = np.zeros((A.shape[0], self.out_channels, height, width))
        for i in range(height):
            for j in range(width):
                Z[:, :, i, j] = np.tensordot(A[:, :, i:i + K, j:j + K], self.W, axes=([1, 2, 3], [1, 2, 3])) + self.b
        return Z

    def backward(self, dLdZ):
        K = self.kernel_size
        height, width = dLdZ.shape[2:]
        for i in range(K):
            for j in range(K):
                self.dLdW[:, :, i, j] = np.tensordot(
                    dLdZ, self.A[:, :, i:i + height, j:j + width], axes=([0, 2, 3], [0, 2, 3]))
        self.dLdb = dLdZ.sum(axis=(0, 2, 3))
        padded = np.pad(dLdZ, ((0, 0), (0, 0), (K - 1, K - 1), (K - 1, K - 1)))
        turned = self.W[:, :, ::-1, ::-1]
        dLdA = np.zeros(self.A.shape)
        for i in range(dLdA.shape[2]):
            for j in range(dLdA.shape[3]):
                dLdA[:, :, i, j] = np.tensordot(padded[:, :, i:i + K, j:j + K], turned, axes=([1, 2, 3], [0, 2, 3]))
        return dLdA

class Downsample2d:
    def __init__(self, factor):
        self.factor = factor

    def forward(self, A):
        self.shape = A.shape
        return A[:, :, ::self.factor, ::self.factor]

    def backward(self, dLdZ):
        dLdA = np.zeros(self.shape)
        dLdA[:, :, ::self.factor, ::self.factor] = dLdZ
        return dLdA

class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride, padding=0, weight_init_fn=None,
                 bias_init_fn=None):
        self.stride, self.pad = stride, padding
        self.conv2d_stride1 = Conv2d_stride1(in_channels, out_channels, kernel_size, weight_init_fn, bias_init_fn)
        self.downsample2d = Downsample2d(stride)

    def forward(self, A):
        p = self.pad
        A = np.pad(A, ((0, 0), (0, 0), (p, p), (p, p)))
        return self.downsample2d.forward(self.conv2d_stride1.forward(A))

    def backward(self, dLdZ):
        dLdA = self.conv2d_stride1.backward(self.downsample2d.backward(dLdZ))
        p = self.pad
        return dLdA[:, :, p:dLdA.shape[2] - p, p:dLdA.shape[3] - p]

class MaxPool2d_stride1:
    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, A):
        self.A = A
        K = self.kernel
        N, C, H, W = A.shape
        Z = np.zeros((N, C, H - K + 1, W - K + 1))
        for i in range(H - K + 1):
            for j in range(W - K + 1):
                Z[:, :, i, j] = A[:, :, i:i + K, j:j + K].max(axis=(2, 3))
        return Z

    def backward(self, dLdZ):
        K = self.kernel
        dLdA = np.zeros(self.A.shape)
        for n, c, i, j in np.ndindex(dLdZ.shape):
            place = np.argmax(self.A[n, c, i:i + K, j:j + K])
            dLdA[n, c, i + place // K, j + place % K] += dLdZ[n, c, i, j]
        return dLdA

class MeanPool2d_stride1:
    def __init__(self, kernel):
        self.kernel = kernel

    def forward(self, A):
        self.A = A
        K = self.kernel
        N, C, H, W = A.shape
        Z = np.zeros((N, C, H - K + 1, W - K + 1))
        for i in range(H - K + 1):
            for j in range(W - K + 1):
                Z[:, :, i, j] = A[:, :, i:i + K, j:j + K].mean(axis=(2, 3))
        return Z

    def backward(self, dLdZ):
        K = self.kernel
        dLdA = np.zeros(self.A.shape)
        for i in range(dLdZ.shape[2]):
            for j in range(dLdZ.shape[3]):
                dLdA[:, :, i:i + K, j:j + K] += (dLdZ[:, :, i, j] / K ** 2)[:, :, None, None]
        return dLdA

class MaxPool2d:
    def __init__(self, kernel, stride):
        self.maxpool2d_stride1 = MaxPool2d_stride1(kernel)
        self.downsample2d = Downsample2d(stride)

    def forward(self, A):
        return self.downsample2d.forward(self.maxpool2d_stride1.forward(A))

    def backward(self, dLdZ):
        return self.maxpool2d_stride1.backward(self.downsample2d.backward(dLdZ))

class MeanPool2d:
    def __init__(self, kernel, stride):
        self.meanpool2d_stride1 = MeanPool2d_stride1(kernel)
        self.downsample2d = Downsample2d(stride)

    def forward(self, A):
        return self.downsample2d.forward(self.meanpool2d_stride1.forward(A))

    def backward(self, dLdZ):
        return self.meanpool2d_stride1.backward(self.downsample2d.backward(dLdZ))

class SGD:
    def __init__(self, model, lr=0.1, momentum=0):
        self.l = [layer for layer in model.layers if isinstance(layer, Linear)]
        self.L = len(self.l)
        self.lr = lr
        self.mu = momentum
        self.v_W = [np.zeros(self.l[i].W.shape, dtype="f") for i in range(self.L)]
        self.v_b = [np.zeros(self.l[i].b.shape, dtype="f") for i in range(self.L)]

    def step(self):
        for i in range(self.L):
            if self.mu == 0:
                self.l[i].W = self.l[i].W - self.lr * self.l[i].dLdW
                self.l[i].b = self.l[i].b - self.lr * self.l[i].dLdb
            else:
                self.v_W[i] = self.mu * self.v_W[i] + self.l[i].dLdW
                self.v_b[i] = self.mu * self.v_b[i] + self.l[i].dLdb
                self.l[i].W = self.l[i].W - self.lr * self.v_W[i]
                self.l[i].b = self.l[i].b - self.lr * self.v_b[i]
"""

FORMULAS = {
    "Linear": "linear",
    "ReLU": "relu",
    "Softmax": "softmax",
    "CrossEntropyLoss": "cross_entropy",
    "Flatten": "flatten",
    "Conv2d_stride1": "conv2d",
    "Conv2d": "conv2d",
    "MaxPool2d_stride1": "max_pool2d",
    "MeanPool2d_stride1": "avg_pool2d",
    "MaxPool2d": "max_pool2d",
    "MeanPool2d": "avg_pool2d",
}
HALVES = [
    (f"{name}.{half}", formula + ending, ["the targets are one-hot"] if name == "CrossEntropyLoss" else [])
    for name, formula in FORMULAS.items()
    for half, ending in (("forward", ""), ("backward", "_backward"))
]


def test_all_of_the_course_is_found_and_equal(tmp_path: Path) -> None:
    entries = examined(LAYERS, tmp_path)
    # The gradients of losses come last: where the mean is taken is seen in the layers.
    assert sorted((e.subject.found, e.subject.name, e.conventions) for e in entries.values()) == sorted(
        [*HALVES, ("SGD", "sgd", [])]
    )
    assert {found: entry.verdict for found, entry in entries.items() if not entry.equal} == {}
    assert {entry.subject.style for entry in entries.values()} == {"cmu"}


# A line of the file, what stands there instead, and which half is wrong then by which mistake.
MISTAKES = [
    ("turned = self.W[:, :, ::-1, ::-1]", "turned = self.W", "Conv2d_stride1.backward", "input-gradient-unflipped"),
    ("p:dLdA.shape[2] - p, p:dLdA.shape[3] - p", ":dLdA.shape[2] - 2 * p, :dLdA.shape[3] - 2 * p", "Conv2d.backward",
     "padding-gradient-wrong-corner"),
    ("axes=([1, 2, 3], [1, 2, 3])) + self.b", "axes=([1, 2, 3], [1, 2, 3]))", "Conv2d.forward", "bias-forgotten"),
    ("(self.A > 0, dLdA, 0)", "(dLdA > 0, dLdA, 0)", "ReLU.backward", "masked-by-gradient"),
    ("+= dLdZ[n, c, i, j]", "= dLdZ[n, c, i, j]", "MaxPool2d_stride1.backward", "pooling-gradient-overwritten"),
    ("+= (dLdZ[:, :, i, j] / K ** 2)", "= (dLdZ[:, :, i, j] / K ** 2)", "MeanPool2d_stride1.backward",
     "average-gradient-overwritten"),
    ("(dLdZ[:, :, i, j] / K ** 2)", "dLdZ[:, :, i, j]", "MeanPool2d.backward", "pooling-gradient-not-divided"),
    ("J = np.diag(a) - np.outer(a, a)", "J = np.diag(a - a ** 2)", "Softmax.backward", "diagonal-only"),
    ("[0, 0] / self.N)", "[0, 0])", "CrossEntropyLoss.forward", "summed-not-averaged"),
    ("(self.softmax - self.Y) / self.N", "self.softmax - self.Y", "CrossEntropyLoss.backward", "gradient-not-averaged"),
    ("- self.lr * self.", "+ self.lr * self.", "SGD", "climbing"),
    ("self.dLdW[:, :, i, j] = np", "self.dLdW[:, :, i, j] += np", "Conv2d_stride1.backward", "state-kept"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "found", "mistake"), MISTAKES)
def test_mistakes_are_named(right: str, wrong: str, found: str, mistake: str, tmp_path: Path) -> None:
    assert right in LAYERS
    entry = examined(LAYERS.replace(right, wrong), tmp_path, (found.split(".")[0],))[found]
    assert entry.verdict == "different"
    assert named(entry) == {mistake}


IN_THE_LAYER = "the mean over the batch is taken in the layer, not in the loss"
LINEAR_DIVIDES = ("dLdZ.T @ self.A\n        self.dLdb = dLdZ.T @ self.Ones",
                  "dLdZ.T @ self.A / self.N\n        self.dLdb = dLdZ.T @ self.Ones / self.N")  # fmt: skip
LOSS_DOES_NOT = ("(self.softmax - self.Y) / self.N", "self.softmax - self.Y")


def test_the_mean_may_be_taken_in_the_layer(tmp_path: Path) -> None:
    entries = examined(
        LAYERS.replace(*LINEAR_DIVIDES).replace(*LOSS_DOES_NOT), tmp_path, ("Linear", "CrossEntropyLoss")
    )
    assert all(entry.equal for entry in entries.values())
    assert entries["Linear.backward"].conventions == [IN_THE_LAYER]
    assert entries["CrossEntropyLoss.backward"].conventions == ["the targets are one-hot", IN_THE_LAYER]


def test_the_mean_must_not_be_taken_in_both(tmp_path: Path) -> None:
    entries = examined(LAYERS.replace(*LINEAR_DIVIDES), tmp_path, ("Linear", "CrossEntropyLoss"))
    assert entries["CrossEntropyLoss.backward"].equal
    assert entries["Linear.backward"].verdict == "different"
    assert IN_THE_LAYER not in entries["Linear.backward"].conventions


def test_the_mean_must_be_taken_somewhere(tmp_path: Path) -> None:
    entries = examined(LAYERS.replace(*LOSS_DOES_NOT), tmp_path, ("Linear", "CrossEntropyLoss"))
    assert entries["Linear.backward"].equal
    assert named(entries["CrossEntropyLoss.backward"]) == {"gradient-not-averaged"}


def test_a_pool_of_stride_one_has_a_smallest_case_of_stride_one(tmp_path: Path) -> None:
    wrong = LAYERS.replace("+= dLdZ[n, c, i, j]", "= dLdZ[n, c, i, j]")
    entry = examined(wrong, tmp_path, ("MaxPool2d_stride1",))["MaxPool2d_stride1.backward"]
    assert entry.smallest is not None
    assert entry.smallest.question.options["stride"] == 1


# Rarer, but as right.
OLDER = """
import numpy as np

class Linear:
    def __init__(self, in_feature, out_feature, weight_init_fn, bias_init_fn):
        self.W = weight_init_fn(in_feature, out_feature)
        self.b = bias_init_fn(out_feature)
        self.dW = None
        self.db = None

    def forward(self, A):
        self.A = A
        return A.dot(self.W) + self.b

    def backward(self, dLdZ):
        self.dW = self.A.T.dot(dLdZ) / len(dLdZ)
        self.db = dLdZ.mean(axis=0)
        return dLdZ.dot(self.W.T)

class ReLU:
    def forward(self, Z):
        self.A = Z * (Z > 0)
        return self.A

    def backward(self):
        return np.where(self.A > 0, 1.0, 0.0)

class CrossEntropyLoss:
    def forward(self, A, Y):
        self.A, self.Y = A, Y
        shift = A.max(axis=1, keepdims=True)
        log_sum = shift[:, 0] + np.log(np.exp(A - shift).sum(axis=1))
        self.softmax = np.exp(A - log_sum[:, None])
        return log_sum - (A * Y).sum(axis=1)

    def backward(self):
        dLdA = self.softmax - self.Y
        return dLdA

class Conv2d_stride1:
    def __init__(self, in_channel, out_channel, kernel_size, weight_init_fn, bias_init_fn):
        self.W = weight_init_fn(out_channel, in_channel, kernel_size, kernel_size)
        self.b = bias_init_fn(out_channel)

    def forward(self, A):
        self.A = A.astype(np.float32)
        k = self.W.shape[2]
        self.windows = np.lib.stride_tricks.sliding_window_view(self.A, (k, k), axis=(2, 3))
        Z = np.einsum("nchwij,ocij->nohw", self.windows, self.W.astype(np.float32))
        return Z + self.b.astype(np.float32)[:, None, None]

    def backward(self, dLdZ):
        k = self.W.shape[2]
        dLdZ, W = dLdZ.astype(np.float32), self.W.astype(np.float32)
        self.dLdW = np.einsum("nohw,nchwij->ocij", dLdZ, self.windows)
        self.dLdb = np.einsum("nohw->o", dLdZ)
        padded = np.pad(dLdZ, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(2, 3))
        return np.einsum("nohwij,ocij->nchw", windows, W[:, :, ::-1, ::-1])
"""


def test_older_ways_are_conventions(tmp_path: Path) -> None:
    entries = examined(OLDER, tmp_path)
    assert {found: entry.verdict for found, entry in entries.items() if not entry.equal} == {}
    each = "the loss is one number per sample, of which the mean is taken"
    assert {found: entry.conventions for found, entry in entries.items()} == {
        "Linear.forward": ["the weights are stored (in, out)"],
        "Linear.backward": ["the weights are stored (in, out)", IN_THE_LAYER],
        "ReLU.forward": [],
        "ReLU.backward": ["backward gives the slope, which is multiplied by the upstream gradient here"],
        "CrossEntropyLoss.forward": ["the targets are one-hot", each],
        "CrossEntropyLoss.backward": ["the targets are one-hot", IN_THE_LAYER],
        "Conv2d_stride1.forward": [],
        "Conv2d_stride1.backward": [],
    }


def test_classes_of_other_courses_are_left() -> None:
    class Linear:
        def forward(self, x: float) -> float:
            return x

    assert list(cmu.find({"Linear": Linear, "ReLU": int, "SGD": float, "Conv2d": print})) == []
