from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.examined import examined, named
from torch_parity.doctor.schedule import RATE_IN_VELOCITY
from torch_parity.doctor.styles import nnfs

LAYERS = """
import numpy as np

class Layer_Dense:
    def __init__(self, n_inputs, n_neurons, weight_regularizer_l2=0):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))
        self.weight_regularizer_l2 = weight_regularizer_l2

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        if self.weight_regularizer_l2 > 0:
            self.dweights += 2 * self.weight_regularizer_l2 * self.weights
        self.dinputs = np.dot(dvalues, self.weights.T)

class Activation_ReLU:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0

class Activation_Softmax:
    def forward(self, inputs, training):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for i, (output, upstream) in enumerate(zip(self.output, dvalues)):
            column = output.reshape(-1, 1)
            jacobian = np.diagflat(column) - np.dot(column, column.T)
            self.dinputs[i] = np.dot(jacobian, upstream)

class Loss:
    def calculate(self, output, y, *, include_regularization=False):
        sample_losses = self.forward(output, y)
        self.accumulated_sum += np.sum(sample_losses)
        data_loss = np.mean(sample_losses)
        if not include_regularization:
            return data_loss
        return data_loss, 0.0

    def new_pass(self):
        self.accumulated_sum = 0

class Loss_CategoricalCrossentropy(Loss):
    def forward(self, y_pred, y_true):
        if len(y_true.shape) == 1:
            confidences = y_pred[range(len(y_pred)), y_true]
        elif len(y_true.shape) == 2:
            confidences = np.sum(y_pred * y_true, axis=1)
        return -np.log(confidences)

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        if len(y_true.shape) == 1:
            y_true = np.eye(len(dvalues[0]))[y_true]
        self.dinputs = -y_true / dvalues
        self.dinputs = self.dinputs / samples

class Activation_Softmax_Loss_CategoricalCrossentropy:
    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        if len(y_true.shape) == 2:
            y_true = np.argmax(y_true, axis=1)
        self.dinputs = dvalues.copy()
        self.dinputs[range(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples

class Layer_Conv2D:
    def __init__(self, n_channels, n_filters, kernel_size, stride=1, padding=0):
        self.weights = np.random.randn(n_filters, n_channels, kernel_size, kernel_size)
        self.biases = np.zeros((1, n_filters))
        self.stride, self.padding, self.k = stride, padding, kernel_size

    def windows(self, frame):
        N, C, H, W = frame.shape
        for i in range((H - self.k) // self.stride + 1):
            for j in range((W - self.k) // self.stride + 1):
                top, left = i * self.stride, j * self.stride
                yield i, j, np.s_[:, :, top:top + self.k, left:left + self.k]

    def forward(self, inputs, training):
        p = self.padding
        self.inputs = inputs
        self.frame = np.pad(inputs, ((0, 0), (0, 0), (p, p), (p, p)))
        N, C, H, W = self.frame.shape
        height, width = (H - self.k) // self.stride + 1, (W - self.k) // self.stride + 1
        self.output = np.zeros((N, len(self.weights), height, width))
        for i, j, window in self.windows(self.frame):
            self.output[:, :, i, j] = np.einsum("ncmk,ocmk->no", self.frame[window], self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.zeros(self.weights.shape)
        self.dbiases = np.sum(dvalues, axis=(0, 2, 3)).reshape(1, -1)
        dframe = np.zeros(self.frame.shape)
        for i, j, window in self.windows(self.frame):
            self.dweights += np.einsum("no,ncmk->ocmk", dvalues[:, :, i, j], self.frame[window])
            dframe[window] += np.einsum("no,ocmk->ncmk", dvalues[:, :, i, j], self.weights)
        p, (H, W) = self.padding, self.inputs.shape[2:]
        self.dinputs = dframe[:, :, p:p + H, p:p + W]

class Layer_MaxPooling2D:
    def __init__(self, pool_size, stride=None):
        self.k = pool_size
        self.stride = stride or pool_size

    def forward(self, inputs, training):
        self.inputs = inputs
        N, C, H, W = inputs.shape
        self.output = np.zeros((N, C, (H - self.k) // self.stride + 1, (W - self.k) // self.stride + 1))
        for i, j in np.ndindex(self.output.shape[2:]):
            self.output[:, :, i, j] = self.window(inputs, i, j).max(axis=(2, 3))

    def window(self, array, i, j):
        return array[:, :, i * self.stride:i * self.stride + self.k, j * self.stride:j * self.stride + self.k]

    def backward(self, dvalues):
        self.dinputs = np.zeros_like(self.inputs)
        for n, c, i, j in np.ndindex(dvalues.shape):
            window = self.window(self.inputs, i, j)[n, c]
            place = np.unravel_index(np.argmax(window), window.shape)
            self.window(self.dinputs, i, j)[n, c][place] += dvalues[n, c, i, j]

class Layer_Flatten:
    def forward(self, inputs, training):
        self.shape = inputs.shape
        self.output = inputs.reshape(len(inputs), -1)

    def backward(self, dvalues):
        self.dinputs = dvalues.reshape(self.shape)

class Optimizer_SGD:
    def __init__(self, learning_rate=1., decay=0., momentum=0.):
        self.learning_rate = learning_rate
        self.current_learning_rate = learning_rate
        self.decay = decay
        self.iterations = 0
        self.momentum = momentum

    def pre_update_params(self):
        if self.decay:
            self.current_learning_rate = self.learning_rate / (1. + self.decay * self.iterations)

    def update_params(self, layer):
        if self.momentum:
            if not hasattr(layer, "weight_momentums"):
                layer.weight_momentums = np.zeros_like(layer.weights)
                layer.bias_momentums = np.zeros_like(layer.biases)
            weight_updates = self.momentum * layer.weight_momentums - self.current_learning_rate * layer.dweights
            layer.weight_momentums = weight_updates
            bias_updates = self.momentum * layer.bias_momentums - self.current_learning_rate * layer.dbiases
            layer.bias_momentums = bias_updates
        else:
            weight_updates = -self.current_learning_rate * layer.dweights
            bias_updates = -self.current_learning_rate * layer.dbiases
        layer.weights += weight_updates
        layer.biases += bias_updates

    def post_update_params(self):
        self.iterations += 1
"""

IN_OUT = ["the weights are stored (in, out)"]
PROBABILITIES = ["the loss takes probabilities, not scores"]
HALVES = [
    ("Layer_Dense.forward", "linear", IN_OUT),
    ("Layer_Dense.backward", "linear_backward", IN_OUT),
    ("Activation_ReLU.forward", "relu", []),
    ("Activation_ReLU.backward", "relu_backward", []),
    ("Activation_Softmax.forward", "softmax", []),
    ("Activation_Softmax.backward", "softmax_backward", []),
    ("Loss_CategoricalCrossentropy.forward", "cross_entropy", PROBABILITIES),
    ("Loss_CategoricalCrossentropy.backward", "cross_entropy_backward", PROBABILITIES),
    ("Activation_Softmax_Loss_CategoricalCrossentropy.backward", "cross_entropy_backward", []),
    ("Layer_Conv2D.forward", "conv2d", []),
    ("Layer_Conv2D.backward", "conv2d_backward", []),
    ("Layer_MaxPooling2D.forward", "max_pool2d", []),
    ("Layer_MaxPooling2D.backward", "max_pool2d_backward", []),
    ("Layer_Flatten.forward", "flatten", []),
    ("Layer_Flatten.backward", "flatten_backward", []),
    ("Optimizer_SGD", "sgd", [RATE_IN_VELOCITY]),
]


def test_all_of_the_book_is_found_and_equal(tmp_path: Path) -> None:
    entries = examined(LAYERS, tmp_path)
    # The gradients of losses come last: where the mean is taken is seen in the layers.
    assert sorted((e.subject.found, e.subject.name, e.conventions) for e in entries.values()) == sorted(HALVES)
    assert {found: entry.verdict for found, entry in entries.items() if not entry.equal} == {}
    assert {entry.subject.style for entry in entries.values()} == {"nnfs"}


# A line of the file, what stands there instead, and which half is wrong then by which mistake.
COMBINED = "Activation_Softmax_Loss_CategoricalCrossentropy.backward"
MISTAKES = [
    ("np.sum(dvalues, axis=0, keepdims=True)", "np.mean(dvalues, axis=0, keepdims=True)", "Layer_Dense.backward",
     "dense-bias-gradient-averaged"),
    ("self.inputs <= 0", "self.inputs < 0", "Activation_ReLU.backward", "slope-one-at-zero"),
    ("self.inputs <= 0", "dvalues <= 0", "Activation_ReLU.backward", "masked-by-gradient"),
    ("inputs - np.max(inputs, axis=1, keepdims=True)", "inputs", "Activation_Softmax.forward", "no-max-subtraction"),
    ("- np.dot(column, column.T)", "- np.diagflat(column ** 2)", "Activation_Softmax.backward", "diagonal-only"),
    ("-np.log(confidences)", "-np.log(confidences + 1e-7)", "Loss_CategoricalCrossentropy.forward",
     "epsilon-in-the-logarithm"),
    ("np.mean(sample_losses)", "np.sum(sample_losses)", "Loss_CategoricalCrossentropy.forward", "summed-not-averaged"),
    ("/ dvalues\n        self.dinputs = self.dinputs / samples", "/ dvalues", "Loss_CategoricalCrossentropy.backward",
     "gradient-not-averaged"),
    ("-= 1\n        self.dinputs = self.dinputs / samples", "-= 1", COMBINED, "gradient-not-averaged"),
    ("dframe[window] += ", "dframe[window] = ", "Layer_Conv2D.backward", "overlap-overwritten"),
    ("self.frame[window], self.weights)", "self.frame[window], self.weights[..., ::-1, ::-1])",
     "Layer_Conv2D.forward", "kernel-flipped"),
    ("[place] += dvalues", "[place] = dvalues", "Layer_MaxPooling2D.backward", "pooling-gradient-overwritten"),
    ("inputs.reshape(len(inputs), -1)", "inputs.transpose(0, 2, 3, 1).reshape(len(inputs), -1)",
     "Layer_Flatten.forward", "flattened-channels-last"),
    ("layer.weights += weight_updates\n        layer.biases += bias_updates",
     "layer.weights -= weight_updates\n        layer.biases -= bias_updates", "Optimizer_SGD", "climbing"),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "found", "mistake"), MISTAKES)
def test_mistakes_are_named(right: str, wrong: str, found: str, mistake: str, tmp_path: Path) -> None:
    assert right in LAYERS
    entry = examined(LAYERS.replace(right, wrong), tmp_path, (found.split(".")[0],))[found]
    assert entry.verdict == "different"
    assert named(entry) == {mistake}


def test_clipped_probabilities_are_no_epsilon_in_the_logarithm(tmp_path: Path) -> None:
    """The book clips: that is wrong for bad predictions, and another mistake than adding an epsilon."""
    clipped = LAYERS.replace("-np.log(confidences)", "-np.log(np.clip(confidences, 1e-7, 1 - 1e-7))")
    entry = examined(clipped, tmp_path, ("Loss_CategoricalCrossentropy",))["Loss_CategoricalCrossentropy.forward"]
    assert entry.verdict == "different"
    assert "epsilon-in-the-logarithm" not in named(entry)


@pytest.mark.parametrize("branch", ["np.eye(len(dvalues[0]))[y_true]", "y_true / dvalues"])
def test_what_is_wrong_for_one_kind_of_target_is_seen(branch: str, tmp_path: Path) -> None:
    """The loss takes labels and one-hot targets, and is asked with both."""
    wrong = LAYERS.replace(branch, "2 * " + branch)
    entries = examined(wrong, tmp_path, ("Loss_CategoricalCrossentropy",))
    assert entries["Loss_CategoricalCrossentropy.forward"].equal
    assert entries["Loss_CategoricalCrossentropy.backward"].verdict == "different"


# Rarer, but as right.
OTHERS = """
import numpy as np

class LayerDense:
    def __init__(self, inputs, neurons):
        self.weights = np.random.randn(neurons, inputs)
        self.biases = np.zeros((neurons, 1))

    def forward(self, inputs):
        self.inputs = inputs
        return (self.weights @ inputs.T + self.biases).T

    def backward(self, dvalues):
        self.dweights = dvalues.T @ self.inputs
        self.dbiases = dvalues.T.sum(axis=1, keepdims=True)
        return dvalues @ self.weights

class Activation_Softmax_Loss_CategoricalCrossentropy:
    def forward(self, inputs, y_true):
        shifted = inputs - inputs.max(axis=1, keepdims=True)
        self.output = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
        return -np.mean(np.log((self.output * y_true).sum(axis=1)))

    def backward(self, dvalues, y_true):
        self.dinputs = (dvalues - y_true) / len(dvalues)

class Loss_CategoricalCrossentropy:
    def forward(self, y_pred, y_true):
        return -np.log(y_pred[range(len(y_pred)), y_true])

    def backward(self, dvalues, y_true):
        self.dinputs = np.zeros_like(dvalues)
        rows = np.arange(len(dvalues))
        self.dinputs[rows, y_true] = -1 / dvalues[rows, y_true] / len(dvalues)

class Layer_Conv:
    def __init__(self, filters, kernel_size, channels, strides=1):
        self.kernels = np.random.randn(kernel_size, kernel_size, channels, filters)
        self.biases = np.zeros(filters)
        self.s = strides

    def forward(self, inputs):
        self.inputs = inputs.astype(np.float32)
        k = len(self.kernels)
        windows = np.lib.stride_tricks.sliding_window_view(self.inputs, (k, k), axis=(1, 2))
        self.windows = windows[:, ::self.s, ::self.s]
        self.output = np.einsum("nhwcij,ijco->nhwo", self.windows, self.kernels.astype(np.float32))
        self.output += self.biases.astype(np.float32)

    def backward(self, dvalues):
        k = len(self.kernels)
        dvalues = dvalues.astype(np.float32)
        self.dkernels = np.einsum("nhwcij,nhwo->ijco", self.windows, dvalues)
        self.dbiases = dvalues.sum(axis=(0, 1, 2))
        self.dinputs = np.zeros(self.inputs.shape, np.float32)
        for i, j in np.ndindex(dvalues.shape[1:3]):
            window = self.dinputs[:, i * self.s:i * self.s + k, j * self.s:j * self.s + k]
            window += np.einsum("no,ijco->nijc", dvalues[:, i, j], self.kernels.astype(np.float32))

class Layer_AveragePooling:
    def __init__(self, size, stride):
        self.size, self.stride = size, stride

    def forward(self, inputs):
        self.inputs = inputs
        windows = np.lib.stride_tricks.sliding_window_view(inputs, (self.size, self.size), axis=(1, 2))
        self.output = windows[:, ::self.stride, ::self.stride].mean(axis=(4, 5))

    def backward(self, dvalues):
        self.dinputs = np.zeros(self.inputs.shape)
        for i, j in np.ndindex(dvalues.shape[1:3]):
            top, left = i * self.stride, j * self.stride
            window = self.dinputs[:, top:top + self.size, left:left + self.size]
            window += dvalues[:, i, j][:, None, None] / self.size ** 2
"""


def test_other_ways_are_conventions(tmp_path: Path) -> None:
    entries = examined(OTHERS, tmp_path)
    assert {found: entry.verdict for found, entry in entries.items() if not entry.equal} == {}
    one_hot, last = "the targets are one-hot", "images are stored N,H,W,C"
    kernels = "the kernels are stored (kH, kW, C, O)"
    assert {found: entry.conventions for found, entry in entries.items()} == {
        "LayerDense.forward": [],
        "LayerDense.backward": [],
        "Activation_Softmax_Loss_CategoricalCrossentropy.forward": [one_hot],
        "Activation_Softmax_Loss_CategoricalCrossentropy.backward": [one_hot],
        "Loss_CategoricalCrossentropy.forward": [
            "the loss takes probabilities, not scores",
            "the loss is one number per sample, of which the mean is taken",
        ],
        "Loss_CategoricalCrossentropy.backward": ["the loss takes probabilities, not scores"],
        "Layer_Conv.forward": [kernels, last],
        "Layer_Conv.backward": [kernels, last],
        "Layer_AveragePooling.forward": [last],
        "Layer_AveragePooling.backward": [last],
    }


def test_the_size_of_a_window_may_be_two_numbers(tmp_path: Path) -> None:
    pairs = LAYERS.replace("self.k = pool_size", "self.k, _ = pool_size").replace("or pool_size", "or self.k")
    pairs = pairs.replace("n_channels, kernel_size, kernel_size)", "n_channels, *kernel_size)")
    pairs = pairs.replace("self.padding, self.k = stride, padding,", "self.padding, (self.k, _) = stride, padding,")
    entries = examined(pairs, tmp_path, ("Layer_Conv2D", "Layer_MaxPooling2D"))
    assert len(entries) == 4
    assert all(entry.equal for entry in entries.values())


def test_layers_without_a_backward_are_known_by_their_names(tmp_path: Path) -> None:
    """As they stand in the book's first chapters."""
    first = """
import numpy as np

class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = np.zeros((n_inputs, n_neurons))
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.output = np.dot(inputs, self.weights) + self.biases

class Activation_ReLU:
    def forward(self, inputs):
        self.output = np.maximum(0, inputs)
"""
    entries = examined(first, tmp_path)
    assert list(entries) == ["Layer_Dense.forward", "Activation_ReLU.forward"]
    assert all(entry.equal for entry in entries.values())


def test_classes_of_other_courses_are_left() -> None:
    class Dense:
        def forward(self, x: float) -> float:
            return x

    assert list(nnfs.find({"Dense": Dense, "ReLU": int, "Optimizer_SGD": float, "Layer_Dense": print})) == []
