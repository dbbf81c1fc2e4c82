"""How far rounding can take two correct results apart: an a-priori bound for each formula, element by element.

The model.  One operation on floating-point numbers gives its exact result times (1 + delta), |delta| <= u, the unit
roundoff: 2^-24 for float32, 2^-53 for float64.  A term that passes through n operations collects n such factors, and

    |(1 + delta_1) ... (1 + delta_n) - 1|  <=  gamma_n = n u / (1 - n u)

In a sum of products sum_k a_k b_k of K terms every product is rounded once and takes part in at most K - 1 additions,
in whatever order, blocked, vectorised or fused.  So every correct implementation computes

    |computed - true|  <=  gamma_K sum_k |a_k| |b_k|

(Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. 2002, section 3.1), and two of them differ by at most
twice that.  K counts every added term, a bias too.  The sum of absolute values is the same formula run on absolute
values, in double precision, by torch: a fault of the reference cannot widen its own bound.

Near zero the model has a second error: a product below the smallest normal number loses digits.  Each term then adds at
most the smallest normal number.  Near the largest number sums overflow in one order and not in another, so the bound is
infinite, and nothing known, where the sum of absolute values exceeds a quarter of it.  A factor that is NaN or infinite
is another matter: it makes the sum NaN or that infinity in any order, if the other terms do not overflow.  There the
bound is NaN, which asks ``compare`` for equality.

Where a formula divides by a root of what it has summed, errors are carried from operation to operation beside the
numbers (``running_error``).

exp, log, log1p and tanh are not rounded correctly by any fast library.  They, and torch's erf, are taken to be within
FUNCTION_ULPS units in the last place of the truth; a test measures that they are.
"""

from torch_parity.proof.bounds.adam import adam, adam_error
from torch_parity.proof.bounds.adaptive_pooling import (
    adaptive_adjoint,
    adaptive_avg_pool2d,
    adaptive_magnitudes,
    adaptive_mean,
    adaptive_sizes,
)
from torch_parity.proof.bounds.batch_norm import BatchNormErrors, Channels, batch_norm
from torch_parity.proof.bounds.binary_cross_entropy_with_logits import Logits, binary_cross_entropy_with_logits
from torch_parity.proof.bounds.clip_grad_norm import clip_grad_norm, clip_grad_norm_errors
from torch_parity.proof.bounds.conv import conv2d, conv2d_terms
from torch_parity.proof.bounds.conv_transpose import conv_transpose2d, conv_transpose2d_terms
from torch_parity.proof.bounds.cross_entropy import coefficients_of, cross_entropy, times
from torch_parity.proof.bounds.dense import linear, linear_terms
from torch_parity.proof.bounds.gelu import gelu, gelu_errors
from torch_parity.proof.bounds.group_norm import group_norm, group_norm_groups
from torch_parity.proof.bounds.layer_norm import layer_norm, layer_norm_groups
from torch_parity.proof.bounds.mse_loss import mse_loss
from torch_parity.proof.bounds.nll_loss import nll_loss, nll_loss_in_any_order
from torch_parity.proof.bounds.normalized import Groups
from torch_parity.proof.bounds.padding import pad
from torch_parity.proof.bounds.pooling import (
    avg_pool2d,
    avg_pool2d_adjoint,
    avg_pool2d_magnitudes,
    max_pool2d,
    max_pool2d_shares,
)
from torch_parity.proof.bounds.rmsprop import rmsprop, rmsprop_error
from torch_parity.proof.bounds.rounding import (
    FUNCTION_ULPS,
    Bounds,
    finite_magnitude,
    gamma,
    magnitudes,
    of_sum,
    unit_roundoff,
)
from torch_parity.proof.bounds.running_error import ROOT_ULPS, Precision
from torch_parity.proof.bounds.sgd import sgd, sgd_error
from torch_parity.proof.bounds.sigmoid import Sigmoid, sigmoid, sigmoid_grad
from torch_parity.proof.bounds.silu import silu, silu_errors
from torch_parity.proof.bounds.softmax import Probabilities, log_softmax, log_softmax_grad, softmax
from torch_parity.proof.bounds.tanh import tanh, tanh_error, tanh_grad

__all__ = [
    "FUNCTION_ULPS",
    "ROOT_ULPS",
    "BatchNormErrors",
    "Bounds",
    "Channels",
    "Groups",
    "Logits",
    "Precision",
    "Probabilities",
    "Sigmoid",
    "adam",
    "adam_error",
    "adaptive_adjoint",
    "adaptive_avg_pool2d",
    "adaptive_magnitudes",
    "adaptive_mean",
    "adaptive_sizes",
    "avg_pool2d",
    "avg_pool2d_adjoint",
    "avg_pool2d_magnitudes",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "clip_grad_norm",
    "clip_grad_norm_errors",
    "coefficients_of",
    "conv2d",
    "conv2d_terms",
    "conv_transpose2d",
    "conv_transpose2d_terms",
    "cross_entropy",
    "finite_magnitude",
    "gamma",
    "gelu",
    "gelu_errors",
    "group_norm",
    "group_norm_groups",
    "layer_norm",
    "layer_norm_groups",
    "linear",
    "linear_terms",
    "log_softmax",
    "log_softmax_grad",
    "magnitudes",
    "max_pool2d",
    "max_pool2d_shares",
    "mse_loss",
    "nll_loss",
    "nll_loss_in_any_order",
    "of_sum",
    "pad",
    "rmsprop",
    "rmsprop_error",
    "sgd",
    "sgd_error",
    "sigmoid",
    "sigmoid_grad",
    "silu",
    "silu_errors",
    "softmax",
    "tanh",
    "tanh_error",
    "tanh_grad",
    "times",
    "unit_roundoff",
]
