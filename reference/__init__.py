"""Every formula of a convolutional neural network, in NumPy, in the order in which they are taught.

    Y = f(Dense(Flatten(Pool(ReLU(I * K)))))

An image I is convolved with kernels K, cut off at zero, pooled, flattened and fed to a dense layer; f turns the scores
into probabilities, the cross-entropy compares those with the truth, and gradient descent improves K and the dense
weights. Deeper networks repeat these steps.  Read ``definition`` for the mathematics as on paper, one loop nest per
formula; the other files compute the same, fast.  ``nn`` has the formulas as layers, ``datasets`` the images.
"""

from reference import datasets, definition, lr_scheduler, nn, optim
from reference.conv import conv2d, conv2d_backward
from reference.cross_entropy import cross_entropy, cross_entropy_backward
from reference.dense import linear, linear_backward
from reference.flatten import flatten, flatten_backward
from reference.padding import pad, pad_backward
from reference.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from reference.relu import relu, relu_backward
from reference.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward

__all__ = [  # noqa: RUF022  (in teaching order)
    "conv2d", "conv2d_backward",
    "pad", "pad_backward",
    "relu", "relu_backward",
    "max_pool2d", "max_pool2d_backward",
    "avg_pool2d", "avg_pool2d_backward",
    "flatten", "flatten_backward",
    "linear", "linear_backward",
    "softmax", "softmax_backward",
    "log_softmax", "log_softmax_backward",
    "cross_entropy", "cross_entropy_backward",
    "optim", "lr_scheduler", "nn", "definition", "datasets",
]  # fmt: skip
