"""Every convolution, pooling and dense layer of five networks that made history, as cases for the proof.

Random cases are small, since a thousand of them find more than one large one.  But sums of 25,088 products, images of
224 pixels and 512 channels take other paths through blocked and vectorised code, here and in torch.  The tables are
those of the papers; shapes that occur twice stand once:

    LeNet-5       LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition (1998)
    AlexNet       Krizhevsky, Sutskever & Hinton, ImageNet classification with deep CNNs (2012); two groups: two GPUs
    VGG-16        Simonyan & Zisserman, Very deep convolutional networks (2015), configuration D
    ResNet-50     He, Zhang, Ren & Sun, Deep residual learning (2016); shortcuts included
    MobileNet v1  Howard et al., MobileNets (2017): depthwise and pointwise convolutions in turn

On the lattice the longest sum is that of a weight's gradient over 224 x 224 pixels: 50,176 products of at most 16,
still far below 2^24.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from torch_parity.proof.cases import Case, numbers

# Above this side length batches are of one image, else of two.
LARGE = 64
# A dense layer's outputs are sums of their own; more of the same only cost memory (103 million weights in VGG-16).
MOST_OUTPUTS = 500


class Conv(NamedTuple):
    """A convolution on square images; ``size`` is the side of its input."""

    channels: int
    filters: int
    kernel: int
    size: int
    stride: int = 1
    padding: int = 0
    groups: int = 1


class Pool(NamedTuple):
    """A pooling, 'max_pool2d' or 'avg_pool2d'."""

    name: str
    channels: int
    kernel: int
    size: int
    stride: int
    padding: int = 0


class Dense(NamedTuple):
    """A dense layer."""

    inputs: int
    outputs: int


Layer = Conv | Pool | Dense


def _separable(channels: int, filters: int, size: int, stride: int) -> list[Layer]:
    """MobileNet's building block: a depthwise convolution, then a pointwise one."""
    return [Conv(channels, channels, 3, size, stride, 1, channels), Conv(channels, filters, 1, size // stride)]


def _bottlenecks(channels: int, width: int, size: int, stride: int) -> list[Layer]:
    """The distinct convolutions of a stage of ResNet-50, whose output has 4 * width channels."""
    small = size // stride
    return [
        Conv(channels, width, 1, size, stride),
        Conv(width, width, 3, small, 1, 1),
        Conv(width, 4 * width, 1, small),
        Conv(channels, 4 * width, 1, size, stride),  # the shortcut
        Conv(4 * width, width, 1, small),
    ]


HISTORIC_NETWORKS: dict[str, list[Layer]] = {
    "LeNet-5": [
        Conv(1, 6, 5, 32),
        Pool("avg_pool2d", 6, 2, 28, 2),
        Conv(6, 16, 5, 14),
        Pool("avg_pool2d", 16, 2, 10, 2),
        Conv(16, 120, 5, 5),
        Dense(120, 84),
        Dense(84, 10),
    ],
    "AlexNet": [
        Conv(3, 96, 11, 224, 4, 2),
        Pool("max_pool2d", 96, 3, 55, 2),
        Conv(96, 256, 5, 27, 1, 2, 2),
        Pool("max_pool2d", 256, 3, 27, 2),
        Conv(256, 384, 3, 13, 1, 1),
        Conv(384, 384, 3, 13, 1, 1, 2),
        Conv(384, 256, 3, 13, 1, 1, 2),
        Pool("max_pool2d", 256, 3, 13, 2),
        Dense(9216, 4096),
        Dense(4096, 4096),
        Dense(4096, 1000),
    ],
    "VGG-16": [
        Conv(3, 64, 3, 224, 1, 1),
        Conv(64, 64, 3, 224, 1, 1),
        Pool("max_pool2d", 64, 2, 224, 2),
        Conv(64, 128, 3, 112, 1, 1),
        Conv(128, 128, 3, 112, 1, 1),
        Pool("max_pool2d", 128, 2, 112, 2),
        Conv(128, 256, 3, 56, 1, 1),
        Conv(256, 256, 3, 56, 1, 1),
        Pool("max_pool2d", 256, 2, 56, 2),
        Conv(256, 512, 3, 28, 1, 1),
        Conv(512, 512, 3, 28, 1, 1),
        Pool("max_pool2d", 512, 2, 28, 2),
        Conv(512, 512, 3, 14, 1, 1),
        Pool("max_pool2d", 512, 2, 14, 2),
        Dense(25088, 4096),
        Dense(4096, 4096),
        Dense(4096, 1000),
    ],
    "ResNet-50": [
        Conv(3, 64, 7, 224, 2, 3),
        Pool("max_pool2d", 64, 3, 112, 2, 1),
        *_bottlenecks(64, 64, 56, 1),
        *_bottlenecks(256, 128, 56, 2),
        *_bottlenecks(512, 256, 28, 2),
        *_bottlenecks(1024, 512, 14, 2),
        Pool("avg_pool2d", 2048, 7, 7, 1),
        Dense(2048, 1000),
    ],
    "MobileNet v1": [
        Conv(3, 32, 3, 224, 2, 1),
        *_separable(32, 64, 112, 1),
        *_separable(64, 128, 112, 2),
        *_separable(128, 128, 56, 1),
        *_separable(128, 256, 56, 2),
        *_separable(256, 256, 28, 1),
        *_separable(256, 512, 28, 2),
        *_separable(512, 512, 14, 1),
        *_separable(512, 1024, 14, 2),
        *_separable(1024, 1024, 7, 1),
        Pool("avg_pool2d", 1024, 7, 7, 1),
        Dense(1024, 1000),
    ],
}


class NetworkCase(NamedTuple):
    """A layer of a network as a case of the formula ``formula``."""

    name: str
    formula: str
    case: Case


def network_cases(
    network: str, kinds: tuple[str, ...] = ("lattice", "real"), largest: int | None = None
) -> Iterator[NetworkCase]:
    """The distinct layers of ``network``, one of ``HISTORIC_NETWORKS``, in float32, on each of ``kinds`` in turn.

    ``largest`` leaves out the layers that take more products than that.
    """
    for number, layer in enumerate(dict.fromkeys(HISTORIC_NETWORKS[network])):
        if largest is None or products(layer) <= largest:
            for kind in kinds:
                yield _case(f"{network}, {layer}, {kind}", layer, kind, seed=number)


def products(layer: Layer) -> int:
    """Roughly the products of a layer for one image."""
    if isinstance(layer, Dense):
        return layer.inputs * layer.outputs
    outputs = (layer.size // layer.stride) ** 2 * layer.kernel**2
    return outputs * (layer.channels * layer.filters // layer.groups if isinstance(layer, Conv) else layer.channels)


def _case(name: str, layer: Layer, kind: str, seed: int) -> NetworkCase:
    if isinstance(layer, Dense):
        outputs = min(layer.outputs, MOST_OUTPUTS)
        shapes = {"input": (2, layer.inputs), "weight": (outputs, layer.inputs), "bias": (outputs,)}
        return NetworkCase(name, "linear", _filled(kind, shapes, {}, seed))
    image = (1 if layer.size > LARGE else 2, layer.channels, layer.size, layer.size)
    if isinstance(layer, Pool):
        options = {"kernel_size": layer.kernel, "stride": layer.stride, "padding": layer.padding}
        return NetworkCase(name, layer.name, _filled(kind, {"input": image}, options, seed))
    weight = (layer.filters, layer.channels // layer.groups, layer.kernel, layer.kernel)
    options = {"stride": layer.stride, "padding": layer.padding, "dilation": 1, "groups": layer.groups}
    shapes = {"input": image, "weight": weight, "bias": (layer.filters,)}
    return NetworkCase(name, "conv2d", _filled(kind, shapes, options, seed))


def _filled(kind: str, shapes: dict[str, tuple[int, ...]], options: dict[str, int], seed: int) -> Case:
    generator, dtype = np.random.default_rng([seed, 0]), np.dtype(np.float32)
    arrays = {name: numbers(generator, shape, kind, dtype) for name, shape in shapes.items()}
    return Case(kind, dtype, arrays, dict(options), seed, plain=True)
