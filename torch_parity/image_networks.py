"""Networks for photographs, (N, 3, 224, 224) to 1000 classes, and the residual block: each once, for both sides.

    alexnet        Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014)
    vgg11          Simonyan & Zisserman, "Very deep convolutional networks" (2015), configuration A
    resnet18       He, Zhang, Ren & Sun, "Deep residual learning for image recognition" (2016)
    mobilenet_v1   Howard et al., "MobileNets" (2017)

The parameters of the first three have torchvision's names and shapes: weights saved from there load into either side.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


@functools.cache
def residual_block(nn: Any) -> Any:
    """The class of ResNet's block on one side: ``residual_block(nn)(inputs, outputs, stride)`` is a layer.

    Its formula is y = ReLU(f(x) + s(x)): f two convolutions, s the input itself or, where the block changes its shape,
    one convolution of single pixels.  Nothing but ``nn`` differs between the sides; torch derives the gradient from
    ``forward``, and never calls ``backward``.
    """

    class BasicBlock(nn.Module):  # type: ignore[misc]
        def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
            self.bn1, self.relu1 = nn.BatchNorm2d(outputs), nn.ReLU()
            self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
            self.bn2, self.relu2 = nn.BatchNorm2d(outputs), nn.ReLU()
            self.downsample = None
            if stride != 1 or inputs != outputs:
                shrink = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
                self.downsample = nn.Sequential(shrink, nn.BatchNorm2d(outputs))

        def forward(self, x: Any) -> Any:
            y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
            return self.relu2(y + (x if self.downsample is None else self.downsample(x)))

        def backward(self, grad_output: Any, needs_input_grad: bool = True) -> Any:
            """The sum hands its gradient to both of its terms; x went both ways, so what comes back is added."""
            grad = grad_sum = self.relu2.backward(grad_output)
            for layer in (self.bn2, self.conv2, self.relu1, self.bn1):
                grad = layer.backward(grad)
            grad = self.conv1.backward(grad, needs_input_grad)
            if self.downsample is not None:
                grad_sum = self.downsample.backward(grad_sum, needs_input_grad)
            return grad + grad_sum if needs_input_grad else None

    return BasicBlock


def resnet18(nn: Any, classes: int = 1000) -> Any:
    """ResNet-18: a stem, four stages of two blocks, each but the first halving the image, and one dense layer."""
    block = residual_block(nn)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), bn1=nn.BatchNorm2d(64), relu=nn.ReLU(),
            maxpool=nn.MaxPool2d(3, stride=2, padding=1),
            layer1=nn.Sequential(block(64, 64), block(64, 64)),
            layer2=nn.Sequential(block(64, 128, stride=2), block(128, 128)),
            layer3=nn.Sequential(block(128, 256, stride=2), block(256, 256)),
            layer4=nn.Sequential(block(256, 512, stride=2), block(512, 512)),
            avgpool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(512, classes),
        )
    )  # fmt: skip


def vgg11(nn: Any, classes: int = 1000) -> Any:
    """VGG with 8 convolutions and 3 dense layers."""

    def convolution(inputs: int, outputs: int) -> list[Any]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]

    features = [
        *convolution(3, 64), nn.MaxPool2d(2), *convolution(64, 128), nn.MaxPool2d(2),
        *convolution(128, 256), *convolution(256, 256), nn.MaxPool2d(2),
        *convolution(256, 512), *convolution(512, 512), nn.MaxPool2d(2),
        *convolution(512, 512), *convolution(512, 512), nn.MaxPool2d(2),
    ]  # fmt: skip
    classifier = [
        nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
        nn.Linear(4096, classes),
    ]  # fmt: skip
    return _features_and_classifier(nn, features, 7, classifier)


def alexnet(nn: Any, classes: int = 1000) -> Any:
    """AlexNet in the form for one processor: 5 convolutions and 3 dense layers."""
    features = [
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, stride=2),
    ]  # fmt: skip
    classifier = [
        nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(),
        nn.Linear(4096, classes),
    ]  # fmt: skip
    return _features_and_classifier(nn, features, 6, classifier)


def _features_and_classifier(nn: Any, features: list[Any], size: int, classifier: list[Any]) -> Any:
    """The one, averaged to ``size`` x ``size`` pixels and flattened, then the other."""
    return nn.Sequential(
        OrderedDict(
            features=nn.Sequential(*features), avgpool=nn.AdaptiveAvgPool2d(size), flatten=nn.Flatten(),
            classifier=nn.Sequential(*classifier),
        )
    )  # fmt: skip


def mobilenet_v1(nn: Any, classes: int = 1000) -> Any:
    """MobileNet: after the first convolution, each is one per channel, then one of single pixels across channels."""

    def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[Any]:
        conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False)
        return [conv, nn.BatchNorm2d(outputs), nn.ReLU()]

    def separable(inputs: int, outputs: int, stride: int) -> list[Any]:
        return [*convolution(inputs, inputs, 3, stride, groups=inputs), *convolution(inputs, outputs, 1)]

    widths = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    layers, inputs = convolution(3, 32, 3, stride=2), 32
    for outputs, stride in widths:
        layers += separable(inputs, outputs, stride)
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, classes))


IMAGE_NETWORKS: dict[str, Callable[..., Any]] = {
    "alexnet": alexnet, "vgg11": vgg11, "resnet18": resnet18, "mobilenet-v1": mobilenet_v1,
}  # fmt: skip
