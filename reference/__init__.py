"""Every formula of a convolutional neural network, in NumPy, in the order in which they are taught.

    Y = f(Dense(Flatten(Pool(ReLU(I * K)))))

An image I is convolved with kernels K, cut off at zero, pooled, flattened and fed to a dense layer; f turns the scores
into probabilities, the cross-entropy compares those with the truth, and gradient descent improves K and the dense
weights.  Deeper networks repeat these steps, and put others between them or in their place: smoother activations,
normalisation and dropout, transposed convolution, pooling to a given size, other losses and optimizers.

Read ``definition`` for the mathematics as on paper, one loop nest per formula; the other files compute the same, fast.
``nn`` has the formulas as layers, ``optim`` the ways to improve weights, ``datasets`` the images.

All of it on numbers that can be followed by hand, from an image with a vertical edge to two probabilities:

    >>> import numpy as np
    >>> import reference
    >>> image = np.array([[[1.0, 2, 3, 0, 1], [4, 5, 6, 1, 0], [7, 8, 9, 0, 2], [1, 0, 2, 3, 1], [0, 1, 1, 2, 3]]])
    >>> edge = np.array([[[[1.0, 0, -1], [1, 0, -1], [1, 0, -1]]]])
    >>> features = reference.conv2d(image, edge)
    >>> print(features)
    [[[-6. 14. 15.]
      [-5.  9. 14.]
      [-4.  4.  6.]]]
    >>> pooled = reference.max_pool2d(reference.relu(features), kernel_size=2, stride=1)
    >>> print(pooled)
    [[[14. 15.]
      [ 9. 14.]]]
    >>> scores = reference.linear(reference.flatten(pooled), np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]]))
    >>> print(scores, reference.softmax(scores, dim=0))
    [14. 15.] [0.26894142 0.73105858]
"""

from typing import TYPE_CHECKING, Any

from reference import datasets, definition, lr_scheduler, nn, optim
from reference.adaptive_pooling import adaptive_avg_pool2d, adaptive_avg_pool2d_backward
from reference.batch_norm import batch_norm, batch_norm_backward
from reference.binary_cross_entropy_with_logits import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
)
from reference.conv import conv2d, conv2d_backward
from reference.conv_transpose import conv_transpose2d, conv_transpose2d_backward
from reference.cross_entropy import cross_entropy, cross_entropy_backward
from reference.dense import linear, linear_backward
from reference.dropout import dropout, dropout2d, dropout2d_backward, dropout_backward
from reference.flatten import flatten, flatten_backward
from reference.gelu import gelu, gelu_backward
from reference.group_norm import group_norm, group_norm_backward
from reference.instead import PACKAGE, missing
from reference.layer_norm import layer_norm, layer_norm_backward
from reference.leaky_relu import leaky_relu, leaky_relu_backward
from reference.mse_loss import mse_loss, mse_loss_backward
from reference.nll_loss import nll_loss, nll_loss_backward
from reference.padding import pad, pad_backward
from reference.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from reference.relu import relu, relu_backward
from reference.sigmoid import sigmoid, sigmoid_backward
from reference.silu import silu, silu_backward
from reference.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
from reference.tanh import tanh, tanh_backward

__all__ = [  # noqa: RUF022  (in teaching order)
    "conv2d", "conv2d_backward",
    "conv_transpose2d", "conv_transpose2d_backward",
    "pad", "pad_backward",
    "relu", "relu_backward",
    "leaky_relu", "leaky_relu_backward",
    "sigmoid", "sigmoid_backward",
    "tanh", "tanh_backward",
    "silu", "silu_backward",
    "gelu", "gelu_backward",
    "max_pool2d", "max_pool2d_backward",
    "avg_pool2d", "avg_pool2d_backward",
    "adaptive_avg_pool2d", "adaptive_avg_pool2d_backward",
    "batch_norm", "batch_norm_backward",
    "layer_norm", "layer_norm_backward",
    "group_norm", "group_norm_backward",
    "dropout", "dropout_backward",
    "dropout2d", "dropout2d_backward",
    "flatten", "flatten_backward",
    "linear", "linear_backward",
    "softmax", "softmax_backward",
    "log_softmax", "log_softmax_backward",
    "cross_entropy", "cross_entropy_backward",
    "nll_loss", "nll_loss_backward",
    "mse_loss", "mse_loss_backward",
    "binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_backward",
    "optim", "lr_scheduler", "nn", "definition", "datasets",
]  # fmt: skip

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """A name that is not there: AttributeError with what to write instead, if ``torch`` has it."""
        raise missing("reference", name, PACKAGE)
