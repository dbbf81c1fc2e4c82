"""A convolutional neural network as on paper: every formula and every gradient as one short loop nest.

    Y = f(Dense(Flatten(Pool(ReLU(I * K)))))

Read this page first.  Nothing here is fast or clever, and nothing is shared with the rest of ``reference``, so that it
can bear witness against it.  Where a formula reads "for all n, o: y[n, o] = sum over c", the code has an outer loop
over n, o and an inner loop over c.  ``np.ndindex(2, 3)`` is that nest of loops: (0, 0), (0, 1), (0, 2), (1, 0), (1, 1),
(1, 2).

Letters.  N images, C channels, H x W pixels, O output channels, G groups; the kernel K is kH x kW, the output oH x oW;
x is the input, y the output, L the loss and g = dL/dy the gradient that arrives from above.  sH sW are strides, pH pW
paddings and dH dW dilations, all in pixels; each argument is one integer, or a pair (vertical, horizontal).

Every gradient is the chain rule (Goodfellow et al., section 6.5; Rumelhart, Hinton & Williams 1986):

    dL/dx[a] = sum_b  g[b]  dy[b]/dx[a]

An input collects, from each output that it helped to make, that output's gradient times its own share in it.

The definition computes in double precision whatever it is given, and returns float64.  Infinities and NaN are numbers
like any other.  Arguments are taken to be valid: checking them is the work of the rest of ``reference``.

Each formula stands with its gradient, NAME_backward, in a file named as the one in ``reference``.  In teaching order,
files on the left:

    conv              conv2d                   the sum of the products under the kernel
    conv_transpose    conv_transpose2d         every pixel stamps the kernel: the other way round
    padding           pad                      a frame around the image
    relu              relu                     nothing below zero
    leaky_relu        leaky_relu               little below zero
    sigmoid           sigmoid                  a score becomes the probability of one of two classes
    tanh              tanh                     the same from -1 to 1
    silu              silu                     a smooth relu: x times its sigmoid
    gelu              gelu                     another one: x times the normal distribution
    pooling           max_pool2d, avg_pool2d   the largest value, or the mean, of each window
    adaptive_pooling  adaptive_avg_pool2d      the mean of windows that are made to fit an output
    batch_norm        batch_norm               every channel with mean 0 and variance 1
                      running_statistics       the mean and variance that it uses in evaluation
    layer_norm        layer_norm               the features of a sample: mean 0, variance 1
    group_norm        group_norm               groups of channels: mean 0, variance 1
    dropout           dropout, dropout2d       some numbers, or whole channels, are dropped in training
    flatten           flatten                  feature maps become one row of numbers
    dense             linear                   weighted sums of all of them
    softmax           softmax, log_softmax     scores become probabilities
    cross_entropy     paper_cross_entropy      the loss of probabilities, as papers write it
                      cross_entropy            the same from scores
    nll_loss          nll_loss                 the same from log-probabilities
    mse_loss          mse_loss                 the loss of numbers: their squared error
    binary_cross_entropy_with_logits (both)    the loss of questions with two answers, from scores
    optim             sgd_step                 one step of gradient descent
                      rmsprop_step, adam_step  steps measured by the size of the gradients
                      adamw_step               the same, with a weight decay of its own
    clip_grad_norm    clip_grad_norm           gradients made shorter together

They share ``numbers`` (types, arithmetic) and ``windows`` (how many windows fit along an axis).

Sources: Goodfellow, Bengio & Courville, Deep Learning (2016), called "Goodfellow" in all files; Dumoulin & Visin, A
guide to convolution arithmetic for deep learning (2016); what else is used is named where it is used.
"""

from reference.definition.adaptive_pooling import adaptive_avg_pool2d, adaptive_avg_pool2d_backward
from reference.definition.batch_norm import batch_norm, batch_norm_backward, running_statistics
from reference.definition.binary_cross_entropy_with_logits import (
    binary_cross_entropy_with_logits,
    binary_cross_entropy_with_logits_backward,
)
from reference.definition.clip_grad_norm import clip_grad_norm
from reference.definition.conv import conv2d, conv2d_backward
from reference.definition.conv_transpose import conv_transpose2d, conv_transpose2d_backward
from reference.definition.cross_entropy import (
    cross_entropy,
    cross_entropy_backward,
    paper_cross_entropy,
    paper_cross_entropy_backward,
)
from reference.definition.dense import linear, linear_backward
from reference.definition.dropout import dropout, dropout2d, dropout2d_backward, dropout_backward
from reference.definition.flatten import flatten, flatten_backward
from reference.definition.gelu import gelu, gelu_backward
from reference.definition.group_norm import group_norm, group_norm_backward
from reference.definition.layer_norm import layer_norm, layer_norm_backward
from reference.definition.leaky_relu import leaky_relu, leaky_relu_backward
from reference.definition.mse_loss import mse_loss, mse_loss_backward
from reference.definition.nll_loss import nll_loss, nll_loss_backward
from reference.definition.numbers import Array, Double, Integers, ieee754
from reference.definition.optim import adam_step, adamw_step, rmsprop_step, sgd_step
from reference.definition.padding import pad, pad_backward
from reference.definition.pooling import avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward
from reference.definition.relu import relu, relu_backward
from reference.definition.sigmoid import sigmoid, sigmoid_backward
from reference.definition.silu import silu, silu_backward
from reference.definition.softmax import log_softmax, log_softmax_backward, softmax, softmax_backward
from reference.definition.tanh import tanh, tanh_backward
from reference.definition.windows import IntOrPair

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
    "batch_norm", "batch_norm_backward", "running_statistics",
    "layer_norm", "layer_norm_backward",
    "group_norm", "group_norm_backward",
    "dropout", "dropout_backward",
    "dropout2d", "dropout2d_backward",
    "flatten", "flatten_backward",
    "linear", "linear_backward",
    "softmax", "softmax_backward",
    "log_softmax", "log_softmax_backward",
    "paper_cross_entropy", "paper_cross_entropy_backward",
    "cross_entropy", "cross_entropy_backward",
    "nll_loss", "nll_loss_backward",
    "mse_loss", "mse_loss_backward",
    "binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits_backward",
    "sgd_step", "rmsprop_step", "adam_step", "adamw_step",
    "clip_grad_norm",
    "Array", "Integers", "Double", "IntOrPair", "ieee754",
]  # fmt: skip
