"""Wrong formulas that people really write, by name.  The proof must reject each one.

One file for each formula, or for two that are alike; two for convolution.  A mistake is a wrong formula that stands by
itself, or the right one with wrong arguments or changed results; so it can be planted in any implementation, and
mistakes combine: ``plant`` one after another.  Each says what was done wrong, what one sees when it was, what to write
instead, and where to read on.
"""

from torch_parity.audit.mistakes import (
    adam,
    adaptive_pooling,
    avg_pool2d,
    batch_norm,
    binary_cross_entropy_with_logits,
    clip_grad_norm,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    cross_entropy,
    dropout,
    flatten,
    gelu,
    group_norm,
    layer_norm,
    leaky_relu,
    linear,
    max_pool2d,
    mse_loss,
    nll_loss,
    pad,
    relu,
    rmsprop,
    sgd,
    sigmoid,
    silu,
    softmax,
    tanh,
)
from torch_parity.audit.mistakes.mistake import Mistake

__all__ = ["MISTAKES", "Mistake"]

# In the order in which the formulas are taught.
MISTAKES = (
    *conv2d.MISTAKES,
    *conv2d_backward.MISTAKES,
    *conv_transpose2d.MISTAKES,
    *pad.MISTAKES,
    *relu.MISTAKES,
    *leaky_relu.MISTAKES,
    *sigmoid.MISTAKES,
    *tanh.MISTAKES,
    *silu.MISTAKES,
    *gelu.MISTAKES,
    *max_pool2d.MISTAKES,
    *avg_pool2d.MISTAKES,
    *adaptive_pooling.MISTAKES,
    *batch_norm.MISTAKES,
    *layer_norm.MISTAKES,
    *group_norm.MISTAKES,
    *dropout.MISTAKES,
    *flatten.MISTAKES,
    *linear.MISTAKES,
    *softmax.MISTAKES,
    *cross_entropy.MISTAKES,
    *nll_loss.MISTAKES,
    *mse_loss.MISTAKES,
    *binary_cross_entropy_with_logits.MISTAKES,
    *sgd.MISTAKES,
    *rmsprop.MISTAKES,
    *adam.MISTAKES,
    *clip_grad_norm.MISTAKES,
)
