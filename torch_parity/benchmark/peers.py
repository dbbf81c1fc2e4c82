"""The convolutions and poolings of the networks, in other implementations in NumPy.

    MyGrad     ``mygrad.nnet.layers.conv_nd`` and ``max_pool``
    autograd   HIPS autograd's ``scipy.signal.convolve``; pooling by ``reshape`` and ``max``, as in its examples
    course     columns gathered by index arrays and scattered with ``np.add.at``, as taught in Stanford's CS231n

Each gets arrays (N, C, H, W) in this order in memory, as it expects them, and computes the layer and all gradients.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

import reference
from reference.nn import Conv2d, MaxPool2d
from torch_parity.benchmark.subjects import NUMPY, Implementation, batch_last, numpy_layer, random_numbers
from torch_parity.networks import NETWORKS

Array = npt.NDArray[Any]
Places = tuple[Any, Array, Array]


def layers(network: str, seed: int) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """The convolutions and poolings of ``network`` by name, each with the shape of one sample of its input."""
    reference.nn.manual_seed(seed)
    image = np.zeros((1, 1, 28, 28), np.float32)
    found: dict[str, tuple[Any, tuple[int, ...]]] = {}
    for layer in NETWORKS[network](reference.nn):
        shape = image.shape[1:]
        if isinstance(layer, Conv2d) and layer.bias is not None:
            filters, channels, height, width = layer.weight.data.shape
            found[f"conv{height}x{width}-{channels}-{filters}-{shape[1]}"] = layer, shape
        elif isinstance(layer, MaxPool2d):
            found[f"maxpool{layer.kernel_size}x{layer.kernel_size}-{shape[0]}-{shape[1]}"] = layer, shape
        image = layer(image)
    return found


def sides(network: str, name: str, batch_size: int, seed: int) -> dict[str, Implementation]:
    """The layer ``name`` of ``network`` in the reference and in every peer that is installed."""
    layer, shape = layers(network, seed)[name]
    generator = np.random.default_rng(seed)
    input = random_numbers(generator, (batch_size, *shape))
    grad = random_numbers(generator, layer(input).shape)
    found = {NUMPY: numpy_layer(layer, batch_last(input), grad)}
    for peer, (module, make) in PEERS.items():
        if module is None or find_spec(module):
            found[peer] = make(layer, input, grad)
    return found


def missing() -> list[str]:
    """The peers that are not installed."""
    return [peer for peer, (module, _) in PEERS.items() if module is not None and not find_spec(module)]


def _mygrad(layer: Any, input: Array, grad: Array) -> Implementation:
    import mygrad
    from mygrad.nnet.layers import conv_nd, max_pool

    tensors = {"input": mygrad.tensor(input)}
    if isinstance(layer, Conv2d):
        tensors |= {name: mygrad.tensor(parameter.data) for name, parameter in layer.named_parameters()}
    found: dict[str, Any] = {}

    def forward() -> None:
        if isinstance(layer, MaxPool2d):
            found["output"] = max_pool(tensors["input"], (layer.kernel_size,) * 2, layer.kernel_size)
        else:
            bias = tensors["bias"].reshape(1, -1, 1, 1)
            conv = conv_nd(tensors["input"], tensors["weight"], stride=1, padding=layer.padding)
            found["output"] = conv + bias

    def backward() -> None:
        found["output"].backward(grad)

    def results() -> dict[str, Array]:
        return {"output": found["output"].data, **{f"grad_{name}": tensor.grad for name, tensor in tensors.items()}}

    return Implementation({"forward": forward, "backward": backward}, results)


def _autograd(layer: Any, input: Array, grad: Array) -> Implementation:
    import autograd
    import autograd.numpy as anp
    from autograd.scipy.signal import convolve

    def conv(arrays: tuple[Any, ...]) -> Any:
        image, weight, bias = arrays
        (top, left), images = layer.padding, ([2, 3], [2, 3])
        if top or left:
            image = anp.pad(image, ((0, 0), (0, 0), (top, top), (left, left)), mode="constant")
        # What the field calls a convolution does not flip the kernel; this one does.
        flipped = weight[:, :, ::-1, ::-1]
        return convolve(image, flipped, axes=images, dot_axes=([1], [1]), mode="valid") + bias[:, None, None]

    def pool(arrays: tuple[Any, ...]) -> Any:
        n, c, h, w = arrays[0].shape
        k = layer.kernel_size
        blocks = arrays[0][:, :, : h // k * k, : w // k * k].reshape(n, c, h // k, k, w // k, k)
        return anp.max(anp.max(blocks, axis=3), axis=4)

    function = conv if isinstance(layer, Conv2d) else pool
    names = ["input", *(name for name, _ in layer.named_parameters())]
    arrays = (input, *(parameter.data for parameter in layer.parameters()))
    found: dict[str, Any] = {}

    def forward() -> None:
        found["vjp"], found["output"] = autograd.make_vjp(function)(arrays)

    def backward() -> None:
        found["grads"] = found["vjp"](grad)

    def results() -> dict[str, Array]:
        grads = zip(names, found["grads"], strict=True)
        return {"output": found["output"], **{f"grad_{name}": array for name, array in grads}}

    return Implementation({"forward": forward, "backward": backward}, results)


def _course(layer: Any, input: Array, grad: Array) -> Implementation:
    conv = isinstance(layer, Conv2d)
    found: dict[str, Any] = {}

    def forward() -> None:
        if conv:
            found["output"], found["memory"] = _conv(input, layer.weight.data, layer.bias.data, layer.padding)
        else:
            found["output"], found["memory"] = _pool(input, layer.kernel_size)

    def backward() -> None:
        if conv:
            grads = _conv_backward(grad, input, layer.weight.data, layer.padding, found["memory"])
            found["grad_input"], found["grad_weight"], found["grad_bias"] = grads
        else:
            found["grad_input"] = _pool_backward(grad, input, *found["memory"])

    return Implementation({"forward": forward, "backward": backward}, lambda: found)


def _places(channels: int, size: tuple[int, int], kernel: tuple[int, int], stride: int) -> Places:
    """Channel, row and column of what each tap (first axis) sees at each output pixel (second axis)."""
    channel, m, k = np.indices((channels, *kernel)).reshape(3, -1, 1)
    outputs = [(length - taps) // stride + 1 for length, taps in zip(size, kernel, strict=True)]
    i, j = np.indices(outputs).reshape(2, 1, -1)
    return channel, i * stride + m, j * stride + k


def _gather(frame: Array, places: Places) -> Array:
    """The columns (taps, output pixels * N) of ``frame`` (N, C, H, W)."""
    seen = frame[:, *places]
    return seen.transpose(1, 2, 0).reshape(seen.shape[1], -1)


def _scatter(columns: Array, shape: tuple[int, ...], places: Places) -> Array:
    """The adjoint: each number of ``columns`` added to the pixel that it came from, in a frame of ``shape``."""
    frame = np.zeros(shape, columns.dtype)
    everywhere: Any = (slice(None), *places)
    np.add.at(frame, everywhere, columns.reshape(len(columns), -1, shape[0]).transpose(2, 0, 1))
    return frame


def _conv(input: Array, weight: Array, bias: Array, padding: tuple[int, int]) -> tuple[Array, Array]:
    """The convolution, and its columns for the gradients."""
    (top, left), (filters, channels, *kernel) = padding, weight.shape
    frame = np.pad(input, ((0, 0), (0, 0), (top, top), (left, left)))
    columns = _gather(frame, _places(channels, frame.shape[2:], (kernel[0], kernel[1]), 1))
    output = weight.reshape(filters, -1) @ columns + bias[:, np.newaxis]
    height, width = frame.shape[2] - kernel[0] + 1, frame.shape[3] - kernel[1] + 1
    return output.reshape(filters, height, width, len(input)).transpose(3, 0, 1, 2), columns


def _conv_backward(
    grad: Array, input: Array, weight: Array, padding: tuple[int, int], columns: Array
) -> tuple[Array, Array, Array]:
    (top, left), (filters, channels, *kernel) = padding, weight.shape
    flat = grad.transpose(1, 2, 3, 0).reshape(filters, -1)
    count, _, height, width = input.shape
    shape = (count, channels, height + 2 * top, width + 2 * left)
    places = _places(channels, shape[2:], (kernel[0], kernel[1]), 1)
    frame = _scatter(weight.reshape(filters, -1).T @ flat, shape, places)
    grad_input = frame[:, :, top : top + height, left : left + width]
    return grad_input, (flat @ columns.T).reshape(weight.shape), grad.sum(axis=(0, 2, 3))


def _pool(input: Array, kernel: int) -> tuple[Array, tuple[Array, Array]]:
    """The maxima of blocks, and for the gradient the columns and where in them the maxima stood."""
    count, channels, height, width = input.shape
    planes = input.reshape(count * channels, 1, height, width)
    columns = _gather(planes, _places(1, (height, width), (kernel, kernel), kernel))
    best = columns.argmax(axis=0)
    output = columns[best, np.arange(best.size)]
    shape = (height // kernel, width // kernel, count, channels)
    return output.reshape(shape).transpose(2, 3, 0, 1), (columns, best)


def _pool_backward(grad: Array, input: Array, columns: Array, best: Array) -> Array:
    count, channels, height, width = input.shape
    kernel = height // grad.shape[2]
    grads = np.zeros_like(columns)
    grads[best, np.arange(best.size)] = grad.transpose(2, 3, 0, 1).ravel()
    places = _places(1, (height, width), (kernel, kernel), kernel)
    return _scatter(grads, (count * channels, 1, height, width), places).reshape(input.shape)


# By name: the module that must be installed, if any, and what makes the side.
PEERS: dict[str, tuple[str | None, Callable[[Any, Array, Array], Implementation]]] = {
    "MyGrad": ("mygrad", _mygrad),
    "autograd": ("autograd", _autograd),
    "course": (None, _course),
}
