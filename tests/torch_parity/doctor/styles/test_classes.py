"""Classes as people write them from scratch: right ones, and ones with a mistake each."""

from pathlib import Path

import pytest

from tests.torch_parity.doctor.styles.asked import answers, check_mistake, check_right, mistaken, understood

RIGHT = """
import numpy as np

class Conv3x3:
    def __init__(self, num_filters):
        self.num_filters = num_filters
        self.filters = np.random.randn(num_filters, 3, 3) / 9
    def iterate_regions(self, image):
        h, w = image.shape
        for i in range(h - 2):
            for j in range(w - 2):
                yield image[i:i+3, j:j+3], i, j
    def forward(self, input):
        self.last_input = input
        h, w = input.shape
        output = np.zeros((h - 2, w - 2, self.num_filters))
        for region, i, j in self.iterate_regions(input):
            output[i, j] = np.sum(region * self.filters, axis=(1, 2))
        return output
    def backprop(self, d_L_d_out, learn_rate):
        d_L_d_filters = np.zeros(self.filters.shape)
        for region, i, j in self.iterate_regions(self.last_input):
            for f in range(self.num_filters):
                d_L_d_filters[f] += d_L_d_out[i, j, f] * region
        self.filters -= learn_rate * d_L_d_filters
        return None

class MaxPool2:
    def iterate_regions(self, image):
        h, w, _ = image.shape
        for i in range(h // 2):
            for j in range(w // 2):
                yield image[i*2:i*2+2, j*2:j*2+2], i, j
    def forward(self, input):
        self.last_input = input
        h, w, n = input.shape
        output = np.zeros((h // 2, w // 2, n))
        for r, i, j in self.iterate_regions(input): output[i, j] = np.amax(r, axis=(0, 1))
        return output
    def backprop(self, d_L_d_out):
        d = np.zeros(self.last_input.shape)
        for r, i, j in self.iterate_regions(self.last_input):
            h, w, f = r.shape
            amax = np.amax(r, axis=(0, 1))
            for a in range(h):
                for b in range(w):
                    for c in range(f):
                        if r[a, b, c] == amax[c]: d[i*2+a, j*2+b, c] = d_L_d_out[i, j, c]
        return d

class Dense:
    def __init__(self, input_size, output_size):
        self.weights = np.random.randn(output_size, input_size)
        self.bias = np.random.randn(output_size, 1)
    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias
    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(output_gradient, self.input.T)
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights -= learning_rate * weights_gradient
        self.bias -= learning_rate * output_gradient
        return input_gradient

def correlate(a, k):
    h, w = a.shape[0]-k.shape[0]+1, a.shape[1]-k.shape[1]+1
    return np.array([[np.sum(a[i:i+k.shape[0], j:j+k.shape[1]]*k) for j in range(w)] for i in range(h)])

def full(a, k):
    p = np.pad(a, ((k.shape[0]-1,)*2, (k.shape[1]-1,)*2))
    return correlate(p, k[::-1, ::-1])

class Convolutional:
    def __init__(self, input_shape, kernel_size, depth):
        input_depth, input_height, input_width = input_shape
        self.depth = depth
        self.input_shape = input_shape
        self.input_depth = input_depth
        self.output_shape = (depth, input_height - kernel_size + 1, input_width - kernel_size + 1)
        self.kernels_shape = (depth, input_depth, kernel_size, kernel_size)
        self.kernels = np.random.randn(*self.kernels_shape)
        self.biases = np.random.randn(*self.output_shape)
    def forward(self, input):
        self.input = input
        self.output = np.copy(self.biases)
        for i in range(self.depth):
            for j in range(self.input_depth):
                self.output[i] += correlate(self.input[j], self.kernels[i, j])
        return self.output
    def backward(self, output_gradient, learning_rate):
        kernels_gradient = np.zeros(self.kernels_shape)
        input_gradient = np.zeros(self.input_shape)
        for i in range(self.depth):
            for j in range(self.input_depth):
                kernels_gradient[i, j] = correlate(self.input[j], output_gradient[i])
                input_gradient[j] += full(output_gradient[i], self.kernels[i, j])
        self.kernels -= learning_rate * kernels_gradient
        self.biases -= learning_rate * output_gradient
        return input_gradient

class ConvLayer:
    # images (N, H, W, C)
    def __init__(self, filters, filter_size, input_channels, stride=1, pad=0):
        self.W = np.random.randn(filter_size, filter_size, input_channels, filters)
        self.b = np.zeros((1, 1, 1, filters)); self.stride = stride; self.pad = pad
    def forward(self, x):
        p, s = self.pad, self.stride
        self.x = x
        xp = np.pad(x, ((0,0),(p,p),(p,p),(0,0)))
        f = self.W.shape[0]
        N, H, W, C = xp.shape
        oh, ow = (H-f)//s+1, (W-f)//s+1
        y = np.zeros((N, oh, ow, self.W.shape[3]))
        for i in range(oh):
            for j in range(ow):
                y[:, i, j] = np.tensordot(xp[:, i*s:i*s+f, j*s:j*s+f], self.W, 3)
        return y + self.b
    def backward(self, dout):
        p, s = self.pad, self.stride
        xp = np.pad(self.x, ((0,0),(p,p),(p,p),(0,0)))
        f = self.W.shape[0]
        dxp = np.zeros_like(xp); self.dW = np.zeros_like(self.W)
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                win = xp[:, i*s:i*s+f, j*s:j*s+f]
                self.dW += np.tensordot(win, dout[:, i, j], ([0],[0]))
                dxp[:, i*s:i*s+f, j*s:j*s+f] += np.tensordot(dout[:, i, j], self.W, ([1],[3]))
        self.db = dout.sum((0,1,2), keepdims=True)
        return dxp[:, p:p+self.x.shape[1], p:p+self.x.shape[2]]

class FullyConnected:
    def __init__(self, n_in, n_out):
        self.params = {"W": np.random.randn(n_in, n_out), "b": np.zeros(n_out)}
        self.grads = {}
    def __call__(self, x): self.x = x; return x @ self.params["W"] + self.params["b"]
    def backprop(self, dy):
        self.grads["W"] = self.x.T @ dy; self.grads["b"] = dy.sum(0)
        return dy @ self.params["W"].T

class LinearLayer:
    def __init__(self, W, b): self.params = [W, b]; self.grads = [np.zeros_like(W), np.zeros_like(b)]
    def forward(self, x):
        W, b = self.params
        self.x = x
        return np.dot(x, W) + b
    def backward(self, dout):
        W, b = self.params
        self.grads[0][...] = np.dot(self.x.T, dout); self.grads[1][...] = dout.sum(0)
        return np.dot(dout, W.T)

class CrossEntropy:
    def forward(self, y_pred, y_true):
        self.p, self.y = y_pred, y_true
        return -np.sum(y_true * np.log(y_pred)) / len(y_pred)
    def backward(self): return (self.p - self.y) / len(self.y)
"""
CLASSES = ("Conv3x3", "Dense", "Convolutional", "ConvLayer", "FullyConnected", "LinearLayer", "CrossEntropy")

# Further ways: kernels as a matrix, a rate of one's own, halves called otherwise.
FURTHER = """
import numpy as np

class Conv:
    def __init__(self, in_ch, out_ch, k=3, stride=1, padding=0, lr=0.01):
        self.k, self.stride, self.padding, self.lr = k, stride, padding, lr
        self.w = np.random.randn(out_ch, in_ch * k * k)
        self.b = np.zeros((out_ch, 1))
    def forward(self, x):
        self.x_shape = x.shape
        N, C, H, W = x.shape
        p, s, k = self.padding, self.stride, self.k
        xp = np.pad(x, ((0,0),(0,0),(p,p),(p,p)))
        oh, ow = (H + 2*p - k)//s + 1, (W + 2*p - k)//s + 1
        cols = np.zeros((N, C*k*k, oh*ow))
        for i in range(oh):
            for j in range(ow):
                cols[:, :, i*ow+j] = xp[:, :, i*s:i*s+k, j*s:j*s+k].reshape(N, -1)
        self.cols, self.oh, self.ow = cols, oh, ow
        return (self.w @ cols + self.b).reshape(N, -1, oh, ow)
    def backward(self, dout):
        N, C, H, W = self.x_shape
        p, s, k = self.padding, self.stride, self.k
        d = dout.reshape(N, dout.shape[1], -1)
        dw = np.einsum("nop,ncp->oc", d, self.cols)
        db = d.sum((0, 2))[:, None]
        dcols = self.w.T @ d
        dxp = np.zeros((N, C, H+2*p, W+2*p))
        for i in range(self.oh):
            for j in range(self.ow):
                dxp[:, :, i*s:i*s+k, j*s:j*s+k] += dcols[:, :, i*self.ow+j].reshape(N, C, k, k)
        self.w -= self.lr * dw
        self.b -= self.lr * db
        return dxp[:, :, p:p+H, p:p+W]

class DenseLayer:
    def __init__(self, n_inputs, n_neurons):
        self.weights = 0.1*np.random.randn(n_inputs, n_neurons); self.biases = np.zeros((1, n_neurons))
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases
        return self.output
    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)

class FCLayer:
    def __init__(self, input_size, output_size):
        self.weights = np.random.rand(input_size, output_size) - 0.5
        self.bias = np.random.rand(1, output_size) - 0.5
    def forward_propagation(self, input_data):
        self.input = input_data
        self.output = np.dot(self.input, self.weights) + self.bias
        return self.output
    def backward_propagation(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        weights_error = np.dot(self.input.T, output_error)
        self.weights -= learning_rate * weights_error
        self.bias -= learning_rate * output_error
        return input_error

class AvgPool:
    def __init__(self, pool_size=2, stride=2): self.p, self.s = pool_size, stride
    def forward(self, x):
        N, C, H, W = x.shape
        self.shape = x.shape
        oh, ow = (H-self.p)//self.s+1, (W-self.p)//self.s+1
        y = np.zeros((N, C, oh, ow))
        for i in range(oh):
            for j in range(ow):
                window = x[:, :, i*self.s:i*self.s+self.p, j*self.s:j*self.s+self.p]
                y[:, :, i, j] = window.mean((2, 3))
        return y
    def backward(self, dy):
        dx = np.zeros(self.shape)
        for i in range(dy.shape[2]):
            for j in range(dy.shape[3]):
                dx[:, :, i*self.s:i*self.s+self.p, j*self.s:j*self.s+self.p] += dy[:, :, i:i+1, j:j+1] / self.p**2
        return dx

class Conv2D:
    def __init__(self, filters, kernel_size, input_shape):
        h, w, c = input_shape
        self.kernels = np.random.randn(kernel_size, kernel_size, c, filters)
        self.bias = np.zeros(filters)
    def forward(self, x):
        self.x = x
        k = self.kernels.shape[0]
        n, h, w, c = x.shape
        out = np.zeros((n, h-k+1, w-k+1, self.kernels.shape[3]))
        for i in range(h-k+1):
            for j in range(w-k+1):
                out[:, i, j, :] = np.tensordot(x[:, i:i+k, j:j+k, :], self.kernels, axes=3) + self.bias
        return out

class ReLU:
    def __call__(self, x): return np.where(x > 0, x, 0)
    def gradient(self, x): return np.where(x > 0, 1, 0)

class MaxPooling:
    def __init__(self, pool_height, pool_width, stride): self.h, self.w, self.stride = pool_height, pool_width, stride
    def forward(self, A):
        n, c, H, W = A.shape
        oh, ow = (H-self.h)//self.stride+1, (W-self.w)//self.stride+1
        y = np.empty((n, c, oh, ow))
        for i, j in np.ndindex(oh, ow):
            top, left = i * self.stride, j * self.stride
            y[:, :, i, j] = A[:, :, top : top + self.h, left : left + self.w].max((2, 3))
        return y

class CrossEntropyLoss:
    def forward(self, x, t):
        x = x - x.max(1, keepdims=True)
        return np.log(np.exp(x).sum(1)) - x[np.arange(len(t)), t]
"""


def test_that_right_classes_are_equal_and_their_conventions_told(tmp_path: Path) -> None:
    entries = answers(RIGHT, tmp_path, CLASSES)
    check_right(entries)
    told = {found: entry.conventions for (found, _), entry in entries.items()}
    updates = "the parameters are updated inside the backward: their gradients are what changes at a rate of 1"
    assert told["Conv3x3.forward"] == [
        "it takes one image of one channel at a time, (H, W)", "kernels are stored (O, kH, kW)",
        "its window is always 3x3", "its stride is always 1", "it has no padding", "it has no bias",
    ]  # fmt: skip
    assert told["Conv3x3.backprop"] == [*told["Conv3x3.forward"], updates]
    assert entries["Conv3x3.backprop", "conv2d_backward"].results == {"grad_weight": "equal"}
    columns = ["vectors are columns, (in, 1)", "the bias has shape (O, 1)", "it takes one sample at a time"]
    assert told["Dense.forward"] == columns
    assert told["Dense.backward"] == [*columns, updates]
    assert told["Convolutional.forward"] == [
        "it takes one image at a time, (C, H, W)", "its stride is always 1", "it has no padding",
        "the bias has one number for each pixel of the output; their gradients are added up here",
    ]  # fmt: skip
    assert told["ConvLayer.forward"] == [
        "images are stored (N, H, W, C)", "kernels are stored (kH, kW, C, O)", "the bias has shape (1, 1, 1, O)",
    ]  # fmt: skip
    assert told["FullyConnected.__call__"] == ["weights are stored (in, out)"]
    assert told["LinearLayer.backward"] == ["weights are stored (in, out)"]
    assert told["CrossEntropy.backward"] == ["targets are one-hot", "the loss takes probabilities, not scores"]


@pytest.mark.parametrize("stored", ["pass", "self.stride = stride"])
def test_that_an_option_that_is_never_used_is_not_asked(tmp_path: Path, stored: str) -> None:
    start = "def __init__(self, num_filters):"
    written = mistaken(RIGHT, start, f"def __init__(self, num_filters, stride=1):\n        {stored}")
    entries = answers(written, tmp_path, ("Conv3x3",))
    check_right(entries)
    assert "its stride is not used" in entries["Conv3x3.forward", "conv2d"].conventions


@pytest.mark.parametrize(
    ("name", "right", "wrong", "mistake"),
    [
        ("MaxPool2", "", "", "ties-to-all"),
        ("Conv3x3", "region * self.filters", "region * self.filters[:, ::-1, ::-1]", "kernel-flipped"),
        ("Dense", "input_gradient = np.dot", "input_gradient = -np.dot", "sign"),
        ("Convolutional", "full(output_gradient[i], self.kernels[i, j])",
         "full(output_gradient[i], self.kernels[i, j][::-1, ::-1])", "input-gradient-unflipped"),
        ("ConvLayer", "dout.sum((0,1,2)", "dout.mean((0,1,2)", "bias-gradient-averaged"),
        ("ConvLayer", "return dxp[:, p:p+self.x.shape[1], p:p+self.x.shape[2]]", "return dxp", "padding-gradient-kept"),
        ("FullyConnected", "dy.sum(0)", "dy.mean(0)", "dense-bias-gradient-averaged"),
        ("CrossEntropy", "np.log(y_pred)", "np.log(y_pred + 1e-7)", "epsilon-in-the-logarithm"),
        ("CrossEntropy", "return (self.p - self.y) / len(self.y)", "return self.p - self.y", "gradient-not-averaged"),
    ],
)  # fmt: skip
def test_that_a_mistake_is_named(tmp_path: Path, name: str, right: str, wrong: str, mistake: str) -> None:
    written = mistaken(RIGHT, right, wrong) if right else RIGHT
    check_mistake(answers(written, tmp_path, (name,)), mistake)


@pytest.mark.parametrize("class_name", ["Convolution", "MyConv", "Conv2DLayer"])
def test_that_what_changes_nothing_is_understood_under_many_names(tmp_path: Path, class_name: str) -> None:
    check_right(answers(RIGHT.replace("ConvLayer", class_name), tmp_path, (class_name,)))


def test_that_a_gradient_which_adds_up_from_call_to_call_is_seen(tmp_path: Path) -> None:
    written = mistaken(RIGHT, "self.W = np.random.randn(filter_size, filter_size, input_channels, filters)",
                       "self.W = np.random.randn(filter_size, filter_size, input_channels, filters); "
                       "self.dW = 0 * self.W")  # fmt: skip
    written = mistaken(written, "self.dW = np.zeros_like(self.W)", "pass")
    entry = answers(written, tmp_path, ("ConvLayer",))["ConvLayer.backward", "conv2d_backward"]
    assert {m.name for d in entry.diagnoses for m in d.mistakes} == {"state-kept"}


def test_that_two_formulas_in_one_class_are_said_to_be_too_many(tmp_path: Path) -> None:
    source = """
import numpy as np

class Softmax:
    def __init__(self, input_len, nodes):
        self.weights = np.random.randn(input_len, nodes); self.biases = np.zeros(nodes)
    def forward(self, input):
        t = np.dot(input.flatten(), self.weights) + self.biases
        e = np.exp(t); return e / np.sum(e, axis=0)
"""
    here, (left,) = understood(source, tmp_path)
    assert here.find() == []
    assert left.found == "Softmax"
    assert "no use for the argument nodes" in left.reason
    assert "without a dense layer inside" in left.what_helps


def test_that_further_right_classes_are_equal(tmp_path: Path) -> None:
    entries = answers(FURTHER, tmp_path)
    check_right(entries)
    told = {found: entry.conventions for (found, _), entry in entries.items()}
    updates = "the parameters are updated inside the backward: their gradients are what changes at a rate of 1"
    matrix = ["kernels are stored as a matrix, (O, C kH kW)", "the bias has shape (O, 1)"]
    assert told["Conv.backward"] == [*matrix, updates]
    assert told["FCLayer.backward_propagation"] == [
        "weights are stored (in, out)", "the bias has shape (1, O)", "it takes one sample at a time", updates,
    ]  # fmt: skip
    assert told["ReLU.gradient"] == ["it gives the derivative; the upstream gradient is multiplied by it"]
    assert told["Conv2D.forward"][:2] == ["images are stored (N, H, W, C)", "kernels are stored (kH, kW, C, O)"]
    assert told["CrossEntropyLoss.forward"] == ["the loss is one number for each sample; their mean is taken here"]
