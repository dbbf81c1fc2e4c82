"""The formulas as layers, with the names, arguments, weight layouts and state_dict keys of ``torch.nn``.

A layer holds its parameters, and after ``forward`` exactly what its gradient needs, as arrays of its own: whatever one
does to the input or the output, the gradient stays right.  It remembers its last ``forward`` alone, so it has one place
in a network, and works in one thread at a time.  ``backward(grad_output)`` then adds dL/dparameter to each
``parameter.grad`` and gives dL/dinput back.  A training step reads as in torch:

    optimizer.zero_grad()                                           # gradients add up until they are forgotten
    loss = criterion(network(images), labels)
    network.backward(criterion.backward(), needs_input_grad=False)  # nobody asks for the gradient of the images
    optimizer.step()
"""

from typing import TYPE_CHECKING, Any

from reference.containers import ModuleList, Sequential
from reference.generator import manual_seed
from reference.instead import LAYERS, missing
from reference.module import Module
from reference.nn import utils
from reference.nn.activation import GELU, LeakyReLU, LogSoftmax, ReLU, Sigmoid, SiLU, Softmax, Tanh
from reference.nn.batchnorm import BatchNorm1d, BatchNorm2d
from reference.nn.conv import Conv2d, ConvTranspose2d
from reference.nn.dropout import Dropout, Dropout2d
from reference.nn.flatten import Flatten
from reference.nn.linear import Identity, Linear
from reference.nn.loss import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, NLLLoss
from reference.nn.loss import Loss as Loss
from reference.nn.normalization import GroupNorm, LayerNorm
from reference.nn.padding import CircularPad2d, ConstantPad2d, ReflectionPad2d, ReplicationPad2d, ZeroPad2d
from reference.nn.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from reference.parameter import Parameter

__all__ = [
    "GELU",
    "AdaptiveAvgPool2d",
    "AvgPool2d",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "CircularPad2d",
    "ConstantPad2d",
    "Conv2d",
    "ConvTranspose2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Flatten",
    "GroupNorm",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool2d",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ReLU",
    "ReflectionPad2d",
    "ReplicationPad2d",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Tanh",
    "ZeroPad2d",
    "manual_seed",
    "utils",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name that is not there: AttributeError with what to write instead, if ``torch.nn`` has it."""
        raise missing("reference.nn", name, LAYERS)
